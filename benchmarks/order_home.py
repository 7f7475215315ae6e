"""A home folder over made-up rows, whose orders are filed with their population and approved in one step.

What comes before is left out: sealing, upload and opening have benchmarks of their own. What comes after an approval is
the service's own: its queue, plan, run, disclosure control and state.
"""

from __future__ import annotations

import hashlib
import io
from datetime import date
from pathlib import Path

from benchmarks.served import make_home
from linkage.order_states import OrderState
from linkage.request_id import new_request_id
from linkage_core.events import Population
from linkage_server.access.certificates import Caller
from linkage_server.access.permits import Role
from linkage_server.assembly import Service
from linkage_server.benchmark.asked_persons import draw_persons, first_year
from linkage_server.benchmark.benchmark_store import StoredRegister
from linkage_server.benchmark.made_up_rows import REGISTER, MadeUpRows
from linkage_server.benchmark.questions import QUESTIONS, Question
from linkage_server.intake.population_store import write_population
from linkage_server.intake.pseudonymise import HashedPopulation
from linkage_server.orders.secrecy import SecrecyDecision, SecrecyException
from linkage_server.registers.store import RegisterStore
from linkage_server.storage.database import now
from linkage_server.storage.order_states import move_order
from linkage_server.storage.tables import OrganisationRow, PopulationRow

ORGANISATION = "heart-register"
STRATA = {"hospital": 70, "county": 21}
_DECISION = SecrecyDecision(SecrecyException.STATISTICS.value, True, "Made-up persons: nobody is harmed.")
_ORDERER = Caller(organisation=ORGANISATION, role=Role.ORDERER, certificate_serial="1")


class OrderHome:
    """Orders about one register of made-up rows, in a home folder of its own.

    Args:
        root: the home folder, which is made.
        rows: of the register, which is loaded.
        threads: of each run; 0 is one for each core.
    """

    def __init__(self, root: Path, rows: MadeUpRows, *, threads: int = 0) -> None:
        made = make_home(root, indicators=QUESTIONS["adherence"](REGISTER, 2024).indicator_set)
        self._register = StoredRegister(made.home.store, REGISTER)
        _load(made.store, rows)
        made.database.close()
        self.first_year = first_year(self._register.manifest().last_day)
        settings = made.home.settings_file
        text = settings.read_text().replace(
            "open_orders_per_organisation = 50", "open_orders_per_organisation = 100000"
        )
        settings.write_text(text.replace("threads = 0", f"threads = {threads}"))
        # The rows are of other years than those of the benchmarks with identity numbers.
        definition = made.home.definitions / "registers" / "benchmark.toml"
        definition.write_text(definition.read_text().replace("2098-07-01", f"{self.first_year}-01-01"))
        self.service = Service.open(root)
        self._populations: dict[int | None, tuple[str, str, int]] = {}
        with self.service.database.transaction() as session:
            session.add(OrganisationRow(organisation=ORGANISATION, title=ORGANISATION, created_at=now(session)))

    def question(self, name: str) -> Question:
        """A question of the benchmark about the register's years."""
        return QUESTIONS[name](REGISTER, self.first_year)

    def file_order(self, question: Question, *, persons: int | None) -> str:
        """File and approve an order about so many persons, everybody where None; returns its name.

        Whoever runs the service's workers here has to poke them, as a call of the API does.
        """
        book, desk = self.service.order_book, self.service.approval_desk
        document = _document(question)
        order = book.file_order(_ORDERER, document=document, request_id=new_request_id()).name
        self._accept(order.rpartition("/")[2], persons)
        officer = Caller(self.service.settings.holder.organisation, Role.OFFICER, "", name="benchmark")
        etag = book.get(officer, order).etag
        desk.approve(officer, order, etag=etag, request_id=new_request_id(), decision=_DECISION)
        return order

    def _accept(self, order_id: str, persons: int | None) -> None:
        """Note the population as intake does; populations of one size share a file."""
        if persons not in self._populations:
            self._populations[persons] = self._written(draw_persons(self._register, persons=persons).population())
        file, sha256, rows = self._populations[persons]
        with self.service.database.transaction() as session:
            row = PopulationRow(
                order_id=order_id,
                upload_id=new_request_id(),
                file=file,
                sha256=sha256,
                rows=rows,
                linkable=rows,
                not_linkable={},
                strata=STRATA,
                reference_date=date(self.first_year, 1, 1),
                has_index_date=True,
                pepper_version=1,
                manifest_sha256="",
                accepted_at=now(session),
            )
            session.add(row)
            accepted = "Population accepted."
            to = OrderState.AWAITING_APPROVAL
            move_order(session, order_id=order_id, to=to, by="service", reason=accepted, expected_etag=None)

    def _written(self, population: Population) -> tuple[str, str, int]:
        content = io.BytesIO()
        hashed = HashedPopulation(population, population.persons, {}, date(self.first_year, 1, 1), 1)
        write_population(hashed, content)
        home = self.service.home
        path = home.populations / f"{population.persons}.arrow"
        path.write_bytes(content.getvalue())
        sha256 = hashlib.sha256(content.getvalue()).hexdigest()
        return str(path.relative_to(home.root)), sha256, population.persons


def _load(store: RegisterStore, rows: MadeUpRows) -> None:
    loading = store.begin_load(
        REGISTER,
        definition_sha256=hashlib.sha256(b"benchmark").hexdigest(),
        date_column="dispensing_date",
        pepper_version=1,
        delivery_name="benchmark",
        content_sha256=rows.key,
    )
    with loading as load:
        for ids, batch in rows.batches():
            load.add(ids, batch)
        load.publish()


def _document(question: Question) -> str:
    return f"""
title = "A question of the benchmark"
purpose = "statistics"
registers = ["{REGISTER}"]
by = {[list(crossing) for crossing in question.by]}

[[indicators]]
inline = '''
{question.indicator_set}
'''

[population]
index_date = true
strata = {sorted(STRATA)}

[contact]
name = "Nobody"
email = "nobody@example.org"

[legal_basis]
text = "Made-up persons: no personal data."
"""
