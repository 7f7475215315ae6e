"""Rates per inhabitant: inhabitants are public, so each rate is as good as its numerator."""

from __future__ import annotations

from datetime import date
from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_core.aggregates import count_by
from linkage_core.counted_table import AGE_GROUP, CountedTable
from linkage_core.disclosure import ProtectedTable, protect
from linkage_core.indicators import evaluate
from linkage_core.rates import inhabitants_of
from tests.security.test_orders_of_every_shape_hold import REGION_OF, attacked, drugs, people
from tests.support.indicator_tables import drawn_set, population, register

POLICY = shipped_policies()["standard@1.0.0"]
GROUPS = ("30-39", "40-49", "50-59", "60+")
RATES = (
    'codes = "statin"\nstandard = { weights = { "30-39" = 1, "40-49" = 2, "50-59" = 2, "60+" = 1 } }\n'
    'calendar = { from = 2020-01-01, until = 2021-01-01, step = "%s" }\n'
)
USERS = 'id = "users"\nkind = "users"\nstatistic = ["count", "per_1000_inhabitants"%s]\ninterval = "poisson"\n'
DOSES = 'id = "doses"\nkind = "ddd"\nstatistic = ["sum", "ddd_per_1000_inhabitants_per_day"%s]\n'
STANDARDISED = ', "standardised_per_1000_inhabitants"'


def inhabitants(*, each: int, seed: int = 1) -> pa.Table:
    random = np.random.default_rng(seed)
    rows = [
        {"year": "2020", "sex": sex, "region": region, "age": age, "persons": float(random.integers(each, 2 * each))}
        for sex, region, age in product(("man", "woman"), sorted({*REGION_OF.values()}), GROUPS)
    ]
    return pa.Table.from_pylist(rows)


def ordered(
    by: list[list[str]], *, seed: int, step: str = "year", persons: int = 900, each: int = 3000
) -> tuple[CountedTable, ProtectedTable]:
    names, who = people(persons, seed=seed)
    extra = (USERS % (STANDARDISED + ', "smr"') + RATES % step, DOSES % STANDARDISED + RATES % step)
    values = evaluate(
        drawn_set(*extra), population=who, events={"lmed": drugs(names, seed=seed)}, data_until={}, row_dimensions=()
    )
    counted = count_by(values, population=who, by=by, inhabitants=inhabitants_of(inhabitants(each=each)))
    return counted, protect(counted, POLICY)


@pytest.mark.parametrize("by", [[["sex", AGE_GROUP]], [["region"], ["sex"]], [["region", AGE_GROUP], ["hospital"]]])
@pytest.mark.parametrize("step", ["year", "quarter"])
def test_no_small_numerator_of_a_rate_is_found(by: list[list[str]], step: str) -> None:
    small = 0
    for seed in range(2):
        counted, protected = ordered(by, seed=seed, step=step)
        small += attacked(counted, protected, lies_in=REGION_OF)
    assert small


def test_a_number_over_ages_stands_beside_every_count_that_it_is_formed_from() -> None:
    printed = kept = 0
    for seed in range(4):
        _, protected = ordered([["region"], ["sex", AGE_GROUP]], seed=seed)
        lines = protected.table.to_pylist()
        names = [dimension.name for dimension in protected.dimensions if dimension.name != AGE_GROUP]
        known = {
            (line["indicator"], line["statistic"], line[AGE_GROUP], *(line[name] for name in names)): line["numerator"]
            for line in lines
        }
        for line in lines:
            if line["statistic"] != "standardised_per_1000_inhabitants":
                continue
            crude = {"users": "per_1000_inhabitants", "doses": "ddd_per_1000_inhabitants_per_day"}[line["indicator"]]
            place = [line[name] for name in names]
            ages = [known[line["indicator"], crude, group, *place] for group in GROUPS]
            if line["status"] == "suppressed":
                assert line["value"] is None
                assert None in ages
                kept += 1
            else:
                assert sum(ages) == pytest.approx(line["numerator"])
                printed += 1
    assert printed
    assert kept


def test_a_rate_that_takes_nearly_all_inhabitants_is_kept_back() -> None:
    counted, protected = ordered([["sex"]], seed=1, persons=3000, each=60_000)
    free = {line["sex"]: line for line in protected.table.to_pylist() if line["statistic"] == "per_1000_inhabitants"}
    users = int(free["man"]["numerator"])
    crowded = count_among(users, seed=1)
    assert free["man"]["status"] == "ok"
    assert crowded["man"]["status"] == "suppressed"
    assert counted.period_parts


def count_among(men: int, *, seed: int) -> dict[str, dict[str, object]]:
    """The same users where men are only three more than those."""
    names, who = people(3000, seed=seed)
    table = pa.table(
        {"year": ["2020", "2020"], "sex": ["man", "woman"], "persons": [float(men + 3), 90_000.0]},
    )
    body = USERS % "" + 'codes = "statin"\ncalendar = { from = 2020-01-01, until = 2021-01-01, step = "year" }\n'
    values = evaluate(
        drawn_set(body), population=who, events={"lmed": drugs(names, seed=seed)}, data_until={}, row_dimensions=()
    )
    counted = count_by(values, population=who, by=[["sex"]], inhabitants=inhabitants_of(table))
    lines = protect(counted, POLICY).table.to_pylist()
    return {line["sex"]: line for line in lines if line["statistic"] == "per_1000_inhabitants"}


@pytest.mark.parametrize(("old", "shown"), [(4, ["ok", "suppressed"]), (40, ["ok", "ok"]), (0, ["ok", "ok"])])
def test_doses_of_few_outside_the_table_are_not_the_difference_of_two_sums(old: int, shown: list[str]) -> None:
    """The sum of all less the sum among inhabitants is what those took whom the table of inhabitants lacks."""
    names = [f"p{number}" for number in range(200)]
    born = [date(1930 if number < old else 1960, 5, 5) for number in range(200)]
    who = population(names, birth_date=pa.array(born, pa.date32()))
    row = {"day": 3, "atc": "C10AA05", "packages": 1, "ddd_per_package": 30}
    rows = register(names, [{**row, "person": name} for name in names], date_column="dispensing_date")
    body = DOSES % "" + 'codes = "statin"\ncalendar = { from = 2020-01-01, until = 2021-01-01, step = "year" }\n'
    values = evaluate(drawn_set(body), population=who, events={"lmed": rows}, data_until={}, row_dimensions=())
    younger = pa.table({"year": ["2020"], "age": ["<75"], "persons": [50_000.0]})
    counted = count_by(values, population=who, by=[], inhabitants=inhabitants_of(younger))
    lines = {line["statistic"]: line for line in protect(counted, POLICY).table.to_pylist() if line["year"] != "total"}
    assert [lines[name]["status"] for name in ("sum", "ddd_per_1000_inhabitants_per_day")] == shown
