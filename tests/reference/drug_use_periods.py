"""Drug use periods (PRE2DUP) written one purchase at a time, step by step as the method tells them. Slow on purpose.

Twin of the kernel drug_use_periods. Days are whole numbers; durations and defined daily doses are doubles, in the order
of operations of PRE2DUPR 0.2.0, whose periods are cut to whole days at their end.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from statistics import mean as mean_of
from statistics import median


@dataclass(frozen=True)
class Limits:
    """What is known of a package, or of a drug where nothing is known of its package (`days_usual` is then None)."""

    ddd_low: float
    ddd_usual: float
    days_min: float
    days_max: float
    days_usual: float | None = None


@dataclass(frozen=True)
class Rule:
    """Parameters of the method; lengths in days."""

    gap_max: float = 300
    duration_min: float = 5
    duration_max: float = 300
    single_max: float = 150
    ddd_max: float = 10
    hospital_max: float = 30
    days_covered: float = 5
    weight_past: float = 1
    weight_current: float = 4
    weight_next: float = 1
    weight_ends: float = 5
    join_percent: float = 1


@dataclass(frozen=True)
class Row:
    """A dispensing of one drug to one person."""

    day: int
    package: str
    ratio: float
    ddd: float


@dataclass
class Purchase:
    """What a day brings of the drug."""

    day: int
    ratio: float
    ddd: float
    packages: list[str]
    ddd_low: float
    min_days: float
    max_days: float
    by_package: float
    bounded: bool
    gap_before: int = 0
    starts: bool = False
    average: float = math.nan
    spread: float = math.nan
    lasts: float = math.nan
    in_hospital: int = 0
    any_hospital: int = 0
    reaches: float = math.nan


@dataclass(frozen=True)
class Period:
    """A drug use period: `end` has a fraction, `days` are those of its purchases."""

    start: int
    end: float
    last: int
    purchases: int
    ddd: float
    hospital_days: int
    days: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Refill:
    """Days from a purchase of whole packages of one kind to the next, in a period of at least six purchases."""

    day: int
    package: str
    ratio: float
    days: int


def united(stays: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Hospital stays that overlap or touch, as one."""
    joined: list[tuple[int, int]] = []
    for admitted, discharged in sorted(stays):
        if joined and admitted <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], discharged))
        else:
            joined.append((admitted, discharged))
    return joined


def days_in_hospital(
    stays: Sequence[tuple[int, int]], day: int, *, until: float, following: int | None
) -> tuple[int, int]:
    """Days of stays between a purchase and the next, all and those of stays that began while its supply lasted.

    A stay counts the days from the later of purchase and admission to the day before discharge, exclusive.
    """
    every = during = 0
    last_day = int(until)
    for admitted, discharged in stays:
        final = discharged - 1
        if admitted >= day:
            inside = admitted < following if following is not None else admitted < last_day
            start = admitted if inside else None
        else:
            start = day if final > day else None
        if following is None:
            end = final if final > day and admitted < last_day else None
        else:
            end = following if final >= following else None if final < day else final
        if start is not None and end is not None:
            every += end - start
            during += end - start if admitted < last_day else 0
    return every, during


def purchases_of(rows: Sequence[Row], packages: dict[str, Limits], drug: Limits | None, rule: Rule) -> list[Purchase]:
    """Rows of a day as one purchase: its limits, and how long its packages last by their parameters."""
    purchases = []
    ordered = sorted(rows, key=lambda row: (row.day, row.package))
    for day, of_day in groupby(ordered, key=lambda row: row.day):
        kinds = []
        for package, same in groupby(of_day, key=lambda row: row.package):
            listed = list(same)
            kinds.append((package, math.fsum(r.ratio for r in listed), math.fsum(r.ddd for r in listed)))
        known = [packages.get(package) for package, _, _ in kinds]
        assert drug is not None or all(known)
        limits = [limit or drug for limit in known]
        ratios = [ratio for _, ratio, _ in kinds]
        doses = [ddd for _, _, ddd in kinds]
        if all(known) and all(ddd > 0 for ddd in doses):
            share = max(ratios) / math.fsum(ratios)
            by_package, bounded = share * math.fsum(d / k.ddd_usual for d, k in zip(doses, known, strict=True)), True
        elif all(known):
            share = max(ratios) / math.fsum(ratios)
            by_package, bounded = share * math.fsum(r * k.days_usual for r, k in zip(ratios, known, strict=True)), True
        elif all(ddd > 0 for ddd in doses):
            by_package, bounded = math.fsum(doses) / drug.ddd_usual, True
        else:
            by_package, bounded = drug.days_min, False
        low = min(k.ddd_low for k in known) if all(known) else drug.ddd_low
        shortest = max(ratio * limit.days_min for ratio, limit in zip(ratios, limits, strict=True))
        longest = max(ratio * limit.days_max for ratio, limit in zip(ratios, limits, strict=True))
        purchases.append(
            Purchase(
                day=day,
                ratio=ratios[0],
                ddd=math.fsum(doses),
                packages=[package for package, _, _ in kinds],
                ddd_low=low,
                min_days=max(min(shortest, rule.duration_max), rule.duration_min),
                max_days=min(max(longest, rule.duration_min), rule.duration_max),
                # Numbers written with few digits say the same as the fractions they stand for.
                by_package=round(by_package * 1e3) / 1e3,
                bounded=bounded,
            )
        )
    return purchases


def averages(block: Sequence[Purchase], rule: Rule) -> list[float]:
    """The sliding average of defined daily doses a day, of three purchases or more."""
    ddd = [p.ddd for p in block]
    n = len(block)
    # The gap before the first purchase of the block is never looked at.
    wait = [block[i + 1].gap_before for i in range(n - 1)]
    rate = ddd[n - 2] / wait[n - 2]
    wait.append(min(ddd[n - 1] / rate, rule.duration_max) if rate > 0 else rule.duration_max if ddd[n - 1] > 0 else 0)
    found = []
    for i in range(n):
        if i == 0:
            pairs = [(rule.weight_ends, 0), (rule.weight_next, 1)]
        elif i == n - 1:
            pairs = [(rule.weight_ends, i), (rule.weight_ends, i - 1)]
        else:
            pairs = [(rule.weight_past, i - 1), (rule.weight_current, i), (rule.weight_next, i + 1)]
        found.append(sum(w * ddd[k] for w, k in pairs) / sum(w * wait[k] for w, k in pairs))
    return found


def spread_of(values: Sequence[float]) -> float:
    """The relative standard deviation, between 0.2 and 0.5; NaN where nothing was taken."""
    n = len(values)
    mean = math.fsum(values) / n
    if mean == 0:
        return math.nan
    deviation = math.sqrt(math.fsum((v - mean) * (v - mean) / n for v in values)) / mean
    return min(0.5, max(0.2, deviation))


def periods_of(
    rows: Sequence[Row],
    *,
    packages: dict[str, Limits],
    drug: Limits | None = None,
    stays: Sequence[tuple[int, int]] = (),
    rule: Rule = Rule(),
) -> tuple[list[Period], list[Refill]]:
    """Drug use periods of one person and drug, and what they tell of how long packages last."""
    stays = united(stays)
    bought = purchases_of(rows, packages, drug, rule)
    n = len(bought)
    blocks: list[list[int]] = []
    for i, p in enumerate(bought):
        p.gap_before = p.day - bought[i - 1].day if i else 0
        p.starts = i == 0 or p.gap_before > rule.gap_max
        if p.starts:
            blocks.append([])
        blocks[-1].append(i)
    block_of = {i: block for block in blocks for i in block}
    following = [bought[i + 1].day if i + 1 < n else None for i in range(n)]

    def extend(i: int) -> None:
        p = bought[i]
        p.any_hospital, p.in_hospital = days_in_hospital(stays, p.day, until=p.day + p.lasts, following=following[i])
        p.reaches = p.lasts + min(p.in_hospital, rule.hospital_max) + rule.days_covered

    for block in blocks:
        if len(block) > 2:
            taken = [min(value, 99) for value in averages([bought[i] for i in block], rule)]
            for i, value in zip(block, taken, strict=True):
                bought[i].average = min(max(value, bought[i].ddd_low), rule.ddd_max)
                bought[i].spread = spread_of(taken)
    for p in bought:
        by_average = p.ddd * (1 + p.spread) / p.average if p.average > 0 else math.nan
        if by_average > 0:
            p.lasts = min(max(p.min_days, by_average), p.max_days)
        else:
            p.lasts = min(max(p.min_days, p.by_package), p.max_days) if p.bounded else p.by_package
    for i in range(1, n):
        if bought[i - 1].lasts < bought[i].gap_before:
            bought[i].starts = True
    any_hospital = []
    for i in range(n):
        extend(i)
        any_hospital.append(bought[i].any_hospital)
    for i in range(1, n):
        p = bought[i]
        if p.starts and i != block_of[i][0] and bought[i - 1].reaches >= p.gap_before:
            p.starts = False

    # Stockpiling: a purchase at a lower average than its neighbours used up what was left of the one before.
    stocked = []
    for block in blocks:
        for place in range(1, len(block) - 1):
            before, p, after = (bought[block[place + k]] for k in (-1, 0, 1))
            last_but_one = place == len(block) - 2
            if not (
                before.average > p.average
                and (after.average > p.average or (p.average > after.average and last_but_one))
            ):
                continue
            both = min((before.ddd + p.ddd) * (1 + p.spread) / p.average, before.max_days + p.max_days)
            both += min(before.in_hospital + p.in_hospital, rule.hospital_max) + rule.days_covered
            if after.starts and both >= p.gap_before + after.gap_before:
                stocked.append(after)
    for p in stocked:
        p.starts = False

    def grouped() -> list[list[int]]:
        groups: list[list[int]] = []
        for i in range(n):
            if bought[i].starts:
                groups.append([])
            groups[-1].append(i)
        return groups

    short = [i for group in grouped() if len(group) < 3 for i in group]
    for i in short:
        bought[i].lasts = bought[i].by_package
        extend(i)
    for i in short:
        if i != block_of[i][0] and bought[i - 1].reaches >= bought[i].gap_before:
            bought[i].starts = False
    groups = grouped()

    refills = [
        Refill(bought[i].day, bought[i].packages[0], bought[i].ratio, bought[i + 1].gap_before)
        for group in groups
        if len(group) > 5
        for i in group[:-1]
        if not any_hospital[i] and len(bought[i].packages) == 1 and bought[i].ratio % 1 == 0
    ]

    found = []
    for group in groups:
        last = bought[group[-1]]
        count = len(group)
        lasts = last.lasts
        if count > 2 and not math.isnan(last.spread) and last.ddd > 0:
            lasts = last.ddd * (1 + last.spread) / (last.average * (1 + math.exp(-count)))
        lasts = min(max(lasts, last.min_days), last.max_days)
        if count == 1:
            lasts = min(lasts, rule.single_max)
        _, inside = days_in_hospital(stays, last.day, until=last.day + lasts, following=None)
        end = last.day + (lasts + min(inside, rule.hospital_max))
        found.append(Period(bought[group[0]].day, end, last.day, count, 0.0, 0, [bought[i].day for i in group]))

    percent = rule.join_percent
    while True:
        joined: list[Period] = []
        joins = [(b.start - a.end) <= percent / 100 * (a.end - a.start) for a, b in pairwise(found)]
        for place, period in enumerate(found):
            if place and joins[place - 1]:
                before = joined[-1]
                joined[-1] = replace(period, start=before.start, days=before.days + period.days)
            else:
                joined.append(period)
        percent -= 0.1
        found = joined
        if not any(joins):
            break
    dose_of = {p.day: p.ddd for p in bought}
    return [
        replace(
            period,
            purchases=len(period.days),
            ddd=math.fsum(dose_of[day] for day in period.days),
            hospital_days=sum(
                min(int(period.end), discharged - 1) - max(period.start, admitted)
                for admitted, discharged in stays
                if admitted <= int(period.end) and discharged - 1 >= period.start
            ),
        )
        for period in found
    ], refills


def usual_days(refills: Sequence[tuple[float, int]], *, least: int = 10) -> int | None:
    """The most common number of days that one package lasts, from (packages, days to the next purchase).

    Lengths of at most two days' difference are put to the more common of them, the rarest first.
    """
    counts: Counter[int] = Counter()
    packs: Counter[int] = Counter()
    for ratio, days in refills:
        one = round(days / ratio)
        counts[one] += 1
        packs[one] += int(ratio)
    each = sorted(one for one, times in packs.items() for _ in range(times))
    middle, mean = median(each), mean_of(each)
    while True:
        lengths = sorted(packs)
        near = {}
        for place, one in enumerate(lengths):
            close = []
            for other in (
                lengths[place - 1] if place else None,
                lengths[place + 1] if place + 1 < len(lengths) else None,
            ):
                if other is not None and abs(one - other) < 3 and packs[one] != packs[other]:
                    close.append(other)
            if close:
                near[one] = close
        if not near:
            break
        rarest = min(packs[one] for one in near)
        moves = {}
        for one, close in near.items():
            if packs[one] == rarest:
                # The nearer of the two; of two that are as near, the one with more packages, and else the shorter.
                moves[one] = min(close, key=lambda other: (abs(other - one), -packs[other], other))
        for one, other in moves.items():
            counts[other] += counts.pop(one)
            packs[other] += packs.pop(one)
    most = max(counts.values())
    tied = [one for one in counts if counts[one] == most]
    chosen = min(tied, key=lambda one: (abs(one - middle), abs(one - mean), one))
    return chosen if most >= least else None
