"""How numbers of a laboratory table are changed: what the policy says, and what the layout may ask for beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import InputRefused
from linkage.perturbation_rules import Mechanism, Rounding, weaker_mechanism
from linkage_server.lab.layout import Layout, Rules


def chosen_mechanism(plan: Layout, policy: DisclosurePolicy, *, path: Path) -> Mechanism | None:
    """The policy's mechanism; a layout may round more coarsely, or round where the policy only hides.

    Raises:
        InputRefused: the layout asks for what the policy does not allow, or has rules that the mechanism cannot keep.
    """
    chosen = _chosen(plan, policy, path)
    if chosen is not None and chosen.replaces_suppression:
        unmet = [
            f"rules.{name}.{rule}"
            for name, rules in plan.rules.items()
            for rule in _unmet(rules, chosen, is_count=plan.measures[name].kind == "count")
        ]
        if not plan.attacker.zeros_published:
            unmet.append("attacker.zeros_published")
        if unmet:
            raise InputRefused(
                f"{path}: the mechanism of policy {policy.name} cannot keep {', '.join(unmet)}.",
                mend="Leave them out, or use a policy that hides; nothing is released with less protection.",
            )
    return chosen


def _chosen(plan: Layout, policy: DisclosurePolicy, path: Path) -> Mechanism | None:
    own, asked = policy.mechanism, plan.mechanism
    if asked.rounding is not None and asked.noise_bound is not None:
        raise InputRefused(f"{path}: mechanism has both rounding and noise_bound.", mend="Leave one of them out.")
    if asked.noise_bound is not None:
        if own is None or own.noise is None:
            raise _not_allowed(path, "noise", policy)
        if own.noise.bound != asked.noise_bound:
            raise _not_allowed(path, f"noise_bound {asked.noise_bound}", policy)
    if asked.rounding is None:
        return own
    wanted = Mechanism(rounding=Rounding(method=asked.rounding.kind, base=asked.rounding.base))
    if weaker := list(weaker_mechanism(wanted, own)):
        raise InputRefused(
            f"{path}: the rounding is weaker than policy {policy.name}: {'; '.join(weaker)}.",
            mend="Leave it out, or ask for a multiple of the policy's base.",
        )
    return wanted


def _unmet(rules: Rules, mechanism: Mechanism, *, is_count: bool) -> Iterator[str]:
    """Rules of a measure that a mechanism without blanks does not keep."""
    noise, rounding = mechanism.noise, mechanism.rounding
    if rules.zero_sensitive:
        yield "zero_sensitive"
    if not is_count:
        if rules.p_percent:
            yield "p_percent"
        return
    if mechanism.differential_privacy is not None:
        # Noise without a bound promises of no number that it is far off.
        yield from (name for name in ("min_count", "min_width", "reach_threshold") if getattr(rules, name))
    if noise is not None:
        if rules.min_count - 1 > noise.never_up_to:
            yield "min_count"
        if rules.min_width > noise.bound:
            yield "min_width"
        if rules.reach_threshold:
            yield "reach_threshold"
    if rounding is not None:
        # A cell rounded to 0 may be anything up to base - 1.
        if rules.min_count >= rounding.base:
            yield "min_count"
        if rules.min_width >= rounding.base:
            yield "min_width"


def _not_allowed(path: Path, what: str, policy: DisclosurePolicy) -> InputRefused:
    return InputRefused(
        f"{path}: asks for {what}, which policy {policy.name} does not allow.",
        mend="Use a policy with [mechanism.noise] of that bound, or leave it out.",
    )
