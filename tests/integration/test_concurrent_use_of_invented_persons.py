"""Concurrent use and treatment lines of the 200 invented persons: reference values, and twins that go day by day.

Established software has values for the drugs on one day only. The rest is held to the twins of tests/reference, on rows
with reversals, exits and all else that the reference set has.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest

from linkage_server.lab.evaluate import evaluate_files
from tests.reference.concurrent_use import at_least, days_of_drugs, days_together, drugs_by_day, pair
from tests.reference.drug_indicators import Row
from tests.reference.treatment_lines import Rule, lines_of
from tests.support.adherer_oracle import expected, files, folder

pytestmark = pytest.mark.shared_data

GROUPS = {"statin": ["C10"], "asa": ["B01AC06"], "p2y12": ["B01AC04", "B01AC22", "B01AC24"], "beta": ["C07"]}
PAIRS = {"statin_asa": ("statin", "asa"), "asa_p2y12": ("asa", "p2y12")}
SET = (
    '[set]\nid = "concurrent"\nversion = "1.0.0"\n'
    + "".join(f"[codes.{name}]\natc_include = {prefixes}\n".replace("'", '"') for name, prefixes in GROUPS.items())
    + """
[codes.n]
atc_include = ["N"]
[codes.all]
atc_include = ["A", "B", "C", "D", "G", "H", "J", "L", "M", "N", "P", "R", "S", "V"]
[codes.psychotropic]
atc_include = ["N05A", "N05B", "N05C", "N06A"]
[supply.given]
steps = ["days_supply"]
cap_days = 3650
reversals = "net_latest"

[[indicator]]
id = "on_the_day"
kind = "polypharmacy"
rule = "supply"
supply = "given"
observe = { from = 365, to = 366 }
[[indicator]]
id = "dispensed"
kind = "polypharmacy"
rule = "dispensed"
reversals = "net_latest"
dispensed_within_days = [120, 365]
observe = { from = 365, to = 366 }
[[indicator]]
id = "burden"
kind = "drug_burden"
rule = "dispensed"
reversals = "net_latest"
dispensed_within_days = 120
at_day = 365
denominator = "all"
weights = [{ codes = "psychotropic", weight = 2.5 }]
[[indicator]]
id = "year"
kind = "polypharmacy"
rule = "supply"
supply = "given"
observe = { from = 0, to = 365 }
at_least = [3, 5]
[[indicator]]
id = "pairs"
kind = "interacting_pairs"
supply = "given"
observe = { from = 0, to = 365 }
stock_cap_days = "none"
pairs = [
  { id = "statin_asa", first = "statin", second = "asa" },
  { id = "asa_p2y12", first = "asa", second = "p2y12" },
]
together_days = [1, 14, 180]
[[indicator]]
id = "duplicates"
kind = "duplicate_therapy"
supply = "given"
observe = { from = 0, to = 365 }
stock_cap_days = "none"
together_days = [1, 30]
[[indicator]]
id = "lines"
kind = "treatment_lines"
codes = ["statin", "asa", "p2y12", "beta"]
supply = "given"
observe = { from = 0, to = 365 }
stock_cap_days = "none"
lookback_days = 90
statistic = ["mean", "paths"]
"""
)


@pytest.fixture(scope="module")
def results(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    out = tmp_path_factory.mktemp("laboratory")
    (out / "set.toml").write_text(SET, encoding="utf-8")
    evaluate_files(
        out / "set.toml",
        population=folder(shared_data) / "input" / "persons.parquet",
        events={"lmed": files(shared_data)["lmed"]},
        out=out,
        write_persons=True,
    )
    return {path.stem: pd.read_parquet(path) for path in out.glob("*.parquet")}


@pytest.fixture(scope="module")
def persons(shared_data: Path) -> dict[int, tuple[list[Row], int]]:
    """Rows of each person in days from her index day, and the day of her exit."""
    given = folder(shared_data) / "input"
    people, events = pd.read_parquet(given / "persons.parquet"), pd.read_parquet(given / "events.parquet")
    index = pd.to_datetime(people.set_index("person_id").index_date)
    exits = people.set_index("person_id")[["death_date", "emigration_date"]].apply(pd.to_datetime).min(axis=1)
    after_index = (pd.to_datetime(events.date) - events.person_id.map(index)).dt.days
    rows: dict[int, list[Row]] = {person: [] for person in people.person_id}
    for person, day, atc, days in zip(events.person_id, after_index, events.atc, events.duration, strict=True):
        rows[person].append(Row(day=int(day), drug=atc, supply=Fraction(int(days))))
    leaves = (exits - index).dt.days.fillna(10_000).astype(int)
    return {person: (sorted(own, key=lambda row: row.day), int(leaves[person])) for person, own in rows.items()}


@pytest.fixture(scope="module")
def values(results: dict[str, pd.DataFrame]) -> dict[tuple[str, str], pd.Series]:
    """Values of the persons by indicator and parameters."""
    return {
        key: own.set_index("person_id").value for key, own in results["per_person"].groupby(["indicator", "parameters"])
    }


def of_group(drug: str, name: str) -> bool:
    return drug.startswith(tuple(GROUPS[name]))


@pytest.mark.parametrize(
    ("key", "column", "weight"),
    [
        (("on_the_day", "observe_days=1;rule=supply;measure=mean_drugs"), "n_supply", 1),
        (("dispensed", "observe_days=1;dispensed_within_days=120;measure=mean_drugs"), "n_120d", 1),
        (("dispensed", "observe_days=1;dispensed_within_days=365;measure=mean_drugs"), "n_365d", 1),
        (("burden", "at_day=365;dispensed_within_days=120"), "psycho_120d", 2.5),
    ],
)
def test_an_observation_of_one_day_has_the_drugs_of_the_reference(shared_data, values, key, column, weight):
    reference = expected(shared_data, "drugs_on_day365").set_index("person_id")
    ours = values[key].loc[reference.index].dropna()
    assert len(ours) > 150
    assert (ours == weight * reference[column].loc[ours.index]).all()


def test_drugs_over_a_year_are_those_of_each_day(values, persons):
    mean = values["year", "observe_days=365;rule=supply;measure=mean_drugs"]
    many = values["year", "observe_days=365;rule=supply;measure=share_of_days;drugs=5"]
    for person, (rows, leaves) in persons.items():
        days = range(min(365, leaves))
        if not days:
            assert pd.isna(mean[person])
            continue
        held = [(row.day, row.day + int(row.supply), row.drug) for row in rows]
        on_day = [len({drug for first, after, drug in held if first <= day < after}) for day in days]
        assert mean[person] == pytest.approx(sum(on_day) / len(days), abs=1e-12)
        assert many[person] == pytest.approx(sum(drugs >= 5 for drugs in on_day) / len(days), abs=1e-12)


def test_pairs_and_duplicates_are_those_of_a_walk_from_day_to_day(values, persons):
    for person, (rows, leaves) in persons.items():
        end = min(365, leaves)
        if end <= 0:
            continue
        covered = days_of_drugs(rows, first_day=-180, end=end, carry_over=True, cap=None)
        by_day = drugs_by_day(covered, start=0, end=end)
        together = {}
        for name, (first, second) in PAIRS.items():
            sets = [{drug for drug in covered if of_group(drug, one)} for one in (first, second)]
            together[name] = days_together(by_day, pair(*sets), in_a_row=False)
        for days in (1, 14, 180):
            for name, found in together.items():
                ours = values["pairs", f"observe_days=365;pair={name};together_days={days}"][person]
                assert ours == (found >= days)
            ours = values["pairs", f"observe_days=365;pair=any;together_days={days}"][person]
            assert ours == (max(together.values()) >= days)
        groups = {drug[:5]: {other for other in covered if other[:5] == drug[:5]} for drug in covered}
        most = max((days_together(by_day, at_least(group, 2), in_a_row=False) for group in groups.values()), default=0)
        for days in (1, 30):
            assert values["duplicates", f"observe_days=365;together_days={days}"][person] == (most >= days)


def test_treatment_lines_and_their_paths_are_those_of_the_twin(results, persons):
    lines = dict(iter(results["treatment_lines"].groupby("person_id")))
    names = list(GROUPS)
    paths: dict[str, int] = {}
    for person, (rows, leaves) in persons.items():
        end = min(365, leaves)
        if end <= 0:
            continue
        covered = days_of_drugs(rows, first_day=-90, end=end, carry_over=True, cap=None)
        days = [
            {day for drug, own in covered.items() if of_group(drug, name) for day in own if day >= 0} for name in names
        ]
        wanted = [
            ("+".join(name for bit, name in enumerate(names) if groups >> bit & 1), after - first)
            for first, after, groups in lines_of(days, Rule())
        ]
        found = lines.get(person)
        ours = [] if found is None else list(zip(found.treatment, found.days, strict=True))
        assert ours == wanted, person
        path = " - ".join(treatment for treatment, _ in wanted) or "none"
        paths[path] = paths.get(path, 0) + 1
    table = results["paths"]
    told = table[table.statistic == "path"].set_index("path").persons
    assert told.to_dict() == paths
