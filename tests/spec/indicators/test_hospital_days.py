"""Days in hospital and treatment that is followed from the first dispensing on, checked on paper.

Anna has 30 days of supply on day 0 and on day 80, and is in hospital from day 40 to day 60; 35 days may pass without
supply, and she is followed for 200 days. Her supply ends on day 30.

| hospital | days without supply until day 80 | first episode |
|----------|----------------------------------|---------------|
| ignore   | 30 to 80: 50                     | ends on day 30 |
| freeze   | 30 to 40 and 60 to 80: 30        | goes on        |
| credit   | 30 to 40, then 60 to 80: 20      | goes on        |
| shift    | 30 to 80: 50                     | ends on day 30 |

Bea has 30 days of supply on day 0 and is in hospital from day 10 to day 50: 20 of the 30 days are left on day 50, so
her supply lasts until day 70. With `shift` the 40 days in hospital are more than the 35 permitted.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from linkage.errors import DefinitionRejected
from tests.support.indicator_tables import HEADER, drawn_set, evaluated, lmed, outcome, population, stays

BOTH = ["anna", "bea"]
MODES = ("ignore", "freeze", "credit", "shift")
MODELS = "".join(f'[supply.{mode}_days]\nsteps = "days_supply"\nhospital = "{mode}"\n' for mode in MODES)
ROWS = ("anna 0 C10AA05 1 30", "anna 80 C10AA05 1 30", "bea 0 C10AA05 1 30")
STAYS = {"anna": [(40, 60)], "bea": [(10, 50)]}


def values_of(body: str, mode: str, *, own: dict[str, list[tuple[int, int]]] | None = None, rows: Any = ROWS) -> Any:
    definition = drawn_set(f'id = "i"\ncodes = "statin"\nsupply = "{mode}_days"\n{body}', header=HEADER + MODELS)
    return evaluated(definition, population=population(BOTH), lmed=lmed(BOTH, *rows), par_sv=stays(BOTH, own or STAYS))


EPISODES = 'kind = "treatment_episodes"\ngap_days = 35\nfollow_up_days = 200\nmeasure = ["episodes", "first_days"]'


def lengths(mode: str, **more: Any) -> list[float | None]:
    found = values_of(EPISODES, mode, **more)
    return [number for number, _ in outcome(found["i/gap_days=35;measure=first_days"])]


@pytest.mark.parametrize(
    ("mode", "anna", "bea"), [("ignore", 30, 30), ("freeze", 110, 70), ("credit", 110, 70), ("shift", 30, 10)]
)
def test_hospital_days_count_as_nothing_as_supply_or_as_days_without(mode, anna, bea):
    assert lengths(mode) == [anna, bea]


def test_the_manual_says_so():
    page = (Path(__file__).parents[3] / "docs" / "manual" / "treatment-episodes.md").read_text()
    told = re.findall(r"^\| `(\w+)` \|.*\| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    assert [mode for mode, *_ in told] == list(MODES)
    for mode, anna, bea in told:
        assert lengths(mode) == [int(anna), int(bea)]


def test_a_stay_begins_no_episode():
    found = values_of(EPISODES, "credit", own={"anna": [(150, 190)]}, rows=("anna 0 C10AA05 1 30",))
    assert outcome(found["i/gap_days=35;measure=episodes"])[0] == (1, "ok")


def test_what_is_dispensed_in_hospital_is_used_from_discharge_on():
    rows = ("anna 0 C10AA05 1 30", "anna 45 C10AA05 1 30")
    assert lengths("freeze", rows=rows)[0] == 60 + 30


def test_wards_and_stays_that_overlap_count_each_day_once():
    assert lengths("freeze", own={"bea": [(10, 30), (20, 50), (12, 14)]}) == lengths("freeze", own={"bea": [(10, 50)]})


@pytest.mark.parametrize(
    ("mode", "day_45", "day_65"),
    [
        ("ignore", (0, "ok"), (0, "ok")),
        ("freeze", (None, "excluded:in_hospital_at_45"), (1, "ok")),
        ("credit", (1, "ok"), (1, "ok")),
        ("shift", (0, "ok"), (1, "ok")),
    ],
)
def test_supply_at_hand_on_a_day_in_hospital(mode, day_45, day_65):
    found = values_of('kind = "covered_on_day"\nat_days = [45, 65]', mode)
    bea = [outcome(found[f"i/day_of_treatment={day}"])[1] for day in (45, 65)]
    assert bea == [day_45, day_65]


def test_a_frozen_gap_must_pass_at_home_before_treatment_has_stopped():
    body = 'kind = "time_to_discontinuation"\ngap_days = 35\ncompeting = "none"\nfollow_up_days = 80'
    own = {"bea": [(40, 60)]}
    # Supply until day 30; 35 days at home are over on day 85, after follow-up; 35 days of the calendar on day 65.
    frozen, ignored = (values_of(body, mode, own=own) for mode in ("freeze", "ignore"))
    name = "i/gap_days=35;censoring=strict;measure=discontinued"
    assert [outcome(found[name])[1] for found in (frozen, ignored)] == [(0, "ok"), (1, "ok")]


def test_availability_leaves_frozen_days_out():
    body = 'kind = "medication_availability"\nmeasure = "cma7"\nfollow_up = { anchor = "index_date", length = 100 }'
    # 30 of Bea's 60 days at home; 30 + 20 of Anna's 80.
    assert [number for number, _ in outcome(values_of(body, "freeze")["i/measure=cma7"])] == [50 / 80, 30 / 60]
    assert [number for number, _ in outcome(values_of(body, "ignore")["i/measure=cma7"])] == [50 / 100, 30 / 100]


@pytest.mark.parametrize(
    ("mode", "body"),
    [
        ("freeze", EPISODES + '\nmode = "compat"'),
        (
            "credit",
            'kind = "medication_availability"\nmeasure = "cma7"\nfollow_up = { anchor = "index_date", length = 9}',
        ),
        ("shift", 'kind = "switch"\ngap_days = 30'),
    ],
)
def test_what_a_kind_does_not_know_is_refused(mode, body):
    with pytest.raises(DefinitionRejected, match="hospital"):
        values_of(body, mode)
