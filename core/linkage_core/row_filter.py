"""Which rows of a register a reader wants, told by one of its code columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Rows whose code is wanted; a row without a code is not.

    Args:
        column: the code column, a dictionary.
        wants: tells of the text of a code, as the register stores it, whether its rows are wanted.
    """

    column: str
    wants: Callable[[str], bool]
