"""A table with hierarchies as cells and sums: every sum of every line, and how far a cell is broken down."""

from __future__ import annotations

from itertools import product

import numpy as np

from linkage_core.disclosure.cell_system import CellSystem
from linkage_core.release_history import Axis, PublishedCells
from linkage_core.release_history.as_system import as_system

COUNTY = Axis(((0,), (1,), (2,), (1, 2), (0, 1, 2)), 3, ((3, (1, 2)), (4, (0, 3))))
SEX = Axis(((0,), (1,), (0, 1)), 2, ((2, (0, 1)),))
AXES = (COUNTY, SEX)
LEAVES = np.array([[5, 6], [7, 11], [13, 17]])


def table() -> CellSystem:
    values = np.array([LEAVES[np.ix_(*below)].sum() for below in product(*(axis.below for axis in AXES))])
    none = np.zeros(values.size, dtype=np.int64)
    return as_system(PublishedCells(AXES), values=values, sensitive=none > 0, at_least=none, reach=none)


def test_every_sum_of_every_line_is_a_relation_and_none_is_implied() -> None:
    system = table()
    found = [
        system.members[start:end].tolist() for start, end in zip(system.starts[:-1], system.starts[1:], strict=True)
    ]
    # A cell's number is that of its county times three, and that of its sex.
    counties = [
        [3 * code + sex for code in (parent, *children)] for parent, children in COUNTY.families for sex in range(3)
    ]
    sexes = [[3 * county + code for code in (2, 0, 1)] for county in range(5)]
    assert sorted(found) == sorted(counties + sexes)
    assert not system.implied.any()


def test_a_cell_is_broken_down_by_each_dimension_in_which_it_is_not_the_total() -> None:
    expected = [int(county != 4) + int(sex != 2) for county in range(5) for sex in range(3)]
    assert table().strata.tolist() == expected
