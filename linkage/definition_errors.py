"""From a pydantic complaint to a refusal that names file, field and mend."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from linkage.errors import DefinitionRejected

_MENDS = {
    "extra_forbidden": "Remove the field or mend its spelling.",
    "missing": "Add the field.",
    "union_tag_invalid": "Use one of the kinds that are listed.",
    "union_tag_not_found": 'Add kind = "...".',
}
_PATTERNS = {
    r"^[a-z][a-z0-9_-]*$": "a name has small letters a to z, digits, - and _, and begins with a letter",
    r"^\d+\.\d+\.\d+$": "a version is written 1.0.0",
    r"^(median|quantile:0\.\d{1,4})$": "median, or quantile:0.9",
    r"^(dosage_text(:(low|mid|high))?|days_supply|units_per_day:\d+(\.\d+)?|ddd:\d+(\.\d+)?|fixed:\d+|wtd:\d+|"
    r"pre2dup:[a-z][a-z0-9_-]*)$": "a step is dosage_text, days_supply, units_per_day:1, ddd:1, fixed:30, wtd:87 or "
    "pre2dup:NAME",
}
"""What the most common patterns mean."""
# Names that pydantic gives to the choices of a field; its reader never wrote them.
_CHOICE = re.compile(r"[a-z-]+\[.*\]|constrained-.*|str|int|float|bool")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a definition: the field, the rule it breaks, and how to mend it."""

    place: str
    words: str
    mend: str


class FaultyDefinition(DefinitionRejected):
    """A definition with every one of its faults, in the order of its fields."""

    def __init__(self, message: str, *, mend: str, facts: dict[str, str], faults: tuple[Fault, ...]) -> None:
        super().__init__(message, mend=mend, facts=facts)
        self.faults = faults


def refusal(problem: ValidationError, *, source: str) -> FaultyDefinition:
    """Turn what pydantic found in a definition into one refusal; every complaint is in the message.

    Definitions hold no personal data, so a message may name what was written.
    """
    complaints = problem.errors(include_url=False)
    by_place: dict[str, list[Any]] = {}
    for complaint in complaints:
        by_place.setdefault(_field(complaint["loc"]), []).append(complaint)
    faults = tuple(
        Fault(
            place,
            ", or: ".join(dict.fromkeys(_words(complaint) for complaint in own)),
            _MENDS.get(own[0]["type"], "Write the field as the rule says."),
        )
        for place, own in by_place.items()
    )
    return FaultyDefinition(
        "; ".join(f"{source}: {fault.place}: {fault.words}" for fault in faults) + ".",
        mend=" ".join(dict.fromkeys(fault.mend for fault in faults)),
        facts={"file": source, "field": faults[0].place, "rule": complaints[0]["type"]},
        faults=faults,
    )


def _field(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        if path and isinstance(part, str) and _CHOICE.fullmatch(part):
            continue
        path += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "the definition as a whole"


def _words(complaint: Any) -> str:
    kind = complaint["type"]
    if kind == "extra_forbidden":
        return "unknown field"
    if kind == "missing":
        return "the field is missing"
    if kind == "union_tag_invalid":
        context = complaint["ctx"]
        return f"unknown kind {context['tag']!r}, known are: {context['expected_tags']}"
    if kind == "string_pattern_mismatch" and complaint["ctx"]["pattern"] in _PATTERNS:
        return _PATTERNS[complaint["ctx"]["pattern"]]
    if kind == "too_short":
        least = complaint["ctx"]["min_length"]
        return f"at least {least} {'item is' if least == 1 else 'items are'} needed here"
    if kind == "value_error":
        # Rule and mend of parts that orders have too stand with a bar between them.
        return str(complaint["ctx"]["error"]).replace("|", " ").rstrip(".")
    return str(complaint["msg"])
