"""What registers say about who is in a population: who belongs to it, when her index day is, and who is left out.

A population is either sent in or *defined*: by diagnoses, procedures, drugs, tumours, deaths or any other rows of the
registers, within a period. For either, registers may tell index days and exclusions. There are no expressions: criteria
are combined by the three lists all, any and none.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from linkage.definition_errors import refusal
from linkage.errors import DefinitionRejected
from linkage.indicator_kinds.codes_and_supply import CodeSet
from linkage.indicator_kinds.common import CalendarDay, Identifier, Model
from linkage.indicator_kinds.criteria import Criterion
from linkage.toml_text import parse_definition

MOST_CRITERIA = 20
MOST_STRATA = 8
NO_INDEX_EVENT = "no_index_event"
"""Rule by which persons are left out who have no event that would give them an index day."""
PERSON_COLUMNS = {"sex", "age"}
"""What rows tell about the person herself; a population that is sent in has it from identity numbers."""


class Period(Model):
    """Days from the first up to, not including, `until`."""

    from_date: CalendarDay = Field(alias="from")
    until: CalendarDay

    @model_validator(mode="after")
    def _forwards(self) -> Period:
        if self.until <= self.from_date:
            raise ValueError("ends before it begins.|Write the first day, and the first day that no longer counts.")
        return self


class DayWindow(Model):
    """Days after the index day, both ends included; without an end, however far."""

    from_day: int | None = Field(default=None, alias="from")
    to_day: int | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _forwards(self) -> DayWindow:
        if self.from_day is not None and self.to_day is not None and self.to_day < self.from_day:
            raise ValueError("ends before it begins.|Write for instance { from = -365, to = -1 }.")
        for day in (self.from_day, self.to_day):
            if day is not None and abs(day) > 50_000:
                raise ValueError("reaches further than 50,000 days.|Leave the end out for however far.")
        return self


class Entry(Criterion):
    """A criterion that persons of the population meet.

    Without a window it is met within the period, and the day on which it is first met counts towards the index day;
    with `new_after_days` (washout) that day has no row of the codes on any of so many days before it, whatever the
    age, sex and place of such a row. With a window it is met on a day of that window after the index day.
    """

    new_after_days: int | None = Field(default=None, ge=1, le=50_000)
    window: DayWindow | None = None

    @model_validator(mode="after")
    def _new_within_the_period(self) -> Entry:
        if self.window is not None and self.new_after_days is not None:
            raise ValueError("has a window and a washout.|Keep one: only a criterion without a window can be new.")
        return self


class Barrier(Criterion):
    """A criterion that nobody of the population meets: within the period, or within a window after the index day."""

    window: DayWindow | None = None


class RegisterStratum(Model):
    """A stratum that a register tells: what the row holds by which the person met the register's criterion."""

    register_name: Identifier = Field(alias="register")
    column: Identifier


class Definition(Model):
    """Who belongs to a defined population, and when the index day is.

    A person belongs to it if she meets every criterion of `all`, at least one of `any` unless it is empty, and none of
    `none`. The index day is the day on which the criteria without a window are first all met: the latest day of those
    of `all` and, of those of `any`, the earliest; or one day for everybody.
    """

    period: Period
    index: Literal["event"] | CalendarDay = "event"
    all_of: list[Entry] = Field(default_factory=list, alias="all", max_length=MOST_CRITERIA)
    any_of: list[Entry] = Field(default_factory=list, alias="any", max_length=MOST_CRITERIA)
    none_of: list[Barrier] = Field(default_factory=list, alias="none", max_length=MOST_CRITERIA)
    strata: dict[Annotated[str, Field(pattern=r"^[a-zåäö][a-zåäö0-9_]{0,63}$")], RegisterStratum] = Field(
        default_factory=dict, max_length=MOST_STRATA
    )

    @model_validator(mode="after")
    def _somebody_enters(self) -> Definition:
        if not self.entries:
            raise ValueError(
                "has no criterion that persons meet within the period.|Write one under all or any, without a window."
            )
        if len({entry.window is None for entry in self.any_of}) > 1:
            raise ValueError("mixes criteria with and without a window in any.|Put those of one kind into all or any.")
        entering = {entry.register_name for entry in self.entries}
        for name, stratum in self.strata.items():
            if stratum.register_name not in entering:
                raise ValueError(
                    f"tells the stratum {name!r} by a register without a criterion."
                    "|Name a register of a criterion without a window."
                )
        return self

    @property
    def entries(self) -> list[Entry]:
        """The criteria that decide the index day: those of all and any without a window, in their order."""
        return [entry for entry in (*self.all_of, *self.any_of) if entry.window is None]

    @property
    def criteria(self) -> list[Criterion]:
        """Every criterion."""
        return [*self.all_of, *self.any_of, *self.none_of]


class IndexEvent(Criterion):
    """The event that gives persons of a population that was sent in their index day.

    It is the first or the last day of the period with a row that counts; as in a definition, `new_after_days` asks for
    days without a row before it. Persons without such an event are left out as `excluded:no_index_event`.
    """

    period: Period
    rule: Literal["first", "last"] = "first"
    new_after_days: int | None = Field(default=None, ge=1, le=50_000)


class Exclusion(Criterion):
    """A criterion that leaves persons out of every indicator, as `excluded:ID`, though they stay in the population."""

    id: Identifier
    window: DayWindow = DayWindow()


class PopulationRules(Model):
    """Everything that registers decide about a population.

    Args:
        codes: code sets that the criteria name.
        defined: who belongs to it; None for a population that is sent in.
        index_event: what gives persons that are sent in their index day, if it is no column of the file.
        exclude: who is left out; of several rules that speak about a person, the first counts.
    """

    codes: dict[Identifier, CodeSet] = Field(default_factory=dict, max_length=100)
    defined: Definition | None = None
    index_event: IndexEvent | None = None
    exclude: list[Exclusion] = Field(default_factory=list, max_length=MOST_CRITERIA)

    @field_validator("exclude")
    @classmethod
    def _each_rule_once(cls, exclude: list[Exclusion]) -> list[Exclusion]:
        names = [one.id for one in exclude]
        if len(set(names)) < len(names) or NO_INDEX_EVENT in names:
            raise ValueError(f"names a rule twice, or {NO_INDEX_EVENT}.|Give each exclusion an id of its own.")
        return exclude

    @model_validator(mode="after")
    def _rules_agree(self) -> PopulationRules:
        if self.defined is not None and self.index_event is not None:
            raise ValueError("is defined and has an index_event.|A definition gives the index day by its own index.")
        named = {criterion.codes for criterion in self.criteria if criterion.codes is not None}
        if unknown := sorted(named - self.codes.keys()):
            known = ", ".join(sorted(self.codes)) or "none"
            raise ValueError(
                f"names code sets that are not there: {', '.join(unknown)}.|Write them; there is: {known}."
            )
        return self

    @property
    def criteria(self) -> list[Criterion]:
        """Every criterion."""
        index = [] if self.index_event is None else [self.index_event]
        return [*([] if self.defined is None else self.defined.criteria), *index, *self.exclude]

    @property
    def read_registers(self) -> bool:
        """Whether any register has a say in the population."""
        return bool(self.criteria)

    @property
    def excluding_rules(self) -> list[str]:
        """Names of the rules that leave persons out, in their order."""
        return [*([NO_INDEX_EVENT] if self.index_event else []), *(one.id for one in self.exclude)]


def needed_columns(rules: PopulationRules) -> dict[str, set[str]]:
    """Columns that the rules cannot do without, by register."""
    needed: dict[str, set[str]] = {}
    for criterion in rules.criteria:
        needed.setdefault(criterion.register_name, set()).update(criterion.needed_columns)
    for stratum in rules.defined.strata.values() if rules.defined else ():
        needed.setdefault(stratum.register_name, set()).add(stratum.column)
    return needed


def columns_read(rules: PopulationRules) -> dict[str, set[str]]:
    """The same, and those that are read where a register has them: products of drugs, sex and age of who enters."""
    read = needed_columns(rules)
    for criterion in rules.criteria:
        read[criterion.register_name] |= criterion.columns_read
    for entry in rules.defined.entries if rules.defined else ():
        read[entry.register_name] |= PERSON_COLUMNS
    return read


def canonical_form(rules: PopulationRules) -> bytes:
    """The rules with every default written out, as JSON with sorted keys: the bytes that are hashed."""
    content = PopulationRules.model_validate(rules, from_attributes=True).model_dump(mode="json", by_alias=True)
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def canonical_sha256(rules: PopulationRules) -> str:
    """SHA-256 of the canonical form, hexadecimal."""
    return hashlib.sha256(canonical_form(rules)).hexdigest()


def load_population_rules(path: Path) -> PopulationRules:
    """Read rules from the [population] table of a TOML file: an order, or a file of that table alone.

    Raises:
        DefinitionRejected: not TOML, a personal identity number is in it, or a field, value or name is not known; names
            file, field and mend.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise DefinitionRejected(f"{path}: cannot be read.", mend="Check the path, and save it as UTF-8.") from None
    table = parse_definition(text, source=str(path)).get("population")
    if not isinstance(table, dict) or not table.keys() & PopulationRules.model_fields.keys():
        raise DefinitionRejected(f"{path}: has no rules.", mend="Write them under [population], as an order has them.")
    try:
        return PopulationRules.model_validate(
            {name: table[name] for name in PopulationRules.model_fields.keys() & table.keys()}
        )
    except ValidationError as problem:
        raise refusal(problem, source=str(path)) from None
