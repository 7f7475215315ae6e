"""What every line of an order must say, from the true cells and the blanks alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isclose, isnan, nan
from typing import Any

import numpy as np

from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.orders.evidence import Evidence, Side
from linkage_client.certificate_check.orders.limits import limits_are
from linkage_client.certificate_check.orders.person_rules import inhabitants

TOTAL = "total"
_TIMES = ("index_month", "index_quarter", "index_year", "month", "quarter", "year")
_DAYS_A_YEAR = 365.25
NUMBERS = ("value", "lower", "upper", "numerator", "denominator", "person_time")
_ANY = {"times": "ended=any", "values": "value=any", "paths": "path=any"}
REASONS = {"ok": {""}, "suppressed": {"small_cell_protection"}, "incomplete": {"window_not_complete"},
            "undefined": {"empty_denominator", "open_ended"}}  # fmt: skip
WORDS = ("indicator", "parameters", "period")
Key = tuple[str, ...]


@dataclass(slots=True)
class ExpectedLine:
    """One line: its numbers, whether something it needs is blank, and its limits."""

    closed: bool
    incomplete: bool
    # Cells of persons that it is formed of.
    persons: tuple[int, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)
    interval: str = ""
    # Events and base of the interval, and what its ends are multiplied by.
    of: tuple[float, float, float] = (nan, nan, 1.0)


@dataclass(frozen=True, slots=True)
class ReadLines:
    """How the lines were found.

    Args:
        lines, blank: all of them, and those that are kept back.
        not_worked_out: number of lines by statistic whose values are not worked out here.
        anew: those that are of this release; all that are not kept back, where no release came before.
        unnamed: releases that lines are of and the evidence does not name.
    """

    lines: int
    blank: int
    not_worked_out: dict[str, int]
    anew: int
    unnamed: tuple[str, ...] = ()


def check_lines(evidence: Evidence) -> ReadLines:
    """Check every line of the table as it leaves.

    Raises:
        CheckFailed: names the line.
    """
    plan, table = evidence.plan, evidence.table
    strata = list(plan["columns"])
    names = [*WORDS, *strata, "statistic", *NUMBERS, "status", "reason"]
    if table.column_names != names:
        raise CheckFailed(f"table.parquet: has not the columns {names}")
    expected: dict[Key, ExpectedLine] = {}
    for key, line in expected_lines(evidence, strata):
        expected.setdefault(key, line)
    formed, seen, blank = _formed(plan), set[Key](), 0
    apart: dict[str, int] = {}
    for number, row in enumerate(table.to_pylist()):
        key = tuple(row[name] for name in (*WORDS, *strata, "statistic"))
        where = f"table.parquet, row {number}"
        if key in seen:
            raise CheckFailed(f"{where}: stands twice")
        seen.add(key)
        blank += row["status"] == "suppressed"
        if row["reason"] not in REASONS.get(row["status"], ()):
            raise CheckFailed(f"{where}: status and reason do not fit together")
        if row["status"] == "suppressed" and any(row[name] is not None for name in NUMBERS):
            raise CheckFailed(f"{where}: is kept back and holds a number")
        if key in expected:
            check_line(where, row, expected[key])
        elif (row["indicator"], row["statistic"]) in formed:
            apart[row["statistic"]] = apart.get(row["statistic"], 0) + (row["status"] != "suppressed")
        else:
            raise CheckFailed(f"{where}: is a line that the order does not have")
    if lacking := expected.keys() - seen:
        raise CheckFailed(f"table.parquet: the line {min(lacking)} is missing")
    not_worked_out = {name: many for name, many in apart.items() if many}
    return ReadLines(table.num_rows, blank, not_worked_out, table.num_rows - blank)


def check_reasons(evidence: Evidence, told: list[dict[str, Any]]) -> None:
    """Check how many persons had no value.

    Args:
        told: what is delivered: indicator, parameters, reason, and persons or nothing.

    Raises:
        CheckFailed: one is not as the cells are.
    """
    side = evidence.persons
    expected = []
    for indicator, reason, key in evidence.plan["reasons"]:
        cell = int(side.cube(key, ()))
        name, _, parameters = indicator.partition("/")
        persons = None if side.blank[cell] else int(side.values[cell])
        expected.append({"indicator": name, "parameters": parameters, "reason": reason, "persons": persons})
    if told != expected:
        raise CheckFailed("table.parquet: who had no value is not told as the cells are")


def _formed(plan: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Indicator and statistic of lines that are formed of counts in ways that are not worked out here."""
    found = {(one["line"]["indicator"], one["line"]["statistic"]) for one in plan["rates"]}
    by_class = {"times": ("survival", "cumulative_incidence", "quantile"), "values": ("quantile",)}
    return found | {(one["indicator"], name) for one in plan["classes"] for name in by_class.get(one["kind"], ())}


def check_line(where: str, row: Mapping[str, Any], line: ExpectedLine) -> None:
    """Check one line as it leaves.

    Raises:
        CheckFailed: it is not what the cells give.
    """
    if line.closed != (row["status"] == "suppressed"):
        raise CheckFailed(f"{where}: is kept back though all it needs is open, or open though something is blank")
    if line.closed:
        return
    value = line.numbers.get("value", nan)
    allowed = {"undefined"} if isnan(value) else {"ok", "incomplete"} if line.incomplete else {"ok"}
    if row["status"] not in allowed:
        raise CheckFailed(f"{where}: the status {row['status']!r} does not fit its numbers")
    told = {name: nan if row[name] is None else float(row[name]) for name in NUMBERS}
    for name in ("value", "numerator", "denominator", "person_time"):
        true = line.numbers.get(name, nan)
        if isnan(true) != isnan(told[name]) or not (isnan(true) or isclose(true, told[name], rel_tol=1e-12)):
            raise CheckFailed(f"{where}: {name!r} is not what the cells give")
    events, base, factor = line.of
    if not line.interval or isnan(value) or isnan(base):
        fits = isnan(told["lower"]) and isnan(told["upper"])
    else:
        fits = limits_are(line.interval, events, base, told["lower"] / factor, told["upper"] / factor)
    if not fits:
        raise CheckFailed(f"{where}: its limits are not those of its numbers")


def expected_lines(evidence: Evidence, strata: list[str]) -> Iterator[tuple[Key, ExpectedLine]]:
    """What each line must say that is worked out from cells, by its words."""
    for line in evidence.plan["lines"]:
        yield from _of_line(evidence, line, strata)
    for told in evidence.plan["classes"]:
        yield from _of_classes(evidence, told, strata)


def _of_line(evidence: Evidence, line: Mapping[str, Any], strata: list[str]) -> Iterator[tuple[Key, ExpectedLine]]:
    names, statistic = tuple(line["dimensions"]), line["statistic"]
    scales = {one["sum_key"]: one["scale"] for one in evidence.plan["sums"]}
    inputs: dict[str, tuple[Any, Any]] = {}
    persons: list[Any] = []
    for name, side in (("numerator", evidence.persons), ("denominator", evidence.persons),
                       ("sum", evidence.sums), ("person_time", evidence.sums)):  # fmt: skip
        if key := line[f"{name}_key"]:
            cells = side.cube(key, names).ravel()
            persons += [cells] if side is evidence.persons else []
            inputs[name] = side.values[cells] / (scales[key] if side is evidence.sums else 1), side.blank[cells]
    people = inhabitants(evidence.plan, line["inhabitants_key"], list(names)) if line["inhabitants_key"] else None
    for place, key in enumerate(_keys(evidence.persons, names, line, line["parameters"], strata)):
        given = {name: float(values[place]) for name, (values, _) in inputs.items()}
        closed = any(bool(blank[place]) for _, blank in inputs.values())
        found = ExpectedLine(closed, bool(line["incomplete"]), tuple(int(cells[place]) for cells in persons))
        if people is None:
            _put(found, statistic, line, given)
        else:
            _put_of_inhabitants(found, statistic, line, given, float(people[place]))
        yield key, found


def _put(found: ExpectedLine, statistic: str, line: Mapping[str, Any], given: Mapping[str, float]) -> None:
    counted, of = given.get("numerator", nan), given.get("denominator", nan)
    amount = given.get("sum", nan)
    years = given.get("person_time", nan) / _DAYS_A_YEAR
    of_sum = bool(line["sum_key"])
    rate, mean = statistic == "rate_per_1000_person_years", statistic == "mean"
    found.numbers = {"numerator": amount if of_sum and (rate or mean) else counted, "denominator": of,
                     "person_time": years}  # fmt: skip
    if statistic == "persons":
        found.numbers["value"] = counted
    elif statistic == "sum":
        found.numbers["value"] = amount
    else:
        events = amount if mean or (rate and of_sum) else counted
        base = years if rate else of
        factor = {"per_1000": 1000.0, "rate_per_1000_person_years": 1000.0}.get(statistic, 1.0)
        if base > 0:
            found.numbers["value"] = events / base * factor
            found.interval, found.of = line["interval"], (events, base, factor)


def _put_of_inhabitants(
    found: ExpectedLine, statistic: str, line: Mapping[str, Any], given: Mapping[str, float], people: float
) -> None:
    of_sum = not line["numerator_key"]
    counted = given["sum" if of_sum else "numerator"]
    found.numbers = {"numerator": counted, "denominator": float(np.rint(people)),
                     "person_time": people * line["days"] / _DAYS_A_YEAR}  # fmt: skip
    days = line["days"] if statistic == "ddd_per_1000_inhabitants_per_day" else 1
    if people > 0:
        found.numbers["value"] = 1000 * counted / (people * days)
        if counted <= people or line["interval"] == "poisson":
            found.interval, found.of = line["interval"], (counted, people, 1000.0)


def _of_classes(evidence: Evidence, told: Mapping[str, Any], strata: list[str]) -> Iterator[tuple[Key, ExpectedLine]]:
    """Persons by class, and of paths their shares."""
    side, names = evidence.persons, tuple(told["dimensions"])
    cube = side.cube(told["persons_key"], (*names, told["axis"]))
    cube = cube.reshape(-1, cube.shape[-1])
    words = [*(one["words"] for one in told["classes"]), _ANY[told["kind"]]]
    if tuple(words[:-1]) != side.strata[told["axis"]].levels:
        raise CheckFailed("evidence.json: classes are not the levels of their stratum")
    for column, own in enumerate(words):
        parameters = ";".join(part for part in (told["parameters"], own) if part)
        for statistic in ("persons", "share") if told["kind"] == "paths" and own != words[-1] else ("persons",):
            line = {"indicator": told["indicator"], "statistic": statistic, "period": ("", "")}
            for cells, key in zip(cube, _keys(side, names, line, parameters, strata), strict=True):
                counted, everybody = (float(side.values[cells[place]]) for place in (column, -1))
                closed = bool(side.blank[cells[column]]) or (statistic == "share" and bool(side.blank[cells[-1]]))
                found = ExpectedLine(closed, bool(told["incomplete"]), numbers={"numerator": counted})
                if statistic == "persons":
                    found.numbers["value"] = counted
                else:
                    found.numbers["denominator"] = everybody
                    if everybody > 0:
                        found.numbers["value"] = counted / everybody
                        found.interval, found.of = told["limits_of"], (counted, everybody, 1.0)
                yield key, found


def _keys(
    side: Side, names: tuple[str, ...], line: Mapping[str, Any], parameters: str, strata: list[str]
) -> Iterator[Key]:
    """The words of each cell of a line, in the order of levels, totals last."""
    levels = [[*side.strata[name].levels, TOTAL] for name in names]
    dimension, label = line["period"]
    for place in np.ndindex(*(len(own) for own in levels)):
        codes = {name: own[i] for name, own, i in zip(names, levels, place, strict=True)}
        if dimension:
            codes[dimension] = label
        period = next((codes[name] for name in _TIMES if codes.get(name, TOTAL) != TOTAL), TOTAL)
        where = (codes.get(name, TOTAL) for name in strata)
        yield (line["indicator"], parameters, period, *where, line["statistic"])
