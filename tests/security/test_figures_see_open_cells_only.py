"""Figures of an order follow from open cells alone: with other numbers in the blanks, no bit of the table differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_core import intervals
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import ProtectedTable
from linkage_core.disclosure.cell_system import Flags
from linkage_core.disclosure.class_cells import class_cube
from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.disclosure.person_cells import number_persons
from linkage_core.disclosure.printed_lines import Numbers, printed_table
from linkage_core.disclosure.sum_cells import number_sums
from tests.security.test_counts_by_class_hold import KINDS
from tests.security.test_counts_by_class_hold import ordered as ordered_by_class
from tests.security.test_orders_of_every_shape_hold import AMOUNT, STARTED
from tests.security.test_orders_of_every_shape_hold import ordered as ordered_drawn
from tests.security.test_rates_in_orders_hold import ordered as ordered_rates
from tests.support.indicator_tables import drawn_set

POLICY = shipped_policies()["standard@1.0.0"]
BY = [["hospital"], ["region", "sex"]]
DERIVED = {
    "curve": {"survival", "quantile", "share"},
    "landmark": {"survival", "cumulative_incidence", "share"},
    "covered": {"quantile", "mean", "share"},
    "paths": {"share", "mean"},
    "drawn": {"share", "sum"},
    "rates": {"per_1000_inhabitants", "standardised_per_1000_inhabitants"},
}


@pytest.fixture(autouse=True)
def any_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of blank cells are worked out before they are left out, and nonsense in these has none."""

    def clipped(events: Any, persons: Any) -> tuple[Any, Any]:
        x, n = np.broadcast_arrays(np.asarray(events, np.float64), np.asarray(persons, np.float64))
        return np.minimum(x, n), n

    monkeypatch.setattr(intervals, "_counts", clipped)


def printed_of(counted: CountedTable, protected: ProtectedTable, persons: Numbered, sums: Numbered) -> pa.Table:
    """What is printed of some numbers with the blanks of a release."""
    none, no_sums = (np.zeros(cells.values.size, np.bool_) for cells in (persons, sums))
    hidden = protected.hidden
    assert hidden is not None
    scales = {cube.sum_key: cube.scale for cube in counted.sum_cubes}
    numbers = Numbers(
        *(persons, none, hidden.persons, sums, no_sums, hidden.sums, scales, none, no_sums),
        fewest_for_quantiles=3 * POLICY.minimum_cell,
    )
    return printed_table(counted, protected.dimensions, numbers)[0]


def other_world(counted: CountedTable, persons: Numbered, blank: Flags, random: np.random.Generator) -> Numbered:
    """Any numbers in the blanks; classes add up to those who have a value where these are open, as a reader knows."""
    values = persons.values.copy()
    values[blank] = random.integers(0, 60, int(blank.sum()))
    for told in counted.classes:
        for row in class_cube(persons, told).reshape(-1, len(told.classes) + 1):
            unknown = row[:-1][blank[row[:-1]]]
            if unknown.size and not blank[row[-1]]:
                rest = values[row[-1]] - values[row[:-1][~blank[row[:-1]]]].sum()
                values[unknown] = random.multinomial(rest, np.full(unknown.size, 1 / unknown.size))
    return replace(persons, values=values)


def order_of(kind: str) -> tuple[CountedTable, ProtectedTable]:
    if kind == "drawn":
        return ordered_drawn(drawn_set(STARTED, AMOUNT), BY, seed=0)
    if kind == "rates":
        return ordered_rates([["sex", "age_group"], ["region"]], seed=1)
    return ordered_by_class(KINDS[kind], [["hospital"], ["sex"]], seed=0, persons=1500)


@pytest.mark.parametrize("kind", DERIVED)
def test_whatever_stands_in_the_blanks_the_same_is_printed(kind: str) -> None:
    random = np.random.default_rng(1)
    counted, protected = order_of(kind)
    persons, sums, hidden = number_persons(counted), number_sums(counted), protected.hidden
    assert hidden is not None
    truth = printed_of(counted, protected, persons, sums)
    assert truth.equals(protected.table)
    shown = truth.filter(pa.compute.is_valid(truth["value"]))
    assert set(shown["statistic"].to_pylist()) >= DERIVED[kind]
    assert hidden.persons.any()
    for _ in range(10):
        amounts = sums.values.copy()
        amounts[hidden.sums] = random.integers(0, 10**6, int(hidden.sums.sum()))
        world = other_world(counted, persons, hidden.persons, random)
        told = printed_of(counted, protected, world, replace(sums, values=amounts))
        assert told.equals(truth), _where(told, truth)


def _where(one: pa.Table, other: pa.Table) -> list[tuple[object, object]]:
    """The lines that differ."""
    pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
    return [(ours, theirs) for ours, theirs in pairs if str(ours) != str(theirs)][:3]
