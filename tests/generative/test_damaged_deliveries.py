"""Bytes changed or cut off at random: a delivery loads or is refused in words, and no foreign error gets out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import DeliveryRejected, LinkageError
from linkage.register_catalogue import shipped_registers
from linkage_server.registers.ingest import load_delivery
from linkage_server.registers.readers import open_delivery_file
from tests.integration.test_register_delivery import KINDS, as_sas
from tests.support.register_loading import settings_in

flips = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=20)
cut = st.one_of(st.none(), st.floats(0, 1))


@pytest.mark.parametrize("make", [*KINDS, as_sas])
def test_a_damaged_file_never_ends_in_a_foreign_error(make: Callable[[Path], Path], tmp_path: Path) -> None:
    whole = make(tmp_path / "whole").read_bytes()

    @settings(max_examples=40, deadline=None)
    @given(flips=flips, cut=cut)
    def load_damaged(flips: list[tuple[float, int]], cut: float | None) -> None:
        damaged = bytearray(whole)
        for place, byte in flips:
            damaged[int(place * len(damaged))] = byte
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "delivery"
            path.write_bytes(damaged if cut is None else damaged[: int(cut * len(damaged))])
            load_settings = settings_in(Path(name))
            try:
                report = load_delivery(shipped_registers()["lmed"], [path], settings=load_settings)
            except LinkageError as refused:
                text = str(refused)
            else:
                text = "loaded"
                assert report.rows.read == report.rows.stored + report.rows.quarantined
            served = load_settings.store.registers()
        assert text
        assert (served == ["lmed"]) == (text == "loaded")

    load_damaged()


def test_a_header_with_a_bare_carriage_return_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "delivery.csv"
    path.write_bytes(b"\rLopNr,ATC\n1,C10AA05\n")
    with pytest.raises(DeliveryRejected, match="first line"):
        open_delivery_file(path)
