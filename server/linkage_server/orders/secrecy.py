"""The decision under the secrecy act without which no order runs (OSL 2009:400, chapter 24 section 8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from linkage.errors import InputRefused
from linkage.free_text import refuse_identity_number

_SHORTEST_REASONING = 10
_LONGEST_REASONING = 10_000


class SecrecyException(StrEnum):
    """Needs for which the absolute statistics secrecy may be lifted; there are no others."""

    STATISTICS = "OSL 24:8 statistics"
    RESEARCH = "OSL 24:8 research"


@dataclass(frozen=True, slots=True)
class SecrecyDecision:
    """An officer's decision.

    Args:
        exception: the exception relied on.
        no_harm: it is clear that nobody, nor anyone close, is harmed or suffers.
        reasoning: why, in words.
    """

    exception: str
    no_harm: bool
    reasoning: str

    def require_complete(self) -> None:
        """Return if the decision allows approval.

        Raises:
            InputRefused: a part is missing, or it does not say that nobody is harmed.
        """
        if self.exception not in {exception.value for exception in SecrecyException}:
            raise InputRefused(
                "the decision names no exception of the secrecy act.",
                mend=f"Name one of: {', '.join(exception.value for exception in SecrecyException)}.",
            )
        if not self.no_harm:
            raise InputRefused(
                "the decision does not say that nobody, nor anyone close, is harmed.",
                mend="Approve only if that is clear; otherwise return or reject the order.",
            )
        if (written := len(self.reasoning.strip())) < _SHORTEST_REASONING:
            raise InputRefused(
                f"the reasoning is too short: {written} of at least {_SHORTEST_REASONING} characters."
                if written
                else "the decision gives no reasoning.",
                mend=f"Write in a sentence of at least {_SHORTEST_REASONING} characters why nobody is harmed.",
            )
        if len(self.reasoning) > _LONGEST_REASONING:
            raise InputRefused(
                "the reasoning is too long.", mend=f"Write at most {_LONGEST_REASONING:,} characters and name the file."
            )
        refuse_identity_number(self.reasoning, what="the reasoning")
