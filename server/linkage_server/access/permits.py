"""Which role may call which method: one table, and what is not in it is refused."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

from linkage.errors import NotPermitted
from linkage_server.access.certificates import Caller


class Role(StrEnum):
    """What a certificate lets its holder be."""

    # A quality register: files orders, uploads populations, fetches results.
    ORDERER = "orderer"
    # Decides under the secrecy act.
    OFFICER = "officer"
    # Keeps the service running; sees numbers, never orders' content.
    OPERATOR = "operator"


_EVERYONE = frozenset(Role)
_ORDERER = frozenset({Role.ORDERER})
_OFFICER = frozenset({Role.OFFICER})
_OPERATOR = frozenset({Role.OPERATOR})
_DESKS = frozenset({Role.ORDERER, Role.OFFICER})
_HEALTH = "/grpc.health.v1.Health/"
_LONG_RUNNING = "/google.longrunning.Operations/"
_ORDERS = "/linkage.wire.v1.OrdersService/"
_POPULATIONS = "/linkage.wire.v1.PopulationsService/"
_RELEASES = "/linkage.wire.v1.ReleasesService/"
_CATALOGUE = "/linkage.wire.v1.CatalogueService/"

PERMITS: MappingProxyType[str, frozenset[Role]] = MappingProxyType(
    {
        f"{_ORDERS}CreateOrder": _ORDERER,
        f"{_ORDERS}GetOrder": _DESKS,
        f"{_ORDERS}ListOrders": _DESKS,
        f"{_ORDERS}CancelOrder": _ORDERER,
        f"{_ORDERS}ApproveOrder": _OFFICER,
        f"{_ORDERS}ReturnOrder": _OFFICER,
        f"{_ORDERS}RejectOrder": _OFFICER,
        f"{_ORDERS}ExplainOrder": _DESKS,
        f"{_POPULATIONS}StartUpload": _ORDERER,
        f"{_POPULATIONS}UploadChunks": _ORDERER,
        f"{_POPULATIONS}QueryUpload": _ORDERER,
        f"{_POPULATIONS}FinalizeUpload": _ORDERER,
        f"{_RELEASES}GetRelease": _ORDERER,
        f"{_RELEASES}DownloadFile": _ORDERER,
        f"{_RELEASES}ReviewRelease": _OFFICER,
        f"{_RELEASES}ApproveRelease": _OFFICER,
        f"{_RELEASES}WithholdRelease": _OFFICER,
        f"{_CATALOGUE}ListRegisters": _EVERYONE,
        f"{_CATALOGUE}ListVariables": _EVERYONE,
        f"{_CATALOGUE}ListCodes": _EVERYONE,
        f"{_CATALOGUE}ListIndicators": _EVERYONE,
        f"{_CATALOGUE}ListPolicies": _EVERYONE,
        "/linkage.wire.v1.OperationsService/GetServiceStatus": _OPERATOR,
        f"{_LONG_RUNNING}GetOperation": _ORDERER,
        f"{_LONG_RUNNING}WaitOperation": _ORDERER,
        f"{_LONG_RUNNING}ListOperations": _ORDERER,
        f"{_HEALTH}Check": _EVERYONE,
        f"{_HEALTH}Watch": _EVERYONE,
        f"{_HEALTH}List": _OPERATOR,
        # Reflection tells names that the published .proto files tell too. Off in service, on in test (settings).
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": _EVERYONE,
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _EVERYONE,
    }
)


def is_permitted(role: str, method: str) -> bool:
    """Whether the table lets a role call a method; an unknown role or method is never let in."""
    return any(role == allowed.value for allowed in PERMITS.get(method, frozenset()))


def require(caller: Caller, method: str) -> None:
    """Return if the caller may call the method.

    Raises:
        NotPermitted: the table does not say so.
    """
    if not is_permitted(caller.role, method):
        raise NotPermitted(
            "this role may not do that.",
            mend="Ask the register holder for a certificate with the right role.",
            facts={"role": caller.role},
        )
