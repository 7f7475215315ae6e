"""Who holds the noise key works out every number with noise again, and notices one that is another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tomli_w

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import InputRefused
from linkage_client.certificate_check import Checked, CheckFailed, NotCheckedHere, check_release
from linkage_client.certificate_check.noise_table import NoiseTable, amount_rows, count_rows
from linkage_core.perturbation.noise_table import amount_table, count_table
from linkage_server.lab.protect import protect_file
from tests.support.altered_releases import Rows, altered
from tests.support.perturbed_tables import AGES, AMOUNTS, LEAVES, home_of, layout_of, noise_policy

MEASURES = {"n": {"kind": "count"}, "cost": {"kind": "magnitude"}}


class Noisy:
    """Persons, or companies of groups, by region and age, with what each costs."""

    def __init__(self, folder: Path, seed: int, home: Path, *, companies: bool = False, key_version: int = 1) -> None:
        random = np.random.default_rng(seed)
        more = AMOUNTS + ("extra_steps = 1.5\n" if seed % 2 else "")
        rules: dict[str, Any] = {"dominance": [[1, 60], [2, 85]], "minimum_contributors": 3}
        if companies:
            rules["company_groups"] = True
        policy = noise_policy(more=more, key_version=key_version, **rules)
        rows, given = [], []
        for region in LEAVES:
            for age in AGES:
                size = 0 if random.random() < 0.15 else int(random.negative_binomial(0.8, 0.06))
                who = [f"firm {i}" if companies else random.bytes(16).hex() for i in range(size)]
                amounts = (random.pareto(1.2, size) * 300 + 1).round(2).tolist()
                group = [f"g{i % 3}" if companies and i % 2 else "" for i in range(size)]
                rows.append({"region": region, "age": age, "n": size, "cost": round(sum(amounts), 2)})
                given += [
                    {"region": region, "age": age, "contributor": one, "cost": cost, "company_group": own}
                    for one, cost, own in zip(who, amounts, group, strict=True)
                ]
        measures = {"cost": MEASURES["cost"]} if companies else MEASURES
        self.home, self.out, self.truth, self.given = home, folder / "out", folder / "t.parquet", folder / "who.parquet"
        pq.write_table(pa.Table.from_pylist(rows).select(["region", "age", *measures]), self.truth)
        columns = ["region", "age", "contributor", "cost", *(["company_group"] if companies else [])]
        pq.write_table(pa.Table.from_pylist(given).select(columns), self.given)
        self.layout, self.policy = folder / "layout.json", folder / "policy.toml"
        self.layout.write_text(json.dumps(layout_of(measures=measures)), encoding="utf-8")
        self.write_policy(policy)
        self.made = policy
        protect_file(policy, self.truth, layout=self.layout, out=self.out, contributions=self.given, home=home)

    def write_policy(self, policy: DisclosurePolicy) -> None:
        self.policy.write_text(tomli_w.dumps(policy.model_dump(mode="json", exclude_none=True)), encoding="utf-8")

    def check(self, *, key: Path | None = None) -> Checked:
        key = key or self.home / "keys" / "noise-1.key"
        return check_release(
            self.out, truth=self.truth, layout=self.layout, policy=self.policy, contributions=self.given, noise_key=key
        )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return home_of(tmp_path_factory.mktemp("noise") / "home")


@pytest.mark.parametrize("companies", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_every_release_of_ours_is_accepted(seed: int, companies: bool, home: Path, tmp_path: Path) -> None:
    passed = Noisy(tmp_path, seed, home, companies=companies).check()
    assert passed.cells == 8 * 4
    assert passed.blank["cost"] == 0


@pytest.mark.parametrize("companies", [False, True])
def test_every_altered_number_is_rejected(companies: bool, home: Path, tmp_path: Path) -> None:
    release = Noisy(tmp_path, 1, home, companies=companies)
    release.check()
    for measure, least in (("cost", 0.01),) if companies else (("cost", 0.01), ("n", 1)):
        for place in range(8 * 4):
            for names in (["released", "officer"], ["released"])[: 1 + place % 2]:

                def change(*tables: Rows, place: int = place, measure: str = measure, least: float = least) -> None:
                    for rows in tables:
                        rows[place][measure] = round(rows[place][measure] + least, 2)

                with altered([release.out / f"{name}.parquet" for name in names], change), pytest.raises(CheckFailed):
                    release.check()


def test_another_key_other_figures_and_other_people_are_noticed(home: Path, tmp_path: Path) -> None:
    release = Noisy(tmp_path, 1, home)
    document = json.loads((home / "keys" / "noise-1.key").read_text())
    for change in ({"key": "A" * 43 + "="}, {"version": 2}, {"key": "no key"}):
        other = tmp_path / "other.key"
        other.write_text(json.dumps(document | change))
        with pytest.raises(CheckFailed):
            release.check(key=other)
    noise = release.made.mechanism.noise  # type: ignore[union-attr]
    for update in ({"variance": 4.5}, {"key_version": 2}):
        own = release.made.mechanism.model_copy(update={"noise": noise.model_copy(update=update)})  # type: ignore[union-attr]
        release.write_policy(release.made.model_copy(update={"mechanism": own}))
        with pytest.raises(CheckFailed):
            release.check()
    release.write_policy(release.made)

    def exchange(rows: Rows) -> None:
        rows[0]["contributor"] = "0" * 32

    with altered([release.given], exchange), pytest.raises(CheckFailed):
        release.check()
    with pytest.raises(NotCheckedHere, match="noise key"):
        check_release(
            release.out, truth=release.truth, layout=release.layout, policy=release.policy, contributions=release.given
        )


@pytest.mark.parametrize(
    ("bound", "variance", "never"),
    [(5, 3, 2), (2, 1.05, 1), (5, 3, 0), (1, 1, 0), (10, 9, 0), (3, 0.4, 0), (5, 2, 4), (8, 3, 3), (5, 0.001, 2)],
)
def test_chances_found_by_halving_are_the_protectors_and_both_refuse_the_same(
    bound: int, variance: float, never: int
) -> None:
    try:
        ours = count_table(bound=bound, variance=variance, never_up_to=never)
    except InputRefused:
        with pytest.raises(CheckFailed):
            NoiseTable(count_rows(bound, never), variance)
        return
    same_changes(NoiseTable(count_rows(bound, never), variance), ours)
    same_changes(NoiseTable(amount_rows(bound, 2), variance * 4), amount_table(bound=bound, variance=variance, parts=2))


def same_changes(table: NoiseTable, ours: Any) -> None:
    assert table.last == ours.last
    keys = np.random.default_rng(1).integers(0, 1 << 64, 500, dtype=np.uint64)
    fractions = (keys >> np.uint64(11)).astype(np.float64) * 2.0**-53
    for row in range(table.last + 1):
        column = np.count_nonzero(ours.ends[row] <= fractions[:, np.newaxis], axis=1)
        assert np.array_equal(table.change(np.full(500, row), keys), ours.changes[row, column])
