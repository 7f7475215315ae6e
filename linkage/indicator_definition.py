"""Indicator sets as data: what is counted, in which window, with which codes and which model of supply.

A set is one TOML file. Its *canonical form* (every default written out, keys sorted) is hashed into each result, so two
results with the same hash were computed from the same words. There are no expressions: anything new is a new kind
(`linkage.indicator_kinds`) with its own tests and its own reference values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from linkage.definition_errors import refusal
from linkage.errors import DefinitionRejected
from linkage.indicator_kinds import (
    CodeSet,
    DrugUseModel,
    Identifier,
    Indicator,
    Model,
    SupplyModel,
    Words,
)
from linkage.indicator_kinds.common import CalendarDay
from linkage.indicator_kinds.register_columns import merged
from linkage.toml_text import parse_definition

MOST_VALUES = 10_000
"""Numbers of a person that the grids of one indicator may ask for: a slip of a list would take all memory."""


class SetHeader(Model):
    """Who stands behind the set."""

    id: Identifier
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    title: Words = Words()
    description: Words = Words()
    owner: str = ""
    reviewed_by: str = ""
    next_review: CalendarDay | None = None
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
            if indicator.values_by_period > MOST_VALUES:
                raise ValueError(
                    f"indicator {indicator.id!r}: its grids ask for {indicator.values_by_period:,} numbers of each "
                    f"person, at most {MOST_VALUES:,} are computed; ask for fewer points, or write several indicators"
                )
            for name in indicator.code_sets:
                _known(name, self.codes, what="code set", where=indicator.id)
            if indicator.death_competes:
                _check_death(indicator, self.exits.death)
            for name in indicator.drug_use_models:
                _known(name, self.drug_use, what="model of drug use", where=indicator.id)
            if indicator.by_reason is not None:
                _check_reasons(indicator, self.codes)
            for name in indicator.splitting_code_sets:
                _known(name, self.codes, what="code set", where=indicator.id)
            for name in indicator.supply_models:
                _known(name, self.supply, what="supply model", where=indicator.id)
                if (hospital := self.supply[name].hospital) not in (known := indicator.hospital_rules):
                    raise ValueError(
                        f"indicator {indicator.id!r}: {indicator.kind} does not know hospital stays as {hospital!r}; "
                        f"name a supply model with hospital = {' or '.join(map(repr, known))}"
                    )
        return self


def _check_death(indicator: Indicator, death: Exit | None) -> None:
    if death is None:
        raise ValueError(
            f"indicator {indicator.id!r}: competing = 'death' needs dates of death, exits has death = false; "
            "name their register there, or write competing = 'none'"
        )
    if (death.register_name, death.date_column) in indicator.event_dates:
        raise ValueError(
            f"indicator {indicator.id!r}: death is the outcome, and cannot compete with itself; "
            "write competing = 'none'"
        )


def _check_reasons(indicator: Indicator, codes: dict[str, CodeSet]) -> None:
    assert indicator.by_reason is not None  # Asked before.
    if not indicator.reads_dispensings:
        raise ValueError(f"indicator {indicator.id!r}: by_reason is of dispensings, and {indicator.kind} reads none")
    for name in indicator.by_reason.sets:
        _known(name, codes, what="code set", where=indicator.id)
        if codes[name].system != "snomed":
            raise ValueError(
                f"indicator {indicator.id!r}: by_reason names {name!r} of {codes[name].system} codes; "
                "reasons are Snomed CT concepts: write snomed_include"
            )


def _known(name: str, known: dict[str, Any], *, what: str, where: str) -> None:
    if name not in known:
        raise ValueError(
            f"indicator {where!r} names the {what} {name!r}, known are: {', '.join(sorted(known)) or 'none'}"
        )


Raw = dict[str, Any]


def load_indicator_set(source: Path | str, *, fill: Callable[[Raw], Raw] = lambda raw: raw) -> IndicatorSet:
    """Read a set from a file (Path) or from TOML text (str).

    Args:
        source: where it stands.
        fill: puts in what the text leaves to other files, before anything is checked.

    Raises:
        DefinitionRejected: not TOML, a personal identity number is in it, or a kind, field, value or name is not known;
            names file, field and mend, and repeats no personal identity number.
    """
    name = str(source) if isinstance(source, Path) else "inline set"
    try:
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    except OSError:
        raise DefinitionRejected(f"{name}: cannot be read.", mend="Check the path and the permissions.") from None
    except UnicodeDecodeError:
        raise DefinitionRejected(f"{name}: is not UTF-8 text.", mend="Save the file as UTF-8.") from None
    raw = parse_definition(text, source=name)
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


def needed_columns(definition: IndicatorSet) -> dict[str, set[str]]:
    """Return the concepts that a set reads, by register; what a register does not have is missing from its partitions.

    `evaluate` refuses a set when a column without which it cannot answer is absent, so this is a reading list.
    """
    exits = (definition.exits.death, definition.exits.emigration)
    needed = merged(*({one.register_name: {one.date_column}} for one in exits if one is not None))
    for indicator in definition.indicators:
        supply = [definition.supply[name] for name in indicator.supply_models]
        drug_use = [*indicator.drug_use_models, *(name for model in supply for name in model.drug_use)]
        models: list[SupplyModel | DrugUseModel] = [*supply, *(definition.drug_use[name] for name in drug_use)]
        of_models = ({indicator.register_name: model.columns} for model in models)
        needed = merged(needed, indicator.needed_columns, *of_models, *(model.columns_of_stays for model in models))
    return needed
