"""Whatever the kind: what stands behind a number is told beside it, in a delivery and in the laboratory's folder."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.indicator_definition import canonical_sha256
from linkage.indicator_kinds import DefinedDailyDoses, Indicator
from linkage.released_table import ReleasedTable
from linkage_core.aggregates import count_by
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import protect
from linkage_core.indicators import PersonValues, evaluate
from linkage_core.indicators.reversal_rule import reversal_rule
from linkage_server.lab.results import counts, per_person
from linkage_server.lab.run_record import run_record
from linkage_server.release.delivery import prepare_delivery
from linkage_server.release.released import release
from linkage_server.software_version import software_version
from tests.support.kind_examples import example_set, identifiers
from tests.support.random_persons import random_persons
from tests.support.released_example import example_context

PERSONS = random_persons(11, 600)
UNTIL = {name: date(2020, 1, 1) + timedelta(days=day) for name, day in (("lmed", 250), ("par_sv", 250))}
POLICY = shipped_policies()["standard@1.0.0"]
DELIVERED = [name for name in identifiers() if not example_set(only=name).indicators[0].unprotected]


@cache
def values_of(name: str) -> tuple[PersonValues, ...]:
    return tuple(
        evaluate(example_set(only=name), population=PERSONS.population(), events=PERSONS.events(), data_until=UNTIL)
    )


@cache
def counted(name: str) -> CountedTable:
    return count_by(values_of(name), population=PERSONS.population(), by=[["hospital"]])


def lines_of(name: str) -> list[dict[str, Any]]:
    """The laboratory's table of an example."""
    return list(counts(counted(name)).to_pylist())


@cache
def delivered(name: str) -> ReleasedTable:
    """What a delivery of an example holds, written down and read again."""
    return ReleasedTable.from_parquet(release(protect(counted(name), POLICY)).to_parquet())


def questions_about_rows(name: str) -> set[str]:
    """What must be told of the rows behind an indicator, by what it reads."""
    definition = example_set(only=name)
    (indicator,) = definition.indicators
    asked = {"supply", "cap"} if indicator.supply_models else set()
    if indicator.reads_dispensings and reversal_rule(definition, indicator) in ("net", "net_latest"):
        asked.add("reversed_rows")
    if isinstance(indicator, DefinedDailyDoses):
        asked.add("ddd")
    return asked


def lacking(line: dict[str, Any], indicator: Indicator) -> list[str]:
    """What a printed number must have beside it, and has not."""
    if line["value"] is None or line["status"] not in ("ok", "incomplete"):
        return []
    # A number of persons and a sum are themselves what they are formed from.
    needed = [] if line["statistic"] in ("persons", "sum") else ["numerator", "denominator"]
    if line["statistic"].startswith("rate"):
        needed.append("person_time")
    of_persons = line["statistic"] in ("share", "per_1000") or line["statistic"].startswith("rate")
    if of_persons and getattr(indicator, "interval", "none") != "none":
        needed += ["lower", "upper"]
    return [f"{line['parameters']} {line['statistic']}: {column}" for column in needed if line[column] is None]


def reasons_somebody_has(values: Sequence[PersonValues]) -> set[tuple[str, str]]:
    found = set()
    for value in values:
        for number, reason in enumerate(value.reasons):
            if reason != "ok" and bool((value.reason == number).any()):
                found.add((value.parameters, reason))
    return found


@pytest.mark.parametrize("name", DELIVERED)
def test_each_delivered_number_has_what_it_was_formed_from_and_its_interval(name: str) -> None:
    (indicator,) = example_set(only=name).indicators
    lines = delivered(name).table.to_pylist()
    assert any(line["value"] is not None for line in lines)
    assert not [what for line in lines for what in lacking(line, indicator)]


@pytest.mark.parametrize("name", identifiers())
def test_each_number_of_the_laboratory_has_what_it_was_formed_from_and_its_interval(name: str) -> None:
    (indicator,) = example_set(only=name).indicators
    lines = lines_of(name)
    assert not [what for line in lines for what in lacking(line, indicator)]
    late = {value.parameters for value in values_of(name) if value.incomplete}
    assert {line["parameters"] for line in lines if line["status"] == "incomplete"} <= late


@pytest.mark.parametrize("name", DELIVERED)
def test_each_reason_that_somebody_has_is_delivered_with_its_count(name: str) -> None:
    told = {(one.parameters, one.reason) for one in delivered(name).missing}
    # By prescribing reason persons are parts of all, of whom it is told; the rest have another reason.
    of_all = {(words, reason) for words, reason in reasons_somebody_has(values_of(name)) if "_reason=" not in words}
    assert told == of_all


@pytest.mark.parametrize("name", identifiers())
def test_each_person_of_the_laboratory_has_a_reason(name: str) -> None:
    persons = per_person(values_of(name), persons=PERSONS.population().hashed_ids)
    assert persons["reason"].null_count == 0
    assert persons.num_rows == len(values_of(name)) * PERSONS.persons


@pytest.mark.parametrize("name", identifiers())
def test_what_the_rows_behind_a_number_were_is_told(name: str) -> None:
    asked = questions_about_rows(name)
    for value in values_of(name):
        assert {told.question for told in value.rows_told} >= asked, value.parameters
    record = record_of(name)
    for value in values_of(name):
        assert set(record["rows"].get(value.name, {})) >= asked
    if name in DELIVERED:
        assert {share.question for share in delivered(name).row_shares} >= asked


@pytest.mark.parametrize("name", DELIVERED)
def test_a_window_past_what_the_register_holds_in_full_is_marked(name: str) -> None:
    late = {value.parameters for value in values_of(name) if value.incomplete}
    lines = delivered(name).table.to_pylist()
    # Paths are made of the lines of a person.
    point_of = {line["parameters"]: re.sub("path=.*", "measure=lines", line["parameters"]) for line in lines}
    marked = {point_of[line["parameters"]] for line in lines if line["status"] == "incomplete"}
    assert marked <= late
    # A point none of whose lines can be shown, or is asked for, tells nothing of its window either.
    hidden = {point_of[line["parameters"]] for line in lines if line["status"] != "ok"}
    assert (late & set(point_of.values())) - marked <= hidden


@pytest.mark.parametrize("name", identifiers())
def test_the_record_of_a_laboratory_run_names_versions_and_hashes(name: str) -> None:
    definition, record = example_set(only=name), record_of(name)
    assert record["set"] == definition.name
    assert record["sha256"] == canonical_sha256(definition)
    assert record["software"] == software_version()
    assert record["data_until"] == {register: str(day) for register, day in UNTIL.items()}
    assert json.loads(json.dumps(record)) == record


def test_a_delivery_names_versions_hashes_and_the_last_complete_day() -> None:
    context = example_context(formats=("csv",))
    manifest = json.loads(prepare_delivery(delivered("initiation-1"), context).manifest.to_json())
    for register in manifest["registers"]:
        assert register["snapshot"]
        assert register["data_until"]
    for one in (*manifest["indicator_sets"], manifest["policy"]):
        assert one["version"]
        assert len(one["sha256"]) == 64
    assert manifest["software"]["version"]
    assert all(len(file["sha256"]) == 64 for file in manifest["files"])


def record_of(name: str) -> dict[str, Any]:
    return run_record(example_set(only=name), values_of(name), rules=None, data_until=UNTIL, files={})
