"""From two files to an order that waits for its officer; the same command goes on where it was cut off.

    check here -> file the order -> seal the population for it -> send -> wait until the service has opened it

An order whose population registers define is filed, and that is all.

What was done so far is noted beside the sealed container, before each step and with the request ids of the step: a step
that is made twice because nobody heard the first answer happens once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from linkage.envelope import SealedPopulation
from linkage.errors import EnvelopeRejected, InputRefused, LinkageError, PopulationRejected, StateConflict
from linkage.order import OrderDocument, load_order
from linkage.population_file import PopulationCheck
from linkage.request_id import new_request_id
from linkage_client.connection import Connection
from linkage_client.home import ClientHome, require_file
from linkage_client.orders import Order, create_order, get_order
from linkage_client.populations import Receipt, check, finish_upload, seal_for, send_bytes, start_upload
from linkage_client.progress import Progress, silent

_NOTES = "notes.json"
_SEALED = "population.sealed"


class PopulationNotClean(PopulationRejected):
    """The population file has faults; `check` lists them all."""

    def __init__(self, found: PopulationCheck) -> None:
        super().__init__(
            f"the population file has {len(found.problems):,} faults in {found.rows:,} rows.",
            mend="List them with: linkage check FILE --order ORDER.toml",
        )
        self.check = found


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission.

    Args:
        rows: of the population file; 0 where registers define the population.
        receipt: for the population; None if none was sent, because the order was only validated or sends none.
    """

    order: Order
    rows: int
    receipt: Receipt | None


@dataclass(slots=True)
class _Notes:
    """What is known of a submission under way."""

    create_request: str = field(default_factory=new_request_id)
    start_request: str = field(default_factory=new_request_id)
    finish_request: str = field(default_factory=new_request_id)
    order: str = ""
    upload_id: str = ""
    container_bytes: int = 0
    container_sha256: str = ""
    manifest_sha256: str = ""

    def sealed(self, folder: Path) -> SealedPopulation | None:
        """The container that was sealed before, if it is still there."""
        path = folder / _SEALED
        if not self.upload_id or not path.exists() or path.stat().st_size != self.container_bytes:
            return None
        hashes = bytes.fromhex(self.container_sha256), bytes.fromhex(self.manifest_sha256)
        return SealedPopulation(path, self.upload_id, self.container_bytes, *hashes)


def check_here(order_file: Path, population_file: Path | None) -> tuple[OrderDocument, PopulationCheck | None]:
    """Check an order and its population without anybody else.

    Args:
        population_file: None for an order whose population registers define.

    Raises:
        OrderRejected: names every fault of the order.
        InputRefused: the order defines its population and a file is given, or neither.
        PopulationRejected: the population file cannot be read as one.
        PopulationNotClean: it can, and has faults.
    """
    document = load_order(require_file(order_file))
    if document.population.is_defined:
        if population_file is not None:
            raise InputRefused(
                "registers define the population of this order, so no file is sent.", mend="Leave --population out."
            )
        return document, None
    if population_file is None:
        raise InputRefused(
            "the order needs a population.",
            mend="Give its file with --population, or define it in the order under [population.defined].",
        )
    found = check(population_file, order=document)
    if found.population is None:
        raise PopulationNotClean(found)
    return document, found


async def submit(
    connection: Connection,
    home: ClientHome,
    order_file: Path,
    population_file: Path | None = None,
    *,
    validate_only: bool = False,
    progress: Progress = silent,
) -> Submitted:
    """File an order, with its population if it sends one; a repeated call goes on where an earlier one was cut off.

    Raises:
        LinkageError: any refusal of order, population, envelope or service.
    """
    progress("checking", 0, 0)
    _, found = check_here(order_file, population_file)
    document = order_file.read_text(encoding="utf-8-sig")
    if validate_only:
        rows = 0 if found is None else found.rows
        return Submitted(await create_order(connection, document, validate_only=True), rows, None)
    folder = home.submissions / _key(home, document, population_file)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    notes = _read_notes(folder)
    if not notes.order:
        _write_notes(folder, notes)
        notes.order = (await create_order(connection, document, request_id=notes.create_request)).name
        _write_notes(folder, notes)
    if found is None:
        shutil.rmtree(folder)
        return Submitted(await get_order(connection, notes.order), 0, None)
    try:
        receipt = await _send_population(connection, home, folder, notes=notes, found=found, progress=progress)
    except (EnvelopeRejected, StateConflict):
        await _forget_what_cannot_go_on(connection, folder, notes)
        raise
    shutil.rmtree(folder)
    return Submitted(await get_order(connection, notes.order), found.rows, receipt)


async def _send_population(
    connection: Connection,
    home: ClientHome,
    folder: Path,
    *,
    notes: _Notes,
    found: PopulationCheck,
    progress: Progress,
) -> Receipt:
    sealed = notes.sealed(folder)
    if sealed is None:
        assert found.population is not None, "check_here let it through"
        sealed = seal_for(home, found.population, folder / _SEALED, order=notes.order, progress=progress)
        notes.upload_id, notes.container_bytes = sealed.upload_id, sealed.container_bytes
        notes.container_sha256, notes.manifest_sha256 = sealed.container_sha256.hex(), sealed.manifest_sha256.hex()
        notes.start_request, notes.finish_request = new_request_id(), new_request_id()
        _write_notes(folder, notes)
    upload = await start_upload(connection, sealed, order=notes.order, request_id=notes.start_request)
    await send_bytes(connection, upload, sealed.path, progress=progress)
    return await finish_upload(connection, upload, request_id=notes.finish_request, progress=progress)


async def _forget_what_cannot_go_on(connection: Connection, folder: Path, notes: _Notes) -> None:
    """A refused envelope is sealed anew next time; an order that waits for no population is left behind."""
    order = await get_order(connection, notes.order)
    if order.state == "awaiting_population":
        (folder / _SEALED).unlink(missing_ok=True)
        notes.upload_id = ""
        _write_notes(folder, notes)
    else:
        shutil.rmtree(folder)


def _key(home: ClientHome, document: str, population_file: Path | None) -> str:
    """A name for this order with this population. Keyed: a population of one must not be guessable from it."""
    population = b""
    try:
        if population_file is not None:
            with population_file.open("rb") as file:
                population = hashlib.file_digest(file, "sha256").digest()
    except OSError:
        raise InputRefused(f"{population_file} cannot be read.", mend="Check the path.") from None
    secret = hashlib.sha256(home.tls_key()).digest()
    return hmac.digest(secret, hashlib.sha256(document.encode()).digest() + population, "sha256").hex()[:32]


def _read_notes(folder: Path) -> _Notes:
    path = folder / _NOTES
    if not path.exists():
        return _Notes()
    try:
        return _Notes(**json.loads(path.read_bytes()))
    except (ValueError, TypeError):
        raise LinkageError(f"{path} is damaged.", mend=f"Remove the folder {folder} and submit again.") from None


def _write_notes(folder: Path, notes: _Notes) -> None:
    partial = folder / f".{_NOTES}"
    with partial.open("w", encoding="utf-8") as file:
        json.dump(asdict(notes), file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / _NOTES)
