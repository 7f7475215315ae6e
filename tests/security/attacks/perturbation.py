"""Rounding and noise: asking again, margins, the base, controlled sums, keys that members could compute."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from linkage_core.perturbation.cell_keys import NoiseKey
from tests.security.attacks.attack import attack
from tests.security.attacks.count_tables import Between
from tests.security.attacks.intervals import ROUNDS, narrow
from tests.security.attacks.perturbed_tables import (
    BELOW,
    BOUND,
    Ends,
    IsIn,
    NoisyRead,
    RoundedRead,
    noise_of,
    noisy,
    rounded,
)
from tests.support.table_attackers import Sum

SOLVED = 6
MARGINS = "noise has margins of its own, which a reader averages: docs/decisions/perturbation.md"


def along_sums(ends: Ends, sums: list[Sum]) -> Ends:
    """Ends that follow from ends along every sum."""
    bounds = dict(ends)
    for _ in range(ROUNDS):
        moved = False
        for whole, parts in sums:
            low, high = (sum(bounds[part][end] for part in parts) for end in (0, 1))
            moved |= narrow(bounds, whole, low, high)
            for part in parts:
                least, most = bounds[part]
                moved |= narrow(bounds, part, bounds[whole][0] - high + most, bounds[whole][1] - low + least)
        if not moved:
            break
    return bounds


def together(answers: list[Ends]) -> Ends:
    """What holds of every answer."""
    return {cell: (max(one[cell][0] for one in answers), min(one[cell][1] for one in answers)) for cell in answers[0]}


@attack(on=rounded, family="perturbation", naive="each_rounded")
def the_base_and_the_sums(read: RoundedRead) -> Iterator[Between]:
    """Rounding cell by cell (Handbook ch. 5): whole and parts are rounded apart, and their ends narrow each other."""
    for cell, (low, high) in along_sums(read.answers[0], read.sums).items():
        yield Between.of([cell], low, high)


@attack(on=rounded, family="perturbation", naive="each_rounded")
def rounded_sums_by_programme(read: RoundedRead) -> Iterator[Between]:
    """Salazar 2004 on controlled rounding: the attacker's programme over all ends and all sums at once."""
    cells = list(read.answers[0])
    place = {cell: i for i, cell in enumerate(cells)}
    matrix = np.zeros((len(read.sums), len(cells)))
    for row, (whole, parts) in enumerate(read.sums):
        matrix[row, place[whole]] = 1
        for part in parts:
            matrix[row, place[part]] -= 1
    low, high = np.array([read.answers[0][cell] for cell in cells]).T
    for i in np.random.default_rng(len(cells)).permutation(len(cells))[:SOLVED].tolist():
        cost = np.zeros(len(cells))
        cost[i] = 1
        found = [
            milp(
                sign * cost,
                constraints=LinearConstraint(matrix, 0, 0),
                bounds=Bounds(low, high),
                integrality=np.ones(len(cells)),
            )
            for sign in (1, -1)
        ]
        yield Between.of([cells[i]], round(found[0].fun), round(-found[1].fun))


@attack(on=rounded, family="perturbation", naive="rounded_at_random")
def rounded_again_with_rows_in_another_order(read: RoundedRead) -> Iterator[Between]:
    """Random rounding asked for twice: what holds of both answers; also of blanks that chance would place elsewhere."""
    for cell, (low, high) in along_sums(together(read.answers), read.sums).items():
        yield Between.of([cell], low, high)


@attack(on=rounded, family="perturbation", naive="each_rounded")
def a_rounded_zero(read: RoundedRead) -> Iterator[Between]:
    """Rounding down to 0 or up from it: which zeros are true, and which stand for a few."""
    bounds = along_sums(read.answers[0], read.sums)
    for cell, (low, high) in read.answers[0].items():
        if low <= 0 and high > 0:
            yield Between.of([cell], max(1, bounds[cell][0]), bounds[cell][1])


@attack(on=noisy, family="perturbation", naive="fresh_noise")
def an_average_of_repeated_answers(read: NoisyRead) -> Iterator[Between]:
    """Asghar and Kaafar 2020: bounded noise that is drawn anew averages away."""
    for cell in read.answers[0]:
        seen = np.array([one[cell] for one in read.answers])
        if seen.std() > 0:
            yield Between.of([cell], round(seen.mean()))


@attack(on=noisy, family="perturbation", naive="fresh_noise")
def the_range_of_repeated_answers(read: NoisyRead) -> Iterator[Between]:
    """The same from the ends: the largest and the smallest answer are both within the bound."""
    for cell in read.answers[0]:
        seen = [one[cell] for one in read.answers]
        if max(seen) - min(seen) == 2 * BOUND:
            yield Between.of([cell], max(seen) - BOUND)


@attack(on=noisy, family="perturbation", naive="key_that_anybody_computes")
def noise_computed_by_who_knows_the_members(read: NoisyRead) -> Iterator[IsIn]:
    """ONS takes record keys from the id: who owns the list of ids computes the noise and sees who is counted."""
    guess = NoiseKey(1, 1, bytes(32))
    without = noise_of(read.members, BELOW, guess)
    beside = [cell for cell in without if cell[0] not in (read.asked[0], "SE") and cell[1] != read.asked[1]]
    agree = [without[cell] == read.answers[0][cell] for cell in beside if cell[0] in BELOW and len(BELOW[cell[0]]) == 1]
    if not agree or not all(agree):
        return
    with_her = noise_of([*read.members, (*read.asked, read.candidate)], BELOW, guess)
    if (with_her[read.asked] == read.answers[0][read.asked]) != (without[read.asked] == read.answers[0][read.asked]):
        counted = with_her[read.asked] == read.answers[0][read.asked]
        yield IsIn(read.candidate, read.asked, counted)


@attack(on=noisy, family="perturbation", naive="fresh_noise")
def zeros_that_became_numbers(read: NoisyRead) -> Iterator[Between]:
    """Zero preservation: an answer of 0 beside another that is not, of the same cell, is a count within the bound."""
    for cell in read.answers[0]:
        seen = [one[cell] for one in read.answers]
        if min(seen) <= 0 < max(seen):
            middle = (max(1, max(seen) - BOUND) + min(BOUND, min(seen) + BOUND)) // 2
            yield Between.of([cell], middle)


@attack(on=noisy, family="perturbation", naive="fresh_noise", succeeds=MARGINS)
def least_squares_over_the_margins(read: NoisyRead) -> Iterator[Between]:
    """Noise of parts and of their total are different: all sums fitted at once, rounded to whole numbers."""
    leaves = [cell for cell in read.answers[0] if cell[0] in BELOW and len(BELOW[cell[0]]) == 1 and cell[1] != "all"]
    place = {cell: i for i, cell in enumerate(leaves)}
    rows, right = [], []
    for cell in read.answers[0]:
        row = np.zeros(len(leaves))
        for region in BELOW[cell[0]]:
            for age in {a for _, a in leaves} if cell[1] == "all" else {cell[1]}:
                row[place[region, age]] = 1
        rows.append(row)
        right.append(np.mean([one[cell] for one in read.answers]))
    fitted = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
    for cell, value in zip(leaves, fitted.tolist(), strict=True):
        yield Between.of([cell], round(value))


@attack(on=noisy, family="perturbation", naive="fresh_noise", succeeds=MARGINS)
def differences_of_margins(read: NoisyRead) -> Iterator[Between]:
    """A total less its other parts is a second answer about a part: where both agree, it is taken."""
    for whole, parts in read.sums:
        for answer in read.answers[:1]:
            total = answer[whole]
            for part in parts:
                other = total - sum(answer[cell] for cell in parts if cell != part)
                if other == answer[part]:
                    yield Between.of([part], other)
