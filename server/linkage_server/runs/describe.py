"""What a delivery will say about a run besides its numbers: taken from the plan alone."""

from __future__ import annotations

from linkage.register_variable import LocalizedText
from linkage.release_manifest import EarlierEntry, ManufacturersEntry, RegisterEntry
from linkage_core.grids import row_variables
from linkage_server.orders.policy_faults import columns_read_by
from linkage_server.release.context import IndicatorText, RegisterText, ReleaseContext, Text
from linkage_server.release.describe import context_of
from linkage_server.runs.plan import PlannedRegister, RunPlan


def describe(plan: RunPlan, *, match_rate_band: str) -> ReleaseContext:
    """The release context of a plan."""
    context = context_of(
        plan.document,
        order=plan.order,
        organisation_title=plan.organisation_title,
        indicator_sets=[(planned.definition, planned.only) for planned in plan.sets],
        policy=plan.policy,
        registers=[_register(register) for register in plan.registers],
        row_titles={one.column: _text(one.title) for one in plan.row_dimensions},
        row_level_titles={
            one.column: {code: _text(title) for code, title in one.codes.items()} for one in plan.row_dimensions
        },
        manufacturers=[
            ManufacturersEntry(month=month, sha256=sha256)
            for month, sha256 in (plan.company_rule.tables if plan.company_rule else {}).items()
        ],
        match_rate_band=match_rate_band,
        software_version=plan.software_version,
        inhabitants=plan.inhabitants_sha256,
    )
    earlier = tuple(EarlierEntry(release=one.release, released_on=one.released_on) for one in plan.earlier)
    indicators = tuple(_flagged(one, plan) for one in context.indicators)
    return context.model_copy(update={"indicators": indicators, "earlier_releases": earlier})


def _flagged(told: IndicatorText, plan: RunPlan) -> IndicatorText:
    """The words for an indicator, with a note of each experimental variable that it reads or is split by."""
    indicator = next(one for own in plan.sets for one in own.chosen.indicators if one.id == told.id)
    read = columns_read_by([indicator]) | {name.partition(":")[0] for name in row_variables(plan.document.by)}
    notes = [
        ("Experimental variable", f"{column}: its quality is not assessed yet")
        for column in plan.experimental
        if column in read
    ]
    return told.model_copy(update={"facts": (*told.facts, *notes)}) if notes else told


def _register(register: PlannedRegister) -> RegisterText:
    entry = RegisterEntry(
        name=register.name,
        snapshot=register.snapshot,
        data_until=register.data_until,
        definition_sha256=register.definition_sha256,
    )
    return RegisterText(entry=entry, title=_text(register.title))


def _text(title: LocalizedText) -> Text:
    return Text(en=title.en, sv=title.sv)
