"""`linkage-server orders`: the officer's desk at the holder's own console."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from linkage.errors import LinkageError
from linkage.indicator_lint import Finding
from linkage.inline_sets import inline_findings
from linkage.lint_words import grouped
from linkage.order import OrderState, load_order
from linkage.request_id import new_request_id
from linkage_server.access.certificates import Caller
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
from linkage_server.commands_explain import explain, print_run
from linkage_server.orders.approval import ApprovalDesk
from linkage_server.orders.order_book import LARGEST_PAGE, OrderBook
from linkage_server.orders.order_view import OrderView
from linkage_server.orders.secrecy import SecrecyDecision, SecrecyException
from linkage_server.orders.swedish_day import swedish_day
from linkage_server.runs.run_numbers import run_numbers

app = typer.Typer(no_args_is_help=True, help="Orders, for officers.")
app.command()(explain)

Order = Annotated[str, typer.Argument(help="Name of the order, or only its last part.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in words; the orderer reads it.")]
Etag = Annotated[str, typer.Option("--etag", help="Decide only if the order is as it was when `show` gave this.")]


@app.command("list")
def list_(
    home: Home,
    state: Annotated[OrderState | None, typer.Option("--state", help="Only orders in this state.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show all orders, newest first."""
    with open_home(home, as_json=as_json) as service:
        orders = _all_orders(service, state)
        if as_json:
            print_json([_as_json(order) for order in orders])
            return
        rows = [(o.name, o.state, o.waits_for or "nobody", day_and_time(o.updated_at), o.title) for o in orders]
        print_table(("order", "state", "waits for", "since", "title"), rows)


@app.command()
def show(order: Order, *, home: Home, as_json: AsJson = False) -> None:
    """Show an order with its file, every step so far, and what its run touched beside what was expected."""
    with open_home(home, as_json=as_json) as service:
        found = _book(service).get(service.officer(""), service.order_name(order))
        expected, report = run_numbers(service.database, found.name)
        findings = _findings(found)
        if as_json:
            numbers = {
                "expected": expected and expected.model_dump(mode="json"),
                "report": report and report.model_dump(mode="json"),
            }
            told = {"document": found.document, "findings": list(map(asdict, findings)), "run": numbers}
            print_json(_as_json(found) | told)
            return
        print_facts(
            {
                "order": found.name,
                "title": found.title,
                "purpose": found.purpose,
                "state": found.state,
                "waits for": found.waits_for or "nobody",
                "reason": found.reason or "-",
                "policy": found.policy,
                "approved by policy": found.approved_by_policy or "-",
                "etag": found.etag,
            }
        )
        typer.echo("")
        print_table(
            ("at", "state", "by", "reason"), [(day_and_time(s.at), s.state, s.by, s.reason) for s in found.steps]
        )
        print_run(expected, report)
        for group in grouped(findings):
            typer.echo(str(group))
        typer.echo(f"\n{found.document}")


@app.command()
def approve(
    order: Order,
    *,
    home: Home,
    reasoning: Annotated[str, typer.Option("--reasoning", help="Why it is clear that nobody is harmed.")],
    exception: Annotated[
        SecrecyException, typer.Option("--exception", help="Exception of the secrecy act that is relied on.")
    ] = SecrecyException.STATISTICS,
    no_harm: Annotated[
        bool, typer.Option("--no-harm", help="It is clear that nobody, nor anyone close, is harmed.")
    ] = False,
    etag: Etag = "",
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """Record the secrecy decision and let the order run."""
    with open_home(home, as_json=as_json) as service:
        officer, full_name = service.officer(name), service.order_name(order)
        decision = SecrecyDecision(exception=exception.value, no_harm=no_harm, reasoning=reasoning)
        decided = _desk(service).approve(
            officer,
            full_name,
            etag=etag or _etag(service, officer, full_name),
            request_id=new_request_id(),
            decision=decision,
        )
        _tell(decided, as_json=as_json)


@app.command("return")
def return_(
    order: Order, *, home: Home, reason: Reason, etag: Etag = "", name: As = "", as_json: AsJson = False
) -> None:
    """Hand an order back to be mended."""
    with open_home(home, as_json=as_json) as service:
        officer, full_name = service.officer(name), service.order_name(order)
        etag = etag or _etag(service, officer, full_name)
        desk = _desk(service)
        decided = desk.return_order(officer, full_name, etag=etag, request_id=new_request_id(), reason=reason)
        _tell(decided, as_json=as_json)


@app.command()
def reject(
    order: Order, *, home: Home, reason: Reason, etag: Etag = "", name: As = "", as_json: AsJson = False
) -> None:
    """Refuse an order for good."""
    with open_home(home, as_json=as_json) as service:
        officer, full_name = service.officer(name), service.order_name(order)
        etag = etag or _etag(service, officer, full_name)
        decided = _desk(service).reject(officer, full_name, etag=etag, request_id=new_request_id(), reason=reason)
        _tell(decided, as_json=as_json)


def _findings(order: OrderView) -> list[Finding]:
    """What is doubtful in the sets that an order writes out itself; nothing of an order of another time's form."""
    day = swedish_day(order.created_at)
    try:
        return inline_findings(load_order(order.document, ordered_on=day), today=day)
    except LinkageError:
        return []


def _all_orders(service: OpenHome, state: OrderState | None) -> list[OrderView]:
    book, officer = _book(service), service.officer("")
    page = book.list(officer, page_size=LARGEST_PAGE, state=state)
    orders = list(page.orders)
    while page.next_page_token:
        page = book.list(officer, page_size=LARGEST_PAGE, page_token=page.next_page_token, state=state)
        orders += page.orders
    return orders


def _etag(service: OpenHome, officer: Caller, name: str) -> str:
    return _book(service).get(officer, name).etag


def _tell(order: OrderView, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(order))
    else:
        typer.echo(f"{order.name} is {order.state}; it waits for {order.waits_for or 'nobody'}.")


# Any: JSON.
def _as_json(order: OrderView) -> dict[str, Any]:
    return order.model_dump(mode="json", exclude={"document"}) | {"waits_for": order.waits_for}


def _book(service: OpenHome) -> OrderBook:
    return OrderBook(
        database=service.database,
        trail=service.trail,
        offer=service.offer,
        page_key=service.folder.page_key(),
        open_orders_limit=service.settings.limits.open_orders_per_organisation,
    )


def _desk(service: OpenHome) -> ApprovalDesk:
    return ApprovalDesk(database=service.database, trail=service.trail, offer=service.offer)
