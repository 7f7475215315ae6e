"""Kinds of the start of treatment and of use say what the day-by-day twins say, for any rows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.indicators import PersonValues
from linkage_core.kernels.incident_use import incident_use
from linkage_core.survival import Ending
from tests.reference import drug_use
from tests.support.indicator_tables import HEADER, deaths, drawn_set, evaluated, outcome, population, register
from tests.support.kernel_calls import int32, offsets_of

HISTORIES = st.lists(
    st.lists(st.tuples(st.integers(-30, 60), st.integers(0, 2)), max_size=8).map(sorted), min_size=1, max_size=4
)


@settings(max_examples=500, deadline=None)
@given(HISTORIES, st.lists(st.integers(1, 70), min_size=1, max_size=4, unique=True).map(sorted), st.data())
def test_first_rows_after_a_washout_are_those_of_the_twin(histories, ends, data):
    persons = len(histories)
    of_person = st.lists(st.integers(-40, 80), min_size=persons, max_size=persons)
    base, known_from, exit_day = data.draw(of_person), data.draw(of_person), data.draw(of_person)
    if data.draw(st.booleans()):
        base = base[:1]
    washout, repeated = data.draw(st.integers(1, 20)), data.draw(st.booleans())
    # Rows as slices of longer columns: what lies before them is nobody's.
    rows = [(5, 1), *(row for history in histories for row in history)]
    events, days = np.zeros((2, len(ends), persons), np.int32)
    incident_use(
        offsets_of(histories),
        int32(day for day, _ in rows)[1:],
        int32(left for _, left in rows)[1:],
        int32(base),
        int32([0, *ends]),
        int32(known_from),
        int32(exit_day),
        events,
        days,
        washout=washout,
        repeated=repeated,
    )
    for person, history in enumerate(histories):
        start = base[person % len(base)]
        assert (events[:, person].tolist(), days[:, person].tolist()) == drug_use.incident(
            [day for day, left in history if left > 0],
            start=start,
            ends=[start + end for end in ends],
            known_from=known_from[person],
            exit_day=exit_day[person],
            washout=washout,
            repeated=repeated,
        )


def test_rows_out_of_order_are_refused():
    out = np.zeros((2, 1, 1), np.int32)
    with pytest.raises(EventsRejected, match="row 1"):
        incident_use(
            offsets_of([[1, 2]]), int32([3, 1]), int32([1, 1]), int32([0]), int32([0, 9]), int32([-9]), int32([99]),
            out[0], out[1], washout=1, repeated=True,
        )  # fmt: skip


PERSONS = ["anna", "bo"]
GROUPS = {"statin": "C10AA", "asa": "B01AC06", "p2y12": "B01AC04"}
THRESHOLDS = {"C10AA05": Fraction(40), "C10AA07": Fraction(20)}
SET = drawn_set(
    'id = "begins"\nkind = "incidence"\ncodes = "statin"\nwashout_days = [10, 40]\n'
    "observe = { from = 0, to = [60, 90] }",
    'id = "on_day"\nkind = "prevalence"\ncodes = "statin"\nrule = "covered"\nsupply = "given"\nat_day = [0, 45]\n'
    'denominator = "all"\nlookback_days = 50\nstock_cap_days = 60',
    'id = "in_period"\nkind = "prevalence"\ncodes = ["statin", "asa"]\nrule = "dispensed"\n'
    "observe = { from = -20, to = [30, 70] }",
    'id = "on"\nkind = "on_treatment"\ncodes = "statin"\nmonth = [0, 2]\nrule = ["covered", "dispensed"]\n'
    'supply = "given"\nlookback_days = 50\nstock_cap_days = 60\ndays_before = 20\ndenominator = "all"',
    'id = "level"\nkind = "new_or_continuing"\ncodes = "statin"\nlookback_days = [10, 30]\n'
    "window = { from = 0, to = [20, 50] }",
    'id = "groups"\nkind = "combination"\ncodes = ["statin", "asa", "p2y12"]\nwindow = { from = 0, to = 40 }\n'
    "at_least = [1, 2, 3]",
    'id = "time"\nkind = "time_to_initiation"\ncodes = "statin"\nfollow_up_days = 50',
    'id = "ratio"\nkind = "medication_possession_ratio"\ncodes = "statin"\nsupply = "given"\nthreshold = 0.5\n'
    "observe = { from = 0, to = [30, 60] }",
    'id = "from_first"\nkind = "medication_possession_ratio"\ncodes = "statin"\nsupply = "given"\n'
    'observe = { from = 0, to = 60 }\nstart = "first_dispensing"',
    'id = "dose"\nkind = "high_intensity"\ncodes = "statin"\nat_day = [0, 40]\nlast_within_days = 30\n'
    'denominator = "all"\nthresholds = [{ atc = "C10AA05", least_mg = 40 }, { atc = "C10AA07", least_mg = 20 }]',
    'id = "missed"\nkind = "primary_non_adherence"\ncodes = "statin"\nprescriptions = "prescriptions"\n'
    "window = { from = 0, to = 50 }\nwithin_days = [5, 20]\n"
    'measure = ["first", "share", "prescriptions", "not_dispensed"]',
    header=HEADER,
)
STRENGTHS = {"40 mg": 40, "20 mg": 20, "10 mg": 10, "4 %": None}
DOSAGES = {"1 x 1": 1, "2 tabletter dagligen": 2, "vid behov": None}
ROW = st.builds(
    dict,
    day=st.integers(-40, 90),
    atc=st.sampled_from(["C10AA05", "C10AA07", "C10AA01", "B01AC06", "B01AC04"]),
    packages=st.just(1),
    days_supply=st.integers(1, 50),
    strength_text=st.sampled_from([*STRENGTHS]),
    dosage_text=st.sampled_from([*DOSAGES]),
)
PRESCRIBED = st.tuples(st.integers(-5, 60), st.sampled_from(["C10AA05", "C10AA01", "B01AC06"]), st.booleans())
PERSON = st.builds(
    dict,
    rows=st.lists(ROW, max_size=6),
    prescribed=st.lists(PRESCRIBED, max_size=4),
    dies=st.none() | st.integers(1, 100),
)
NOBODYS = {
    "person": "bo",
    "day": 900,
    "atc": "N02",
    "packages": 1,
    "days_supply": 1,
    "strength_text": "",
    "dosage_text": "",
}


@settings(max_examples=200, deadline=None)
@given(st.lists(PERSON, min_size=2, max_size=2))
def test_kinds_of_the_start_and_of_use_say_what_the_twins_say(persons):
    rows = [{**row, "person": name} for name, one in zip(PERSONS, persons, strict=True) for row in one["rows"]]
    prescribed = [
        {"person": name, "day": day, "atc": atc, "cancelled": int(cancelled)}
        for name, one in zip(PERSONS, persons, strict=True)
        for day, atc, cancelled in one["prescribed"]
    ]
    nobodys = {"person": "anna", "day": 900, "atc": "N02", "cancelled": 0}
    values = evaluated(
        SET,
        population=population(PERSONS),
        lmed=register(PERSONS, [NOBODYS, *rows], date_column="dispensing_date"),
        prescriptions=register(PERSONS, [nobodys, *prescribed], date_column="prescribing_date"),
        dors=deaths(PERSONS, {name: one["dies"] for name, one in zip(PERSONS, persons, strict=True) if one["dies"]}),
    )
    for place, one in enumerate(persons):
        said = {name: outcome(value)[place] for name, value in values.items()}
        assert {name: said[name] for name in expected_of(one)} == expected_of(one)
        assert_times(values, one, place)


def expected_of(one: dict[str, Any]) -> dict[str, tuple[float | None, str]]:
    """(value, reason) by name of everything but times, of one person."""
    exit_day = 1000 if one["dies"] is None else one["dies"]
    all_rows = [
        drug_use.Row(
            row["day"], row["atc"], row["days_supply"], STRENGTHS[row["strength_text"]], DOSAGES[row["dosage_text"]]
        )
        for row in one["rows"]
    ]
    of = {name: [row for row in all_rows if row.atc.startswith(prefix)] for name, prefix in GROUPS.items()}
    statins = of["statin"]
    reason = "ok" if statins else "no_rows"
    stock = {"lookback": 50, "cap": 60}
    expected: dict[str, tuple[float | None, str]] = {}
    for day in (0, 45):
        covered = float(drug_use.on_day(statins, day, exit_day, **stock))
        expected[f"on_day/at_day={day};rule=covered"] = (covered, reason)
    for month, day in ((0, 0), (2, 61)):
        covered = float(drug_use.on_day(statins, day, exit_day, **stock))
        expected[f"on/month={month};at_day={day};rule=covered"] = (covered, reason)
        recent = float(drug_use.dispensed(statins, day - 20, day, exit_day))
        expected[f"on/month={month};at_day={day};dispensed_days_before=20"] = (recent, reason)
    for end in (30, 70):
        both = [*statins, *of["asa"]]
        used = float(drug_use.dispensed(both, -20, end - 1, exit_day))
        expected[f"in_period/observe_days={end + 20};rule=dispensed"] = (used, "ok" if both else "no_rows")
    for lookback in (10, 30):
        for last in (20, 50):
            found = drug_use.level(statins, last, exit_day, lookback=lookback)
            for name in ("new", "continuing", "none"):
                point = f"level/lookback_days={lookback};within_days={last};level={name}"
                expected[point] = (float(name == found), reason)
    groups = sum(drug_use.dispensed(own, 0, 40, exit_day) for own in of.values())
    reason_of_any = "ok" if any(of.values()) else "no_rows"
    expected["groups/within_days=40;measure=groups"] = (groups, reason_of_any)
    for least in (1, 2, 3):
        expected[f"groups/within_days=40;at_least={least}"] = (float(groups >= least), reason_of_any)
    for washout in (10, 40):
        for end in (60, 90):
            (began,), (days,) = drug_use.incident(
                [row.day for row in statins],
                start=0,
                ends=[end],
                known_from=-5000,
                exit_day=exit_day,
                washout=washout,
                repeated=False,
            )
            at_risk = (float(began), reason) if days else (None, "excluded:used_before")
            expected[f"begins/washout_days={washout};observe_days={end}"] = at_risk
    for end in (30, 60):
        ratio = drug_use.possession(statins, end, exit_day, from_first=False)
        assert ratio is not None
        expected[f"ratio/observe_days={end};at_least=0.5"] = (float(ratio >= Fraction(1, 2)), reason)
    for day in (0, 40):
        high = drug_use.high_dose(statins, day, THRESHOLDS, within=30)
        point = f"dose/at_day={day};measure=high_intensity"
        expected[point] = (None, high) if isinstance(high, str) else (float(high), reason)
    own = [prescription for prescription in one["prescribed"] if prescription[1].startswith("C10AA")]
    for within in (5, 20):
        first, seen, missed = drug_use.not_dispensed(own, statins, exit_day, last=50, within=within)
        point = f"missed/prescribed_days=0..50;dispensed_within_days={within};measure="
        expected[f"{point}first"] = (None, first) if isinstance(first, str) else (float(first), "ok")
        expected[f"{point}share"] = (missed / seen, "ok") if seen else (None, "excluded:not_prescribed")
        of_sums = "ok" if any(not cancelled for _, _, cancelled in own) else "no_rows"
        expected[f"{point}prescriptions"] = (seen, of_sums)
        expected[f"{point}not_dispensed"] = (missed, of_sums)
    return expected


def assert_times(values: dict[str, PersonValues], one: dict[str, Any], place: int) -> None:
    exit_day = 1000 if one["dies"] is None else one["dies"]
    rows = [drug_use.Row(row["day"], row["atc"], row["days_supply"]) for row in one["rows"]]
    statins = [row for row in rows if row.atc.startswith("C10AA")]
    days, ending = drug_use.until_first(statins, 50, exit_day, one["dies"])
    times = values["time/measure=days"].times
    assert times is not None
    endings = {Ending.EVENT: "event", Ending.COMPETING: "death", Ending.CENSORED: "censored"}
    assert (times.day[place], endings[Ending(times.ending[place])]) == (days, ending)
    for name, from_first, end in (("ratio", False, 30), ("ratio", False, 60), ("from_first", True, 60)):
        value = values[f"{name}/observe_days={end}"]
        ratio = drug_use.possession(statins, end, exit_day, from_first=from_first)
        assert value.has_value[place] == (ratio is not None)
        assert value.number is not None
        assert value.number[place] == pytest.approx(float(ratio or 0), abs=1e-12)
