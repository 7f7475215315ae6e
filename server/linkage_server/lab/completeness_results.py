"""How complete the rows of a laboratory run are: written beside every result. Nothing here is protected."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import get_args

import pyarrow as pa

from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import Reversals
from linkage_core.indicators.completeness import Figure, completeness
from linkage_server.lab.inputs import LabInputs

_SCHEMA = pa.schema(
    [
        ("register", pa.string()),
        ("figure", pa.string()),
        ("rule", pa.string()),
        ("number", pa.int64()),
        ("of", pa.int64()),
        ("share", pa.float64()),
    ]
)


def completeness_figures(inputs: LabInputs, *, registers: Collection[str]) -> pa.Table:
    """Linked persons, rows that lack something, and reversed rows, register by register.

    Args:
        registers: those that files were given for.
    """
    rows = [
        (register, one.name, one.rule, one.number, one.of, _share(one))
        for register in registers
        for one in completeness(inputs.events[register], register, rules=_rules(inputs.definition, register))
    ]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * len(_SCHEMA)
    return pa.table(columns, schema=_SCHEMA)


def _rules(definition: IndicatorSet, register: str) -> list[Reversals]:
    """Rules for reversed rows that the set goes by; `net` where it names none that looks for what they cancel."""
    known: tuple[Reversals, ...] = get_args(Reversals)
    named = set(_named(definition, register))
    return [rule for rule in known if rule in named] or ["net"]


def _named(definition: IndicatorSet, register: str) -> Iterator[str]:
    """The rules of the indicators and of their supply models, each of which may be a grid."""
    for indicator in definition.indicators:
        if indicator.register_name == register:
            yield from _each(getattr(indicator, "reversals", None))
            for supply in _each(getattr(indicator, "supply", None)):
                yield definition.supply[supply].reversals


def _each(names: str | list[str] | None) -> list[str]:
    return names if isinstance(names, list) else [names] if names else []


def _share(figure: Figure) -> float | None:
    return figure.number / figure.of if figure.number is not None and figure.of else None
