"""The only place that knows every room: builds a service from its home folder."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path

from linkage.code_lists import CodeList, load_code_lists
from linkage.key_files import read_secret_file
from linkage_server.access.certificate_authority import CertificateAuthority
from linkage_server.api.catalogue import Catalogue, ServedSnapshot
from linkage_server.api.gatekeeper import Gatekeeper
from linkage_server.api.grpc_server import STOP_GRACE_SECONDS, GrpcServer, Servicers, TlsFiles
from linkage_server.api.long_running import LongRunning
from linkage_server.api.operations import Operations
from linkage_server.api.orders import Orders
from linkage_server.api.populations import Populations
from linkage_server.api.releases import Releases
from linkage_server.audit.trail import AuditTrail
from linkage_server.intake.acceptance import AcceptanceDesk, OpeningKeys
from linkage_server.intake.opener import OpenerLimits
from linkage_server.intake.upload import UploadQuotas, UploadRoom
from linkage_server.keys.key_ring import KeyRing
from linkage_server.operations import logs, machine, metrics
from linkage_server.operations.home import HomeFolder
from linkage_server.orders.approval import ApprovalDesk
from linkage_server.orders.offer import Offer, load_offer
from linkage_server.orders.order_book import OrderBook
from linkage_server.orders.set_shelf import SetShelf
from linkage_server.orders.used_sets import used_sets
from linkage_server.registers.history import NumberHistoryStore
from linkage_server.registers.ingest import IngestSettings
from linkage_server.registers.inhabitants import InhabitantsStore
from linkage_server.registers.store import RegisterStore
from linkage_server.release.release_desk import ReleaseDesk
from linkage_server.reviews.review_desk import ReviewDesk
from linkage_server.runs.core_share import CoreShare
from linkage_server.runs.dispatcher import Dispatcher
from linkage_server.runs.planner import Planner
from linkage_server.runs.run_desk import RunDesk
from linkage_server.runs.similar_populations import SimilarPopulations
from linkage_server.settings import Settings, load_settings
from linkage_server.software_version import software_version
from linkage_server.storage.database import Database
from linkage_server.upkeep import Upkeep, maintaining


@dataclass(frozen=True)
class Service:
    """Every room of one service, built when it is first asked for.

    Args:
        home: its home folder.
        settings: as `settings.toml` says.
    """

    home: HomeFolder
    settings: Settings

    @classmethod
    def open(cls, root: Path) -> Service:
        """The service whose home folder is `root`, its database brought to this version of the software.

        Raises:
            NotFound: `root` is not a home folder.
            InputRefused, DefinitionRejected: the folder is open to others, or its settings are wrong.
        """
        home = HomeFolder.open(root)
        service = cls(home, load_settings(home.settings_file))
        service.database.migrate()
        return service

    @cached_property
    def database(self) -> Database:
        """The service's state."""
        database = self.settings.database
        return Database(database.url_for(self.home.database_file), busy_timeout_seconds=database.busy_timeout_seconds)

    @cached_property
    def trail(self) -> AuditTrail:
        """The audit log."""
        return AuditTrail(self.database)

    @cached_property
    def key_ring(self) -> KeyRing:
        """The service's secret keys."""
        return KeyRing(self.home.keys)

    @cached_property
    def authority(self) -> CertificateAuthority:
        """The holder's private CA."""
        return CertificateAuthority.load(self.home.keys)

    @cached_property
    def store(self) -> RegisterStore:
        """The registers."""
        return RegisterStore(self.home.store)

    @cached_property
    def history(self) -> NumberHistoryStore:
        """Changes of identity numbers, as hashes."""
        return NumberHistoryStore(self.home.store / "number-history")

    @cached_property
    def inhabitants(self) -> InhabitantsStore:
        """Mean populations."""
        return InhabitantsStore(self.home.store / "inhabitants")

    def offer(self) -> Offer:
        """Definitions as they stand now: a new file counts without a restart."""
        disclosure = self.settings.disclosure
        offer = load_offer(
            self.home.definitions,
            standard_policy=disclosure.standard_policy,
            minimum_policy=disclosure.minimum_policy,
            shelf=self.set_shelf,
            used=used_sets(self.database),
        )
        served = self.inhabitants.current()
        if served is None:
            return offer
        people = self.inhabitants.read(served.version)
        return replace(offer, inhabitants=people, inhabitants_version=served.version)

    @cached_property
    def set_shelf(self) -> SetShelf:
        """The holder's own indicator sets, each file read once for each of its states."""
        return SetShelf()

    def code_lists(self) -> Mapping[str, CodeList]:
        """Lists of codes as they stand now, the shipped ones and the holder's."""
        return load_code_lists(self.home.definitions / "codes")

    @cached_property
    def order_book(self) -> OrderBook:
        """Where orders are filed."""
        return OrderBook(
            self.database,
            self.trail,
            self.offer,
            self.home.page_key(),
            open_orders_limit=self.settings.limits.open_orders_per_organisation,
        )

    @cached_property
    def approval_desk(self) -> ApprovalDesk:
        """Where officers decide on orders."""
        return ApprovalDesk(self.database, self.trail, self.offer)

    @cached_property
    def release_desk(self) -> ReleaseDesk:
        """Where officers let tables go."""
        key, together = self.key_ring.release_signing_key, self.settings.disclosure.recipients_together
        return ReleaseDesk(self.database, self.trail, self.home.root, key, together)

    @cached_property
    def review_desk(self) -> ReviewDesk:
        """Where officers work on tables before they let them go."""
        return ReviewDesk(self.database, self.trail, self.home.root, self.run_desk)

    @cached_property
    def quotas(self) -> UploadQuotas:
        """What an organisation may send."""
        limits = self.settings.limits
        return UploadQuotas(container_bytes=limits.container_bytes, disk_reserve_bytes=limits.disk_reserve_bytes)

    @cached_property
    def upload_room(self) -> UploadRoom:
        """Where sealed populations arrive."""
        return UploadRoom(self.database, self.home.spool, self.quotas)

    @cached_property
    def acceptance_desk(self) -> AcceptanceDesk:
        """Where they are opened."""
        limits = self.settings.limits
        return AcceptanceDesk(
            self.database,
            self.trail,
            home=self.home.root,
            spool=self.home.spool,
            populations=self.home.populations,
            keys=self._opening_keys,
            limits=OpenerLimits(
                memory_bytes=limits.opener_memory_bytes,
                cpu_seconds=limits.opener_seconds,
                wall_seconds=limits.opener_seconds,
            ),
            rows_max=limits.population_rows,
        )

    @property
    def threads(self) -> int:
        """Threads of one run, and of a load."""
        return self.settings.runs.threads or machine.cores()

    @cached_property
    def core_share(self) -> CoreShare:
        """The cores, shared by all runs under way."""
        return CoreShare(machine.cores())

    @cached_property
    def planner(self) -> Planner:
        """Where orders are explained before they run."""
        return Planner(
            database=self.database,
            store=self.store,
            offer=self.offer,
            threads=self.threads,
            memory_bytes=self.settings.runs.memory_of_each(machine.memory_bytes()),
            machine=machine.name(),
        )

    @cached_property
    def run_desk(self) -> RunDesk:
        """Where approved orders are computed."""
        return RunDesk(
            database=self.database,
            trail=self.trail,
            home=self.home.root,
            store=self.store,
            history=self.history,
            offer=self.offer,
            release_desk=self.release_desk,
            planner=self.planner,
            core_share=self.core_share,
            similar=SimilarPopulations(self.database, self.home.root, self.settings.disclosure.recipients_together),
            software_version=software_version(),
        )

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """The workers."""
        return Dispatcher(
            acceptance=self.acceptance_desk,
            approval=self.approval_desk,
            runs=self.run_desk,
            quotas=self.quotas,
            run_workers=self.settings.runs.at_once,
        )

    @cached_property
    def upkeep(self) -> Upkeep:
        """What keeps the registers in order beside the service."""
        return Upkeep(maintaining(self.home.root), every_seconds=60.0 * self.settings.store.maintenance_minutes)

    def served_snapshots(self) -> Mapping[str, ServedSnapshot]:
        """What is served of each register: numbers only."""
        served = {}
        for name in self.store.registers():
            manifest = self.store.current(name)
            first = min((segment.first_day for segment in manifest.segments if segment.first_day), default=None)
            served[name] = ServedSnapshot(
                snapshot=manifest.snapshot_id,
                rows=manifest.rows,
                first_day=first.isoformat() if first else "",
                last_day=manifest.last_day.isoformat() if manifest.last_day else "",
            )
        return served

    def ingest_settings(self, *, reference_date: date) -> IngestSettings:
        """What a load of a register delivery needs; `reference_date` is the day the delivery was made."""
        return IngestSettings(
            store=self.store,
            quarantine_folder=self.home.quarantine,
            peppers=self.key_ring.peppers(),
            today=self.database.clock().date(),
            reference_date=reference_date,
            lists={system: codes.as_arrow() for system, codes in self.code_lists().items()},
            threads=self.threads,
        )

    def grpc_server(self) -> GrpcServer:
        """The service on its port, not yet started."""
        listen = self.settings.listen
        servicers = Servicers(
            populations=Populations(self.upload_room, finalized=self.dispatcher.poke),
            orders=Orders(self.order_book, self.approval_desk, self.planner, approved=self.dispatcher.poke),
            catalogue=Catalogue(self.offer, self.code_lists, self.served_snapshots),
            releases=Releases(self.release_desk),
            operations=Operations(
                self.database, self.home.root, self.served_snapshots, software_version(), started=time.monotonic()
            ),
            long_running=LongRunning(self.database),
        )
        return GrpcServer(
            servicers,
            gatekeeper=Gatekeeper(self.database, self.trail, recheck_seconds=self.settings.limits.revocation_seconds),
            tls=TlsFiles(
                private_key=read_secret_file(self.home.keys / "server.key"),
                certificate_chain=read_secret_file(self.home.keys / "server.pem"),
                client_ca=self.authority.certificate_pem,
            ),
            address=f"{listen.address}:{listen.port}",
            with_reflection=listen.reflection,
        )

    def serve(self, *, on_ready: Callable[[int], None]) -> bool:
        """Serve until SIGTERM or SIGINT, then drain and stop; returns whether every worker has ended."""
        self.key_ring.check()
        with self.home.served_once():
            host, moment = self.settings.listen.public_host, self.database.clock()
            self.authority.keep_server_certificate(self.home.keys, host=host, now=moment)
            self.store.sweep()
            # What lives as long as the service need not be gone through by each full collection, which took some 70 ms.
            gc.collect()
            gc.freeze()
            self.dispatcher.start()
            self.upkeep.start()
            if self.settings.listen.metrics_port:
                metrics.serve(self.settings.listen.metrics_port)
            try:
                asyncio.run(self._serve(on_ready))
            finally:
                self.upkeep.stop()
                ended = self.dispatcher.stop(grace_seconds=STOP_GRACE_SECONDS)
                self.database.close()
        return ended

    async def _serve(self, on_ready: Callable[[int], None]) -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stop(number: signal.Signals) -> None:
            logs.log_event("service_stopping", signal=number.name)
            stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop, number)

        def ready(port: int) -> None:
            kind = "sqlite" if self.database.is_sqlite else "postgresql"
            logs.log_event("service_started", version=software_version(), port=port, database=kind)
            on_ready(port)

        await self.grpc_server().run(stopping, on_ready=ready)

    def _opening_keys(self) -> OpeningKeys:
        return OpeningKeys(recipients=tuple(self.key_ring.envelope_keys()), peppers=tuple(self.key_ring.peppers()))


def create_home(root: Path, *, settings_text: str, holder_title: str, hosts: tuple[str, ...]) -> Service:
    """Make a home folder with keys, private CA and database.

    Raises:
        Conflict: something lies there already.
    """
    home = HomeFolder.create(root, settings=settings_text)
    service = Service(home, load_settings(home.settings_file))
    KeyRing.create(home.keys)
    moment = service.database.clock()
    authority = CertificateAuthority.create(home.keys, name=f"{holder_title} (Linkage)"[:64], now=moment)
    authority.issue_server_certificate(home.keys, hosts=hosts, now=moment)
    service.database.migrate()
    return service
