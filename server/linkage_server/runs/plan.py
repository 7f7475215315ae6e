"""What a run is pinned to: everything its answer depends on, written down before it starts.

The plan is stored with the run. An attempt after a crash, and a repetition years later, read the plan and nothing else:
not the order's current definitions, not the snapshot that happens to be served.
"""

from __future__ import annotations

import calendar
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date

from pydantic import BaseModel, ConfigDict

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import OrderRejected
from linkage.indicator_definition import IndicatorSet, canonical_sha256, needed_columns
from linkage.order import OrderDocument
from linkage.population_rules import columns_read
from linkage.register_variable import LocalizedText
from linkage_core.grids import row_variables
from linkage_server.ledger.release_ledger import PlannedEarlier
from linkage_server.orders.check_order import CheckedOrder
from linkage_server.orders.offer import Offer
from linkage_server.orders.policy_faults import experimental_columns
from linkage_server.registers.store import RegisterStore
from linkage_server.runs.company_rule import PlannedCompanyRule, plan_company_rule


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedRegister(_Frozen):
    """One register of a run.

    Attributes:
        snapshot: id of the pinned snapshot.
        columns: what indicators read, by stored column.
        population_columns: what the population's rules read.
        data_until: last day of the last month the register is complete up to.
    """

    name: str
    title: LocalizedText
    snapshot: str
    definition_sha256: str
    columns: tuple[str, ...]
    population_columns: tuple[str, ...] = ()
    data_until: date


class PlannedDimension(_Frozen):
    """Words for a property of rows that an order splits results by, as the register's definition has them.

    Attributes:
        column: its column in tables.
        codes: titles by code, where the definition lists its codes.
    """

    column: str
    title: LocalizedText
    codes: dict[str, LocalizedText]


class PlannedSet(_Frozen):
    """One indicator set, whole, and which of its indicators are asked for."""

    definition: IndicatorSet
    sha256: str
    only: tuple[str, ...] | None

    @property
    def chosen(self) -> IndicatorSet:
        """The set with the chosen indicators alone."""
        if self.only is None:
            return self.definition
        indicators = [indicator for indicator in self.definition.indicators if indicator.id in self.only]
        return self.definition.model_copy(update={"indicators": indicators})


class PlannedPopulation(_Frozen):
    """The population of a run.

    Attributes:
        file: of the hashed population that was sent in, below the home folder; "" for one that registers define.
        sha256: the hash that the file must have, or that of the rules by which registers define it.
        pepper_version: what its ids are hashed under.
    """

    file: str
    sha256: str
    pepper_version: int


class RunPlan(_Frozen):
    """All that an answer depends on."""

    order: str
    organisation_title: str
    document: OrderDocument
    population: PlannedPopulation
    registers: tuple[PlannedRegister, ...]
    row_dimensions: tuple[PlannedDimension, ...] = ()
    sets: tuple[PlannedSet, ...]
    policy: DisclosurePolicy
    policy_sha256: str
    # Columns that the delivery calls experimental.
    experimental: tuple[str, ...] = ()
    # Manufacturers that company secrecy is decided by; None where the policy has no such rule.
    company_rule: PlannedCompanyRule | None = None
    # SHA-256 of the number history that is applied; empty where there is none.
    history_sha256: str
    # Version of the table of inhabitants; empty where no rate per inhabitant is asked for.
    inhabitants_sha256: str = ""
    # Releases of the same table to the same recipients, oldest first.
    earlier: tuple[PlannedEarlier, ...] = ()
    software_version: str

    def canonical_form(self) -> bytes:
        """The plan as bytes, every default written out but those of fields that came later."""
        absent = {name for name in ("company_rule", "experimental", "earlier") if not getattr(self, name)}
        content = self.model_dump(mode="json", by_alias=True, exclude=absent)
        return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, content: object) -> RunPlan:
        """The plan that was stored as JSON."""
        return cls.model_validate_json(json.dumps(content))

    def sha256(self) -> str:
        """SHA-256 of the canonical form, hexadecimal."""
        return hashlib.sha256(self.canonical_form()).hexdigest()


def make_plan(
    checked: CheckedOrder,
    *,
    order: str,
    organisation_title: str,
    population: PlannedPopulation,
    offer: Offer,
    store: RegisterStore,
    history_sha256: str,
    software_version: str,
    manufacturers: Mapping[str, str] | None = None,
    today: date = date.max,
) -> RunPlan:
    """Pin an approved order to what is served now.

    Args:
        checked: the order.
        order: its name.
        organisation_title: who ordered.
        population: whom it is about.
        offer: definitions as they stand now.
        store: the registers.
        history_sha256: of the number history that is served; empty for none.
        software_version: of this program.
        manufacturers: hash of the manufacturer table that is served for each month.
        today: the day that consents of companies must cover; on the last day of all none does.

    Raises:
        NotFound: a register holds no delivery yet.
        OrderRejected: two sets name an indicator alike, or the population is hashed under another pepper version.
    """
    document = checked.document
    sets = choose_indicators(checked)
    _refuse_doubled_indicators(sets)
    registers = pin_registers(checked, offer=offer, store=store, pepper_version=population.pepper_version)
    held = {name: offer.registers[name] for name in document.registers}
    return RunPlan(
        order=order,
        organisation_title=organisation_title,
        document=document,
        population=population,
        registers=registers,
        row_dimensions=_row_dimensions(checked, offer),
        sets=sets,
        policy=checked.policy,
        policy_sha256=checked.policy_sha256,
        experimental=tuple(sorted(experimental_columns(checked.policy, held))),
        company_rule=plan_company_rule(
            checked.policy.company_secrecy,
            [planned.chosen for planned in sets],
            data_until={register.name: register.data_until for register in registers},
            served=manufacturers or {},
            on=today,
        ),
        history_sha256=history_sha256,
        inhabitants_sha256=offer.inhabitants_version if _asks_for_rates(sets) else "",
        software_version=software_version,
    )


def _asks_for_rates(sets: Iterable[PlannedSet]) -> bool:
    return any(one.rates_per_inhabitant for planned in sets for one in planned.chosen.indicators)


def choose_indicators(checked: CheckedOrder) -> tuple[PlannedSet, ...]:
    """The order's indicator sets, each with its choice."""
    return tuple(
        PlannedSet(definition=definition, sha256=canonical_sha256(definition), only=choice.only)
        for definition, choice in zip(checked.sets, checked.document.indicators, strict=True)
    )


def pin_registers(
    checked: CheckedOrder, *, offer: Offer, store: RegisterStore, pepper_version: int | None
) -> tuple[PlannedRegister, ...]:
    """The order's registers as they are served now.

    Args:
        pepper_version: what the population is hashed under; None for an order without a population.

    Raises:
        NotFound: a register holds no delivery yet.
        OrderRejected: a register is hashed under another pepper version.
    """
    return tuple(
        _pinned(name, checked=checked, offer=offer, store=store, pepper_version=pepper_version)
        for name in checked.document.registers
    )


def _refuse_doubled_indicators(sets: tuple[PlannedSet, ...]) -> None:
    seen: set[str] = set()
    for planned in sets:
        for indicator in planned.chosen.indicators:
            if indicator.id in seen:
                raise OrderRejected(
                    f"two of the order's sets have an indicator named {indicator.id!r}.",
                    mend="Choose it from one set by `only`.",
                )
            seen.add(indicator.id)


def _row_dimensions(checked: CheckedOrder, offer: Offer) -> tuple[PlannedDimension, ...]:
    """Words for each row variable; where two registers have it, those of the first."""
    wanted = {*row_variables(checked.document.by)}
    found: dict[str, PlannedDimension] = {}
    for name in checked.document.registers:
        for variable in offer.registers[name].variables:
            if variable.column in wanted - found.keys():
                codes = {code.code: code.title for code in variable.codes}
                found[variable.column] = PlannedDimension(column=variable.column, title=variable.title, codes=codes)
    return tuple(found[column] for column in sorted(found))


def _pinned(
    name: str, *, checked: CheckedOrder, offer: Offer, store: RegisterStore, pepper_version: int | None
) -> PlannedRegister:
    manifest = store.current(name)
    if pepper_version is not None and manifest.pepper_version != pepper_version:
        raise OrderRejected(
            f"register {name!r} is hashed under pepper version {manifest.pepper_version}, "
            f"the population under version {pepper_version}.",
            mend="Send the population again.",
        )
    columns: set[str] = set()
    for definition in checked.sets:
        columns |= needed_columns(definition).get(name, set())
    held = {variable.column for variable in offer.registers[name].variables}
    columns |= held & {*row_variables(checked.document.by)}
    rule_columns = columns_read(checked.document.population).get(name, set())
    last_day = manifest.last_day or offer.registers[name].coverage.first_day
    return PlannedRegister(
        name=name,
        title=offer.registers[name].title,
        snapshot=manifest.snapshot_id,
        definition_sha256=manifest.definition_sha256,
        columns=tuple(sorted(columns)),
        population_columns=tuple(sorted(rule_columns & held)),
        data_until=last_day.replace(day=calendar.monthrange(last_day.year, last_day.month)[1]),
    )
