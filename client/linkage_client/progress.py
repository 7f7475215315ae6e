"""How far something has come, told to whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the stage in words, and the bytes (or rows) done and in all; in all is 0 where it is not known."""


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""
