"""Disclosure policies: what may leave, written by officers as data and enforced by the core.

A policy is a TOML file. It is named in each delivery by id, version and the SHA-256 of its canonical form, so a
reader can tell exactly which rules a table passed.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from linkage.errors import DefinitionRejected

BandEnd = Annotated[int, Field(ge=0, le=99)]


_MORE_IS_STRICTER = (
    "minimum_cell",
    "minimum_contributors",
    "minimum_population",
    "minimum_stratum",
    "minimum_candidates",
    "sum_width_percent",
)


class _Section(BaseModel):
    """A table of a policy file: no unknown keys, no change after reading, no guessing of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Titles(_Section):
    """The same text in both languages of the service."""

    sv: str = Field(min_length=1)
    en: str = Field(min_length=1)


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
        return DisclosurePolicy.model_validate(tomllib.loads(text))
    except OSError:
        raise DefinitionRejected(f"{where}: cannot be read.", mend="Check the path and its permissions.") from None
    except UnicodeDecodeError:
        raise DefinitionRejected(f"{where}: not UTF-8 text.", mend="Save the file as UTF-8.") from None
    except tomllib.TOMLDecodeError as problem:
        raise DefinitionRejected(f"{where}: not TOML: {problem}.", mend="Correct the line named.") from None
    except ValidationError as problems:
        raise DefinitionRejected(
            f"{where}: {_in_words(problems)}.", mend="Correct the fields named; see linkage/definitions/policies."
        ) from None


def shipped_policies() -> dict[str, DisclosurePolicy]:
    """Return the policies that come with the software, by name such as "standard@1.0.0"."""
    folder = resources.files("linkage") / "definitions" / "policies"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    policies = [load_policy(f.read_text(encoding="utf-8")) for f in files]
    return {policy.name: policy for policy in policies}


def canonical_form(policy: DisclosurePolicy) -> bytes:
    """Return the bytes that are hashed: JSON, keys sorted, no spaces, UTF-8, defaults written out."""
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
    if floor.reach_threshold and not policy.reach_threshold:
        weaker.append("reach_threshold is false, the floor is true")
    if finer := sorted(set(policy.match_rate_bands) - set(floor.match_rate_bands)):
        weaker.append(f"match_rate_bands has ends the floor lacks: {finer}")
    if weaker:
        raise DefinitionRejected(
            f"policy {policy.name} is weaker than the floor {floor.name}: {'; '.join(weaker)}.",
            mend="Name a policy that is at least as strict in each rule.",
        )


def _in_words(problems: ValidationError) -> str:
    """Name field and rule of each problem; a policy holds no personal value, but inputs are left out all the same."""
    parts: list[str] = []
    for problem in problems.errors(include_url=False, include_input=False, include_context=False):
        field: tuple[Any, ...] = problem["loc"]
        parts.append(f"{'.'.join(map(str, field)) or 'policy'}: {problem['msg']}")
    return "; ".join(parts)
