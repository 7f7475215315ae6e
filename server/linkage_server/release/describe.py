"""Builds the context of a release from the order, the definitions and the snapshots that its run was pinned to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from linkage.disclosure_policy import DisclosurePolicy
from linkage.disclosure_policy import canonical_sha256 as policy_sha256
from linkage.indicator_definition import IndicatorSet
from linkage.indicator_definition import canonical_sha256 as set_sha256
from linkage.order import ROW_PREFIX, OrderDocument
from linkage.register_catalogue import RegisterDefinition
from linkage.register_catalogue import canonical_sha256 as register_sha256
from linkage.release_manifest import DefinitionEntry, ManufacturersEntry, RegisterEntry
from linkage.released_table import NOT_RECORDED
from linkage_server.release.context import IndicatorText, RegisterText, ReleaseContext, Target, Text
from linkage_server.release.definition_words import facts_of, first_day_of, unit_of
from linkage_server.release.population_words import population_facts

_STRATA = {
    "sex": Text(en="Sex", sv="Kön"),
    "age": Text(en="Age", sv="Ålder"),
    "age_group": Text(en="Age on 31 December", sv="Ålder den 31 december"),
    "hospital": Text(en="Hospital", sv="Sjukhus"),
    "index_month": Text(en="Month of index day", sv="Indexmånad"),
    "index_quarter": Text(en="Quarter of index day", sv="Indexkvartal"),
    "index_year": Text(en="Year of index day", sv="Indexår"),
}
_NOT_RECORDED = Text(en="Not recorded", sv="Uppgift saknas")
_LEVELS = {"sex": {"man": Text(en="Men", sv="Män"), "woman": Text(en="Women", sv="Kvinnor")}}


def register_text(definition: RegisterDefinition, *, snapshot: str, data_until: date) -> RegisterText:
    """A linked register by its definition, its snapshot and the last day it is complete up to."""
    entry = RegisterEntry(
        name=definition.name,
        snapshot=snapshot,
        data_until=data_until,
        definition_sha256=register_sha256(definition),
    )
    return RegisterText(entry=entry, title=Text(en=definition.title.en, sv=definition.title.sv))


def context_of(
    document: OrderDocument,
    *,
    order: str,
    organisation_title: str,
    indicator_sets: Iterable[tuple[IndicatorSet, Sequence[str] | None]],
    policy: DisclosurePolicy,
    registers: Iterable[RegisterText],
    match_rate_band: str,
    software_version: str,
    row_titles: Mapping[str, Text] | None = None,
    row_level_titles: Mapping[str, Mapping[str, Text]] | None = None,
    inhabitants: str = "",
    manufacturers: Iterable[ManufacturersEntry] = (),
) -> ReleaseContext:
    """Everything a delivery says besides its table.

    Args:
        document: the order as approved.
        order: its resource name.
        indicator_sets: each set with the ids the order chose of it, None for all.
        match_rate_band: from `linkage_core.disclosure.match_rate_band`.
        row_titles: titles of the row variables that the order names, by column.
        row_level_titles: titles of their codes.
        inhabitants: version of the table of inhabitants; "" where there are no rates per inhabitant.
        manufacturers: tables that company secrecy was decided by.
    """
    titles = {**_STRATA, **(row_titles or {})}
    levels = {column: {NOT_RECORDED: _NOT_RECORDED, **codes} for column, codes in (row_level_titles or {}).items()}
    chosen = [(one, [i for i in one.indicators if ids is None or i.id in ids]) for one, ids in indicator_sets]
    return ReleaseContext(
        order=order,
        title=document.title,
        purpose=document.purpose,
        organisation=organisation_title,
        registers=tuple(registers),
        indicator_sets=tuple(
            DefinitionEntry(id=one.header.id, version=one.header.version, sha256=set_sha256(one)) for one, _ in chosen
        ),
        indicators=tuple(
            IndicatorText(
                id=indicator.id,
                title=Text(en=indicator.title_or_id.en, sv=indicator.title_or_id.sv),
                definition=Text(en=indicator.description.en, sv=indicator.description.sv),
                kind=indicator.kind,
                target=Target(**indicator.target.model_dump()) if indicator.target else None,
                indicator_set=one.name,
                register_name=indicator.register_name,
                first_day=first_day_of(indicator),
                unit=unit_of(indicator),
                facts=facts_of(indicator, one),
                source=indicator.source,
            )
            for one, indicators in chosen
            for indicator in indicators
        ),
        by=tuple(tuple(_crossed(part, titles) for part in crossing) for crossing in document.by),
        strata_titles=titles,
        level_titles={**_LEVELS, **levels},
        policy=DefinitionEntry(id=policy.id, version=policy.version, sha256=policy_sha256(policy)),
        manufacturers=tuple(manufacturers),
        policy_text=Text(en=policy.description.en, sv=policy.description.sv),
        match_rate_band=match_rate_band,
        population=population_facts(document.population),
        software_version=software_version,
        inhabitants=inhabitants,
        officers_to_release=policy.officers_to_release,
        formats=document.formats,
    )


def _crossed(part: str, titles: Mapping[str, Text]) -> str:
    """A dimension of an order file in words: "age:<65,65-74" is age, "index:month" is month of index day."""
    column = part.replace("index:", "index_").split(":", 1)
    name = column[-1] if part.startswith(ROW_PREFIX) else column[0]
    return titles[name].en if name in titles else name.replace("_", " ")
