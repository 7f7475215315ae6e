"""What disclosure control cannot protect of amounts and quantiles never gets into an order."""

from __future__ import annotations

import pyarrow as pa
import pytest

from linkage.order import OrderFaults
from linkage_core.rates import inhabitants_of
from linkage_server.storage.database import Database
from tests.support.order_desk import Desks, open_desks
from tests.support.orders import SMALL_SET, order_text

CALENDAR = 'calendar = { from = 2025-01-01, until = 2026-01-01, step = "month" }'


@pytest.fixture
def desks(database: Database) -> Desks:
    return open_desks(database)


def filed(desks: Desks, body: str, **order: object) -> str:
    supply = '[supply.given]\nsteps = ["days_supply"]\n'
    text = f'{SMALL_SET}\n{supply}[[indicator]]\nid = "tried"\ncodes = "statins"\n{body}\n'
    return desks.file(order_text(indicators=[{"inline": text}], **order)).name


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (f'kind = "packages"\n{CALENDAR.replace(" }", ", rolling = 3 }")}', "rolling = 3"),
        (f'kind = "cost"\n{CALENDAR}\nstatistic = ["sum", "median"]', "median"),
        (
            'kind = "proportion_of_days_covered"\nsupply = "given"\nobserve = { from = 0, to = [180, 365] }\n'
            'statistic = ["mean", "quantile:0.25"]',
            "quantile:0.25",
        ),
        (
            f'kind = "generic_substitution"\nsubstituted = "1"\nnot_substituted = "2"\n{CALENDAR}\n'
            'statistic = ["sum", "share"]',
            "share",
        ),
    ],
)
def test_quantiles_rolling_periods_and_shares_of_rows_are_refused(desks, body, named):
    with pytest.raises(OrderFaults) as caught:
        filed(desks, body)
    (fault,) = caught.value.faults
    assert f"asks for {named} of tried" in fault.rule
    assert "the laboratory computes it all" in fault.mend


def test_counts_of_substitutions_and_sums_of_packages_may_be_ordered(desks):
    assert filed(desks, f'kind = "generic_substitution"\nsubstituted = "1"\nnot_substituted = "2"\n{CALENDAR}')
    assert filed(desks, f'kind = "packages"\n{CALENDAR}\nstatistic = ["sum", "mean"]')


@pytest.mark.parametrize(
    ("body", "variable"),
    [
        (f'kind = "dispensings"\n{CALENDAR}\nrow_strata = ["workplace"]', "workplace"),
        (f'kind = "users"\n{CALENDAR}\nrow_strata = ["product:3"]', "product"),
        (
            'kind = "generic_substitution"\ncolumn = "workplace"\nsubstituted = "1"\nnot_substituted = "2"\n'
            + CALENDAR,
            "workplace",
        ),
    ],
)
def test_a_definition_tells_rows_apart_by_dimensions_only(desks, body, variable):
    with pytest.raises(OrderFaults) as caught:
        filed(desks, body)
    (fault,) = caught.value.faults
    assert f"tells rows apart by {variable} for tried, which is no dimension of lmed" in fault.rule


RATE = f'kind = "users"\n{CALENDAR}\nstatistic = ["count", "per_1000_inhabitants"]'
STANDARDISED = RATE.replace('"]', '", "standardised_per_1000_inhabitants", "smr"]') + "\nstandard = {}"
DOSES = f'kind = "ddd"\n{CALENDAR}\nstatistic = ["ddd_per_1000_inhabitants_per_day"]'
AGES = ["0", *(f"{first}-{last}" for first, last in ((1, 4), *((age, age + 4) for age in range(5, 95, 5)))), "95+"]


def with_inhabitants(desks: Desks, *, ages: list[str] | None = None) -> Desks:
    groups = AGES if ages is None else ages
    columns = {"year": ["2025"] * max(len(groups), 1), "persons": [1000.0] * max(len(groups), 1)}
    table = pa.table(columns | ({"age": groups} if groups else {}))
    desks.change_offer(inhabitants=inhabitants_of(table), inhabitants_version="a" * 64)
    return desks


@pytest.mark.parametrize("body", [RATE, STANDARDISED, DOSES])
def test_rates_need_a_table_of_inhabitants(desks, body):
    by = [["sex"], ["sex", "age_group"]]
    with pytest.raises(OrderFaults, match="no table of inhabitants is loaded here"):
        filed(desks, body, by=by)
    assert filed(with_inhabitants(desks), body, by=by)


@pytest.mark.parametrize(
    ("body", "by", "ages", "rule"),
    [
        (RATE, [["age"], ["sex"]], None, "asks for ages on the index day or on the last day beside rates"),
        (RATE, [["age_group:<20,20-62,63+"]], None, "cuts the age group '60-64'"),
        (RATE, [["age_group"]], [], "asks for age_group, which the table of inhabitants lacks"),
        (STANDARDISED, [["sex"]], [], "standardised by age, which the table of inhabitants lacks"),
        (STANDARDISED, [["age_group:<18,18+"]], ["0-17", "18+"], "cuts the group"),
        (f'kind = "users"\n{CALENDAR}', [["age_group"]], None, "no indicator is a rate per inhabitant"),
    ],
)
def test_ages_of_rates_are_those_of_the_table(desks, body, by, ages, rule):
    with pytest.raises(OrderFaults, match=rule):
        filed(with_inhabitants(desks, ages=ages), body, by=by)


def test_an_order_has_one_set_of_ages(desks):
    with pytest.raises(OrderFaults, match="two sets of age bands"):
        filed(with_inhabitants(desks), RATE, by=[["age_group"], ["sex", "age_group:<65,65+"]])
