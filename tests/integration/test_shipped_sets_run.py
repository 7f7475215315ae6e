"""The shipped sets for quality registers, ordered whole, run to a delivery with every indicator of theirs."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from linkage.indicator_definition import shipped_sets
from linkage_client.api import Linkage, verify
from linkage_client.home import ClientHome
from linkage_server.demo.made_up_registers import MadeUpRegisters
from tests.support.loaded_service import LoadedService

ORDER = """
title = "A whole set"
purpose = "quality assurance"
registers = ["lmed", "par_sv", "dors"]
formats = ["parquet", "html"]
[[indicators]]
set = "{id}"
version = "{version}"
[population]
index_date = true
strata = ["hospital"]
reference_date = 2026-01-15
[contact]
name = "Test"
email = "test@example.org"
[legal_basis]
text = "Made-up persons."
"""


@pytest.fixture(scope="module")
def client(running: LoadedService, tmp_path_factory: pytest.TempPathFactory) -> ClientHome:
    return running.enrol(tmp_path_factory.mktemp("client") / "client", organisation="whole-sets")


@pytest.mark.parametrize("name", ["swedeheart-secondary-prevention@2.0.0", "elderly-drug-therapy@1.0.0"])
def test_a_whole_set_is_delivered_with_every_indicator(
    running: LoadedService, client: ClientHome, made: MadeUpRegisters, tmp_path: Path, name: str
) -> None:
    definition = shipped_sets()[name]
    order = tmp_path / "order.toml"
    text = ORDER.format(id=definition.header.id, version=definition.header.version)
    order.write_text(text, encoding="utf-8")
    with Linkage(client.root) as linkage:
        filed = linkage.submit(order, made.population).order.name
        running.wait_until(filed, {"awaiting_approval"})
        running.approve(filed)
        assert running.wait_until(filed, {"awaiting_release", "failed"}) == "awaiting_release"
        running.release(filed)
        linkage.fetch(filed, tmp_path / "delivery")
    verify(tmp_path / "delivery", home=client.root)
    table = pq.read_table(tmp_path / "delivery" / "table.parquet")
    assert set(table["indicator"].to_pylist()) == {indicator.id for indicator in definition.indicators}
    page = (tmp_path / "delivery" / "report.html").read_text(encoding="utf-8")
    assert "awaits sign-off" in page
    assert all(indicator.title.en in page.replace("&#39;", "'") for indicator in definition.indicators)
