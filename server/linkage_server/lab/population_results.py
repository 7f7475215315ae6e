"""What a laboratory run writes beside its counts: rates of periods, quantiles, units compared, and completeness."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from linkage_core.indicators import PersonValues
from linkage_core.rates import Inhabitants
from linkage_server.lab.inputs import LabInputs
from linkage_server.lab.quantile_results import quantiles
from linkage_server.lab.rate_results import rates


def population_tables(
    values: Sequence[PersonValues],
    *,
    inputs: LabInputs,
    by: Sequence[Sequence[str]],
    inhabitants: Inhabitants | None,
) -> dict[str, pa.Table | None]:
    """Tables by the name of their file; None where nothing asks for one.

    Raises:
        InputRefused: a rate is asked for and nobody says how many inhabitants there are.
    """
    return {
        "rates": rates(values, population=inputs.population, by=by, inhabitants=inhabitants),
        "quantiles": quantiles(values, population=inputs.population, by=by, inhabitants=inhabitants),
    }
