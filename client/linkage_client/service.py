"""The catalogue: what can be asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from linkage.catalogue_entry import CatalogueEntry
from linkage.wire.v1 import catalogue_pb2 as wire
from linkage_client.connection import CALL_SECONDS, Connection

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Register:
    """A register, and the days it has data for (ISO 8601; "" before the first delivery)."""

    name: str
    title_sv: str
    title_en: str
    first_day: str
    last_day: str
    snapshot: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a register."""

    register: str
    name: str
    type: str
    role: str
    code_system: str
    title_sv: str
    title_en: str
    experimental: bool


@dataclass(frozen=True, slots=True)
class Code:
    """A code of a code system."""

    code_system: str
    code: str
    title_sv: str
    title_en: str


@dataclass(frozen=True, slots=True)
class Indicator:
    """An indicator; `set` is "id@version"."""

    set: str
    id: str
    kind: str
    title_sv: str
    title_en: str
    needs_review: bool


@dataclass(frozen=True, slots=True)
class RefusedSet:
    """A file of the register holder's own sets that cannot be used; `stays` are those it gave before, still offered."""

    file: str
    message: str
    mend: str
    stays: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A disclosure policy; no cell of fewer than `minimum_cell` persons is shown under it."""

    id: str
    version: str
    sha256: str
    title_sv: str
    title_en: str
    minimum_cell: int
    minimum_population: int


async def list_registers(connection: Connection) -> AsyncIterator[Register]:
    """All registers."""
    ask = connection.catalogue.ListRegisters
    async for page in _pages(connection, ask, wire.ListRegistersRequest(page_size=_PAGE)):
        for one in page.registers:
            titles = (one.title.sv, one.title.en)
            yield Register(one.name, *titles, one.first_day, one.last_day, one.snapshot)


async def list_variables(connection: Connection, *, register: str = "") -> AsyncIterator[Variable]:
    """All variables, or those of a register."""
    ask = connection.catalogue.ListVariables
    async for page in _pages(connection, ask, wire.ListVariablesRequest(register=register, page_size=_PAGE)):
        for one in page.variables:
            titles = (one.title.sv, one.title.en)
            yield Variable(one.register, one.name, one.type, one.role, one.code_system, *titles, one.experimental)


async def list_codes(connection: Connection, *, code_system: str, prefix: str = "") -> AsyncIterator[Code]:
    """Codes of a code system that begin with `prefix`."""
    ask = connection.catalogue.ListCodes
    request = wire.ListCodesRequest(code_system=code_system, prefix=prefix, page_size=_PAGE)
    async for page in _pages(connection, ask, request):
        for one in page.codes:
            yield Code(one.code_system, one.code, one.title.sv, one.title.en)


async def list_indicators(connection: Connection, *, set: str = "") -> AsyncIterator[Indicator]:
    """All indicators, or those of a set ("id" or "id@version")."""
    ask = connection.catalogue.ListIndicators
    async for page in _pages(connection, ask, wire.ListIndicatorsRequest(set=set, page_size=_PAGE)):
        for one in page.indicators:
            yield Indicator(one.set, one.id, one.kind, one.title.sv, one.title.en, one.needs_review)


async def list_definitions(connection: Connection, *, set: str = "", id: str = "") -> AsyncIterator[CatalogueEntry]:
    """Indicators with their whole definition: all, those of a set, or those of an id."""
    ask = connection.catalogue.ListIndicators
    request = wire.ListIndicatorsRequest(set=set, id=id, with_definitions=True, page_size=_PAGE)
    async for page in _pages(connection, ask, request):
        for one in page.indicators:
            yield CatalogueEntry(
                set=one.set,
                id=one.id,
                kind=one.kind,
                title_sv=one.title.sv,
                title_en=one.title.en,
                description_sv=one.description.sv,
                description_en=one.description.en,
                formula_sv=one.formula.sv,
                formula_en=one.formula.en,
                facts=tuple((fact.name, fact.text) for fact in one.facts),
                source=one.source,
                needs_review=one.needs_review,
                example_text=one.example_text,
                example_svg=one.example_svg,
            )


async def list_refused_sets(connection: Connection) -> list[RefusedSet]:
    """Files of the register holder's own sets that cannot be used."""
    page = await connection.call(
        connection.catalogue.ListIndicators(wire.ListIndicatorsRequest(page_size=1), timeout=CALL_SECONDS)
    )
    return [RefusedSet(one.file, one.message, one.mend, tuple(one.stays)) for one in page.refused]


async def list_policies(connection: Connection) -> AsyncIterator[Policy]:
    """All disclosure policies."""
    ask = connection.catalogue.ListPolicies
    async for page in _pages(connection, ask, wire.ListPoliciesRequest(page_size=_PAGE)):
        for one in page.policies:
            titles = (one.title.sv, one.title.en)
            yield Policy(one.id, one.version, one.sha256, *titles, one.minimum_cell, one.minimum_population)


# Any: request and response are of the kind that `ask` takes and gives.
async def _pages(connection: Connection, ask: Callable[..., Awaitable[Any]], request: Any) -> AsyncIterator[Any]:
    while True:
        page = await connection.call(ask(request, timeout=CALL_SECONDS))
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
