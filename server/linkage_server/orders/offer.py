"""What can be ordered here: registers, indicator sets, disclosure policies, and written approvals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from linkage.disclosure_policy import DisclosurePolicy, load_policy, shipped_policies
from linkage.errors import DefinitionRejected
from linkage.indicator_definition import IndicatorSet, load_indicator_set, shipped_sets
from linkage.register_catalogue import RegisterDefinition, load_registers
from linkage_server.orders.preapproval import Preapproval, load_preapprovals


@dataclass(frozen=True, slots=True)
class Offer:
    """Definitions as they stand at one moment."""

    registers: Mapping[str, RegisterDefinition]
    # By "id@version".
    sets: Mapping[str, IndicatorSet]
    policies: Mapping[str, DisclosurePolicy]
    preapprovals: tuple[Preapproval, ...]
    standard_policy: str
    minimum_policy: str


def load_offer(definitions: Path | None, *, standard_policy: str, minimum_policy: str) -> Offer:
    """The shipped definitions and the holder's own; a definition of the holder replaces a shipped one of its name.

    Args:
        definitions: the holder's folder with registers, indicators, policies and preapprovals; None for none.
        standard_policy: the policy of orders that name none.
        minimum_policy: the policy that no order may be weaker than.

    Raises:
        DefinitionRejected: a file is wrong, or one of the two policies is not there.
    """
    folder = definitions or Path("/nonexistent")
    sets = [load_indicator_set(path) for path in sorted((folder / "indicators").glob("*.toml"))]
    policies = [load_policy(path) for path in sorted((folder / "policies").glob("*.toml"))]
    offer = Offer(
        registers=load_registers(folder / "registers"),
        sets=shipped_sets() | {definition.name: definition for definition in sets},
        policies=shipped_policies() | {policy.name: policy for policy in policies},
        preapprovals=load_preapprovals(folder / "preapprovals"),
        standard_policy=standard_policy,
        minimum_policy=minimum_policy,
    )
    for field, name in (("standard_policy", standard_policy), ("minimum_policy", minimum_policy)):
        if name not in offer.policies:
            raise DefinitionRejected(
                f"settings.toml: disclosure.{field} names a policy that is not there.",
                mend=f"Name one of: {', '.join(sorted(offer.policies))}.",
            )
    return offer
