"""Laboratory tables whose counts and sums are changed: noise by cell key, and rounding."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused, InputRefused
from linkage.personal_identity_number import LAST_DAY_OF_BIRTH, NumberKind, check_numbers
from linkage.perturbation_rules import Noise, Rounding
from linkage_core.disclosure.cell_system import Flags, Ints
from linkage_core.perturbation.cell_keys import NoiseKey, cell_keys, contributor_keys, mixed_keys, record_keys
from linkage_core.perturbation.controlled_rounding import Family, round_controlled
from linkage_core.perturbation.largest import largest_contributors
from linkage_core.perturbation.noise_table import Keys, amount_table, count_table
from linkage_core.perturbation.perturb_amounts import perturb_amounts
from linkage_core.perturbation.perturb_counts import perturb_counts
from linkage_core.perturbation.rounding import count_ranges, round_counts
from linkage_server.lab.contributions import COMPANY_GROUP, CONTRIBUTOR, ContributionRows
from linkage_server.lab.layout import Codes
from linkage_server.lab.leaf_rows import require_column, whole_units

_HASHED_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class NoiseSource:
    """What noise is made from.

    Args:
        noise: the policy's figures.
        key: the secret.
        behind: who contributes to each cell.
    """

    noise: Noise
    key: NoiseKey
    behind: ContributionRows

    def contributors(self, policy: DisclosurePolicy) -> tuple[Ints, Keys]:
        """The contributor of each row as a number, and the record key of each number.

        Raises:
            InputRefused: a column is missing, the groups are and the policy asks for them, or a contributor is an
                identity number.
        """
        rows, path = self.behind.rows, self.behind.path
        require_column(rows, CONTRIBUTOR, path)
        who = rows[CONTRIBUTOR].cast(pa.string())
        if COMPANY_GROUP in rows.column_names:
            group = pc.fill_null(rows[COMPANY_GROUP].cast(pa.string()), "")
            named = pc.binary_join_element_wise("company group", group, " ")
            who = pc.if_else(pc.greater(pc.utf8_length(group), 0), named, who)
        elif policy.company_groups:
            raise InputRefused(
                f"{path}: policy {policy.name} counts company groups, and there is no column {COMPANY_GROUP!r}.",
                mend="Add the column; leave it empty for a company without a group.",
            )
        encoded = who.combine_chunks().dictionary_encode()
        _refuse_identity_numbers(encoded, path)
        return encoded.indices.to_numpy().astype(np.int64), _keys_of(encoded.dictionary.to_pylist(), self.key)


def changed_columns(
    name: str,
    cells: Ints,
    dimensions: Sequence[Codes],
    *,
    rounding: Rounding | None,
    source: NoiseSource | None,
    sensitive: Flags,
    scale: int,
    policy: DisclosurePolicy,
) -> dict[str, pa.Array]:
    """The columns of a measure whose every cell is changed: by controlled rounding, or by noise.

    Args:
        name: of the measure.
        cells: its numbers, in units of 1 / scale; a scale of 1 is a count of persons.
        dimensions: one an axis.
        rounding: controlled rounding, or None.
        source: of noise, or None.
        sensitive: flat, sums that get extra noise.
        scale: units of a number.
        policy: the rules.

    Raises:
        InputRefused: contributors do not fit the table, or a sum has no such mechanism.
        DisclosureRefused: too few persons, or no rounding was found.
    """
    if scale == 1:
        refuse_few(cells, policy)
    if source is not None and scale == 1:
        leaves = np.zeros(cells.shape, dtype=np.bool_)
        leaves[tuple(slice(own.leaves) for own in dimensions)] = True
        changed = noisy_counts(cells.ravel(), name, source, leaves=leaves.ravel(), policy=policy)
    elif source is not None:
        changed = noisy_amounts(cells.ravel(), name, source, sensitive=sensitive, scale=scale, policy=policy)
    elif rounding is not None and scale == 1:
        changed = rounded_whole(cells, dimensions, rounding)
    else:
        raise InputRefused(
            f"the magnitude {name!r} cannot be rounded by control.", mend="Protect it by a policy of its own."
        )
    status = "prt" if source is not None else "rnd"
    return {
        name: pa.array(changed if scale == 1 else changed / scale),
        f"{name}_status": pa.array([status] * changed.size, pa.string()),
    }


def noisy_counts(counts: Ints, measure: str, source: NoiseSource, *, leaves: Flags, policy: DisclosurePolicy) -> Ints:
    """Counts of persons with noise, flat.

    Args:
        counts: of every published cell.
        measure: its name, for a refusal.
        source: figures, key and contributors.
        leaves: which cells are leaves.
        policy: the rules.

    Raises:
        InputRefused: a leaf's count is not that of its different contributors.
    """
    who, keys = source.contributors(policy)
    behind = source.behind
    persons, sums = cell_keys(behind.cell, who[behind.entry], keys, size=behind.cells)
    if wrong := int(np.count_nonzero((persons != counts) & leaves)):
        raise InputRefused(
            f"{behind.path}: {measure!r} is not the number of different contributors in {wrong} leaf cells.",
            mend="Give everybody who is counted; call a measure that counts other things a magnitude.",
        )
    noise = source.noise
    table = count_table(bound=noise.bound, variance=noise.variance, never_up_to=noise.never_up_to)
    return perturb_counts(counts, sums, table)


def noisy_amounts(
    sums: Ints, measure: str, source: NoiseSource, *, sensitive: Flags, scale: int, policy: DisclosurePolicy
) -> Ints:
    """Sums with noise, flat, in units of 1 / scale.

    Raises:
        InputRefused: the policy has no figures for the measure, or the contributions do not add up to the table.
    """
    figures = source.noise.amounts.get(measure)
    if figures is None:
        raise InputRefused(
            f"policy {policy.name} has no noise for the magnitude {measure!r}.",
            mend=f"Add [mechanism.noise.amounts.{measure}] to the policy, or leave the measure out.",
        )
    who, keys = source.contributors(policy)
    behind = source.behind
    amounts = whole_units(behind.rows, measure, scale, behind.path)[behind.entry]
    added = np.zeros(behind.cells, dtype=np.int64)
    np.add.at(added, behind.cell, amounts)
    if wrong := int(np.count_nonzero(added != sums)):
        raise InputRefused(
            f"{behind.path}: the contributions to {measure!r} do not add up to the table in {wrong} cells.",
            mend="Give every contribution of each leaf cell once, corrections with their sign.",
        )
    mine = who[behind.entry]
    most = len(figures.weights)
    largest, givers = largest_contributors(behind.cell, mine, amounts, keys, size=behind.cells, most=most)
    _, own = cell_keys(behind.cell, mine, keys, size=behind.cells)
    changed = perturb_amounts(
        sums / scale,
        largest=largest / scale,
        keys=mixed_keys(own[:, np.newaxis], givers, measure=measure),
        sensitive=sensitive,
        noise=figures,
        table=amount_table(bound=figures.bound, variance=figures.variance, parts=figures.parts),
    )
    units: Ints = np.rint(changed * scale).astype(np.int64)
    return units


def rounded_whole(counts: Ints, dimensions: Sequence[Codes], rounding: Rounding) -> Ints:
    """Every cell of a table rounded so that it adds up, flat; raises as `round_controlled`."""
    numbers = np.arange(counts.size).reshape(counts.shape)
    families: list[Family] = []
    for axis, dimension in enumerate(dimensions):
        along = np.moveaxis(numbers, axis, 0)
        for parent, children in dimension.families:
            parts = along[list(children)].reshape(len(children), -1).T
            families += zip(along[parent].ravel().tolist(), parts.tolist(), strict=True)
    return round_controlled(counts.ravel(), families, base=rounding.base)


def rounded_columns(name: str, columns: Mapping[str, pa.Array], rounding: Rounding) -> dict[str, pa.Array]:
    """What is printed of a count, rounded; what is blank stays blank."""
    shown = pc.equal(columns[f"{name}_status"], "pub")
    counts = pc.fill_null(columns[name].cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    nothing = pa.scalar(None, pa.int64())
    if rounding.method == "range":
        low, high = (pc.if_else(shown, pa.array(end), nothing) for end in count_ranges(counts, base=rounding.base))
        return {
            name: pa.nulls(len(counts), pa.int64()),
            f"{name}_status": pc.if_else(shown, "rng", columns[f"{name}_status"]),
            f"{name}_lo": low,
            f"{name}_hi": high,
        }
    rounded = pa.array(round_counts(counts, method=rounding.method, base=rounding.base))
    return {
        name: pc.if_else(shown, rounded, nothing),
        f"{name}_status": pc.if_else(shown, "rnd", columns[f"{name}_status"]),
    }


def refuse_few(counts: Ints, policy: DisclosurePolicy) -> None:
    """Refuse a table of too few persons.

    Raises:
        DisclosureRefused: fewer than the policy's `minimum_population`.
    """
    if counts[(-1,) * counts.ndim] < policy.minimum_population:
        raise DisclosureRefused(
            f"The table has fewer persons than the {policy.minimum_population} that policy {policy.name} demands.",
            mend="Use a larger population.",
        )


def _refuse_identity_numbers(contributors: pa.DictionaryArray, path: Path) -> None:
    """Noise follows from hashed ids: under her number a person would get other noise than elsewhere."""
    kinds = check_numbers(contributors.dictionary, reference_date=LAST_DAY_OF_BIRTH).kinds
    known = np.isin(kinds, (NumberKind.PERSONNUMMER, NumberKind.COORDINATION))
    if known.any():
        row = int(np.argmax(known[contributors.indices.to_numpy()])) + 1
        raise InputRefused(
            f"{path}: row {row}: contributor is an identity number, or reads as one.",
            mend="Write persons as hashed ids, 32 hexadecimal digits.",
        )


def _keys_of(names: Sequence[str], key: NoiseKey) -> Keys:
    """Record keys by hashed id (32 hexadecimal digits), else by name."""
    keys = np.zeros(len(names), dtype=np.uint64)
    hashed = np.array([_HASHED_ID.fullmatch(name) is not None for name in names], dtype=np.bool_)
    ids = [bytes.fromhex(name) for name, is_hashed in zip(names, hashed.tolist(), strict=True) if is_hashed]
    others = [name for name, is_hashed in zip(names, hashed.tolist(), strict=True) if not is_hashed]
    keys[hashed] = record_keys(pa.array(ids, pa.binary(16)), key)
    keys[~hashed] = contributor_keys(others, key)
    return keys
