"""Indicator sets that an order writes out itself, linted where the order is written and where it is decided on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from linkage.errors import DefinitionRejected
from linkage.indicator_definition import load_indicator_set
from linkage.indicator_lint import Finding, Severity, lint
from linkage.order import OrderDocument


def inline_findings(document: OrderDocument, *, today: date) -> list[Finding]:
    """Every finding of an order's inline sets, with the order's field before its place.

    A set that is written out several times, for one or the other of its indicators, is told of once.
    """
    first: dict[str, int] = {}
    for place, choice in enumerate(document.indicators):
        if choice.inline is not None:
            first.setdefault(choice.inline, place)
    return [
        replace(finding, place=f"indicators[{place}].inline, {finding.place}")
        for text, place in first.items()
        for finding in _findings(text, today=today)
    ]


def _findings(text: str, *, today: date) -> Iterator[Finding]:
    try:
        yield from lint(load_indicator_set(text), today=today)
    except DefinitionRejected as refusal:
        place = refusal.facts.get("field", "the set")
        yield Finding(Severity.ERROR, place, "definition", refusal.message, refusal.mend)
