"""Indicator sets as data: what is counted, in which window, with which codes and which model of supply.

A set is one TOML file. Its *canonical form* (every default written out, keys sorted) is hashed into each result, so two
results with the same hash were computed from the same words. There are no expressions: anything new is a new kind
(`linkage.indicator_kinds`) with its own tests and its own reference values.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from linkage.definition_errors import refusal
from linkage.errors import DefinitionRejected
from linkage.indicator_kinds import (
    AddOn,
    AmountIndicator,
    AtHandTogether,
    CodeSet,
    Cost,
    CoveredOnDay,
    DefinedDailyDoses,
    DoseAboveLimit,
    DrugAfterDiagnosis,
    DrugBurden,
    DrugsAtDate,
    DrugUseModel,
    DrugUsePeriods,
    EventInWindow,
    FromFirstDispensing,
    GenericSubstitution,
    HighIntensity,
    Identifier,
    Indicator,
    Initiation,
    InRegisters,
    InteractingPairs,
    LandmarkOutcome,
    MedicationAvailability,
    MedicationPossessionRatio,
    Model,
    OutcomeRate,
    Polypharmacy,
    PrimaryNonAdherence,
    ProportionOfDaysCovered,
    SequenceSymmetry,
    StartAndUse,
    SubstanceAmount,
    SupplyModel,
    Switch,
    TimeToDiscontinuation,
    TreatmentEpisodes,
    TreatmentLines,
    Units,
    Users,
    WaitingTimeDistribution,
    WithCurves,
    WithOutcome,
    Words,
)

_WITH_STAYS = TreatmentEpisodes | TimeToDiscontinuation | CoveredOnDay
_DRUGS_HELD = DrugsAtDate | DrugBurden | DoseAboveLimit | Polypharmacy
_WITHOUT_STAYS = (
    FromFirstDispensing
    | MedicationAvailability
    | OutcomeRate
    | MedicationPossessionRatio
    | _DRUGS_HELD
    | AtHandTogether
    | TreatmentLines
)
_NETTED = (
    Users
    | Initiation
    | ProportionOfDaysCovered
    | _DRUGS_HELD
    | AtHandTogether
    | TreatmentLines
    | OutcomeRate
    | LandmarkOutcome
    | SequenceSymmetry
    | DrugUsePeriods
    | WaitingTimeDistribution
    | FromFirstDispensing
    | MedicationAvailability
)


class SetHeader(Model):
    """Who stands behind the set."""

    id: Identifier
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    title: Words = Words()
    description: Words = Words()
    owner: str = ""
    reviewed_by: str = ""
    next_review: date | None = None
    sources: list[str] = Field(default_factory=list)
    index: str = ""


class Exit(Model):
    """A register column that ends a person's observation."""

    register_name: str = Field(alias="register")
    date_column: str = Field(alias="date")


class Exits(Model):
    """What ends observation besides the window: death (`death = false` where it is not known), and emigration.

    `incomplete` says what happens to a person whose window reaches past the last complete day of the register: her
    number is counted and the line is marked, or she is left out.
    """

    death: Exit | None = Exit.model_validate({"register": "dors", "date": "death_date"})
    emigration: Exit | None = None
    incomplete: Literal["mark", "exclude"] = "mark"

    @field_validator("death", mode="before")
    @classmethod
    def _death_may_be_unknown(cls, raw: Any) -> Any:
        return None if raw is False else raw


class Stratify(Model):
    """Crossings that the set proposes; an order may ask for others."""

    by: list[str] = Field(default_factory=list)
    overall: bool = True


class IndicatorSet(Model):
    """One versioned set of indicators."""

    header: SetHeader = Field(alias="set")
    codes: dict[Identifier, CodeSet] = Field(default_factory=dict)
    supply: dict[Identifier, SupplyModel] = Field(default_factory=dict)
    drug_use: dict[Identifier, DrugUseModel] = Field(default_factory=dict)
    exits: Exits = Exits()
    indicators: list[Indicator] = Field(alias="indicator", min_length=1)
    stratify: Stratify = Stratify()

    @property
    def name(self) -> str:
        """`id@version`, as orders and results write it."""
        return f"{self.header.id}@{self.header.version}"

    @model_validator(mode="after")
    def _periods_of_supply(self) -> IndicatorSet:
        for name, model in self.supply.items():
            for step in model.drug_use:
                if step not in self.drug_use:
                    raise ValueError(
                        f"supply model {name!r} names the model of drug use {step!r}, "
                        f"known are: {', '.join(sorted(self.drug_use)) or 'none'}"
                    )
                if "ignore" not in (model.hospital, self.drug_use[step].hospital):
                    raise ValueError(
                        f"supply model {name!r}: days in hospital would count twice, by hospital = {model.hospital!r} "
                        f"and by the drug use periods of {step!r}; write hospital = 'ignore' in one of them"
                    )
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> IndicatorSet:
        seen: set[str] = set()
        for indicator in self.indicators:
            if indicator.id in seen:
                raise ValueError(f"indicator {indicator.id!r} stands twice")
            seen.add(indicator.id)
            for name in code_set_names(indicator):
                _known(name, self.codes, what="code set", where=indicator.id)
            if isinstance(indicator, WithCurves) and indicator.competing == "death" and self.exits.death is None:
                raise ValueError(
                    f"indicator {indicator.id!r}: competing = 'death' needs dates of death, exits has death = false; "
                    "name their register there, or write competing = 'none'"
                )
            if isinstance(indicator, LandmarkOutcome) and indicator.competing == "death" and _is_death(indicator, self):
                raise ValueError(
                    f"indicator {indicator.id!r}: death is the outcome, and cannot compete with itself; "
                    "write competing = 'none'"
                )
            if isinstance(indicator, DrugUsePeriods):
                _known(indicator.drug_use, self.drug_use, what="model of drug use", where=indicator.id)
            if indicator.by_reason is not None:
                _check_reasons(indicator, self)
            for name in indicator.row_code_sets if isinstance(indicator, AmountIndicator) else []:
                _known(name, self.codes, what="code set", where=indicator.id)
            for supply in supply_models(indicator):
                _known(supply, self.supply, what="supply model", where=indicator.id)
                if (hospital := self.supply[supply].hospital) not in (known := _hospital_modes(indicator)):
                    raise ValueError(
                        f"indicator {indicator.id!r}: {indicator.kind} does not know hospital stays as {hospital!r}; "
                        f"name a supply model with hospital = {' or '.join(map(repr, known))}"
                    )
        return self


def _hospital_modes(indicator: Indicator) -> list[str]:
    """What days in hospital can count as. AdhereR knows no stays, so `compat` does not either."""
    compatible = getattr(indicator, "mode", "") == "compat"
    if isinstance(indicator, MedicationAvailability) and not compatible:
        return ["ignore", "freeze"]
    knows = isinstance(indicator, _WITH_STAYS) and not compatible
    return ["ignore", "freeze", "credit", "shift"] if knows or not isinstance(indicator, _WITHOUT_STAYS) else ["ignore"]


def _is_death(indicator: WithOutcome, definition: IndicatorSet) -> bool:
    death, outcome = definition.exits.death, indicator.outcome
    return death is not None and (death.register_name, death.date_column) == (
        outcome.register_name,
        outcome.date_column,
    )


def _check_reasons(indicator: Indicator, definition: IndicatorSet) -> None:
    assert indicator.by_reason is not None  # Asked before.
    if isinstance(indicator, EventInWindow):
        raise ValueError(f"indicator {indicator.id!r}: by_reason is of dispensings, and {indicator.kind} reads none")
    for name in indicator.by_reason.sets:
        _known(name, definition.codes, what="code set", where=indicator.id)
        if definition.codes[name].system != "snomed":
            raise ValueError(
                f"indicator {indicator.id!r}: by_reason names {name!r} of {definition.codes[name].system} codes; "
                "reasons are Snomed CT concepts: write snomed_include"
            )


def _known(name: str, known: dict[str, Any], *, what: str, where: str) -> None:
    if name not in known:
        raise ValueError(
            f"indicator {where!r} names the {what} {name!r}, known are: {', '.join(sorted(known)) or 'none'}"
        )


def own_code_sets(indicator: Indicator) -> list[str]:
    """Names of the code sets of an indicator's own dispensings; empty when every row counts."""
    codes = getattr(indicator, "codes", None)
    names = list(codes) if isinstance(codes, list) else [codes] if codes else []
    return names or ([] if isinstance(indicator, WithOutcome) else code_set_names(indicator))


def splitting_code_sets(indicator: Indicator) -> list[str]:
    """Names of the code sets that persons or rows of an indicator are split by; they do not say which rows count."""
    of_persons = indicator.by_reason.sets if indicator.by_reason else []
    of_rows = indicator.row_code_sets if isinstance(indicator, AmountIndicator) else []
    return list(dict.fromkeys([*of_persons, *of_rows]))


def code_set_names(indicator: Indicator) -> list[str]:
    """Names of the code sets that an indicator uses; empty when every row counts."""
    if isinstance(indicator, InteractingPairs):
        return list(dict.fromkeys(name for pair in indicator.pairs for name in (pair.first, pair.second)))
    if isinstance(indicator, DrugBurden):
        return [one.codes for one in indicator.weights]
    if isinstance(indicator, DrugAfterDiagnosis):
        return list(dict.fromkeys([*indicator.codes, indicator.diagnosis.codes]))
    codes = indicator.codes
    if isinstance(indicator, Switch | AddOn):
        return list(dict.fromkeys([*indicator.codes, *indicator.to]))
    if isinstance(indicator, SequenceSymmetry):
        return [*indicator.codes, *indicator.marker]
    if isinstance(indicator, OutcomeRate | LandmarkOutcome):
        return list(dict.fromkeys([*indicator.codes, *([indicator.outcome.codes] if indicator.outcome.codes else [])]))
    return [] if codes is None else [codes] if isinstance(codes, str) else list(codes)


def supply_models(indicator: Indicator) -> list[str]:
    """Names of the supply models that an indicator uses."""
    supply = getattr(indicator, "supply", None)
    return [] if supply is None else [supply] if isinstance(supply, str) else list(supply)


Raw = dict[str, Any]


def load_indicator_set(source: Path | str, *, fill: Callable[[Raw], Raw] = lambda raw: raw) -> IndicatorSet:
    """Read a set from a file (Path) or from TOML text (str).

    Args:
        source: where it stands.
        fill: puts in what the text leaves to other files, before anything is checked.

    Raises:
        DefinitionRejected: not TOML, or a kind, field, value or name is not known; names file, field and mend.
    """
    name = str(source) if isinstance(source, Path) else "inline set"
    try:
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
        raw = tomllib.loads(text)
    except OSError:
        raise DefinitionRejected(f"{name}: cannot be read.", mend="Check the path and the permissions.") from None
    except UnicodeDecodeError:
        raise DefinitionRejected(f"{name}: is not UTF-8 text.", mend="Save the file as UTF-8.") from None
    except tomllib.TOMLDecodeError as problem:
        raise DefinitionRejected(f"{name}: is not TOML: {problem}.", mend="Mend the line that is named.") from None
    try:
        return IndicatorSet.model_validate(fill(raw))
    except ValidationError as problem:
        raise refusal(problem, source=name) from None


def canonical_form(definition: IndicatorSet) -> bytes:
    """Return the set with every default written out, as JSON with sorted keys: the bytes that are hashed."""
    written_out = definition.model_dump(mode="json", by_alias=True)
    return json.dumps(written_out, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def canonical_sha256(definition: IndicatorSet) -> str:
    """Return the SHA-256 of the canonical form, in hexadecimal."""
    return hashlib.sha256(canonical_form(definition)).hexdigest()


@cache
def shipped_sets() -> dict[str, IndicatorSet]:
    """Return the sets that come with the program, by `id@version`."""
    folder = resources.files("linkage") / "definitions" / "indicators"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    sets = (load_indicator_set(entry.read_text(encoding="utf-8")) for entry in files)
    return {definition.name: definition for definition in sets}


def needs_index_date(indicator: Indicator) -> bool:
    """Whether an indicator counts days from an index date."""
    if isinstance(indicator, MedicationAvailability):
        return indicator.needs_index_date
    if isinstance(indicator, SequenceSymmetry | WaitingTimeDistribution):
        return False
    return getattr(indicator, "calendar", None) is None


def population_columns(indicator: Indicator) -> list[str]:
    """Columns of the population, beside index date and strata, that an indicator reads."""
    columns: list[str] = getattr(indicator, "population_columns", [])
    return columns


def needed_columns(definition: IndicatorSet) -> dict[str, set[str]]:
    """Return the concepts that a set reads, by register; what a register does not have is missing from its partitions.

    `evaluate` refuses a set when a column without which it cannot answer is absent, so this is a reading list.
    """
    needed: dict[str, set[str]] = {}
    for exit_column in (definition.exits.death, definition.exits.emigration):
        if exit_column is not None:
            needed.setdefault(exit_column.register_name, set()).add(exit_column.date_column)
    for indicator in definition.indicators:
        if isinstance(indicator, InRegisters):
            for one in indicator.criteria:
                netted = ["packages", "atc", *PRODUCT_COLUMNS] if one.nets else []
                needed.setdefault(one.register_name, set()).update([*one.needed_columns, *netted])
            continue
        columns = needed.setdefault(indicator.register_name, set())
        if isinstance(indicator, EventInWindow):
            columns.update([indicator.date_column, *indicator.code_columns])
            continue
        if isinstance(indicator, WithOutcome | DrugAfterDiagnosis):
            outcome = indicator.outcome
            needed.setdefault(outcome.register_name, set()).update([outcome.date_column, *outcome.code_columns])
        columns.update(["dispensing_date", "packages", "atc"])
        if indicator.by_reason is not None:
            columns.update([indicator.by_reason.column, *PRODUCT_COLUMNS])
        if isinstance(indicator, AmountIndicator):
            columns.update(row_stratum.partition(":")[0] for row_stratum in indicator.row_strata)
        if isinstance(indicator, Cost):
            columns.update(f"cost_{part}" for part in indicator.cost)
        if isinstance(indicator, DefinedDailyDoses):
            columns.update(["ddd_per_package", "ddd_dispensed"])
        if isinstance(indicator, Units | SubstanceAmount):
            columns.add("units_per_package")
        if isinstance(indicator, SubstanceAmount):
            columns.add("strength_text" if indicator.strength == "text" else "strength_mg")
        if isinstance(indicator, GenericSubstitution):
            columns.add(indicator.code_column)
        if isinstance(indicator, HighIntensity):
            columns.update(["strength_text", "dosage_text"])
        if isinstance(indicator, PrimaryNonAdherence):
            needed.setdefault(indicator.prescriptions, set()).update(PRESCRIPTION_COLUMNS)
        if isinstance(indicator, _NETTED | StartAndUse):
            columns.update(PRODUCT_COLUMNS)
        if isinstance(indicator, DrugsAtDate | Polypharmacy) and indicator.by_form:
            columns.add("dosage_form")
        if isinstance(indicator, DoseAboveLimit):
            columns.update(["strength_text", "dosage_text"])
        if isinstance(indicator, FromFirstDispensing | MedicationAvailability) and indicator.needs_dose:
            columns.add("daily_dose")
        if isinstance(indicator, DrugUsePeriods):
            _add_drug_use(needed, columns, definition.drug_use[indicator.drug_use])
        for supply in supply_models(indicator):
            columns.update(
                column for step in definition.supply[supply].steps for column in _STEP_COLUMNS[step.partition(":")[0]]
            )
            if definition.supply[supply].hospital != "ignore":
                needed.setdefault(definition.supply[supply].hospital_register, set()).update(HOSPITAL_COLUMNS)
            for name in definition.supply[supply].drug_use:
                _add_drug_use(needed, columns, definition.drug_use[name])
    return needed


def _add_drug_use(needed: dict[str, set[str]], columns: set[str], model: DrugUseModel) -> None:
    columns.update(["product", "ddd_per_package", "ddd_dispensed"])
    if model.hospital != "ignore":
        needed.setdefault(model.hospital_register, set()).update(HOSPITAL_COLUMNS)


PRODUCT_COLUMNS = ("product", "units_per_package", "strength_text")
"""What tells one product from another when a reversed row looks for its dispensing."""

PRESCRIPTION_COLUMNS = ("prescribing_date", "atc", "cancelled")
"""What a register of prescriptions tells: day of issue, drug, and whether it was taken back."""

HOSPITAL_COLUMNS = ("admission_date", "discharge_date")

_STEP_COLUMNS: dict[str, tuple[str, ...]] = {
    "dosage_text": ("dosage_text", "units_per_package"),
    "days_supply": ("days_supply",),
    "units_per_day": ("units_per_package",),
    "ddd": ("ddd_per_package", "ddd_dispensed"),
    "fixed": (),
    "wtd": (),
    "pre2dup": (),
}
