"""What a line says of each cell: values of each statistic by hand, status, and why it is blank."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from linkage_core.counted_table import (
    AGE_GROUP,
    CountedTable,
    Dimension,
    Line,
    PersonCube,
    PublicCube,
    RateLine,
    Statistic,
    SumCube,
)
from linkage_core.disclosure.linked_cells import number_cells
from linkage_core.disclosure.printed_lines import Numbers, officer_table, printed_table, reasons_table
from linkage_core.disclosure.rate_lines import crude_rate

SEX = Dimension("sex", ("man", "woman", "other"))
YEAR = Dimension("year", ("2020", "2021"))
MAN, WOMAN, OTHER, ALL = range(4)
YES, PERSONS, DOSES, DAYS = "yes", "persons", "doses", "days"
CUBES = (
    PersonCube(YES, (SEX,), np.array([30, 20, 0, 50])),
    PersonCube(PERSONS, (SEX,), np.array([120, 80, 0, 200])),
)
SUMS = (
    SumCube(DOSES, (SEX,), np.array([45_00, 60_00, 0, 105_00]), 100, YES),
    SumCube(DAYS, (SEX,), np.array([36_525, 73_050, 0, 109_575]), 1, PERSONS),
)


def lines_of(
    *lines: Line,
    blank: dict[str, list[int]] | None = None,
    small: dict[str, list[int]] | None = None,
    company: dict[str, list[int]] | None = None,
    dimensions: tuple[Dimension, ...] = (SEX,),
    cubes: tuple[PersonCube, ...] = CUBES,
    sums: tuple[SumCube, ...] = SUMS,
    **more: object,
) -> tuple[list[dict[str, object]], list[dict[str, object]], list[dict[str, object]]]:
    """Lines, what officers read, and why persons had no value; cells are named by set and place, the total last."""
    persons = number_cells((one.persons_key, one.dimensions, one.persons) for one in cubes)
    amounts = number_cells((one.sum_key, one.dimensions, one.sums) for one in sums)

    def flags(named: dict[str, list[int]] | None) -> tuple[np.ndarray, np.ndarray]:
        found = np.zeros(persons.values.size, dtype=np.bool_), np.zeros(amounts.values.size, dtype=np.bool_)
        for key, places in (named or {}).items():
            for cube in cubes:
                if cube.persons_key == key:
                    own = persons.cube(key, tuple(axis.name for axis in cube.dimensions))
                    found[0][own.ravel()[places]] = True
            for summed in sums:
                if summed.sum_key == key:
                    own = amounts.cube(key, tuple(axis.name for axis in summed.dimensions))
                    found[1][own.ravel()[places]] = True
        return found

    (blank_persons, blank_sums), (few_persons, few_sums), of_companies = flags(blank), flags(small), flags(company)
    numbers = Numbers(
        persons, few_persons, blank_persons, amounts, few_sums, blank_sums, {one.sum_key: one.scale for one in sums},
        *of_companies,
    )  # fmt: skip
    table = CountedTable(cubes, sums, (), lines, **more)  # type: ignore[arg-type]
    found, why = printed_table(table, dimensions, numbers)
    return found.to_pylist(), officer_table(why).to_pylist(), reasons_table(table, numbers).to_pylist()


def line(statistic: Statistic, *names: str, **fields: object) -> Line:
    return Line("one", "p=1", statistic, names, **fields)  # type: ignore[arg-type]


SHARE = line(Statistic.SHARE, "sex", numerator_key=YES, denominator_key=PERSONS)


@pytest.mark.parametrize(
    ("asked", "values", "numerators", "denominators", "years"),
    [
        (line(Statistic.PERSONS, "sex", numerator_key=YES), [30, 20, 0, 50], [30, 20, 0, 50], None, None),
        (SHARE, [0.25, 0.25, None, 0.25], [30, 20, 0, 50], [120, 80, 0, 200], None),
        (
            line(Statistic.PER_1000, "sex", numerator_key=YES, denominator_key=PERSONS),
            [250, 250, None, 250], [30, 20, 0, 50], [120, 80, 0, 200], None,
        ),
        (line(Statistic.SUM, "sex", sum_key=DOSES), [45, 60, 0, 105], None, None, None),
        (
            line(Statistic.MEAN, "sex", sum_key=DOSES, denominator_key=YES),
            [1.5, 3, None, 2.1], [45, 60, 0, 105], [30, 20, 0, 50], None,
        ),
        (
            line(Statistic.RATE_PER_1000_PERSON_YEARS, "sex", numerator_key=YES, person_time_key=DAYS),
            [300, 100, None, 50_000 / 300], [30, 20, 0, 50], None, [100, 200, 0, 300],
        ),
        (
            line(Statistic.RATE_PER_1000_PERSON_YEARS, "sex", sum_key=DOSES, person_time_key=DAYS),
            [450, 300, None, 350], [45, 60, 0, 105], None, [100, 200, 0, 300],
        ),
    ],
)  # fmt: skip
def test_values_are_formed_of_their_counts_and_sums(
    asked: Line,
    values: list[float | None],
    numerators: list[float] | None,
    denominators: list[int] | None,
    years: list[float] | None,
) -> None:
    found, why, _ = lines_of(asked)
    assert [one["sex"] for one in found] == ["man", "woman", "other", "total"]
    for name, expected in (
        ("value", values), ("numerator", numerators), ("denominator", denominators), ("person_time", years),
    ):  # fmt: skip
        assert [one[name] for one in found] == [
            None if number is None else pytest.approx(number) for number in expected or [None] * 4
        ]
    assert [one["status"] for one in found] == ["undefined" if value is None else "ok" for value in values]
    assert {(one["lower"], one["upper"], one["reason"], one["period"]) for one in found} == {(None, None, "", "total")}
    assert {(one["indicator"], one["parameters"], one["statistic"]) for one in found} == {
        ("one", "p=1", asked.statistic.value)
    }
    assert why == []


def test_sums_are_told_in_parts_of_a_whole_and_of_one_person_too() -> None:
    cubes = (PersonCube(YES, (SEX,), np.array([1, 2, 0, 3])),)
    sums = (SumCube(DOSES, (SEX,), np.array([1_50, 2_25, 0, 3_75]), 100, YES),)
    total, mean = (
        line(Statistic.SUM, "sex", sum_key=DOSES),
        line(Statistic.MEAN, "sex", sum_key=DOSES, denominator_key=YES),
    )
    found, _, _ = lines_of(total, mean, cubes=cubes, sums=sums)
    assert [one["value"] for one in found] == [1.5, 2.25, 0, 3.75, 1.5, 1.125, None, 1.25]


def test_limits_are_multiplied_as_the_value_is() -> None:
    share, by_1000 = (
        lines_of(line(statistic, "sex", numerator_key=YES, denominator_key=PERSONS, interval="wilson"))[0]
        for statistic in (Statistic.SHARE, Statistic.PER_1000)
    )
    # Wilson's interval of 30 in 120.
    assert (share[MAN]["lower"], share[MAN]["upper"]) == (
        pytest.approx(0.181098, abs=1e-5),
        pytest.approx(0.334414, abs=1e-5),
    )
    assert by_1000[MAN]["lower"] == pytest.approx(1000 * share[MAN]["lower"])
    assert by_1000[MAN]["upper"] == pytest.approx(1000 * share[MAN]["upper"])
    assert (share[OTHER]["lower"], share[OTHER]["upper"]) == (None, None)


def test_a_line_is_blank_if_one_of_its_inputs_is_and_officers_read_which() -> None:
    found, why, _ = lines_of(
        SHARE,
        blank={YES: [MAN, WOMAN], PERSONS: [WOMAN]},
        small={YES: [MAN]},
        company={PERSONS: [WOMAN]},
    )
    assert [one["status"] for one in found] == ["suppressed", "suppressed", "undefined", "ok"]
    assert [one["reason"] for one in found] == ["small_cell_protection", "small_cell_protection", "", ""]
    for one in found[:2]:
        assert [one[name] for name in ("value", "lower", "upper", "numerator", "denominator", "person_time")] == [
            None
        ] * 6
    assert [(one["row"], one["rule"], one["input"]) for one in why] == [
        (0, "small_cell", "numerator"),
        (1, "protects_small_cell", "numerator"),
        (1, "company_secrecy", "denominator"),
    ]


def test_a_sum_is_blank_by_itself_too() -> None:
    mean = line(Statistic.MEAN, "sex", sum_key=DOSES, denominator_key=YES)
    rate = line(Statistic.RATE_PER_1000_PERSON_YEARS, "sex", numerator_key=YES, person_time_key=DAYS)
    found, why, _ = lines_of(
        mean, rate, blank={DOSES: [WOMAN], DAYS: [MAN]}, small={DAYS: [MAN]}, company={DOSES: [WOMAN]}
    )
    assert [one["status"] for one in found] == [
        "ok", "suppressed", "undefined", "ok", "suppressed", "ok", "undefined", "ok",
    ]  # fmt: skip
    assert [(one["row"], one["rule"], one["input"]) for one in why] == [
        (1, "company_secrecy", "sum"), (4, "small_cell", "person_time"),
    ]  # fmt: skip


def test_a_window_that_is_not_over_is_said_of_each_open_cell() -> None:
    early = line(Statistic.SHARE, "sex", numerator_key=YES, denominator_key=PERSONS, incomplete=True)
    found, _, _ = lines_of(early, blank={YES: [MAN]})
    assert [one["status"] for one in found] == ["suppressed", "incomplete", "undefined", "incomplete"]


def test_a_cell_that_two_lines_share_is_printed_once_and_rows_are_counted_on() -> None:
    crossed = PersonCube(YES, (SEX, YEAR), np.array([[10, 20, 30], [15, 5, 20], [0, 0, 0], [25, 25, 50]]))
    by_sex = line(Statistic.PERSONS, "sex", numerator_key=YES)
    both = line(Statistic.PERSONS, "sex", "year", numerator_key=YES)
    found, why, _ = lines_of(
        by_sex, both, cubes=(crossed,), sums=(), dimensions=(YEAR, SEX), blank={YES: [0, 4]}, small={YES: [4]}
    )
    assert [(one["sex"], one["year"]) for one in found] == [
        ("man", "total"), ("woman", "total"), ("other", "total"), ("total", "total"),
        *((sex, year) for sex in ("man", "woman", "other", "total") for year in ("2020", "2021")),
    ]  # fmt: skip
    assert [one["period"] for one in found] == ["total"] * 4 + ["2020", "2021"] * 4
    assert [one["value"] for one in found] == [30, 20, 0, 50, None, 20, 15, None, 0, 0, 25, 25]
    assert [(one["row"], one["rule"]) for one in why] == [(4, "protects_small_cell"), (7, "small_cell")]


def test_a_line_of_one_period_names_it() -> None:
    of_2021 = line(Statistic.PERSONS, "sex", numerator_key=YES, period=("year", "2021"))
    found, _, _ = lines_of(of_2021, dimensions=(SEX, YEAR))
    assert {(one["year"], one["period"]) for one in found} == {("2021", "2021")}
    assert [one["sex"] for one in found] == ["man", "woman", "other", "total"]


def test_why_persons_had_no_value_is_told_where_it_is_open() -> None:
    cubes = (*CUBES, PersonCube("left", (), np.array(12)))
    reasons = (("one", "left", "left"), ("two", "moved", PERSONS))
    _, _, why = lines_of(SHARE, cubes=cubes, reasons=reasons, blank={PERSONS: [MAN]})
    assert [(one["indicator"], one["reason"], one["persons"], one["status"]) for one in why] == [
        ("one", "left", 12, "ok"), ("two", "moved", 200, "ok"),
    ]  # fmt: skip


PEOPLE = PublicCube("inhabitants", ("sex",), np.array([1000.4, 500.0, 0.0, 1500.4]))


def test_rates_are_of_inhabitants_and_days() -> None:
    users = line(Statistic.PER_1000_INHABITANTS, "sex", numerator_key=YES, inhabitants_key="inhabitants", days=366)
    doses = line(Statistic.DDD_PER_1000_A_DAY, "sex", sum_key=DOSES, inhabitants_key="inhabitants", days=366)
    found, _, _ = lines_of(users, doses, public=(PEOPLE,), blank={DOSES: [WOMAN]})
    assert [one["value"] for one in found] == [
        pytest.approx(30_000 / 1000.4), 40, None, pytest.approx(50_000 / 1500.4),
        pytest.approx(45_000 / 1000.4 / 366), None, None, pytest.approx(105_000 / 1500.4 / 366),
    ]  # fmt: skip
    assert [one["status"] for one in found] == ["ok", "ok", "undefined", "ok", "ok", "suppressed", "undefined", "ok"]
    # What is divided by is the mean population itself; it is printed as a whole number.
    assert [one["denominator"] for one in found] == [1000, 500, 0, 1500, 1000, None, 0, 1500]
    assert [one["numerator"] for one in found] == [30, 20, 0, 50, 45, None, 0, 105]
    assert found[WOMAN]["person_time"] == pytest.approx(500 * 366 / 365.25)


@pytest.mark.parametrize(
    ("interval", "known"),
    [("", [False] * 4), ("wilson", [True, True, False, False]), ("poisson", [True] * 3 + [False])],
)
def test_limits_of_a_rate_need_inhabitants_and_as_a_share_no_fewer_than_users(interval: str, known: list[bool]) -> None:
    asked = line(Statistic.PER_1000_INHABITANTS, "sex", numerator_key=YES, interval=interval, days=366)
    counted, people = np.array([30.0, 40.0, 50.0, 0.0]), np.array([120.0, 40.0, 49.0, 0.0])
    value, lower, upper = crude_rate(asked, counted, people)
    assert value.tolist()[:2] == [250, 1000]
    assert np.isnan(value).tolist() == [False, False, False, True]
    assert (~np.isnan(lower)).tolist() == (~np.isnan(upper)).tolist() == known
    if interval == "wilson":
        assert (lower[0], upper[0]) == (pytest.approx(181.098, abs=0.01), pytest.approx(334.414, abs=0.01))
    if interval == "poisson":  # of 30 by the chi-square distribution: 20.24 to 42.83
        assert (lower[0], upper[0]) == (pytest.approx(20_240.8 / 120, abs=0.5), pytest.approx(42_826.9 / 120, abs=0.5))


AGE = Dimension(AGE_GROUP, ("-39", "40-49", "50+"))
BY_AGE = np.array([[6, 10, 20, 36], [4, 30, 10, 44], [0, 0, 0, 0], [10, 40, 30, 80]])
INHABITANTS = np.array([[900.0, 100, 400, 1400], [900, 200, 100, 1200], [0, 0, 0, 0], [1800, 300, 500, 2600]])


def rates(
    statistic: Statistic, **flags: dict[str, list[int]]
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Of ages from 40 on, at weights one and three."""
    asked = line(statistic, "sex", numerator_key=YES, inhabitants_key="inhabitants", days=365)
    found, why, _ = lines_of(
        cubes=(PersonCube(YES, (SEX, AGE), BY_AGE),),
        sums=(),
        public=(
            PublicCube("inhabitants", ("sex", AGE_GROUP), INHABITANTS),
            PublicCube("inhabitants", (AGE_GROUP,), INHABITANTS[-1]),
        ),
        rates=(RateLine(asked, (-1, 0, 1), (1.0, 3.0)),),
        **flags,  # type: ignore[arg-type]
    )
    return found, why


def test_a_standardised_rate_weighs_the_rates_of_its_ages() -> None:
    found, _ = rates(Statistic.STANDARDISED)
    # Men 100 and 50, women 150 and 100, all 133.3 and 60 in 1,000; the young are left out.
    values = [62.5, 112.5, None, (40_000 / 300 + 3 * 60) / 4]
    assert [one["value"] for one in found] == [None if one is None else pytest.approx(one) for one in values]
    assert [one["numerator"] for one in found] == [30, 40, 0, 70]
    assert [one["denominator"] for one in found] == [500, 300, 0, 800]
    assert found[MAN]["lower"] < 62.5 < found[MAN]["upper"]  # type: ignore[operator]


def test_a_rate_is_closed_with_any_age_that_it_is_formed_of() -> None:
    young, forty = MAN * 4, WOMAN * 4 + 1
    found, why = rates(Statistic.STANDARDISED, blank={YES: [young, forty]}, small={YES: [young, forty]})
    assert [one["status"] for one in found] == ["ok", "suppressed", "undefined", "ok"]
    assert [(one["row"], one["rule"]) for one in why] == [(1, "small_cell")]
    by_company, reasons = rates(Statistic.STANDARDISED, blank={YES: [forty]}, company={YES: [forty]})
    assert [one["status"] for one in by_company] == ["ok", "suppressed", "undefined", "ok"]
    assert [one["rule"] for one in reasons] == ["company_secrecy"]


def test_expected_are_as_many_as_at_the_rates_of_all() -> None:
    expected, _ = rates(Statistic.EXPECTED)
    men, women = 100 * 40 / 300 + 400 * 30 / 500, 200 * 40 / 300 + 100 * 30 / 500
    assert [one["value"] for one in expected] == [
        pytest.approx(men),
        pytest.approx(women),
        pytest.approx(0),
        pytest.approx(70),
    ]
    assert {(one["numerator"], one["denominator"]) for one in expected} == {(None, None)}
    ratio, _ = rates(Statistic.SMR)
    assert [one["value"] for one in ratio] == [
        pytest.approx(30 / men),
        pytest.approx(40 / women),
        None,
        pytest.approx(1),
    ]
    assert [one["numerator"] for one in ratio] == [30, 40, 0, 70]


def test_what_is_expected_is_closed_with_the_rates_of_all_and_a_ratio_with_its_own_counts_too() -> None:
    own, of_all = WOMAN * 4 + 1, ALL * 4 + 2
    for statistic, blank, status in (
        (Statistic.EXPECTED, own, ["ok"] * 4),
        (Statistic.EXPECTED, of_all, ["suppressed"] * 4),
        (Statistic.SMR, own, ["ok", "suppressed", "undefined", "ok"]),
        (Statistic.SMR, of_all, ["suppressed"] * 4),
    ):
        found, _ = rates(statistic, blank={YES: [blank]})
        assert [one["status"] for one in found] == status


def test_no_people_are_no_rate() -> None:
    value, _, _ = crude_rate(line(Statistic.PER_1000_INHABITANTS, interval="wilson"), np.array([3.0]), np.array([0.0]))
    assert value.tolist() == [pytest.approx(nan, nan_ok=True)]
