"""A released table as a Swedeheart order would give it: made up, the same each time, with every status in it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from itertools import product
from typing import Any

import pyarrow as pa

from linkage.release_manifest import DefinitionEntry, RegisterEntry
from linkage.released_table import TOTAL, LineStatus, MissingValue, ReleasedDimension, ReleasedTable, schema_of
from linkage_server.release.context import IndicatorText, RegisterText, ReleaseContext, Target, Text

HOSPITALS = (
    *("Danderyd", "Falun", "Gävle", "Halmstad", "Helsingborg", "Jönköping", "Kalmar", "Karlstad", "Linköping"),
    *("Lund", "Mora", "Norrköping", "Sahlgrenska", "Sunderbyn", "Umeå", "Uppsala", "Visby", "Örebro"),
    "Karolinska universitetssjukhuset Huddinge",
)
MONTHS = tuple(f"{2023 + m // 12}-{m % 12 + 1:02d}" for m in range(24))
SEXES = ("man", "woman")
AGES = ("<65", "65-74", "75-84", "85+")
DIMENSIONS = (
    ReleasedDimension("hospital", HOSPITALS),
    ReleasedDimension("sex", SEXES),
    ReleasedDimension("age", AGES),
    ReleasedDimension("index_month", MONTHS),
)
SMALLEST_SHOWN = 10
MISSING = (
    MissingValue("statin_initiation", "within_days=90", "excluded:not_alive_at_90", 148),
    MissingValue("statin_ddd", "", "no_time", None),
)

Line = dict[str, Any]


def example_table(dimensions: tuple[ReleasedDimension, ...] = DIMENSIONS) -> ReleasedTable:
    """Three indicators by hospital, sex and age, and month."""
    rows = list(_lines(random.Random(20260101)))
    return ReleasedTable(pa.Table.from_pylist(rows, schema=schema_of(dimensions)), dimensions, missing=MISSING)


def example_context(**changes: Any) -> ReleaseContext:
    """What would be told about the example."""
    registers = (("lmed", "Prescribed drug register"), ("par_sv", "Patient register, inpatient care"))
    told: dict[str, Any] = {
        "order": "organisations/swedeheart/orders/2024-spring",
        "title": "Drug treatment after myocardial infarction, 2023–2024",
        "purpose": "quality assurance",
        "organisation": "Swedeheart",
        "registers": tuple(
            RegisterText(
                entry=RegisterEntry(name=name, snapshot=f"{name}-2025-02-03-7f3a9c", data_until=date(2024, 12, 31)),
                title=Text(en=title),
            )
            for name, title in registers
        ),
        "indicator_sets": (DefinitionEntry(id="swedeheart-secondary-prevention", version="1.0.0", sha256="3f" * 32),),
        "indicators": (
            IndicatorText(
                id="statin_initiation",
                title=Text(en="Statin after discharge", sv="Statin efter utskrivning"),
                definition=Text(
                    en="Share of persons who collected a statin within the given days after discharge.",
                    sv="Andel personer som hämtade ut en statin inom angivet antal dagar efter utskrivning.",
                ),
                kind="initiation",
                target=Target(lower=0.85, upper=0.95),
                indicator_set="swedeheart-secondary-prevention@1.0.0",
                facts=(("Codes", "C10AA, C10BA, C10BX; not C10BA10"), ("Window", "day 0 to 14, 30 or 90")),
                source="Swedeheart annual report",
            ),
            IndicatorText(
                id="p2y12_365",
                title=Text(en="P2Y12 inhibitor covered for a year", sv="P2Y12-hämmare under ett år"),
                definition=Text(en="Share of persons with supply for at least 80 % of the days of the first year."),
                target=Target(lower=0.7, upper=0.8),
            ),
            IndicatorText(id="statin_ddd", title=Text(en="Statins collected", sv="Uthämtade statiner"), unit="DDD"),
        ),
        "by": (("hospital",), ("sex", "age"), ("index month",)),
        "strata_titles": {"index_month": Text(en="Month of discharge")},
        "level_titles": {"sex": {"man": Text(en="Men"), "woman": Text(en="Women")}},
        "policy": DefinitionEntry(id="standard", version="1.0.0", sha256="a5" * 32),
        "policy_text": Text(en="Counts of 1 to 9 persons are kept back, and others where they could be computed from."),
        "match_rate_band": "98–100 %",
        "software_version": "0.1.0",
        "formats": ("parquet", "csv", "json-stat", "xlsx", "px", "html"),
    }
    return ReleaseContext(**(told | changes))


def _lines(draw: random.Random) -> Iterator[Line]:
    shares = (("statin_initiation", "within_days=30", 0.84), ("statin_initiation", "within_days=90", 0.9))
    for indicator, parameters, share in (*shares, ("p2y12_365", "", 0.72)):
        yield from _cells(draw, indicator, parameters, share)
    for stratum, levels in (("", (TOTAL,)), ("hospital", HOSPITALS)):
        for place, level in enumerate(levels):
            persons = 4200 if not stratum else _persons(place)
            total = round(persons * draw.gauss(290, 12), 2)
            line = _line("statin_ddd", "", "mean", {stratum: level} if stratum else {})
            yield _shown(line, total / persons, None, total, persons) if persons >= SMALLEST_SHOWN else _kept_back(line)


def _cells(draw: random.Random, indicator: str, parameters: str, share: float) -> Iterator[Line]:
    yield from _both(draw, (indicator, parameters), {}, 5213, share, spread=0)
    for place, hospital in enumerate(HOSPITALS):
        yield from _both(draw, (indicator, parameters), {"hospital": hospital}, _persons(place), share, spread=0.05)
    for sex, age in product((TOTAL, *SEXES), (TOTAL, *AGES)):
        if (sex, age) != (TOTAL, TOTAL):
            persons = 7 if (sex, age) == ("man", "85+") else draw.randint(80, 900)
            yield from _both(draw, (indicator, parameters), {"sex": sex, "age": age}, persons, share, spread=0.05)
    for place, month in enumerate(MONTHS):
        persons = 5 if place == 6 else draw.randint(190, 240)
        late = place >= len(MONTHS) - 3
        drift = share - 0.06 + 0.004 * place
        yield from _both(draw, (indicator, parameters), {"index_month": month}, persons, drift, spread=0.01, late=late)


def _persons(place: int) -> int:
    return (812, 640, 95, 410, 7, 301, 260, 222, 518, 150, 61, 38, 455, 130, 333, 290, 9, 140, 377)[place]


def _both(
    draw: random.Random,
    named: tuple[str, str],
    at: dict[str, str],
    persons: int,
    share: float,
    *,
    spread: float,
    late: bool = False,
) -> Iterator[Line]:
    with_it = min(persons, max(0, round(persons * draw.gauss(share, spread))))
    for statistic in ("persons", "share"):
        line = _line(*named, statistic, at)
        if persons < SMALLEST_SHOWN or 0 < persons - with_it < 3:
            yield _kept_back(line)
        elif statistic == "persons":
            yield _shown(line, float(with_it), None, with_it, None, late=late)
        else:
            yield _shown(line, with_it / persons, _wilson(with_it, persons), with_it, persons, late=late)


def _line(indicator: str, parameters: str, statistic: str, at: dict[str, str]) -> Line:
    strata = {dimension.name: at.get(dimension.name, TOTAL) for dimension in DIMENSIONS}
    return {
        "indicator": indicator,
        "parameters": parameters,
        "period": strata["index_month"],
        **strata,
        "statistic": statistic,
    }


def _shown(
    line: Line,
    value: float,
    interval: tuple[float, float] | None,
    numerator: float,
    denominator: int | None,
    *,
    late: bool = False,
) -> Line:
    lower, upper = interval or (None, None)
    status, reason = (LineStatus.INCOMPLETE, "window_not_complete") if late else (LineStatus.OK, "")
    numbers = {
        "value": value,
        "lower": lower,
        "upper": upper,
        "numerator": float(numerator),
        "denominator": denominator,
    }
    return line | numbers | {"person_time": None, "status": status.value, "reason": reason}


def _kept_back(line: Line) -> Line:
    names = ("value", "lower", "upper", "numerator", "denominator", "person_time")
    return line | dict.fromkeys(names) | {"status": LineStatus.SUPPRESSED.value, "reason": "protected"}


def _wilson(with_it: int, persons: int) -> tuple[float, float]:
    z = 1.959963984540054
    share, weight = with_it / persons, z * z / persons
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * (share * (1 - share) / persons + weight / (4 * persons)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)
