"""Every refusal of Linkage, with its facts, its gRPC status and its exit code.

    LinkageError                     (never raised itself)
    ├── InputRefused                 a file, an order or an argument is wrong          INVALID_ARGUMENT     3
    │   ├── PopulationRejected       a population file does not follow the layout
    │   ├── EnvelopeRejected         not a valid envelope for that order (one reason: no oracle)
    │   ├── OrderRejected            an order file is incomplete or asks for what is not there
    │   ├── DefinitionRejected       a register, indicator or policy definition is wrong
    │   ├── DeliveryRejected         a register delivery breaks a delivery-level rule
    │   ├── SignatureRefused         a signature is not of this text by these keys
    │   ├── EventsRejected           event columns handed to the core are not as agreed
    │   └── ReleaseNotVerified       a delivery's signature or a file's hash does not match
    ├── NotAuthenticated             who calls is unknown or no longer trusted         UNAUTHENTICATED      4
    ├── NotPermitted                 the caller's role may not do that                 PERMISSION_DENIED    4
    ├── NotFound                     no such thing, or not the caller's                NOT_FOUND            5
    ├── Conflict                     the thing exists already or has moved on          ALREADY_EXISTS       6
    │   ├── StateConflict            the order's state does not allow the step         FAILED_PRECONDITION  6
    │   └── Stale                    somebody changed it since it was read (etag)      ABORTED              6
    ├── DisclosureRefused            the policy forbids releasing this at all          FAILED_PRECONDITION  4
    ├── QuotaExceeded                too much at once; says when to try again          RESOURCE_EXHAUSTED   7
    ├── ServiceUnavailable           the service cannot answer now                     UNAVAILABLE          7
    │   └── StorageFull              no room left on the disk; nothing was changed
    ├── TimedOut                     an answer did not come in time                    DEADLINE_EXCEEDED    8
    └── AuditBroken                  the audit trail does not fit together             DATA_LOSS            6

A message says what is wrong, where, and how to mend it. It never repeats a value of a person: no identity number,
no cell of a population file, no text of a foreign exception.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_CODES = (
    "Exit codes: 0 done; 1 a bug of ours; 2 usage; 3 input refused; 4 not permitted; 5 not found; 6 conflict; "
    "7 server unavailable; 8 time-out."
)
"""What the exit codes of both programs mean, for their help."""


class LinkageError(Exception):
    """Base of every refusal.

    Args:
        message: what is wrong and where, free of personal values.
        mend: what the reader can do about it.
        facts: short, non-personal facts for machines (become ErrorInfo metadata on the wire).
    """

    status: ClassVar[str] = "INTERNAL"
    reason: ClassVar[str] = "INTERNAL"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, mend: str = "", facts: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend
        self.facts: dict[str, str] = facts or {}

    def __str__(self) -> str:
        return f"{self.message} {self.mend}".rstrip()


class InputRefused(LinkageError):
    """Something handed in is not as agreed."""

    status = "INVALID_ARGUMENT"
    reason = "INPUT_REFUSED"
    exit_code = 3


class PopulationRejected(InputRefused):
    """A population file does not follow the agreed layout."""

    reason = "POPULATION_REJECTED"


class EnvelopeRejected(InputRefused):
    """Bytes that are not a valid envelope for this order from this organisation.

    One reason for every cause, on purpose: telling a forged signature from a truncated body would be an oracle.
    """

    reason = "ENVELOPE_REJECTED"


class OrderRejected(InputRefused):
    """An order is incomplete or asks for something that is not there."""

    reason = "ORDER_REJECTED"


class DefinitionRejected(InputRefused):
    """A register, indicator or policy definition is wrong; names file and field."""

    reason = "DEFINITION_REJECTED"


class DeliveryRejected(InputRefused):
    """A register delivery breaks a delivery-level rule; the previous snapshot stays served."""

    reason = "DELIVERY_REJECTED"


class EventsRejected(InputRefused):
    """Event columns handed to the core are not as agreed; names column and row."""

    reason = "EVENTS_REJECTED"


class SignatureRefused(InputRefused):
    """A signature is not of this text, for this purpose, by these keys."""

    reason = "SIGNATURE_REFUSED"


class ReleaseNotVerified(InputRefused):
    """A delivery's signature or one of its files does not match its manifest."""

    reason = "RELEASE_NOT_VERIFIED"


class NotAuthenticated(LinkageError):
    """The caller is unknown, or its certificate is no longer trusted."""

    status = "UNAUTHENTICATED"
    reason = "NOT_AUTHENTICATED"
    exit_code = 4


class NotPermitted(LinkageError):
    """The caller is known and may not do this."""

    status = "PERMISSION_DENIED"
    reason = "NOT_PERMITTED"
    exit_code = 4


class NotFound(LinkageError):
    """There is no such thing, or it belongs to somebody else: the answer is the same."""

    status = "NOT_FOUND"
    reason = "NOT_FOUND"
    exit_code = 5


class Conflict(LinkageError):
    """The thing exists already."""

    status = "ALREADY_EXISTS"
    reason = "ALREADY_EXISTS"
    exit_code = 6


class StateConflict(Conflict):
    """The state does not allow this step."""

    status = "FAILED_PRECONDITION"
    reason = "STATE_CONFLICT"


class Stale(Conflict):
    """Somebody changed it since it was read."""

    status = "ABORTED"
    reason = "STALE_ETAG"


class DisclosureRefused(LinkageError):
    """The disclosure policy forbids releasing this at all."""

    status = "FAILED_PRECONDITION"
    reason = "DISCLOSURE_REFUSED"
    exit_code = 4


class QuotaExceeded(LinkageError):
    """Too much at once."""

    status = "RESOURCE_EXHAUSTED"
    reason = "QUOTA_EXCEEDED"
    exit_code = 7


class ServiceUnavailable(LinkageError):
    """The service cannot answer now; nothing was changed."""

    status = "UNAVAILABLE"
    reason = "SERVICE_UNAVAILABLE"
    exit_code = 7


class StorageFull(ServiceUnavailable):
    """No room left on the disk; nothing was changed.

    `path` is where, for who stands at the machine: it is no fact, so that it never travels to a client.
    """

    reason = "STORAGE_FULL"
    path: str = ""


class TimedOut(LinkageError):
    """An answer did not come in time."""

    status = "DEADLINE_EXCEEDED"
    reason = "TIMED_OUT"
    exit_code = 8


class AuditBroken(LinkageError):
    """The audit trail does not fit together; names the first entry that does not."""

    status = "DATA_LOSS"
    reason = "AUDIT_BROKEN"
    exit_code = 6
