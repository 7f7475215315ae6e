"""Counts of a laboratory table under differential privacy, and the same numbers when they are asked for again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from linkage.differential_privacy import DifferentialPrivacy
from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused, InputRefused
from linkage_core.disclosure.cell_system import Ints
from linkage_server.lab.audited import audited
from linkage_server.lab.contributions import ContributionRows
from linkage_server.lab.layout import Codes
from linkage_server.lab.opendp_noise import OpenDPNoise, noise_of, total_epsilon
from linkage_server.lab.privacy_ledger import PrivacyLedger, open_ledger
from linkage_server.operations.home import HomeFolder

_ROUNDING = 1 + 1e-9
"""Sums of binary fractions are off by less; so little more of epsilon protects nobody less."""


@dataclass(frozen=True, slots=True)
class PrivateCounts:
    """Columns of the released table, and what its record says of the noise."""

    columns: dict[str, pa.Array]
    record: dict[str, int | float | str]


def private_counts(
    name: str,
    cells: Ints,
    codes: Mapping[str, Codes],
    behind: ContributionRows | None,
    *,
    rules: DifferentialPrivacy,
    policy: DisclosurePolicy,
    home: Path | None,
) -> PrivateCounts:
    """The columns of a count with the noise of differential privacy.

    Every cell that the layout names gets noise, also where nobody is counted. `minimum_population` is not asked: a
    refusal would tell of an exact number.

    Raises:
        InputRefused: nobody said who is counted or where the ledger is, or the counts are not of these persons.
        DisclosureRefused: what is left of the budget does not suffice.
        StateConflict: the population's budget is another than the policy's.
    """
    if behind is None:
        raise InputRefused(
            "differential privacy reckons with how often one person is counted, and nobody said who is counted.",
            mend="Name them with --contributions.",
        )
    if home is None:
        raise InputRefused(
            f"the policy spends the budget of population {rules.population!r}, and no home folder was named.",
            mend="Name it with --home; its ledger lies there.",
        )
    _refuse_other_counts(name, cells, codes, behind, policy)
    _refuse_more_contributions(codes, behind, rules, policy)
    folder = HomeFolder.open(home)
    noise = noise_of(rules, cells_of_a_leaf=cells_of_a_leaf(codes))
    with (
        audited(folder, action="privacy.release", subject=f"budgets/{rules.population}"),
        open_ledger(folder.root, rules) as ledger,
    ):
        numbers, spent = _released(cells.ravel(), _question(name, cells, codes, rules), noise, rules, ledger)
    columns = {
        name: pa.array(numbers),
        f"{name}_status": pa.array(["prt"] * numbers.size, pa.string()),
        f"{name}_standard_error": pa.array([round(noise.standard_error, 2)] * numbers.size, pa.float64()),
    }
    return PrivateCounts(columns, _record(noise, rules, spent))


def cells_of_a_leaf(codes: Mapping[str, Codes]) -> int:
    """How many cells of a table hold any one leaf cell, itself among them; the most of all leaves."""
    most = 1
    for own in codes.values():
        above = np.bincount(np.concatenate([np.array(below) for below in own.below]), minlength=own.leaves)
        most *= int(above.max())
    return most


def _released(
    counts: Ints, question: str, noise: OpenDPNoise, rules: DifferentialPrivacy, ledger: PrivacyLedger
) -> tuple[Ints, float]:
    """Numbers of a question, and epsilon spent on all releases together."""
    losses = [one.loss for one in ledger.releases]
    if (known := ledger.find(question)) is not None:
        return known, total_epsilon(losses, delta=rules.budget_delta)
    spent = total_epsilon([*losses, noise.loss], delta=rules.budget_delta)
    if spent > rules.budget_epsilon * _ROUNDING:
        before = total_epsilon(losses, delta=rules.budget_delta)
        raise DisclosureRefused(
            f"The budget of population {rules.population!r} does not suffice: epsilon {before:.4g} of "
            f"{rules.budget_epsilon:g} is spent, and with this release it would be {spent:.4g}.",
            mend="Release it with a smaller epsilon, or not at all; a budget is never made larger.",
        )
    numbers = noise.draw(counts)
    ledger.pay(question, numbers, loss=noise.loss)
    return numbers, spent


def _question(name: str, cells: Ints, codes: Mapping[str, Codes], rules: DifferentialPrivacy) -> str:
    """SHA-256 of all that the numbers follow from besides noise: counts, codes and figures."""
    asked = {
        "measure": name,
        "dimensions": {own: [one.codes, one.below] for own, one in codes.items()},
        "counts": hashlib.sha256(np.ascontiguousarray(cells, dtype="<i8").tobytes()).hexdigest(),
        "rules": rules.model_dump(),
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _record(noise: OpenDPNoise, rules: DifferentialPrivacy, spent: float) -> dict[str, int | float | str]:
    """What the summary says of the noise; nothing of it follows from a count."""
    return {
        "mechanism": "differential_privacy",
        "noise": noise.kind,
        "noise_scale": noise.scale,
        "standard_error": noise.standard_error,
        "within_95_percent": noise.within,
        "epsilon": rules.epsilon,
        "delta": rules.delta,
        "unit": f"one {rules.unit} in at most {rules.contributions} leaf cells",
        "population": rules.population,
        "budget_epsilon": rules.budget_epsilon,
        "budget_delta": rules.budget_delta,
        "budget_epsilon_spent": spent,
    }


def _refuse_other_counts(
    name: str, cells: Ints, codes: Mapping[str, Codes], behind: ContributionRows, policy: DisclosurePolicy
) -> None:
    placed = _persons_in_leaves(codes, behind, policy)
    counted = np.bincount(placed[0], minlength=behind.cells).reshape(cells.shape)
    leaves = tuple(slice(own.leaves) for own in codes.values())
    if wrong := int(np.count_nonzero(counted[leaves] != cells[leaves])):
        raise InputRefused(
            f"{behind.path}: {name!r} is not the number of different contributors in {wrong} leaf cells.",
            mend="Give everybody who is counted, once for each leaf cell.",
        )


def _refuse_more_contributions(
    codes: Mapping[str, Codes], behind: ContributionRows, rules: DifferentialPrivacy, policy: DisclosurePolicy
) -> None:
    placed = _persons_in_leaves(codes, behind, policy)
    if placed.size and np.bincount(placed[1]).max() > rules.contributions:
        raise InputRefused(
            f"{behind.path}: somebody is counted in more leaf cells than the {rules.contributions} of policy "
            f"{policy.name}.",
            mend="Count everybody in fewer cells, or use a policy with more contributions.",
        )


def _persons_in_leaves(codes: Mapping[str, Codes], behind: ContributionRows, policy: DisclosurePolicy) -> Ints:
    """Leaf cell and person of everybody, each pair once: two rows."""
    given = behind.of_presence(policy)
    leaves = np.zeros(behind.shape, dtype=np.bool_)
    leaves[tuple(slice(own.leaves) for own in codes.values())] = True
    in_leaf = leaves.ravel()[given.cell]
    pairs: Ints = np.unique(np.stack([given.cell[in_leaf], given.contributor[in_leaf]]), axis=1)
    return pairs
