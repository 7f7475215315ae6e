"""Shares, means, rates and limits are formed of what is printed beside them: no hidden pair of numbers stands alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.errors import InputRefused
from linkage_core.counted_table import DAYS_A_YEAR, Statistic
from linkage_core.disclosure.printed_digits import KnownPairs, in_printed_units, printed_decimals
from linkage_core.intervals import clopper_pearson, poisson_exact, wilson
from linkage_core.rounded_ratios import decimals_of_days
from linkage_server.lab.protect import protect_file
from tests.security.test_orders_of_every_shape_hold import REGION_OF, ordered
from tests.security.test_rates_in_orders_hold import ordered as ordered_rates
from tests.support.attackers import Cell, Printed, Programme
from tests.support.indicator_tables import drawn_set
from tests.support.order_attack import read_order, truth_of

POLICY = shipped_policies()["standard@1.0.0"]
THRESHOLD = POLICY.minimum_cell
EVERY_STATISTIC = (
    'id = "start"\nkind = "initiation"\ncodes = "statin"\nwindow = { from = 0, to = [30, 90] }\n'
    'statistic = ["count", "share"]\ninterval = "%s"',
    'id = "users"\nkind = "users"\nstatistic = ["count", "per_1000"]\ninterval = "%s"\n'
    'calendar = { from = 2020-01-01, until = 2021-01-01, step = "year" }',
    'id = "cost"\nkind = "cost"\ncost = ["total"]\nstatistic = ["sum", "mean"]\nobserve = { from = 0, to = 365 }',
    'id = "begins"\nkind = "incidence"\ncodes = "statin"\nwashout_days = 20\nstatistic = ["count", "share", "rate"]\n'
    'interval = "%s"\nobserve = { from = 0, to = 365 }',
)
_INTERVALS = {"wilson": wilson, "clopper-pearson": clopper_pearson}


def figures(line: dict[str, Any], *, interval: str) -> tuple[float, float, float] | None:
    """Value and limits of a line, worked out from its numerator, denominator and person-time alone; None for counts."""
    counted, of, time = line["numerator"], line["denominator"], line["person_time"]
    none = (np.nan, np.nan)
    match line["statistic"]:
        case Statistic.PERSONS:
            return counted, *none
        case Statistic.MEAN:
            return counted / of, *none
        case Statistic.SHARE | Statistic.PER_1000:
            factor = 1000 if line["statistic"] == Statistic.PER_1000 else 1
            return factor * counted / of, *(factor * float(end) for end in _INTERVALS[interval](counted, of))
        case Statistic.RATE_PER_1000_PERSON_YEARS:
            return 1000 * counted / time, *(1000 * float(end) / time for end in poisson_exact(counted))
        case Statistic.PER_1000_INHABITANTS:
            return 1000 * counted / of, *(1000 * float(end) / of for end in poisson_exact(counted))
        case Statistic.DDD_PER_1000_A_DAY:
            return 1000 * counted / (time * DAYS_A_YEAR), *none
    return None


def recomputed(lines: list[dict[str, Any]], *, interval: str) -> tuple[set[str], set[str]]:
    """Check each printed figure; returns the statistics found, and those found of fewer than three thresholds."""
    printed, small = set(), set()
    for line in lines:
        if line["status"] == "suppressed":
            assert not [
                name for name in ("value", "lower", "upper", "numerator", "denominator") if line[name] is not None
            ]
            continue
        if line["status"] == "undefined" or (found := figures(line, interval=interval)) is None:
            continue
        for told, own in zip(("value", "lower", "upper"), found, strict=True):
            if np.isnan(own):
                assert line[told] is None, (line, told)
            else:
                assert line[told] == pytest.approx(own, rel=1e-12), (line, told)
        printed.add(line["statistic"])
        if line["denominator"] is not None and line["denominator"] < 3 * THRESHOLD:
            small.add(line["statistic"])
    return printed, small


@pytest.mark.parametrize("interval", ["wilson", "clopper-pearson"])
def test_every_figure_of_an_order_follows_from_the_counts_beside_it(interval: str) -> None:
    everywhere: set[str] = set()
    in_small_cells: set[str] = set()
    for seed in (2, 6):
        wanted = drawn_set(*(body.replace("%s", interval) for body in EVERY_STATISTIC))
        _, protected = ordered(wanted, [["hospital"], ["region", "sex"]], seed=seed, persons=350)
        printed, small = recomputed(protected.table.to_pylist(), interval=interval)
        everywhere |= printed
        in_small_cells |= small
    rate = "rate_per_1000_person_years"
    assert everywhere == {"persons", "share", "per_1000", "mean", rate}
    assert {"share", "per_1000", "mean", rate} <= in_small_cells


def test_every_crude_rate_follows_from_the_counts_beside_it() -> None:
    _, protected = ordered_rates([["sex", "age_group"], ["region"]], seed=1)
    lines = protected.table.to_pylist()
    printed, _ = recomputed(lines, interval="poisson")
    assert {"per_1000_inhabitants", "ddd_per_1000_inhabitants_per_day"} <= printed


def pairs_that_fit(printed: Printed, numerator: Cell, denominator: Cell, *, enough: int) -> list[tuple[int, int]]:
    """Pairs of whole numbers that fit all that is printed, tried one by one with a solver until there are enough."""
    found: list[tuple[int, int]] = []
    for above, below in _candidates(printed, numerator, denominator):
        guessed = {cell: value for cell, value in ((numerator, above), (denominator, below)) if cell in printed.blank}
        world = Printed(printed.known | guessed, printed.blank - set(guessed), printed.relations, printed.subsets)
        try:
            Programme(world).range_of([(cell, 1) for cell in sorted(world.blank)[:1]])
        except AssertionError:
            continue
        found.append((above, below))
        if len(found) == enough:
            break
    return found


def _candidates(printed: Printed, numerator: Cell, denominator: Cell) -> list[tuple[int, int]]:
    programme = Programme(printed)
    ends = [
        programme.range_of([(cell, 1)]) if cell in printed.blank else (printed.known[cell], printed.known[cell])
        for cell in (numerator, denominator)
    ]
    (low, high), (first, last) = ends
    return [
        (above, below)
        for below in range(first, min(last, first + 12) + 1)
        for above in range(low, min(high, low + 12) + 1)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_a_share_that_is_kept_back_fits_three_pairs_of_persons_at_least(seed: int) -> None:
    wanted = drawn_set(EVERY_STATISTIC[0].replace("%s", "wilson"))
    counted, protected = ordered(wanted, [["hospital", "sex"], ["region"]], seed=seed)
    truth, printed = truth_of(counted), read_order(counted, protected, lies_in=REGION_OF)
    zeros = {cell: 0 for cell in printed.blank if truth[cell] == 0}
    printed = Printed({**printed.known, **zeros}, printed.blank - set(zeros), printed.relations, printed.subsets)
    shares = {(line.numerator_key, line.denominator_key) for line in counted.lines if line.statistic is Statistic.SHARE}
    kept_back = [
        ((above, place), (below, place))
        for above, below in sorted(shares)
        for key, place in sorted(printed.blank)
        if key == above and truth[below, place] < 3 * THRESHOLD and ((below, place) in truth)
    ]
    assert kept_back
    for number in np.random.default_rng(seed).permutation(len(kept_back))[:5].tolist():
        numerator, denominator = kept_back[number]
        assert len(pairs_that_fit(printed, numerator, denominator, enough=3)) == 3, (numerator, denominator)


def test_with_all_digits_a_hidden_pair_would_stand_alone_and_with_bounded_ones_it_does_not() -> None:
    """What printing the share of a hidden cell would do: 3 of 17 is 0.176471, which no other pair up to 30 is."""
    known = KnownPairs((1, 3 * THRESHOLD), (1, 3 * THRESHOLD), part_of_whole=True)
    pairs = [(above, below) for below in range(1, 31) for above in range(1, below + 1)]
    for decimals, fewest in ((6, 1), (printed_decimals(known), 3)):
        assert decimals is not None
        prints = [in_printed_units(above, below, decimals=decimals) for above, below in pairs]
        assert min(prints.count(one) for one in set(prints)) >= fewest
        if fewest == 1:
            assert prints.count(in_printed_units(3, 17, decimals=decimals)) == 1


def test_the_manual_tells_of_every_statistic_what_bounds_it_and_of_ratios_how_many_decimals() -> None:
    manual = (Path(__file__).parents[2] / "docs/manual/disclosure.md").read_text(encoding="utf-8")
    section = manual.partition("## Figures that are formed of counts")[2].partition("## Releases month after month")[0]
    assert not [one for one in Statistic if f"`{one.value}`" not in section]
    days, decimals = (
        [cell.strip() for cell in line.strip("|").split("|")][1:-1]
        for line in section.splitlines()
        if line.startswith(("| days observed", "| decimals"))
    )
    assert [decimals_of_days(int(one)) for one in days] == [int(one) for one in decimals]


DIMS = {
    "hospital": {"total": "all", "hierarchies": [{"all": ["Falun", "Mora", "Gavle", "Umea"]}]},
    "use": {"total": "all", "hierarchies": [{"all": ["yes", "no"]}]},
}
DERIVED = {
    "users": {"kind": "share", "measure": "n", "of": "use"},
    "cost_a_person": {"kind": "mean", "sum": "cost", "count": "n"},
}


def laboratory(
    folder: Path, seed: int, plan: dict[str, Any], *, fee: int = 0, others: bool = False
) -> list[dict[str, Any]]:
    folder.mkdir()
    random = np.random.default_rng(seed)
    cells, people = "hospital,use,n,cost\n", "hospital,use,contributor,cost\n"
    for hospital in DIMS["hospital"]["hierarchies"][0]["all"]:  # type: ignore[index]
        for use in ("yes", "no"):
            costs = random.integers(50, 500, int(random.negative_binomial(0.9, 0.03)))
            costs = np.full_like(costs, fee) if fee else costs
            counted = len(costs) + (others and hospital == "Umea" and use == "yes")
            cells += f"{hospital},{use},{counted},{costs.sum()}\n"
            people += "".join(f"{hospital},{use},{hospital}{use}{i},{cost}\n" for i, cost in enumerate(costs))
    for name, text in (("table.csv", cells), ("who.csv", people), ("layout.json", json.dumps(plan))):
        (folder / name).write_text(text)
    protect_file(
        POLICY,
        folder / "table.csv",
        layout=folder / "layout.json",
        out=folder / "out",
        contributions=folder / "who.csv",
    )
    rows: list[dict[str, Any]] = pa.csv.read_csv(folder / "out" / "released.csv").to_pylist()
    return rows


@pytest.mark.parametrize("seed", range(6))
def test_figures_of_the_laboratory_are_formed_of_printed_numbers(seed: int, tmp_path: Path) -> None:
    plan = {"dims": DIMS, "measures": {"n": {"kind": "count"}, "cost": {"kind": "magnitude"}}, "derived": DERIVED}
    rows = laboratory(tmp_path / "t", seed, plan)
    whole = {row["hospital"]: row for row in rows if row["use"] == "all"}
    for row in rows:
        for name, above, below in (
            ("users", row["n"], whole[row["hospital"]]["n"]),
            ("cost_a_person", row["cost"], row["n"]),
        ):
            if above is None or below is None:
                assert row[name] is None
                assert row[f"{name}_status"] == "sup"
            elif below == 0:
                assert (row[name], row[f"{name}_status"]) == (None, "und")
            else:
                assert row[name] == pytest.approx(above / below, rel=1e-12)
                assert row[f"{name}_status"] == "pub"
    assert any(row["users"] is not None for row in rows)


@pytest.mark.parametrize("seed", [11, 13, 16, 26])
@pytest.mark.parametrize("counted", ["contributors", "others"])
def test_a_known_fee_gives_no_hidden_count_back(seed: int, counted: str, tmp_path: Path) -> None:
    """Everybody pays 100, and whoever knows it divides each sum. Apart from the counts, these sums were printed."""
    measures = {"cost": {"kind": "magnitude"}, "n": {"kind": "count"}}
    rows = laboratory(tmp_path / "by_itself", seed, {"dims": DIMS, "measures": {"cost": measures["cost"]}}, fee=100)
    alone = {(row["hospital"], row["use"]): row["cost"] for row in rows}
    plan = {"dims": DIMS, "measures": measures}
    if counted == "others":
        # One of them is no contributor, so that only the mean tells that the sum follows the count.
        plan["derived"] = {"cost_a_person": DERIVED["cost_a_person"]}
    rows = laboratory(tmp_path / "beside", seed, plan, fee=100, others=counted == "others")
    hidden = [row for row in rows if row["n"] is None]
    assert hidden
    assert not [row for row in hidden if row["cost"] is not None]
    assert [row for row in hidden if alone[row["hospital"], row["use"]] is not None]
    officer = pa.csv.read_csv(tmp_path / "beside" / "out" / "officer.csv").to_pylist()
    assert [row for row in officer if "count_hidden" in row["cost_reason"]]


def test_figures_of_rounded_counts_are_those_of_the_rounded_ones(tmp_path: Path) -> None:
    plan = {
        "dims": DIMS,
        "measures": {"n": {"kind": "count"}},
        "derived": {"users": DERIVED["users"]},
        "mechanism": {"rounding": {"kind": "nearest", "base": 5}},
    }
    rows = laboratory(tmp_path / "t", 2, plan)
    whole = {row["hospital"]: row for row in rows if row["use"] == "all"}
    shown = [row for row in rows if row["users_status"] == "rnd"]
    assert shown
    assert all(row["users"] == pytest.approx(row["n"] / whole[row["hospital"]]["n"]) for row in shown)


def test_a_total_that_no_table_shows_gives_no_share(tmp_path: Path) -> None:
    plan = {
        "dims": DIMS,
        "measures": {"n": {"kind": "count"}},
        "derived": {"users": DERIVED["users"]},
        "tables": {"users_only": {"hospital": "all", "use": ["yes"]}},
    }
    rows = laboratory(tmp_path / "t", 3, plan)
    assert {row["use"] for row in rows} == {"yes"}
    assert {row["users"] for row in rows} == {None}


@pytest.mark.parametrize(
    ("figure", "match"),
    [
        ({"n": {"kind": "share", "measure": "n", "of": "use"}}, "name of another column"),
        ({"s": {"kind": "share", "measure": "n", "of": "age"}}, "not there"),
        ({"s": {"kind": "mean", "sum": "n", "count": "n"}}, "magnitude by a count"),
        ({"s": {"kind": "median", "measure": "n"}}, "derived"),
    ],
)
def test_one_count_by_another_is_refused_for_nobody_would_protect_the_rest(
    tmp_path: Path, figure: dict[str, Any], match: str
) -> None:
    plan = {"dims": DIMS, "measures": {"n": {"kind": "count"}}, "derived": figure}
    with pytest.raises(InputRefused, match=match):
        laboratory(tmp_path / "t", 1, plan)
