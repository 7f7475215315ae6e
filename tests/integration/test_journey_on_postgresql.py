"""The whole journey with the state in a real PostgreSQL, and a server that is killed on the way."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg
import pytest

from linkage_client.api import Linkage, verify
from linkage_server.demo.made_up_registers import MadeUpRegisters
from tests.support.loaded_service import SMALL_ORDER, copy_home


@pytest.mark.postgresql
def test_the_journey_on_postgresql_survives_a_kill(
    loaded_home: tuple[Path, MadeUpRegisters], made: MadeUpRegisters, postgresql_server: str, tmp_path: Path
) -> None:
    name = f"journey_{uuid.uuid4().hex}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    url = postgresql_server.replace("/postgres?", f"/{name}?")
    service = copy_home(loaded_home[0], tmp_path / "home", settings={'url = ""': f'url = "{url}"'})
    try:
        service.start()
        client = service.enrol(tmp_path / "client", organisation="heart-register")
        with Linkage(client.root) as linkage:
            (tmp_path / "order.toml").write_text(SMALL_ORDER)
            order = linkage.submit(tmp_path / "order.toml", made.population).order.name
        service.kill()
        service.approve(order)
        service.start()
        service.wait_until(order, {"awaiting_release"})
        service.release(order)
        with Linkage(client.root) as linkage:
            linkage.fetch(order, tmp_path / "results")
            assert linkage.order(order).state == "released"
        assert verify(tmp_path / "results", home=client.root).order == order
        assert not service.service.database.is_sqlite
        assert service.service.trail.verify().entries > 10
        # A copied home folder brings the SQLite file it was made with; nothing of this journey is in it.
        assert order.encode() not in (tmp_path / "home" / "database.sqlite").read_bytes()
    finally:
        service.stop()
        service.service.database.close()
        with psycopg.connect(postgresql_server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
