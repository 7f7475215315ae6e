"""Checks a release beside all earlier ones of nearly the same people.

A number that is printed anew may not tell, with what was said before, of few people who moved; nor may what is formed
of the printed cells of one line. When a cell is counted anew is nobody's business here: only whether it may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage_client.certificate_check.count_moves import Free, check_blanks, check_moves
from linkage_client.certificate_check.counts import counted, marks_of
from linkage_client.certificate_check.dimensions import Dimension, Family, Ints, add_totals
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.files import column_of, read_parquet
from linkage_client.certificate_check.held_back import check_few, lowest_possible, waiting
from linkage_client.certificate_check.movement import Apart, Movement
from linkage_client.certificate_check.release import CheckedMeasure, Release
from linkage_client.certificate_check.release_tables import Tables, read_tables, says
from linkage_client.certificate_check.rules import CountRules, Flags, rules_of
from linkage_client.certificate_check.said import Said, check_kept, numbers_of, said_by


@dataclass(frozen=True, slots=True)
class Earlier:
    """The releases before the one that is checked.

    Args:
        folders: of each, oldest first.
        moved: who moved since the release before, a file for each release but the first.
    """

    folders: Sequence[Path]
    moved: Sequence[Path]


def check_count_over_time(name: str, release: Release, moves: pa.Table, earlier: Earlier) -> CheckedMeasure:
    """Check the newest release of one count beside the earlier ones.

    Args:
        name, release, moves: as in `check_count`.
        earlier: the releases before, and who moved.

    Raises:
        CheckFailed: the first thing that does not fit.
    """
    dimensions, tables, rules = release.dimensions, release.tables, rules_of(name, release.plan, release.policy)
    if len(earlier.moved) != len(earlier.folders):
        raise CheckFailed("earlier releases: not one file of moves for each release but the first")
    movement = Movement(earlier.moved, dimensions)
    truths = _truths(counted(name, release, rules), movement, dimensions, tables.truth_file)
    number = len(earlier.folders)
    apart = {(then, now): movement.between(then, now) for now in range(number + 1) for then in range(now)}
    said: list[Said] = []
    for place, folder in enumerate([*earlier.folders, None]):
        own = tables if folder is None else _tables_of(folder, tables, dimensions)
        said.append(said_by(name, own, truths[: place + 1], apart, release))
        check_kept(said, apart, own.released_file)
    counts, now = truths[number], said[number]
    marks = marks_of(name, counts, release, rules)
    small, sensitive, hidden = marks.small, marks.any_rule, ~now.current
    again = number > 0 and np.array_equal(now.as_of, said[-2].as_of)
    # What says again what was said before, number for number, tells nothing new.
    if moves.num_rows or not again:
        if np.any(sensitive & (now.as_of == number)):
            raise CheckFailed(f"{tables.released_file}: a cell that may not be told is counted anew")
        since = [apart[then, number] for then in range(number)]
        _check_told(said, since, release, rules)
        _check_reasons(name, tables, now, small=small & hidden & ~_few_moved_since_counted(said, since, rules))
        lowest = lowest_possible(
            now,
            counts.ravel(),
            printed=numbers_of(truths, now.as_of),
            waits=waiting(said, since, rules.threshold),
            lowest=rules.lowest,
            threshold=rules.threshold,
        )
        free = Free(hidden, tables.shown, np.zeros(hidden.size, dtype=np.bool_), lowest)
        shown = check_moves(moves, counts, free, dimensions=dimensions, row_place=tables.place, rules=rules)
        check_blanks(shown, counts, hidden, small & hidden & rules.reach, dimensions=dimensions, rules=rules)
    _check_ledger(tables, counts.ravel(), truths, now)
    return CheckedMeasure(counts.ravel(), sensitive & hidden, hidden)


def _truths(newest: Ints, movement: Movement, dimensions: list[Dimension], path: Path) -> list[Ints]:
    """The true cells of each release: those of the newest, with what moved taken back."""
    truths = [newest]
    for release in range(movement.releases, 0, -1):
        truths.insert(0, truths[0] - add_totals(movement.of(release), dimensions))
    if any(np.any(truth < 0) for truth in truths):
        raise CheckFailed(f"{path}: more people joined a cell than stand in it")
    return truths


def _tables_of(folder: Path, newest: Tables, dimensions: list[Dimension]) -> Tables:
    return read_tables(folder, newest.truth_file, dimensions, newest.shown, absent_unknown=False)


def _check_told(said: list[Said], since: list[Apart], release: Release, rules: CountRules) -> None:
    """Check that neither a cell nor what is left of a whole differs by few people from an earlier release."""
    check_few(said, since, rules.threshold, str(release.tables.released_file))
    shape = tuple(len(dimension.codes) for dimension in release.dimensions)
    for was, apart in zip(said, since, strict=False):
        _check_lines((was.current, said[-1].current), apart, release.dimensions, shape, rules)


def _check_lines(
    current: tuple[Flags, Flags], apart: Apart, dimensions: list[Dimension], shape: tuple[int, ...], rules: CountRules
) -> None:
    """Check that what a reader forms within one line and knows of two releases does not differ by few people.

    Args:
        current: cells that readers know of the one release and of the other.
        apart: by whom they differ.
        dimensions, shape: of the table.
        rules: of the count.
    """
    for axis, dimension in enumerate(dimensions):
        for family in dimension.families:
            for lines, terms in _sums_of_both(*current, axis, family, shape):
                moved = apart.moved_in_lines(axis, family, terms, shape)
                if np.any(lines & (moved > 0) & (moved < rules.threshold)):
                    raise CheckFailed(
                        f"released table: what is left of a whole along {dimension.name!r} differs by few people from "
                        "an earlier release"
                    )


def _sums_of_both(
    was: Flags, now: Flags, axis: int, family: Family, shape: tuple[int, ...]
) -> Iterator[tuple[Flags, Flags]]:
    """Sums that are known of two releases: in which lines, and of which cells.

    Args:
        was, now: cells that readers know of the one and of the other, flat.
    """
    members = [family.parent, *family.children]
    then, today = (np.moveaxis(flags.reshape(shape), axis, 0)[members] for flags in (was, now))
    every = np.ones(today.shape[1:], dtype=np.bool_)
    both = then & today
    complete = (then | today).all(axis=0)
    for lines, terms in (
        (every, both),
        # What one of the two does not tell it has as the rest of the others.
        (complete, np.broadcast_to(today, today.shape)),
        (complete, np.broadcast_to(then, then.shape)),
    ):
        flat = np.zeros(shape, dtype=np.bool_)
        np.moveaxis(flat, axis, 0)[members] = terms
        yield lines.ravel(), flat.ravel()


def _few_moved_since_counted(said: list[Said], since: list[Apart], rules: CountRules) -> Flags:
    """Cells in which few, but some people moved since a release that counted them anew."""
    few = np.zeros(said[0].as_of.size, dtype=np.bool_)
    for number, (was, apart) in enumerate(zip(said, since, strict=False)):
        moved = apart.moved(few.size)
        few |= (was.as_of == number) & (moved > 0) & (moved < rules.threshold)
    return few


def _check_reasons(name: str, tables: Tables, now: Said, *, small: Flags) -> None:
    """Check that the officer's copy has a reason for each cell that is not told of this release, and the right one."""
    path = tables.officer_file
    reason = pc.fill_null(column_of(tables.officer, f"{name}_reason", path).cast(pa.string()), "")
    told = pc.not_equal(reason, "").to_numpy(zero_copy_only=False)
    if not np.array_equal(told, ~now.current[tables.place]):
        raise CheckFailed(f"{path}: has not a reason exactly for each cell that is not counted anew")
    held = ~now.current & ~now.blank
    for word, cells in (("few_people_moved", held), ("small_cell", small & now.blank)):
        if not np.array_equal(says(reason, word), cells[tables.place]):
            raise CheckFailed(f"{path}: does not say {word} exactly where it is so")


def _check_ledger(tables: Tables, counts: Ints, truths: list[Ints], now: Said) -> None:
    """Check what the holder keeps of this release for the next one, cell by cell in the officer's order."""
    path = tables.officer_file.parent / "ledger.parquet"
    ledger = read_parquet(path)
    for column, expected in {
        "true": counts,
        "printed": numbers_of(truths, now.as_of),
        "as_of": now.as_of,
        "current": now.current,
        "blank": now.blank,
    }.items():
        kept = column_of(ledger, column, path)
        if len(kept) != counts.size or kept.null_count:
            raise CheckFailed(f"{path}: has not each cell once")
        # What stands for a blank is nobody's business.
        matters = ~now.blank[tables.place] | (column != "printed")
        if not np.array_equal(kept.to_numpy()[matters], expected[tables.place][matters]):
            raise CheckFailed(f"{path}: column {column!r} is not what this release says")
