"""Refusals on the wire: a `LinkageError` as google.rpc.Status with details (AIP-193), and back."""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from linkage import errors

DOMAIN = "linkage"
_SWEDISH = {
    "INPUT_REFUSED": "Underlaget följer inte det avtalade formatet.",
    "POPULATION_REJECTED": "Populationsfilen följer inte det avtalade formatet.",
    "ENVELOPE_REJECTED": "Försändelsen är inte giltig för denna beställning.",
    "ORDER_REJECTED": "Beställningen är ofullständig eller begär något som inte finns.",
    "DEFINITION_REJECTED": "Definitionen är felaktig.",
    "SIGNATURE_REFUSED": "Signaturen stämmer inte.",
    "NOT_AUTHENTICATED": "Avsändaren är okänd eller inte längre betrodd.",
    "NOT_PERMITTED": "Rollen får inte göra detta.",
    "NOT_FOUND": "Det finns inget sådant, eller så tillhör det någon annan.",
    "ALREADY_EXISTS": "Det finns redan.",
    "STATE_CONFLICT": "Beställningens tillstånd tillåter inte steget.",
    "STALE_ETAG": "Någon har ändrat beställningen sedan den lästes.",
    "DISCLOSURE_REFUSED": "Röjandepolicyn tillåter inte att detta lämnas ut.",
    "QUOTA_EXCEEDED": "För mycket på en gång; försök igen senare.",
    "SERVICE_UNAVAILABLE": "Tjänsten kan inte svara just nu; ingenting har ändrats.",
    "STORAGE_FULL": "Lagringen är full; ingenting har ändrats.",
    "TIMED_OUT": "Svaret kom inte i tid.",
    "AUDIT_BROKEN": "Granskningsloggen hänger inte ihop.",
    "INTERNAL": "Ett fel hos tjänsten.",
}
RETRY_SECONDS = 5


def _all_refusals(root: type[errors.LinkageError]) -> dict[str, type[errors.LinkageError]]:
    # A refusal that only knows more inside the house (no reason of its own) travels as its parent.
    found = {root.reason: root} if "reason" in vars(root) else {}
    for child in root.__subclasses__():
        found |= _all_refusals(child)
    return found


def to_status(error: errors.LinkageError, *, error_id: str) -> status_pb2.Status:
    """The status of a refusal, with ErrorInfo, mend and Swedish text; `error_id` finds it in the service's log."""
    metadata = dict(error.facts) | {"error_id": error_id, "mend": error.mend}
    details: list[error_details_pb2.ErrorInfo | error_details_pb2.LocalizedMessage | error_details_pb2.RetryInfo] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata),
        error_details_pb2.LocalizedMessage(locale="sv-SE", message=_SWEDISH.get(error.reason, _SWEDISH["INTERNAL"])),
    ]
    if error.status in ("RESOURCE_EXHAUSTED", "UNAVAILABLE"):
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.seconds = RETRY_SECONDS
        details.append(retry)
    packed = []
    for detail in details:
        wrapped = any_pb2.Any()
        wrapped.Pack(detail)
        packed.append(wrapped)
    return status_pb2.Status(code=code_pb2.Code.Value(error.status), message=error.message, details=packed)


def internal_status(error_id: str) -> status_pb2.Status:
    """What a caller sees of a bug of ours: no exception text, only where to find it in the log."""
    bug = errors.LinkageError(
        "The service met an error of its own.", mend="Report the error id to the register holder."
    )
    return to_status(bug, error_id=error_id)


def from_rpc_error(error: grpc.RpcError) -> errors.LinkageError:
    """The refusal that a call met. A call that met no service becomes `ServiceUnavailable` or `TimedOut`."""
    # An AioRpcError carries the same answers as a grpc.Call without being one.
    status = rpc_status.from_call(error) if hasattr(error, "trailing_metadata") else None  # type: ignore[arg-type]
    if status is not None:
        return from_status(status)
    code = error.code() if hasattr(error, "code") else grpc.StatusCode.UNKNOWN
    return _without_details(code)


def from_status(status: status_pb2.Status) -> errors.LinkageError:
    """The refusal in a status: its class by ErrorInfo.reason."""
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
            kind = _all_refusals(errors.LinkageError).get(info.reason, errors.LinkageError)
            facts = {key: value for key, value in info.metadata.items() if key != "mend"}
            return kind(status.message, mend=info.metadata.get("mend", ""), facts=facts)
    return errors.LinkageError(status.message)


def _without_details(code: grpc.StatusCode) -> errors.LinkageError:
    """A status that carries no details comes from the transport, not from the service's own refusals."""
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.TimedOut("The service did not answer in time.", mend="Try again, or give a longer time limit.")
    if code is grpc.StatusCode.UNAVAILABLE:
        return errors.ServiceUnavailable(
            "The service cannot be reached.", mend="Check the address and the network, then give the command again."
        )
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return errors.NotAuthenticated("The service does not know this certificate.", mend="Enrol again.")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return errors.QuotaExceeded("The service takes no more of this now.", mend="Try again in a moment.")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return errors.NotFound("The service does not offer this.", mend="Update the client or ask the register holder.")
    return errors.LinkageError("The call failed without a reason.", mend="Try again; if it stays, report it.")
