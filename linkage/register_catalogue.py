"""Registers as data: one TOML file a register holds all that the service knows about it.

A new variable is an edit of that file alone. It then appears in ingest, quality control, catalogue and orders.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self

import pyarrow as pa
from pydantic import Field, ValidationError, model_validator

from linkage.definition_errors import refusal
from linkage.errors import DefinitionRejected
from linkage.register_rules import DeliveryRules, OneRowPerPerson, RowFilter, RowRule
from linkage.register_variable import (
    Action,
    Code,
    ColumnName,
    DatePrecision,
    LocalizedText,
    Role,
    Strict,
    Variable,
    VariableType,
)

__all__ = [
    "Action",
    "Code",
    "Coverage",
    "DatePrecision",
    "LocalizedText",
    "RegisterDefinition",
    "Role",
    "Variable",
    "VariableType",
    "arrow_schema",
    "canonical_sha256",
    "load_register_definition",
    "load_registers",
    "parse_register_definition",
    "shipped_registers",
]

MAXIMUM_DEFINITION_BYTES = 4_000_000


class Coverage(Strict):
    """From when the register holds data, and how often it is delivered."""

    first_day: date
    last_day: date | None = None
    period: Literal["month", "quarter", "year", "once"] = "month"
    text: LocalizedText | None = None


class RegisterDefinition(Strict):
    """Everything the service knows about one register.

    Attributes:
        name: the register's name on the command line and in orders.
        version: of this definition, for people; its hash is what results carry.
        person_format: "personnummer" for identity numbers; "opaque" for project pseudonyms (LopNr).
        event_date: name of the date variable that orders a person's rows and decides a row's month.
        only_rows: the rows of a shared file that belong to this register.
        one_row_per_person: the register holds one event a person (deaths).
    """

    name: ColumnName
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    title: LocalizedText
    description: LocalizedText
    holder: str
    sources: tuple[str, ...] = ()
    person_format: Literal["personnummer", "opaque"]
    event_date: ColumnName
    coverage: Coverage
    only_rows: RowFilter | None = None
    one_row_per_person: OneRowPerPerson | None = None
    delivery: DeliveryRules = DeliveryRules()
    variables: tuple[Variable, ...] = Field(min_length=2)
    rules: tuple[RowRule, ...] = ()

    def variable(self, name: str) -> Variable:
        """The variable of that canonical name, concept or stored column.

        Raises:
            KeyError: the register has no such variable.
        """
        for variable in self.variables:
            if name in (variable.name, variable.concept):
                return variable
        raise KeyError(name)

    @property
    def person(self) -> Variable:
        """The variable that holds the person's number."""
        return next(variable for variable in self.variables if variable.role is Role.PERSON)

    @property
    def date_column(self) -> str:
        """Stored column of the event date."""
        return self.variable(self.event_date).column

    @model_validator(mode="after")
    def _variables_fit_each_other(self) -> Self:
        columns = [field.name for variable in self.variables for field in variable.arrow_fields()]
        names = [variable.name for variable in self.variables]
        for label, values in (("variable name", names), ("stored column", columns)):
            if doubled := sorted(value for value, times in Counter(values).items() if times > 1):
                raise ValueError(f"{label} used twice: {', '.join(doubled)}")
        if sum(variable.role is Role.PERSON for variable in self.variables) != 1:
            raise ValueError("exactly one variable must have role = 'person'")
        mentioned = {self.event_date}
        if self.one_row_per_person:
            mentioned.add(self.one_row_per_person.prefer_filled)
        for rule in self.rules:
            mentioned |= {rule.variable, *getattr(rule, "parts", ()), getattr(rule, "other", rule.variable)}
        if unknown := sorted(mentioned - set(names)):
            raise ValueError(f"rules or event_date name variables that are not defined: {', '.join(unknown)}")
        if self.variable(self.event_date).type not in (VariableType.DATE, VariableType.PARTIAL_DATE):
            raise ValueError("event_date must name a date variable")
        return self


def arrow_schema(definition: RegisterDefinition) -> pa.Schema:
    """Columns of a validated batch, in the order of the definition; the person is not among them."""
    return pa.schema([field for variable in definition.variables for field in variable.arrow_fields()])


def load_register_definition(path: Path) -> RegisterDefinition:
    """Read one register definition file.

    Raises:
        DefinitionRejected: the file is missing, not TOML or breaks a rule; names file, field and mend.
    """
    try:
        if path.stat().st_size > MAXIMUM_DEFINITION_BYTES:
            raise DefinitionRejected(f"{path.name} is larger than a definition can be.", mend="Name a TOML file.")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DefinitionRejected(f"{path.name} is not UTF-8 text.", mend="Save the file as UTF-8.") from None
    except OSError:
        raise DefinitionRejected(f"{path.name} cannot be read.", mend="Check the path and its permissions.") from None
    return parse_register_definition(text, file_name=path.name)


def parse_register_definition(text: str, *, file_name: str) -> RegisterDefinition:
    """Read a register definition from TOML text; raises `DefinitionRejected` as `load_register_definition` does."""
    try:
        return RegisterDefinition.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise DefinitionRejected(f"{file_name} is not valid TOML: {error}.", mend="Mend the line named.") from None
    except ValidationError as error:
        raise refusal(error, source=file_name) from None


def load_registers(folder: Path | None = None) -> dict[str, RegisterDefinition]:
    """The shipped registers and the holder's own by name; a file of the holder replaces a shipped one of its name."""
    registers = dict(shipped_registers())
    if folder is not None and folder.is_dir():
        for path in sorted(folder.glob("*.toml")):
            definition = load_register_definition(path)
            registers[definition.name] = definition
    return registers


@cache
def shipped_registers() -> Mapping[str, RegisterDefinition]:
    """The registers that come with the service, by name."""
    folder = resources.files("linkage") / "definitions" / "registers"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    definitions = [parse_register_definition(file.read_text(encoding="utf-8"), file_name=file.name) for file in files]
    return {definition.name: definition for definition in definitions}


def canonical_sha256(definition: RegisterDefinition) -> str:
    """SHA-256 of the definition with every default written out, hexadecimal; layout and comments do not matter."""
    document: dict[str, Any] = definition.model_dump(mode="json")
    return hashlib.sha256(json.dumps(document, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
