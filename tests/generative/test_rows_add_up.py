"""Whatever a delivery holds: rows read = stored + quarantined + merged + set aside, and nothing is invented."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import DeliveryRejected
from linkage.register_catalogue import RegisterDefinition, shipped_registers
from linkage.register_rules import RowFilter
from linkage_server.registers.ingest import load_delivery
from linkage_server.registers.quality_report import ReportFolder
from tests.support.register_loading import PERSONS, settings_in, stored_rows, write_csv

person = st.one_of(st.sampled_from(PERSONS[:6]), st.sampled_from(["", "x", "19121212T121", "5566778899"]))
day = st.sampled_from(["20240115", "2024-02-29", "20240000", "20230229", "", "soon", "20991231"])
cause = st.sampled_from(["I219", "", "BLANKED", "-", "???"])
causes = st.lists(cause, min_size=2, max_size=2)
source = st.sampled_from(["death", "birth"])
line = st.tuples(source, person, day, cause, causes).map(lambda parts: ",".join([*parts[:4], *parts[4]]))
broken = st.sampled_from(["only,two", "a,b,c,d,e,f,g,h"])


def deaths_of_a_shared_file() -> RegisterDefinition:
    return shipped_registers()["dors"].model_copy(
        update={"only_rows": RowFilter(source_name="SOURCE", values=("death",))}
    )


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(st.one_of(line, line, line, broken), min_size=1, max_size=40))
def test_every_row_is_stored_quarantined_merged_or_set_aside(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load_settings = settings_in(folder)
        path = write_csv(folder / "d.csv", ["SOURCE,LopNr,DODSDAT,ULORSAK,MORSAK1,MORSAK2", *lines])
        try:
            report = load_delivery(deaths_of_a_shared_file(), [path], settings=load_settings)
            stored = stored_rows(load_settings, "dors").num_rows
        except DeliveryRejected:
            report = ReportFolder(folder / "store", "dors").all()[-1]
            stored = 0
        rows = report.rows
        quarantine = load_settings.quarantine_folder / "dors" / report.quarantine_file
        listed = (
            {text.split(",")[1] for text in quarantine.read_text().splitlines()[1:]}
            if report.quarantine_file
            else set()
        )

    assert rows.read == len(lines)
    assert rows.read == rows.stored + rows.quarantined + rows.merged + rows.set_aside
    assert rows.stored == stored
    assert rows.quarantined == len(listed)
    assert rows.stored <= len(PERSONS[:6])


@pytest.mark.parametrize("scale", [1, 10, 100, 1000, 10000])
@settings(max_examples=50, deadline=None)
@given(
    numbers=st.lists(
        st.decimals(min_value=-(10**9), max_value=10**9, places=4, allow_nan=False), min_size=1, max_size=20
    )
)
def test_decimals_become_exactly_the_scaled_integers(scale: int, numbers: list) -> None:
    from decimal import ROUND_HALF_UP, Decimal

    import pyarrow as pa

    from linkage_server.registers.convert_values import to_scaled_decimals

    texts = pa.array([str(number).replace(".", ",") for number in numbers])
    converted = to_scaled_decimals(texts, scale=scale)

    exact = [number * scale for number in numbers]
    assert converted.values.tolist() == [int(value.quantize(Decimal(1), ROUND_HALF_UP)) for value in exact]
    assert converted.rounded is not None
    assert converted.rounded.tolist() == [value != int(value) for value in exact]
