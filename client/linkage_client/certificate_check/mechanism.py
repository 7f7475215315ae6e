"""How numbers are changed: what the policy says, and what a layout may ask for beyond it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from linkage_client.certificate_check.fault import CheckFailed, NotCheckedHere
from linkage_client.certificate_check.rounding import Rounding

_ROUNDINGS = ("nearest", "up", "midpoint", "range", "controlled")
_ONLY_BLANKS_KEEP = ("company_secrecy", "class_disclosure", "p_percent", "minimum_prescribers", "minimum_workplaces")


def rounding_of(layout: Mapping[str, Any], policy: Mapping[str, Any]) -> Rounding | None:
    """The rounding that a layout or a policy asks for.

    Raises:
        NotCheckedHere: numbers are changed by noise that is drawn afresh, of which nothing can be checked, or rounded
            in a way that is not known here.
        CheckFailed: the layout asks for other noise or for less rounding than the policy's, or nothing is hidden and
            a rule asks for blanks.
    """
    own, asked = policy.get("mechanism", {}), layout.get("mechanism", {})
    if set(own) - {"rounding", "noise"}:
        raise NotCheckedHere("policy: numbers of differential privacy have no certificates")
    if asked.get("noise_bound") not in (None, own.get("noise", {}).get("bound")):
        raise CheckFailed("layout: asks for another noise than the policy's")
    chosen = _rounding(own, asked)
    if chosen is not None and chosen.method not in _ROUNDINGS:
        raise NotCheckedHere(f"layout or policy: rounding {chosen.method!r} is not known to this check")
    if "noise" in own or (chosen is not None and chosen.hides_nothing):
        unmet = [*_unmet_by_policy(policy, layout.get("attacker", {}))]
        for name, rules in layout.get("rules", {}).items():
            is_count = layout["measures"][name]["kind"] == "count"
            unmet += [f"rules.{name}.{rule}" for rule in _unmet(rules, own.get("noise"), chosen, is_count=is_count)]
        if unmet:
            raise CheckFailed(f"layout or policy: nothing is hidden, and only blanks keep {', '.join(unmet)}")
    return chosen


def _rounding(own: Mapping[str, Any], asked: Mapping[str, Any]) -> Rounding | None:
    policys = Rounding(own["rounding"]["method"], own["rounding"]["base"]) if own.get("rounding") else None
    if not asked.get("rounding"):
        return policys
    wanted = Rounding(asked["rounding"]["kind"], asked["rounding"]["base"])
    if "noise" in own or (policys is None and wanted.hides_nothing):
        raise CheckFailed("layout: rounds where the policy asks for noise or blanks")
    if policys is not None and (wanted.method != policys.method or wanted.base % policys.base):
        raise CheckFailed("layout: rounds otherwise than by a multiple of the policy's base")
    return wanted


def _unmet_by_policy(policy: Mapping[str, Any], attacker: Mapping[str, Any]) -> Iterator[str]:
    yield from (rule for rule in _ONLY_BLANKS_KEEP if policy.get(rule, 0) not in (0, False))
    if not policy.get("zero_shown", True):
        yield "zero_shown = false"
    if not attacker.get("zeros_published", True):
        yield "attacker.zeros_published = false"
    if attacker.get("absent", "zero") != "zero":
        yield "attacker.absent"
    if attacker.get("known"):
        yield "attacker.known"


def _unmet(
    rules: Mapping[str, Any], noise: Mapping[str, Any] | None, rounding: Rounding | None, *, is_count: bool
) -> Iterator[str]:
    """Rules of a measure that numbers without blanks do not keep."""
    yield from (rule for rule in ("zero_sensitive", "p_percent") if rules.get(rule))
    if not is_count:
        return
    # How large a count may be that is printed as if nobody were there, and how far off a number is at most.
    largest, furthest = (rounding.base - 2, rounding.base - 1) if rounding is not None else (0, 0)
    if noise is not None:
        largest, furthest = noise.get("never_up_to", 0), noise["bound"]
        if rules.get("reach_threshold"):
            yield "reach_threshold"
    if rules.get("min_count", 0) - 1 > largest:
        yield "min_count"
    if rules.get("min_width", 0) > furthest:
        yield "min_width"
