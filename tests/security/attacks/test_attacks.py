"""Every attack by name: it tells nothing of what we release, and succeeds where the protection is naive.

A night's run takes more truths: `LINKAGE_ATTACK_SEEDS=1000`. `./run bench leaks` prints how often each succeeds.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tomli_w
from typer.testing import CliRunner

from linkage_server.__main__ import app
from tests.security.attacks.attack import FAMILIES, SEEDS_A_BLOCK, Attack
from tests.security.attacks.catalogue import ATTACKS
from tests.security.attacks.count_tables import count_table

SEEDS = int(os.environ.get("LINKAGE_ATTACK_SEEDS", "4"))
BLOCKS = range(0, SEEDS, SEEDS_A_BLOCK)
CONTROLLED = 40
"""Truths that a naive protection is tried with at most."""

each_attack = pytest.mark.parametrize("attack", ATTACKS.values(), ids=lambda attack: attack.name)


@each_attack
@pytest.mark.parametrize("first", BLOCKS)
def test_an_attack_tells_nothing_of_what_we_release(attack: Attack, first: int) -> None:
    leaked = {seed: attack.leaked(seed) for seed in range(first, min(first + SEEDS_A_BLOCK, SEEDS))}
    told = {seed: claims[:3] for seed, claims in leaked.items() if claims}
    if attack.succeeds and told:
        pytest.xfail(attack.succeeds)
    assert not told, f"{attack.name} told of seeds {told}"


@each_attack
def test_an_attack_breaks_a_naive_protection(attack: Attack) -> None:
    assert any(attack.leaked(seed, attack.naive) for seed in range(CONTROLLED)), attack.name


@pytest.mark.parametrize("seed", [0, 1])
def test_the_command_releases_what_the_attackers_read(seed: int, tmp_path: Path) -> None:
    scene = count_table(seed)
    scene.write(tmp_path)
    policy = tmp_path / "policy.toml"
    policy.write_text(tomli_w.dumps(scene.policy.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    arguments = ["lab", "protect", policy, tmp_path / "table.parquet", "--layout", tmp_path / "layout.json"]
    done = CliRunner().invoke(app, [*map(str, arguments), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    read = scene.read(tmp_path / "out" / "released.parquet")
    assert read == scene.ours
    told = [claim for attack in ATTACKS.values() if attack.scene is count_table for claim in attack.find(read)]
    assert not [claim for claim in told if scene.leaks(claim)]


def test_there_are_attacks_of_every_family_each_with_its_source() -> None:
    assert len(ATTACKS) >= 50
    assert {attack.family for attack in ATTACKS.values()} == set(FAMILIES)
    assert all((attack.find.__doc__ or "").strip() for attack in ATTACKS.values())
