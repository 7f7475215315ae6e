"""Orders at the desk, on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from linkage.errors import Conflict, InputRefused, NotFound, QuotaExceeded, Stale, StateConflict
from linkage.order import OrderFaults, OrderState
from linkage_server.access.certificates import Caller
from linkage_server.storage.database import Database
from linkage_server.storage.tables import OrderRow
from tests.support.order_desk import OFFICER, ORDERER, STRANGER, Desks, new_id, open_desks
from tests.support.orders import ORDER, SMALL_SET, order_text


@pytest.fixture
def desks(database: Database) -> Desks:
    return open_desks(database)


def orders_stored(desks: Desks) -> int:
    with desks.database.reading() as session:
        return session.scalars(sa.select(sa.func.count()).select_from(OrderRow)).one()


def faults_of(desks: Desks, text: str) -> dict[str, str]:
    with pytest.raises(OrderFaults) as caught:
        desks.file(text)
    assert orders_stored(desks) == 0
    assert all(fault.mend for fault in caught.value.faults)
    return {fault.field: f"{fault.rule} {fault.mend}" for fault in caught.value.faults}


def test_a_filed_order_waits_for_its_population_and_names_its_policy(desks: Desks) -> None:
    order = desks.file()
    assert order.state is OrderState.AWAITING_POPULATION
    assert order.waits_for == "orderer"
    assert order.policy == "standard@1.0.0"
    assert order.document == ORDER
    assert [(step.state, step.by) for step in order.steps] == [("awaiting_population", "orderer")]
    assert desks.book.get(ORDERER, order.name) == order
    (entry,) = desks.trail.entries()
    assert (entry.action, entry.actor, entry.subject) == ("order.file", "swedeheart", order.name)


def test_an_order_for_what_is_not_offered_is_refused_with_every_fault(desks: Desks) -> None:
    indicators = [
        {"set": "unknown-set", "version": "1.0.0"},
        {"set": "small-set", "version": "9.9.9"},
        {"set": "small-set", "version": "1.0.0", "only": ["nothing"]},
        {"inline": "[set]"},
    ]
    text = order_text(
        registers=["lmed", "dors", "shoes"],
        indicators=indicators,
        policy="house@1.0.0",
        by=[["row:shoe_size"]],
    )
    found = faults_of(desks, text)
    assert set(found) == {
        "registers[2]",
        "indicators[0].set",
        "indicators[1].version",
        "indicators[2].only",
        "indicators[3].inline",
        "by[0]",
        "policy",
    }
    assert "There is: 1.0.0." in found["indicators[1].version"]
    assert "statin-within-90-days" in found["indicators[2].only"]


def test_rows_are_split_by_one_dimension_of_a_drug_register_under_a_name_of_its_own(desks: Desks) -> None:
    text = order_text(
        registers=["lmed", "dors"],
        population={"strata": ["residence"], "index_date": True},
        by=[["row:atc", "row:substitution"], ["row:sex"], ["row:residence"], ["row:underlying_cause"]],
    )
    found = faults_of(desks, text)
    assert "two variables" in found["by[0]"]
    assert "named as a stratum" in found["by[1]"]
    assert "named as a stratum" in found["by[2]"]
    assert "no dimension" in found["by[3]"]


def test_a_set_must_find_its_registers_and_its_index_date_in_the_order(desks: Desks) -> None:
    text = order_text(registers=["par_sv"], population={"strata": ["hospital"]}, by=[["hospital"]])
    found = faults_of(desks, text)
    assert "dors, lmed" in found["registers"]
    assert "counts days from an index date" in found["population.index_date"]


AVAILABILITY = (
    SMALL_SET
    + """
[supply.given]
steps = ["days_supply"]
[[indicator]]
id = "available"
kind = "medication_availability"
measure = "cma7"
codes = "statins"
supply = "given"
follow_up = { anchor = "index_date", length = "column:fu_days" }
"""
)


def test_a_column_that_tells_lengths_of_windows_is_a_stratum_of_the_order(desks: Desks) -> None:
    found = faults_of(desks, order_text(indicators=[{"inline": AVAILABILITY}]))
    assert "'fu_days'" in found["population.strata"]
    told = {"strata": ["hospital", "fu_days"], "index_date": True}
    assert desks.file(order_text(indicators=[{"inline": AVAILABILITY}], population=told)).name


def test_windows_from_the_first_event_need_no_index_date(desks: Desks) -> None:
    chosen = {"inline": AVAILABILITY.replace("index_date", "first_event").replace("column:fu_days", "1 year")}
    population = {"strata": ["hospital"], "index_date": False}
    by_day = order_text(indicators=[chosen], population=population, by=[["hospital"]])
    assert "statin-within-90-days" in faults_of(desks, by_day)["population.index_date"]
    only = [{**chosen, "only": ["available"]}]
    assert desks.file(order_text(indicators=only, population=population, by=[["hospital"]])).name


def test_statistics_that_cannot_be_protected_yet_are_refused_where_they_are_asked_for(desks: Desks) -> None:
    curves = (
        SMALL_SET
        + """
[supply.given]
steps = ["days_supply"]
[[indicator]]
id = "stopped"
kind = "time_to_discontinuation"
codes = "statins"
supply = "given"
gap_days = 90
at_days = 365
statistic = ["count", "km", "rmst:365"]
"""
    )
    found = faults_of(desks, order_text(indicators=[{"inline": curves}]))
    assert "asks for rmst:365 of stopped" in found["indicators[0]"]
    assert "the laboratory computes it all" in found["indicators[0]"]
    protectable = curves.replace('statistic = ["count", "km", "rmst:365"]', 'statistic = ["count", "km"]')
    assert desks.file(order_text(indicators=[{"inline": protectable}])).name
    assert desks.file(order_text(indicators=[{"inline": curves, "only": ["statin-within-90-days"]}])).name


def test_doses_that_no_register_tells_are_refused_before_a_population_is_sent(desks: Desks) -> None:
    doses = (
        SMALL_SET
        + """
[supply.given]
steps = ["days_supply"]
[[indicator]]
id = "dose-raised"
kind = "dose_change"
codes = "statins"
supply = "given"
"""
    )
    found = faults_of(desks, order_text(indicators=[{"inline": doses}]))
    assert "lmed does not tell them" in found["indicators[0]"]


def test_a_set_of_calendar_years_needs_no_index_date(desks: Desks) -> None:
    text = order_text(
        indicators=[{"set": "small-set", "version": "1.0.0", "only": ["dispensings-by-year"]}],
        population={"strata": ["hospital"]},
        by=[["hospital"]],
    )
    assert desks.file(text).state is OrderState.AWAITING_POPULATION


def test_a_set_written_out_in_the_order_is_taken(desks: Desks) -> None:
    assert desks.file(order_text(indicators=[{"inline": SMALL_SET}])).name


def test_a_policy_weaker_than_the_floor_is_refused_and_a_stricter_one_taken(desks: Desks) -> None:
    assert "weaker than the floor" in faults_of(desks, order_text(policy="weak@1.0.0"))["policy"]
    assert desks.file(order_text(policy="strict@1.0.0")).policy == "strict@1.0.0"


def test_validate_only_stores_nothing_and_fails_exactly_where_filing_would(desks: Desks) -> None:
    desks.open_orders_limit = 1
    preview = desks.book.file_order(ORDERER, document=ORDER, request_id=new_id(), validate_only=True)
    assert (preview.name, preview.state) == ("", OrderState.AWAITING_POPULATION)
    assert orders_stored(desks) == 0
    assert list(desks.trail.entries()) == []
    for document, request_id in ((order_text(purpose="x"), new_id()), (ORDER, "not a uuid")):
        for validate_only in (True, False):
            with pytest.raises(InputRefused):
                desks.book.file_order(ORDERER, document=document, request_id=request_id, validate_only=validate_only)
    desks.file()
    for validate_only in (True, False):
        with pytest.raises(QuotaExceeded):
            desks.book.file_order(ORDERER, document=ORDER, request_id=new_id(), validate_only=validate_only)


def test_the_same_request_again_gets_the_same_answer_and_files_nothing(desks: Desks) -> None:
    request_id = new_id()
    first = desks.book.file_order(ORDERER, document=ORDER, request_id=request_id)
    desks.book.cancel(ORDERER, first.name, etag=first.etag, request_id=new_id())
    # The offer may have changed since: the answer is that of then.
    desks.change_offer(sets={})
    assert desks.book.file_order(ORDERER, document=ORDER, request_id=request_id) == first
    assert orders_stored(desks) == 1


def test_a_request_id_used_for_another_order_is_a_conflict(desks: Desks) -> None:
    request_id = new_id()
    desks.book.file_order(ORDERER, document=ORDER, request_id=request_id)
    with pytest.raises(Conflict, match="another request"):
        desks.book.file_order(ORDERER, document=order_text(title="Another"), request_id=request_id)


def test_two_organisations_may_use_the_same_request_id(desks: Desks) -> None:
    request_id = new_id()
    ours = desks.book.file_order(ORDERER, document=ORDER, request_id=request_id)
    theirs = desks.book.file_order(STRANGER, document=ORDER, request_id=request_id)
    assert ours.name != theirs.name


@pytest.mark.parametrize(
    "request_id", ["", "1", "00000000-0000-1000-8000-000000000000", "{8c7e0a52-6f0b-4a0e-9d3c-5b1f2e7d9a64}"]
)
def test_a_request_id_is_a_uuid4(desks: Desks, request_id: str) -> None:
    with pytest.raises(InputRefused, match="UUID4"):
        desks.book.file_order(ORDERER, document=ORDER, request_id=request_id)


def test_a_foreign_order_and_one_that_is_not_there_get_the_same_answer(desks: Desks) -> None:
    order = desks.file()
    operator = Caller(organisation="holder", role="operator", certificate_serial="d4")
    answers = set()
    for caller, name in (
        (STRANGER, order.name),
        (operator, order.name),
        (STRANGER, order.name.replace("swedeheart", "another")),
        (ORDERER, "organisations/swedeheart/orders/bbbb-bbbb-bbbb"),
        (OFFICER, "nonsense"),
    ):
        for act in (desks.book.get, lambda c, n: desks.book.cancel(c, n, etag="", request_id=new_id())):
            with pytest.raises(NotFound) as caught:
                act(caller, name)
            answers.add(str(caught.value))
    assert len(answers) == 1
    assert desks.book.get(OFFICER, order.name) == order


def test_pages_show_every_order_once_newest_first(desks: Desks) -> None:
    names = [desks.file().name for _ in range(5)]
    seen, token = [], ""
    while True:
        page = desks.book.list(ORDERER, page_size=2, page_token=token)
        seen += [order.name for order in page.orders]
        token = page.next_page_token
        if not token:
            break
    assert seen == names[::-1]


def test_a_list_shows_an_orderer_its_own_and_an_officer_all(desks: Desks) -> None:
    ours, theirs = desks.file(), desks.file(caller=STRANGER)
    assert [order.name for order in desks.book.list(ORDERER).orders] == [ours.name]
    assert [order.name for order in desks.book.list(OFFICER).orders] == [theirs.name, ours.name]
    desks.book.cancel(ORDERER, ours.name, etag="", request_id=new_id())
    cancelled = desks.book.list(OFFICER, state=OrderState.CANCELLED).orders
    assert [order.name for order in cancelled] == [ours.name]


def test_a_page_token_only_continues_its_own_question(desks: Desks) -> None:
    for _ in range(3):
        desks.file()
    token = desks.book.list(ORDERER, page_size=1).next_page_token
    forged = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
    for caller, state, given in (
        (STRANGER, None, token),
        (OFFICER, None, token),
        (ORDERER, OrderState.APPROVED, token),
        (ORDERER, None, forged),
        (ORDERER, None, "rubbish"),
        (ORDERER, None, "ö"),
    ):
        with pytest.raises(InputRefused, match="page_token"):
            desks.book.list(caller, page_size=1, page_token=given, state=state)


def test_page_sizes_are_brought_into_bounds(desks: Desks) -> None:
    desks.file()
    assert len(desks.book.list(ORDERER, page_size=10_000).orders) == 1
    with pytest.raises(InputRefused, match="negative"):
        desks.book.list(ORDERER, page_size=-1)


def test_an_order_can_be_withdrawn_once_and_by_who_read_it_as_it_is(desks: Desks) -> None:
    order = desks.file()
    with pytest.raises(Stale):
        desks.book.cancel(ORDERER, order.name, etag="old", request_id=new_id())
    request_id = new_id()
    cancelled = desks.book.cancel(ORDERER, order.name, etag=order.etag, request_id=request_id)
    assert cancelled.state is OrderState.CANCELLED
    assert desks.book.cancel(ORDERER, order.name, etag=order.etag, request_id=request_id) == cancelled
    with pytest.raises(StateConflict):
        desks.book.cancel(ORDERER, order.name, etag=cancelled.etag, request_id=new_id())
    assert [entry.action for entry in desks.trail.entries()] == ["order.file", "order.cancel"]


def test_an_order_that_cannot_be_audited_is_not_filed(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the audit trail is away")

    monkeypatch.setattr("linkage_server.audit.trail.AuditTrail.record", broken)
    with pytest.raises(RuntimeError):
        desks.file()
    assert orders_stored(desks) == 0
