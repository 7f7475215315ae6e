"""An indicator as the catalogue shows it, to the register holder and to those who order: words, facts, an example."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One indicator with its whole definition.

    Args:
        set: "id@version".
        formula_sv, formula_en: what is computed, of every indicator of the kind.
        facts: what the definition fixes, as pairs of name and text.
        example_text, example_svg: the definition on made-up rows, evaluated and drawn; "" where there is none.
    """

    set: str
    id: str
    kind: str
    title_sv: str
    title_en: str
    description_sv: str
    description_en: str
    formula_sv: str
    formula_en: str
    facts: tuple[tuple[str, str], ...]
    source: str
    needs_review: bool
    example_text: str
    example_svg: str


def as_text(entry: CatalogueEntry) -> str:
    """The entry for a terminal; ends with a line break."""
    return "\n".join(_lines(entry)) + "\n"


def _lines(entry: CatalogueEntry) -> Iterator[str]:
    yield f"{entry.id}  ({entry.set})"
    if entry.needs_review:
        yield "NOT SIGNED OFF: codes or targets await review by a pharmacist or clinician."
    for title, description, formula in (
        (entry.title_sv, entry.description_sv, entry.formula_sv),
        (entry.title_en, entry.description_en, entry.formula_en),
    ):
        yield from ("", title)
        yield from (f"  {text}" for text in (description, formula) if text)
    yield ""
    width = max((len(name) for name, _ in entry.facts), default=0)
    yield from (f"{name:<{width}}  {text}" for name, text in entry.facts)
    if entry.source:
        yield f"{'Source':<{width}}  {entry.source}"
    if entry.example_text:
        yield from ("", "Worked example, made-up persons:", "", entry.example_text.rstrip("\n"))
