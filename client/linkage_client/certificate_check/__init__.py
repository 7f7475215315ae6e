"""Checks a laboratory release beside its truth, from the files alone.

Nothing of the program that hid the cells is used here, not even its words: what is checked is written down in the
layout's description, and a fault in that program must not be repeated by its checker. NumPy and Arrow only.
"""

from linkage_client.certificate_check.check import Checked, check_release
from linkage_client.certificate_check.fault import CheckFailed, NotAllProved, NotCheckedHere
from linkage_client.certificate_check.over_time import Earlier

__all__ = ["CheckFailed", "Checked", "Earlier", "NotAllProved", "NotCheckedHere", "check_release"]
