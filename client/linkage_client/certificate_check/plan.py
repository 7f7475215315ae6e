"""Reads layout and policy. What is not known here is refused: a rule that nobody checks proves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from linkage_client.certificate_check.fault import CheckFailed, NotCheckedHere
from linkage_client.certificate_check.files import read_json, read_toml

_LAYOUT = {"dims", "tables", "measures", "rules", "attacker", "mechanism", "derived"}
_ATTACKER = {"zeros_published", "absent", "multi_response", "known"}
_MECHANISM = {"rounding", "noise_bound"}
_RULES = {
    "min_count",
    "min_width",
    "zero_sensitive",
    "reach_threshold",
    "min_contributors",
    "nk",
    "p_percent",
}
_POLICY = {
    "minimum_cell",
    "zero_shown",
    "minimum_contributors",
    "minimum_population",
    "secondary_suppression",
    "minimum_candidates",
    "reach_threshold",
    "sum_width_percent",
    "dominance",
    "p_percent",
    "coalition",
    "company_groups",
    "class_disclosure",
    "minimum_prescribers",
    "minimum_workplaces",
    "company_secrecy",
    "multi_response",
    "exceptions",
    "mechanism",
}
_COMPANY_SECRECY = {"minimum_manufacturers", "measures", "patients_shown", "consents"}
_NOT_OF_A_TABLE = {
    "id",
    "version",
    "title",
    "description",
    "minimum_stratum",
    "match_rate_bands",
    "experimental",
    "exceptions_from",
    "officers_to_release",
    "expected_moves",
}
"""What a policy says of orders, officers and the pace of releases, and not of what a laboratory table may print."""


def read_layout(path: Path) -> dict[str, Any]:
    """A layout.

    Raises:
        CheckFailed: it cannot be read, or is none.
        NotCheckedHere: it asks for something that is not known here.
    """
    layout = read_json(path)
    if not {"dims", "measures"} <= layout.keys():
        raise CheckFailed(f"{path}: is no layout with dims and measures")
    if strange := {one["kind"] for one in layout["measures"].values()} - {"count", "magnitude"}:
        raise NotCheckedHere(f"{path}: a measure of kind {min(strange)!r} is not known to this check")
    _refuse_unknown(path, layout, _LAYOUT)
    _refuse_unknown(path, layout.get("attacker", {}), _ATTACKER)
    _refuse_unknown(path, layout.get("mechanism", {}), _MECHANISM)
    for rules in layout.get("rules", {}).values():
        _refuse_unknown(path, rules, _RULES)
    return layout


def read_policy(path: Path) -> dict[str, Any]:
    """A policy.

    Raises:
        CheckFailed: it cannot be read, or is none.
        NotCheckedHere: it has a rule that is not known here.
    """
    policy = read_toml(path)
    # Whatever a policy leaves out is as in the standard policy: of another file nothing would be missed.
    if not {"id", "version"} <= policy.keys():
        raise CheckFailed(f"{path}: is no disclosure policy with id and version")
    _refuse_unknown(path, policy, _POLICY | _NOT_OF_A_TABLE)
    _refuse_unknown(path, policy.get("company_secrecy", {}), _COMPANY_SECRECY)
    return policy


def _refuse_unknown(path: Path, part: Mapping[str, Any], known: Set[str]) -> None:
    if strange := part.keys() - known:
        raise NotCheckedHere(f"{path}: {min(strange)!r} is not known to this check")
