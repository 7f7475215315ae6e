"""Checks an order against what is offered here, and finds every fault at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from linkage.disclosure_policy import DisclosurePolicy, canonical_sha256, check_floor
from linkage.errors import LinkageError
from linkage.free_text import refuse_identity_number
from linkage.indicator_definition import (
    IndicatorSet,
    canonical_form,
    load_indicator_set,
    needed_columns,
)
from linkage.indicator_kinds import (
    AmountIndicator,
    GenericSubstitution,
    Indicator,
    Initiation,
    InRegisters,
    PrimaryNonAdherence,
)
from linkage.indicator_lint import refuse_errors
from linkage.order import ROW_PREFIX, IndicatorChoice, OrderDocument, OrderFault, OrderFaults, load_order
from linkage.register_variable import Role
from linkage_server.orders.class_faults import reason_faults, refused_statistics
from linkage_server.orders.offer import Offer
from linkage_server.orders.policy_faults import policy_faults
from linkage_server.orders.population_faults import criterion_faults, population_faults
from linkage_server.orders.rate_faults import rate_faults

_COUNTS_DISPENSINGS = AmountIndicator | Initiation


@dataclass(frozen=True, slots=True)
class CheckedOrder:
    """An order that can be carried out as it stands."""

    document: OrderDocument
    # One for each of the document's choices, whole; `only` is not applied.
    sets: tuple[IndicatorSet, ...]
    policy: DisclosurePolicy

    @property
    def policy_sha256(self) -> str:
        """Hash of the policy's canonical form: the policy may not change under an approved order."""
        return canonical_sha256(self.policy)


def check_order(text: str, *, offer: Offer, ordered_on: date) -> CheckedOrder:
    """Read an order file and look up all it names.

    Raises:
        OrderFaults: with every fault; those of the file itself first.
    """
    document = load_order(text, ordered_on=ordered_on)
    faults: list[OrderFault] = []
    faults += _register_faults(document, offer)
    faults += population_faults(document, offer.registers)
    sets: list[IndicatorSet] = []
    chosen: list[Indicator] = []
    for place, choice in enumerate(document.indicators):
        found = _find_set(choice, offer, ordered_on=ordered_on, place=place, faults=faults)
        if found is not None:
            sets.append(found)
            chosen += _chosen(found, choice)
            faults += _set_faults(found, choice, document, place=place)
            faults += _dose_faults(found, choice, offer, place=place)
            faults += _source_faults(found, choice, offer, place=place)
            faults += _prescription_faults(found, choice, offer, place=place)
            faults += _row_variable_faults(found, choice, offer, place=place)
            for one in _chosen(found, choice):
                faults += reason_faults(one, document, offer.registers.get(one.register_name), f"indicators[{place}]")
    faults += _row_dimension_faults(document, offer, sets)
    if len(sets) == len(document.indicators):
        faults += _row_length_faults(document, sets)
    faults += rate_faults(document, offer, chosen)
    policy = offer.policies.get(document.policy or offer.standard_policy)
    faults += _policy_faults(policy, offer)
    if policy is not None:
        chosen = [one for own, choice in _set_choices(sets, document) for one in _chosen(own, choice)]
        held = {name: offer.registers[name] for name in document.registers if name in offer.registers}
        faults += policy_faults(policy, document, chosen, held)
    if faults:
        raise OrderFaults(faults)
    assert policy is not None
    return CheckedOrder(document=document, sets=tuple(sets), policy=policy)


def _register_faults(document: OrderDocument, offer: Offer) -> Iterator[OrderFault]:
    for place, name in enumerate(document.registers):
        if name not in offer.registers:
            yield OrderFault(
                f"registers[{place}]", "is not a register held here.", f"Choose among: {_listed(offer.registers)}."
            )


def _find_set(
    choice: IndicatorChoice, offer: Offer, *, ordered_on: date, place: int, faults: list[OrderFault]
) -> IndicatorSet | None:
    field = f"indicators[{place}]"
    if choice.inline is not None:
        try:
            written = load_indicator_set(choice.inline)
            # As it reads once its own quotes and escapes are resolved.
            refuse_identity_number(canonical_form(written).decode(), what="the set")
            refuse_errors(written, today=ordered_on, source="inline set")
        except LinkageError as refusal:
            faults.append(OrderFault(f"{field}.inline", refusal.message, refusal.mend))
            return None
        return written
    found = offer.sets.get(f"{choice.set}@{choice.version}")
    if found is None:
        versions = sorted(name.partition("@")[2] for name in offer.sets if name.partition("@")[0] == choice.set)
        if versions:
            faults.append(
                OrderFault(f"{field}.version", "is not a version of that set.", f"There is: {', '.join(versions)}.")
            )
        else:
            known = sorted({name.partition("@")[0] for name in offer.sets})
            mend = f"Choose among: {', '.join(known)}." if known else "Ask the register holder for its sets."
            faults.append(OrderFault(f"{field}.set", "is not a set known here.", mend))
    return found


def _set_faults(
    definition: IndicatorSet, choice: IndicatorChoice, document: OrderDocument, *, place: int
) -> Iterator[OrderFault]:
    field = f"indicators[{place}]"
    known = [indicator.id for indicator in definition.indicators]
    if choice.only is not None and not set(choice.only) <= set(known):
        yield OrderFault(f"{field}.only", "names an indicator that the set lacks.", f"There is: {', '.join(known)}.")
    if missing := sorted(needed_columns(definition).keys() - set(document.registers)):
        yield OrderFault(
            "registers",
            f"lack what the set {definition.name} reads: {', '.join(missing)}.",
            "Add them to registers.",
        )
    chosen = _chosen(definition, choice)
    for indicator in chosen:
        yield from refused_statistics(indicator, field)
    after_index = [i.id for i in chosen if i.needs_index_date]
    if after_index and not document.population.has_index_days:
        yield OrderFault(
            "population.index_date",
            f"is false, but {after_index[0]} of {definition.name} counts days from an index date.",
            "Set index_date = true and send a population with the column index_date, or name an index_event.",
        )
    for indicator in chosen:
        for column in indicator.population_columns:
            if column not in document.population.all_strata:
                yield OrderFault(
                    "population.strata",
                    f"lack {column!r}: {indicator.id} of {definition.name} reads days from it.",
                    f"Add {column!r} to strata and send it with the population.",
                )


def _dose_faults(
    definition: IndicatorSet, choice: IndicatorChoice, offer: Offer, *, place: int
) -> Iterator[OrderFault]:
    """A run would find no doses and stop: better told before anybody sends a population."""
    for indicator in _chosen(definition, choice):
        register = offer.registers.get(indicator.register_name)
        if not indicator.needs_dose or register is None:
            continue
        if "daily_dose" not in {variable.column for variable in register.variables}:
            yield OrderFault(
                f"indicators[{place}]",
                f"reads daily doses for {indicator.id}, and the register {register.name} does not tell them.",
                "Leave changes of dose out of the definition, or leave the indicator out with only.",
            )


def _prescription_faults(
    definition: IndicatorSet, choice: IndicatorChoice, offer: Offer, *, place: int
) -> Iterator[OrderFault]:
    for indicator in _chosen(definition, choice):
        if not isinstance(indicator, PrimaryNonAdherence):
            continue
        register = offer.registers.get(indicator.prescriptions)
        columns = {variable.column for variable in register.variables} if register else set()
        if register is None:
            yield OrderFault(
                f"indicators[{place}]",
                f"reads prescriptions for {indicator.id} from {indicator.prescriptions}, which is not held here: "
                "no register that comes with the service holds prescriptions.",
                "Ask the register holder whether another does, or leave the indicator out with only.",
            )
        elif missing := sorted({"prescribing_date", "atc"} - columns):
            yield OrderFault(
                f"indicators[{place}]",
                f"reads prescriptions for {indicator.id}, and {register.name} does not tell their "
                f"{' and '.join(missing)}.",
                "Name a register of prescriptions, or leave the indicator out with only.",
            )


def _row_variable_faults(
    definition: IndicatorSet, choice: IndicatorChoice, offer: Offer, *, place: int
) -> Iterator[OrderFault]:
    """A definition, too, splits and tells apart rows by dimensions only: not by prescriber, workplace or article."""
    for indicator in _chosen(definition, choice):
        register = offer.registers.get(indicator.register_name)
        if not isinstance(indicator, AmountIndicator) or register is None:
            continue
        read = {spec.partition(":")[0] for spec in indicator.row_strata}
        read |= {indicator.code_column} if isinstance(indicator, GenericSubstitution) else set()
        known = {variable.column for variable in register.variables if variable.role is Role.DIMENSION}
        for name in sorted(read - known):
            yield OrderFault(
                f"indicators[{place}]",
                f"tells rows apart by {name} for {indicator.id}, which is no dimension of {register.name}.",
                f"Choose among: {', '.join(sorted(known))}.",
            )


def _source_faults(
    definition: IndicatorSet, choice: IndicatorChoice, offer: Offer, *, place: int
) -> Iterator[OrderFault]:
    """What holds for criteria of a population holds for those of an indicator."""
    for indicator in _chosen(definition, choice):
        for criterion in indicator.criteria if isinstance(indicator, InRegisters) else ():
            if register := offer.registers.get(criterion.register_name):
                yield from criterion_faults(f"indicators[{place}].{indicator.id}", criterion, register)


def _set_choices(sets: list[IndicatorSet], document: OrderDocument) -> Iterable[tuple[IndicatorSet, IndicatorChoice]]:
    """Each set with its choice; none where a set was not found, which is a fault of its own."""
    return zip(sets, document.indicators, strict=True) if len(sets) == len(document.indicators) else ()


def _chosen(definition: IndicatorSet, choice: IndicatorChoice) -> list[Indicator]:
    return [one for one in definition.indicators if choice.only is None or one.id in choice.only]


def _row_dimension_faults(document: OrderDocument, offer: Offer, sets: Iterable[IndicatorSet]) -> Iterator[OrderFault]:
    """Rows can be split by dimensions of the registers whose dispensings are counted; results name them by column."""
    counted = {i.register_name for found in sets for i in found.indicators if isinstance(i, _COUNTS_DISPENSINGS)}
    held = [offer.registers[name] for name in document.registers if name in offer.registers and name in counted]
    columns = {v.column for register in held for v in register.variables if v.role is Role.DIMENSION}
    of_persons = {"sex", "age", *document.population.all_strata}
    known = sorted(columns - of_persons)
    for place, crossing in enumerate(document.by):
        rows = [part.removeprefix(ROW_PREFIX) for part in crossing if part.startswith(ROW_PREFIX)]
        if len(rows) > 1:
            yield OrderFault(f"by[{place}]", "splits rows by two variables at once.", "Cross one of them at a time.")
        for name in rows:
            if name in columns & of_persons:
                mend = f"Write {name!r} for the stratum of persons, or give your own stratum another name."
                yield OrderFault(f"by[{place}]", "splits rows by a variable that is named as a stratum.", mend)
            elif name not in known:
                mend = f"Choose among: {', '.join(known)}." if known else "Choose indicators that count dispensings."
                yield OrderFault(f"by[{place}]", "splits rows by what is no dimension of these registers.", mend)


def _row_length_faults(document: OrderDocument, sets: Iterable[IndicatorSet]) -> Iterator[OrderFault]:
    """One length of a code an order: a longer code's amounts add up to a shorter's, and nothing ties them together."""
    lengths: dict[str, set[str]] = {}
    ordered = [
        part.removeprefix(ROW_PREFIX) for crossing in document.by for part in crossing if part.startswith(ROW_PREFIX)
    ]
    for definition, choice in zip(sets, document.indicators, strict=True):
        for indicator in _chosen(definition, choice):
            if isinstance(indicator, AmountIndicator):
                for spec in [*indicator.row_strata, *ordered]:
                    variable, _, length = spec.partition(":")
                    lengths.setdefault(variable, set()).add(length)
    for variable, found in lengths.items():
        if len(found) > 1:
            words = " and ".join(sorted(f"{variable}:{length}" if length else variable for length in found))
            yield OrderFault(
                "indicators",
                f"split rows by {words}: what is kept back of the one could be worked out from the other.",
                "Order one length of a code at a time; choose with only.",
            )


def _policy_faults(policy: DisclosurePolicy | None, offer: Offer) -> Iterator[OrderFault]:
    if policy is None:
        yield OrderFault("policy", "is not a policy known here.", f"Choose among: {_listed(offer.policies)}.")
        return
    try:
        check_floor(policy, floor=offer.policies[offer.minimum_policy])
    except LinkageError as refusal:
        yield OrderFault("policy", refusal.message, refusal.mend)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
