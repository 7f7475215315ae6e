"""Disclosure policies: what may leave, written by officers as data and enforced by the core.

A policy is a TOML file. It is named in each delivery by id, version and the SHA-256 of its canonical form, so a
reader can tell exactly which rules a table passed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from linkage.company_secrecy import CompanySecrecy
from linkage.definition_errors import refusal
from linkage.errors import DefinitionRejected
from linkage.perturbation_rules import Mechanism, weaker_mechanism
from linkage.policy_exceptions import ExceptedRule, SignedException
from linkage.toml_text import parse_definition

BandEnd = Annotated[int, Field(ge=0, le=99)]
Dominance = tuple[Annotated[int, Field(ge=1, le=3)], Annotated[int, Field(ge=1, le=99)]]
Column = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


_MORE_IS_STRICTER = (
    "minimum_cell",
    "minimum_contributors",
    "minimum_population",
    "minimum_stratum",
    "minimum_candidates",
    "sum_width_percent",
    "p_percent",
    "coalition",
    "minimum_prescribers",
    "minimum_workplaces",
    "officers_to_release",
    "expected_moves",
)
_TRUE_IS_STRICTER = ("reach_threshold", "company_groups", "class_disclosure")
_ALWAYS_WRITTEN = frozenset(
    {
        "id",
        "version",
        "title",
        "description",
        "minimum_cell",
        "zero_shown",
        "minimum_contributors",
        "minimum_population",
        "minimum_stratum",
        "secondary_suppression",
        "minimum_candidates",
        "reach_threshold",
        "sum_width_percent",
        "match_rate_bands",
    }
)
"""Fields of the first policies. Any other is left out where it has its default, so that their hashes stay."""


class _Section(BaseModel):
    """A table of a policy file: no unknown keys, no change after reading, no guessing of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Titles(_Section):
    """The same text in both languages of the service."""

    sv: str = Field(min_length=1)
    en: str = Field(min_length=1)


class ExperimentalVariables(_Section):
    """Variables whose quality is not assessed yet.

    Attributes:
        variables: columns of registers, besides those that a register's definition calls experimental.
        treatment: an order that reads them is refused, or its delivery says so.
    """

    variables: tuple[Column, ...] = Field(default=(), strict=False)
    treatment: Literal["not_released", "flagged"] = "not_released"


class DisclosurePolicy(_Section):
    """One policy, complete: what may leave, and how well the rest is hidden from someone who knows all that is printed,
    these rules and the algorithm.

    Attributes:
        id: name of the policy.
        version: three numbers; a released version never changes.
        title: for lists, in both languages.
        description: what a reader of a table has to know, in both languages.
        minimum_cell: cells of 1 to one less than this many persons are sensitive.
        zero_shown: a count of zero is printed; otherwise zero is as sensitive as one.
        minimum_contributors: sums, means and rates of fewer contributing persons are sensitive.
        minimum_population: smaller populations get no table at all.
        minimum_stratum: in a stratum of fewer persons, each count above zero is sensitive, however large.
        secondary_suppression: further cells are suppressed so that no suppressed cell can be computed. Required.
        minimum_candidates: so many different whole numbers remain possible for each suppressed count.
        reach_threshold: the possible numbers of a sensitive count reach up to `minimum_cell`, so that nobody can
            prove that the count is small.
        sum_width_percent: the possible values of a suppressed sum span at least this share of the sum.
        match_rate_bands: lower ends in per cent of the bands in which a match rate is released, ascending from 0.
        dominance: pairs (n, k): a sum of which the n largest contributors make up more than k per cent is sensitive.
        p_percent: a sum is sensitive from which a contributor could estimate another to within so many per cent; 0 is
            no such rule.
        coalition: so many contributors who pool what they know are reckoned with, 1 or 2.
        company_groups: contributors of one company group count as one; a table without the groups is refused.
        class_disclosure: a level that holds all of a shown total is sensitive, and so are the zeros beside it.
        minimum_prescribers: cells that fewer prescribers stand behind are sensitive; 0 is no such rule.
        minimum_workplaces: the same for workplaces.
        company_secrecy: what companies sell is kept back; None is no such rule.
        multi_response: dimensions of laboratory tables in which a person may stand under several levels; of orders the
            service knows them itself.
        experimental: variables that are not released, or flagged.
        exceptions_from: rules that an officer may make exceptions from.
        exceptions: those that were made.
        officers_to_release: so many different officers must approve a table before it is released.
        mechanism: counts are rounded, or changed by noise instead of hidden; None hides.
        expected_moves: a count is counted anew beside earlier releases when so many persons are to be expected to have
            joined or left, by the size of its cell and the movement in all cells of its kind; 0 is no such rule.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    title: Titles
    description: Titles
    minimum_cell: int = Field(default=10, ge=3, le=1000)
    zero_shown: bool = True
    minimum_contributors: int = Field(default=10, ge=3, le=1000)
    minimum_population: int = Field(default=50, ge=10)
    minimum_stratum: int = Field(default=10, ge=0)
    secondary_suppression: bool = True
    minimum_candidates: int = Field(default=3, ge=3, le=32)
    reach_threshold: bool = True
    sum_width_percent: int = Field(default=10, ge=1, le=100)
    match_rate_bands: tuple[BandEnd, ...] = Field(default=(0, 50, 80, 90, 95, 98), strict=False)
    dominance: tuple[Annotated[Dominance, Field(strict=False)], ...] = Field(default=(), strict=False)
    p_percent: int = Field(default=0, ge=0, le=100)
    coalition: int = Field(default=1, ge=1, le=2)
    company_groups: bool = False
    class_disclosure: bool = False
    minimum_prescribers: int = Field(default=0, ge=0, le=100)
    minimum_workplaces: int = Field(default=0, ge=0, le=100)
    company_secrecy: CompanySecrecy | None = None
    multi_response: tuple[Column, ...] = Field(default=(), strict=False)
    experimental: ExperimentalVariables | None = None
    exceptions_from: tuple[ExceptedRule, ...] = Field(default=(), strict=False)
    exceptions: tuple[SignedException, ...] = Field(default=(), strict=False)
    officers_to_release: int = Field(default=1, ge=1, le=2)
    mechanism: Mechanism | None = None
    expected_moves: int = Field(default=25, ge=0, le=10_000)

    @model_serializer(mode="wrap")
    def _leave_out_later_defaults(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A rule that came later and is absent leaves no trace, so that the hash of an older policy stays."""
        absent = {
            name
            for name, field in type(self).model_fields.items()
            if name not in _ALWAYS_WRITTEN and getattr(self, name) == field.default
        }
        return {name: value for name, value in write(self).items() if name not in absent}

    @model_validator(mode="after")
    def _rules_agree(self) -> Self:
        if not self.secondary_suppression:
            raise ValueError(
                "secondary_suppression cannot be switched off: without it 40-82 % of small cells are recovered by "
                "subtraction"
            )
        if self.minimum_population < self.minimum_cell:
            raise ValueError("minimum_population is below minimum_cell")
        if self.minimum_candidates > self.minimum_cell:
            raise ValueError("minimum_candidates is above minimum_cell")
        bands = self.match_rate_bands
        if not bands or bands[0] != 0 or any(low >= high for low, high in pairwise(bands)):
            raise ValueError("match_rate_bands must ascend from 0 without repetition")
        return self

    @model_validator(mode="after")
    def _rules_of_contributors_agree(self) -> Self:
        for (n, k), (more, greater) in pairwise(self.dominance):
            if more <= n or greater <= k:
                raise ValueError(
                    f"dominance ({more}, {greater}) contradicts ({n}, {k}): n and k must both rise from rule to rule, "
                    "or one of them never decides"
                )
        if self.dominance and self.dominance[-1][0] >= self.minimum_contributors:
            n, k = self.dominance[-1]
            raise ValueError(
                f"dominance ({n}, {k}) contradicts minimum_contributors {self.minimum_contributors}: it hides every "
                f"sum of {n} contributors, which minimum_contributors allows"
            )
        if self.coalition > 1 and not self.p_percent:
            raise ValueError("coalition says whom p_percent reckons with, and p_percent is 0")
        if self.coalition >= self.minimum_contributors - 1:
            raise ValueError(
                f"coalition {self.coalition} contradicts minimum_contributors {self.minimum_contributors}: "
                "so many together know the last one's share of a sum that is shown"
            )
        return self

    @model_validator(mode="after")
    def _exceptions_are_allowed(self) -> Self:
        has = {
            "company_secrecy": self.company_secrecy is not None,
            "dominance": bool(self.dominance),
            "p_percent": self.p_percent > 0,
            "class_disclosure": self.class_disclosure,
        }
        for exception in self.exceptions:
            if exception.rule not in self.exceptions_from:
                raise ValueError(
                    f"exceptions has one from {exception.rule}, and exceptions_from does not allow any from it"
                )
            if not has[exception.rule]:
                raise ValueError(f"exceptions has one from {exception.rule}, a rule that this policy does not have")
        for name in ("multi_response", "exceptions_from"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name} names something twice")
        return self

    @model_validator(mode="after")
    def _mechanism_keeps_the_other_rules(self) -> Self:
        if self.mechanism is None or not self.mechanism.replaces_suppression:
            return self
        only_hiding_keeps = {
            "zero_shown = false": not self.zero_shown,
            "company_secrecy": self.company_secrecy is not None,
            "class_disclosure": self.class_disclosure,
            "p_percent": self.p_percent > 0,
            "minimum_prescribers": self.minimum_prescribers > 0,
            "minimum_workplaces": self.minimum_workplaces > 0,
        }
        if unmet := [name for name, is_asked in only_hiding_keeps.items() if is_asked]:
            raise ValueError(f"mechanism hides nothing, and only hiding keeps {', '.join(unmet)}")
        return self

    @model_validator(mode="after")
    def _rounding_reaches_the_threshold(self) -> Self:
        rounding = self.mechanism.rounding if self.mechanism else None
        if rounding is None or not rounding.hides_instead:
            return self
        # A cell rounded to 0 may be up to base - 1, whatever else is printed: it and its totals rise together.
        if rounding.base < self.minimum_candidates:
            raise ValueError("mechanism.rounding.base is below minimum_candidates")
        if self.reach_threshold and rounding.base <= self.minimum_cell:
            raise ValueError(
                f"mechanism.rounding.base {rounding.base} lets a reader prove that a count is below minimum_cell "
                f"{self.minimum_cell}, which reach_threshold forbids: choose a base above it"
            )
        return self

    @property
    def name(self) -> str:
        """Id and version as orders write them, e.g. "standard@1.0.0"."""
        return f"{self.id}@{self.version}"


def load_policy(source: str | Path) -> DisclosurePolicy:
    """Read one policy.

    Args:
        source: a path, or the TOML text itself.

    Raises:
        DefinitionRejected: unreadable, not TOML, or a field is missing, unknown or contradicts another; names it.
    """
    where = str(source) if isinstance(source, Path) else "policy text"
    try:
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
        return DisclosurePolicy.model_validate(parse_definition(text, source=where))
    except OSError:
        raise DefinitionRejected(f"{where}: cannot be read.", mend="Check the path and its permissions.") from None
    except UnicodeDecodeError:
        raise DefinitionRejected(f"{where}: not UTF-8 text.", mend="Save the file as UTF-8.") from None
    except ValidationError as problems:
        raise refusal(problems, source=where) from None


def shipped_policies() -> dict[str, DisclosurePolicy]:
    """Return the policies that come with the software, by name such as "standard@1.0.0"."""
    folder = resources.files("linkage") / "definitions" / "policies"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    policies = [load_policy(f.read_text(encoding="utf-8")) for f in files]
    return {policy.name: policy for policy in policies}


def canonical_form(policy: DisclosurePolicy) -> bytes:
    """Return the bytes that are hashed: JSON, keys sorted, no spaces, UTF-8.

    Defaults are written out but for rules that came after the first policies: their absence is not written.
    """
    document = policy.model_dump(mode="json")
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def canonical_sha256(policy: DisclosurePolicy) -> str:
    """Return the lower-case hex SHA-256 of the canonical form."""
    return hashlib.sha256(canonical_form(policy)).hexdigest()


def check_floor(policy: DisclosurePolicy, *, floor: DisclosurePolicy) -> None:
    """Refuse a policy that protects less than the register holder's floor in any rule.

    Raises:
        DefinitionRejected: names each rule that is weaker, with both settings.
    """
    weaker = [
        f"{rule} is {getattr(policy, rule)}, the floor is {getattr(floor, rule)}"
        for rule in _MORE_IS_STRICTER
        if getattr(policy, rule) < getattr(floor, rule)
    ]
    if policy.zero_shown and not floor.zero_shown:
        weaker.append("zero_shown is true, the floor is false")
    weaker += [
        f"{rule} is false, the floor is true"
        for rule in _TRUE_IS_STRICTER
        if getattr(floor, rule) and not getattr(policy, rule)
    ]
    weaker += _weaker_lists(policy, floor)
    if finer := sorted(set(policy.match_rate_bands) - set(floor.match_rate_bands)):
        weaker.append(f"match_rate_bands has ends the floor lacks: {finer}")
    if weaker:
        raise DefinitionRejected(
            f"policy {policy.name} is weaker than the floor {floor.name}: {'; '.join(weaker)}.",
            mend="Name a policy that is at least as strict in each rule.",
        )


def _weaker_lists(policy: DisclosurePolicy, floor: DisclosurePolicy) -> Iterator[str]:
    """What is weaker in rules that are more than a number or a yes."""
    for n, k in floor.dominance:
        if not any(own_n >= n and own_k <= k for own_n, own_k in policy.dominance):
            yield f"dominance has no rule as strict as the floor's ({n}, {k})"
    if missing := sorted(set(floor.multi_response) - set(policy.multi_response)):
        yield f"multi_response lacks {', '.join(missing)}"
    if floor.company_secrecy is not None:
        if policy.company_secrecy is None:
            yield "company_secrecy is absent, the floor has it"
        else:
            yield from policy.company_secrecy.weaker_than(floor.company_secrecy)
    if floor.experimental is not None:
        own = policy.experimental
        if missing := sorted(set(floor.experimental.variables) - set(own.variables if own else ())):
            yield f"experimental.variables lacks {', '.join(missing)}"
        if own is not None and floor.experimental.treatment == "not_released" and own.treatment == "flagged":
            yield "experimental.treatment is flagged, the floor is not_released"
    yield from weaker_mechanism(policy.mechanism, floor.mechanism)
    if allowed := sorted(set(policy.exceptions_from) - set(floor.exceptions_from)):
        yield f"exceptions_from allows {', '.join(allowed)}, the floor does not"
