"""Orders on registers that others made: loaded through ingest, planned and run as the service does it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from linkage.disclosure_policy import DisclosurePolicy, load_policy, shipped_policies
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import ProtectedTable, protect
from linkage_core.disclosure.withheld import Withheld
from linkage_core.events import Population
from linkage_core.pseudonyms import pseudonymise_opaque
from linkage_server.intake.population_store import write_population
from linkage_server.intake.pseudonymise import HashedPopulation
from linkage_server.orders.check_order import check_order
from linkage_server.orders.offer import Offer
from linkage_server.registers.ingest import load_delivery
from linkage_server.registers.manufacturers import MANUFACTURERS, ManufacturerStore
from linkage_server.runs import beside_earlier
from linkage_server.runs.linkage_run import Sources, run_linkage
from linkage_server.runs.plan import PlannedPopulation, RunPlan, make_plan
from tests.support.register_loading import PEPPER, TODAY, settings_in, test_definition

SMALL_FILES = load_policy(
    """
    id = "small-files"
    version = "1.0.0"
    minimum_cell = 3
    minimum_contributors = 3
    minimum_population = 10
    minimum_stratum = 3
    [title]
    sv = "För filer med få personer"
    en = "For files of few persons"
    [description]
    sv = "Endast för prov."
    en = "For tests only."
    """
)


@dataclass(frozen=True, slots=True)
class Answered:
    """An order's table before and after disclosure control."""

    counted: CountedTable
    protected: ProtectedTable


@dataclass(frozen=True, slots=True)
class FilesOfOthers:
    """A home folder whose registers were loaded from files made by others."""

    home: Path
    registers: tuple[str, ...]

    @classmethod
    def load(cls, home: Path, files: Mapping[str, Path]) -> FilesOfOthers:
        """Load each register by its definition from its file."""
        settings = settings_in(home)
        for name, path in files.items():
            load_delivery(test_definition(name), [path], settings=settings)
        return cls(home, tuple(files))

    def answer(
        self,
        persons: pa.Table,
        *,
        indicators: str,
        by: Sequence[Sequence[str]],
        policy: DisclosurePolicy | None = None,
        threads: int = 2,
        today: date = date.max,
    ) -> Answered:
        """Plan and run an order for these persons.

        Args:
            persons: columns person (text), index_date, birth_date and sex where they are known; others are strata.
            indicators: TOML of an indicator set.
            by: crossings.
            policy: by default the standard one.
            threads: segments searched at once.
            today: the day that consents of companies must cover.
        """
        plan = self.plan(persons, indicators=indicators, by=by, policy=policy, today=today)
        sources = Sources(home=self.home, store=settings_in(self.home).store, history=None, threads=threads)
        counted: list[CountedTable] = []

        def remember(table: CountedTable, rules: DisclosurePolicy, *, secret: Mapping[str, Withheld]) -> ProtectedTable:
            counted.append(table)
            return protect(table, rules, secret=secret)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(beside_earlier, "protect", remember)
            answer = run_linkage(plan, sources, report=lambda _: None)
        return Answered(counted[0], answer.table)

    def plan(
        self,
        persons: pa.Table,
        *,
        indicators: str,
        by: Sequence[Sequence[str]],
        policy: DisclosurePolicy | None = None,
        today: date = date.max,
    ) -> RunPlan:
        """The order, checked and pinned to what is loaded."""
        population, sha256 = self._write(persons)
        policies = shipped_policies() | ({policy.name: policy} if policy else {})
        rules = policy.name if policy else "standard@1.0.0"
        offer = Offer(
            registers={name: test_definition(name) for name in self.registers},
            sets={},
            policies=policies,
            preapprovals=(),
            standard_policy=rules,
            minimum_policy=rules,
        )
        order = _ORDER.format(
            registers=list(self.registers),
            by=[list(crossing) for crossing in by],
            strata=sorted(population.strata),
            indicators=indicators,
        )
        return make_plan(
            check_order(order, offer=offer, ordered_on=TODAY),
            order="organisations/others/orders/1",
            organisation_title="Others",
            population=PlannedPopulation(file="population", sha256=sha256, pepper_version=PEPPER.version),
            offer=offer,
            store=settings_in(self.home).store,
            history_sha256="",
            software_version="test",
            manufacturers=ManufacturerStore(self.home / MANUFACTURERS).served(),
            today=today,
        )

    def _write(self, persons: pa.Table) -> tuple[Population, str]:
        population = hashed_population(persons)
        file = io.BytesIO()
        write_population(HashedPopulation(population, population.persons, {}, TODAY, PEPPER.version), file)
        (self.home / "population").write_bytes(file.getvalue())
        return population, hashlib.sha256(file.getvalue()).hexdigest()


def hashed_population(persons: pa.Table) -> Population:
    """The persons as intake leaves them."""
    ids = pseudonymise_opaque(persons["person"].combine_chunks(), pepper=PEPPER)
    rows = pa.table({"id": ids.cast(pa.binary())}).add_column(1, "row", pa.array(range(len(ids)))).sort_by("id")["row"]
    order = rows.combine_chunks()
    columns = {name: persons[name].combine_chunks().take(order) for name in persons.column_names if name != "person"}
    known = {name: columns.pop(name, None) for name in ("index_date", "birth_date", "sex")}
    return Population(
        ids.take(order), **known, strata={name: column.dictionary_encode() for name, column in columns.items()}
    )


def month_end(day: date) -> date:
    """First day of the month after."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


_ORDER = """
title = "What is in files made by others"
purpose = "statistics"
registers = {registers}
by = {by}

[[indicators]]
inline = '''
{indicators}
'''

[population]
index_date = true
strata = {strata}

[contact]
name = "Test"
email = "test@example.org"

[legal_basis]
text = "Made-up persons."
"""
