"""Swedish dosage texts: how many units a day a prescriber's free text states, or that it is not understood."""

from linkage_core.dosage_texts.dosage import Dosage, DoseStep, RangeRule
from linkage_core.dosage_texts.reader import read_dosage

__all__ = ["Dosage", "DoseStep", "RangeRule", "read_dosage"]
