"""Written policies that approve an order in an officer's stead; what one does not plainly allow goes to an officer.

A policy is a TOML file in `definitions/preapprovals/`. It says who decided it, when, until when, under which exception
of the secrecy act and why, and exactly what it lets through. The shipped one names no organisation and so approves
nothing until the register holder writes its own.
"""

from __future__ import annotations

import tomllib
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from linkage.definition_errors import refusal
from linkage.errors import DefinitionRejected
from linkage.order import OrderDocument
from linkage_server.orders.secrecy import SecrecyException


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Titles(_Section):
    """The policy's name for people."""

    sv: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Decision(_Section):
    """Who stands behind the policy."""

    decider: str = Field(min_length=1, max_length=200)
    decided_on: date
    # Last day on which it approves anything.
    valid_until: date
    exception: SecrecyException
    # A policy that could not say so would not be one.
    no_harm: Literal[True]
    reasoning: str = Field(min_length=20)


class Allows(_Section):
    """The most that an order may ask for. An empty list allows nothing."""

    organisations: tuple[str, ...]
    purposes: tuple[str, ...]
    registers: tuple[str, ...]
    # "id@version"; an inline set is never approved by a policy.
    sets: tuple[str, ...]
    # Columns that the population may bring.
    strata: tuple[str, ...]
    # What tables may be split by, as `by` writes it, without bands: "hospital", "sex", "age", "index:month".
    dimensions: tuple[str, ...]
    maximum_crossing: int = Field(ge=0, le=6)
    maximum_crossings: int = Field(ge=0, le=20)
    # Disclosure policies, "id@version".
    policies: tuple[str, ...]
    minimum_persons: int = Field(ge=100)


class Preapproval(_Section):
    """One written policy."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    title: Titles
    decision: Decision
    allows: Allows

    @property
    def name(self) -> str:
        """`id@version`, as the order names it."""
        return f"{self.id}@{self.version}"

    def objections(
        self, order: OrderDocument, *, organisation: str, policy: str, linkable_persons: int, today: date
    ) -> list[str]:
        """Why the policy does not approve an order; empty if it does.

        Args:
            order: what is asked.
            organisation: who asks.
            policy: disclosure policy of the order, "id@version".
            linkable_persons: rows of the population that can be linked.
            today: the day of the decision.
        """
        allows = self.allows
        dimensions = [_without_bands(part) for crossing in order.by for part in crossing]
        named = [f"{choice.set}@{choice.version}" for choice in order.indicators if choice.inline is None]
        objections = [
            (not self.decision.decided_on <= today <= self.decision.valid_until, "it is not in force today"),
            (organisation not in allows.organisations, "the organisation is not named in it"),
            (order.purpose not in allows.purposes, "the purpose is not named in it"),
            (not set(order.registers) <= set(allows.registers), "a register is not named in it"),
            (len(named) < len(order.indicators), "the order brings an indicator set of its own"),
            (not set(named) <= set(allows.sets), "an indicator set is not named in it"),
            (
                not set(order.population.all_strata) <= set(allows.strata),
                "a column of the population is not named in it",
            ),
            (order.population.is_defined, "nobody knows before the run how many persons the population has"),
            (not set(dimensions) <= set(allows.dimensions), "a dimension is not named in it"),
            (max(map(len, order.by), default=0) > allows.maximum_crossing, "a crossing has too many dimensions"),
            (len(order.by) > allows.maximum_crossings, "there are too many crossings"),
            (policy not in allows.policies, "the disclosure policy is not named in it"),
            (linkable_persons < allows.minimum_persons, "the population is too small for it"),
        ]
        return [reason for objects, reason in objections if objects]


def load_preapprovals(folder: Path) -> tuple[Preapproval, ...]:
    """The holder's policies and the shipped ones, ascending by name; the holder's replaces a shipped one of its name.

    Raises:
        DefinitionRejected: a file is wrong; names file and field.
    """
    shipped = resources.files("linkage") / "definitions" / "preapprovals"
    found: dict[str, Preapproval] = {}
    for file in [*shipped.iterdir(), *(folder.iterdir() if folder.is_dir() else ())]:
        if file.name.endswith(".toml"):
            policy = _parse(file.read_text(encoding="utf-8"), file_name=file.name)
            found[policy.name] = policy
    return tuple(found[name] for name in sorted(found))


def _parse(text: str, *, file_name: str) -> Preapproval:
    try:
        return Preapproval.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as problem:
        raise DefinitionRejected(f"{file_name}: is not TOML: {problem}.", mend="Mend the line that is named.") from None
    except ValidationError as problem:
        raise refusal(problem, source=file_name) from None


def _without_bands(dimension: str) -> str:
    return "age" if dimension.startswith("age:") else dimension
