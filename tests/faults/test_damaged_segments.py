"""A store whose bytes rotted is refused and the segment named; it is never a crash, and never other rows once verified.

Found when a segment is opened: a file that is missing, cut, another's, or damaged in its footer, its layout or the
texts of its codes. Found by verifying alone, as `linkage-server doctor` does: a bit in the ids, the offsets or the
values of rows. The kernels read such a file without leaving it. Many bits are tried, with LINKAGE_FAULTS=all many more.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.damage import Damage, flips, make_store
from tests.faults.trials import EVERYTHING, Laboratory

FILES = ["persons.arrow", "offsets.arrow", "directory.arrow", "rows.arrow"]
Read = Callable[[Damage | None], dict[str, str]]


@pytest.fixture(scope="module")
def base(laboratory: Laboratory) -> Iterator[Path]:
    folder = laboratory.folder / "rotting"
    make_store(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def read(laboratory: Laboratory, base: Path) -> Read:
    def reading(damage: Damage | None) -> dict[str, str]:
        folder = laboratory.folder / "rotten"
        try:
            request = {} if damage is None else {"damage": damage}
            return laboratory.ask("read damaged", folder=folder, base=base, **request)
        finally:
            shutil.rmtree(folder)

    return reading


def segments(base: Path) -> list[Path]:
    return sorted((base / "lmed" / "segments").iterdir())


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_anywhere_is_refused_at_opening_or_by_verifying(read: Read, base: Path, name: str) -> None:
    segment = segments(base)[0]
    refused = f"refused: segment {segment.name[:12]} of the register store is damaged"
    whole = read(None)
    assert (whole["status"], whole["verified"]) == (0, "whole")
    wrong = []
    for bit in flips(segment / name, every=5 if EVERYTHING else 61):
        seen = read(Damage(str((segment / name).relative_to(base)), "flip", bit))
        survived = seen["status"] == 0 and seen["verified"].startswith(refused)
        # Rows are given, or the reader is told: a foreign error would reach whoever ordered.
        if not survived or not (seen["read"].startswith("refused: ") or len(seen["read"]) == len(whole["read"])):
            wrong.append((bit, seen))
    assert wrong == []


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_refused_at_opening(read: Read, base: Path, name: str) -> None:
    segment = segments(base)[0]
    size = (segment / name).stat().st_size
    for length in (0, 1, 8, size // 3, size // 2, size - 4096, size - 9, size - 1):
        if 0 <= length < size:
            seen = read(Damage(str((segment / name).relative_to(base)), "cut", length))
            assert seen["status"] == 0
            assert f"refused: segment {segment.name[:12]}" in seen["read"]
            assert f"refused: segment {segment.name[:12]}" in seen["verified"]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_and_one_of_another_segment_are_refused_at_opening(read: Read, base: Path, name: str) -> None:
    segment, other = segments(base)
    file = str((segment / name).relative_to(base))
    for damage in (Damage(file, "missing"), Damage(file, "swap", other=str((other / name).relative_to(base)))):
        seen = read(damage)
        assert seen["status"] == 0
        assert f"refused: segment {segment.name[:12]}" in seen["read"]
        assert f"refused: segment {segment.name[:12]}" in seen["verified"]


def test_a_damaged_manifest_or_list_of_snapshots_is_refused_or_means_the_same(read: Read, base: Path) -> None:
    whole = read(None)
    manifests = sorted((base / "lmed" / "snapshots").iterdir())
    for path in (*manifests, base / "lmed" / "published.json"):
        name, size = str(path.relative_to(base)), path.stat().st_size
        damages = [Damage(name, "cut", length) for length in range(0, size - 2, size // 7)]
        damages += [Damage(name, "flip", 8 * place + place % 8) for place in range(0, size, 5 if EVERYTHING else 37)]
        damages.append(Damage(name, "swap", other=str(manifests[0].relative_to(base))))
        for damage in damages:
            seen = read(damage)
            assert seen["status"] == 0
            # A space that became another, or the moment of publishing, is no damage to what is served.
            assert seen["verified"] == "whole" or seen["verified"].startswith("refused: "), (damage, seen)
            assert seen["read"] == whole["read"] or seen["read"].startswith("refused: "), (damage, seen)
