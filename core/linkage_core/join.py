"""Joins a population to a register in one call: every row of its persons, in its order."""

from __future__ import annotations

from collections.abc import Iterable

from linkage_core.events import NumberHistory, PersonEvents, Population, RegisterPartition
from linkage_core.register_view import RegisterView


def join_events(
    population: Population,
    partitions: Iterable[RegisterPartition],
    *,
    history: NumberHistory | None = None,
    threads: int = 1,
) -> PersonEvents:
    """Rows of each person of the population, by date and then in the order of delivery.

    Args:
        population: persons, ascending by hashed id.
        partitions: segments of one register, oldest delivery first; columns may differ (a missing one is null).
        history: changed numbers; rows stored under any number a person ever had are hers.
        threads: segments searched at once; the result is the same for any number.

    Raises:
        EventsRejected: partitions disagree about a column's type or the date, or one is damaged.
    """
    return RegisterView(list(partitions), history=history).events(population, threads=threads)
