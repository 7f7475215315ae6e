"""A certificate that does not hold today is told as such, before a service is asked that would not answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from linkage.errors import NotAuthenticated
from linkage_client import connection
from linkage_client.enrolment import require_in_time


def reply_of(first: timedelta, last: timedelta) -> SimpleNamespace:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + first)
        .not_valid_after(now + last)
        .sign(key, SHA256())
    )
    return SimpleNamespace(certificate=certificate.public_bytes(Encoding.PEM).decode())


def test_a_certificate_that_holds_is_let_through() -> None:
    require_in_time(reply_of(timedelta(hours=-1), timedelta(days=1)))  # type: ignore[arg-type]


def test_one_that_has_ended_names_the_day_and_how_to_get_another() -> None:
    ended = reply_of(timedelta(days=-400), timedelta(days=-3))
    with pytest.raises(NotAuthenticated, match=r"ended on \d{4}-\d\d-\d\d") as refused:
        require_in_time(ended)  # type: ignore[arg-type]
    assert "linkage enrol" in refused.value.mend
    # The connection asks for it before anything is sent.
    with pytest.raises(NotAuthenticated, match="ended on"):
        connection.connect(SimpleNamespace(enrolment=lambda: ended))  # type: ignore[arg-type]


def test_one_that_has_not_begun_points_to_the_clock() -> None:
    with pytest.raises(NotAuthenticated, match="not valid before") as refused:
        require_in_time(reply_of(timedelta(days=2), timedelta(days=400)))  # type: ignore[arg-type]
    assert "clock" in refused.value.mend
