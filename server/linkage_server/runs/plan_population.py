"""Pins the population of a run: the file that was sent in, or the rules by which registers define it."""

from __future__ import annotations

from linkage.errors import OrderRejected
from linkage.population_rules import canonical_sha256
from linkage_server.orders.check_order import CheckedOrder
from linkage_server.registers.store import RegisterStore
from linkage_server.runs.plan import PlannedPopulation
from linkage_server.storage.tables import PopulationRow


def plan_population(
    checked: CheckedOrder, population: PopulationRow | None, *, store: RegisterStore
) -> PlannedPopulation:
    """The population that an order's run is pinned to.

    Args:
        checked: the order.
        population: what was sent in; None for a population that registers define.
        store: tells what the registers' ids are hashed under.

    Raises:
        NotFound: a register holds no delivery yet.
        OrderRejected: nobody sent a population that no register defines.
    """
    rules = checked.document.population
    if rules.is_defined:
        # Registers under different versions are refused when they are pinned.
        version = store.current(checked.document.registers[0]).pepper_version
        return PlannedPopulation(file="", sha256=canonical_sha256(rules), pepper_version=version)
    if population is None:
        raise OrderRejected("the order has no population.", mend="Send one, or define it under [population].")
    return PlannedPopulation(file=population.file, sha256=population.sha256, pepper_version=population.pepper_version)
