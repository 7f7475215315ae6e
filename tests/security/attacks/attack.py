"""What an attack is: a function of what a reader holds, which says what it found out about people or companies.

A *scene* is a truth drawn from a seed. It shows it as our protection prints it and as a naive one does, and it judges
what an attacker says: only what is true, and what the rules forbid to be told, is a leak. The attackers are written
from the handbook and from the rules that a delivery names; they know nothing of how the protection works inside
beyond what the manual tells everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

FAMILIES = (
    "subtraction",
    "intervals",
    "knowledge",
    "magnitudes",
    "perturbation",
    "releases",
    "derived",
)

SEEDS_A_BLOCK = 8
"""So many truths are kept: all attacks look at one block of seeds before the next is drawn."""


class Scene(Protocol):
    """A truth, shown by several protections. Each protection is an attribute that holds what a reader then has."""

    @property
    def ours(self) -> Any:
        """What a reader holds of the real protection's output."""

    def leaks(self, claim: Any) -> bool:
        """Whether a claim is true and tells what the rules forbid to be told."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack.

    Args:
        find: takes what a reader holds, gives claims that the scene can judge. Its docstring begins with the source.
        family: one of FAMILIES.
        scene: draws a truth from a seed; drawn once for all attacks on it.
        naive: attribute of the scene that holds the output of a protection which this attack breaks.
        succeeds: why it is known to succeed against ours too; empty for all that must not.
    """

    find: Callable[[Any], Iterable[Any]]
    family: str
    scene: Callable[[int], Scene]
    naive: str
    succeeds: str = ""

    @property
    def name(self) -> str:
        """The function's name."""
        return self.find.__name__

    def leaked(self, seed: int, protection: str = "ours") -> list[Any]:
        """What the attack finds out that it should not, against one protection of the truth of a seed."""
        scene = self.scene(seed)
        return [claim for claim in self.find(getattr(scene, protection)) if scene.leaks(claim)]


ATTACKS: dict[str, Attack] = {}
"""All attacks by name, in the order of their families."""


def attack(
    *, on: Callable[[int], Scene], family: str, naive: str, succeeds: str = ""
) -> Callable[[Callable[[Any], Iterable[Any]]], Callable[[Any], Iterable[Any]]]:
    """Enter a function into the list of attacks."""
    assert family in FAMILIES

    def enter(find: Callable[[Any], Iterable[Any]]) -> Callable[[Any], Iterable[Any]]:
        assert find.__name__ not in ATTACKS, "two attacks of one name"
        assert find.__doc__, "an attack names its source"
        ATTACKS[find.__name__] = Attack(find, family, on, naive, succeeds)
        return find

    return enter
