"""What can be ordered here: registers, indicator sets, disclosure policies, and written approvals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from linkage.disclosure_policy import DisclosurePolicy, load_policy, shipped_policies
from linkage.errors import DefinitionRejected
from linkage.indicator_definition import IndicatorSet, shipped_sets
from linkage.register_catalogue import RegisterDefinition, load_registers
from linkage_core.rates import Inhabitants
from linkage_server.orders.preapproval import Preapproval, load_preapprovals
from linkage_server.orders.set_shelf import RefusedSet, SetShelf
from linkage_server.orders.used_sets import UsedSet


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
    # File of each of the holder's own sets, by "id@version".
    set_files: Mapping[str, str] = field(default_factory=dict)
    # Files of indicator sets that cannot be used.
    refused_sets: tuple[RefusedSet, ...] = ()
    # Mean populations, for rates per inhabitant, and the version that they are.
    inhabitants: Inhabitants | None = None
    inhabitants_version: str = ""


def load_offer(
    definitions: Path | None,
    *,
    standard_policy: str,
    minimum_policy: str,
    shelf: SetShelf | None = None,
    used: Mapping[str, UsedSet] | None = None,
) -> Offer:
    """The shipped definitions and the holder's own; a definition of the holder replaces a shipped one of its name.

    Args:
        definitions: the holder's folder with registers, indicators, policies and preapprovals; None for none.
        standard_policy: the policy of orders that name none.
        minimum_policy: the policy that no order may be weaker than.
        shelf: what was read of the holder's sets before.
        used: sets that orders named; they are offered as they were then.

    Raises:
        DefinitionRejected: a file is wrong, or one of the two policies is not there. A file of indicator sets that is
            wrong refuses nothing but itself; the offer tells of it.
    """
    folder = definitions or Path("/nonexistent")
    held = (shelf or SetShelf()).read(folder / "indicators", used=used or {})
    shipped = {name: used[name].definition if used and name in used else one for name, one in shipped_sets().items()}
    policies = [load_policy(path) for path in sorted((folder / "policies").glob("*.toml"))]
    offer = Offer(
        registers=load_registers(folder / "registers"),
        sets={**shipped, **held.sets},
        policies=shipped_policies() | {policy.name: policy for policy in policies},
        preapprovals=load_preapprovals(folder / "preapprovals"),
        standard_policy=standard_policy,
        minimum_policy=minimum_policy,
        set_files=held.files,
        refused_sets=held.refused,
    )
    for setting, name in (("standard_policy", standard_policy), ("minimum_policy", minimum_policy)):
        if name not in offer.policies:
            raise DefinitionRejected(
                f"settings.toml: disclosure.{setting} names a policy that is not there.",
                mend=f"Name one of: {', '.join(sorted(offer.policies))}.",
            )
    return offer
