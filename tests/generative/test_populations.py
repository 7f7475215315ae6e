"""Selecting persons from registers agrees with the plain reference, for any rules, segments, threads and memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.population_rules import PopulationRules, columns_read
from linkage_core.events import NumberHistory, Population, RegisterPartition
from linkage_core.populations.from_registers import define, settle
from linkage_core.populations.rule_rows import rule_rows
from linkage_core.register_view import RegisterView
from tests.reference.join import Row, rows_by_person
from tests.reference.populations import excluded, index_day, member
from tests.support.partitions import ids, partition, person

START = date(2024, 1, 1)
TEXT = pa.dictionary(pa.uint16(), pa.string())
SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32()),
        pa.field("other_day", pa.date32()),
        pa.field("code", TEXT),
        pa.field("codes", pa.list_(TEXT)),
        pa.field("age", pa.int32()),
        pa.field("sex", TEXT),
        pa.field("place", TEXT),
    ]
)
NUMBERS = st.integers(0, 9)
DAYS = st.integers(-1, 12).map(lambda day: None if day < 0 else START + timedelta(days=day))
CODES = st.sampled_from(["I21", "I22", "I210", "C34", None])
ROWS = st.fixed_dictionaries(
    {
        "day": DAYS,
        "other_day": DAYS,
        "code": CODES,
        "codes": st.none() | st.lists(CODES, max_size=2),
        "age": st.none() | st.integers(60, 63),
        "sex": st.none() | st.sampled_from(["1", "2", "9"]),
        "place": st.none() | st.sampled_from(["0180", "0114", "1480"]),
    }
)
Lines = list[tuple[bytes, Row]]
LINES: st.SearchStrategy[Lines] = st.lists(st.tuples(NUMBERS.map(person), ROWS), min_size=4, max_size=16) | st.just([])
SEGMENTS = st.lists(LINES, min_size=1, max_size=3)
CODE_SETS = {
    "infarction": {"icd10_include": ["I21", "I22"], "icd10_exclude": ["I210"]},
    "cancer": {"icd10_include": ["C"]},
}
LIMITS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {},
        {},
        {"age": {"from": 61}},
        {"age": {"from": 60, "to": 61}},
        {"sex": "man"},
        {"sex": "woman", "where": [{"column": "place", "starts_with": ["01"]}]},
    ]
)
WINDOWS = st.sampled_from([{"from": -4, "to": -1}, {"to": 0}, {"from": 0}, {"from": -1, "to": 1}, {}])
PERIOD = {"from": START + timedelta(days=3), "until": START + timedelta(days=10)}


@st.composite
def criteria(draw: st.DrawFn, /, **more: Any) -> dict[str, Any]:
    codes = draw(st.sampled_from([None, "infarction", "infarction", "cancer"]))
    columns = draw(st.sampled_from([["code"], ["codes"], ["code", "codes"]]))
    own = {} if codes is None else {"codes": codes, "columns": columns}
    place = {"register": draw(st.sampled_from(["one", "two"])), "date": draw(st.sampled_from(["day", "other_day"]))}
    return {"kind": "event", **place, **own, **draw(LIMITS), **{name: draw(value) for name, value in more.items()}}


ENTRIES = criteria() | criteria(new_after_days=st.integers(1, 3))
IN_WINDOW = criteria(window=WINDOWS)


@st.composite
def definitions(draw: st.DrawFn) -> PopulationRules:
    every = draw(st.lists(ENTRIES, max_size=1) | st.lists(ENTRIES, max_size=2))
    anyhow = draw(st.lists(ENTRIES, min_size=0 if every else 1, max_size=2) | st.lists(IN_WINDOW, max_size=2))
    if not every and all("window" in one for one in anyhow):
        every = [draw(ENTRIES)]
    entering = [one for one in (*every, *anyhow) if "window" not in one]
    defined = {
        "period": PERIOD,
        "index": draw(st.just("event") | st.just(START + timedelta(days=6))),
        "all": [*every, *draw(st.lists(IN_WINDOW, max_size=1))],
        "any": anyhow,
        "none": draw(st.lists(criteria() | IN_WINDOW, max_size=1)),
        "strata": {"region": {"register": entering[0]["register"], "column": "place"}},
    }
    return PopulationRules.model_validate({"codes": CODE_SETS, "defined": defined, "exclude": draw(exclusions())})


@st.composite
def exclusions(draw: st.DrawFn) -> list[dict[str, Any]]:
    return [{**one, "id": f"rule{number}"} for number, one in enumerate(draw(st.lists(IN_WINDOW, max_size=2)))]


@st.composite
def index_rules(draw: st.DrawFn) -> PopulationRules:
    event = {**draw(ENTRIES), "period": PERIOD, "rule": draw(st.sampled_from(["first", "last"]))}
    content = {"codes": CODE_SETS, "index_event": event, "exclude": draw(exclusions())}
    return PopulationRules.model_validate(content)


@st.composite
def changes(draw: st.DrawFn) -> dict[bytes, bytes]:
    pairs = draw(st.lists(st.tuples(NUMBERS, NUMBERS).filter(lambda pair: pair[0] < pair[1]), max_size=3))
    return {person(old): person(new) for old, new in pairs}


@dataclass(frozen=True)
class Registers:
    """Two registers, who is erased, and whose numbers changed."""

    one: list[Lines]
    two: list[Lines]
    hidden: set[bytes]
    changed: dict[bytes, bytes]

    def views(self, rules: PopulationRules) -> dict[str, RegisterView]:
        """The registers opened as a run opens them."""
        wanted = columns_read(rules)
        return {name: self._view(name, rules, sorted(columns)) for name, columns in wanted.items()}

    def _view(self, name: str, rules: PopulationRules, columns: list[str]) -> RegisterView:
        segments = [self._stored(lines).select(columns) for lines in getattr(self, name)]
        return RegisterView(segments, columns=columns, history=self.history, keep=rule_rows(rules, name))

    def _stored(self, lines: Lines) -> RegisterPartition:
        erased = [at for at, who in enumerate(sorted({who for who, _ in lines})) if who in self.hidden]
        return replace(partition(lines, SCHEMA), hidden=np.array(erased, np.int64))

    @property
    def history(self) -> NumberHistory | None:
        if not self.changed:
            return None
        old, new = zip(*self.changed.items(), strict=True)
        return NumberHistory(pa.array(old, pa.binary(16)), pa.array(new, pa.binary(16)))

    def rows(self, numbers: list[bytes]) -> dict[str, list[list[Row]]]:
        """By register, the rows of each of these persons."""
        seen = {name: [self._seen(lines) for lines in getattr(self, name)] for name in ("one", "two")}
        return {name: rows_by_person(numbers, segments, changes=self.changed) for name, segments in seen.items()}

    def _seen(self, lines: Lines) -> Lines:
        return [(who, row) for who, row in lines if who not in self.hidden]

    def current(self) -> list[bytes]:
        """Everybody's current number."""
        known = {self._latest(who) for lines in (*self.one, *self.two) for who, _ in self._seen(lines)}
        return sorted(known)

    def _latest(self, who: bytes) -> bytes:
        while who in self.changed:
            who = self.changed[who]
        return who


REGISTERS = st.builds(Registers, SEGMENTS, SEGMENTS, st.sets(NUMBERS.map(person), max_size=2), changes())
AS_LITTLE_AS_POSSIBLE, AMPLE = 1, 1 << 30


@settings(max_examples=300)
@given(REGISTERS, definitions(), st.sampled_from([(1, AMPLE), (2, AMPLE), (1, AS_LITTLE_AS_POSSIBLE), (3, 4000)]))
def test_a_defined_population_is_that_of_the_reference(
    registers: Registers, rules: PopulationRules, means: tuple[int, int]
) -> None:
    threads, memory = means
    made = define(rules, registers=registers.views(rules), threads=threads, memory_bytes=memory).population
    everybody = registers.current()
    rows = registers.rows(everybody)
    expected = {
        who: found
        for at, who in enumerate(everybody)
        if (found := member(rules, {name: lists[at] for name, lists in rows.items()})) is not None
    }
    assert made.hashed_ids.to_pylist() == sorted(expected)
    members = [expected[who] for who in made.hashed_ids.to_pylist()]
    assert made.index_date is not None
    assert made.sex is not None
    assert made.index_date.to_pylist() == [one.index for one in members]
    assert made.sex.to_pylist() == [one.sex for one in members]
    assert made.strata["region"].to_pylist() == [one.strata["region"] for one in members]
    assert made.strata["region"].dictionary.to_pylist() == sorted(
        {one.strata["region"] for one in members if one.strata["region"] is not None}
    )
    told = [None] * len(members) if made.excluded is None else made.excluded.to_pylist()
    assert told == [one.excluded for one in members]
    assert made.birth_date is not None
    assert [born is None for born in made.birth_date.to_pylist()] == [one.age is None for one in members]


@settings(max_examples=150)
@given(REGISTERS, index_rules(), st.sampled_from([(1, AMPLE), (3, 4000)]), st.sets(NUMBERS, min_size=1))
def test_index_days_and_exclusions_of_a_population_are_those_of_the_reference(
    registers: Registers, rules: PopulationRules, means: tuple[int, int], sent: set[int]
) -> None:
    threads, memory = means
    numbers = sorted({registers._latest(person(number)) for number in sent})
    population = Population(pa.array(numbers, pa.binary(16)))
    views = registers.views(rules)
    made = settle(rules, population=population, registers=views, threads=threads, memory_bytes=memory).population
    rows = registers.rows(numbers)
    own = [{name: lists[at] for name, lists in rows.items()} for at in range(len(numbers))]
    assert made.hashed_ids.to_pylist() == numbers
    assert made.index_date is not None
    assert made.excluded is not None
    days = [index_day(rules, one) for one in own]
    assert made.index_date.to_pylist() == days
    assert made.excluded.to_pylist() == [excluded(rules, one, day) for one, day in zip(own, days, strict=True)]


def test_nobody_who_meets_a_definition_is_a_population_of_nobody() -> None:
    rules = PopulationRules.model_validate(
        {
            "codes": CODE_SETS,
            "defined": {
                "period": PERIOD,
                "all": [{"kind": "event", "register": "one", "date": "day", "codes": "cancer", "columns": ["code"]}],
            },
        }
    )
    nobody = Registers([[]], [[]], set(), {})
    assert define(rules, registers=nobody.views(rules), threads=2, memory_bytes=AMPLE).population.persons == 0
    assert ids([]).equals(define(rules, registers=nobody.views(rules), threads=1, memory_bytes=1).population.hashed_ids)
