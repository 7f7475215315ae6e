"""Start of treatment and use on a day, checked on paper, with what definitions refuse.

Rows: person, day after the index day, ATC, packages, days of supply.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from linkage.errors import DefinitionRejected, EventsRejected
from linkage_core.indicators import evaluate
from linkage_core.survival import Ending
from tests.support.indicator_tables import (
    HEADER,
    deaths,
    drawn_set,
    evaluated,
    lmed,
    outcome,
    population,
    register,
)

ANNA = ["anna"]
NOBODYS = "anna 5000 N02BE01 1 30"


def values_of(kind: str, *rows: str, extra: str, dies: int | None = None, until: Any = None) -> dict[str, Any]:
    codes = "" if "codes =" in extra else 'codes = "statin"\n'
    return evaluated(
        drawn_set(f'id = "x"\nkind = "{kind}"\n{codes}{extra}'),
        population=population(ANNA),
        lmed=lmed(ANNA, NOBODYS, *rows),
        dors=deaths(ANNA, {} if dies is None else {"anna": dies}),
        until=until,
    )


def said(kind: str, *rows: str, extra: str, **given: Any) -> dict[str, tuple[float | None, str]]:
    """(value, reason) by parameter point."""
    values = values_of(kind, *rows, extra=extra, **given)
    return {name.partition("/")[2]: outcome(value)[0] for name, value in values.items()}


def statin(*days: int, supply: int = 30) -> list[str]:
    return [f"anna {day} C10AA05 1 {supply}" for day in days]


# New or continuing

WINDOW = "window = { from = 0, to = 90 }"


@pytest.mark.parametrize(
    ("days", "level"),
    [
        ([], "none"),
        ([0], "new"),
        ([90], "new"),
        ([91], "none"),
        ([-1, 0], "continuing"),
        ([-180, 90], "continuing"),
        ([-181, 90], "new"),
        ([-1], "none"),
    ],
)
def test_treatment_starts_anew_or_goes_on(days, level):
    values = said("new_or_continuing", *statin(*days), extra=WINDOW)
    point = "lookback_days=180;within_days=90;level="
    reason = "ok" if days else "no_rows"
    assert values == {f"{point}{name}": (float(name == level), reason) for name in ("new", "continuing", "none")}


def test_a_longer_lookback_finds_more_who_go_on():
    values = said("new_or_continuing", *statin(-200, 10), extra=f"{WINDOW}\nlookback_days = [180, 365]")
    assert values["lookback_days=180;within_days=90;level=new"] == (1, "ok")
    assert values["lookback_days=365;within_days=90;level=continuing"] == (1, "ok")


@pytest.mark.parametrize(("start", "known"), [("2019-07-05", True), ("2019-07-06", False)])
def test_who_is_not_observed_on_all_days_of_the_lookback_is_left_out(start, known):
    values = said("new_or_continuing", *statin(10), extra=f"{WINDOW}\nobserved_from = {{ register_start = {start} }}")
    # Day -180 is 5 July 2019.
    expected = (1, "ok") if known else (None, "excluded:not_observed_for_180")
    assert values["lookback_days=180;within_days=90;level=new"] == expected


def test_a_start_window_before_the_index_day_is_refused():
    with pytest.raises(DefinitionRejected, match="before the index day"):
        drawn_set('id = "x"\nkind = "new_or_continuing"\ncodes = "statin"\nwindow = { from = -10, to = 90 }')


# On treatment at month m

MONTHS = 'month = [2, 6, 12]\ndays_before = 90\nrule = ["covered", "dispensed"]\nsupply = "given"'


def test_months_are_days_after_the_index_day():
    assert list(said("on_treatment", extra=f'{MONTHS}\ndenominator = "all"')) == [
        "month=2;at_day=61;rule=covered",
        "month=2;at_day=61;dispensed_days_before=90",
        "month=6;at_day=183;rule=covered",
        "month=6;at_day=183;dispensed_days_before=90",
        "month=12;at_day=365;rule=covered",
        "month=12;at_day=365;dispensed_days_before=90",
    ]


@pytest.mark.parametrize(
    ("day", "covered", "dispensed"),
    [(92, 0, 0), (93, 0, 1), (153, 0, 1), (154, 1, 1), (183, 1, 1), (184, 0, 0)],
)
def test_a_row_of_the_last_90_days_is_not_supply_on_the_day(day, covered, dispensed):
    values = said("on_treatment", *statin(day), extra=MONTHS)
    assert values["month=6;at_day=183;rule=covered;denominator=alive_at_N"] == (covered, "ok")
    assert values["month=6;at_day=183;dispensed_days_before=90;denominator=alive_at_N"] == (dispensed, "ok")


def test_stocks_carry_over_as_days_covered_do():
    assert said("on_treatment", *statin(120, 121, 122), extra=MONTHS)[
        "month=6;at_day=183;rule=covered;denominator=alive_at_N"
    ] == (1, "ok")
    without = f'{MONTHS}\ncarry_over = "none"'
    assert said("on_treatment", *statin(120, 121, 122), extra=without)[
        "month=6;at_day=183;rule=covered;denominator=alive_at_N"
    ] == (0, "ok")


def test_the_dead_are_not_on_treatment():
    point = "month=6;at_day=183;rule=covered"
    both = f'{MONTHS}\ndenominator = ["all", "alive_at_N"]'
    for dies, reason in ((183, "excluded:not_alive_at_183"), (184, "ok")):
        values = said("on_treatment", *statin(170), extra=both, dies=dies)
        assert values[point] == (float(dies > 183), "ok")
        assert values[f"{point};denominator=alive_at_N"] == ((1, "ok") if dies > 183 else (None, reason))


def test_a_row_without_supply_spoils_only_days_that_it_may_cover():
    rows = ["anna 20 C10AA05 1 -", *statin(183)]
    values = said("on_treatment", *rows, extra=MONTHS)
    assert values["month=6;at_day=183;rule=covered;denominator=alive_at_N"] == (None, "error:days_supply")
    assert values["month=12;at_day=365;rule=covered;denominator=alive_at_N"] == (0, "ok")


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ('month = [6, 6]\nrule = "dispensed"', "stands twice"),
        ('month = []\nrule = "dispensed"', "at least 1 item"),
        ('month = -1\nrule = "dispensed"', "greater than or equal to 0"),
        ('month = 6\nrule = "covered"', "supply model"),
        ('month = 6\nrule = "dispensed"\nsupply = "given"', "supply model"),
    ],
)
def test_months_without_what_they_need_are_refused(extra, complaint):
    with pytest.raises(DefinitionRejected, match=complaint):
        drawn_set(f'id = "x"\nkind = "on_treatment"\ncodes = "statin"\n{extra}')


# Prevalence


def test_point_prevalence_asks_supply_and_period_prevalence_asks_rows():
    rows = statin(10)
    covered = 'rule = "covered"\nsupply = "given"\nat_day = [10, 39, 40]'
    assert said("prevalence", *rows, extra=covered) == {
        "at_day=10;rule=covered;denominator=alive_at_N": (1, "ok"),
        "at_day=39;rule=covered;denominator=alive_at_N": (1, "ok"),
        "at_day=40;rule=covered;denominator=alive_at_N": (0, "ok"),
    }
    dispensed = 'rule = "dispensed"\nobserve = { from = 0, to = [10, 11] }'
    assert said("prevalence", *rows, extra=dispensed) == {
        "observe_days=10;rule=dispensed": (0, "ok"),
        "observe_days=11;rule=dispensed": (1, "ok"),
    }


def test_calendar_periods_ask_supply_on_their_last_day():
    calendar = 'calendar = { from = 2020-01-01, until = 2020-04-01, step = "month" }\ndenominator = "all"'
    found = {}
    for rule, extra in (("covered", 'supply = "given"'), ("dispensed", "")):
        definition = drawn_set(
            f'id = "x"\nkind = "prevalence"\ncodes = ["statin", "asa"]\nrule = "{rule}"\n{calendar}\n{extra}'
        )
        # Day 10 is 11 January; 30 days of supply end with 9 February.
        rows = lmed(ANNA, NOBODYS, "anna 10 C10AA05 1 30", "anna 75 B01AC06 1 5")
        values = evaluate(definition, population=population(ANNA, index=False), events={"lmed": rows}, data_until={})
        found[rule] = [(value.period.label, outcome(value)[0][0]) for value in values]
    assert found == {
        "covered": [("2020-01", 1), ("2020-02", 0), ("2020-03", 0)],
        "dispensed": [("2020-01", 1), ("2020-02", 0), ("2020-03", 1)],
    }


def test_days_in_hospital_cannot_be_judged_where_the_model_freezes_them():
    stays = register(ANNA, [{"person": "anna", "day": 15, "discharge_date": date(2020, 1, 21)}],
                     date_column="admission_date")  # fmt: skip
    definition = drawn_set(
        'id = "x"\nkind = "prevalence"\ncodes = "statin"\nrule = "covered"\nsupply = "frozen"\nat_day = [15, 20]\n'
        'denominator = "all"'
    )
    values = evaluated(definition, population=population(ANNA), lmed=lmed(ANNA, *statin(10)), par_sv=stays)
    assert outcome(values["x/at_day=15;rule=covered"]) == [(None, "excluded:in_hospital")]
    assert outcome(values["x/at_day=20;rule=covered"]) == [(1, "ok")]


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ('rule = "covered"\nat_day = 1', "needs a supply model"),
        ('rule = "covered"\nsupply = "given"\nobserve = { from = 0, to = 9 }', "at_day or calendar"),
        ('rule = "dispensed"\nat_day = 1', "needs observe or calendar"),
        ('rule = "dispensed"', "give one of"),
        ('rule = "covered"\nsupply = "given"\nat_day = [1, 1]', "stands twice"),
    ],
)
def test_a_prevalence_names_its_rule_and_what_that_needs(extra, complaint):
    with pytest.raises(DefinitionRejected, match=complaint):
        drawn_set(f'id = "x"\nkind = "prevalence"\ncodes = "statin"\n{extra}')


# Combination


def test_groups_are_counted_and_the_combination_is_all_of_them():
    extra = 'codes = ["statin", "asa", "p2y12"]\nwindow = { from = 0, to = 30 }\nat_least = [1, 2, 3]'
    # B01AC34 is of two groups.
    for rows, groups in ((["anna 0 B01AC34 1 30"], 2), (["anna 0 B01AC34 1 30", *statin(30)], 3), (statin(31), 0)):
        values = said("combination", *rows, extra=extra)
        assert values == {
            "within_days=30;measure=groups": (groups, "ok"),
            **{f"within_days=30;at_least={least}": (float(groups >= least), "ok") for least in (1, 2, 3)},
        }


def test_the_mean_number_of_groups_is_of_the_laboratory():
    body = f'id = "x"\nkind = "combination"\ncodes = ["statin", "asa"]\n{WINDOW}'
    (by_default,) = drawn_set(body).indicators
    (asked,) = drawn_set(f'{body}\nstatistic = ["mean", "share"]').indicators
    assert (by_default.laboratory_statistics, asked.laboratory_statistics) == ([], ["mean"])


def test_by_default_all_groups_are_asked_for():
    values = said("combination", extra=f'codes = ["statin", "asa"]\n{WINDOW}')
    assert values == {"within_days=90;measure=groups": (0, "no_rows"), "within_days=90;at_least=2": (0, "no_rows")}


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ('codes = ["statin"]', "at least 2 items"),
        ('codes = ["statin", "statin"]', "stands twice"),
        ('codes = ["statin", "asa"]\nat_least = 3', "write 1 to 2"),
    ],
)
def test_a_combination_is_of_several_groups(extra, complaint):
    with pytest.raises(DefinitionRejected, match=complaint):
        drawn_set(f'id = "x"\nkind = "combination"\n{extra}\n{WINDOW}')


# Time to the first dispensing


@pytest.mark.parametrize(
    ("rows", "dies", "expected", "ending"),
    [
        (statin(0), None, (0, "ok"), Ending.EVENT),
        (statin(20, 30), None, (20, "ok"), Ending.EVENT),
        (statin(99), None, (99, "ok"), Ending.EVENT),
        (statin(100), None, (100, "ok"), Ending.CENSORED),
        ([], None, (100, "no_rows"), Ending.CENSORED),
        (statin(20), 20, (20, "ok"), Ending.COMPETING),
        (statin(20), 21, (20, "ok"), Ending.EVENT),
        ([], 100, (100, "no_rows"), Ending.COMPETING),
        ([], 101, (100, "no_rows"), Ending.CENSORED),
        (statin(-5, 3), None, (None, "excluded:washout"), None),
    ],
)
def test_time_ends_with_a_dispensing_with_death_or_with_follow_up(rows, dies, expected, ending):
    extra = "follow_up_days = 100\nwashout = { from = -10, to = -1 }"
    values = values_of("time_to_initiation", *rows, extra=extra, dies=dies)
    days = values["x/measure=days"]
    assert outcome(days) == [expected]
    if ending is not None:
        assert Ending(days.times.ending[0]) is ending
        assert outcome(values["x/measure=initiated"])[0][0] == float(ending is Ending.EVENT)
        assert outcome(values["x/measure=died"])[0][0] == float(ending is Ending.COMPETING)


def test_curves_of_the_start_end_with_follow_up():
    for extra in ('statistic = ["km"]\nat_days = 400', 'statistic = ["rmst:400"]'):
        with pytest.raises(DefinitionRejected, match="lies above follow_up_days"):
            drawn_set(f'id = "x"\nkind = "time_to_initiation"\ncodes = "statin"\n{extra}')
    with pytest.raises(EventsRejected, match="dates of death"):
        definition = drawn_set('id = "x"\nkind = "time_to_initiation"\ncodes = "statin"')
        evaluated(definition, population=population(ANNA), lmed=lmed(ANNA, NOBODYS))


# The medication possession ratio

RATIO = 'supply = "given"\nobserve = { from = 0, to = 100 }\nthreshold = 0.8'


@pytest.mark.parametrize(
    ("rows", "extra", "ratio", "reached"),
    [
        (statin(0, 50, supply=40), "", (0.8, "ok"), (1, "ok")),
        (statin(0, 50, supply=39), "", (0.78, "ok"), (0, "ok")),
        (statin(-1, 99, 100, supply=40), "", (0.4, "ok"), (0, "ok")),
        (statin(0, 1, supply=90), "", (1.8, "ok"), (1, "ok")),
        (statin(0, 1, supply=90), "cap_at_1 = true", (1, "ok"), (1, "ok")),
        (statin(50, supply=30), 'start = "first_dispensing"', (0.6, "ok"), (0, "ok")),
        (statin(50, supply=40), 'start = "first_dispensing"', (0.8, "ok"), (1, "ok")),
        (statin(-9, supply=40), 'start = "first_dispensing"', (None, "excluded:not_started"), None),
        ([], "", (0, "no_rows"), (0, "no_rows")),
    ],
)
def test_the_ratio_is_supply_over_days(rows, extra, ratio, reached):
    values = said("medication_possession_ratio", *rows, extra=f"{RATIO}\n{extra}")
    assert values["observe_days=100"] == ratio
    assert values["observe_days=100;at_least=0.8"] == (reached or (None, "excluded:not_started"))


def test_days_of_the_ratio_end_with_death():
    rows = statin(0, 60, supply=25)
    assert said("medication_possession_ratio", *rows, extra=RATIO, dies=50)["observe_days=100"] == (0.5, "ok")
    assert said("medication_possession_ratio", *rows, extra=RATIO, dies=0)["observe_days=100"] == (None, "no_time")


def test_the_ratio_from_the_first_dispensing_is_cma2():
    rows = statin(10, 60, supply=25)
    ours = values_of("medication_possession_ratio", *rows, extra=f'{RATIO}\nstart = "first_dispensing"')
    cma = values_of(
        "medication_availability",
        *rows,
        extra='measure = "cma2"\nsupply = "given"\nfollow_up = { anchor = "index_date", length = 100 }',
    )
    (theirs,) = (value for name, value in cma.items() if "cma2" in name)
    assert ours["x/observe_days=100"].number.tolist() == pytest.approx(theirs.number.tolist(), abs=1e-15)


# High intensity

INTENSE = """at_day = 365
thresholds = [{ atc = "C10AA05", least_mg = 40 }, { atc = "C10AA07", least_mg = 20 },
    { atc = "C10BA06", least_mg = 20, component = 1 }]
measure = "high_intensity"
"""
LIPIDS = HEADER + '[codes.lipid]\natc_include = ["C10AA", "C10BA06"]\n'


def intensity(*rows: tuple[int, str, str | None, str | None], extra: str = "") -> dict[str, tuple[float | None, str]]:
    """Rows: day, ATC, strength, dosage."""
    definition = drawn_set(f'id = "x"\nkind = "high_intensity"\ncodes = "lipid"\n{INTENSE}{extra}', header=LIPIDS)
    drawn = [
        {"person": "anna", "day": day, "atc": atc, "strength_text": strength, "dosage_text": dosage, "packages": 1}
        for day, atc, strength, dosage in [(5000, "N02BE01", "500 mg", "1x1"), *rows]
    ]
    values = evaluated(
        definition,
        population=population(ANNA),
        lmed=register(ANNA, drawn, date_column="dispensing_date"),
        dors=deaths(ANNA, {}),
    )
    return {name.partition("/")[2]: outcome(value)[0] for name, value in values.items()}


HIGH = "at_day=365;denominator=alive_at_N;measure=high_intensity"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(100, "C10AA05", "40 mg", "1 tablett dagligen")], (1, "ok")),
        ([(100, "C10AA05", "20 mg", "1 tablett dagligen")], (0, "ok")),
        ([(100, "C10AA05", "20 mg", "2 tabletter dagligen")], (1, "ok")),
        ([(100, "C10AA05", "80 mg", "½ tablett dagligen")], (1, "ok")),
        ([(100, "C10AA05", "40 mg", "enligt ordination")], (1, "ok")),
        ([(100, "C10AA07", "20 mg", None)], (1, "ok")),
        ([(100, "C10AA07", "10 mg", None)], (0, "ok")),
        ([(100, "C10AA01", "80 mg", "1x1")], (0, "ok")),
        ([(100, "C10AA05", "80 mg", "1x1"), (200, "C10AA05", "10 mg", "1x1")], (0, "ok")),
        ([(100, "C10AA05", "10 mg", "1x1"), (200, "C10AA05", "80 mg", "1x1")], (1, "ok")),
        ([(100, "C10AA05", "10 mg", "1x1"), (365, "C10AA05", "80 mg", "1x1")], (0, "ok")),
        ([(-1, "C10AA05", "80 mg", "1x1")], (0, "ok")),
        ([], (0, "no_rows")),
        ([(100, "C10BA06", "20 mg/10 mg", None)], (1, "ok")),
        ([(100, "C10BA06", "10 mg/20 mg", None)], (0, "ok")),
        ([(100, "C10BA06", "20 mg", None)], (None, "error:strength_text")),
        ([(100, "C10AA05", "40 mg/10 mg", None)], (None, "error:strength_text")),
        ([(100, "C10AA05", "4 %", None)], (None, "error:strength_text")),
        ([(100, "C10AA05", None, None)], (None, "error:strength_text")),
        ([(100, "C10AA05", "4 %", None), (200, "C10AA05", "40 mg", None)], (1, "ok")),
    ],
)
def test_the_last_dispensing_tells_the_dose(rows, expected):
    assert intensity(*rows)[HIGH] == expected


def test_two_strengths_on_one_day_are_one_dose_and_two_packages_of_one_are_not():
    rows = [(100, "C10AA05", "20 mg", "1x1"), (100, "C10AA05", "20 mg", "1x1"), (100, "C10AA05", "10 mg", "1x1")]
    assert intensity(*rows)[HIGH] == (0, "ok")
    assert intensity(*rows, (100, "C10AA05", "10,5 mg", "1x1"))[HIGH] == (1, "ok")


def test_an_assumed_dose_is_told():
    extra = 'among = "treated"\n'
    both = INTENSE.replace('measure = "high_intensity"\n', "")
    definition = drawn_set(f'id = "x"\nkind = "high_intensity"\ncodes = "lipid"\n{both}{extra}', header=LIPIDS)
    people = ["anna", "bo", "cilla"]
    rows = [
        {"person": "anna", "day": 5, "atc": "C10AA05", "strength_text": "40 mg", "dosage_text": "1x1", "packages": 1},
        {"person": "bo", "day": 5, "atc": "C10AA05", "strength_text": "40 mg", "dosage_text": "?", "packages": 1},
    ]
    values = evaluated(
        definition,
        population=population(people),
        lmed=register(people, rows, date_column="dispensing_date"),
        dors=deaths(people, {}),
    )
    gone = (None, "excluded:not_dispensed")
    assert outcome(values[f"x/{HIGH}"]) == [(1, "ok"), (1, "ok"), gone]
    assumed = values["x/at_day=365;denominator=alive_at_N;measure=assumed_dose"]
    assert outcome(assumed) == [(0, "ok"), (1, "ok"), gone]
    assert assumed.account == {"rows_by_dosage_text": 1, "rows_by_units_per_day:1": 1, "rows_without_threshold": 0}


def test_without_a_fallback_an_unread_dosage_gives_no_value():
    row = (100, "C10AA05", "40 mg", "enligt ordination")
    assert intensity(row, extra='dose = "dosage_text"')[HIGH] == (None, "error:dosage_text")


@pytest.mark.parametrize(("end", "high"), [("low", 0), ("mid", 0), ("high", 1)])
def test_a_range_of_units_is_read_only_where_the_definition_says_which_end(end, high):
    row = (100, "C10AA05", "20 mg", "1-2 tabletter dagligen")
    assert intensity(row, extra='dose = "dosage_text"')[HIGH] == (None, "error:dosage_text")
    assert intensity(row, extra=f'dose = "dosage_text:{end}"')[HIGH] == (high, "ok")


def test_a_bare_number_is_a_strength_only_where_the_definition_says_so():
    row = (100, "C10AA05", "40", None)
    assert intensity(row)[HIGH] == (None, "error:strength_text")
    assert intensity(row, extra='bare_number = "mg"')[HIGH] == (1, "ok")


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ("thresholds = []", "at least 1 item"),
        ('thresholds = [{ atc = "C10AA", least_mg = 40 }]', "pattern"),
        ('thresholds = [{ atc = "C10AA05", least_mg = 0 }]', "greater than 0"),
        ('thresholds = [{ atc = "C10AA05", least_mg = 1 }, { atc = "C10AA05", least_mg = 2 }]', "stands twice"),
        ('thresholds = [{ atc = "C10AA05", least_mg = 1 }]\ndose = ["units_per_day:1", "dosage_text"]', "last step"),
        ('thresholds = [{ atc = "C10AA05", least_mg = 1 }]\ndose = "units_per_day:0"', "above 0"),
    ],
)
def test_thresholds_are_data_that_is_checked(extra, complaint):
    with pytest.raises(DefinitionRejected, match=complaint):
        drawn_set(f'id = "x"\nkind = "high_intensity"\ncodes = "statin"\nat_day = 365\n{extra}')


# Primary non-adherence

PRESCRIBED = 'prescriptions = "eprescriptions"\nwindow = { from = 0, to = 100 }\nwithin_days = 30\n'


def prescribed(
    prescriptions: list[tuple[Any, ...]], *rows: str, extra: str = "", dies: int | None = None, until: Any = None
) -> dict[str, tuple[float | None, str]]:
    """Prescriptions: day, ATC and, as it may be, whether cancelled."""
    definition = drawn_set(
        f'id = "x"\nkind = "primary_non_adherence"\ncodes = "statin"\n{PRESCRIBED}{extra}\n'
        'measure = ["first", "share", "prescriptions", "not_dispensed"]'
    )
    drawn = [
        {"person": "anna", "day": day, "atc": atc, "cancelled": int(bool(flag and flag[0]))}
        for day, atc, *flag in [(5000, "N02BE01"), *prescriptions]
    ]
    values = evaluated(
        definition,
        population=population(ANNA),
        lmed=lmed(ANNA, NOBODYS, *rows),
        dors=deaths(ANNA, {} if dies is None else {"anna": dies}),
        eprescriptions=register(ANNA, drawn, date_column="prescribing_date"),
        until=until,
    )
    return {name.rpartition("measure=")[2]: outcome(value)[0] for name, value in values.items()}


@pytest.mark.parametrize(("day", "not_dispensed"), [(4, 1), (5, 0), (35, 0), (36, 1)])
def test_a_prescription_is_dispensed_within_thirty_days_or_not(day, not_dispensed):
    values = prescribed([(5, "C10AA05")], *statin(day))
    assert values == {
        "first": (not_dispensed, "ok"),
        "share": (not_dispensed, "ok"),
        "prescriptions": (1, "ok"),
        "not_dispensed": (not_dispensed, "ok"),
    }


def test_another_drug_of_the_codes_counts_only_where_the_definition_says_so():
    row = "anna 10 C10AA01 1 30"
    assert prescribed([(5, "C10AA05")], row)["first"] == (1, "ok")
    assert prescribed([(5, "C10AA05")], row, extra='match = "codes"')["first"] == (0, "ok")


def test_cancelled_prescriptions_are_left_out():
    values = prescribed([(5, "C10AA05", True), (50, "C10AA05")], *statin(60))
    assert (values["first"], values["prescriptions"]) == ((0, "ok"), (1, "ok"))
    assert prescribed([(5, "C10AA05", True)])["first"] == (None, "excluded:not_prescribed")


def test_a_share_is_of_all_prescriptions_of_a_person():
    values = prescribed([(0, "C10AA05"), (40, "C10AA05"), (101, "C10AA05")], *statin(50))
    assert values["first"] == (1, "ok")
    assert values["share"] == (0.5, "ok")
    assert (values["prescriptions"], values["not_dispensed"]) == ((2, "ok"), (1, "ok"))


def test_the_mean_share_of_prescriptions_is_of_the_laboratory():
    body = f'id = "x"\nkind = "primary_non_adherence"\ncodes = "statin"\n{PRESCRIBED}'
    for extra, unprotected in (
        ("", []),
        ('measure = ["first", "prescriptions", "not_dispensed"]', []),
        ('measure = "share"', ["the mean of measure = 'share'"]),
    ):
        (indicator,) = drawn_set(f"{body}{extra}").indicators
        assert indicator.laboratory_statistics == unprotected


def test_prescriptions_must_be_observed_for_as_long():
    # Days 5 to 35 are observed where she dies on day 36.
    assert prescribed([(5, "C10AA05")], dies=36)["first"] == (1, "ok")
    values = prescribed([(5, "C10AA05")], *statin(10), dies=35)
    assert values["first"] == (None, "excluded:not_observed_for_30")
    assert (values["share"], values["prescriptions"]) == ((None, "excluded:not_prescribed"), (0, "ok"))


def test_who_has_no_prescription_is_not_asked():
    values = prescribed([])
    assert values["first"] == values["share"] == (None, "excluded:not_prescribed")
    assert values["prescriptions"] == (0, "no_rows")


def test_a_prescription_without_a_date_spoils_its_person():
    assert prescribed([(None, "C10AA05"), (5, "C10AA05")])["first"] == (None, "error:prescribing_date")


def test_a_run_without_prescriptions_is_refused_and_says_why():
    definition = drawn_set(f'id = "x"\nkind = "primary_non_adherence"\ncodes = "statin"\n{PRESCRIBED}')
    with pytest.raises(EventsRejected, match="no register that comes with the program holds prescriptions"):
        evaluated(definition, population=population(ANNA), lmed=lmed(ANNA, NOBODYS), dors=deaths(ANNA, {}))


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ('prescriptions = "lmed"\nwindow = { from = 0, to = 9 }', "register of prescriptions"),
        ('prescriptions = "p"\nwindow = { from = 0, to = [9, 19] }', "must be one day"),
        ('prescriptions = "p"\nwindow = { from = 0, to = 9 }\nwithin_days = [30, 30]', "stands twice"),
        ('prescriptions = "p"\nwindow = { from = 9, to = 0 }', "before the first day"),
    ],
)
def test_prescriptions_are_a_register_of_their_own(extra, complaint):
    with pytest.raises(DefinitionRejected, match=complaint):
        drawn_set(f'id = "x"\nkind = "primary_non_adherence"\ncodes = "statin"\n{extra}')
