"""Class disclosure in orders: a hospital where everybody counts, and a sex that holds all who do."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Split, Statistic
from linkage_core.disclosure import protect
from linkage_core.disclosure.person_cells import number_persons, person_system

STANDARD = shipped_policies()["standard@1.0.0"]
CLASSES = DisclosurePolicy.model_validate({**STANDARD.model_dump(), "class_disclosure": True})
SEX = Dimension("sex", ("man", "woman"))
HOSPITAL = Dimension("hospital", ("Falun", "Mora", "Umeå"))


def with_totals(cells: list[list[int]]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    inner = np.array(cells, dtype=np.int64)
    rows = np.concatenate([inner, inner.sum(axis=1, keepdims=True)], axis=1)
    return np.concatenate([rows, rows.sum(axis=0, keepdims=True)])


def counted(users: list[list[int]], persons: list[list[int]]) -> CountedTable:
    """Users among persons, by hospital and sex."""
    strata = (HOSPITAL, SEX)
    return CountedTable(
        person_cubes=(
            PersonCube("population", strata, with_totals(persons)),
            PersonCube("users", strata, with_totals(users)),
        ),
        sum_cubes=(),
        splits=(),
        lines=tuple(
            Line("users", "", statistic, ("hospital", "sex"), numerator_key="users", denominator_key=denominator)
            for statistic, denominator in ((Statistic.PERSONS, ""), (Statistic.SHARE, "population"))
        ),
    )


def printed(table: CountedTable, policy: DisclosurePolicy) -> dict[tuple[str, str], float | None]:
    rows = protect(table, policy).table.to_pylist()
    return {(row["hospital"], row["sex"]): row["value"] for row in rows if row["statistic"] == "persons"}


PERSONS = [[80, 80], [80, 80], [80, 80]]


def test_a_sex_that_holds_all_users_is_kept_back_with_the_zero_beside_it() -> None:
    table = counted([[30, 0], [30, 20], [25, 35]], PERSONS)
    assert printed(table, STANDARD)["Falun", "woman"] == 0
    found = printed(table, CLASSES)
    assert found["Falun", "man"] is None
    assert found["Falun", "woman"] is None
    assert found["Falun", "total"] == 30


def test_a_hospital_where_everybody_counts_is_kept_back() -> None:
    table = counted([[30, 20], [80, 20], [25, 35]], PERSONS)
    assert printed(table, STANDARD)["Mora", "man"] == 80
    assert printed(table, CLASSES)["Mora", "man"] is None


def test_a_table_without_full_classes_is_printed_whole() -> None:
    table = counted([[30, 20], [40, 20], [25, 35]], PERSONS)
    assert printed(table, CLASSES) == printed(table, STANDARD)
    assert None not in printed(table, CLASSES).values()


def test_an_exception_shows_the_cells_that_it_is_about() -> None:
    table = counted([[30, 0], [30, 20], [25, 35]], PERSONS)
    signed = {"officer": "Eva Strand", "signed_at": "2026-11-01T09:00:00Z", "reason": "Published elsewhere."}
    cells = [{"indicator": "users", "hospital": "Falun", "sex": sex} for sex in ("man", "woman")]
    rules = CLASSES.model_dump(mode="json") | {
        "exceptions_from": ["class_disclosure"],
        "exceptions": [{"rule": "class_disclosure", "cell": cell, **signed} for cell in cells],
    }
    found = printed(table, DisclosurePolicy.model_validate_json(json.dumps(rules)))
    assert found == printed(table, STANDARD)
    rules["exceptions"] = [{"rule": "class_disclosure", "cell": {"hospital": "Mora", "sex": "man"}, **signed}]
    assert printed(table, DisclosurePolicy.model_validate_json(json.dumps(rules))) == printed(table, CLASSES)


def test_that_nobody_is_left_beside_a_full_numerator_is_as_sensitive_as_the_numerator() -> None:
    table = counted([[30, 80], [80, 20], [25, 35]], PERSONS)
    table = replace(table, splits=(Split("population", ("users", "others")),))
    cells = number_persons(table)
    system = person_system(table, cells, CLASSES)
    both = [[cells.cube(key, ("hospital", "sex"))[at] for key in ("population", "users")] for at in ((0, 1), (1, 0))]
    pairs = [system.members[start : start + 2].tolist() for start in system.starts[:-1]]
    found = [pair for pair, is_marked in zip(pairs, system.remainder_sensitive, strict=True) if is_marked]
    assert sorted(found) == sorted(both)
    assert not person_system(table, cells, STANDARD).remainder_sensitive.any()
    # Where zeros are kept back, that nobody is left is sensitive for two reasons, and no less so.
    no_zeros = DisclosurePolicy.model_validate({**CLASSES.model_dump(), "zero_shown": False})
    again = person_system(table, cells, no_zeros)
    assert (again.remainder_sensitive >= person_system(table, cells, CLASSES).remainder_sensitive).all()


def test_a_numerator_that_is_its_denominator_is_sensitive_itself() -> None:
    """80 women of Falun are all of these; 30 of 80 men are not, and no level holds all of its total."""
    table = counted([[30, 80], [40, 20], [25, 35]], PERSONS)
    cells = number_persons(table)
    marked = person_system(table, cells, CLASSES).sensitive
    assert marked[cells.cube("users", ("hospital", "sex"))].tolist() == [
        [False, True, False],
        [False] * 3,
        [False] * 3,
        [False] * 3,
    ]
    assert not marked[cells.cube("population", ("hospital", "sex"))].any()
