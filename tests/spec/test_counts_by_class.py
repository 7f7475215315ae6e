"""Curves, quantiles, paths and outcomes by class as an order prints them, worked by hand."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_core.aggregates import count_by
from linkage_core.blocks import persons_between
from linkage_core.class_table import ClassCounts, ClassKind, PersonClass
from linkage_core.count_block import count_block
from linkage_core.counted_file import counted_from_bytes, counted_to_bytes
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import folded, protect
from linkage_core.events import PersonEvents
from linkage_core.grids import counting_plan
from linkage_core.indicators import PersonValues, evaluate
from linkage_core.table_review.coarsening import Coarsening, coarsened
from tests.support.indicator_tables import HEADER, deaths, drawn_set, population, register

POLICY = shipped_policies()["standard@1.0.0"]
Line = dict[str, object]
CURVE = (
    'id = "time"\nkind = "time_to_initiation"\ncodes = "statin"\nfollow_up_days = 90\nat_days = [30, 60, 90]\n'
    'statistic = ["count", "share", "km", "cif", "median"]\n'
)
COST = 'id = "cost"\nkind = "cost"\nobserve = { from = 0, to = 365 }\nstatistic = ["mean", "median", "quantile:0.9"]\n'
PATHS = (
    'id = "lines"\nkind = "treatment_lines"\ncodes = ["statin", "asa"]\nsupply = "given"\n'
    'observe = { from = 0, to = 365 }\nstatistic = ["count", "share", "paths"]\n'
)


def rows_of(*groups: tuple[int, tuple[tuple[int, str, float], ...]]) -> tuple[list[str], list[dict[str, object]]]:
    """Persons in groups: how many, and for each of a group (day, code, cost) of her rows."""
    names: list[str] = []
    rows: list[dict[str, object]] = []
    for persons, own in groups:
        for _ in range(persons):
            names.append(f"p{len(names)}")
            rows += [
                {"person": names[-1], "day": day, "atc": atc, "packages": 1, "days_supply": 60, "cost_total": cost}
                for day, atc, cost in own
            ]
    return names, rows


def values_of(body: str, names: list[str], rows: list[dict[str, object]], **more: PersonEvents) -> list[PersonValues]:
    events = {"lmed": register(names, rows, date_column="dispensing_date"), **more}
    return evaluate(
        drawn_set(body, header=HEADER), population=population(names), events=events, data_until={}, row_dimensions=()
    )


def counted(body: str, names: list[str], rows: list[dict[str, object]], **more: PersonEvents) -> CountedTable:
    values = values_of(body, names, rows, **more)
    return folded(count_by(values, population=population(names), by=[]), POLICY)


def printed(body: str, *groups: tuple[int, tuple[tuple[int, str, float], ...]]) -> dict[tuple[str, str], Line]:
    names, rows = rows_of(*groups)
    table = counted(body, names, rows, dors=deaths(names, {}))
    lines = protect(table, POLICY).table.to_pylist()
    return {(line["statistic"], line["parameters"]): line for line in lines}


STATIN, ASA = "C10AA05", "B01AC06"


def test_steps_of_few_events_go_with_the_next_and_survival_is_of_printed_counts() -> None:
    """5 begin on day 45: fewer than twice ten, so that days 31 to 60 go with 61 to 90."""
    lines = printed(CURVE, (40, ((10, STATIN, 1),)), (5, ((45, STATIN, 1),)), (30, ((80, STATIN, 1),)), (125, ()))
    told = {words: line["value"] for (statistic, words), line in lines.items() if statistic == "persons"}
    assert told == {
        "measure=initiated": 75,
        "measure=died": 0,
        "ended=any": 200,
        "days=0..30;ended=initiated": 40,
        "days=31..90;ended=initiated": 35,
        "days=0..;ended=still_followed_or_left_or_died": 125,
    }
    assert lines["survival", "at_day=30"]["value"] == pytest.approx(160 / 200)
    last = lines["survival", "at_day=90"]
    assert (last["numerator"], last["denominator"], last["value"]) == (35, 160, pytest.approx(125 / 200))
    assert ("survival", "at_day=60") not in lines
    # Who died is too few to be told apart, so that nothing is told of competing ends.
    assert not [words for statistic, words in lines if statistic == "cumulative_incidence"]
    median = lines["quantile", "quantile=0.5"]
    assert (median["status"], median["value"]) == ("undefined", None)


def test_a_median_is_an_interval_and_a_place_in_it() -> None:
    lines = printed(CURVE, (40, ((10, STATIN, 1),)), (100, ((50, STATIN, 1),)), (60, ()))
    median = lines["quantile", "quantile=0.5"]
    # 0.8 before day 31 and 0.3 after day 60: three fifths of the 30 days.
    assert (median["lower"], median["upper"], median["value"]) == (31, 60, pytest.approx(31 + 0.6 * 30))


def test_a_curve_stops_before_an_event_that_is_hidden() -> None:
    """3 of 100 men begin on days 31 to 90: they are hidden, and with them as many women who do."""
    names, rows = rows_of((60, ((10, STATIN, 1),)), (24, ((45, STATIN, 1),)), (116, ()))
    values = values_of(CURVE.replace("[30, 60, 90]", "[30, 90]"), names, rows, dors=deaths(names, {}))
    men = [place < 30 or 60 <= place < 63 or place >= 133 for place in range(200)]
    who = population(names, sex=pa.array([1 if man else 2 for man in men]).cast(pa.uint8()))
    table = protect(folded(count_by(values, population=who, by=[["sex"]]), POLICY), POLICY).table.to_pylist()
    curve = {(line["sex"], line["parameters"]): line for line in table if line["statistic"] == "survival"}
    assert curve["total", "at_day=90"]["value"] == pytest.approx(116 / 200)
    for sex in ("man", "woman"):
        assert curve[sex, "at_day=90"]["status"] == "suppressed"
        assert curve[sex, "at_day=90"]["value"] is None


def test_quantiles_are_of_bins_with_one_in_twenty_persons_or_more() -> None:
    """100 pay 100, 60 pay 260, 40 pay 1000: the median lies in the bin from 100 on."""
    lines = printed(COST, (100, ((1, STATIN, 100),)), (60, ((1, STATIN, 260),)), (40, ((1, STATIN, 1000),)))
    told = {words: line["value"] for (statistic, words), line in lines.items() if statistic == "persons"}
    assert told == {
        "cost=total;observe_days=365;value=any": 200,
        "cost=total;observe_days=365;value=0..120": 100,
        "cost=total;observe_days=365;value=120..300": 60,
        "cost=total;observe_days=365;value=300..": 40,
    }
    median = lines["quantile", "cost=total;observe_days=365;quantile=0.5"]
    assert (median["value"], median["lower"], median["upper"], median["denominator"]) == (120, 0, 120, 200)
    top = lines["quantile", "cost=total;observe_days=365;quantile=0.9"]
    # The last bin has no end, so nobody's value is told as one.
    assert (top["value"], top["lower"], top["upper"]) == (None, 300, None)


def test_a_quantile_within_a_bin_is_as_far_in_it_as_its_share_of_the_persons() -> None:
    """100 are below 120; the 120th of 200 is a third of the way through the 60 from there to 300."""
    people = (100, ((1, STATIN, 100),)), (60, ((1, STATIN, 260),)), (40, ((1, STATIN, 1000),))
    line = printed(COST.replace("0.9", "0.6"), *people)["quantile", "cost=total;observe_days=365;quantile=0.6"]
    assert (line["value"], line["lower"], line["upper"]) == (pytest.approx(180), 120, 300)


def test_no_quantile_is_told_of_fewer_than_three_times_the_least_count() -> None:
    names, rows = rows_of((200, ((1, STATIN, 100),)))
    values = values_of(COST, names, rows, dors=deaths(names, {}))
    who = population(names, sex=pa.array([1] * 29 + [2] * 171).cast(pa.uint8()))
    table = protect(folded(count_by(values, population=who, by=[["sex"]]), POLICY), POLICY).table.to_pylist()
    told = {line["sex"]: line["status"] for line in table if line["statistic"] == "quantile"}
    assert told == {"man": "suppressed", "woman": "undefined", "total": "undefined"}


def test_rare_paths_are_told_together_by_their_number_of_lines() -> None:
    lines = printed(
        PATHS,
        (60, ((1, STATIN, 1),)),
        (30, ((1, ASA, 1),)),
        (25, ((1, STATIN, 1), (120, ASA, 1))),
        (12, ((1, ASA, 1), (120, STATIN, 1))),
        (73, ()),
    )
    point = "observe_days=365;"
    told = {
        words.removeprefix(point): line["value"]
        for (statistic, words), line in lines.items()
        if statistic == "persons" and "path=" in words
    }
    assert told == {
        "path=any": 200,
        "path=none": 73,
        "path=statin": 60,
        "path=asa": 30,
        # 12 alone could be told apart from 25 by whoever knows how many have two lines.
        "path=other of 2": 37,
    }
    assert lines["persons", f"{point}measure=reached;line=2"]["value"] == 37
    share = lines["share", f"{point}path=statin"]
    assert share["value"] == pytest.approx(0.3)
    # Wilson's interval of 60 in 200.
    assert (share["lower"], share["upper"]) == pytest.approx((0.24075, 0.36679), abs=1e-5)


def test_a_path_of_just_enough_persons_is_told_by_itself() -> None:
    enough = 2 * POLICY.minimum_cell
    for persons in (enough, enough - 1):
        lines = printed(PATHS, (60, ((1, STATIN, 1),)), (persons, ((1, ASA, 1),)), (140 - persons, ()))
        assert (("persons", "observe_days=365;path=asa") in lines) is (persons == enough)


def test_those_who_die_leave_a_curve_and_compete_in_an_incidence() -> None:
    """40 of 200 begin by day 30; of those left 20 die and 60 begin by day 90."""
    groups = [(40, ((10, STATIN, 1),)), (60, ((80, STATIN, 1),)), (20, ()), (80, ())]
    names, rows = rows_of(*groups)
    died = deaths(names, dict.fromkeys(names[100:120], 50))
    table = counted(CURVE.replace("[30, 60, 90]", "[30, 90]"), names, rows, dors=died)
    told = {(line["statistic"], line["parameters"]): line for line in protect(table, POLICY).table.to_pylist()}
    # The 20 are told of days 0 to 90, so evenly: 6.8 by day 30. Who leaves is there for half of an interval.
    early = 20 * 31 / 91
    first = 1 - 40 / (200 - early / 2)
    assert told["survival", "at_day=30"]["value"] == pytest.approx(first)
    rest = 200 - 40 - early
    assert told["survival", "at_day=90"]["value"] == pytest.approx(first * (1 - 60 / (rest - (20 - early) / 2)))
    # Nobody else left: of each end as many as had it.
    for measure, day, had in (("initiated", 30, 40), ("initiated", 90, 100), ("died", 90, 20)):
        line = told["cumulative_incidence", f"measure={measure};at_day={day}"]
        assert (line["value"], line["numerator"], line["denominator"]) == (pytest.approx(had / 200), had, 200)


LANDMARK = (
    'id = "landmark"\nkind = "landmark_outcome"\ncodes = "statin"\nsupply = "given"\nlandmark_day = 60\n'
    "threshold = [0.5]\nfollow_up_days = 100\nat_days = [50, 100]\n"
    'outcome = { register = "lmed", date = "dispensing_date", codes = "asa", columns = "atc" }\n'
    'statistic = ["count", "share", "km"]\n'
)


def test_outcomes_by_adherence_class_add_up_to_all_at_the_landmark() -> None:
    lines = printed(
        LANDMARK,
        (30, ((0, STATIN, 1), (80, ASA, 1))),
        (70, ((0, STATIN, 1),)),
        (25, ((80, ASA, 1),)),
        (75, ()),
    )
    words = "landmark_day=60;{}measure=outcome"
    counts = [lines["persons", words.format(part)]["value"] for part in ("pdc=0.5..1;", "pdc=0..0.5;", "")]
    assert counts == [30, 25, 55]
    curve = lines["survival", "landmark_day=60;pdc=0.5..1;at_day=50"]
    assert (curve["value"], curve["denominator"]) == (pytest.approx(0.7), 100)


@pytest.mark.parametrize("body", [CURVE, COST, PATHS], ids=["times", "values", "paths"])
def test_blocks_of_persons_merge_to_the_same_table(body: str) -> None:
    names, rows = rows_of(
        (40, ((10, STATIN, 100),)), (30, ((45, STATIN, 1), (150, ASA, 7))), (30, ((80, ASA, 1),)), (100, ())
    )
    values = values_of(body, names, rows, dors=deaths(names, {}))
    who = population(names)
    plan = counting_plan(who, [], age_on=None)
    whole = count_block(values, population=who, plan=plan)
    parts = []
    for first, last in ((0, 90), (90, 200)):
        here = [row for row in rows if first <= int(str(row["person"])[1:]) < last]
        own = values_of(body, names[first:last], here, dors=deaths(names[first:last], {}))
        parts.append(count_block(own, population=persons_between(who, first, last), plan=plan, layout=whole.layout))
    merged = parts[0].merge(parts[1])
    for name, one in whole.by_class.items():
        assert as_counts(one) == as_counts(merged.by_class[name])


def as_counts(one: ClassCounts) -> dict[str, int]:
    (counts,) = one.by_grid
    return {own.words: int(persons) for own, persons in zip(one.classes, counts[0], strict=True) if persons}


def test_classes_of_different_blocks_keep_their_own_counts() -> None:
    one = PersonClass("path=a", 1, 1)
    other = PersonClass("path=b", 1, 1)
    first, second = (
        ClassCounts(ClassKind.PATHS, (own,), (pa.array([persons]).to_numpy().reshape(1, 1),))
        for own, persons in ((one, 3), (other, 4))
    )
    assert as_counts(first.merge(second)) == {"path=a": 3, "path=b": 4}


def test_a_stored_table_is_read_back_and_made_coarser_with_its_classes() -> None:
    names, rows = rows_of((120, ((10, STATIN, 100),)), (80, ()))
    values = values_of(CURVE, names, rows, dors=deaths(names, {}))
    who = population(names, sex=pa.array([1, 2] * 100).cast(pa.uint8()))
    table = folded(count_by(values, population=who, by=[["sex"]]), POLICY)
    content = counted_to_bytes(table)
    again = counted_from_bytes(content, sha256=hashlib.sha256(content).hexdigest())
    assert again.classes == table.classes
    assert again.class_sums == table.class_sums
    without = coarsened(again, Coarsening("sex", ()))
    assert {one.dimensions for one in without.classes} == {()}
    assert protect(without, POLICY).table.num_rows
