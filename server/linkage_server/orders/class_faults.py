"""What an order asks for by class or by prescribing reason that would let counts be worked out from each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from linkage.indicator_kinds import AmountIndicator, Indicator
from linkage.order import ROW_PREFIX, OrderDocument, OrderFault
from linkage.register_catalogue import RegisterDefinition
from linkage.register_variable import Role

FORMED_FROM_CLASSES = ("km", "cif", "median", "paths", "quantile:")


def refused_statistics(indicator: Indicator, field: str) -> Iterator[OrderFault]:
    """What disclosure control cannot protect of an indicator, with how it could be ordered."""
    if not (unprotected := indicator.unprotected):
        return
    mend = "Ask for its other statistics, or leave it out with only; the laboratory computes it all."
    if any(name.startswith(FORMED_FROM_CLASSES) for name in unprotected):
        mend = (
            "Curves, quantiles and paths are ordered at one point of a grid and not by calendar period, curves with "
            f"at_days. {mend}"
        )
    yield OrderFault(
        field,
        f"asks for {', '.join(unprotected)} of {indicator.id}, which disclosure control cannot protect yet.",
        mend,
    )


def reason_faults(
    indicator: Indicator, document: OrderDocument, register: RegisterDefinition | None, field: str
) -> Iterator[OrderFault]:
    """Faults of counts by prescribing reason."""
    asked = indicator.by_reason
    if asked is None:
        return
    known = {one.column for one in register.variables if one.role is Role.DIMENSION} if register else set()
    if register is not None and asked.column not in known:
        yield OrderFault(
            field,
            f"tells reasons of {indicator.id} by {asked.column}, which is no dimension of {register.name}.",
            f"Choose among: {', '.join(sorted(known))}.",
        )
    if isinstance(indicator, AmountIndicator) and indicator.rates_per_inhabitant:
        yield OrderFault(
            field,
            f"asks for {indicator.rates_per_inhabitant[0]} of {indicator.id} by reason.",
            "Ask for count or sum by reason, and for the rates in an indicator of their own.",
        )
    if asked.column in _split_by(indicator, document):
        yield OrderFault(
            field,
            f"counts {indicator.id} by {asked.column} of persons and of rows: what is kept back of the one could be "
            "worked out from the other.",
            "Order them one at a time.",
        )


def _split_by(indicator: Indicator, document: OrderDocument) -> set[str]:
    """Columns that rows are split by, those of the order among them."""
    ordered = (part.removeprefix(ROW_PREFIX) for own in document.by for part in own if part.startswith(ROW_PREFIX))
    own: Iterable[str] = getattr(indicator, "row_strata", ())
    return {spec.partition(":")[0] for spec in (*ordered, *own)}
