"""Who may come in and what each role may do: every cell of the table, and every way of not being known."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from google.longrunning import operations_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from linkage.enrolment import EnrolmentReply, EnrolmentRequest, read_letter
from linkage.envelope_keys import RecipientKeyPair
from linkage.errors import Conflict, InputRefused, NotAuthenticated, NotFound, NotPermitted
from linkage.signatures import SigningKeyPair
from linkage.wire.v1 import (
    catalogue_pb2,
    orders_pb2,
    populations_pb2,
    releases_pb2,
)
from linkage.wire.v1 import (
    operations_pb2 as service_operations_pb2,
)
from linkage_server.access.certificate_authority import CertificateAuthority
from linkage_server.access.certificates import Caller, identify_caller
from linkage_server.access.organisations import (
    admit_organisation,
    list_organisations,
    revoke_organisation,
    trusted_signing_keys,
)
from linkage_server.access.permits import PERMITS, Role, is_permitted, require
from linkage_server.storage.database import Database
from tests.support.databases import Clock

SIGNING = SigningKeyPair.generate()
PEM = serialization.Encoding.PEM

# The table once more, written the other way round: what each role may call.
ORDERER = """
OrdersService/CreateOrder GetOrder ListOrders CancelOrder ExplainOrder
PopulationsService/StartUpload UploadChunks QueryUpload FinalizeUpload
ReleasesService/GetRelease DownloadFile
CatalogueService/ListRegisters ListVariables ListCodes ListIndicators ListPolicies
google.longrunning.Operations/GetOperation WaitOperation ListOperations
Health/Check Watch
ServerReflection/ServerReflectionInfo
"""
OFFICER = """
OrdersService/GetOrder ListOrders ApproveOrder ReturnOrder RejectOrder ExplainOrder
ReleasesService/ReviewRelease ApproveRelease WithholdRelease
CatalogueService/ListRegisters ListVariables ListCodes ListIndicators ListPolicies
Health/Check Watch
ServerReflection/ServerReflectionInfo
"""
OPERATOR = """
OperationsService/GetServiceStatus
CatalogueService/ListRegisters ListVariables ListCodes ListIndicators ListPolicies
Health/Check Watch List
ServerReflection/ServerReflectionInfo
"""


def methods_of_every_service() -> list[str]:
    files = (orders_pb2, populations_pb2, releases_pb2, catalogue_pb2, service_operations_pb2)
    files += (operations_pb2, health_pb2, reflection_pb2)
    return [
        f"/{service.full_name}/{method.name}"
        for file in files
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]


def allowed(table: str) -> set[str]:
    cells = set()
    for line in table.split("\n"):
        service, _, methods = line.partition("/")
        cells |= {f"{service.rpartition('.')[2]}/{method}" for method in methods.split()}
    return cells


@pytest.mark.parametrize(("role", "table"), [("orderer", ORDERER), ("officer", OFFICER), ("operator", OPERATOR)])
def test_every_method_of_every_service_is_let_in_or_refused_as_written(role: str, table: str) -> None:
    methods = methods_of_every_service()
    assert len(methods) > 25
    permitted = {m.rpartition(".")[2] for m in methods if is_permitted(role, m)}
    # Two services end in Operations: the long-running one and ours.
    assert permitted == allowed(table)
    for method in methods:
        caller = Caller(organisation="a", role=role, certificate_serial="1")
        if is_permitted(role, method):
            require(caller, method)
        else:
            with pytest.raises(NotPermitted):
                require(caller, method)


def test_an_unknown_role_or_method_is_never_let_in() -> None:
    for role, method in product(["", "admin", "ORDERER", "orderer "], methods_of_every_service()):
        assert not is_permitted(role, method)
    for role, method in product(Role, ["", "/", "/linkage.wire.v1.OrdersService/", "/linkage.wire.v1.OrdersService/X"]):
        assert not is_permitted(role.value, method)


def test_the_table_names_no_method_that_is_not_there() -> None:
    known = {*methods_of_every_service(), "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"}
    assert set(PERMITS) <= known


def test_no_role_can_both_order_and_decide() -> None:
    for deciding in ("ApproveOrder", "RejectOrder", "ReturnOrder"):
        assert not PERMITS[f"/linkage.wire.v1.OrdersService/{deciding}"] & {Role.ORDERER, Role.OPERATOR}


@pytest.fixture
def authority(tmp_path: Path, clock: Clock) -> CertificateAuthority:
    return CertificateAuthority.create(tmp_path, name="Test CA", now=clock())


def csr(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *, name: str = "swedeheart") -> str:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            # What a request says of its own role is not believed.
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "officer"),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(PEM).decode()


def letter(organisation: str = "swedeheart", *, signing: SigningKeyPair = SIGNING) -> EnrolmentRequest:
    return EnrolmentRequest(
        organisation=organisation,
        title="Swedeheart",
        certificate_request=csr(ec.generate_private_key(ec.SECP256R1()), name=organisation),
        signing_keys=signing.public.to_json(),
    )


def admit(
    database: Database, authority: CertificateAuthority, *, request: EnrolmentRequest, role: Role = Role.ORDERER
) -> bytes:
    with database.transaction() as session:
        certificate = admit_organisation(session, authority=authority, request=request, role=role, holder="holder")
    return certificate.public_bytes(PEM)


def test_no_name_of_an_organisation_may_hold_an_identity_number(
    database: Database, authority: CertificateAuthority
) -> None:
    # An official test number: names are written into the audit log.
    number = "18900101-9802"
    key = ec.generate_private_key(ec.SECP256R1())
    for request in (
        letter(f"register-{number}"),
        letter().model_copy(update={"title": f"The register of {number}"}),
        letter().model_copy(update={"certificate_request": csr(key, name=f"desk of {number}")}),
    ):
        with pytest.raises(InputRefused, match="identity number") as refusal:
            admit(database, authority, request=request)
        assert number not in str(refusal.value)
    with database.reading() as session:
        assert list_organisations(session) == []


def test_an_admitted_organisation_is_known_by_its_certificate(
    database: Database, authority: CertificateAuthority
) -> None:
    pem = admit(database, authority, request=letter())
    caller = identify_caller(database, pem)
    assert (caller.organisation, caller.role, caller.name) == ("swedeheart", "orderer", "")
    certificate = x509.load_pem_x509_certificate(pem)
    subject = {attribute.oid: attribute.value for attribute in certificate.subject}
    assert subject[NameOID.ORGANIZATION_NAME] == "swedeheart"
    assert subject[NameOID.ORGANIZATIONAL_UNIT_NAME] == "orderer"
    certificate.verify_directly_issued_by(authority.certificate)
    with database.reading() as session:
        assert trusted_signing_keys(session, "swedeheart") == {SIGNING.key_id: SIGNING.public}


def test_officers_belong_to_the_holder_and_are_known_by_name(
    database: Database, authority: CertificateAuthority
) -> None:
    request = letter("holder").model_copy(
        update={"certificate_request": csr(ec.generate_private_key(ec.SECP256R1()), name="Anna Officer")}
    )
    caller = identify_caller(database, admit(database, authority, request=request, role=Role.OFFICER))
    assert (caller.organisation, caller.role, caller.actor) == ("holder", "officer", "holder/Anna Officer")


@pytest.mark.parametrize(
    ("organisation", "role"), [("swedeheart", Role.OFFICER), ("swedeheart", Role.OPERATOR), ("holder", Role.ORDERER)]
)
def test_nobody_is_both_orderer_and_holder(
    database: Database, authority: CertificateAuthority, organisation: str, role: Role
) -> None:
    with pytest.raises(InputRefused, match="cannot have the role"):
        admit(database, authority, request=letter(organisation), role=role)


def test_a_revoked_organisation_is_unknown_at_once_with_all_its_keys(
    database: Database, authority: CertificateAuthority
) -> None:
    pems = [admit(database, authority, request=letter()) for _ in range(2)]
    other = admit(database, authority, request=letter("another", signing=SigningKeyPair.generate()))
    with database.transaction() as session:
        revoke_organisation(session, "swedeheart")
    for pem in pems:
        with pytest.raises(NotAuthenticated):
            identify_caller(database, pem)
    assert identify_caller(database, other).organisation == "another"
    with database.reading() as session:
        assert trusted_signing_keys(session, "swedeheart") == {}
        views = {view.organisation: view for view in list_organisations(session)}
    assert views["swedeheart"].revoked_at is not None
    assert (views["swedeheart"].certificates, views["another"].certificates) == ({}, {"orderer": 1})
    with pytest.raises(Conflict, match="revoked"):
        admit(database, authority, request=letter(signing=SigningKeyPair.generate()))


def test_who_is_not_known_hears_the_same_whatever_the_reason(
    database: Database, authority: CertificateAuthority, clock: Clock, tmp_path: Path
) -> None:
    good = admit(database, authority, request=letter())
    never_written_down = authority.issue(
        csr(ec.generate_private_key(ec.SECP256R1())).encode(), organisation="swedeheart", role="officer", now=clock()
    ).public_bytes(PEM)
    (tmp_path / "other").mkdir()
    foreign = CertificateAuthority.create(tmp_path / "other", name="Foreign", now=clock()).certificate_pem
    answers = set()
    for pem in (b"", b"rubbish", never_written_down, foreign):
        with pytest.raises(NotAuthenticated) as caught:
            identify_caller(database, pem)
        answers.add(str(caught.value))
    clock.advance(timedelta(days=500))
    with pytest.raises(NotAuthenticated) as caught:
        identify_caller(database, good)
    assert answers == {str(caught.value)}


def test_signing_keys_belong_to_one_organisation(database: Database, authority: CertificateAuthority) -> None:
    admit(database, authority, request=letter())
    with pytest.raises(Conflict, match="another organisation"):
        admit(database, authority, request=letter("another"))
    with pytest.raises(NotAuthenticated):
        identify_caller(database, b"")


def test_an_organisation_that_is_not_there_cannot_be_revoked(database: Database) -> None:
    with database.transaction() as session, pytest.raises(NotFound):
        revoke_organisation(session, "nobody")


def test_a_weak_or_broken_request_is_refused(authority: CertificateAuthority, clock: Clock) -> None:
    weak = csr(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    good = csr(ec.generate_private_key(ec.SECP256R1()))
    lines = good.splitlines()
    lines[3] = lines[3][::-1]
    for text in (weak, "", "rubbish", "\n".join(lines), good.replace("REQUEST", "CERTIFICATE")):
        with pytest.raises(InputRefused):
            authority.issue(text.encode(), organisation="a", role="orderer", now=clock())


def test_the_server_certificate_is_for_this_machine_and_the_named_hosts(
    authority: CertificateAuthority, clock: Clock, tmp_path: Path
) -> None:
    authority.issue_server_certificate(tmp_path, hosts=("linkage.example", "10.0.0.7"), now=clock())
    certificate = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "linkage.example"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1", "10.0.0.7"]
    certificate.verify_directly_issued_by(authority.certificate)
    for file in tmp_path.iterdir():
        assert file.stat().st_mode & 0o077 == 0


def test_the_server_certificate_is_kept_while_it_serves_and_made_anew_where_it_does_not(
    authority: CertificateAuthority, clock: Clock, tmp_path: Path
) -> None:
    def kept(host: str, at: datetime) -> bytes:
        authority.keep_server_certificate(tmp_path, host=host, now=at)
        return (tmp_path / "server.pem").read_bytes()

    authority.issue_server_certificate(tmp_path, hosts=(), now=clock())
    first = (tmp_path / "server.pem").read_bytes()
    assert kept("localhost", clock()) == first
    named = kept("linkage.example", clock())
    certificate = x509.load_pem_x509_certificate(named)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "linkage.example"]
    assert kept("linkage.example", certificate.not_valid_after_utc - timedelta(days=31)) == named
    renewed = kept("linkage.example", certificate.not_valid_after_utc - timedelta(days=30))
    assert renewed != named
    # What a start that was killed between the two files, or a restored copy of one of them, leaves.
    (tmp_path / "server.pem").write_bytes(named)
    again = kept("linkage.example", clock())
    assert again not in (named, renewed)
    (tmp_path / "server.pem").unlink()
    assert kept("linkage.example", clock()) != again
    assert kept("10.0.0.7", clock()) == kept("10.0.0.7", clock())


def test_the_authority_is_read_back_and_never_made_twice(
    authority: CertificateAuthority, clock: Clock, tmp_path: Path
) -> None:
    assert CertificateAuthority.load(tmp_path).certificate == authority.certificate
    with pytest.raises(Conflict):
        CertificateAuthority.create(tmp_path, name="Another", now=clock())
    (tmp_path / "ca.key").unlink()
    with pytest.raises(InputRefused):
        CertificateAuthority.load(tmp_path)


def test_a_reply_is_only_taken_from_the_pinned_holder(authority: CertificateAuthority, tmp_path: Path) -> None:
    envelope, release = RecipientKeyPair.generate().public, SigningKeyPair.generate().public
    reply = EnrolmentReply(
        organisation="swedeheart",
        role="orderer",
        server_address="localhost:50051",
        certificate=authority.certificate_pem.decode(),
        ca_certificate=authority.certificate_pem.decode(),
        envelope_key=envelope.to_json(),
        release_signing_keys=release.to_json(),
    )
    path = tmp_path / "reply.json"
    path.write_text(reply.to_json())
    read = read_letter(path, EnrolmentReply)
    assert read == reply
    pin = reply.fingerprint
    read.require_pin(" ".join(pin[place : place + 4].upper() for place in range(0, 64, 4)))
    swapped = {
        "envelope_key": RecipientKeyPair.generate().public.to_json(),
        "release_signing_keys": SigningKeyPair.generate().public.to_json(),
    }
    for field, value in swapped.items():
        with pytest.raises(NotAuthenticated, match="fingerprint"):
            read.model_copy(update={field: value}).require_pin(pin)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"x" * 100_000, b'{"organisation": "A B"}'])
def test_what_is_no_enrolment_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "request.json"
    path.write_bytes(content)
    with pytest.raises(InputRefused, match=r"request\.json"):
        read_letter(path, EnrolmentRequest)


def test_openssl_reads_the_chain(tmp_path: Path) -> None:
    """A second implementation, with the real clock, agrees that the server's certificate comes from the CA."""
    today = datetime.now(UTC)
    authority = CertificateAuthority.create(tmp_path, name="Test CA", now=today)
    authority.issue_server_certificate(tmp_path, hosts=("linkage.example",), now=today)
    script = (
        "import socket, ssl, sys, threading\n"
        "folder = sys.argv[1]\n"
        "server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
        "server.load_cert_chain(folder + '/server.pem', folder + '/server.key')\n"
        "client = ssl.create_default_context(cafile=folder + '/ca.pem')\n"
        "client.minimum_version = ssl.TLSVersion.TLSv1_3\n"
        "a, b = socket.socketpair()\n"
        "thread = threading.Thread(target=lambda: server.wrap_socket(a, server_side=True).close())\n"
        "thread.start()\n"
        "print(client.wrap_socket(b, server_hostname='localhost').version())\n"
        "thread.join()\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "TLSv1.3", done.stderr
