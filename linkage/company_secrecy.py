"""Company secrecy as part of a disclosure policy: whose sales may not be read from a table, and who consented to it.

Packages, doses and costs by an article or by an ATC code that a single manufacturer supplies tell that company's sales;
the number of patients does not (Kammarrätten i Stockholm 2359-18; OSL 12:2 for consents).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

CompanyMeasure = Literal["packages", "ddd", "units", "substance_amount", "cost", "dispensings"]
"""What tells a company's sales: kinds of indicators that add up what was sold."""

SALES: tuple[CompanyMeasure, ...] = ("packages", "ddd", "units", "substance_amount", "cost")
"""What is kept back unless a policy says otherwise."""

AtcPrefix = Annotated[str, Field(pattern=r"^[A-Z](\d\d?([A-Z]([A-Z]\d{0,2})?)?)?$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Consent(_Part):
    """What one company lets everybody know of its sales.

    Attributes:
        company: its name, or that of its group, as the manufacturer table has it.
        measures: what may be shown; all that are kept back if empty.
        codes: beginnings of the ATC codes that it is about; all if empty.
        first_day, last_day: of the deliveries that it is about, both included.
        reference: where the consent lies, such as a diary number.
    """

    company: str = Field(min_length=1, max_length=200)
    measures: tuple[CompanyMeasure, ...] = Field(default=(), strict=False)
    codes: tuple[AtcPrefix, ...] = Field(default=(), strict=False)
    first_day: date
    last_day: date
    reference: str = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _days_follow(self) -> Self:
        if self.last_day < self.first_day:
            raise ValueError(f"the consent of {self.company!r} ends before it begins: last_day lies before first_day")
        return self

    def covers(self, *, measure: str, code: str, on: date) -> bool:
        """Whether it lets a measure of a code be shown in a delivery of that day."""
        return (
            (not self.measures or measure in self.measures)
            and (not self.codes or code.startswith(self.codes))
            and self.first_day <= on <= self.last_day
        )


class CompanySecrecy(_Part):
    """The company rule of a policy. Without a manufacturer table every code counts as one of a single manufacturer.

    Attributes:
        minimum_manufacturers: codes and articles of fewer manufacturers are kept back; 2 keeps back single ones.
        measures: what is kept back.
        patients_shown: numbers of patients are shown all the same.
        consents: companies that let their sales be shown.
    """

    minimum_manufacturers: int = Field(default=2, ge=2, le=20)
    measures: tuple[CompanyMeasure, ...] = Field(default=SALES, min_length=1, strict=False)
    patients_shown: bool = True
    consents: tuple[Consent, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _consents_are_about_something(self) -> Self:
        for consent in self.consents:
            if idle := sorted(set(consent.measures) - set(self.measures)):
                raise ValueError(
                    f"the consent of {consent.company!r} is about {', '.join(idle)}, "
                    "which measures does not keep back: leave it out of the consent or add it to measures"
                )
        return self

    def weaker_than(self, floor: CompanySecrecy) -> Iterator[str]:
        """In words, each part that protects companies less than `floor` does."""
        if self.minimum_manufacturers < floor.minimum_manufacturers:
            yield (
                f"company_secrecy.minimum_manufacturers is {self.minimum_manufacturers}, "
                f"the floor is {floor.minimum_manufacturers}"
            )
        if missing := sorted(set(floor.measures) - set(self.measures)):
            yield f"company_secrecy.measures lacks {', '.join(missing)}"
        if self.patients_shown and not floor.patients_shown:
            yield "company_secrecy.patients_shown is true, the floor is false"
        for consent in self.consents:
            if consent not in floor.consents:
                yield f"company_secrecy.consents has one of {consent.company!r} that the floor lacks"
