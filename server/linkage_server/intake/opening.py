"""What the opener does once it is shut in: inspect, verify, open, parse, hash, write.

One stage a line, in the order the bytes travel. The first fault ends it, and its name is all that is told of it.
"""

from __future__ import annotations

import contextlib
import io
import os
from datetime import date
from typing import BinaryIO

import pyarrow as pa

from linkage.envelope import InspectedEnvelope, inspect_manifest, open_chunks, verify_statement
from linkage.envelope_keys import RecipientKeyPair
from linkage.envelope_manifest import EnvelopeFault, EnvelopeFaultFound, Manifest
from linkage.errors import LinkageError
from linkage.signatures import PublicSigningKeys, SigningKeyPair
from linkage_core.events import HASHED_ID, Population
from linkage_core.pseudonyms import Pepper
from linkage_server.intake.opening_task import OpeningTask
from linkage_server.intake.parse import OpenPopulation, parse_population
from linkage_server.intake.population_store import write_population
from linkage_server.intake.pseudonymise import HashedPopulation, hash_population

Answer = dict[str, object]


def open_container(container: BinaryIO, output: BinaryIO, task: OpeningTask) -> Answer:
    """Open a container and write its hashed population; returns what may be known outside.

    Never raises for a fault of the envelope: the answer then holds the fault's name.
    """
    try:
        inspected = inspect_manifest(container, container_bytes=os.fstat(container.fileno()).st_size)
        _require_as_ordered(inspected.manifest, task)
        verified = verify_statement(container, inspected, signing_keys=_signing_keys(inspected.manifest, task))
        chunks = open_chunks(container, verified, recipient=_recipient(inspected.manifest, task))
        opened = parse_population(chunks, manifest=inspected.manifest)
        hashed = hash_population(opened, peppers=task.peppers)
        write_population(hashed, output)
    except EnvelopeFaultFound as refusal:
        return {"fault": refusal.fault.value}
    except LinkageError:
        return {"fault": EnvelopeFault.PAYLOAD.value}
    return _facts(inspected, hashed)


def warm_up() -> None:
    """Go once through everything with next to nothing: afterwards no library has to open a file of its own."""
    key = RecipientKeyPair.generate()
    key.for_hpke().public_key()
    levels = pa.array(["level"]).dictionary_encode()
    opened = OpenPopulation(
        pa.array([b"R"], pa.binary()), pa.array([date(2000, 1, 1)]), {"s": levels}, date(2000, 1, 1)
    )
    # What is no number at all is refused, but only after the numbers' kernels ran.
    with contextlib.suppress(EnvelopeFaultFound):
        hash_population(opened, peppers=(Pepper(version=1, key=bytes(32)),))
    nobody = Population(pa.array([], HASHED_ID), strata={"s": levels.slice(0, 0)})
    write_population(HashedPopulation(nobody, 0, {}, date(2000, 1, 1), 1), io.BytesIO())
    with contextlib.suppress(EnvelopeFaultFound):
        Manifest.parse(b"")
    SigningKeyPair.generate().public.to_json()


def _require_as_ordered(manifest: Manifest, task: OpeningTask) -> None:
    manifest.require(order=task.order, organisation=task.organisation, upload_id=task.upload_id, now=task.now)
    reference_date = task.reference_date or manifest.reference_date
    if manifest.columns != task.columns or manifest.reference_date != reference_date:
        raise EnvelopeFaultFound(EnvelopeFault.WRONG_ORDER)
    if manifest.row_count > task.rows_max:
        raise EnvelopeFaultFound(EnvelopeFault.MANIFEST_OUT_OF_BOUNDS)


def _signing_keys(manifest: Manifest, task: OpeningTask) -> PublicSigningKeys:
    for keys in task.signing_keys:
        if keys.key_id == manifest.signing_key_id:
            return keys
    raise EnvelopeFaultFound(EnvelopeFault.UNKNOWN_KEY)


def _recipient(manifest: Manifest, task: OpeningTask) -> RecipientKeyPair:
    for key in task.recipients:
        if key.key_id == manifest.recipient_key_id:
            return key
    raise EnvelopeFaultFound(EnvelopeFault.UNKNOWN_KEY)


def _facts(inspected: InspectedEnvelope, hashed: HashedPopulation) -> Answer:
    population = hashed.population
    return {
        "manifest_sha256": inspected.manifest_sha256.hex(),
        "rows": hashed.rows,
        "linkable": population.persons,
        "not_linkable": hashed.not_linkable,
        "strata": {name: len(column.dictionary) for name, column in population.strata.items()},
        "reference_date": hashed.reference_date.isoformat(),
        "has_index_date": population.index_date is not None,
        "pepper_version": hashed.pepper_version,
    }
