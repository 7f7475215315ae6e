"""Refusals in the laboratory's words: files that cannot be read or written, registers that no option names."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from linkage.errors import EventsRejected, InputRefused

Arguments = ParamSpec("Arguments")


def in_words_of_the_laboratory(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """The command; what it cannot read, write or find is refused as input, with the option that mends it.

    The core speaks of orders, which the laboratory has none of.
    """

    @wraps(command)
    def wrapped(*arguments: Arguments.args, **options: Arguments.kwargs) -> None:
        try:
            command(*arguments, **options)
        except EventsRejected as refusal:
            raise EventsRejected(refusal.message, mend=_mend(refusal), facts=refusal.facts) from None
        except OSError as refusal:
            raise _file_refused(refusal) from None

    return wrapped


def _mend(refusal: EventsRejected) -> str:
    if register := refusal.facts.get("missing_register"):
        return f"Name its file: --events {register}=FILE."
    if refusal.facts.get("missing_column") == "death_date":
        return (
            "Name a file of deaths with --events, write a column death_date into the population file, "
            "or ask for what needs none."
        )
    return refusal.mend


def _file_refused(refusal: OSError) -> InputRefused:
    """A refusal of the operating system: its own words for the error, and the file as the command line named it."""
    why = os.strerror(refusal.errno) if refusal.errno else "an unknown error"
    if refusal.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputRefused(f"{_named(refusal)}: no room left on the disk.", mend="Free some room, or write elsewhere.")
    return InputRefused(f"{_named(refusal)}: {why}.", mend="Check the path and its permissions.")


def _named(refusal: OSError) -> str:
    return str(refusal.filename) if refusal.filename is not None else "a file that was named"
