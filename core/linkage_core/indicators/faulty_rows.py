"""Persons whose rows do not tell what a value needs, in the days that it looks at."""

from __future__ import annotations

from collections.abc import Sequence

from linkage_core.indicators.reasons import Persons
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.values import Int32s, Int64s


def persons_with_faulty(
    context: RunContext, register: str, names: Sequence[str | None], faulty: Int64s, *, first: Int32s, after: Int32s
) -> Persons:
    """Persons with a faulty row of the code sets on a day in [first, after).

    Args:
        faulty: positions of rows, ascending.
        first, after: int32, one a person.
    """
    if not len(faulty):
        return None
    rows = context.dispensings(register)
    person, day = rows.person_at(faulty), rows.day[faulty]
    return context.persons_with(register, names, faulty[(day >= first[person]) & (day < after[person])])
