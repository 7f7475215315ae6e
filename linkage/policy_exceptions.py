"""Exceptions from a rule of a disclosure policy: for one cell or for all, signed by an officer, with the reason.

An exception takes a mark of a rule away before secondary suppression runs, so that what is left stays protected.
There is none from the rules that protect persons.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

ExceptedRule = Literal["company_secrecy", "dominance", "p_percent", "class_disclosure"]
"""Rules that an officer may make an exception from."""


# The trail strikes out digits that look like an identity number, and a hash may hold such.
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


class SignedException(BaseModel):
    """One exception.

    Attributes:
        rule: the rule that does not hold.
        cell: where it does not hold: an indicator (or a measure of a table) and levels by stratum, as the table writes
            them; a stratum that is not named is at its total. Empty for everywhere.
        officer: who decided, as the audit trail names them.
        signed_at: when, with its time zone.
        reason: why nobody is harmed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    rule: ExceptedRule
    cell: dict[str, str] = {}
    officer: str = Field(pattern=r"^[\w .@-]{1,64}$")
    signed_at: AwareDatetime
    reason: str = Field(min_length=10, max_length=2000)

    def sha256(self) -> str:
        """Of its canonical form: what the audit trail holds of it."""
        content = self.model_dump(mode="json") | {"signed_at": self.signed_at.astimezone(UTC).isoformat()}
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def subject(self) -> str:
        """What its entry in the audit trail begins with."""
        return f"policy-exceptions/{self.sha256().translate(_LETTERS)}"

    @property
    def told(self) -> str:
        """The subject with rule, cell and reason: what its entry in the audit trail says."""
        where = ", ".join(f"{name}={level}" for name, level in sorted(self.cell.items())) or "everywhere"
        return f"{self.subject}/{self.rule} {where}: {self.reason}"

    def meets(self, cell: dict[str, str], *, rule: str) -> bool:
        """Whether it takes the mark of `rule` from a cell, named by what is not a total."""
        return rule == self.rule and (not self.cell or self.cell == cell)
