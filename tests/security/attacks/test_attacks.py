"""Every attack by name: it tells nothing of what we release, and succeeds where the protection is naive.

A night's run takes more truths: `LINKAGE_ATTACK_SEEDS=1000`. `./run bench leaks` prints how often each succeeds.
"""

from __future__ import annotations

import os

import pytest

from tests.security.attacks.attack import SEEDS_A_BLOCK, Attack
from tests.security.attacks.catalogue import ATTACKS

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
    if attack.succeeds:
        pytest.xfail(attack.succeeds)
    assert not told, f"{attack.name} told of seeds {told}"


@each_attack
def test_an_attack_breaks_a_naive_protection(attack: Attack) -> None:
    assert any(attack.leaked(seed, attack.naive) for seed in range(CONTROLLED)), attack.name
