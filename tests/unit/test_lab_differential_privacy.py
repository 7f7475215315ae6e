"""Differential privacy in the laboratory: how much noise, what is said of it, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linkage.differential_privacy import DifferentialPrivacy
from linkage.disclosure_policy import DisclosurePolicy, canonical_form, check_floor, shipped_policies
from linkage.errors import DefinitionRejected, InputRefused, LinkageError
from linkage_server.lab.opendp_noise import noise_of, total_epsilon
from linkage_server.lab.protect import protect_file
from tests.security.test_privacy_budget import private_policy
from tests.support.perturbed_tables import (
    home_of,
    layout_of,
    made_up_persons,
    noise_policy,
    protect_persons,
    write_table,
)
from tests.unit.test_policy_faults import said

pytest.importorskip("opendp", reason="differential privacy is an extra")

PERSONS = made_up_persons(5)
CELLS_OF_A_LEAF = 3 * 2
"""A region, its part and the country; an age and all of them."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return home_of(tmp_path_factory.mktemp("private") / "home")


def rules(**figures: Any) -> DifferentialPrivacy:
    given = {"population": "lmed", "epsilon": 1.0, "unit": "person", "contributions": 1, "budget_epsilon": 3.0}
    return DifferentialPrivacy.model_validate(given | figures)


def test_every_cell_has_noise_and_its_standard_error_beside_it(home: Path, tmp_path: Path) -> None:
    cells = protect_persons(tmp_path / "t", PERSONS, private_policy(population="one"), home)
    assert len(cells) == 8 * 4
    assert {row["n_status"] for row in cells.values()} == {"prt"}
    # Discrete Laplace noise of scale 6: its variance lies just below 2 * 6^2.
    (error,) = {row["n_standard_error"] for row in cells.values()}
    assert error == pytest.approx(math.sqrt(2 * 36 - 1 / 6), abs=0.01)
    record = json.loads((tmp_path / "t" / "out" / "summary.json").read_text())["n"]
    assert record["noise"] == "discrete_laplace"
    assert record["noise_scale"] == pytest.approx(CELLS_OF_A_LEAF)
    assert (record["epsilon"], record["delta"], record["budget_epsilon"]) == (1.0, 0.0, 2.5)
    assert record["unit"] == "one person in at most 1 leaf cells"
    assert record["suppressed"] == 0
    assert "n_reason" in (tmp_path / "t" / "out" / "officer.csv").read_text()
    assert not (tmp_path / "t" / "out" / "ledger.parquet").exists()


@pytest.mark.parametrize(
    ("figures", "scale"),
    [
        ({}, 6.0),
        ({"contributions": 3}, 18.0),
        ({"delta": 1e-6, "budget_delta": 1e-5}, None),
        ({"delta": 1e-6, "budget_delta": 1e-5, "contributions": 3}, None),
    ],
)
def test_noise_is_as_wide_as_its_scale_and_as_stated(figures: dict[str, float], scale: float | None) -> None:
    noise = noise_of(rules(**figures), cells_of_a_leaf=CELLS_OF_A_LEAF)
    drawn = noise.draw(np.full(40_000, 1000, np.int64)) - 1000
    # Six standard errors of the mean and of the variance: one run in a hundred million fails.
    assert abs(drawn.mean()) < 6 * noise.standard_error / 200
    assert drawn.std() == pytest.approx(noise.standard_error, rel=6 * 1.2 / 200)
    assert 0.94 < np.mean(np.abs(drawn) <= noise.within) < 0.97
    if scale is not None:
        assert noise.scale == pytest.approx(scale)
        assert noise.loss <= 1.0
    else:
        assert total_epsilon([noise.loss], delta=1e-6) == pytest.approx(1.0, rel=1e-6)
        assert total_epsilon([noise.loss], delta=1e-6) <= 1.0


def test_a_persons_cells_widen_gaussian_noise_by_their_root() -> None:
    narrow, wide = (
        noise_of(rules(delta=1e-6, budget_delta=1e-6), cells_of_a_leaf=cells).standard_error for cells in (4, 16)
    )
    assert wide == pytest.approx(2 * narrow, rel=1e-6)


def test_who_is_counted_more_often_than_the_policy_reckons_with_is_refused(home: Path, tmp_path: Path) -> None:
    twice = [("0101", "young", "ab" * 16), ("0102", "old", "ab" * 16), *PERSONS]
    with pytest.raises(InputRefused, match="more leaf cells than the 1"):
        protect_persons(tmp_path / "one", twice, private_policy(population="two"), home)
    protect_persons(tmp_path / "two", twice, private_policy(population="two", contributions=2), home)
    table, layout, who = write_table(tmp_path / "three", PERSONS, layout_of())
    who.write_text("".join(who.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputRefused, match="different contributors in 1 leaf"):
        protect_file(private_policy(), table, layout=layout, out=tmp_path / "out", contributions=who, home=home)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"measures": {"n": {"kind": "count"}, "m": {"kind": "count"}}}, "for one count"),
        ({"rules": {"n": {"min_count": 5}}}, "cannot keep rules.n.min_count"),
        ({"rules": {"n": {"reach_threshold": True}}}, "cannot keep"),
        ({"mechanism": {"noise_bound": 5}}, "does not allow"),
        ({"mechanism": {"rounding": {"kind": "nearest", "base": 5}}}, "weaker than policy"),
    ],
)
def test_what_noise_without_a_bound_cannot_keep_is_refused(
    home: Path, tmp_path: Path, changes: dict[str, Any], match: str
) -> None:
    with pytest.raises(InputRefused, match=match):
        protect_persons(tmp_path / "t", PERSONS, private_policy(), home, **changes)


def test_it_needs_persons_a_home_and_a_single_release(home: Path, tmp_path: Path) -> None:
    table, layout, who = write_table(tmp_path / "t", PERSONS, layout_of())
    for given, match in (
        ({"home": home}, "--contributions|who is counted"),
        ({"contributions": who}, "no home folder"),
        ({"home": home, "contributions": who, "earlier": [tmp_path]}, "releases over time"),
    ):
        with pytest.raises(LinkageError, match=match):
            protect_file(private_policy(), table, layout=layout, out=tmp_path / "out", **given)


@pytest.mark.parametrize(
    ("figures", "match"),
    [
        ({"epsilon": 4.0}, "epsilon is above budget_epsilon"),
        ({"delta": 1e-6}, "both 0"),
        ({"delta": 1e-5, "budget_delta": 1e-6}, "delta is above budget_delta"),
        ({"unit": "row"}, "person"),
        ({"contributions": 0}, "greater than or equal to 1"),
    ],
)
def test_figures_that_contradict_each_other_are_refused(figures: dict[str, object], match: str) -> None:
    with pytest.raises(DefinitionRejected, match=match):
        private_policy(**figures)


def test_orders_refuse_it() -> None:
    figures = {"population": "lmed", "epsilon": 1.0, "unit": "person", "contributions": 1, "budget_epsilon": 2.5}
    assert "changes every number" in said(mechanism={"differential_privacy": figures})


def test_a_floor_that_hides_or_spends_less_refuses_it() -> None:
    with pytest.raises(DefinitionRejected, match="the floor hides them"):
        check_floor(private_policy(), floor=shipped_policies()["standard@1.0.0"])
    with pytest.raises(DefinitionRejected, match=r"epsilon is 1.0, the floor is 0.5"):
        check_floor(private_policy(), floor=private_policy(epsilon=0.5))
    with pytest.raises(DefinitionRejected, match="budget of its own"):
        check_floor(private_policy(population="other"), floor=private_policy())
    with pytest.raises(DefinitionRejected, match="another than the floor's"):
        check_floor(private_policy(), floor=noise_policy())
    check_floor(private_policy(epsilon=0.5), floor=private_policy())


def test_policies_without_it_keep_their_hash() -> None:
    assert b"differential_privacy" not in canonical_form(noise_policy())
    written = private_policy()
    assert DisclosurePolicy.model_validate(json.loads(canonical_form(written))) == written
