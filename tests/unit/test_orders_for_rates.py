"""What disclosure control cannot protect of amounts and quantiles never gets into an order."""

from __future__ import annotations

import pytest

from linkage.order import OrderFaults
from linkage_server.storage.database import Database
from tests.support.order_desk import Desks, open_desks
from tests.support.orders import SMALL_SET, order_text

CALENDAR = 'calendar = { from = 2025-01-01, until = 2026-01-01, step = "month" }'


@pytest.fixture
def desks(database: Database) -> Desks:
    return open_desks(database)


def filed(desks: Desks, body: str) -> str:
    supply = '[supply.given]\nsteps = ["days_supply"]\n'
    text = f'{SMALL_SET}\n{supply}[[indicator]]\nid = "tried"\ncodes = "statins"\n{body}\n'
    return desks.file(order_text(indicators=[{"inline": text}])).name


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (f'kind = "users"\n{CALENDAR}\nstatistic = ["count", "per_1000_inhabitants"]', "per_1000_inhabitants"),
        (f'kind = "users"\n{CALENDAR}\nstatistic = ["smr"]\nstandard = {{}}', "smr"),
        (
            f'kind = "ddd"\n{CALENDAR}\nstatistic = ["ddd_per_1000_inhabitants_per_day"]',
            "ddd_per_1000_inhabitants_per_day",
        ),
        (f'kind = "packages"\n{CALENDAR.replace(" }", ", rolling = 3 }")}', "rolling = 3"),
        (f'kind = "cost"\n{CALENDAR}\nstatistic = ["sum", "median"]', "median"),
        (
            'kind = "proportion_of_days_covered"\nsupply = "given"\nobserve = { from = 0, to = 365 }\n'
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
def test_rates_quantiles_rolling_periods_and_shares_of_rows_are_refused(desks, body, named):
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
