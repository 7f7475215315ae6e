"""What an order of rates per inhabitant asks for that the table of inhabitants does not tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from linkage.errors import LinkageError
from linkage.indicator_kinds import AmountIndicator, Indicator
from linkage.order import AGE_GROUP, OrderDocument, OrderFault
from linkage_core.rates import AGE, Inhabitants, standard_weights
from linkage_core.rates.age_groups import as_band, regrouped
from linkage_server.orders.offer import Offer


def rate_faults(document: OrderDocument, offer: Offer, chosen: Iterable[Indicator]) -> Iterator[OrderFault]:
    """Faults of the rates of an order, and of its age groups.

    Args:
        chosen: the indicators that are asked for.
    """
    asked = [one for one in chosen if isinstance(one, AmountIndicator) and one.rates_per_inhabitant]
    ages = [
        (place, part)
        for place, crossing in enumerate(document.by)
        for part in crossing
        if part.partition(":")[0] == AGE_GROUP
    ]
    if not asked:
        for place, _ in ages:
            yield OrderFault(
                f"by[{place}]",
                f"asks for {AGE_GROUP}, and no indicator is a rate per inhabitant.",
                "Write age instead.",
            )
        return
    people = offer.inhabitants
    if people is None:
        rate = asked[0].rates_per_inhabitant[0]
        yield OrderFault(
            "indicators",
            f"ask for {rate} of {asked[0].id}, and no table of inhabitants is loaded here.",
            "Ask the register holder to load one, or leave the rates out.",
        )
        return
    yield from _age_faults(document)
    groups = people.strata.get(AGE, ())
    for place, part in ages:
        yield from _band_faults(place, part, groups)
    bands = next((part.partition(":")[2] for _, part in ages), "")
    for indicator in asked:
        yield from _standard_faults(indicator, people, bands.split(",") if bands else [*map(as_band, groups)])


def _age_faults(document: OrderDocument) -> Iterator[OrderFault]:
    """Ages on two days tell who has a birthday between them: nobody counted these."""
    for place, crossing in enumerate(document.by):
        if any(part.partition(":")[0] == "age" for part in crossing):
            yield OrderFault(
                f"by[{place}]",
                "asks for ages on the index day or on the last day beside rates by ages on 31 December.",
                f"Write {AGE_GROUP} for the ages of rates; order the other ages apart.",
            )


def _band_faults(place: int, part: str, groups: tuple[str, ...]) -> Iterator[OrderFault]:
    if not groups:
        yield OrderFault(
            f"by[{place}]", f"asks for {AGE_GROUP}, which the table of inhabitants lacks.", "Leave it out."
        )
        return
    bands = part.partition(":")[2]
    try:
        regrouped(groups, bands.split(",") if bands else [*map(as_band, groups)])
    except LinkageError as refusal:
        yield OrderFault(f"by[{place}]", refusal.message, refusal.mend)


def _standard_faults(indicator: AmountIndicator, people: Inhabitants, bands: list[str]) -> Iterator[OrderFault]:
    if indicator.standard is None:
        return
    if AGE not in people.strata:
        yield OrderFault(
            "indicators",
            f"ask for rates of {indicator.id} that are standardised by age, which the table of inhabitants lacks.",
            "Ask for per_1000_inhabitants.",
        )
        return
    try:
        standard_weights(bands, indicator.standard)
    except LinkageError as refusal:
        yield OrderFault("indicators", f"{indicator.id}: {refusal.message}", refusal.mend)
