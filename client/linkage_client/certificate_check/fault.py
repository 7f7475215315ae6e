"""What a release fails by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

_OTHER_FORMS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, pa.ArrowException)


class CheckFailed(Exception):
    """A release, its truth and its certificates do not fit together; says what and in which row, never a count."""


class NotCheckedHere(CheckFailed):
    """A release of a sort that has no certificates: nothing is known against it, and nothing is proved."""


class NotAllProved(CheckFailed):
    """Nothing is at fault in what an order prints, and some of its blanks are not proved; names them."""


@contextmanager
def other_forms_refused() -> Iterator[None]:
    """Refuse what does not have the form that is described: layout, policy and tables are whatever somebody gave.

    Raises:
        CheckFailed: a field or a column is missing, or of another type.
    """
    try:
        yield
    except _OTHER_FORMS as fault:
        raise CheckFailed(
            f"layout, policy, evidence or tables: not of the form described ({type(fault).__name__})"
        ) from fault
