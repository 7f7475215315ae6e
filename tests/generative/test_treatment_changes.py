"""What becomes of a treatment is what the twin says of each person, for any rows and exits."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.survival import Ending
from tests.reference import treatment_changes as reference
from tests.reference.treatment_episodes import Dispensed, Rule
from tests.support.indicator_tables import deaths, drawn_set, evaluated, outcome, population, register

PERSONS = ["anna", "bo"]
STATINS, OTHERS = ("C10AA05", "C10AA01", "C10AA07"), ("B01AC06", "B01AC34")
DAYS, GAP, WITHIN = 100, 15, 30
COMMON = f'supply = "given"\ngap_days = {GAP}\nfollow_up_days = {DAYS}\ncodes = "statin"'
SET = drawn_set(
    f'id = "restart"\nkind = "restart"\n{COMMON}\nwithin_days = {WITHIN}',
    f'id = "switch"\nkind = "switch"\n{COMMON}\nbefore_days = 10',
    f'id = "change"\nkind = "switch"\n{COMMON}\nbefore_days = 10\nto = "asa"',
    f'id = "add"\nkind = "add_on"\n{COMMON}\nto = "asa"\ntogether_days = 20',
    f'id = "near"\nkind = "add_on"\n{COMMON}\nto = "asa"\ntogether_days = 20\nstarts = "in_episode"',
    'id = "dose"\nkind = "dose_change"\ncodes = "statin"\nsupply = "given"\nleast_percent = 50\nfollow_up_days = 100',
)
ROW = st.fixed_dictionaries(
    {
        "day": st.integers(-20, 120),
        "atc": st.sampled_from([*STATINS[:2], *STATINS, *OTHERS]),
        "packages": st.just(1),
        "days_supply": st.integers(1, 60),
        "daily_dose": st.sampled_from([10, 15, 20, 40]),
    }
)
PERSON = st.fixed_dictionaries({"rows": st.lists(ROW, max_size=8), "dies": st.none() | st.integers(1, 130)})


def drawn(rows: list[dict], codes: tuple[str, ...], *, first: int) -> list[Dispensed]:
    chosen = sorted((row for row in rows if row["atc"] in codes and row["day"] >= first), key=lambda row: row["day"])
    return [
        Dispensed(row["day"], row["atc"], Fraction(row["days_supply"]), Fraction(row["daily_dose"])) for row in chosen
    ]


def wanted(person: dict) -> dict[str, object]:
    """What the twin says, "" for who did not begin."""
    exit_day = 10_000 if person["dies"] is None else person["dies"]
    rows = drawn(person["rows"], STATINS, first=0)
    if not rows or rows[0].day > exit_day:
        return {}
    rule = Rule(gap=Fraction(GAP), days=DAYS)
    start, end, _ = reference.first_episode(rows, rule, exit_day)
    said: dict[str, object] = {
        "restart": reference.restart(rows, rule, exit_day),
        "observed_after": min(start + DAYS, exit_day) - floor(end),
    }
    to = {"switch": STATINS, "change": OTHERS}
    for name, codes in to.items():
        others = drawn(person["rows"], codes, first=-1000)
        said[name] = reference.switch(rows, others, rule, exit_day, before=10)
    if rows[0].day < exit_day:
        others = drawn(person["rows"], OTHERS, first=-1000)
        for name, covered in (("add", True), ("near", False)):
            said[name] = reference.add_on(rows, others, rule, exit_day, together=20, covered=covered)
        followed = [row for row in rows if row.day < min(rows[0].day + DAYS, exit_day)]
        said["dose"] = reference.dose_steps(followed, least_percent=50)
    return said


@settings(max_examples=300, deadline=None)
@given(st.lists(PERSON, min_size=2, max_size=2))
def test_changes_are_those_of_the_twin(persons):
    nobodys = {"day": 900, "atc": "N02", "packages": 1, "days_supply": 1, "daily_dose": 1, "person": "bo"}
    rows = [{**row, "person": name} for name, one in zip(PERSONS, persons, strict=True) for row in one["rows"]]
    dead = {name: one["dies"] for name, one in zip(PERSONS, persons, strict=True) if one["dies"] is not None}
    values = evaluated(
        SET,
        population=population(PERSONS),
        lmed=register(PERSONS, [*rows, nobodys], date_column="dispensing_date"),
        dors=deaths(PERSONS, dead),
    )
    said = {name: outcome(value) for name, value in values.items()}
    times = values[f"restart/gap_days={GAP};measure=days"].times
    for place, person in enumerate(persons):
        twin = wanted(person)
        for name, key in (("switch", "switch"), ("change", "change"), ("add", "add"), ("near", "near")):
            number, reason = said[f"{name}/gap_days={GAP}"][place]
            if key not in twin:
                assert (number, reason) == (None, "excluded:not_started")
            elif twin[key] is None:
                assert (number, reason) == (
                    None,
                    "excluded:used_before" if name in ("add", "near") else "excluded:not_discontinued",
                )
            else:
                assert (number, reason) == (int(bool(twin[key])), "ok")
        for position, measure in enumerate(("increase", "decrease")):
            number, _ = said[f"dose/measure={measure}"][place]
            assert number == (int(twin["dose"][position]) if "dose" in twin else None)
        number, reason = said[f"restart/gap_days={GAP};measure=days"][place]
        if twin.get("restart") is None:
            assert number is None
            continue
        days, restarted = twin["restart"]
        assert (number, reason) == (days, "ok")
        assert (times.ending[place] == Ending.EVENT) == restarted
        point = said[f"restart/gap_days={GAP};restarted_within_days={WITHIN}"][place]
        if twin["observed_after"] > WITHIN:
            assert point == (int(restarted and days <= WITHIN), "ok")
        else:
            assert point == (None, f"excluded:not_observed_for_{WITHIN}")
