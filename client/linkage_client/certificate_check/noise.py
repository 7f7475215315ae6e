"""Checks numbers with noise: whoever holds the noise key works each of them out again, from who is counted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from linkage_client.certificate_check.contributors import Behind, Given, given_by
from linkage_client.certificate_check.counts import counted
from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.files import column_of, read_json, units_of
from linkage_client.certificate_check.noise_table import Floats, Keys, NoiseTable, amount_rows, count_rows
from linkage_client.certificate_check.release import CheckedMeasure, Release
from linkage_client.certificate_check.release_tables import only_status, reasons_of, says, true_cells
from linkage_client.certificate_check.rules import Flags, excepted_cells, rules_of
from linkage_client.certificate_check.sum_rules import mark, sum_rules_of

_HUNDREDTHS = 100
_HALF = 0.5 + 1e-6
"""How far a printed hundredth may lie from what was worked out, which machines round otherwise in the last place."""
_HASHED_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class NoiseSource:
    """What noise follows from.

    Args:
        figures: of the policy.
        key: the secret.
        behind: everybody who is counted.
    """

    figures: Mapping[str, Any]
    key: bytes
    behind: Behind


def read_noise(policy: Mapping[str, Any], key_file: Path, behind: Behind) -> NoiseSource:
    """Figures and key of a policy with noise.

    Raises:
        CheckFailed: the file holds no noise key, or one of another version.
    """
    figures, document = policy["mechanism"]["noise"], read_json(key_file)
    try:
        key = base64.b64decode(document["key"], validate=True)
        version = int(document["version"])
    except (KeyError, TypeError, ValueError):
        raise CheckFailed(f"{key_file}: is no noise key") from None
    if version != figures["key_version"]:
        raise CheckFailed(f"{key_file}: is not the noise key that the policy names")
    return NoiseSource(figures, key, behind)


def check_noisy(name: str, kind: str, release: Release, source: NoiseSource) -> CheckedMeasure:
    """Check a measure of which every number is changed.

    Raises:
        CheckFailed: a number is not the one that the key gives; the figures are those of no noise.
    """
    tables = release.tables
    if kind == "count":
        values = counted(name, release, rules_of(name, release.plan, release.policy)).ravel()
        expected = _noisy_counts(name, values, release, source)
        marked: dict[str, Flags] = {}
        scale, apart = 1, 0.0
    else:
        values = true_cells(name, tables, release.dimensions, scale=_HUNDREDTHS).ravel()
        expected, marked = _noisy_sums(name, values, release, source)
        scale, apart = _HUNDREDTHS, _HALF
    for table, path, place in tables.copies:
        only_status(name, table, path, "prt")
        printed = units_of(column_of(table, name, path), path, name, scale)
        if np.any(np.abs(printed - expected[place]) > apart):
            raise CheckFailed(f"{path}: column {name!r} holds a number that does not follow from the noise key")
    sensitive = np.logical_or.reduce([np.zeros(values.size, dtype=np.bool_), *marked.values()])
    reason = reasons_of(name, tables, sensitive)
    for word, cells in marked.items():
        if not np.array_equal(says(reason, word), cells[tables.place]):
            raise CheckFailed(f"{tables.officer_file}: does not say {word} exactly where it is so")
    nothing = np.zeros(values.size, dtype=np.bool_)
    return CheckedMeasure(values, nothing, nothing)


def _noisy_counts(name: str, counts: Ints, release: Release, source: NoiseSource) -> Floats:
    given = given_by(source.behind, None, release.policy, cells=counts.size)
    leaves = np.zeros([len(one.codes) for one in release.dimensions], dtype=np.bool_)
    leaves[np.ix_(*(one.leaves for one in release.dimensions))] = True
    if np.any(leaves.ravel() & (given.contributors != counts)):
        raise CheckFailed(f"{source.behind.path}: {name!r} is not the number of different contributors in a leaf cell")
    figures = source.figures
    rows = count_rows(figures["bound"], figures.get("never_up_to", 0))
    changed = counts + NoiseTable(rows, figures["variance"]).change(counts, _cell_keys(given, _keys(source, given)))
    forbidden = figures.get("never_up_to", 0)
    if np.any(changed < 0) or np.any((changed > 0) & (changed <= forbidden)) or np.any((counts == 0) & (changed != 0)):
        raise CheckFailed("policy: its noise prints what it may not")
    return changed.astype(np.float64)


def _noisy_sums(name: str, values: Ints, release: Release, source: NoiseSource) -> tuple[Floats, dict[str, Flags]]:
    """Sums with noise in hundredths, not rounded, and what the rules mark."""
    figures = source.figures.get("amounts", {}).get(name)
    if figures is None:
        raise CheckFailed(f"policy: has no noise for {name!r}")
    given = given_by(source.behind, name, release.policy, cells=values.size)
    added = np.zeros(values.size, dtype=np.int64)
    np.add.at(added, given.cell, given.amount)
    if not np.array_equal(added, values):
        raise CheckFailed(f"{source.behind.path}: the contributions to {name!r} do not add up to the truth")
    marked = mark(
        given,
        sum_rules_of(name, release.plan, release.policy),
        excepted_cells(name, release.policy, release.dimensions),
    ).by_rule
    sensitive = np.logical_or.reduce(list(marked.values()))
    parts, variance = figures.get("parts", 1), figures["variance"]
    table = NoiseTable(amount_rows(figures["bound"], parts), variance * parts**2)
    keys = _keys(source, given)
    cell_keys = _cell_keys(given, keys)
    order = np.lexsort((~keys[given.who], -np.abs(given.amount), given.cell))
    rank = np.arange(order.size) - given.start[given.cell]
    changed = values / _HUNDREDTHS
    for turn, weight in enumerate(figures.get("weights", (1.0,))):
        entry = order[rank == turn]
        cell, amount = given.cell[entry], np.abs(given.amount[entry]) / _HUNDREDTHS
        size = np.abs(changed[cell])
        step = np.minimum(amount * _share(amount, figures) * weight / np.sqrt(variance), size)
        cell, size, step, entry = (each[step > 0] for each in (cell, size, step, entry))
        key = _mixed(cell_keys[cell], keys[given.who[entry]], name)
        steps = np.minimum(size / step, table.last)
        whole = np.floor(steps).astype(np.int64)
        change = (
            (whole + 1 - steps) * table.change(whole, key) + (steps - whole) * table.change(whole + 1, key)
        ) / parts
        if turn == 0:
            away = np.where(change == 0, np.where(key & np.uint64(1), 1.0, -1.0), np.sign(change))
            change = change + away * figures.get("extra_steps", 0.0) * sensitive[cell]
        changed[cell] += np.sign(changed[cell]) * np.maximum(step * change, -size)
    return changed * _HUNDREDTHS, marked


def _share(amounts: Floats, figures: Mapping[str, Any]) -> Floats:
    """Noise as a share of an amount: `share_small` up to the flex point, falling to `share_large` beyond."""
    small, large, point = figures["share_small"], figures["share_large"], figures["flex_point"]
    beyond = np.maximum(amounts, point)
    excess = (small * beyond - large * point) / (large * point)
    falling = large * (1 + excess * (2 * point / (point + beyond)) ** figures.get("flex_exponent", 3.0))
    return np.asarray(np.where(small == large, small, falling))


def _keys(source: NoiseSource, given: Given) -> Keys:
    """The record key of each contributor: of a hashed id by its bytes, of anybody else by name."""
    return np.array([_record_key(source.key, name) for name in given.names], dtype=np.uint64)


def _record_key(key: bytes, name: str) -> int:
    group, own = name.split(" ", 1)
    named = f"company group {own}" if group == "many" else own
    message = bytes.fromhex(named) if _HASHED_ID.fullmatch(named) else b"contributor\x00" + named.encode()
    return int.from_bytes(hmac.digest(key, message, hashlib.sha256)[:8], "big")


def _cell_keys(given: Given, keys: Keys) -> Keys:
    """The sum of the keys of the different contributors of each cell, modulo 2**64."""
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(keys[given.who], dtype=np.uint64)])
    return np.asarray(sums[given.start[1:]] - sums[given.start[:-1]])


def _mixed(cells: Keys, contributors: Keys, measure: str) -> Keys:
    """A key for a contributor's part of a cell's sum of a measure."""
    word = int.from_bytes(hmac.digest(bytes(32), measure.encode(), hashlib.sha256)[:8], "big")
    return _scattered(cells + _scattered(contributors ^ np.uint64(word)))


def _scattered(keys: Keys) -> Keys:
    """The finaliser of SplitMix64."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray(keys ^ (keys >> np.uint64(31)))
