"""What a delivery will say about a run besides its numbers: taken from the plan alone."""

from __future__ import annotations

from linkage.indicator_kinds import Indicator
from linkage.release_manifest import DefinitionEntry, RegisterEntry
from linkage_server.release.context import IndicatorText, RegisterText, ReleaseContext, Target, Text
from linkage_server.runs.plan import PlannedSet, RunPlan


def describe(plan: RunPlan, *, match_rate_band: str) -> ReleaseContext:
    """The release context of a plan."""
    policy = plan.policy
    return ReleaseContext(
        order=plan.order,
        title=plan.title,
        purpose=plan.purpose,
        organisation=plan.organisation,
        registers=tuple(
            RegisterText(
                entry=RegisterEntry(
                    name=register.name,
                    snapshot=register.snapshot,
                    data_until=register.data_until,
                    definition_sha256=register.definition_sha256,
                ),
                title=Text(en=register.title.en, sv=register.title.sv),
            )
            for register in plan.registers
        ),
        indicator_sets=tuple(
            DefinitionEntry(
                id=planned.definition.header.id, version=planned.definition.header.version, sha256=planned.sha256
            )
            for planned in plan.sets
        ),
        indicators=tuple(
            _indicator(indicator, planned) for planned in plan.sets for indicator in planned.chosen.indicators
        ),
        by=plan.by,
        policy=DefinitionEntry(id=policy.id, version=policy.version, sha256=plan.policy_sha256),
        policy_text=Text(
            en=f"Counts of 1 to {policy.minimum_cell - 1} persons are kept back, and as many other cells as it takes "
            "so that none of them can be computed from what is shown.",
            sv=f"Antal om 1 till {policy.minimum_cell - 1} personer visas inte, och inte heller så många andra celler "
            "som krävs för att inget av dem ska kunna räknas fram.",
        ),
        match_rate_band=match_rate_band,
        software_version=plan.software_version,
        formats=plan.formats,
    )


def _indicator(indicator: Indicator, planned: PlannedSet) -> IndicatorText:
    target = indicator.target
    return IndicatorText(
        id=indicator.id,
        title=Text(en=indicator.title.en or indicator.id, sv=indicator.title.sv),
        definition=Text(en=indicator.description.en, sv=indicator.description.sv),
        kind=indicator.kind,
        target=Target(lower=target.lower, upper=target.upper, better=target.better) if target else None,
        indicator_set=planned.definition.name,
        source=indicator.source,
    )
