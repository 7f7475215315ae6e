"""Indicators with their definitions as one HTML page that needs nothing else: no script, no style sheet, no network.

Drawings come as images: whatever an SVG text holds, a browser runs nothing of it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from linkage.catalogue_entry import CatalogueEntry

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 920px; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { border-bottom: 1px solid #8886; margin-top: 2.5rem; padding-bottom: .2rem; }
article { margin: 2rem 0 3rem; } h3 { margin-bottom: .2rem; }
.id { font: 13px ui-monospace, monospace; opacity: .75; }
.review { background: #b4530918; border-left: 4px solid #b45309; padding: .4rem .8rem; }
.formula { border-left: 4px solid #8886; padding: .1rem .8rem; }
table { border-collapse: collapse; font-size: 14px; } th { text-align: left; font-weight: 600; white-space: nowrap; }
th, td { padding: .2rem .8rem .2rem 0; vertical-align: top; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; border: 1px solid #8884; border-radius: 4px; background: #fff; }
nav ol { columns: 2; column-gap: 3.5em; font-size: 14px; }
@media (max-width: 640px) { nav ol { columns: 1; } th, td { display: block; padding: 0; } td { margin-bottom: .4rem; } }
@media print { article { break-inside: avoid; } }
"""


def as_page(entries: Sequence[CatalogueEntry], *, title: str) -> str:
    """The whole page, in English with Swedish beside it."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
            "style-src 'unsafe-inline'\">",
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            "<p>Definitions as they are computed. Examples are of made-up persons: their rows were evaluated as any "
            "others are, and drawn.</p>",
            *_contents(entries),
            *_sets(entries),
            "</body></html>",
        ]
    )


def _contents(entries: Sequence[CatalogueEntry]) -> Iterator[str]:
    yield '<nav aria-label="Indicators"><ol>'
    for place, entry in enumerate(entries, 1):
        mark = " (not signed off)" if entry.needs_review else ""
        yield f'<li><a href="#i{place}">{escape(entry.title_en or entry.id)}</a>{mark}</li>'
    yield "</ol></nav>"


def _sets(entries: Sequence[CatalogueEntry]) -> Iterator[str]:
    numbered = list(enumerate(entries, 1))
    for name, own in groupby(numbered, key=lambda pair: pair[1].set):
        yield f"<h2>{escape(name)}</h2>"
        for place, entry in own:
            yield from _article(entry, place)


def _article(entry: CatalogueEntry, place: int) -> Iterator[str]:
    yield f'<article id="i{place}"><h3>{escape(entry.title_en or entry.id)}</h3>'
    yield f'<p class="id">{escape(entry.id)}</p>'
    if entry.needs_review:
        yield '<p class="review">Not signed off: codes or targets await review by a pharmacist or clinician.</p>'
    yield f"<p>{escape(entry.description_en)}</p>"
    yield f'<p lang="sv"><strong>{escape(entry.title_sv)}.</strong> {escape(entry.description_sv)}</p>'
    if entry.formula_en:
        yield f'<div class="formula"><p>{escape(entry.formula_en)}</p><p lang="sv">{escape(entry.formula_sv)}</p></div>'
    facts = [*entry.facts, *([("Source", entry.source)] if entry.source else [])]
    yield "<table>"
    for name, text in facts:
        yield f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
    yield "</table>"
    if entry.example_svg:
        drawing = base64.b64encode(entry.example_svg.encode()).decode()
        words = escape(f"Worked example of {entry.title_en or entry.id}; as text below.")
        yield f'<p><img alt="{words}" src="data:image/svg+xml;base64,{drawing}"></p>'
        yield f"<details><summary>The example as text</summary><pre>{escape(entry.example_text)}</pre></details>"
    yield "</article>"
