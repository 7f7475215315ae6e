"""The client as a library: `AsyncLinkage`, and `Linkage` for programs without an event loop.

with Linkage() as linkage:
    submitted = linkage.submit("order.toml", "population.csv")
    order = linkage.wait(submitted.order.name)
    delivery = linkage.fetch(order.name, "results")
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from linkage.catalogue_entry import CatalogueEntry
from linkage.release_manifest import Manifest, verify_release
from linkage_client import explanations, orders, releases, service, submission
from linkage_client.connection import Connection, connect
from linkage_client.explanations import Explanation
from linkage_client.home import ClientHome, default_home, require_file
from linkage_client.orders import WATCH_SECONDS, Order
from linkage_client.progress import Progress, silent
from linkage_client.releases import Delivery
from linkage_client.service import Code, Indicator, Policy, RefusedSet, Register, Variable
from linkage_client.submission import Submitted

Answer = TypeVar("Answer")


class AsyncLinkage:
    """A connection to the service that a home folder is enrolled with; use it in an `async with` statement.

    Args:
        home: the client's home folder; LINKAGE_HOME or ~/.linkage if not given.
    """

    def __init__(self, home: Path | str | None = None) -> None:
        self.home = ClientHome(Path(home) if home is not None else default_home())
        self._opened: Connection | None = None

    async def __aenter__(self) -> Self:
        self._opened = connect(self.home)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._opened is not None:
            await self._opened.channel.close(grace=None)
            self._opened = None

    async def submit(
        self,
        order_file: Path | str,
        population_file: Path | str | None = None,
        *,
        validate_only: bool = False,
        progress: Progress = silent,
    ) -> Submitted:
        """File an order, with its population; repeating the call goes on where an earlier one was cut off.

        Args:
            population_file: None for an order whose population registers define.
        """
        return await submission.submit(
            self._connection,
            self.home,
            Path(order_file),
            None if population_file is None else Path(population_file),
            validate_only=validate_only,
            progress=progress,
        )

    async def order(self, order: str) -> Order:
        """An order as it stands, by its name or the last part of it."""
        return await orders.get_order(self._connection, order)

    async def orders(self) -> list[Order]:
        """All orders of the organisation, newest first."""
        return [order async for order in orders.list_orders(self._connection)]

    async def explain(self, order: Path | str, *, persons: int = 0) -> Explanation:
        """What a run is expected to read and take: of an order file (a path, or a name that ends in .toml) or an order.

        Args:
            order: an order file, for which `persons` must be given unless registers define its population, or an
                order's name or the last part of it.
            persons: explain for so many persons instead of the order's population.
        """
        if isinstance(order, Path) or order.endswith(".toml"):
            document = require_file(Path(order)).read_text(encoding="utf-8-sig")
            return await explanations.explain_document(self._connection, document, persons=persons)
        return await explanations.explain_order(self._connection, order, persons=persons)

    async def cancel(self, order: str) -> Order:
        """Withdraw an order."""
        return await orders.cancel_order(self._connection, order)

    def watch(self, order: str, *, seconds: float = WATCH_SECONDS) -> AsyncIterator[Order]:
        """The order now and after every change, until nobody but the orderer can move it."""
        return orders.watch_order(self._connection, order, seconds=seconds)

    async def wait(self, order: str, *, seconds: float = WATCH_SECONDS) -> Order:
        """The order once nobody but the orderer can move it."""
        changes = [change async for change in self.watch(order, seconds=seconds)]
        return changes[-1]

    async def fetch(self, order: str, folder: Path | str, *, progress: Progress = silent) -> Delivery:
        """Fetch an order's delivery into a new folder and check it."""
        keys = self.home.enrolment().release_keys
        return await releases.fetch_release(self._connection, order, Path(folder), trusted_keys=keys, progress=progress)

    async def registers(self) -> list[Register]:
        """The registers there are."""
        return [one async for one in service.list_registers(self._connection)]

    async def variables(self, *, register: str = "") -> list[Variable]:
        """The variables of all registers, or of one."""
        return [one async for one in service.list_variables(self._connection, register=register)]

    async def codes(self, code_system: str, *, prefix: str = "") -> list[Code]:
        """The codes of a code system."""
        return [one async for one in service.list_codes(self._connection, code_system=code_system, prefix=prefix)]

    async def indicators(self, *, set: str = "") -> list[Indicator]:
        """The indicators there are, or those of a set."""
        return [one async for one in service.list_indicators(self._connection, set=set)]

    async def definitions(self, *, set: str = "", id: str = "") -> list[CatalogueEntry]:
        """Indicators with their whole definition and a worked example: all, those of a set, or those of an id."""
        return [one async for one in service.list_definitions(self._connection, set=set, id=id)]

    async def refused_sets(self) -> list[RefusedSet]:
        """Files of the register holder's own indicator sets that cannot be used."""
        return await service.list_refused_sets(self._connection)

    async def policies(self) -> list[Policy]:
        """The disclosure policies there are."""
        return [one async for one in service.list_policies(self._connection)]

    @property
    def _connection(self) -> Connection:
        if self._opened is None:
            raise RuntimeError("use AsyncLinkage in an `async with` statement")
        return self._opened


class Linkage:
    """The same as `AsyncLinkage`, for programs without an event loop; use it in a `with` statement.

    Args:
        home: the client's home folder; LINKAGE_HOME or ~/.linkage if not given.
    """

    def __init__(self, home: Path | str | None = None) -> None:
        self._inner = AsyncLinkage(home)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        try:
            self._run(self._inner.__aenter__())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._run(self._inner.__aexit__(kind, error, traceback))
        finally:
            self._runner.close()

    def submit(
        self,
        order_file: Path | str,
        population_file: Path | str | None = None,
        *,
        validate_only: bool = False,
        progress: Progress = silent,
    ) -> Submitted:
        """See `AsyncLinkage.submit`."""
        return self._run(
            self._inner.submit(order_file, population_file, validate_only=validate_only, progress=progress)
        )

    def order(self, order: str) -> Order:
        """See `AsyncLinkage.order`."""
        return self._run(self._inner.order(order))

    def orders(self) -> list[Order]:
        """See `AsyncLinkage.orders`."""
        return self._run(self._inner.orders())

    def explain(self, order: Path | str, *, persons: int = 0) -> Explanation:
        """See `AsyncLinkage.explain`."""
        return self._run(self._inner.explain(order, persons=persons))

    def cancel(self, order: str) -> Order:
        """See `AsyncLinkage.cancel`."""
        return self._run(self._inner.cancel(order))

    def watch(self, order: str, *, seconds: float = WATCH_SECONDS) -> Iterator[Order]:
        """See `AsyncLinkage.watch`."""
        changes = aiter(self._inner.watch(order, seconds=seconds))
        while (change := self._run(_next_or_none(changes))) is not None:
            yield change

    def wait(self, order: str, *, seconds: float = WATCH_SECONDS) -> Order:
        """See `AsyncLinkage.wait`."""
        return self._run(self._inner.wait(order, seconds=seconds))

    def fetch(self, order: str, folder: Path | str, *, progress: Progress = silent) -> Delivery:
        """See `AsyncLinkage.fetch`."""
        return self._run(self._inner.fetch(order, folder, progress=progress))

    def registers(self) -> list[Register]:
        """See `AsyncLinkage.registers`."""
        return self._run(self._inner.registers())

    def variables(self, *, register: str = "") -> list[Variable]:
        """See `AsyncLinkage.variables`."""
        return self._run(self._inner.variables(register=register))

    def codes(self, code_system: str, *, prefix: str = "") -> list[Code]:
        """See `AsyncLinkage.codes`."""
        return self._run(self._inner.codes(code_system, prefix=prefix))

    def indicators(self, *, set: str = "") -> list[Indicator]:
        """See `AsyncLinkage.indicators`."""
        return self._run(self._inner.indicators(set=set))

    def definitions(self, *, set: str = "", id: str = "") -> list[CatalogueEntry]:
        """See `AsyncLinkage.definitions`."""
        return self._run(self._inner.definitions(set=set, id=id))

    def refused_sets(self) -> list[RefusedSet]:
        """See `AsyncLinkage.refused_sets`."""
        return self._run(self._inner.refused_sets())

    def policies(self) -> list[Policy]:
        """See `AsyncLinkage.policies`."""
        return self._run(self._inner.policies())

    # Any: what a coroutine takes and sends is nobody's business here.
    def _run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return self._runner.run(work)


def verify(folder: Path | str, *, home: Path | str | None = None) -> Manifest:
    """Check a delivery that lies in a folder against the release desk's keys of the enrolment; needs no network.

    Raises:
        ReleaseNotVerified: names the file and what is wrong with it.
    """
    own = ClientHome(Path(home) if home is not None else default_home())
    return verify_release(Path(folder), trusted_keys=own.enrolment().release_keys)


async def _next_or_none(changes: AsyncIterator[Order]) -> Order | None:
    return await anext(changes, None)
