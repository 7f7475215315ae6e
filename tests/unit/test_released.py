"""Protected tables become released ones with nothing left in kept-back lines; definitions become words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from linkage.indicator_definition import load_indicator_set, shipped_sets
from linkage.released_table import NUMBER_COLUMNS, schema_of
from linkage_core.disclosure.protected_table import SEAL
from linkage_server.release.definition_words import facts_of, first_day_of, unit_of
from linkage_server.release.released import release
from linkage_server.release.review import LARGEST_PREVIEW_BYTES, _cut
from linkage_server.release.wording import number, parameters_title
from tests.support.protected_example import protected_example

SETS = sorted(shipped_sets())


def test_kept_back_lines_are_alike_whatever_the_reason() -> None:
    released = release(protected_example())
    kept_back = [line for line in released.table.to_pylist() if line["status"] == "suppressed"]
    assert kept_back
    assert {tuple(line[name] for name in (*NUMBER_COLUMNS, "reason")) for line in kept_back} == {
        (*[None] * len(NUMBER_COLUMNS), "small_cell_protection")
    }


def test_a_quantile_without_a_value_is_not_said_to_be_of_nobody() -> None:
    protected = protected_example()
    rows = protected.table.to_pylist()
    line = next(row for row in rows if row["status"] == "ok" and row["statistic"] == "share")
    line.update(statistic="quantile", status="undefined", value=None, lower=300.0, upper=None, numerator=None)
    changed = replace(protected, table=pa.Table.from_pylist(rows, schema=protected.table.schema), seal=SEAL)
    told = [one for one in release(changed).table.to_pylist() if one["status"] == "undefined"]
    assert [(one["reason"], one["value"], one["lower"]) for one in told] == [("open_ended", None, 300.0)]


def test_a_released_table_has_the_layout_of_the_contract() -> None:
    released = release(protected_example())
    assert released.table.schema.equals(schema_of(released.dimensions))
    assert [dimension.name for dimension in released.dimensions] == ["hospital", "sex"]
    assert released.crossings() == [("hospital", "sex")]


@pytest.mark.parametrize("name", SETS)
def test_every_shipped_indicator_has_a_title_and_its_facts_in_words(name: str) -> None:
    definition = shipped_sets()[name]
    for indicator in definition.indicators:
        facts: dict[str, Any] = dict(facts_of(indicator, definition))
        assert indicator.title.en, indicator.id
        assert indicator.title.sv, indicator.id
        assert facts["Kind"]
        assert indicator.register_name in " ".join(facts.values())
        assert {"Window", "Observed", "Period", "At day", "At month", "Begun first"} & set(facts), indicator.id
        assert isinstance(first_day_of(indicator), int)
        assert unit_of(indicator) in {"", "DDD", "SEK", "dispensings", "drugs", "groups", "events"}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("within_days=90", "within 90 days"),
        ("days=15..90;denominator=alive_at_N", "day 15 to 90, of those alive at the end"),
        ("observe_days=365;at_least=0.8", "over 365 days, at least 80 % of days"),
        ("at_day=60;at_least=5", "at day 60, at least 5"),
        ("measure=cma7;window=3;at_least=0.8", "CMA7, window 3, at least 80 %"),
        ("measure=cma2;at_least=1", "CMA2, at least 100 %"),
        (
            "gap_days=90;measure=in_first;day_of_treatment=365",
            "gaps of up to 90 days permitted, still in the first episode, on day 365 after the first dispensing",
        ),
        (
            "gap_percent=50;censoring=strict;measure=died",
            "gaps of up to 50 % of the supply permitted, censoring strict, died before that",
        ),
        ("", ""),
    ],
)
def test_parameters_read_as_words(parameters: str, words: str) -> None:
    assert parameters_title(parameters) == words


def test_the_facts_of_a_measure_of_availability_tell_windows_and_what_is_carried_over() -> None:
    definition = load_indicator_set(
        """
        [set]
        id = "tried"
        version = "1.0.0"
        [codes.statins]
        atc_include = ["C10AA"]
        [supply.given]
        steps = ["days_supply"]
        [[indicator]]
        id = "available"
        kind = "medication_availability"
        measure = ["cma6", "cma7"]
        codes = "statins"
        supply = "given"
        follow_up = { anchor = "index_date", offset = -180, length = "column:fu_days" }
        observation = { anchor = "follow_up_start", offset = "6 months", length = "1 year" }
        sliding = { length = 90, every = 30, count = 9 }
        dosage_change = true
        mode = "compat"
        """
    )
    facts = dict(facts_of(definition.indicators[0], definition))
    assert facts["Follow-up"] == (
        "the days that the population's fu_days tells from 180 days before the index day, last day included"
    )
    assert facts["Observation"] == "1 year from 6 months after the start of follow-up, last day included"
    assert facts["Windows"] == "9 of 90 days, one every 30 days from the start of observation"
    assert facts["Measures"] == "CMA6 or CMA7"
    assert facts["Supply carried over"] == "to the next dispensing of any of the drugs, converted to its dose"
    assert facts["Compatibility"] == "computed as AdhereR 0.8.1 does, its known defects included"


def test_a_missing_number_is_never_written_as_zero() -> None:
    assert number(None, "share") == "–"
    assert number(0.0, "share") == "0.0 %"
    assert number(0.0, "persons") == "0"


def test_numbers_keep_the_digits_that_tell_units_apart() -> None:
    assert number(0.6134, "mean") == "0.61"
    assert number(298.83, "mean") == "298.8"
    assert number(0.8613, "share") == "86.1 %"
    assert number(5519007.4, "sum") == "5\N{NARROW NO-BREAK SPACE}519\N{NARROW NO-BREAK SPACE}007"


def test_a_preview_is_cut_between_lines() -> None:
    line = "å" * 99 + "\r\n"
    text = line * (LARGEST_PREVIEW_BYTES // 150)
    cut, truncated = _cut(text)
    assert truncated
    assert len(cut.encode()) <= LARGEST_PREVIEW_BYTES
    assert cut.endswith("\r\n")
    assert _cut(line) == (line, False)
