"""Releases one after the other: leavers, joiners, swaps, corrections, dates, thresholds, similar populations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

from tests.security.attacks.attack import attack
from tests.security.attacks.count_tables import Between
from tests.security.attacks.monthly_series import (
    LEAVES,
    Counted,
    Isolated,
    Moved,
    PopulationsRead,
    SeriesRead,
    changed_pattern,
    changed_threshold,
    parted,
    populations,
    series,
    trackers,
)
from tests.security.attacks.order_tables import OrderRead, orders_of_the_same
from tests.support.attackers import Printed
from tests.support.attackers import subtract as subtract_order
from tests.support.table_attackers import Cell, subtract


def differences(read: SeriesRead, before: int, after: int) -> Iterator[tuple[Cell, int, int, int]]:
    """Cells that two releases print as of two days: the cell, by how much it rose, and both days."""
    for cell, now in read.releases[after].items():
        then = read.releases[before][cell]
        if now is not None and then is not None and now[1] != then[1]:
            yield cell, now[0] - then[0], then[1], now[1]


def consecutive(read: SeriesRead) -> Iterator[tuple[Cell, int, int, int]]:
    """Differences from each release to the next."""
    for after in range(1, len(read.releases)):
        yield from differences(read, after - 1, after)


@attack(on=series, family="releases", naive="each_alone")
def one_who_left(read: SeriesRead) -> Iterator[Moved]:
    """OpenSAFELY on re-releases and dsBase 251: a leaf cell is one lower than last month."""
    for cell, rose, before, after in consecutive(read):
        if cell in LEAVES and rose < 0 and read.few(rose):
            yield Moved((cell,), before, after)


@attack(on=series, family="releases", naive="each_alone")
def one_who_joined(read: SeriesRead) -> Iterator[Moved]:
    """The same upwards: who knows when somebody moved in reads what she brought."""
    for cell, rose, before, after in consecutive(read):
        if cell in LEAVES and rose > 0 and read.few(rose):
            yield Moved((cell,), before, after)


@attack(on=series, family="releases", naive="each_alone")
def one_who_changed_cell(read: SeriesRead) -> Iterator[Moved]:
    """A swap leaves the total alone, unseen by a gate on net change: one cell falls, another rises by as many."""
    for release in range(1, len(read.releases)):
        found = [one for one in differences(read, release - 1, release) if one[0] in LEAVES and read.few(one[1])]
        for (cell, rose, before, after), (other, fell, _, _) in combinations(found, 2):
            if rose == -fell:
                yield Moved((cell,), before, after)
                yield Moved((other,), before, after)


@attack(on=series, family="releases", naive="each_alone")
def one_who_came_and_left_again(read: SeriesRead) -> Iterator[Moved]:
    """January against March: what February hid among others may be gone again."""
    for after in range(2, len(read.releases)):
        for cell, rose, first, last in differences(read, after - 2, after):
            if read.few(rose):
                yield Moved((cell,), first, last)


@attack(on=series, family="releases", naive="each_alone")
def a_late_correction_in_a_margin(read: SeriesRead) -> Iterator[Moved]:
    """Registers are corrected late: margins of sex or county change though nobody joined or left."""
    for cell, rose, before, after in consecutive(read):
        if cell not in LEAVES and read.few(rose):
            yield Moved((cell,), before, after)


@attack(on=series, family="releases", naive="each_alone")
def a_small_difference_of_any_two_releases(read: SeriesRead) -> Iterator[Moved]:
    """All pairs of releases, all cells: Fraser and Wooton 2005 on differencing."""
    for before, after in combinations(range(len(read.releases)), 2):
        for cell, rose, first, last in differences(read, before, after):
            if read.few(rose):
                yield Moved((cell,), first, last)


@attack(on=series, family="releases", naive="each_alone")
def what_is_left_of_a_whole_in_two_releases(read: SeriesRead) -> Iterator[Moved]:
    """Whole less its printed parts, today and then: the rest moved by few, though the printed moved by many."""
    for before, after in combinations(range(len(read.releases)), 2):
        for whole, parts in read.sums:
            rests = []
            left = [part for part in parts if not (current(read, before, part) and current(read, after, part))]
            for release in (before, after):
                shown = [read.releases[release][cell] for cell in (whole, *parts) if cell not in left]
                days = {cell[1] for cell in shown if cell is not None}
                if None in shown or len(days) != 1:
                    break
                numbers = [cell[0] for cell in shown if cell is not None]
                rests.append((numbers[0] - sum(numbers[1:]), days.pop()))
            if left and len(rests) == 2 and read.few(rests[1][0] - rests[0][0]):
                yield Moved(tuple(left), rests[0][1], rests[1][1])


@attack(on=series, family="releases", naive="each_cell_by_itself")
def a_stale_number_beside_fresh_ones(read: SeriesRead) -> Iterator[Moved]:
    """Dates of numbers are printed: where all of a line is new but one part, the line tells what that part is now."""
    for release, cells in enumerate(read.releases):
        for whole, parts in read.sums:
            line = {cell: cells[cell] for cell in (whole, *parts)}
            days = {number[1] for number in line.values() if number is not None}
            newest = max(days, default=0)
            old = [cell for cell, number in line.items() if number is None or number[1] != newest]
            if release and len(old) == 1 and line[old[0]] is not None:
                numbers = {cell: number[0] for cell, number in line.items() if number is not None}
                total = sum(numbers[part] for part in parts if part != old[0])
                now = total if old[0] == whole else numbers[whole] - total
                if read.few(now - numbers[old[0]]):
                    yield Moved((old[0],), line[old[0]][1], newest)  # type: ignore[index]


@attack(on=changed_pattern, family="releases", naive="each_alone")
def a_blank_that_another_release_prints(read: SeriesRead) -> Iterator[Counted]:
    """Eurostat asks for the same pattern in all periods: another month's number opens this month's line."""
    for release, other in permutations(range(len(read.releases)), 2):
        now, then = read.releases[release], read.releases[other]
        filled = {cell: None if one is None else one[0] for cell, one in now.items()}
        for cell, value in filled.items():
            shown = then[cell]
            if value is None and shown is not None:
                filled[cell] = shown[0]
        for cell, value in subtract(filled, read.sums).items():
            yield Counted(release, Between.of([cell], value))


@attack(on=changed_threshold, family="releases", naive="each_alone")
def what_a_lower_threshold_prints(read: SeriesRead) -> Iterator[Counted]:
    """The same people under a lower threshold: what is printed now was blank, so it was small."""
    if len(read.releases) > 1:
        for cell, now in read.releases[1].items():
            if now is not None and read.releases[0][cell] is None:
                yield Counted(0, Between.of([cell], now[0]))


@attack(on=populations, family="releases", naive="everything_answered")
def a_population_without_a_few(read: PopulationsRead) -> Iterator[Isolated]:
    """dsBase 5: the same population less a few, or and a few more: both tables are subtracted."""
    return near_pairs(read, read.allies[:1])


@attack(on=populations, family="releases", naive="everything_answered")
def a_few_whose_stratum_is_changed(read: PopulationsRead) -> Iterator[Isolated]:
    """The orderer says who belongs to which hospital: a few are sent under another one, and their cells change."""
    for (i, one), (j, other) in combinations(held(read, read.allies[:1]), 2):
        if one.keys() == other.keys() and one != other:
            yield Isolated(((i, 1), (j, -1)))


@attack(on=populations, family="releases", naive="allies_not_told")
def recipients_who_share(read: PopulationsRead) -> Iterator[Isolated]:
    """Collusion: each recipient sends one population, and they subtract each other's tables."""
    return near_pairs(read, read.allies)


@attack(on=populations, family="releases", naive="everything_answered")
def a_complement_of_what_was_sent(read: PopulationsRead) -> Iterator[Isolated]:
    """Denning and Schlörer 1980: who are asked about are too few, so everybody is asked about, and everybody else."""
    for (i, one), (j, other) in combinations(held(read, read.allies[:1]), 2):
        if one.items() < other.items() or other.items() < one.items():
            yield Isolated(((i, 1), (j, -1)))


@attack(on=parted, family="releases", naive="everything_answered")
def a_population_less_two_parts_of_it(read: PopulationsRead) -> Iterator[Isolated]:
    """Denning, Denning and Schwartz 1979, trackers: all less the one part less the other are the few in neither."""
    if len(held(read, read.allies)) == 3:
        yield Isolated(((0, 1), (1, -1), (2, -1)))


@attack(on=trackers, family="releases", naive="everything_answered")
def a_tracker_of_four_populations(read: PopulationsRead) -> Iterator[Isolated]:
    """Denning, Denning and Schwartz 1979: no two populations are alike, and a signed sum of four is one person."""
    if len(held(read, read.allies)) == 4:
        yield Isolated(((0, 1), (1, -1), (2, -1), (3, 1)))


@attack(on=orders_of_the_same, family="releases", naive="each_by_itself")
def another_table_of_the_same_people(read: list[OrderRead]) -> Iterator[Between]:
    """Two orders about one population: what the one leaves blank the other may print, and all sums of both hold."""
    known = {cell: value for one in read for cell, value in one.printed.known.items()}
    blank = {cell for one in read for cell in one.printed.blank} - set(known)
    relations = [relation for one in read for relation in one.printed.relations]
    for cell, value in subtract_order(Printed(known, blank, relations, [])).items():
        yield Between.of([cell], value)
    for over, under in {(w[0], p[0]) for one in read for w, p in one.printed.subsets}:
        for place in {place for key, place in known if key == under and (over, place) in known}:
            value = known[over, place] - known[under, place]
            yield Between((((over, place), 1), ((under, place), -1)), value, value)


def current(read: SeriesRead, release: int, cell: Cell) -> bool:
    """Whether a cell is printed as of the newest day of its release."""
    days = [one[1] for one in read.releases[release].values() if one is not None]
    shown = read.releases[release][cell]
    return shown is not None and shown[1] == max(days)


def held(read: PopulationsRead, recipients: tuple[str, ...]) -> list[tuple[int, dict[int, str]]]:
    """Populations whose tables these recipients have."""
    return [(i, one.persons) for i, one in enumerate(read.sent) if one.answered and one.organisation in recipients]


def near_pairs(read: PopulationsRead, recipients: tuple[str, ...]) -> Iterator[Isolated]:
    """Pairs of tables that differ by few persons."""
    for (i, one), (j, other) in combinations(held(read, recipients), 2):
        if 0 < len(one.keys() ^ other.keys()) < read.policy.minimum_cell:
            yield Isolated(((i, 1), (j, -1)))
