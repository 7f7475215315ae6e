"""A private CA: the only one whose client certificates are believed, and no other client ever meets it.

Keys are ECDSA P-256, the curve every TLS 1.3 stack knows. A client certificate names its organisation (O), its role
(OU) and the person or desk (CN); what counts is the row written down when it was issued.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from linkage.errors import InputRefused
from linkage.free_text import refuse_identity_number
from linkage.key_files import read_secret_file, write_secret_file
from linkage.signatures import pkcs8_pem

CA_DAYS = 3650
SERVER_DAYS = 398
CLIENT_DAYS = 398
RENEWED_BEFORE = timedelta(days=30)
# Clocks of two machines differ; a certificate must not be from the future.
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """The holder's CA: `ca.key` and `ca.pem` in the keys folder."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(cls, folder: Path, *, name: str, now: datetime) -> CertificateAuthority:
        """Make a new CA in a keys folder.

        Raises:
            Conflict: there is one already.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            _builder(subject, issuer=subject, public_key=key.public_key(), now=now, days=CA_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
        )
        certificate = builder.sign(key, hashes.SHA256())
        write_secret_file(folder / "ca.key", pkcs8_pem(key))
        write_secret_file(folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM))
        return cls(key, certificate)

    @classmethod
    def load(cls, folder: Path) -> CertificateAuthority:
        """Read the CA of a keys folder.

        Raises:
            InputRefused: missing, open to other users, or not what `create` wrote.
        """
        try:
            key = serialization.load_pem_private_key(read_secret_file(folder / "ca.key"), password=None)
            certificate = x509.load_pem_x509_certificate(read_secret_file(folder / "ca.pem"))
        except (ValueError, TypeError):
            raise _not_ours(folder) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
            raise _not_ours(folder)
        return cls(key, certificate)

    @property
    def certificate_pem(self) -> bytes:
        """The CA's own certificate, for both sides' trust."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue_server_certificate(self, folder: Path, *, hosts: tuple[str, ...], now: datetime) -> None:
        """Write `server.key` and `server.pem`, valid for localhost, 127.0.0.1, ::1 and the given hosts.

        Raises:
            Conflict: there is one already; move it away to renew it.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = [_general_name(host) for host in dict.fromkeys(("localhost", "127.0.0.1", "::1", *hosts))]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64] if hosts else "localhost")])
        builder = (
            _builder(subject, issuer=self.certificate.subject, public_key=key.public_key(), now=now, days=SERVER_DAYS)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
        certificate = self._signed(builder)
        write_secret_file(folder / "server.key", pkcs8_pem(key))
        write_secret_file(folder / "server.pem", certificate.public_bytes(serialization.Encoding.PEM))

    def keep_server_certificate(self, folder: Path, *, host: str, now: datetime) -> None:
        """Make a new server certificate unless the one there names `host` and holds for another 30 days.

        The service calls it when it starts. Killed between the two files, the next start makes both.
        """
        if not _serves(folder, host=host, now=now):
            for name in ("server.key", "server.pem"):
                (folder / name).unlink(missing_ok=True)
            self.issue_server_certificate(folder, hosts=(host,), now=now)

    def issue(self, request_pem: bytes, *, organisation: str, role: str, now: datetime) -> x509.Certificate:
        """A client certificate for the key of a certificate request.

        Nothing of the request but its key and its common name is taken over: what the certificate lets its holder
        do is the operator's to say.

        Raises:
            InputRefused: not a request, its signature does not fit its key, or the key is too weak.
        """
        request = _checked_request(request_pem)
        wished = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        for name in wished:
            # It is written into the audit log and beside decisions.
            refuse_identity_number(str(name.value), what="the request's common name")
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
                x509.NameAttribute(NameOID.COMMON_NAME, str(wished[0].value)[:64] if wished else organisation),
            ]
        )
        builder = _builder(
            subject, issuer=self.certificate.subject, public_key=request.public_key(), now=now, days=CLIENT_DAYS
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        return self._signed(builder)

    def _signed(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(authority, critical=False)
            .sign(self.key, hashes.SHA256())
        )


def _serves(folder: Path, *, host: str, now: datetime) -> bool:
    """Whether the key and the certificate belong together, name `host`, and will hold for a while."""
    try:
        key = serialization.load_pem_private_key((folder / "server.key").read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    in_time = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEWED_BEFORE
    return in_time and key.public_key() == certificate.public_key() and _general_name(host) in names


def _builder(
    subject: x509.Name, *, issuer: x509.Name, public_key: object, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)  # type: ignore[arg-type]  # one of the kinds that _checked_request lets through
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)  # type: ignore[arg-type]
    )


def _checked_request(request_pem: bytes) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_pem_x509_csr(request_pem)
        key = request.public_key()
        signed = request.is_signature_valid
    except Exception:
        raise InputRefused("this is not a certificate request.", mend="Run `linkage init` again.") from None
    strong = (
        (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= 256)
        or isinstance(key, ed25519.Ed25519PublicKey)
        or (isinstance(key, rsa.RSAPublicKey) and key.key_size >= 3072)
    )
    if not signed or not strong:
        raise InputRefused(
            "the certificate request is not signed by its own key, or the key is too weak.",
            mend="Run `linkage init` again.",
        )
    return request


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _not_ours(folder: Path) -> InputRefused:
    return InputRefused(f"the CA's files in {folder} do not belong together.", mend="Restore ca.key and ca.pem.")
