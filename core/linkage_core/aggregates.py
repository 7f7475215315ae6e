"""From one value a person to exact counts and sums by stratum: the `CountedTable` that disclosure control protects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from linkage_core.class_counts import with_classes
from linkage_core.count_block import count_block
from linkage_core.counted_table import CountedTable
from linkage_core.events import Population
from linkage_core.finish_counts import finish
from linkage_core.grids import counting_plan
from linkage_core.indicators.follow_up import day_number
from linkage_core.indicators.values import PersonValues
from linkage_core.inhabitant_counts import with_rates
from linkage_core.inhabitant_plan import counted_otherwise, inhabitant_plan
from linkage_core.rates import Inhabitants
from linkage_core.reason_ties import with_reasons


def count_by(
    values: Sequence[PersonValues],
    *,
    population: Population,
    by: Sequence[Sequence[str]],
    age_on: date | None = None,
    inhabitants: Inhabitants | None = None,
) -> CountedTable:
    """Count persons and sum amounts for every value, overall and by each crossing with all its margins.

    Args:
        values: as `evaluate` returns them, for this population.
        population: the persons.
        by: crossings such as [["hospital"], ["sex", "age:<65,65+"], ["row:prescribing_reason"]]. Values of other
            registers, without the row variable of a crossing, are left out of it.
        age_on: day on which ages are taken where the population has no index date; by default the last day of the
            last calendar period.
        inhabitants: mean populations, for indicators that ask for rates per inhabitant.

    Raises:
        EventsRejected: a stratum does not exist; names it and what there is.
    """
    days = [value.period.last_day for value in values if value.period is not None]
    ages = day_number(age_on) if age_on is not None else max(days, default=None)
    plan = counting_plan(population, counted_otherwise(by), age_on=ages)
    people = inhabitant_plan(population, by, inhabitants) if inhabitants is not None else None
    counts = count_block(values, population=population, plan=plan, inhabitants=people)
    asked = {value.indicator.id: value.indicator for value in values}
    table = with_classes(finish(counts, plan), counts, asked.values(), plan)
    table = with_reasons(table, counts, asked.values())
    return with_rates(table, counts, asked.values(), people) if people is not None else table
