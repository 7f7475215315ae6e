"""Hidden cells of a version with the rule behind each, and the witnesses of one, in words.

Without `counts` nothing here tells what a hidden number is: a witness says by how much cells would differ, and only the
smallest difference that was found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from linkage.errors import InputRefused
from linkage_core.table_review.reviewed_table import CellSide, Rule
from linkage_core.table_review.witness import Change, WitnessSearch
from linkage_server.reviews.cell_words import CellWords
from linkage_server.reviews.review_desk import OpenReview
from linkage_server.reviews.rule_words import Language, rule_words

_MOST_NAMED = 3
_PARTNERS = frozenset({Rule.HOLDS_ANOTHER, Rule.HOLDS_A_SMALL_REST, Rule.STANDS_BESIDE})
# With a difference (one fewer, several fewer, one more, several more), and with the number itself.
_BY: dict[Language, tuple[str, str, str, str]] = {
    "en": ("{by} person fewer", "{by} persons fewer", "{by} person more", "{by} persons more"),
    "sv": ("{by} person färre", "{by} personer färre", "{by} person fler", "{by} personer fler"),
}
_BY_AMOUNT: dict[Language, tuple[str, str]] = {"en": ("{by} less", "{by} more"), "sv": ("{by} mindre", "{by} mer")}
_SAME: dict[Language, tuple[str, str]] = {
    "en": ("Everything printed would be the same with {value} in this cell", "{value}: {cell}"),
    "sv": ("Allt som trycks vore detsamma med {value} i den här cellen", "{value}: {cell}"),
}
_THE_SAME: dict[Language, str] = {"en": "the same", "sv": "detsamma"}
_AND: dict[Language, str] = {"en": " and, at the same time,", "sv": " och samtidigt"}
_NONE: dict[Language, str] = {
    "en": "No other value was found for this cell that leaves everything printed the same.",
    "sv": "Inget annat värde hittades för cellen som lämnar allt som trycks oförändrat.",
}


@dataclass(frozen=True, slots=True)
class ExplainedCell:
    """One hidden cell.

    Args:
        mark: by which an officer names it.
        holds: the cells that are sensitive by themselves and that it stands beside, up to three.
    """

    mark: str
    what: str
    where: str
    rule: str
    words: str
    holds: tuple[str, ...] = ()


def hidden_cells(opened: OpenReview, language: Language) -> Iterator[ExplainedCell]:
    """Every hidden cell of a version: those that are sensitive by themselves first, then by rule."""
    order = {rule: place for place, rule in enumerate(Rule)}
    told = CellWords(opened, language)
    for side in (opened.table.persons, opened.table.sums):
        rules = opened.table.rules[side.kind]
        for cell, _ in sorted(rules.items(), key=lambda one: (order[one[1]], one[0])):
            yield _explained(opened, side, cell, told)


def explain_cell(opened: OpenReview, mark: str, language: Language) -> ExplainedCell:
    """One hidden cell.

    Raises:
        InputRefused: the cell is shown.
    """
    told = CellWords(opened, language)
    kind, number = told.number(mark)
    if number not in opened.table.rules[kind]:
        raise InputRefused("the cell is not hidden.", mend="See: linkage-server releases hidden")
    return _explained(opened, opened.table.side(kind), number, told)


def witnesses(opened: OpenReview, mark: str, language: Language, *, counts: bool) -> list[str]:
    """Other ways things could be, in words.

    Args:
        counts: tell the numbers themselves, up to the threshold; without it the smallest difference alone.
    """
    told = CellWords(opened, language)
    kind, number = told.number(mark)
    side = opened.table.side(kind)
    search = WitnessSearch(side.system, side.blank)
    found = [change for by in _asked(side, number, counts=counts) if (change := search.change(number, by)) is not None]
    shown = found if counts else found[:1]
    return [_in_words(told, side, change, counts=counts) for change in shown] or [_NONE[language]]


def _asked(side: CellSide, cell: int, *, counts: bool) -> list[int]:
    if side.kind == "sum":
        span = max(int(side.demand.spans[cell]), 1)
        return [span, -span]
    rise = max(int(side.system.reach[cell] - side.system.values[cell]), 0) if counts else 0
    return list(dict.fromkeys(by for by in (1, -1, 2, rise) if by))


def _explained(opened: OpenReview, side: CellSide, cell: int, told: CellWords) -> ExplainedCell:
    rule, name = opened.table.rules[side.kind][cell], side.names[cell]
    words = rule_words(rule, opened.plan.policy, told.language)
    beside = _beside(opened, side, cell) if rule in _PARTNERS else []
    holds = tuple(f"{told.mark(side.kind, one)} {told.words(side.names[one])}" for one in beside)
    return ExplainedCell(told.mark(side.kind, cell), told.what(name), told.where(name), rule.value, words, holds)


def _beside(opened: OpenReview, side: CellSide, cell: int) -> list[int]:
    """Cells that are hidden for their own sake, in the same sums as a cell."""
    system, rules = side.system, opened.table.rules[side.kind]
    row_of = np.repeat(np.arange(system.remainder.size), np.diff(system.starts))
    rows = np.unique(row_of[system.members == cell])
    near = np.unique(system.members[np.isin(row_of, rows)]).tolist()
    return [one for one in near if one in rules and rules[one] not in _PARTNERS][:_MOST_NAMED]


def _in_words(told: CellWords, side: CellSide, change: Change, *, counts: bool) -> str:
    """A sentence about the cell itself, and a line for each cell that would have to be other with it."""
    names = [side.names[cell] for cell in change.cells.tolist()]
    first, *others = (
        _value(told, side, cell, by, counts=counts)
        for cell, by in zip(change.cells.tolist(), change.by.tolist(), strict=True)
    )
    sentence, line = _SAME[told.language]
    sentence = sentence.format(value=first)
    if not others:
        return f"{sentence}."
    # What counts the same as the cell asked about is named by where it stands.
    own, same = told.what(names[0]), _THE_SAME[told.language]
    cells = [f"{same}, {told.where(name)}" if told.what(name) == own else told.words(name) for name in names[1:]]
    lines = (f"\n  {line.format(value=value, cell=cell)}" for value, cell in zip(others, cells, strict=True))
    return f"{sentence}{_AND[told.language]}{';'.join(lines)}."


def _value(told: CellWords, side: CellSide, cell: int, by: int, *, counts: bool) -> str:
    scale = _scale(told.opened, side, cell)
    if counts:
        return _number(int(side.system.values[cell]) + by, scale)
    if side.kind == "sum":
        return _BY_AMOUNT[told.language][by > 0].format(by=_number(abs(by), scale))
    return _BY[told.language][2 * (by > 0) + (abs(by) > 1)].format(by=_number(abs(by), scale))


def _scale(opened: OpenReview, side: CellSide, cell: int) -> int:
    if side.kind == "persons":
        return 1
    key = side.names[cell].key
    return next(cube.scale for cube in opened.counted.sum_cubes if cube.sum_key == key)


def _number(units: int, scale: int) -> str:
    return f"{units:,}" if scale == 1 else f"{units / scale:,.2f}"
