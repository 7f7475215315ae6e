"""Days of supply that are worked out from those by another rule for reversed rows are what is found from scratch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.indicator_kinds import SupplyModel
from linkage_core.indicators.days_of_supply import days_of_supply
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reversals import net
from linkage_core.indicators.supply_of_another_rule import differs_by_rows, supply_of_another_rule
from tests.support.indicator_tables import register

ROW = st.fixed_dictionaries(
    {
        "person": st.sampled_from(["A", "B"]),
        "day": st.integers(0, 20),
        "atc": st.sampled_from(["C10AA01", "C10AA05"]),
        "packages": st.sampled_from([1.0, 2.0, 0.5, -1.0, -0.5, -2.0]),
        "units_per_package": st.sampled_from([28, 30, 100]),
        "days_supply": st.sampled_from([None, 14, 30, 90]),
        "dosage_text": st.sampled_from(["1x1", "1-2 tabl dagl", "enl ordination", None]),
    }
)
STEPS = st.lists(
    st.sampled_from(["dosage_text", "days_supply", "units_per_day:1", "fixed:20"]), min_size=1, max_size=3, unique=True
)
RULES = ["net", "drop_negative", "none"]


@given(st.lists(ROW, min_size=1, max_size=12), STEPS, st.sampled_from(RULES), st.sampled_from(RULES))
def test_only_rows_that_differ_are_asked_anew(rows, steps, rule, other):
    rows = [{"person": "A", "day": 0, "atc": "C10AA01", "dosage_text": "1x1", "days_supply": 14, **FULL}, *rows]
    dispensings = Dispensings(register(["A", "B"], rows, date_column="dispensing_date"), "lmed")
    model = SupplyModel(steps=steps, cap_days=60, reversals=rule)
    known = days_of_supply(dispensings, model.model_copy(update={"reversals": other}), net(dispensings, other))
    wanted = days_of_supply(dispensings, model, net(dispensings, rule))
    found = supply_of_another_rule(
        dispensings, model, net(dispensings, rule), known=known, known_netted=net(dispensings, other)
    )
    for column in ("supply_64ths", "unserved", "step", "capped"):
        assert getattr(found, column).tolist() == getattr(wanted, column).tolist()
    assert found.steps == wanted.steps


FULL = {"packages": 1.0, "units_per_package": 30}


@pytest.mark.parametrize(
    ("steps", "rule", "other", "by_rows"),
    [
        (["fixed:30"], "net", "none", True),
        (["fixed:30"], "net_latest", "none", False),
        (["fixed:30"], "net", "net_latest", False),
        (["pre2dup:given", "fixed:30"], "net", "none", False),
    ],
)
def test_what_looks_at_other_rows_is_found_from_scratch(steps, rule, other, by_rows):
    assert differs_by_rows(SupplyModel(steps=steps, reversals=rule), other) == by_rows
