"""linkage check, submit, status, cancel."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from linkage.indicator_lint import Finding, Severity
from linkage.inline_sets import inline_findings
from linkage.lint_words import grouped
from linkage.order import OrderFault, OrderFaults, load_order
from linkage.personal_identity_number import MASK
from linkage.population_file import PopulationCheck
from linkage_client.api import Linkage
from linkage_client.console import Shown, plain
from linkage_client.enrolment import days_left
from linkage_client.home import ClientHome, default_home, require_file
from linkage_client.options import AsJson, Home
from linkage_client.orders import Order
from linkage_client.populations import check as check_population
from linkage_client.submission import check_here

_INPUT_REFUSED = 3
_WARN_DAYS = 30
_LINES_AT_ONCE = 10_000
_NEXT = {
    "awaiting_population": "Send its population: the same `linkage submit` goes on. Or: linkage cancel {order}",
    "returned": "Mend the order file and submit it: that files a new order. Nothing is left to do with this one.",
    "released": "Fetch the results: linkage fetch {order} --to DIR",
}
"""What the orderer does next, by state."""


def check(
    file: Annotated[Path, typer.Argument(help="The population file: CSV, Parquet, Arrow or XLSX; or an order, TOML.")],
    order: Annotated[Path | None, typer.Option("--order", help="Check against this order's population.")] = None,
    as_json: AsJson = False,
) -> None:
    """List every bad row of a population file, values masked, or every fault of an order file.

    Of an order file those faults are told that can be found without the service.
    """
    if file.suffix.lower() == ".toml":
        _check_order(file, as_json=as_json)
        return
    document = load_order(require_file(order)) if order else None
    found = check_population(file, order=document)
    if as_json:
        print(json.dumps(_check_as_json(found)))  # noqa: T201  the answer itself
    else:
        _print_check(found)
    if not found.clean:
        raise typer.Exit(_INPUT_REFUSED)


def submit(
    order: Annotated[Path, typer.Argument(help="The order file, TOML.")],
    population: Annotated[
        Path | None, typer.Option("--population", help="The population file; none where registers define it.")
    ] = None,
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Check all, file nothing.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """File an order and send its population, sealed. If it was cut off, the same command goes on from there."""
    document, _ = check_here(order, population)
    own = ClientHome(home or default_home())
    shown = Shown(as_json=as_json)
    if (left := days_left(own.enrolment())) < _WARN_DAYS:
        shown.warn(f"The certificate ends in {left} days; ask the register holder for a new one.")
    for group in grouped(_sound(inline_findings(document, today=date.today()))):
        shown.warn(str(group))
    with Linkage(own.root) as linkage, shown.progress() as progress:
        done = linkage.submit(order, population, validate_only=validate_only, progress=progress)
    shown.result(done)
    if validate_only:
        sent = f" and its population of {done.rows:,} rows" if population else ""
        shown.say(f"The order{sent} would be accepted. Nothing was filed.")
        return
    shown.say(f"Order {done.order.name}")
    if done.receipt is None:
        shown.say("Registers define its population: nothing was sent.")
    else:
        shown.say(f"Accepted: {done.receipt.linkable} persons can be linked, {done.receipt.not_linkable} cannot.")
    shown.say(f"It {_standing(done.order)}. Follow it with: linkage status {_last(done.order.name)} --watch")


def status(
    order: Annotated[str | None, typer.Argument(help="The order; all orders if not given.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until nobody but you can move it.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show where orders stand, and whom they wait for."""
    shown = Shown(as_json=as_json)
    with Linkage(home) as linkage:
        if order is None:
            if watch:
                raise typer.BadParameter("--watch needs an order.")
            shown.table("Orders", linkage.orders(), ("name", "state", "waits_for", "title", "updated_at"))
        elif watch:
            for change in linkage.watch(order):
                shown.result(change)
                shown.say(f"{change.updated_at:%H:%M:%S}  {_standing(change)}")
                if change.waits_for == "officer":
                    shown.say("          An officer may take days. Ctrl-C ends the watching, not the order.")
                sys.stdout.flush()
        else:
            found = linkage.order(order)
            shown.result(found)
            shown.say(f"{found.name}\n{found.title}\nThe order {_standing(found)}.")
            for step in found.steps:
                what = f"{step.state.replace('_', ' ')}, by {step.by}. {step.reason}"
                shown.say(f"  {step.at:%Y-%m-%d %H:%M:%S}  {what}".rstrip())
            if found.state in _NEXT:
                shown.say(_NEXT[found.state].format(order=_last(found.name)))


def cancel(
    order: Annotated[str, typer.Argument(help="The order.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw an order that is not released yet."""
    with Linkage(home) as linkage:
        cancelled = linkage.cancel(order)
    shown = Shown(as_json=as_json)
    shown.result(cancelled)
    shown.say(f"{cancelled.name} {_standing(cancelled)}.")


def _check_order(file: Path, *, as_json: bool) -> None:
    document = load_order(require_file(file))
    findings = _sound(inline_findings(document, today=date.today()))
    if as_json:
        found = {"clean": True, "defines_population": document.population.is_defined, "findings": plain(findings)}
        print(json.dumps(found, ensure_ascii=False))  # noqa: T201  the answer itself
        return
    for group in grouped(findings):
        sys.stderr.write(f"{group}\n")
    sends = "Registers define its population" if document.population.is_defined else "It needs a population file"
    sys.stdout.write(f"The order is clean as far as can be told here. {sends}.\n")


def _sound(findings: list[Finding]) -> list[Finding]:
    """Warnings and notes of an order's sets; errors refuse the order before anything is sent."""
    if errors := [finding for finding in findings if finding.severity is Severity.ERROR]:
        raise OrderFaults(OrderFault(error.place, error.message, error.mend) for error in errors)
    return findings


def _standing(order: Order) -> str:
    words = f"is {order.state.replace('_', ' ')}"
    if order.stage:
        words += f" ({order.stage}, {order.stages_done} of {order.stages_total})"
    if order.waits_for:
        words += f" and waits for the {order.waits_for}"
    return f"{words} ({order.reason.rstrip('.')})" if order.reason else words


def _last(name: str) -> str:
    return name.rsplit("/", maxsplit=1)[-1]


def _print_check(found: PopulationCheck) -> None:
    """Straight to standard output: a million faults are a million lines, in seconds."""
    kinds = ", ".join(f"{rows:,} {kind.name.lower()}" for kind, rows in found.kinds.items() if rows)
    lines = []
    for problem in found.problems:
        where = f"row {problem.row}" if problem.row else "whole column"
        lines.append(f"{where}\t{problem.column or '-'}\t{MASK}\t{problem.rule}\t{problem.mend}\n")
        if len(lines) == _LINES_AT_ONCE:
            sys.stdout.write("".join(lines))
            lines.clear()
    sys.stdout.write("".join(lines))
    sys.stdout.write(f"{found.rows:,} rows: {kinds}.\n")
    if found.merged:
        repeat = "row repeats" if found.merged == 1 else "rows repeat"
        sys.stdout.write(f"{found.merged:,} {repeat} another row; each person is sent once.\n")
    if found.ignored_columns:
        sys.stdout.write(f"Not sent, because the order does not name them: {', '.join(found.ignored_columns)}.\n")
    faults = len(found.problems)
    sys.stdout.write("The file is clean.\n" if found.clean else f"{faults:,} fault{'s' if faults > 1 else ''}.\n")


def _check_as_json(found: PopulationCheck) -> object:
    return {
        "clean": found.clean,
        "rows": found.rows,
        "kinds": {kind.name.lower(): rows for kind, rows in found.kinds.items()},
        "merged": found.merged,
        "ignored_columns": plain(found.ignored_columns),
        "problems": [problem._asdict() for problem in found.problems],
    }
