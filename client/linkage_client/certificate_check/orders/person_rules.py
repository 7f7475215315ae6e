"""Which counts of persons readers may not know, and what they hold possible of each blank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.orders.evidence import Side
from linkage_client.certificate_check.orders.relations import EVERYBODY, Relations
from linkage_client.certificate_check.rules import Flags


@dataclass(frozen=True, slots=True)
class Demands:
    """What is asked of the cells of one kind, and of the rests of their relations.

    Args:
        printed: cells that some line would print.
        sensitive: cells that have to be blank.
        lowest: the smallest number that a reader holds possible of each blank.
        fixed: cells that are no partner whether they are blank or not: everybody knows them.
        reach: number up to which each must be possible; 0 for no demand.
        widths: how far apart its possible values must be.
        rests: rests that have to be uncertain; `rest_reach` as `reach`.
        candidates: so many values must fit.
    """

    printed: Flags
    sensitive: Flags
    lowest: Ints
    fixed: Flags
    reach: Ints
    widths: Ints
    rests: Flags
    rest_reach: Ints
    candidates: int


def few(policy: Mapping[str, Any]) -> Callable[[Ints], Flags]:
    """Which counts are small by themselves."""
    lowest, threshold = int(policy["zero_shown"]), policy["minimum_cell"]

    def small(counts: Ints) -> Flags:
        found: Flags = (counts >= lowest) & (counts < threshold)
        return found

    return small


def person_demands(side: Side, relations: Relations, plan: Mapping[str, Any]) -> Demands:
    """Apply the policy to counts of persons.

    Cells that an officer hid, that company secrecy hides or that an exception frees are as the statement lists them.
    """
    policy, values, small = plan["policy"], side.values, few(plan["policy"])
    in_small = _in_small_strata(side, policy)
    sensitive = small(values) | (in_small & (values > 0)) | _nearly_everybody(side, plan)
    threshold = policy["minimum_cell"] if policy["reach_threshold"] else 0
    reach = np.where(sensitive, threshold, 0)
    sensitive = sensitive | listed(side, plan, "company_secrecy") | listed(side, plan, "hidden_by_hand")
    wholes = relations.whole
    rests = relations.may_rest & (small(relations.rest) | (in_small[wholes] & (relations.rest > 0)))
    # Among few persons everybody knows that the rest is small: it has to be uncertain there, not large.
    roomy = rests & (values[wholes] >= 2 * policy["minimum_cell"])
    of_class = policy.get("class_disclosure", False)
    if of_class:
        full, full_rests = _full_classes(side, relations, plan, sensitive)
        sensitive, rests = sensitive | full, rests | full_rests
    printed = _printed(side, plan)
    fixed = np.zeros(values.size, dtype=np.bool_)
    if plan["persons_known"] and (EVERYBODY, ()) in side.blocks:
        # Where it is hidden by hand or held back it is taken as unknown, which the check names.
        fixed[side.blocks[EVERYBODY, ()]] = not everybody_is_hidden(side, plan)
    return Demands(
        printed=printed,
        sensitive=sensitive,
        lowest=np.where(printed & policy["zero_shown"] & (not of_class), 1, 0),
        fixed=fixed,
        reach=reach,
        widths=np.zeros(values.size, dtype=np.int64),
        rests=rests,
        rest_reach=np.where(roomy, threshold, 0),
        candidates=policy["minimum_candidates"],
    )


def everybody_is_hidden(side: Side, plan: Mapping[str, Any]) -> bool:
    """Whether the number of all persons is hidden by hand, or blank beside earlier releases."""
    if (EVERYBODY, ()) not in side.blocks:
        return False
    place = side.blocks[EVERYBODY, ()]
    hidden = listed(side, plan, "hidden_by_hand") | bool(plan.get("releases"))
    return bool((hidden & side.blank)[place])


def listed(side: Side, plan: Mapping[str, Any], rule: str) -> Flags:
    """Cells that the statement lists under a rule which is not decided anew here."""
    found = np.zeros(side.values.size, dtype=np.bool_)
    rows = np.array(plan["listed"].get(rule, ()), dtype=np.int64) - side.first
    found[rows[(rows >= 0) & (rows < side.values.size)]] = True
    return found


def _in_small_strata(side: Side, policy: Mapping[str, Any]) -> Flags:
    found = np.zeros(side.values.size, dtype=np.bool_)
    if policy["minimum_stratum"] > policy["minimum_cell"]:
        for (_, names), block in side.blocks.items():
            if (EVERYBODY, names) in side.blocks:
                persons = side.values[side.blocks[EVERYBODY, names]]
                found[block] = (persons > 0) & (persons < policy["minimum_stratum"])
    return found


def _nearly_everybody(side: Side, plan: Mapping[str, Any]) -> Flags:
    """Counts that leave few of the inhabitants over."""
    found = np.zeros(side.values.size, dtype=np.bool_)
    for line in plan["lines"]:
        if line["inhabitants_key"] and line["numerator_key"]:
            own = side.cube(line["numerator_key"], tuple(line["dimensions"]))
            left = inhabitants(plan, line["inhabitants_key"], line["dimensions"]).reshape(own.shape) - side.values[own]
            found[own] |= (side.values[own] > 0) & (left < plan["policy"]["minimum_cell"])
    return found


def inhabitants(plan: Mapping[str, Any], key: str, names: list[str]) -> Any:
    """Public numbers by some strata, flat, totals last on each axis."""
    return next(
        np.array(one["numbers"], dtype=np.float64)
        for one in plan["public"]
        if one["key"] == key and list(one["dimensions"]) == list(names)
    )


def _printed(side: Side, plan: Mapping[str, Any]) -> Flags:
    found = np.zeros(side.values.size, dtype=np.bool_)
    for line in plan["lines"]:
        for key in {line["numerator_key"], line["denominator_key"]} - {""}:
            found[side.cube(key, tuple(line["dimensions"]))] = True
    for _, _, key in plan["reasons"]:
        found[side.cube(key, ())] = True
    for told in plan["classes"]:
        found[side.cube(told["persons_key"], (*told["dimensions"], told["axis"]))] = True
    return found


def _full_classes(side: Side, relations: Relations, plan: Mapping[str, Any], sensitive: Flags) -> tuple[Flags, Flags]:
    """Levels that hold all of a total that is shown, the zeros beside them, and who are all that they are among."""
    values, free = side.values, listed(side, plan, "exceptions")
    marked = np.zeros(values.size, dtype=np.bool_)
    counted = {line["numerator_key"] for line in plan["lines"]}
    numerators = np.zeros(values.size, dtype=np.bool_)
    for (key, _), block in side.blocks.items():
        numerators[block] |= key in counted
    for relation in np.flatnonzero(~relations.may_rest & (np.diff(relations.starts) > 1)).tolist():
        whole, parts = relations.whole[relation], relations.parts[slice(*relations.starts[relation : relation + 2])]
        if numerators[whole] and not sensitive[whole] and 0 < values[whole] == values[parts].max():
            marked[parts] = True
    of = set[tuple[int, int]]()
    for line in plan["lines"]:
        if line["numerator_key"] and line["denominator_key"]:
            names = tuple(line["dimensions"])
            among, own = (side.cube(line[key], names).ravel() for key in ("denominator_key", "numerator_key"))
            full = (values[own] == values[among]) & (values[own] > 0) & ~sensitive[among] & (own != among)
            marked[own[full]] = True
            of |= set(zip(among[full & ~free[own]].tolist(), own[full & ~free[own]].tolist(), strict=True))
    marked &= ~free
    for told in plan["classes"]:
        cube = side.cube(told["persons_key"], (*told["dimensions"], told["axis"]))
        cube = cube.reshape(-1, cube.shape[-1])
        wholes, parts = cube[:, -1], cube[:, :-1]
        full = (values[wholes] > 0) & (values[parts].max(axis=1) == values[wholes]) & ~sensitive[wholes]
        if parts.shape[1] > 1:
            marked[parts[full]] = True
    alone = relations.may_rest & (np.diff(relations.starts) == 1)
    firsts = relations.parts[np.minimum(relations.starts[:-1], relations.parts.size - 1)]
    rests = np.array(
        [bool(a) and (w, p) in of for a, w, p in zip(alone, relations.whole.tolist(), firsts.tolist(), strict=True)],
        dtype=np.bool_,
    )
    return marked, rests
