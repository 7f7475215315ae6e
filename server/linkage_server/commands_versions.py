"""`linkage-server releases coarsen | hide | versions | choose | prove | replay`: versions of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from linkage_core.table_review.proposals import hidden_cells
from linkage_server.assembly import Service
from linkage_server.command_line import As, AsJson, Home, day_and_time, open_home, print_json, print_table
from linkage_server.commands_review import Joins, Order, Steps, review_room
from linkage_server.release.table_versions import TableVersion
from linkage_server.reviews import replay, steps
from linkage_server.reviews.cell_words import CellWords

Etag = Annotated[str, typer.Option("--etag", help="Change only if the order is as it was when `review` gave this.")]
Reasoning = Annotated[str, typer.Option("--reasoning", help="Why, in words; kept with the version.")]
Base = Annotated[int | None, typer.Option("--from", min=1, help="Version that is changed; by default the chosen one.")]


def coarsen(
    order: Order,
    *,
    home: Home,
    reasoning: Reasoning,
    step: Steps = None,
    join: Joins = None,
    base: Base = None,
    etag: Etag = "",
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """Make the table coarser: a new version, protected and proved anew, which is chosen for release."""
    with open_home(home, as_json=as_json) as opened:
        desk, officer, order_name = review_room(opened, order, name)
        review = desk.open(officer, order_name, version=base)
        chosen = steps.named_steps(review.counted, step or [], join or [])
        made = desk.change(officer, order_name, etag=etag or review.etag, reasoning=reasoning, steps=chosen, base=base)
    _tell([made], as_json=as_json)


def hide(
    order: Order,
    cell: Annotated[list[str], typer.Argument(help="Marks of cells that `cells` lists, of the chosen version.")],
    *,
    home: Home,
    reasoning: Reasoning,
    etag: Etag = "",
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """Hide further cells: a new version, protected and proved anew as a whole, which is chosen for release."""
    with open_home(home, as_json=as_json) as opened:
        desk, officer, order_name = review_room(opened, order, name)
        review = desk.open(officer, order_name)
        told = CellWords(review, "en")
        wanted = [told.stored(mark) for mark in cell]
        made = desk.change(officer, order_name, etag=etag or review.etag, reasoning=reasoning, hide=wanted)
    _tell([made], as_json=as_json)


def versions(order: Order, *, home: Home, name: As = "", as_json: AsJson = False) -> None:
    """Show all versions of a table: who made each, how, and which one would be released."""
    with open_home(home, as_json=as_json) as opened:
        desk, officer, order_name = review_room(opened, order, name)
        found = desk.versions(officer, order_name)
    _tell(found, as_json=as_json)


def choose(
    order: Order,
    *,
    home: Home,
    version: Annotated[int, typer.Option("--version", min=1, help="The version that would be released.")],
    etag: Etag = "",
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """Let another version be the one that is released."""
    with open_home(home, as_json=as_json) as opened:
        desk, officer, order_name = review_room(opened, order, name)
        made = desk.choose(officer, order_name, etag=etag or desk.etag(officer, order_name), version=version)
    _tell([made], as_json=as_json)


def prove(order: Order, *, home: Home, name: As = "", as_json: AsJson = False) -> None:
    """Prove every blank of the chosen version again, without the search that chose the blanks."""
    with open_home(home, as_json=as_json) as opened:
        desk, officer, order_name = review_room(opened, order, name)
        outcome = desk.audit(officer, order_name)
    if as_json:
        print_json(asdict(outcome) | {"holds": outcome.holds})
    else:
        typer.echo(f"{outcome.checked:,} blanks looked at, {outcome.unproved:,} not proved.")
        if outcome.open_although_sensitive:
            typer.echo(f"{outcome.open_although_sensitive:,} cells are shown that should be hidden.")
    if not outcome.holds:
        raise typer.Exit(6)


def replay_(order: Order, *, home: Home, name: As = "", as_json: AsJson = False) -> None:
    """Make a released delivery again from what is stored, without a register, and compare byte for byte."""
    with open_home(home, as_json=as_json) as opened:
        service = Service(opened.folder, opened.settings)
        officer, order_name = opened.officer(name), opened.order_name(order)
        outcome = replay.replay(service.review_desk, service.release_desk, officer, order_name)
    if as_json:
        print_json(asdict(outcome) | {"order": order_name, "identical": outcome.identical})
    else:
        typer.echo(f"{outcome.files} files made again; {len(outcome.differing)} differ.")
        for path in outcome.differing:
            typer.echo(f"  {path}")
        if not outcome.table_alike:
            typer.echo("The stored counts no longer give the stored table.")
    if not outcome.identical:
        raise typer.Exit(6)


VERSIONS: dict[str, Callable[..., None]] = {
    "coarsen": coarsen,
    "hide": hide,
    "versions": versions,
    "choose": choose,
    "prove": prove,
    "replay": replay_,
}
"""By name, as `releases` offers them."""


def _tell(found: Sequence[TableVersion], *, as_json: bool) -> None:
    if as_json:
        print_json(
            [
                asdict(one) | {"recipe": one.recipe.model_dump(mode="json"), "words": one.recipe.in_words()}
                for one in found
            ]
        )
        return
    print_table(
        ("version", "", "cells", "hidden", "made by", "at", "how", "why"),
        [
            (
                one.version,
                "chosen" if one.chosen else "",
                f"{one.cells:,}",
                f"{hidden_cells(one.suppressed_by_reason):,}",
                one.officer or "the run",
                day_and_time(one.created_at),
                "; ".join(one.recipe.in_words()) or "as ordered",
                one.reasoning,
            )
            for one in found
        ],
    )
