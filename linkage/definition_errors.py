"""From a pydantic complaint to a refusal that names file, field and mend."""

from __future__ import annotations

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
}
"""What the most common pattern means."""


def refusal(problem: ValidationError, *, source: str) -> DefinitionRejected:
    """Turn what pydantic found in a definition into one refusal; every complaint is in the message.

    Definitions hold no personal data, so a message may name what was written.
    """
    complaints = problem.errors(include_url=False)
    lines = [f"{source}: {_field(complaint['loc'])}: {_words(complaint)}" for complaint in complaints]
    mends = dict.fromkeys(
        _MENDS.get(complaint["type"], "Write the field as the rule says.") for complaint in complaints
    )
    first = complaints[0]
    return DefinitionRejected(
        "; ".join(lines) + ".",
        mend=" ".join(mends),
        facts={"file": source, "field": _field(first["loc"]), "rule": first["type"]},
    )


def _field(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
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
    if kind == "value_error":
        # Rule and mend of parts that orders have too stand with a bar between them.
        return str(complaint["ctx"]["error"]).replace("|", " ").rstrip(".")
    return str(complaint["msg"])
