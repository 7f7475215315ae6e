"""What a delivery states about itself, and how its receiver checks it.

`manifest.json` holds only what the same plan gives again: two deliveries of one plan are alike in every byte of every
file but `release.json`, which holds the time of release and the signature over both.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from linkage.errors import LinkageError, ReleaseNotVerified
from linkage.signatures import PublicSigningKeys, Signature, SigningKeyPair

MANIFEST = "manifest.json"
RELEASE = "release.json"
SIGNATURE_CONTEXT = "linkage release v1"

_LARGEST_STATEMENT_BYTES = 16 << 20
_READ_BYTES = 1 << 20

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# A plain name: nothing a manifest says may lead out of its folder.
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,150}$")]


class _Statement(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RegisterEntry(_Statement):
    """A register that was linked.

    Args:
        snapshot: id of the register's snapshot the run was pinned to.
        data_until: last day the register is complete up to.
        definition_sha256: of the register definition's canonical form, "" if not stated.
    """

    name: str
    snapshot: str
    data_until: date
    definition_sha256: Sha256 | Literal[""] = ""


class InhabitantsEntry(_Statement):
    """The table of inhabitants that rates are per: the SHA-256 of its file in the service's store."""

    version: Sha256


class DefinitionEntry(_Statement):
    """An indicator set or a disclosure policy, by id, version and SHA-256 of its canonical form."""

    id: str
    version: str
    sha256: Sha256


class ManufacturersEntry(_Statement):
    """The table of manufacturers that company secrecy was decided by.

    Args:
        month: such as "2026-10".
        sha256: of the table; "" where there was none, so that every code counted as one of a single manufacturer.
    """

    month: str
    sha256: Sha256 | Literal[""]


class EarlierEntry(_Statement):
    """An earlier release of the same table whose numbers stand in some lines: `as_of` names it."""

    release: str
    released_on: date


class SoftwareEntry(_Statement):
    """The program that made the delivery."""

    name: str
    version: str


class FileEntry(_Statement):
    """One file of the delivery; `rows` where the file holds lines of the table."""

    path: FileName
    media_type: str
    size_bytes: int = Field(ge=0)
    sha256: Sha256
    rows: int | None = None


class Manifest(_Statement):
    """Everything needed to make the same delivery again, and the hash of each of its files.

    Args:
        order: resource name of the order.
        manufacturers: only where the policy keeps back what companies sell.
        match_rate_band: share of the population found in the registers, in words such as "95-100 %"; never a number.
        inhabitants: what rates per inhabitant are per; None where there are none.
        coarsened: what the register holder made coarser than ordered, in words.
        rows: lines of the table; `rows_suppressed` of them are kept back.
    """

    format: Literal["linkage-release/1"] = "linkage-release/1"
    order: str
    title: str
    purpose: str
    registers: tuple[RegisterEntry, ...]
    indicator_sets: tuple[DefinitionEntry, ...]
    policy: DefinitionEntry
    manufacturers: tuple[ManufacturersEntry, ...] = ()
    software: SoftwareEntry
    match_rate_band: str
    inhabitants: InhabitantsEntry | None = None
    coarsened: tuple[str, ...] = ()
    earlier_releases: tuple[EarlierEntry, ...] = ()
    columns: tuple[str, ...]
    rows: int
    rows_suppressed: int
    files: tuple[FileEntry, ...]

    def to_json(self) -> bytes:
        """The bytes of `manifest.json`; what there is none of is not in it."""
        absent = ("manufacturers", "inhabitants", "coarsened", "earlier_releases")
        empty = {name for name in absent if not getattr(self, name)}
        return _canonical(self.model_dump(mode="json", exclude=empty))


class ReleaseStatement(_Statement):
    """The small file that differs between two deliveries of one plan."""

    format: Literal["linkage-release-statement/1"] = "linkage-release-statement/1"
    release: str
    manifest_sha256: Sha256
    released_at: datetime
    key_id: Sha256
    signature: dict[str, str] = {}

    @classmethod
    def of(cls, manifest: bytes, *, release: str, released_at: datetime, key_id: str) -> ReleaseStatement:
        """The statement about a manifest, not yet signed."""
        sha256 = hashlib.sha256(manifest).hexdigest()
        return cls(release=release, manifest_sha256=sha256, released_at=released_at, key_id=key_id)

    def message(self) -> bytes:
        """The bytes that are signed: everything but the signature."""
        return _canonical(self.model_dump(mode="json", exclude={"signature"}))

    def to_json(self) -> bytes:
        """The bytes of `release.json`."""
        return _canonical(self.model_dump(mode="json"))


def sign_release(manifest: bytes, *, release: str, released_at: datetime, key: SigningKeyPair) -> ReleaseStatement:
    """State when and as what a manifest was released, signed.

    Args:
        manifest: bytes of `manifest.json`.
        release: resource name of the release.
        released_at: with time zone.
        key: signing keys of the release desk.
    """
    unsigned = ReleaseStatement.of(manifest, release=release, released_at=released_at, key_id=key.key_id)
    signature = key.sign(unsigned.message(), context=SIGNATURE_CONTEXT)
    return unsigned.model_copy(update={"signature": signature.to_json()})


def verify_release(folder: Path, *, trusted_keys: PublicSigningKeys | Iterable[PublicSigningKeys]) -> Manifest:
    """Check a delivery against its signature, file by file, and return its manifest.

    Args:
        folder: where the delivery lies.
        trusted_keys: public keys of release desks the reader trusts (pinned at enrolment).

    Raises:
        ReleaseNotVerified: names the file and what is wrong with it.
    """
    keys = [trusted_keys] if isinstance(trusted_keys, PublicSigningKeys) else list(trusted_keys)
    if not (folder / RELEASE).exists():
        wrong = f"{folder} is no delivery: it has no {RELEASE}." if folder.is_dir() else f"there is no folder {folder}."
        raise ReleaseNotVerified(
            wrong,
            mend="Name the folder that `linkage fetch` made; if it was that one, fetch the delivery again.",
            facts={"file": RELEASE},
        )
    statement = _read_statement(folder)
    manifest_bytes = _read(folder, MANIFEST)
    if hashlib.sha256(manifest_bytes).hexdigest() != statement.manifest_sha256:
        raise _refused(MANIFEST, "is not the manifest that was signed")
    _check_signature(statement, keys)
    try:
        manifest = Manifest.model_validate_json(manifest_bytes)
    except ValidationError:
        raise _refused(MANIFEST, "is not a manifest of a version this program knows") from None
    for entry in manifest.files:
        _check_file(folder, entry)
    _check_nothing_else(folder, manifest)
    return manifest


def _read_statement(folder: Path) -> ReleaseStatement:
    raw = _read(folder, RELEASE)
    try:
        statement = ReleaseStatement.model_validate_json(raw)
    except ValidationError:
        raise _refused(RELEASE, "is not a release statement") from None
    # One way to write it only: else white space and the like could change unseen.
    if statement.to_json() != raw:
        raise _refused(RELEASE, "was changed after it was signed")
    return statement


def _check_signature(statement: ReleaseStatement, keys: list[PublicSigningKeys]) -> None:
    trusted = next((key for key in keys if key.key_id == statement.key_id), None)
    if trusted is None:
        raise _refused(RELEASE, "is signed by a key that is not trusted here", mend="Compare the pinned fingerprint.")
    try:
        signature = Signature.from_json(statement.signature)
        if signature.to_json() != statement.signature:
            raise _refused(RELEASE, "was changed after it was signed")
        trusted.verify(statement.message(), signature, context=SIGNATURE_CONTEXT)
    except LinkageError:
        raise _refused(RELEASE, "carries a signature that does not match") from None


def _check_file(folder: Path, entry: FileEntry) -> None:
    path = folder / entry.path
    if path.is_symlink() or not path.is_file():
        raise _refused(entry.path, "is missing")
    if path.stat().st_size != entry.size_bytes:
        raise _refused(entry.path, f"is not {entry.size_bytes} bytes long as the manifest says")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    if digest.hexdigest() != entry.sha256:
        raise _refused(entry.path, "was changed: its SHA-256 is not the manifest's")


def _check_nothing_else(folder: Path, manifest: Manifest) -> None:
    known = {MANIFEST, RELEASE, *(entry.path for entry in manifest.files)}
    for name in sorted(path.name for path in folder.iterdir()):
        if name not in known:
            shown = name if re.fullmatch(r"[A-Za-z0-9._-]{1,150}", name) else "a file with an unusual name"
            raise _refused(shown, "is not part of the delivery", mend="Keep your own files in another folder.")


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        if path.is_symlink() or path.stat().st_size > _LARGEST_STATEMENT_BYTES:
            raise _refused(name, "is not a file of a delivery")
        return path.read_bytes()
    except OSError:
        raise _refused(name, "is missing or cannot be read") from None


def _canonical(document: object) -> bytes:
    return (json.dumps(document, ensure_ascii=False, sort_keys=True, indent=2) + "\n").encode()


def _refused(file: str, why: str, *, mend: str = "Fetch the delivery again.") -> ReleaseNotVerified:
    return ReleaseNotVerified(f"{file} {why}.", mend=mend, facts={"file": file})
