"""What an order may say of a population that registers decide about, and every fault of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from linkage.order import OrderFaults, OrderState, load_order
from linkage_client.__main__ import run
from linkage_server.orders.check_order import check_order
from linkage_server.orders.offer import Offer
from linkage_server.orders.preapproval import Preapproval
from linkage_server.orders.secrecy import SecrecyException
from linkage_server.storage.database import Database
from tests.support.defined_orders import INFARCTIONS
from tests.support.order_desk import OFFICER, new_id, open_desks, small_offer
from tests.support.orders import ORDER, order_text

TODAY = date(2026, 1, 15)


def faults_of(text: str, *, offer: Offer | None = None) -> dict[str, str]:
    with pytest.raises(OrderFaults) as caught:
        load_order(text) if offer is None else check_order(text, offer=offer, ordered_on=TODAY)
    assert all(fault.mend.endswith(".") for fault in caught.value.faults)
    return {fault.field: f"{fault.rule} {fault.mend}" for fault in caught.value.faults}


def changed(*pairs: tuple[str, str]) -> str:
    text = INFARCTIONS
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_defaults_are_written_out_in_the_canonical_form() -> None:
    order = load_order(INFARCTIONS)
    same = load_order(
        changed(('kind = "diagnosis"', 'kind = "diagnosis"\nregister = "par_sv"\ndate = "admission_date"\nwhere = []'))
    )
    assert order.population.is_defined
    assert order.population.has_index_days
    assert order.population.all_strata == ("hospital",)
    assert order.canonical_sha256() == same.canonical_sha256()
    other = load_order(changed(("new_after_days = 365", "new_after_days = 366")))
    assert order.canonical_sha256() != other.canonical_sha256()


def test_an_order_that_says_nothing_of_registers_hashes_as_it_always_did() -> None:
    # Of the orders filed before registers had a say.
    assert load_order(ORDER).canonical_sha256() == "ea2e5ad3d410282ab34c5815fb476727ea0c70cf93d00944baafa625fc9eca3d"


@pytest.mark.parametrize(
    ("pair", "field", "words"),
    [
        (("2026-01-01 }", "2022-01-01 }"), "population.defined.period", "ends before it begins"),
        (("new_after_days = 365", "window = {}"), "population.defined", "no criterion that persons meet within"),
        (("new_after_days = 365", "new_after_days = -1"), "population.defined.all[0].new_after_days", "at least 1"),
        (("age = { from = 18 }", "age = { from = 18, to = 17 }"), "population.defined.all[0].age", "ends before"),
        (("age = { from = 18 }", 'sex = "child"'), "population.defined.all[0].sex.is", "man"),
        (("age = { from = 18 }", 'shoes = "red"'), "population.defined.all[0].shoes", "is not a field"),
        (('columns = ["main_diagnosis"]', "columns = []"), "population.defined.all[0]", "without columns"),
        (("[population.defined.strata]\nhospital", "[population.defined.strata]\nage"), "population.defined", "itself"),
        (('register = "par_sv", column', 'register = "dors", column'), "population.defined", "without a criterion"),
        (('id = "dead_within_a_week"', 'id = "no_index_event"'), "population.exclude", "names a rule twice"),
        (('codes = "infarction"', 'codes = "stroke"'), "population", "stroke"),
        (('by = [["hospital"]', 'by = [["shoe"]'), "by[0]", "not declared"),
    ],
)
def test_each_fault_is_named_with_its_field(pair: tuple[str, str], field: str, words: str) -> None:
    found = faults_of(changed(pair))
    assert words in found[field], found


def test_a_population_is_sent_in_or_defined() -> None:
    both = changed(("[population.codes.infarction]", "[population]\nindex_date = true\n[population.codes.infarction]"))
    assert "says what a file holds" in faults_of(both)["population"]
    indexed = order_text() + (
        '\n[population.index_event]\nkind = "death"\nperiod = { from = 2024-01-01, until = 2025-01-01 }\n'
    )
    assert "index_event" in faults_of(indexed)["population"]


def test_what_only_the_register_holder_knows_is_told_at_once() -> None:
    found = faults_of(
        changed(
            ('columns = ["main_diagnosis"]', 'columns = ["length"]\nwhere = [{ column = "age", starts_with = ["1"] }]'),
            ('registers = ["lmed", "par_sv", "dors"]', 'registers = ["lmed", "dors"]'),
            ('column = "hospital" }', 'column = "shoe" }'),
            ('kind = "death"', 'kind = "event"\nregister = "school"\ndate = "day"'),
        ),
        offer=small_offer(),
    )
    assert "'length'" in found["population.defined.all[0]"]
    assert "holds no codes" in found["population.defined.all[0].where"]
    assert "par_sv" in found["registers"]
    assert "'shoe'" in found["population.defined.strata.hospital"]
    assert "'school'" in found["population"]


@pytest.mark.parametrize("column", ["workplace", "product"])
def test_nobody_is_selected_by_prescriber_workplace_or_company(column: str) -> None:
    drug = f'kind = "drug"\nwhere = [{{ column = "{column}", starts_with = ["1"] }}]'
    stays = 'kind = "diagnosis"\ncodes = "infarction"\ncolumns = ["main_diagnosis"]'
    strata = '[population.defined.strata]\nhospital = { register = "par_sv", column = "hospital" }'
    found = faults_of(changed((stays, drug), (strata, ""), ('["hospital"], ', "")), offer=small_offer())
    assert "points out a prescriber" in found["population.defined.all[0].where"]
    report = (
        "[set]\nid = 'x'\nversion = '1.0.0'\n[[indicator]]\nid = 'r'\nkind = 'in_registers'\n"
        "calendar = { from = 2024-01-01, until = 2025-01-01 }\n[indicator.sources]\npatient = { kind = 'diagnosis' }\n"
        f"drug = {{ kind = 'drug', where = [{{ column = '{column}', starts_with = ['1'] }}] }}\n"
    )
    named = 'set = "swedeheart-secondary-prevention"\nversion = "1.0.0"\nonly = ["statin_initiation"]'
    found = faults_of(changed((named, f'inline = """{report}"""')), offer=small_offer())
    assert "points out a prescriber" in found["indicators[0].r.where"]


def test_such_an_order_waits_for_its_officer_at_once_and_no_written_policy_approves_it(database: Database) -> None:
    desks = open_desks(database)
    text = INFARCTIONS.replace('set = "swedeheart-secondary-prevention"', 'set = "small-set"')
    text = text.replace('only = ["statin_initiation"]', "")
    order = desks.file(text)
    assert order.state is OrderState.AWAITING_APPROVAL
    assert desks.approval.consider_policies(order.name.rpartition("/")[2]) is None
    returned = desks.approval.return_order(
        OFFICER, order.name, etag=order.etag, request_id=new_id(), reason="Name the hospitals."
    )
    assert returned.state is OrderState.RETURNED


def test_the_client_checks_an_order_file_without_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "order.toml"
    path.write_text(INFARCTIONS)
    assert run(["check", str(path)]) == 0
    assert "Registers define its population" in capsys.readouterr().out
    path.write_text(INFARCTIONS.replace('kind = "death"', 'kind = "birth"').replace("from = 18", "from = 200"))
    assert run(["check", str(path)]) == 3
    told = capsys.readouterr().err
    assert "population.exclude[0].kind" in told
    assert "population.defined.all[0].age.from" in told


def test_a_file_is_named_where_one_is_sent_and_only_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "order.toml"
    path.write_text(INFARCTIONS)
    assert run(["submit", str(path), "--population", str(path), "--home", str(tmp_path)]) == 3
    assert "no file is sent" in capsys.readouterr().err
    path.write_text(ORDER)
    assert run(["submit", str(path), "--home", str(tmp_path)]) == 3
    assert "needs a population" in capsys.readouterr().err


def test_a_written_policy_objects_to_a_population_whose_size_nobody_knows() -> None:
    allows = {
        "organisations": ["swedeheart"],
        "purposes": ["quality assurance"],
        "registers": ["lmed", "par_sv"],
        "sets": ["swedeheart-secondary-prevention@1.0.0"],
        "strata": ["hospital"],
        "dimensions": ["hospital", "sex", "age", "index:year"],
        "maximum_crossing": 2,
        "maximum_crossings": 3,
        "policies": ["standard@1.0.0"],
        "minimum_persons": 100,
    }
    decision = {
        "decider": "An officer",
        "decided_on": date(2026, 1, 1),
        "valid_until": date(2026, 12, 31),
        "exception": SecrecyException.STATISTICS,
        "no_harm": True,
        "reasoning": "Aggregates under the standard policy.",
    }
    policy = Preapproval.model_validate(
        {"id": "p", "version": "1.0.0", "title": {"sv": "P", "en": "P"}, "decision": decision, "allows": allows}
    )
    said = policy.objections(
        load_order(INFARCTIONS),
        organisation="swedeheart",
        policy="standard@1.0.0",
        linkable_persons=10_000,
        today=TODAY,
    )
    assert said == [
        "a register is not named in it",
        "nobody knows before the run how many persons the population has",
    ]
