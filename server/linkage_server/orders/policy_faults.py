"""What an order's policy forbids to ask for: experimental variables, and what its rules cannot be applied to here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from linkage.disclosure_policy import DisclosurePolicy
from linkage.indicator_kinds import Indicator
from linkage.order import OrderDocument, OrderFault
from linkage.register_catalogue import RegisterDefinition
from linkage.register_variable import Role
from linkage_core.grids import row_variables

_OF_SUMS = frozenset({"sum", "mean"})
_OF_PRESCRIBERS = ("prescriber", "workplace")


def policy_faults(
    policy: DisclosurePolicy,
    document: OrderDocument,
    indicators: Iterable[Indicator],
    registers: Mapping[str, RegisterDefinition],
) -> Iterator[OrderFault]:
    """What the policy refuses of an order.

    Args:
        policy: of the order.
        document: the order.
        indicators: those that it chose.
        registers: definitions of those that it names.
    """
    yield from _perturbation(policy)
    chosen = list(indicators)
    read = columns_read_by(chosen) | {name.partition(":")[0] for name in row_variables(document.by)}
    if policy.experimental is not None and policy.experimental.treatment == "not_released":
        for column in sorted(read & experimental_columns(policy, registers)):
            yield OrderFault(
                "policy",
                f"{policy.name} does not release what experimental variables tell, and the order reads {column!r}.",
                "Leave it out, or ask for a policy under which it is flagged.",
            )
    yield from _sums_that_cannot_be_checked(policy, chosen)
    yield from _prescribers_that_cannot_be_counted(policy, read, registers)


def experimental_columns(policy: DisclosurePolicy, registers: Mapping[str, RegisterDefinition]) -> set[str]:
    """Columns that the policy or the definition of a register calls experimental; none without such a rule."""
    if policy.experimental is None:
        return set()
    flagged = {one.column for register in registers.values() for one in register.variables if one.experimental}
    return {*policy.experimental.variables} | flagged


def columns_read_by(indicators: Iterable[Indicator]) -> set[str]:
    """Columns of any register that indicators read."""
    return {column for one in indicators for columns in one.needed_columns.values() for column in columns}


def _perturbation(policy: DisclosurePolicy) -> Iterator[OrderFault]:
    if policy.mechanism is None:
        return
    if policy.mechanism.replaces_suppression:
        # The same persons get the same noise: the difference of two deliveries tells exactly where somebody moved.
        why = "changes every number, and nothing holds numbers back between this order and the next of the same persons"
    else:
        why = "rounds counts, and deliveries are not rounded"
    yield OrderFault(
        "policy", f"{policy.name} {why}.", "Choose a policy that hides; lab protect applies this one to single tables."
    )


def _sums_that_cannot_be_checked(policy: DisclosurePolicy, chosen: list[Indicator]) -> Iterator[OrderFault]:
    rules = [name for name, rule in (("dominance", policy.dominance), ("p_percent", policy.p_percent)) if rule]
    for indicator in chosen:
        if rules and not _OF_SUMS.isdisjoint(getattr(indicator, "statistic", ())):
            yield OrderFault(
                "policy",
                f"{policy.name} has the rules {' and '.join(rules)}, and in orders nobody knows how much each person "
                f"gives to the sums of {indicator.id}.",
                "Ask for its other statistics, or leave it out with only; the laboratory applies these rules.",
            )


def _prescribers_that_cannot_be_counted(
    policy: DisclosurePolicy, read: set[str], registers: Mapping[str, RegisterDefinition]
) -> Iterator[OrderFault]:
    """Who prescribed is not counted in orders: what describes prescribers or workplaces is not told under the rule."""
    if not (policy.minimum_prescribers or policy.minimum_workplaces):
        return
    describing = {
        one.column
        for register in registers.values()
        for one in register.variables
        if one.role is Role.PRESCRIBER or one.column.startswith(_OF_PRESCRIBERS)
    }
    for column in sorted(read & describing):
        yield OrderFault(
            "policy",
            f"{policy.name} asks how many prescribers or workplaces stand behind a cell, which orders do not count, "
            f"and the order tells rows apart by {column!r}.",
            "Leave it out; the laboratory applies this rule.",
        )
