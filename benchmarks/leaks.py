"""Leak rates: how often each attack of `tests/security/attacks` tells what it should not, and of a naive protection.

Each attack gets the same truths, drawn from seeds 0, 1, 2 ...: LINKAGE_ATTACK_SEEDS says how many. A *leak* is a truth
of which the attack told at least one count, sum, move or person that the rules forbid to be told. What the naive
protection does is said by its name; its code stands with the scene of the attack.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from tests.security.attacks.attack import SEEDS_A_BLOCK
from tests.security.attacks.catalogue import ATTACKS

TITLE = "Leak rates of attacks"
TRUTHS = int(os.environ.get("LINKAGE_ATTACK_SEEDS", "40"))


def run() -> list[dict[str, Any]]:
    """Let every attack loose on what both sides print of the same truths."""
    ours: Counter[str] = Counter()
    naive: Counter[str] = Counter()
    for first in range(0, TRUTHS, SEEDS_A_BLOCK):
        seeds = range(first, min(first + SEEDS_A_BLOCK, TRUTHS))
        for name, attack in ATTACKS.items():
            ours[name] += sum(bool(attack.leaked(seed)) for seed in seeds)
            naive[name] += sum(bool(attack.leaked(seed, attack.naive)) for seed in seeds)
    return [
        {
            "family": attack.family,
            "attack": name.replace("_", " "),
            "tries": TRUTHS,
            "leaks": ours[name],
            "leak rate": round(ours[name] / TRUTHS, 3),
            "naive protection": attack.naive.replace("_", " "),
            "its leak rate": round(naive[name] / TRUTHS, 3),
        }
        for name, attack in ATTACKS.items()
    ]
