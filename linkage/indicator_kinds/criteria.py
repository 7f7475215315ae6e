"""Criteria: rows of a register that count, by their codes and by what they tell of the person."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from linkage.indicator_kinds.common import Identifier, Model, Reversals, as_list
from linkage.indicator_kinds.register_columns import PRODUCT_COLUMNS

_KINDS: dict[str, tuple[str, str, list[str]]] = {
    "diagnosis": ("par_sv", "admission_date", ["main_diagnosis", "diagnosis"]),
    "procedure": ("par_sv", "admission_date", ["procedure"]),
    "drug": ("lmed", "dispensing_date", ["atc"]),
    "tumour": ("cancer", "diagnosis_date", ["icdo3"]),
    "death": ("dors", "death_date", ["underlying_cause"]),
}
"""Register, date and code columns of each kind of criterion, where the definition does not name others."""

Names = Annotated[list[str], BeforeValidator(as_list)]
Prefixes = Annotated[list[Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,20}$")]], BeforeValidator(as_list)]


class AgeLimits(Model):
    """Completed years, both ends included, as the row of the register tells them."""

    from_years: int = Field(default=0, ge=0, le=150, alias="from")
    to_years: int = Field(default=150, ge=0, le=150, alias="to")
    column: Identifier = "age"

    @model_validator(mode="after")
    def _forwards(self) -> AgeLimits:
        if self.to_years < self.from_years:
            raise ValueError("ends before it begins.|Write for instance { from = 18, to = 64 }.")
        return self


class SexLimit(Model):
    """One sex, as the row of the register tells it."""

    sex: Literal["man", "woman"] = Field(alias="is")
    column: Identifier = "sex"


class CodeLimit(Model):
    """The row's code in a column begins like one of these: a place of residence, a hospital, a kind of care."""

    column: Identifier
    starts_with: Annotated[Prefixes, Field(min_length=1, max_length=1000)]


class Criterion(Model):
    """Rows of a register that count: of these codes, and of persons of this age, sex and place.

    A row counts if it has a date, if one of `columns` holds a code of the set (without a set every row does), and if
    it meets each limit itself: age, sex and place are those that the row tells. A dispensing that was reversed does not
    count.
    """

    kind: Literal["diagnosis", "procedure", "drug", "tumour", "death", "event"]
    register_name: Identifier = Field(alias="register")
    date_column: Identifier = Field(alias="date")
    codes: Identifier | None = None
    code_columns: Names = Field(default_factory=list, alias="columns")
    age: AgeLimits | None = None
    sex: SexLimit | None = None
    where: list[CodeLimit] = Field(default_factory=list, max_length=10)
    reversals: Reversals = "net"

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_kind(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        fields = dict(raw)
        if isinstance(fields.get("sex"), str):
            fields["sex"] = {"is": fields["sex"]}
        if known := _KINDS.get(str(fields.get("kind"))):
            register, day, columns = known
            if not {"register", "register_name"} & fields.keys():
                fields["register"] = register
            if not {"date", "date_column"} & fields.keys():
                fields["date"] = day
            if fields.get("codes") is not None and not {"columns", "code_columns"} & fields.keys():
                fields["columns"] = columns
        if fields.get("kind") != "drug":
            fields.setdefault("reversals", "none")
        return fields

    @model_validator(mode="after")
    def _codes_have_columns(self) -> Criterion:
        if (self.codes is None) != (not self.code_columns):
            raise ValueError("has codes without columns, or the reverse.|Name both, or neither for any row.")
        if self.kind != "drug" and self.reversals != "none":
            raise ValueError("nets reversed rows, which only drugs have.|Leave reversals out.")
        return self

    @property
    def needed_columns(self) -> set[str]:
        """Columns of its register without which it cannot be judged."""
        limits = [limit.column for limit in (self.age, self.sex, *self.where) if limit is not None]
        return {self.date_column, *self.code_columns, *limits}

    @property
    def columns_read(self) -> set[str]:
        """The same, and those of products where they are told apart: read where the register has them."""
        return self.needed_columns | ({"packages", "atc", *PRODUCT_COLUMNS} if self.nets else set())

    @property
    def nets(self) -> bool:
        """Whether reversed rows take others away, so that products are told apart."""
        return self.reversals != "none"
