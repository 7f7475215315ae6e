"""What a laboratory run writes beside its counts: rates of periods, series, quantiles, units compared, completeness."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa

from linkage_core.indicators import PersonValues
from linkage_core.rates import Inhabitants
from linkage_server.lab.comparison_results import comparison
from linkage_server.lab.complete import CompletePeriods
from linkage_server.lab.completeness_results import completeness_figures
from linkage_server.lab.inputs import LabInputs
from linkage_server.lab.quantile_results import quantiles
from linkage_server.lab.rate_results import rates
from linkage_server.lab.series_results import series


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a run beside its crossings.

    Args:
        rolling: index periods that are taken together in `series`; none where it is 0.
        compare: strata whose levels are compared with all.
        trend: index period in which they are compared as well.
    """

    rolling: int = 0
    compare: Sequence[str] = ()
    trend: str | None = None


def population_tables(
    values: Sequence[PersonValues],
    *,
    inputs: LabInputs,
    by: Sequence[Sequence[str]],
    inhabitants: Inhabitants | None,
    asked: Asked,
    complete: CompletePeriods,
    registers: Collection[str],
) -> dict[str, pa.Table | None]:
    """Tables by the name of their file; None where nothing asks for one.

    Args:
        registers: those that files were given for.

    Raises:
        InputRefused: a rate is asked for and nobody says how many inhabitants there are.
        EventsRejected: a stratum that is compared does not exist.
    """
    people = inputs.population
    return {
        "rates": rates(values, population=people, by=by, inhabitants=inhabitants),
        "quantiles": quantiles(values, population=people, by=by, inhabitants=inhabitants),
        "series": series(values, population=people, by=by, rolling=asked.rolling, complete=complete)
        if asked.rolling
        else None,
        "comparison": comparison(values, population=people, units=asked.compare, trend=asked.trend, complete=complete),
        "completeness": completeness_figures(inputs, registers=registers),
    }
