"""`linkage-server releases queue | hidden | cells | why | lost | coarser | evidence`: looking into a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from linkage_core.table_review.losses import Loss, losses
from linkage_core.table_review.proposals import Proposal, hidden_cells
from linkage_server.access.certificates import Caller
from linkage_server.assembly import Service
from linkage_server.command_line import (
    As,
    AsJson,
    Home,
    OpenHome,
    day_and_time,
    open_home,
    print_facts,
    print_json,
    print_table,
)
from linkage_server.release.recipe import Step
from linkage_server.reviews import explained, queue, steps
from linkage_server.reviews.cell_words import CellWords
from linkage_server.reviews.evidence_room import open_for_evidence
from linkage_server.reviews.order_evidence import write_evidence
from linkage_server.reviews.review_desk import ReviewDesk
from linkage_server.reviews.rule_words import Language
from linkage_server.runs.overlapping import OverlappingTables
from linkage_server.runs.rough import rough_count

Order = Annotated[str, typer.Argument(help="Name of the order, or only its last part.")]
Version = Annotated[int | None, typer.Option("--version", min=1, help="Of the table; the chosen one if not given.")]
In = Annotated[Language, typer.Option("--language", help="Language of the words.")]
Counts = Annotated[bool, typer.Option("--counts", help="Show exact numbers of hidden cells; the audit trail says so.")]
Steps = Annotated[
    list[str] | None, typer.Option("--step", help="A step that `coarser` lists, such as age/2; repeat it.")
]
Joins = Annotated[
    list[str] | None,
    typer.Option("--join", help='Levels joined by hand: "hospital: Falun + Mora = Dalarna"; repeat it.'),
]
Containing = Annotated[list[str] | None, typer.Option("--containing", help="Only cells whose words hold this.")]
MOST_SHOWN = 200
_HEADS: dict[Language, tuple[str, ...]] = {
    "en": ("cell", "counts", "at", "hidden because", "stands beside"),
    "sv": ("cell", "räknar", "läge", "dolt därför att", "står bredvid"),
}


def queue_(*, home: Home, as_json: AsJson = False) -> None:
    """Show the tables that wait for release: the riskiest first, the oldest first where the risk is equal."""
    with open_home(home, as_json=as_json) as opened:
        together = opened.settings.disclosure.recipients_together
        earlier = OverlappingTables(opened.database, opened.folder.root, together)
        waiting = queue.queue(opened.database, earlier_tables=earlier.count)
    if as_json:
        print_json([asdict(one) for one in waiting])
        return
    columns = ("order", "risk", "sensitive", "earlier tables", "margin", "version", "officers", "waits since", "title")
    print_table(
        columns,
        [
            (
                one.order,
                "not measured" if one.risk is None else one.risk,
                "-" if one.sensitive_per_cent is None else f"{one.sensitive_per_cent} %",
                one.earlier_tables,
                "-" if one.margin is None else one.margin,
                one.version,
                one.officers_needed,
                day_and_time(one.waits_since),
                one.title,
            )
            for one in waiting
        ],
    )


def hidden(
    order: Order,
    *,
    home: Home,
    version: Version = None,
    language: In = "en",
    all_cells: Annotated[bool, typer.Option("--all", help=f"Every cell, not the first {MOST_SHOWN}.")] = False,
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """List the hidden cells, each with the rule behind it."""
    with open_home(home, as_json=as_json) as opened:
        desk, officer, order_name = review_room(opened, order, name)
        found = list(explained.hidden_cells(desk.open(officer, order_name, version=version), language))
    if as_json:
        print_json([asdict(one) for one in found])
        return
    shown = found if all_cells else found[:MOST_SHOWN]
    print_table(_HEADS[language][:4], [(c.mark, c.what, c.where, c.words) for c in shown])
    if len(shown) < len(found):
        typer.echo(f"{len(found) - len(shown)} more; see them with --all.")


def cells(
    order: Order,
    *,
    home: Home,
    containing: Containing = None,
    version: Version = None,
    language: In = "en",
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """List the cells that lines print, shown and hidden, with the mark that names each."""
    with open_home(home, as_json=as_json) as opened:
        desk, officer, order_name = review_room(opened, order, name)
        review = desk.open(officer, order_name, version=version)
        told = CellWords(review, language)
        listed = [
            {"cell": told.mark(side.kind, cell), "counts": words[0], "at": words[1], "hidden": bool(side.blank[cell])}
            for side in (review.table.persons, review.table.sums)
            for cell in side.system.printed.nonzero()[0].tolist()
            if (words := (told.what(side.names[cell]), told.where(side.names[cell])))
            and all(part.casefold() in " ".join(words).casefold() for part in containing or [])
        ]
    if as_json:
        print_json(listed)
        return
    rows = [(one["cell"], one["counts"], one["at"], "hidden" if one["hidden"] else "shown") for one in listed]
    print_table(("cell", "counts", "at", "is"), rows[:MOST_SHOWN])
    if len(rows) > MOST_SHOWN:
        typer.echo(f"{len(rows) - MOST_SHOWN} more; narrow them down with --containing.")


def why(
    order: Order,
    cell: Annotated[str, typer.Argument(help="Mark of a hidden cell, such as p17.")],
    *,
    home: Home,
    version: Version = None,
    language: In = "en",
    counts: Counts = False,
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """Tell why a cell is hidden, and what else it could be for all that is printed."""
    with open_home(home, as_json=as_json) as opened:
        desk, officer, order_name = review_room(opened, order, name)
        review = desk.open(officer, order_name, version=version)
        found = explained.explain_cell(review, cell, language)
        if counts:
            desk.note_counts_read(officer, order_name)
        other = explained.witnesses(review, cell, language, counts=counts)
    if as_json:
        print_json(asdict(found) | {"witnesses": other})
        return
    heads = _HEADS[language]
    # One a line, below one another.
    beside = f"\n{' ' * (max(map(len, heads[: 4 + bool(found.holds)])) + 2)}".join(found.holds)
    facts = (found.mark, found.what, found.where, found.words, *([beside] if beside else []))
    print_facts(dict(zip(heads, facts, strict=False)))
    for sentence in other:
        typer.echo(sentence)


def lost(
    order: Order, *, home: Home, version: Version = None, counts: Counts = False, name: As = "", as_json: AsJson = False
) -> None:
    """Tell what is lost: cells and persons hidden, by table and by level."""
    with open_home(home, as_json=as_json) as opened:
        desk, officer, order_name = review_room(opened, order, name)
        review = desk.open(officer, order_name, version=version)
        if counts:
            desk.note_counts_read(officer, order_name)
        found = losses(review.table)
    if as_json:
        print_json(
            {
                "whole": _loss(found.whole, counts=counts),
                "tables": [{"strata": part, **_loss(one, counts=counts)} for part, one in found.by_table.items()],
                "levels": [
                    {"stratum": stratum, "level": level, **_loss(one, counts=counts)}
                    for (stratum, level), one in found.by_level.items()
                ],
            }
        )
        return
    told = CellWords(review, "en")
    columns = ("cells", "hidden", "share", "persons counted", "of them hidden")
    tables = [(_crossed(told, part), *_row(one, counts=counts)) for part, one in found.by_table.items()]
    print_table(("table", *columns), [*tables, ("all", *_row(found.whole, counts=counts))])
    typer.echo("")
    levels = [
        (told.stratum(stratum), told.level(stratum, level), *_row(one, counts=counts))
        for (stratum, level), one in found.by_level.items()
    ]
    print_table(("dimension", "level", *columns), levels)


def coarser(
    order: Order,
    *,
    home: Home,
    step: Steps = None,
    join: Joins = None,
    version: Version = None,
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """Tell what each coarser table would hide, from the run's own counts; nothing is changed."""
    with open_home(home, as_json=as_json) as opened:
        desk, officer, order_name = review_room(opened, order, name)
        review = desk.open(officer, order_name, version=version)
        before = steps.named_steps(review.counted, step or [], join or [])
        found = desk.coarser(review, before)
        now = next(one for one in desk.versions(officer, order_name) if one.version == review.version)
    today = hidden_cells(now.suppressed_by_reason)
    if as_json:
        offered = [_proposal(one) for one in found]
        after = [one.in_words() for one in before]
        print_json({"cells": now.cells, "hidden": today, "steps_before": after, "steps": offered})
        return
    typer.echo(f"As it is: {now.cells:,} cells, {today:,} of them hidden.")
    print_table(
        ("step", "cells", "hidden", "shown", "what"),
        [
            (
                told["step"],
                *(("-", "-", told["refusal"]) if one.hidden is None else _counted(one)),
                told["what"],
            )
            for one in found
            if (told := _proposal(one))
        ],
    )


def evidence(
    order: Order,
    folder: Annotated[Path, typer.Argument(help="A new folder. It will hold small counts: it stays at the authority.")],
    *,
    home: Home,
    version: Version = None,
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """Write all that `linkage verify FOLDER --certificates` needs to check the table; the audit trail says so."""
    with open_home(home, as_json=as_json) as opened:
        desk, officer, order_name = review_room(opened, order, name)
        found = open_for_evidence(desk, officer, order_name, version=version)
        written = write_evidence(desk, officer, found, folder)
    unproved = [asdict(one) for one in written.unproved]
    if as_json:
        print_json({"order": order_name, "version": found.review.version, "folder": str(folder), "cells": written.cells,
                    "moves": written.moves, "unproved": unproved})  # fmt: skip
    else:
        typer.echo(f"{written.cells:,} true cells and {written.moves:,} moves are in {folder}.")
        typer.echo("It holds small counts: keep it at the authority, and delete it when it has been checked.")
        for one in written.unproved:
            typer.echo(f"not proved: {one.cell}: {one.reason}")
    if unproved:
        raise typer.Exit(6)


LOOKING: dict[str, Callable[..., None]] = {
    "queue": queue_,
    "hidden": hidden,
    "cells": cells,
    "why": why,
    "lost": lost,
    "coarser": coarser,
    "evidence": evidence,
}
"""By name, as `releases` offers them."""


def review_room(opened: OpenHome, order: str, name: str) -> tuple[ReviewDesk, Caller, str]:
    """The review desk, the officer at the console, and the order's name."""
    service = Service(opened.folder, opened.settings)
    return service.review_desk, opened.officer(name), opened.order_name(order)


# Any: JSON.
def _proposal(one: Proposal) -> dict[str, Any]:
    step = Step.of(one.step)
    return {
        "step": steps.name_of(one.step),
        "what": step.in_words(),
        "cells": one.cells,
        "hidden": one.hidden,
        "refusal": one.refusal,
    }


def _counted(one: Proposal) -> tuple[str, str, str]:
    cells, blank = one.cells or 0, one.hidden or 0
    return f"{cells:,}", f"{blank:,}", f"{cells - blank:,}"


# Any: JSON.
def _loss(one: Loss, *, counts: bool) -> dict[str, Any]:
    told = asdict(one)
    if not counts:
        told |= {name: _rough(told[name], one) for name in ("persons", "persons_hidden")}
    return told


def _rough(persons: int, one: Loss) -> str:
    """Roughly; where nothing is hidden nobody is."""
    return "0" if not persons and not one.hidden else rough_count(persons)


def _row(one: Loss, *, counts: bool) -> tuple[str, ...]:
    share = f"{100 * one.hidden / one.cells:.0f} %" if one.cells else "-"
    persons = (f"{part:,}" if counts else _rough(part, one) for part in (one.persons, one.persons_hidden))
    return f"{one.cells:,}", f"{one.hidden:,}", share, *persons


def _crossed(told: CellWords, strata: tuple[str, ...]) -> str:
    return " x ".join(told.stratum(name) for name in strata) or "totals"
