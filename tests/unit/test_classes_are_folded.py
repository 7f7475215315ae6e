"""Which classes few persons are in, and what they are folded into, worked by hand: twenty are enough for a class."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_core.class_table import ENDLESS, ClassKind, ClassSum, ClassTable, Ended, PersonClass
from linkage_core.counted_table import CountedTable, Dimension, PersonCube, Split
from linkage_core.disclosure import folded

POLICY = shipped_policies()["standard@1.0.0"]
SEX = Dimension("sex", ("man", "woman"))


def table_of(
    kind: ClassKind, classes: list[PersonClass], totals: list[int], *, sums: tuple[ClassSum, ...] = ()
) -> CountedTable:
    """Persons by class, all together and by sex: of each class all but one are women."""
    axis = Dimension("classes", tuple(one.words for one in classes))
    own = np.array([*totals, sum(totals)])
    by_sex = np.stack([own > 0, own - (own > 0), own])
    by_sex[:, -1] = by_sex[:, :-1].sum(axis=1)
    told = ClassTable(
        indicator="one",
        parameters="",
        kind=kind,
        statistics=("median",),
        persons_key="persons",
        dimensions=(),
        axis="classes",
        classes=tuple(classes),
        event="stopped",
    )
    cubes = (
        PersonCube("persons", (axis,), own),
        PersonCube("persons", (SEX, axis), by_sex),
        PersonCube("persons", (SEX,), by_sex[:, -1]),
    )
    return CountedTable(cubes, (), (), (), classes=(told,), class_sums=sums)


def told(table: CountedTable, **changes: object) -> dict[str, int]:
    """Classes after folding, with their persons; the other cubes have the same classes."""
    found = folded(table, POLICY.model_copy(update=changes))
    alone, by_sex, without = found.person_cubes[:3]
    words = tuple(one.words for one in found.classes[0].classes)
    assert [axis.levels for axis in (alone.dimensions[0], by_sex.dimensions[1])] == [words, words]
    assert (alone.persons[-1], by_sex.persons[-1].tolist()) == (sum(alone.persons[:-1]), alone.persons.tolist())
    assert np.array_equal(by_sex.persons[:-1].sum(axis=0), alone.persons)
    assert without == table.person_cubes[2]
    return dict(zip(words, alone.persons.tolist()[:-1], strict=True))


def bins(*ends: float, kept: tuple[float, ...] = ()) -> list[PersonClass]:
    return [
        PersonClass(f"value={lower}..{upper}", lower, upper, keep_upper=upper in kept)
        for lower, upper in pairwise(ends)
    ]


@pytest.mark.parametrize(
    ("totals", "kept", "expected"),
    [
        ([25, 5, 15, 3], (), {"value=0..10": 25, "value=10..": 23}),
        ([25, 5, 14, 3], (), {"value=0..10": 25, "value=10..": 22}),
        ([25, 5, 14, 0], (), {"value=0..": 44}),
        ([25, 5, 15, 3], (30,), {"value=0..10": 25, "value=10..30": 20, "value=30..": 3}),
        ([5, 5, 5, 40], (20,), {"value=0..20": 10, "value=20..": 45}),
        # One in twenty of 1,000 persons are 50; of 1,001 they are more than 50.
        ([49, 1, 900, 50], (), {"value=0..20": 50, "value=20..30": 900, "value=30..": 50}),
        ([49, 1, 901, 50], (), {"value=0..": 1001}),
    ],
)
def test_bins_go_with_the_next_until_they_have_enough(
    totals: list[int], kept: tuple[float, ...], expected: dict[str, int]
) -> None:
    assert told(table_of(ClassKind.VALUES, bins(0, 10, 20, 30, ENDLESS, kept=kept), totals)) == expected


@pytest.mark.parametrize(
    ("below", "zero_shown", "first"), [(0, True, "value=0..10"), (0, False, "value=..10"), (1, True, "value=..10")]
)
def test_nobody_below_zero_is_no_class_where_zeros_are_shown(below: int, zero_shown: bool, first: str) -> None:
    table = table_of(ClassKind.VALUES, bins(-ENDLESS, 0, 10, ENDLESS), [below, 30, 30])
    assert told(table, zero_shown=zero_shown) == {first: 30 + below, "value=10..": 30}


E, D, L, S = Ended.EVENT, Ended.COMPETING, Ended.CENSORED, Ended.STILL_FOLLOWED


def times(*spans: tuple[Ended, int, int, int], kept: tuple[int, ...] = ()) -> tuple[list[PersonClass], list[int]]:
    """Ways to end, first and last days, persons."""
    classes = [
        PersonClass(f"{ended.name} {first}", first, ENDLESS if ended is S else last, ended, last in kept)
        for ended, first, last, _ in spans
    ]
    return classes, [persons for *_, persons in spans]


def test_the_few_who_died_go_with_those_who_left_and_intervals_with_the_next() -> None:
    classes, totals = times(
        (E, 0, 30, 40), (D, 0, 30, 3), (L, 0, 30, 30), (E, 31, 60, 5), (D, 31, 60, 4), (E, 61, 90, 30), (D, 61, 90, 2),
        (L, 61, 90, 9), (S, 0, 0, 100),
    )  # fmt: skip
    assert told(table_of(ClassKind.TIMES, classes, totals)) == {
        "days=0..30;ended=stopped": 40,
        "days=0..90;ended=left_or_died": 48,  # 33 by day 30, and 15 more
        "days=31..90;ended=stopped": 35,
        "days=0..;ended=still_followed": 100,
    }


@pytest.mark.parametrize(
    ("died", "left", "expected"),
    [
        (20, 20, {"days=0..30;ended=stopped": 40, "days=0..30;ended=died": 20, "days=0..30;ended=left": 20}),
        (19, 20, {"days=0..30;ended=stopped": 40, "days=0..30;ended=left_or_died": 39}),
        (20, 19, {"days=0..30;ended=stopped": 40, "days=0..30;ended=died": 20}),
        (9, 10, {"days=0..30;ended=stopped": 40}),
        (0, 0, {"days=0..30;ended=stopped": 40}),
    ],
)
def test_who_ended_otherwise_is_told_apart_if_enough_did(died: int, left: int, expected: dict[str, int]) -> None:
    classes, totals = times((L, 0, 30, left), (D, 0, 30, died), (E, 0, 30, 40), (S, 0, 0, 100))
    found = told(table_of(ClassKind.TIMES, classes, totals))
    words, still = found.popitem()
    assert list(found.items()) == list(expected.items())
    assert still == 140 + died + left - sum(expected.values())
    few = {(20, 20): "", (19, 20): "", (20, 19): "_or_left"}.get((died, left), "_or_left_or_died")
    assert words == f"days=0..;ended=still_followed{few}"


@pytest.mark.parametrize(("zero_shown", "last"), [(True, 60), (False, 90)])
def test_an_interval_at_the_end_in_which_nobody_ended_stands_alone_where_zeros_are_shown(
    zero_shown: bool, last: int
) -> None:
    classes, totals = times((E, 0, 30, 40), (E, 31, 60, 25), (E, 61, 90, 0), (S, 0, 0, 100))
    expected = {"days=0..30;ended=stopped": 40, f"days=31..{last};ended=stopped": 25}
    if zero_shown:
        expected["days=61..90;ended=stopped"] = 0
    expected["days=0..;ended=still_followed"] = 100
    assert told(table_of(ClassKind.TIMES, classes, totals), zero_shown=zero_shown) == expected


def test_no_interval_lies_on_both_sides_of_a_day_that_is_kept() -> None:
    spans = ((E, 0, 30, 40), (E, 31, 60, 5), (E, 61, 90, 30), (S, 0, 0, 100))
    for kept, expected in (
        ((30,), {"days=0..30": 40, "days=31..90": 35}),
        ((60,), {"days=0..60": 45, "days=61..90": 30}),
        ((), {"days=0..30": 40, "days=31..90": 35}),
    ):
        found = told(table_of(ClassKind.TIMES, *times(*spans, kept=kept)))
        assert found == {
            **{f"{days};ended=stopped": persons for days, persons in expected.items()},
            "days=0..;ended=still_followed": 100,
        }


@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        ((30, 20, 12, 8), {"path=b": 30, "path=a": 20, "path=other of 2": 20}),
        ((30, 20, 12, 7), {"path=b": 30, "path=other of 2": 39}),
        ((30, 20, 20, 20), {"path=b": 30, "path=a": 20, "path=c": 20, "path=d": 20}),
        ((12, 1, 1, 1), {"path=other of 2": 15}),
        ((30, 20, 20, 0), {"path=b": 30, "path=a": 20, "path=other of 2": 20}),
    ],
)
def test_rare_paths_of_as_many_lines_go_together_with_a_common_one_if_they_are_few(
    totals: tuple[int, ...], expected: dict[str, int]
) -> None:
    classes = [PersonClass("path=one", 1, 1)]
    classes += [PersonClass(f"path={name}", 2, 2) for name in "bacd"]
    found = told(table_of(ClassKind.PATHS, classes, [50, *totals]))
    assert found == {"path=one": 50, **expected}
    assert list(found) == ["path=one", *expected]


WITHIN_60 = ("EVENT 0", "EVENT 31")


@pytest.mark.parametrize(
    ("inside", "exact", "tied"),
    [
        # All of the days 0 to 30, and some of those from 31 on.
        (WITHIN_60, True, {"set/at most": ("0..30", "31..90"), "set/at least": ("0..30",)}),
        (WITHIN_60[1:], True, {"set/at most": ("31..90",)}),
        (WITHIN_60, False, {"set/at most": ("0..30", "31..90")}),
        (WITHIN_60[:1], False, {"set/at most": ("0..30",)}),
    ],
)
def test_a_set_that_ends_within_a_class_lies_between_two_that_do_not(
    inside: tuple[str, ...], exact: bool, tied: dict[str, tuple[str, ...]]
) -> None:
    own = ClassSum("set", "persons", "classes", inside, inside, exact)
    classes, totals = times((E, 0, 30, 40), (E, 31, 60, 5), (E, 61, 90, 30), (S, 0, 0, 100))
    found = folded(table_of(ClassKind.TIMES, classes, totals, sums=(own,)), POLICY)
    words = {name: tuple(f"days={days};ended=stopped" for days in one) for name, one in tied.items()}
    assert {one.set_key: one.inside for one in found.class_sums} == words
    assert all(one.touching == one.inside for one in found.class_sums)
    persons = {"0..30": 40, "31..90": 35}
    for name, days in tied.items():
        alone, by_sex = (cube for cube in found.person_cubes if cube.persons_key == name)
        assert (alone.dimensions, by_sex.dimensions) == ((), (SEX,))
        every = sum(persons[one] for one in days)
        men = sum(1 if one == "0..30" else 2 for one in days)
        assert alone.persons == every
        assert by_sex.persons.tolist() == [men, every - men, every]
    splits = {"set/at most": Split("set/at most", ("set", "set/at most without set"))}
    splits["set/at least"] = Split("set", ("set/at least", "set without set/at least"))
    assert found.splits == tuple(splits[name] for name in tied)


def test_a_set_of_whole_classes_stays_their_sum() -> None:
    own = ClassSum("set", "persons", "classes", ("EVENT 0",), ("EVENT 0",), exact=True)
    classes, totals = times((E, 0, 30, 40), (E, 31, 90, 30), (S, 0, 0, 100))
    found = folded(table_of(ClassKind.TIMES, classes, totals, sums=(own,)), POLICY)
    days = ("days=0..30;ended=stopped",)
    assert found.class_sums == (own._replace(inside=days, touching=days),)
    assert (len(found.person_cubes), found.splits) == (3, ())
