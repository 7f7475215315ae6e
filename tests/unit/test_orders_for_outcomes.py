"""What an order may ask of outcomes, sequences and reasons: what disclosure control can protect, and no more."""

from __future__ import annotations

from datetime import date

import pytest

from linkage.order import OrderFaults
from linkage_server.orders.check_order import CheckedOrder, check_order
from linkage_server.orders.offer import load_offer

ORDER = """
title = "Outcomes"
purpose = "quality assurance"
registers = {registers}
formats = ["csv"]
[[indicators]]
inline = '''
[set]
id = "mine"
version = "1.0.0"
[codes.statin]
atc_include = ["C10AA"]
[codes.diuretic]
atc_include = ["C03C"]
[codes.infarction]
icd10_include = ["I21"]
[codes.prevention]
snomed_include = ["22298006"]
[supply.given]
steps = ["units_per_day:1"]
[[indicator]]
id = "x"
codes = "statin"
{body}
'''
[population]
index_date = {index_date}
[contact]
name = "Test"
email = "test@example.org"
[legal_basis]
text = "Made-up persons."
"""
OUTCOME = 'outcome = { register = "par_sv", date = "admission_date", codes = "infarction", columns = "main_diagnosis" }'
RATE = f'kind = "outcome_rate"\nsupply = "given"\n{OUTCOME}\nobserve = {{ from = 1, to = 366 }}'
LANDMARK = f'kind = "landmark_outcome"\nsupply = "given"\n{OUTCOME}'
SEQUENCE = 'kind = "sequence_symmetry"\nmarker = "diuretic"'
USERS = 'kind = "users"\nobserve = { from = 0, to = 365 }'


def checked(body: str, *, registers: str = '["lmed", "par_sv", "dors"]', index_date: bool = True) -> CheckedOrder:
    offer = load_offer(None, standard_policy="standard@1.0.0", minimum_policy="standard@1.0.0")
    text = ORDER.format(body=body, registers=registers, index_date=str(index_date).lower())
    return check_order(text, offer=offer, ordered_on=date(2026, 1, 15))


def faults(body: str, **how: str) -> str:
    with pytest.raises(OrderFaults) as refused:
        checked(body, **how)
    return " ".join(map(str, refused.value.faults))


@pytest.mark.parametrize(
    "body",
    [
        RATE,
        SEQUENCE,
        f'{USERS}\nrow_strata = ["atc:statin+diuretic"]',
        LANDMARK,
        f'{LANDMARK}\nat_days = [90, 365]\nstatistic = ["share", "km", "cif", "median"]',
        'kind = "cost"\nobserve = { from = 0, to = 365 }\nstatistic = ["sum", "median", "quantile:0.9"]',
    ],
    ids=["rate", "sequence", "rows", "classes", "curves", "quantiles"],
)
def test_counts_rates_and_shares_can_be_ordered(body: str) -> None:
    assert checked(body).sets[0].indicators[0].id == "x"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (f'{RATE}\nstatistic = ["rate", "rate_ratio"]', "rate_ratio"),
        (f'{LANDMARK}\nstatistic = ["count", "median"]', "median"),
        (f'{LANDMARK}\nat_days = 90\nstatistic = ["km", "rmst:90", "logrank"]', "rmst:90, logrank"),
        (f'{SEQUENCE}\nstatistic = ["share", "crude_ratio"]', "crude_ratio"),
    ],
)
def test_what_cannot_be_protected_is_refused_when_it_is_ordered(body: str, what: str) -> None:
    assert f"asks for {what} of x, which disclosure control cannot protect yet" in faults(body)


def test_reasons_can_be_ordered_once_a_register_tells_them() -> None:
    """The variable is a coming one: a register's own definition brings it, and no program has to change."""
    said = faults(f'{USERS}\nrow_strata = ["prescribing_reason:prevention"]')
    assert "tells rows apart by prescribing_reason for x, which is no dimension of lmed" in said
    said = faults(f'{USERS}\nby_reason = {{ sets = ["prevention"] }}')
    assert "tells reasons of x by prescribing_reason, which is no dimension of lmed" in said


def test_reasons_of_persons_and_of_rows_are_ordered_one_at_a_time() -> None:
    by_reason = 'by_reason = { sets = ["prevention"], column = "atc" }'
    said = faults(f'{USERS}\nrow_strata = ["atc:statin+diuretic"]\n{by_reason}')
    assert "counts x by atc of persons and of rows" in said
    assert checked(f"{USERS}\n{by_reason}").sets[0].indicators[0].by_reason is not None


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (
            'kind = "time_to_discontinuation"\nsupply = "given"\ngap_days = [30, 60]\nat_days = 90\n'
            'statistic = ["count", "km"]',
            "km",
        ),
        ('kind = "cost"\nobserve = { from = 0, to = [90, 365] }\nstatistic = ["sum", "median"]', "median"),
    ],
)
def test_curves_and_quantiles_are_ordered_at_one_point_of_a_grid(body: str, what: str) -> None:
    said = faults(body)
    assert f"asks for {what} of x, which disclosure control cannot protect yet" in said
    with pytest.raises(OrderFaults) as refused:
        checked(body)
    assert "at one point of a grid" in refused.value.faults[0].mend


def test_the_register_of_the_outcome_must_be_ordered_too() -> None:
    assert "lack what the set mine@1.0.0 reads: par_sv" in faults(RATE, registers='["lmed", "dors"]')


def test_a_sequence_needs_no_index_date() -> None:
    assert checked(SEQUENCE, index_date=False).sets[0].indicators[0].id == "x"
