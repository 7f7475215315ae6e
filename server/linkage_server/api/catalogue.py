"""The catalogue service: what can be asked for, from the definitions alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from linkage.code_lists import CodeList
from linkage.disclosure_policy import canonical_sha256
from linkage.errors import InputRefused
from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import Indicator
from linkage.register_variable import LocalizedText
from linkage.wire.v1 import catalogue_pb2, catalogue_pb2_grpc
from linkage_server.examples.entries import entries_of
from linkage_server.orders.offer import Offer

Context = grpc.aio.ServicerContext[Any, Any]
DEFAULT_PAGE = 100
LARGEST_PAGE = 500
# With a worked example an indicator takes some 15 kB, and a message may take four million bytes.
LARGEST_PAGE_OF_DEFINITIONS = 50
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class ServedSnapshot:
    """What is served of a register: numbers only."""

    snapshot: str
    rows: int
    first_day: str
    last_day: str


@dataclass(frozen=True, slots=True)
class Catalogue(catalogue_pb2_grpc.CatalogueServiceServicer):
    """Lists definitions.

    Args:
        offer: definitions as they stand at this moment.
        code_lists: lists of codes by code system, the shipped ones and the holder's, as they stand at this moment.
        served: snapshots now served, by register.
    """

    offer: Callable[[], Offer]
    code_lists: Callable[[], Mapping[str, CodeList]]
    served: Callable[[], Mapping[str, ServedSnapshot]]

    async def ListRegisters(  # noqa: N802
        self, request: catalogue_pb2.ListRegistersRequest, context: Context
    ) -> catalogue_pb2.ListRegistersResponse:
        """See catalogue.proto."""
        offer, served = await asyncio.gather(asyncio.to_thread(self.offer), asyncio.to_thread(self.served))
        registers = [
            catalogue_pb2.Register(
                name=name,
                title=_text(definition.title),
                description=_text(definition.description),
                first_day=served[name].first_day if name in served else "",
                last_day=served[name].last_day if name in served else "",
                snapshot=served[name].snapshot if name in served else "",
            )
            for name, definition in sorted(offer.registers.items())
        ]
        page, token = _page(registers, request.page_size, request.page_token)
        return catalogue_pb2.ListRegistersResponse(registers=page, next_page_token=token)

    async def ListVariables(  # noqa: N802
        self, request: catalogue_pb2.ListVariablesRequest, context: Context
    ) -> catalogue_pb2.ListVariablesResponse:
        """See catalogue.proto."""
        offer = await asyncio.to_thread(self.offer)
        variables = [
            catalogue_pb2.Variable(
                register=name,
                name=variable.column,
                type=variable.type.value,
                role=variable.role.value,
                code_system=variable.code_system or "",
                title=_text(variable.title),
                description=_text(variable.description) if variable.description else None,
                experimental=variable.experimental,
            )
            for name, definition in sorted(offer.registers.items())
            if request.register in ("", name)
            for variable in definition.variables
        ]
        page, token = _page(variables, request.page_size, request.page_token)
        return catalogue_pb2.ListVariablesResponse(variables=page, next_page_token=token)

    async def ListCodes(  # noqa: N802
        self, request: catalogue_pb2.ListCodesRequest, context: Context
    ) -> catalogue_pb2.ListCodesResponse:
        """See catalogue.proto."""
        offer, lists = await asyncio.gather(asyncio.to_thread(self.offer), asyncio.to_thread(self.code_lists))
        listed = [
            catalogue_pb2.Code(code_system=system, code=code, title=title)
            for (system, code), title in sorted(_titles_of_codes(offer, lists).items(), key=lambda item: item[0])
            if request.code_system in ("", system) and code.startswith(request.prefix)
        ]
        page, token = _page(listed, request.page_size, request.page_token)
        return catalogue_pb2.ListCodesResponse(codes=page, next_page_token=token)

    async def ListIndicators(  # noqa: N802
        self, request: catalogue_pb2.ListIndicatorsRequest, context: Context
    ) -> catalogue_pb2.ListIndicatorsResponse:
        """See catalogue.proto."""
        offer = await asyncio.to_thread(self.offer)
        wanted = [
            (definition, indicator)
            for name, definition in sorted(offer.sets.items())
            if request.set in ("", name, definition.header.id)
            for indicator in definition.indicators
            if request.id in ("", indicator.id)
        ]
        most = LARGEST_PAGE_OF_DEFINITIONS if request.with_definitions else LARGEST_PAGE
        page, token = _page(wanted, request.page_size, request.page_token, most=most)
        if request.with_definitions:
            indicators = await asyncio.to_thread(_defined, page, offer)
        else:
            indicators = [_listed(definition, indicator) for definition, indicator in page]
        refused = [
            catalogue_pb2.RefusedSet(file=one.file, message=one.message, mend=one.mend, stays=one.stays)
            for one in offer.refused_sets
        ]
        return catalogue_pb2.ListIndicatorsResponse(indicators=indicators, next_page_token=token, refused=refused)

    async def ListPolicies(  # noqa: N802
        self, request: catalogue_pb2.ListPoliciesRequest, context: Context
    ) -> catalogue_pb2.ListPoliciesResponse:
        """See catalogue.proto."""
        offer = await asyncio.to_thread(self.offer)
        policies = [
            catalogue_pb2.Policy(
                id=policy.id,
                version=policy.version,
                sha256=canonical_sha256(policy),
                title=catalogue_pb2.LocalizedText(sv=policy.title.sv, en=policy.title.en),
                minimum_cell=policy.minimum_cell,
                minimum_population=policy.minimum_population,
            )
            for _, policy in sorted(offer.policies.items())
        ]
        page, token = _page(policies, request.page_size, request.page_token)
        return catalogue_pb2.ListPoliciesResponse(policies=page, next_page_token=token)


def _listed(definition: IndicatorSet, indicator: Indicator) -> catalogue_pb2.Indicator:
    return catalogue_pb2.Indicator(
        set=definition.name,
        id=indicator.id,
        kind=indicator.kind,
        title=catalogue_pb2.LocalizedText(sv=indicator.title.sv, en=indicator.title.en),
        description=catalogue_pb2.LocalizedText(sv=indicator.description.sv, en=indicator.description.en),
        needs_review=indicator.needs_review,
    )


def _defined(page: Sequence[tuple[IndicatorSet, Indicator]], offer: Offer) -> list[catalogue_pb2.Indicator]:
    """Indicators with their whole definition and a worked example."""
    found = []
    for definition, indicator in page:
        (entry,) = entries_of(definition, registers=offer.registers, only=[indicator.id])
        told = _listed(definition, indicator)
        told.needs_review = entry.needs_review
        told.formula.CopyFrom(catalogue_pb2.LocalizedText(sv=entry.formula_sv, en=entry.formula_en))
        told.facts.extend(catalogue_pb2.Fact(name=name, text=text) for name, text in entry.facts)
        told.source, told.example_text, told.example_svg = entry.source, entry.example_text, entry.example_svg
        found.append(told)
    return found


def _titles_of_codes(offer: Offer, lists: Mapping[str, CodeList]) -> dict[tuple[str, str], catalogue_pb2.LocalizedText]:
    """Titles by code system and code; what a register says of its own codes stands before what a list says."""
    listed = {
        (system, code.code): catalogue_pb2.LocalizedText(sv=code.title_sv, en=code.title_en)
        for system, codes in lists.items()
        for code in codes.codes.values()
    }
    own = {
        (variable.code_system or "", code.code): _text(code.title)
        for definition in offer.registers.values()
        for variable in definition.variables
        for code in variable.codes
    }
    return listed | own


def _text(text: LocalizedText) -> catalogue_pb2.LocalizedText:
    return catalogue_pb2.LocalizedText(sv=text.sv, en=text.en)


def _page(
    items: Sequence[Item], page_size: int, page_token: str, *, most: int = LARGEST_PAGE
) -> tuple[Sequence[Item], str]:
    """A page of a list that holds no secrets, hence a token that is simply its place."""
    if page_size < 0:
        raise InputRefused("page_size is negative.", mend=f"Ask for 1 to {LARGEST_PAGE}, or 0.")
    if page_token and not (page_token.isascii() and page_token.isdigit() and len(page_token) < 10):
        raise InputRefused("page_token is not one of this list.", mend="Begin again without a token.")
    start, size = int(page_token or 0), min(page_size or DEFAULT_PAGE, most)
    end = start + size
    return items[start:end], str(end) if end < len(items) else ""
