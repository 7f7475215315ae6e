"""A worked example as SVG: the same drawing as the text, for pages."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from string import ascii_lowercase

from linkage_server.examples.worked_example import Lane, WorkedExample
from linkage_server.release.wording import parameters_title

_WIDTH = 860
_LEFT, _RIGHT = 150, 600
_ROW = 22
_INK, _MUTED, _GRID = "#1f2933", "#5f6c7b", "#d9dfe5"
_BARS = {"supply": "#9cc5e8", "stay": "#c9b8e0", "episode": "#e3c07b", "window": "#e4eef6"}
_LEGEND = (
    ("dispensed", "dispensed"),
    ("taken_back", "taken back"),
    ("event", "event"),
    ("died", "died"),
    ("supply", "supply"),
    ("episode", "episode"),
    ("stay", "in hospital"),
)


def as_svg(example: WorkedExample, *, title: str) -> str:
    """One SVG element without outside references or scripts; every text of it is escaped."""
    heights = [max(len(_lanes(person.lanes)), len(person.outcomes)) * _ROW + 8 for person in example.persons]
    top = 34 + 20 * len(example.windows)
    bottom = top + sum(heights)
    height = bottom + 34 + 18 * len(example.points)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        *_windows(example, bottom),
        *_axis(example, top, bottom),
    ]
    y = top
    for person, tall in zip(example.persons, heights, strict=True):
        parts.append(f'<line x1="8" x2="{_WIDTH - 8}" y1="{y}" y2="{y}" stroke="{_GRID}"/>')
        parts.append(_text(12, y + 16, person.name, weight="600"))
        for place, lane in enumerate(_lanes(person.lanes)):
            parts += _lane(example, lane, y + place * _ROW)
        for place, (letter, words) in enumerate(zip(ascii_lowercase, person.outcomes, strict=False)):
            parts.append(_text(_RIGHT + 16, y + 16 + place * _ROW, letter, colour=_MUTED))
            parts.append(_text(_RIGHT + 32, y + 16 + place * _ROW, words))
        y += tall
    parts += _legend(bottom + 20)
    for place, (letter, point) in enumerate(zip(ascii_lowercase, example.points, strict=False)):
        words = f"{letter}: {parameters_title(point) or 'the value'}"
        parts.append(_text(12, bottom + 42 + 18 * place, words, colour=_MUTED))
    return "".join([*parts, "</svg>"])


def _lanes(lanes: tuple[Lane, ...]) -> tuple[Lane, ...]:
    return lanes or (Lane("no rows", (), ()),)


def _lane(example: WorkedExample, lane: Lane, y: int) -> Iterator[str]:
    yield _text(70, y + 16, lane.label, colour=_MUTED)
    middle = y + 12
    for bar in lane.bars:
        first, end = max(_x(example, bar.first), _LEFT), min(_x(example, bar.end), _RIGHT)
        if end > first:
            yield (
                f'<rect x="{first:.1f}" y="{middle - 5}" width="{max(end - first, 3):.1f}" height="10" '
                f'fill="{_BARS[bar.kind]}" stroke="#ffffff" stroke-width="0.8"/>'
            )
    for mark in lane.marks:
        yield _mark(_x(example, mark.day), middle, mark.kind)


def _mark(x: float, y: float, kind: str) -> str:
    if kind == "event":
        return f'<path d="M{x:.1f} {y - 6} l5 10 h-10 z" fill="#a4471f"/>'
    if kind == "died":
        return f'<path d="M{x - 4:.1f} {y - 4} l8 8 m0 -8 l-8 8" stroke="{_INK}" stroke-width="2.2" fill="none"/>'
    fill = "#1d5f93" if kind == "dispensed" else "#ffffff"
    return f'<circle cx="{x:.1f}" cy="{y}" r="4.2" fill="{fill}" stroke="#1d5f93" stroke-width="1.6"/>'


def _windows(example: WorkedExample, bottom: int) -> Iterator[str]:
    for place, window in enumerate(example.windows):
        first, end = max(_x(example, window.first), _LEFT), min(_x(example, window.end), _RIGHT)
        y = 18 + 20 * place
        width = max(end - first, 1.5)
        yield (
            f'<rect x="{first:.1f}" y="{y}" width="{width:.1f}" height="{bottom - y}" fill="{_BARS["window"]}" '
            f'fill-opacity="0.7" stroke="#8fb2cc" stroke-dasharray="3 3"/>'
        )
        yield _text(first + 4, y + 13, window.label, colour="#2b5876")


def _axis(example: WorkedExample, top: int, bottom: int) -> Iterator[str]:
    step = next(size for size in (10, 30, 50, 100, 200, 500, 1000) if (example.end_day - example.first_day) / size <= 9)
    for day in range(-(-example.first_day // step) * step, example.end_day, step):
        x = _x(example, day)
        strong = day == 0
        yield (
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 4}" y2="{bottom}" '
            f'stroke="{_MUTED if strong else _GRID}" stroke-width="{1.2 if strong else 0.7}"/>'
        )
        yield _text(x, top - 8, f"day {day}" if strong else str(day), colour=_MUTED, anchor="middle")


def _legend(y: int) -> Iterator[str]:
    x = 14.0
    for kind, words in _LEGEND:
        if kind in _BARS:
            yield f'<rect x="{x - 6:.1f}" y="{y - 9}" width="18" height="10" fill="{_BARS[kind]}"/>'
            x += 10
        else:
            yield _mark(x, y - 4, kind)
        yield _text(x + 9, y, words, colour=_MUTED)
        x += 24 + 7 * len(words)


def _text(x: float, y: float, words: str, *, colour: str = _INK, weight: str = "400", anchor: str = "start") -> str:
    look = f'fill="{colour}" font-weight="{weight}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y}" {look}>{escape(words)}</text>'


def _x(example: WorkedExample, day: int) -> float:
    share = (day - example.first_day) / (example.end_day - example.first_day)
    return _LEFT + share * (_RIGHT - _LEFT)
