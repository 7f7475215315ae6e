"""Catalogue entries of indicator sets: definition, codes and formula in words, and a drawn example."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

from linkage.catalogue_entry import CatalogueEntry
from linkage.indicator_definition import IndicatorSet, canonical_sha256
from linkage.indicator_kinds import Indicator
from linkage.kind_words import kind_words
from linkage.register_catalogue import RegisterDefinition
from linkage.register_catalogue import canonical_sha256 as register_sha256
from linkage_server.examples.draw_svg import as_svg
from linkage_server.examples.draw_text import as_text
from linkage_server.examples.worked_example import worked_example
from linkage_server.release.definition_words import facts_of

_ENTRIES_KEPT = 2_000


def entries_of(
    definition: IndicatorSet, *, registers: Mapping[str, RegisterDefinition], only: Collection[str] = ()
) -> list[CatalogueEntry]:
    """An entry for each indicator of a set, or for those named; what was worked out before is not worked out again."""
    hashes = canonical_sha256(definition), tuple(register_sha256(one) for _, one in sorted(registers.items()))
    known = _Known(definition, registers, hashes)
    return [_entry(known, place) for place, one in enumerate(definition.indicators) if not only or one.id in only]


class _Known:
    """A set with registers, compared by what they say."""

    def __init__(
        self,
        definition: IndicatorSet,
        registers: Mapping[str, RegisterDefinition],
        hashes: tuple[str, tuple[str, ...]],
    ) -> None:
        self.definition, self.registers, self.hashes = definition, registers, hashes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self.hashes == other.hashes

    def __hash__(self) -> int:
        return hash(self.hashes)


@lru_cache(maxsize=_ENTRIES_KEPT)
def _entry(known: _Known, place: int) -> CatalogueEntry:
    definition = known.definition
    indicator: Indicator = definition.indicators[place]
    words = kind_words().get(indicator.kind)
    example = worked_example(definition, indicator, registers=known.registers)
    title = indicator.title_or_id
    return CatalogueEntry(
        set=definition.name,
        id=indicator.id,
        kind=indicator.kind,
        title_sv=title.sv,
        title_en=title.en,
        description_sv=indicator.description.sv,
        description_en=indicator.description.en,
        formula_sv=words.formula.sv if words else "",
        formula_en=words.formula.en if words else "",
        facts=(*facts_of(indicator, definition), *_laboratory(indicator)),
        source=indicator.source,
        needs_review=indicator.needs_review or any(definition.codes[name].needs_review for name in indicator.code_sets),
        example_text=as_text(example) if example else "",
        example_svg=as_svg(example, title=title.en) if example else "",
    )


def _laboratory(indicator: Indicator) -> list[tuple[str, str]]:
    """What of an indicator an order must not ask for."""
    names = ", ".join(indicator.unprotected)
    return [("Laboratory", f"{names}: cannot be ordered, disclosure control does not protect it yet")] if names else []
