"""No message of the service's API can carry one person's row: what every field may hold is listed here by hand."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor

MODULES = ("populations", "orders", "catalogue", "releases", "operations")

# Every field of a *response* that can hold free text or bytes, and why it cannot hold a row. What is new must be argued
# for here before it can be sent.
TEXT_THAT_MAY_LEAVE = {
    "StartUploadResponse.upload": "resource name made by the service",
    "Operation.name": "resource name made by the service",
    "Any.type_url": "name of a message type",
    "Any.value": "PopulationReceipt or PopulationMetadata only; listed below",
    "Status.message": "a refusal of linkage.errors, which never repeats a value",
    "PopulationReceipt.order": "resource name",
    "PopulationReceipt.upload_id": "UUID chosen by the sender",
    "PopulationReceipt.manifest_sha256": "hash of the manifest the sender made",
    "PopulationReceipt.linkable_band": "a band, at least as wide as the policy's",
    "PopulationReceipt.not_linkable_band": "a band",
    "PopulationMetadata.stage": "one of a closed list of words",
    "Order.name": "resource name",
    "Order.etag": "random",
    "Order.document": "the orderer's own order file, checked to hold no identity number",
    "Order.title": "from the order file",
    "Order.purpose": "one of a closed list",
    "Order.reason": "written by an officer or from linkage.errors",
    "Order.waits_for": "one of a closed list",
    "Order.approved_by_policy": "id of a policy file",
    "OrderStep.by": "a role",
    "OrderStep.reason": "written by an officer or from linkage.errors",
    "ExplainOrderResponse.rule": "one fixed text",
    "ExplainedRegister.name": "name of a register",
    "ExplainedRegister.snapshot": "hash of a manifest",
    "ExplainedRegister.columns": "names of columns, from the register's definition",
    "ExplainedSegment.segment": "hash of a segment's files",
    "ExplainedSegment.first_day": "of all rows of a segment, from the manifest",
    "ExplainedSegment.last_day": "of all rows of a segment, from the manifest",
    "ExplainedSegment.method": "one of a closed list of words",
    "ExplainedSegment.reason": "a fixed text with a share in two figures, from the manifest and the population's size",
    "ExpectedStage.stage": "one of a closed list of words",
    "RunProgress.stage": "one of a closed list of words",
    "ListOrdersResponse.next_page_token": "opaque, made by the service",
    "Release.name": "resource name",
    "Release.manifest_sha256": "hash of protected data",
    "ReleaseFile.path": "name of a file of the delivery",
    "ReleaseFile.sha256": "hash of protected data",
    "DownloadFileResponse.data": "bytes of a released file: a ReleasedTable or its description",
    "ReviewReleaseResponse.order": "resource name",
    "ReviewReleaseResponse.policy": "id of a policy",
    "ReviewReleaseResponse.etag": "random",
    "ReviewReleaseResponse.preview_csv": "a ProtectedTable",
    "ReviewReleaseResponse.approved_by": "names of officers",
    "ReviewReleaseResponse.coarsened": "steps of a closed list, named by strata and levels of the table",
    "WithholdReleaseResponse.order": "resource name",
    "ServiceStatus.software_version": "version",
    "ServiceStatus.state": "one of a closed list",
    "ServedRegister.name": "name of a register",
    "ServedRegister.snapshot": "hash of a manifest",
    "SuppressedByReasonEntry.key": "one of the policy's reasons",
    "OrdersByStateEntry.key": "a state",
}


def services() -> list[ServiceDescriptor]:
    return [
        service
        for name in MODULES
        for service in importlib.import_module(f"linkage.wire.v1.{name}_pb2").DESCRIPTOR.services_by_name.values()
    ]


def text_fields(method: MethodDescriptor) -> Iterator[str]:
    seen, waiting = set(), [method.output_type]
    while waiting:
        message = waiting.pop()
        if message.full_name in seen or message.file.name.endswith("catalogue.proto"):
            continue  # the catalogue holds definitions only and reads no register
        seen.add(message.full_name)
        for field in message.fields:
            if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
                yield f"{message.name}.{field.name}"
            elif field.message_type is not None:
                waiting.append(field.message_type)


@pytest.mark.parametrize("method", [m for s in services() for m in s.methods], ids=lambda method: method.full_name)
def test_every_text_that_leaves_is_argued_for(method: MethodDescriptor) -> None:
    assert {field for field in text_fields(method) if field not in TEXT_THAT_MAY_LEAVE} == set()


def test_the_list_holds_nothing_that_is_gone() -> None:
    present = {field for service in services() for method in service.methods for field in text_fields(method)}
    receipts = {field for field in TEXT_THAT_MAY_LEAVE if field.startswith("Population")}
    assert set(TEXT_THAT_MAY_LEAVE) - present == receipts
