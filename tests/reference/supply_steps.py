"""Twin of the kernel supply_steps: what a row that waits takes from one step of a supply model."""

from __future__ import annotations


def served(
    lasts: int, left: int, before: tuple[int, int, int], *, cap: int, place: int, none: int
) -> tuple[int, int, int]:
    """Supply, step and whether it was cut at the cap, of one row; `before` is what it had of the three."""
    _, step, _ = before
    if step != none or left <= 0 or lasts <= 0:
        return before
    return min(lasts, cap), place, int(lasts > cap)
