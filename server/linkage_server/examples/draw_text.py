"""A worked example as plain text: a line a drug, days from left to right, and what the core said of each person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_lowercase

from linkage_server.examples.worked_example import Bar, Lane, Mark, WorkedExample
from linkage_server.release.wording import parameters_title

_LEGEND = "● dispensed  ○ taken back  ─ supply  ═ episode  ▒ in hospital  ▲ event  † died"
_COLUMNS = 66
_NAMES = 18
_MARKS = {"dispensed": "●", "taken_back": "○", "event": "▲", "died": "†"}
_BARS = {"supply": "─", "episode": "═", "stay": "▒", "window": "━"}


def as_text(example: WorkedExample) -> str:
    """The drawing, lines of at most 84 signs and then outcomes; ends with a line break."""
    return "\n".join(_lines(example)) + "\n"


def _lines(example: WorkedExample) -> Iterator[str]:
    yield _scale(example)
    for window in example.windows:
        name = window.label
        if len(name) > _NAMES:
            yield name
            name = ""
        yield f"{name:<{_NAMES}} {_drawn(example, (window,), ())}".rstrip()
    for person in example.persons:
        for place, lane in enumerate(person.lanes or (Lane("no rows", (), ()),)):
            name = f"{person.name if place == 0 else '':<6} {lane.label}"
            yield f"{name:<{_NAMES}} {_drawn(example, lane.bars, lane.marks)}".rstrip()
        for letter, words in zip(ascii_lowercase, person.outcomes, strict=False):
            yield f"{'':<6} {letter} = {words}"
    for letter, point in zip(ascii_lowercase, example.points, strict=False):
        yield f"{letter}: {parameters_title(point) or 'the value'}"
    yield _LEGEND


def _drawn(example: WorkedExample, bars: Sequence[Bar], marks: Sequence[Mark]) -> str:
    line = [" "] * _COLUMNS
    for bar in bars:
        first, end = _column(example, bar.first), _column(example, bar.end - 1)
        for place in range(max(first, 0), min(end, _COLUMNS - 1) + 1):
            line[place] = _BARS[bar.kind]
    for mark in marks:
        line[_column(example, mark.day)] = _MARKS[mark.kind]
    return "".join(line)


def _scale(example: WorkedExample) -> str:
    step = next(size for size in (10, 30, 50, 100, 200, 500, 1000) if (example.end_day - example.first_day) / size <= 9)
    line = [" "] * (_COLUMNS + 6)
    for day in range(-(-example.first_day // step) * step, example.end_day, step):
        place = _column(example, day)
        for offset, sign in enumerate(str(day)):
            line[place + offset] = sign
    return f"{'day':<{_NAMES}} {''.join(line)}".rstrip()


def _column(example: WorkedExample, day: int) -> int:
    share = (day - example.first_day) / (example.end_day - example.first_day)
    return min(max(int(share * _COLUMNS), 0), _COLUMNS - 1)
