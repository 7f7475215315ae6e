"""What an order may ask of concurrent use and of treatment lines."""

from __future__ import annotations

from datetime import date

import pytest

from linkage.order import OrderFaults
from linkage_server.orders.check_order import CheckedOrder, check_order
from linkage_server.orders.offer import load_offer

ORDER = """
title = "Drugs together"
purpose = "quality assurance"
registers = ["lmed", "dors"]
formats = ["csv"]
[[indicators]]
inline = '''
[set]
id = "mine"
version = "1.0.0"
[codes.statin]
atc_include = ["C10AA"]
[codes.ezetimibe]
atc_include = ["C10AX09"]
[codes.heart_failure]
icd10_include = ["I50"]
[supply.given]
steps = ["units_per_day:1"]
[[indicator]]
id = "x"
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
OBSERVE = 'supply = "given"\nobserve = { from = 0, to = 365 }'
LINES = f'kind = "treatment_lines"\ncodes = ["statin", "ezetimibe"]\n{OBSERVE}'
PAIRS = f'kind = "interacting_pairs"\npairs = [{{ id = "p", first = "statin", second = "ezetimibe" }}]\n{OBSERVE}'
AFTER = (
    f'kind = "drug_after_diagnosis"\ncodes = "statin"\n{OBSERVE}\ndiagnosis = {{ register = "par_sv", '
    'date = "admission_date", codes = "heart_failure", columns = "diagnosis", window = { from = -365, to = 0 } }'
)
RULE = 'rule = "dispensed"\ndispensed_within_days = 120'
YEARS = f'kind = "drugs_at_date"\ncalendar = {{ from = 2020-01-01, until = 2022-01-01 }}\n{RULE}'
DAY = f'kind = "drugs_at_date"\nat_day = 0\n{RULE}'


def checked(body: str, *, index_date: bool = True) -> CheckedOrder:
    offer = load_offer(None, standard_policy="standard@1.0.0", minimum_policy="standard@1.0.0")
    text = ORDER.format(body=body, index_date=str(index_date).lower())
    return check_order(text, offer=offer, ordered_on=date(2026, 1, 15))


def faults(body: str, *, index_date: bool = True) -> str:
    with pytest.raises(OrderFaults) as refused:
        checked(body, index_date=index_date)
    return " ".join(map(str, refused.value.faults))


@pytest.mark.parametrize("body", [LINES, PAIRS, YEARS, DAY], ids=["lines", "pairs", "years", "day"])
def test_counts_shares_and_means_can_be_ordered(body: str) -> None:
    assert checked(body).sets[0].indicators[0].id == "x"


def test_paths_are_ordered_of_one_observation() -> None:
    asked = f'{LINES}\nstatistic = ["mean", "paths"]'
    assert checked(asked).sets[0].indicators[0].told_by_class == ["paths"]
    said = faults(f'{asked}\ndenominator = ["all", "alive_at_N"]')
    assert "asks for paths of x, which disclosure control cannot protect yet" in said


def test_the_register_of_the_diagnosis_must_be_ordered_too() -> None:
    assert "lack what the set mine@1.0.0 reads: par_sv" in faults(AFTER)


def test_days_of_the_calendar_need_no_index_date() -> None:
    assert checked(YEARS, index_date=False).sets[0].indicators[0].id == "x"
    assert "counts days from an index date" in faults(DAY, index_date=False)
