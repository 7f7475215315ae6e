"""Checks counts that are rounded all at once, so that they add up: nothing is blank, and nothing need be proved."""

from __future__ import annotations

import numpy as np

from linkage_client.certificate_check.dimensions import Dimension, Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.files import column_of, units_of
from linkage_client.certificate_check.release_tables import Tables, only_status, reasons_of
from linkage_client.certificate_check.rounding import Rounding
from linkage_client.certificate_check.rules import CountRules


def check_controlled(
    name: str, tables: Tables, counts: Ints, rounding: Rounding, *, dimensions: list[Dimension], rules: CountRules
) -> None:
    """Check a count that is rounded all at once.

    Every cell and its totals may rise or fall together by less than the base, and the same numbers remain a rounding of
    them: so what is printed fits counts on both sides of the threshold, if the base is above it.

    Raises:
        CheckFailed: a number is no multiple near the truth, does not add up, or the base promises too little; there is
            a reason for a blank.
    """
    if rounding.base < rules.candidates or (rules.reach and rounding.base <= rules.threshold):
        raise CheckFailed("layout or policy: the base of the rounding lets a reader tell small counts")
    for table, path, place in tables.copies:
        only_status(name, table, path, "rnd")
        printed = np.zeros(counts.size, dtype=np.int64)
        printed[place] = units_of(column_of(table, name, path), path, name)
        apart = np.abs(printed - counts.ravel())
        # Zero-restricted rounding stays within one multiple; where there is none, one further.
        if np.any(printed % rounding.base) or np.any(printed < 0) or np.any(apart >= 2 * rounding.base):
            raise CheckFailed(f"{path}: column {name!r} holds a number that is no multiple of the base near the truth")
        cells = printed.reshape(counts.shape)
        for axis, dimension in enumerate(dimensions):
            along = np.moveaxis(cells, axis, 0)
            for family in dimension.families:
                if np.any(along[family.parent] != along[list(family.children)].sum(axis=0)):
                    raise CheckFailed(f"{path}: column {name!r} does not add up along {dimension.name!r}")
    reasons_of(name, tables, np.zeros(counts.size, dtype=np.bool_))
