"""Code sets by prefix, and how long one dispensing lasts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from linkage.indicator_kinds.common import CalendarDay, HospitalRule, Model, Reversals, as_list, unique
from linkage.indicator_kinds.register_columns import DDD_COLUMNS, HOSPITAL_COLUMNS


class Validity(Model):
    """Dates on which a code set applies, half-open; rows outside are not matched."""

    from_date: CalendarDay | None = Field(default=None, alias="from")
    until: CalendarDay | None = None


class CodeSet(Model):
    """Codes by prefix: matched by an `include` and by no `exclude`. `atc_include = [...]` sets the system too.

    Snomed CT concepts are matched whole.
    """

    system: Literal["atc", "icd10", "kva", "icdo3", "snomed"]
    include: list[str] = Field(min_length=1)
    exclude: list[str] = Field(default_factory=list)
    valid: Validity = Validity()
    needs_review: bool = False
    source: str = ""

    @property
    def whole_codes(self) -> bool:
        """Whether codes are matched whole: a Snomed CT number that begins as another's is no part of it."""
        return self.system == "snomed"

    @model_validator(mode="before")
    @classmethod
    def _system_from_key(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        fields = dict(raw)
        for key in list(fields):
            system, _, part = key.rpartition("_")
            if part in ("include", "exclude") and system:
                if fields.setdefault("system", system) != system:
                    raise ValueError("one code set holds codes of one system only")
                fields[part] = fields.pop(key)
        return fields

    @field_validator("include", "exclude")
    @classmethod
    def _written_plainly(cls, prefixes: list[str]) -> list[str]:
        for prefix in prefixes:
            if not prefix or not prefix.isalnum() or prefix != prefix.upper():
                raise ValueError(f"{prefix!r}: write a prefix in capitals and digits, without dot, star or dash")
        return unique(prefixes)


_STEP_PATTERN = (
    r"^(dosage_text(:(low|mid|high))?|days_supply|units_per_day:\d+(\.\d+)?|ddd:\d+(\.\d+)?|fixed:\d+|wtd:\d+"
    r"|pre2dup:[a-z][a-z0-9_-]*)$"
)
_WITHOUT_AMOUNT = ("dosage_text", "pre2dup")
_STEP_COLUMNS: dict[str, tuple[str, ...]] = {
    "dosage_text": ("dosage_text", "units_per_package"),
    "days_supply": ("days_supply",),
    "units_per_day": ("units_per_package",),
    "ddd": DDD_COLUMNS,
    "fixed": (),
    "wtd": (),
    "pre2dup": (),
}


class SupplyModel(Model):
    """How many days one dispensing lasts: the first step that can answer for a row, cut at `cap_days`.

    Steps: `dosage_text` (amount by the dosage that is read; `dosage_text:low`, `:mid` and `:high` read ranges too, as
    their lower or upper end or middle), `days_supply` (a column of the register), `units_per_day:x`,
    `ddd:x`, `fixed:N`, `wtd:N` (days of a waiting-time distribution, whose `source` must be told), `pre2dup:NAME` (days
    until the next purchase or the end of a drug use period, by a model of drug use of the set). There is no default
    model: one DDD a day is right too seldom to be silent.
    """

    steps: Annotated[list[Annotated[str, Field(pattern=_STEP_PATTERN)]], BeforeValidator(as_list), Field(min_length=1)]
    cap_days: int = Field(default=125, ge=1, le=3650)
    reversals: Reversals = "net"
    hospital: HospitalRule = "ignore"
    hospital_register: str = "par_sv"
    source: str = ""

    @property
    def drug_use(self) -> list[str]:
        """Names of the models of drug use that steps ask for."""
        return [step.partition(":")[2] for step in self.steps if step.startswith("pre2dup:")]

    @property
    def columns(self) -> set[str]:
        """Columns of the register of dispensings that its steps read."""
        return {column for step in self.steps for column in _STEP_COLUMNS[step.partition(":")[0]]}

    @property
    def columns_of_stays(self) -> dict[str, set[str]]:
        """Columns that tell hospital stays, by register; none where it does not look at them."""
        return {} if self.hospital == "ignore" else {self.hospital_register: {*HOSPITAL_COLUMNS}}

    @field_validator("steps")
    @classmethod
    def _each_once(cls, steps: list[str]) -> list[str]:
        if any(float(step.partition(":")[2] or 1) <= 0 for step in steps if not step.startswith(_WITHOUT_AMOUNT)):
            raise ValueError("an amount of a supply step must be above 0")
        return unique(steps)

    @model_validator(mode="after")
    def _estimates_have_a_source(self) -> SupplyModel:
        if not self.source and any(step.startswith("wtd:") for step in self.steps):
            raise ValueError("wtd:N is an estimate: tell in source which data and method it comes from")
        return self
