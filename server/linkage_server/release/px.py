"""PX files, the format of Swedish official statistics, one a crossing (PX file format specification 2013, SCB).

".."   kept back to protect persons (SCB's own symbol for secrecy)
"."    nothing to state: not part of the statistic, or nobody to count over
"..."  not complete yet; a PX cell cannot carry a number and a mark, and the number would look final
"""

from __future__ import annotations

import re

from linkage.released_table import LineStatus, ReleasedTable
from linkage_server.release.context import ReleaseContext
from linkage_server.release.cube import NOT_ASKED, Axis, Cube, cubes_of
from linkage_server.release.delivery_file import DeliveryFile

_SYMBOLS = {
    LineStatus.SUPPRESSED.value: '".."',
    LineStatus.INCOMPLETE.value: '"..."',
    LineStatus.UNDEFINED.value: '"."',
    NOT_ASKED: '"."',
}
_LONGEST_TEXT = 200


def px_files(released: ReleasedTable, context: ReleaseContext) -> list[DeliveryFile]:
    """One `<crossing>.px` for each crossing."""
    return [
        DeliveryFile(f"{cube.name}.px", "text/x-pcaxis; charset=utf-8", _text(cube, context), len(cube.lines))
        for cube in cubes_of(released, context)
    ]


def _text(cube: Cube, context: ReleaseContext) -> bytes:
    titles = _unique_titles(cube.axes)
    heading, stub = titles[-1], titles[:-1]
    lines = [
        'CHARSET="ANSI";',
        'AXIS-VERSION="2013";',
        'CODEPAGE="utf-8";',
        'LANGUAGE="en";',
        "DECIMALS=4;",
        "SHOWDECIMALS=4;",
        f'MATRIX="{re.sub(r"[^A-Za-z0-9]", "", cube.name)[:20]}";',
        'SUBJECT-CODE="HS";',
        'SUBJECT-AREA="Health and medical care";',
        f"DESCRIPTION={_quoted(cube.title)};",
        f"TITLE={_quoted(cube.title)};",
        'CONTENTS="Drug indicators";',
        'UNITS="see statistic";',
        f"STUB={','.join(_quoted(title) for title in stub)};",
        f"HEADING={_quoted(heading)};",
        *(_list(f"VALUES({_quoted(t)})", axis.titles) for t, axis in zip(titles, cube.axes, strict=True)),
        *(_list(f"CODES({_quoted(t)})", axis.codes) for t, axis in zip(titles, cube.axes, strict=True)),
        'DATASYMBOL1="Not part of the statistic, or nobody to count over";',
        'DATASYMBOL2="Kept back to protect persons, not zero";',
        'DATASYMBOL3="Not complete yet";',
        f"SOURCE={_quoted('; '.join(f'{r.title.en}, snapshot {r.entry.snapshot}' for r in context.registers))};",
        f"NOTE={_quoted(context.policy_text.en)};",
        "DATA=",
    ]
    return ("\r\n".join([*lines, *_data(cube)]) + ";\r\n").encode()


def _data(cube: Cube) -> list[str]:
    width = len(cube.axes[-1].codes)
    cells = [_cell(value, status) for value, status in cube.cells()]
    return [" ".join(cells[start : start + width]) for start in range(0, len(cells), width)]


def _cell(value: float | None, status: str) -> str:
    if value is None or status == LineStatus.INCOMPLETE:
        return _SYMBOLS[status]
    return str(int(value)) if float(value).is_integer() else f"{value:.6f}".rstrip("0")


def _unique_titles(axes: tuple[Axis, ...]) -> list[str]:
    titles: list[str] = []
    for axis in axes:
        titles.append(axis.title if axis.title not in titles else f"{axis.title} ({axis.name})")
    return titles


def _list(keyword: str, words: tuple[str, ...]) -> str:
    seen: dict[str, int] = {}
    texts = []
    for word in words:
        seen[word] = seen.get(word, 0) + 1
        texts.append(_quoted(word if seen[word] == 1 else f"{word} ({seen[word]})"))
    return f"{keyword}={','.join(texts)};"


def _quoted(text: str) -> str:
    # PX cannot write a quotation mark inside a text, and a line break or semicolon ends the keyword in some readers.
    return '"' + re.sub(r'[";\r\n\t]+', " ", text)[:_LONGEST_TEXT].strip() + '"'
