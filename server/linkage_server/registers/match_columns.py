"""Finds which delivered columns hold which variables, and refuses a delivery whose columns are wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from linkage.errors import DeliveryRejected
from linkage.register_catalogue import RegisterDefinition, Variable

# A file without a header shows its first row as column names: only what looks like a name is ever repeated.
PRINTABLE_NAME = re.compile(r"^(?!.*\d{5})[A-Za-zÅÄÖåäö_][\w .-]{0,40}$")


@dataclass(frozen=True, slots=True)
class ColumnMatch:
    """Where the variables of a register lie in one file.

    Attributes:
        sources: delivered column names by variable name; empty where the file lacks an optional variable.
        row_filter: delivered column that tells which rows belong to this register, if the definition has one.
        unknown: delivered columns the definition does not use, as far as they may be printed.
    """

    sources: dict[str, tuple[str, ...]]
    row_filter: str | None
    unknown: tuple[str, ...]

    def needed(self) -> tuple[str, ...]:
        """Columns to read, each once."""
        names = [name for sources in self.sources.values() for name in sources]
        return tuple(dict.fromkeys([*names, *([self.row_filter] if self.row_filter else [])]))


def match_columns(definition: RegisterDefinition, column_names: Sequence[str], *, file_name: str) -> ColumnMatch:
    """Match delivered columns to variables without regard to case.

    Raises:
        DeliveryRejected: a required column is missing, one is there twice, or an unknown one where none may be.
    """
    times = Counter(name.casefold() for name in column_names)
    by_name = {name.casefold(): name for name in column_names}
    sources = {variable.name: _sources(variable, by_name, file_name=file_name) for variable in definition.variables}
    row_filter = None
    if definition.only_rows is not None:
        row_filter = by_name.get(definition.only_rows.source_name.casefold())
    missing = [
        variable.source_names[0]
        for variable in definition.variables
        if variable.required and not sources[variable.name]
    ]
    if definition.only_rows is not None and row_filter is None:
        missing.append(definition.only_rows.source_name)
    if missing:
        raise DeliveryRejected(
            f"{file_name}: required columns are missing for register {definition.name!r}: {', '.join(missing)}.",
            mend="Check the delimiter and the first line, or add the name used to source_names in the definition.",
        )
    match = ColumnMatch(sources, row_filter, ())
    if doubled := [name for name in match.needed() if times[name.casefold()] > 1]:
        raise DeliveryRejected(
            f"{file_name}: columns are there more than once: {', '.join(doubled)}.", mend="Deliver each column once."
        )
    used = {name.casefold() for name in match.needed()}
    unknown = [name for name in column_names if name.casefold() not in used]
    printable = tuple(name for name in unknown if PRINTABLE_NAME.match(name))
    if unknown and definition.delivery.unknown_columns == "refuse":
        raise DeliveryRejected(
            f"{file_name}: {len(unknown)} columns are not in the definition. {', '.join(printable)}".rstrip(),
            mend="Remove them, or describe them in the register's definition.",
        )
    return ColumnMatch(sources, row_filter, printable)


def _sources(variable: Variable, by_name: dict[str, str], *, file_name: str) -> tuple[str, ...]:
    present = [by_name[name.casefold()] for name in variable.accepted_names() if name.casefold() in by_name]
    if present:
        return tuple(present) if variable.many else (present[0],)
    if variable.source_pattern is not None:
        pattern = re.compile(variable.source_pattern, re.IGNORECASE)
        present = [name for name in by_name.values() if pattern.fullmatch(name)]
        if len(present) > 1 and not variable.many:
            raise DeliveryRejected(
                f"{file_name}: {len(present)} columns could hold variable {variable.name!r}.",
                mend="Narrow source_pattern in the definition, or deliver one of them.",
            )
        return tuple(present)
    return ()
