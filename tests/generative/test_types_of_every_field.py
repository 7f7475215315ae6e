"""Nothing in a set is taken for another type: each field of each kind, with values that are slips of a pen."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from linkage.errors import DefinitionRejected
from linkage.indicator_definition import IndicatorSet, load_indicator_set
from tests.support.kind_examples import example_set, identifiers

Place = tuple[str | int, ...]

NAN, INFINITY = math.nan, math.inf
HUGE = 10**30
SLIPS: dict[type, list[Any]] = {
    bool: ["true", "yes", "", 2, 0.5, NAN, [True], [], {}],
    int: [True, False, "1", "x", "", 0.5, NAN, INFINITY, HUGE, -HUGE, 10**9, -(10**9), [], [[]], {}],
    float: [True, False, "0.5", "", NAN, INFINITY, -INFINITY, 10**400, -(10**400), [], {}],
    str: [True, 0.5, NAN, [], [[]], {}],
    list: [True, 0.5, NAN, {}, [True], [NAN], [[]], [{}]],
}
"""What may not stand where a value of a type stands in an example."""

MAY_BE_EMPTY = {
    "threshold",
    "at_least",
    "dispensed_within_days",
    "row_strata",
    "sources",
    "exclude",
    "by",
    "new_episode_on",
    "at_days",
    "to",
}
"""Lists that say nothing where they are empty."""


@cache
def written(name: str) -> dict[str, Any]:
    """An example with every default written out, as a file would have it."""
    return example_set(only=name).model_dump(mode="python", by_alias=True)


def places(part: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every field, every list and every item."""
    if isinstance(part, dict):
        for name, own in part.items():
            yield from places(own, (*at, name))
        return
    if isinstance(part, list):
        for number, own in enumerate(part):
            yield from places(own, (*at, number))
    yield at, part


def read(document: dict[str, Any], at: Place, slip: Any) -> IndicatorSet:
    """The set with another value in one place.

    Raises:
        DefinitionRejected: it is refused.
    """
    changed = copy.deepcopy(document)
    part: Any = changed
    for step in at[:-1]:
        part = part[step]
    part[at[-1]] = slip
    return load_indicator_set("a = 1", fill=lambda _: changed)


def value_at(definition: IndicatorSet, at: Place) -> Any:
    part: Any = definition.model_dump(mode="python", by_alias=True)
    for step in at:
        part = part[step]
    return part


def same(one: Any, other: Any) -> bool:
    """Equal, and of one type."""
    return type(one) is type(other) and one == other


def taken_as_written(now: Any, value: Any, slip: Any) -> bool:
    """Whether what was read is what stands there.

    A text alone may be a list of one, and a literal that equals the slip is the literal.
    """
    alone = isinstance(now, list) and len(now) == 1 and same(now[0], slip)
    return same(now, slip) or same(now, value) or alone


def parts(name: str) -> list[tuple[Place, Any]]:
    """What to try in an example: its indicator; of the first, also what all of them share."""
    whole = name == identifiers()[0]
    return [(at, value) for at, value in places(written(name)) if whole or at[0] == "indicator"]


@pytest.mark.parametrize("name", identifiers())
def test_no_field_takes_a_value_of_another_type(name: str) -> None:
    taken: dict[tuple[str, ...], list[Any]] = {}
    for at, value in parts(name):
        field = (*(step for step in at if isinstance(step, str)), type(value).__name__)
        if field not in taken and type(value) in SLIPS:
            taken[field] = [slip for slip in SLIPS[type(value)] if is_taken(name, at, value, slip)]
    assert any(taken)
    assert not {field: slips for field, slips in taken.items() if slips}


def is_taken(name: str, at: Place, value: Any, slip: Any) -> bool:
    """Whether a slip is read as something else, or at all where no number is so large."""
    try:
        now = value_at(read(written(name), at, slip), at)
    except DefinitionRejected:
        return False
    if type(slip) is int:
        return abs(slip) >= 10**9 and at[-1] != "seed"
    if type(slip) is float and math.isfinite(slip) and type(value) in (int, list):
        # A default may write a number whole that need not be, and a number alone is a list of one.
        return False
    return type(slip) in (bool, float) or not taken_as_written(now, value, slip)


@pytest.mark.parametrize("name", identifiers())
def test_lists_that_say_something_are_not_empty(name: str) -> None:
    taken = []
    for at, value in parts(name):
        if isinstance(value, list) and value and str(at[-1]) not in MAY_BE_EMPTY:
            try:
                read(written(name), at, [])
            except DefinitionRejected:
                continue
            taken.append(at)
    assert not taken


@pytest.mark.parametrize("slip", ["[true]", '["30"]', "true", '"30"', "30.5", "nan", "[]", "[30, 30]", "[[30]]"])
def test_a_last_day_is_a_whole_number(slip: str) -> None:
    text = (
        '[set]\nid = "x"\nversion = "1.0.0"\n[codes.a]\natc_include = ["A"]\n[[indicator]]\nid = "i"\n'
        f'kind = "initiation"\ncodes = "a"\nwindow = {{ from = 0, to = {slip} }}\n'
    )
    with pytest.raises(DefinitionRejected, match=r"window\.to|twice"):
        load_indicator_set(text)
