"""Which sums readers may not know: of few contributors, of hidden ones, and where they tell who reaches a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.orders.evidence import Side
from linkage_client.certificate_check.orders.person_rules import Demands, listed
from linkage_client.certificate_check.orders.relations import Relations
from linkage_client.certificate_check.rules import Flags

_ANY_SIGN = -(1 << 50)


def sum_demands(side: Side, relations: Relations, plan: Mapping[str, Any], *, persons: Side, asked: Demands) -> Demands:
    """Apply the policy to sums.

    Args:
        persons: counts of persons, and what is asked of them: sums go with their contributors.
    """
    policy, size = plan["policy"], side.values.size
    unseen = asked.sensitive | (persons.blank & asked.printed)
    contributors, lowest = np.zeros(size, np.int64), np.zeros(size, np.int64)
    hidden = np.zeros(size, np.bool_)
    for one in plan["sums"]:
        own, behind = _pair(side, persons, one)
        contributors[own], hidden[own] = persons.values[behind], unseen[behind]
        lowest[own] = _ANY_SIGN if np.any(side.values[own] < 0) else 0
        hidden[own] |= _few_outside(persons, plan, one, persons.values[behind])
    for told in plan["classes"]:
        if told["sum_key"] and (told["sum_key"], tuple(sorted(told["dimensions"]))) in side.blocks:
            names = tuple(told["dimensions"])
            bins = persons.cube(told["persons_key"], (*names, told["axis"]))[..., :-1]
            hidden[side.cube(told["sum_key"], names)] |= unseen[bins].any(axis=-1)
    told_of = _Thresholds(side, persons, plan, unseen)
    hidden |= told_of.hidden
    given_up = told_of.some & plan["without_thresholds"]
    hidden |= given_up
    few = (contributors > 0) & (contributors < policy["minimum_contributors"])
    secret = listed(side, plan, "company_secrecy") & (contributors > 0)
    printed = _printed(side, plan)
    widths = np.maximum(-(-np.abs(side.values) * policy["sum_width_percent"] // 100), 1)
    widths = np.where((told_of.widths >= 0) & ~secret, told_of.widths, widths)
    return Demands(
        printed=printed,
        sensitive=(few | hidden | secret | listed(side, plan, "hidden_by_hand")) & printed,
        lowest=np.maximum(lowest, told_of.lowest),
        # Nobody contributes: everybody knows that it is 0.
        fixed=(contributors == 0) & ~hidden,
        reach=np.where(given_up, 0, told_of.reach),
        # Nothing of sums that were given up is printed, so that nothing has to be proved.
        widths=np.where(printed & ~given_up, widths, 0),
        rests=np.zeros(relations.rest.size, dtype=np.bool_),
        rest_reach=np.zeros(relations.rest.size, dtype=np.int64),
        candidates=1,
    )


def _pair(side: Side, persons: Side, one: Mapping[str, Any]) -> tuple[Ints, Ints]:
    """A sum and who contribute to it, cell by cell."""
    names = tuple(one["dimensions"])
    return side.cube(one["sum_key"], names), persons.cube(one["contributors_key"], names)


def _few_outside(persons: Side, plan: Mapping[str, Any], one: Mapping[str, Any], inside: Ints) -> Flags:
    """Sums of one period whose whole has few more contributors: the difference is the amount of those few."""
    found = np.zeros(inside.shape, np.bool_)
    for part in plan["period_parts"]:
        names = tuple(one["dimensions"])
        around = (*names, part["dimension"])
        if part["part_key"] == one["contributors_key"] and (part["whole_key"], tuple(sorted(around))) in persons.blocks:
            level = persons.strata[part["dimension"]].levels.index(part["label"])
            outside = persons.values[persons.cube(part["whole_key"], around)[..., level]] - inside
            found |= (outside > 0) & (outside < plan["policy"]["minimum_contributors"])
    return found


class _Thresholds:
    """What a reader knows of sums from who reaches their thresholds."""

    def __init__(self, side: Side, persons: Side, plan: Mapping[str, Any], unseen: Flags) -> None:
        size, policy = side.values.size, plan["policy"]
        self.some, self.hidden = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
        self.reach, self.widths = np.zeros(size, np.int64), np.full(size, -1)
        # What persons at thresholds account for; without thresholds no end.
        self.lowest = np.full(size, _ANY_SIGN, np.int64)
        for one in plan["sums"]:
            names = tuple(one["dimensions"])
            own = sorted(
                (
                    (told["least"], told["persons_key"])
                    for told in plan["thresholds"]
                    if told["sum_key"] == one["sum_key"]
                    and (told["persons_key"], tuple(sorted(names))) in persons.blocks
                ),
                key=lambda told: int(told[0]),
            )
            if not own:
                continue
            cells, scale = side.cube(one["sum_key"], names), one["scale"]
            reached = [persons.cube(key, names) for _, key in own]
            hidden = np.logical_or.reduce([unseen[place] for place in reached])
            if own[0][0] > 0:
                accounted = np.zeros(cells.shape, np.int64)
                before = 0
                for (least, _), place in zip(own, reached, strict=True):
                    accounted += (least - before) * persons.values[place] * scale
                    before = least
                enough = accounted + policy["minimum_cell"] * scale
                little = (side.values[cells] > accounted) & (side.values[cells] < enough)
                hidden = hidden | little
                self.lowest[cells] = accounted
                self.reach[cells] = np.where(little, enough, 0)
                if own[0][0] == 1:
                    self.widths[cells] = np.where(little, (policy["minimum_candidates"] - 1) * scale, 0)
            self.hidden[cells], self.some[cells] = hidden, True


def _printed(side: Side, plan: Mapping[str, Any]) -> Flags:
    found = np.zeros(side.values.size, dtype=np.bool_)
    for line in plan["lines"]:
        for key in {line["sum_key"], line["person_time_key"]} - {""}:
            found[side.cube(key, tuple(line["dimensions"]))] = True
    return found
