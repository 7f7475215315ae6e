"""One variable of a register, as its definition file states it: names, type, code system, role and quality rules."""

from __future__ import annotations

import re
from datetime import date
from enum import IntEnum, StrEnum
from typing import Annotated, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from linkage.code_systems import code_system_names

COLUMN_NAME = r"^[a-z][a-z0-9_]{0,62}$"
ColumnName = Annotated[str, Field(pattern=COLUMN_NAME)]

NUMBERED_NAMES = re.compile(r"^(?P<stem>.+)\{(?P<first>\d+)\.\.(?P<last>\d+)\}$")


class Strict(BaseModel):
    """Base of everything read from a definition file: unknown fields are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LocalizedText(Strict):
    """A title or a description in the two languages of the service."""

    sv: str = Field(min_length=1)
    en: str = Field(min_length=1)


class VariableType(StrEnum):
    """What the values of a variable are."""

    STRING = "string"
    CODE = "code"  # text from a code system; kept as written, also when the code is not known
    INTEGER = "integer"
    DECIMAL = "decimal"  # stored as integers in units of 1 / scale, so that sums are exact
    DATE = "date"
    PARTIAL_DATE = "partial_date"  # may lack day or month: stored raw, imputed and with its precision
    BOOLEAN = "boolean"


class Role(StrEnum):
    """What a variable is for."""

    PERSON = "person"  # the identity number: replaced by the hashed id, never stored
    DATE = "date"
    DIMENSION = "dimension"  # results may be split by it
    MEASURE = "measure"  # results may sum it
    COMPANY = "company"  # points out a manufacturer: company secrecy applies
    PRESCRIBER = "prescriber"  # points out a prescriber or a workplace: small-cell rule for those applies
    OTHER = "other"


class DatePrecision(IntEnum):
    """How much of a partial date the source knew; values of the `..._precision` column."""

    UNKNOWN = 0
    YEAR = 1
    MONTH = 2
    DAY = 3


class Action(StrEnum):
    """What happens to a row that breaks a rule."""

    QUARANTINE = "quarantine"  # the row is set aside, with its reason, and not stored
    COUNT = "count"  # the row is stored as delivered and the report counts it


class Code(Strict):
    """One code of a short list written in the definition itself."""

    code: str
    title: LocalizedText


class Variable(Strict):
    """One variable of a register.

    Attributes:
        name: canonical name, lower case; also the stored column where there is no concept.
        concept: word by which the engine knows the variable ("dispensing_date", "atc", ...).
        source_names: accepted column names in order of preference, compared without regard to case. A list variable
            may name many columns at once: "DIA{1..30}".
        source_pattern: regular expression for names that change from delivery to delivery, such as p444_lopnr_personnr.
        many: a row holds several values, from several columns or from one with a `separator`.
        required: a delivery without the column is refused whole.
        filled: a row without a value is quarantined.
        since: first day from which the source delivers the variable; before it, empty values are not a fault.
        width: digits the source writes; a numeric delivery that lost leading zeros gets them back.
        scale: units per whole of a decimal (100 keeps two decimals).
        inexact: "round" accepts more decimals than `scale` keeps, and counts; "quarantine" does not.
        special_codes: values outside the code system that carry meaning of their own and are kept.
        bad_code: what happens to a row whose code is not written as its code system says.
        future: dates after the day of loading are right (a register of plans, or of shifted dates).
        unknown_parts: day and month imputed for a partial date: "middle" (1 July, the 15th) or "first".
        needs_review: the code list is from memory or second hand; a person at the register holder shall confirm it.
    """

    name: ColumnName
    title: LocalizedText
    description: LocalizedText | None = None
    type: VariableType
    role: Role = Role.OTHER
    concept: ColumnName | None = None
    source_names: tuple[str, ...] = Field(min_length=1)
    source_pattern: str | None = None
    many: bool = False
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    maximum_values: int | None = Field(default=None, ge=1)
    required: bool = False
    filled: bool = False
    since: date | None = None
    width: int | None = Field(default=None, ge=1, le=32)
    bits: int = 32
    scale: int = 1
    inexact: str = Field(default="quarantine", pattern="^(quarantine|round)$")
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    earliest: date | None = None
    future: bool = False
    code_system: str | None = None
    codes: tuple[Code, ...] = ()
    special_codes: tuple[str, ...] = ("-", "BLANKED")
    bad_code: Action = Action.COUNT
    unknown_parts: str = Field(default="middle", pattern="^(middle|first)$")
    experimental: bool = False
    needs_review: bool = False

    @property
    def column(self) -> str:
        """Name of the stored column: the engine's word where there is one."""
        return self.concept or self.name

    def accepted_names(self) -> tuple[str, ...]:
        """Source names in order of preference, numbered ranges written out."""
        names: list[str] = []
        for name in self.source_names:
            if numbered := NUMBERED_NAMES.match(name):
                first, last = int(numbered["first"]), int(numbered["last"])
                names.extend(f"{numbered['stem']}{number}" for number in range(first, last + 1))
            else:
                names.append(name)
        return tuple(names)

    def arrow_fields(self) -> list[pa.Field]:
        """Stored columns of this variable; none for the person, three for a partial date."""
        if self.role is Role.PERSON:
            return []
        metadata = {b"scale": str(self.scale).encode()} if self.type is VariableType.DECIMAL else None
        fields = [pa.field(self.column, self._arrow_type(), metadata=metadata)]
        if self.type is VariableType.PARTIAL_DATE:
            fields.append(pa.field(f"{self.column}_raw", pa.string()))
            fields.append(pa.field(f"{self.column}_precision", pa.uint8()))
        return fields

    def _arrow_type(self) -> pa.DataType:
        whole = pa.int64() if self.bits == 64 else pa.int32()
        if self.many:
            return pa.list_(whole if self.type is VariableType.INTEGER else pa.string())
        return {
            VariableType.STRING: pa.string(),
            VariableType.CODE: pa.dictionary(pa.uint32(), pa.string()),
            VariableType.INTEGER: whole,
            VariableType.DECIMAL: whole,
            VariableType.DATE: pa.date32(),
            VariableType.PARTIAL_DATE: pa.date32(),
            VariableType.BOOLEAN: pa.bool_(),
        }[self.type]

    @model_validator(mode="after")
    def _fields_fit_each_other(self) -> Self:
        kind = self.type
        if self.bits not in (32, 64):
            raise ValueError("bits must be 32 or 64")
        if self.scale not in (1, 10, 100, 1_000, 10_000) or (self.scale != 1 and kind is not VariableType.DECIMAL):
            raise ValueError("scale is a power of ten up to 10000, and only a decimal has one")
        if self.many and kind not in (VariableType.CODE, VariableType.INTEGER, VariableType.STRING):
            raise ValueError("many = true fits codes, integers and strings only")
        if (self.separator or self.maximum_values) and not self.many:
            raise ValueError("separator and maximum_values belong to a variable with many = true")
        if not self.many and any(NUMBERED_NAMES.match(name) for name in self.source_names):
            raise ValueError("a numbered range of source_names needs many = true")
        if self.code_system is not None and self.code_system not in code_system_names():
            raise ValueError(f"code_system is not known; write one of {', '.join(code_system_names())}")
        if (self.code_system or self.codes) and kind not in (VariableType.CODE, VariableType.INTEGER):
            raise ValueError("a code system or code list needs type = 'code' (or 'integer')")
        if self.source_pattern is not None:
            try:
                re.compile(self.source_pattern)
            except re.error:
                raise ValueError("source_pattern is not a regular expression") from None
        return self
