"""The kind that counts who is in which register: the standard report of a population by drug and diagnosis."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from linkage.indicator_kinds.amounts import Calendar
from linkage.indicator_kinds.common import Identifier, IndicatorBase, IntervalName, as_list
from linkage.indicator_kinds.criteria import Criterion
from linkage.indicator_kinds.register_columns import merged

BOTH, EITHER, ONLY = "both", "either", "{}_only"

Source = Annotated[list[Criterion], BeforeValidator(as_list), Field(min_length=1, max_length=10)]


class InRegisters(IndicatorBase):
    """Persons with a row of the one source, of the other, of both, of either and of one alone, in each period."""

    kind: Literal["in_registers"]
    calendar: Calendar
    sources: dict[Identifier, Source] = Field(min_length=2, max_length=2)
    statistic: list[Literal["count", "share"]] = ["count", "share"]
    interval: IntervalName = "wilson"

    @model_validator(mode="before")
    @classmethod
    def _register_of_first_source(cls, raw: Any) -> Any:
        """Readers are told the first source's register; the facts of the indicator tell all."""
        if isinstance(raw, dict) and not {"register", "register_name"} & raw.keys():
            sources = raw.get("sources")
            first = next(iter(as_list(one) for one in sources.values()), None) if isinstance(sources, dict) else None
            if isinstance(first, list) and first and isinstance(first[0], dict):
                return {**raw, "register": Criterion.model_validate(first[0]).register_name}
        return raw

    @model_validator(mode="after")
    def _sources_are_words_of_their_own(self) -> InRegisters:
        words = [*self.sources, *(ONLY.format(name) for name in self.sources), BOTH, EITHER]
        if len(set(words)) < len(words):
            raise ValueError(f"a source is named {BOTH!r}, {EITHER!r} or like another with '_only'; rename it")
        return self

    @property
    def criteria(self) -> list[Criterion]:
        """Criteria of both sources."""
        return [criterion for source in self.sources.values() for criterion in source]

    @property
    def codes(self) -> list[str]:
        """Names of their code sets."""
        return list(dict.fromkeys(one.codes for one in self.criteria if one.codes is not None))

    @property
    def event_dates(self) -> list[tuple[str, str]]:
        """Those of its criteria."""
        return [(one.register_name, one.date_column) for one in self.criteria]

    @property
    def needed_columns(self) -> dict[str, set[str]]:
        """Those of its criteria."""
        return merged(*({one.register_name: one.columns_read} for one in self.criteria))

    def wanted_code_sets(self, register: str) -> list[str] | None:
        """Those of its criteria in the register, where each looks at ATC codes alone."""
        own = [one for one in self.criteria if one.register_name == register]
        if any(one.code_columns != ["atc"] for one in own):
            return None
        return [one.codes for one in own if one.codes is not None]

    @property
    def memberships(self) -> dict[str, tuple[str, ...]]:
        """What is counted, each with the parts that it falls apart into."""
        first, second = self.sources
        first_only, second_only = ONLY.format(first), ONLY.format(second)
        return {
            first: (first_only, BOTH),
            second: (second_only, BOTH),
            BOTH: (),
            EITHER: (first_only, second_only, BOTH),
            first_only: (),
            second_only: (),
        }
