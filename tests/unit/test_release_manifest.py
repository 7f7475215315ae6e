"""`verify_release` accepts what was signed and nothing else."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from linkage.errors import ReleaseNotVerified
from linkage.release_manifest import MANIFEST, RELEASE
from linkage.released_table import verify_release
from linkage.signatures import SigningKeyPair
from linkage_server.release.delivery import Delivery, prepare_delivery, write_delivery
from tests.support.released_example import example_context, example_table

RELEASED_AT = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


@cache
def key() -> SigningKeyPair:
    return SigningKeyPair.generate()


@cache
def delivery() -> Delivery:
    return prepare_delivery(example_table(), example_context())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "delivery"
    write_delivery(delivery(), folder=folder, release="x/releases/1", released_at=RELEASED_AT, key=key())
    return folder


def test_an_untouched_delivery_is_verified_and_gives_its_manifest(folder: Path) -> None:
    manifest = verify_release(folder, trusted_keys=key().public)
    assert manifest.title == "Drug treatment after myocardial infarction, 2023–2024"
    assert [one.snapshot for one in manifest.registers] == ["lmed-2025-02-03-7f3a9c", "par_sv-2025-02-03-7f3a9c"]
    assert manifest.match_rate_band == "98–100 %"
    assert {entry.path for entry in manifest.files} | {MANIFEST, RELEASE} == {path.name for path in folder.iterdir()}
    assert manifest.rows == example_table().table.num_rows
    assert 0 < manifest.rows_suppressed < manifest.rows


@pytest.mark.parametrize("file", [*(file.path for file in delivery().files), MANIFEST, RELEASE])
@pytest.mark.parametrize("place", [0.0, 0.31, 0.77, 1.0])
def test_a_changed_byte_anywhere_is_refused_and_the_file_named(folder: Path, file: str, place: float) -> None:
    content = bytearray((folder / file).read_bytes())
    content[int(place * (len(content) - 1))] ^= 0x01
    (folder / file).write_bytes(content)
    with pytest.raises(ReleaseNotVerified) as refusal:
        verify_release(folder, trusted_keys=key().public)
    assert refusal.value.facts["file"] == file
    assert file in str(refusal.value)


def test_every_single_byte_of_the_two_statements_is_covered(folder: Path) -> None:
    for name in (MANIFEST, RELEASE):
        whole = (folder / name).read_bytes()
        # Each byte of the manifest, and of the statement all that is not deep inside the long signature text.
        for place in [*range(0, len(whole), 1 if len(whole) < 900 else 41)]:
            (folder / name).write_bytes(whole[:place] + bytes([whole[place] ^ 0x02]) + whole[place + 1 :])
            with pytest.raises(ReleaseNotVerified):
                verify_release(folder, trusted_keys=key().public)
        (folder / name).write_bytes(whole)
    verify_release(folder, trusted_keys=key().public)


@pytest.mark.parametrize("change", ["shorter", "longer", "missing", "link"])
def test_a_file_cut_grown_gone_or_linked_is_refused(folder: Path, change: str, tmp_path: Path) -> None:
    path = folder / "table.csv"
    content = path.read_bytes()
    path.unlink()
    if change == "link":
        (tmp_path / "elsewhere.csv").write_bytes(content)
        path.symlink_to(tmp_path / "elsewhere.csv")
    elif change != "missing":
        path.write_bytes(content[:-1] if change == "shorter" else content + b" ")
    with pytest.raises(ReleaseNotVerified, match=r"table\.csv"):
        verify_release(folder, trusted_keys=key().public)


def test_a_file_that_is_not_part_of_the_delivery_is_named(folder: Path) -> None:
    (folder / "table-corrected.csv").write_text("1")
    with pytest.raises(ReleaseNotVerified, match=r"table-corrected\.csv is not part"):
        verify_release(folder, trusted_keys=key().public)


def test_a_delivery_signed_by_a_stranger_is_refused(folder: Path) -> None:
    with pytest.raises(ReleaseNotVerified, match="not trusted"):
        verify_release(folder, trusted_keys=[SigningKeyPair.generate().public])


def test_the_time_of_release_cannot_be_changed(folder: Path) -> None:
    text = (folder / RELEASE).read_text()
    assert "2025-03-01" in text
    (folder / RELEASE).write_text(text.replace("2025-03-01", "2024-03-01"))
    with pytest.raises(ReleaseNotVerified, match=r"release\.json"):
        verify_release(folder, trusted_keys=key().public)


def test_a_manifest_of_another_delivery_of_the_same_desk_is_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    elsewhere = prepare_delivery(example_table(), example_context(title="Another", formats=("csv",)))
    write_delivery(elsewhere, folder=other, release="x/releases/2", released_at=RELEASED_AT, key=key())
    shutil.copy(other / MANIFEST, folder / MANIFEST)
    with pytest.raises(ReleaseNotVerified, match=r"manifest\.json"):
        verify_release(folder, trusted_keys=key().public)


def test_a_manifest_cannot_name_a_file_outside_its_folder() -> None:
    entry = json.loads(delivery().manifest.to_json())["files"][0]
    for path in ("../secret", "/etc/passwd", "a/b", ".hidden", ""):
        with pytest.raises(ValueError, match="path"):
            type(delivery().manifest.files[0]).model_validate(entry | {"path": path})


def test_an_empty_folder_is_no_delivery(tmp_path: Path) -> None:
    with pytest.raises(ReleaseNotVerified, match=r"is no delivery: it has no release\.json"):
        verify_release(tmp_path, trusted_keys=key().public)
    with pytest.raises(ReleaseNotVerified, match="there is no folder"):
        verify_release(tmp_path / "gone", trusted_keys=key().public)
