"""A hostile client against the real server: who may not in stays out, and nothing that is sent makes it stumble."""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from google.longrunning import operations_pb2
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from linkage.wire.v1 import orders_pb2, populations_pb2, releases_pb2
from linkage_client.api import Linkage
from linkage_client.enrolment import make_request
from linkage_client.home import ClientHome
from linkage_server.access.certificate_authority import CertificateAuthority
from linkage_server.access.certificates import serial_text
from linkage_server.access.organisations import revoke_organisation
from linkage_server.access.permits import Role
from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.storage.tables import CertificateRow, OrganisationRow, UploadRow
from tests.support.hostile import NUMBER, Answer, Fuzzer, all_methods, anonymous_channel, call, channel, method, path_of
from tests.support.identity_search import IdentitySearch
from tests.support.loaded_service import ORDER, SMALL_ORDER, LoadedService, copy_home

HEALTH = method("Health/Check")
GET = method("OrdersService/GetOrder")
OPERATOR_ONLY = {"GetServiceStatus", "List"}
OFFICER_ONLY = {"ApproveOrder", "ReturnOrder", "RejectOrder", "ReviewRelease", "ApproveRelease", "WithholdRelease"}
BOTH_DESKS = {"GetOrder", "ListOrders", "ExplainOrder"}
EVERYONE = {"Check", "Watch", "ListRegisters", "ListVariables", "ListCodes", "ListIndicators", "ListPolicies"}
NOBODY = {"CancelOperation", "DeleteOperation"}
# The handler of one made-up order fails with an identity number in its exception.
PLANTED = f"""
import sys
from linkage_server.orders.order_book import OrderBook
real = OrderBook.get
def get(self, caller, name):
    if name.endswith("/orders/planted"):
        raise ValueError("no such person: {NUMBER}")
    return real(self, caller, name)
OrderBook.get = get
from linkage_server.__main__ import main
sys.argv = ["linkage-server", "serve", "--quiet", "--home", sys.argv[1]]
main()
"""


@dataclass
class Scene:
    """A server with a released order of one register, an open order of it, and everybody who may call."""

    service: LoadedService
    heart: ClientHome
    people: dict[Role, ClientHome]
    folder: Path
    released: str
    open: str
    upload: str
    operation: str
    release: str

    def named(self, to: grpc.Channel, name: str, *requests: bytes | Message) -> Answer:
        return call(to, method(name), requests)


@pytest.fixture(scope="module")
def scene(
    loaded_home: tuple[Path, MadeUpRegisters], made: MadeUpRegisters, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("hostile")
    settings = {"revocation_seconds = 15.0": "revocation_seconds = 0.5"}
    service = copy_home(loaded_home[0], folder / "home", settings=settings)
    service.command = ("-c", PLANTED)
    service.start()
    heart = service.enrol(folder / "heart", organisation="heart-register")
    people = {Role.ORDERER: heart}
    for role in (Role.OFFICER, Role.OPERATOR):
        people[role] = service.enrol(folder / role.value, organisation="holder", role=role)
    with Linkage(heart.root) as linkage:
        order = folder / "order.toml"
        order.write_text(SMALL_ORDER)
        released = linkage.submit(order, made.population).order.name
        service.approve(released)
        service.wait_until(released, {"awaiting_release"})
        service.release(released)
    with channel(heart) as to:
        filed = call(to, method("OrdersService/CreateOrder"), [create(ORDER.read_text())])
        waiting = orders_pb2.Order.FromString(filed.messages[0]).name
        started = call(to, method("PopulationsService/StartUpload"), [start(waiting)])
        upload = populations_pb2.StartUploadResponse.FromString(started.messages[0]).upload
        listed = call(to, method("Operations/ListOperations"), [b""])
        operation = operations_pb2.ListOperationsResponse.FromString(listed.messages[0]).operations[0].name
        got = call(to, method("ReleasesService/GetRelease"), [releases_pb2.GetReleaseRequest(order=released)])
        release = releases_pb2.Release.FromString(got.messages[0]).name
    yield Scene(service, heart, people, folder, released, waiting, upload, operation, release)
    service.stop()
    service.service.database.close()


def create(document: str) -> orders_pb2.CreateOrderRequest:
    return orders_pb2.CreateOrderRequest(document=document, request_id=new_id())


def start(order: str, **other: object) -> populations_pb2.StartUploadRequest:
    request = {"upload_id": new_id(), "container_bytes": 10_000, "container_sha256": bytes(32), "request_id": new_id()}
    return populations_pb2.StartUploadRequest(order=order, **(request | other))  # type: ignore[arg-type]


def new_id() -> str:
    return str(uuid.uuid4())


def outcomes_since(scene: Scene, count: int) -> list[tuple[str, str]]:
    return [(entry.action, entry.outcome) for entry in scene.service.service.trail.entries(after=count)]


def entries(scene: Scene) -> int:
    return scene.service.service.trail.newest(limit=1)[0].seq


# Who is let in --------------------------------------------------------------------------------------------------------


def test_without_a_certificate_nobody_gets_through(scene: Scene) -> None:
    before = entries(scene)
    with anonymous_channel(scene.service) as to:
        assert call(to, HEALTH, [b""], seconds=3).code is grpc.StatusCode.UNAVAILABLE
    assert outcomes_since(scene, before) == []


def test_a_certificate_of_another_authority_does_not_get_through(scene: Scene, tmp_path: Path) -> None:
    stranger = ClientHome(tmp_path / "stranger")
    letter = make_request(stranger, organisation="heart-register", title="The Heart Register")
    (tmp_path / "keys").mkdir(mode=0o700)
    moment = scene.service.service.database.clock()
    other = CertificateAuthority.create(tmp_path / "keys", name="Made-up authority (Linkage)", now=moment)
    forged = other.issue(letter.certificate_request.encode(), organisation="heart-register", role="orderer", now=moment)
    with channel(scene.heart, key=stranger.tls_key(), certificate=forged.public_bytes(Encoding.PEM)) as to:
        assert call(to, HEALTH, [b""], seconds=3).code is grpc.StatusCode.UNAVAILABLE


def test_a_certificate_that_was_never_written_down_is_refused(scene: Scene, tmp_path: Path) -> None:
    """Issued by the true authority's key, but not by the service: a stolen CA key alone opens nothing."""
    stranger = ClientHome(tmp_path / "stranger")
    letter = make_request(stranger, organisation="heart-register", title="The Heart Register")
    authority = scene.service.service.authority
    issued = authority.issue(
        letter.certificate_request.encode(),
        organisation="heart-register",
        role="operator",
        now=scene.service.service.database.clock(),
    )
    with channel(scene.heart, key=stranger.tls_key(), certificate=issued.public_bytes(Encoding.PEM)) as to:
        answer = call(to, HEALTH, [b""])
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "NOT_AUTHENTICATED")


@pytest.mark.parametrize("days", [-500, 2], ids=["run out", "not valid yet"])
def test_a_certificate_of_another_time_gets_through_to_no_method(scene: Scene, tmp_path: Path, days: int) -> None:
    """Issued by the true authority and written down as valid: its own days are what the handshake goes by."""
    service = scene.service.service
    moment = service.database.clock()
    stranger = ClientHome(tmp_path / "stranger")
    letter = make_request(stranger, organisation="heart-register", title="The Heart Register")
    issued = service.authority.issue(
        letter.certificate_request.encode(),
        organisation="heart-register",
        role="orderer",
        now=moment + timedelta(days=days),
    )
    with service.database.transaction() as session:
        session.add(
            CertificateRow(
                serial=serial_text(issued.serial_number),
                fingerprint=issued.fingerprint(SHA256()).hex(),
                organisation="heart-register",
                role="orderer",
                issued_at=moment,
                not_after=moment + timedelta(days=400),
                revoked_at=None,
            )
        )
    before = entries(scene)
    with channel(scene.heart, key=stranger.tls_key(), certificate=issued.public_bytes(Encoding.PEM)) as to:
        for one in all_methods():
            assert call(to, one, [b""], seconds=3).code is grpc.StatusCode.UNAVAILABLE, one.full_name
    assert outcomes_since(scene, before) == []


def test_tls_1_2_is_refused_though_the_certificate_is_good(scene: Scene, tmp_path: Path) -> None:
    reply = scene.heart.enrolment()
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(reply.certificate)
    key.write_bytes(scene.heart.tls_key())
    tls = ssl.create_default_context(cadata=reply.ca_certificate)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.set_alpn_protocols(["h2"])
    tls.load_cert_chain(certificate, key)
    before, port = entries(scene), scene.service.service.settings.listen.port
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        tls.wrap_socket(plain, server_hostname="localhost") as speaking,
    ):
        assert speaking.version() == "TLSv1.2"
        speaking.sendall(_health_check_in_http2(f"localhost:{port}"))
        until = time.monotonic() + 10
        while not outcomes_since(scene, before) and time.monotonic() < until:
            speaking.recv(65536)
    assert outcomes_since(scene, before) == [(path_of(HEALTH), "NOT_AUTHENTICATED")]


def _health_check_in_http2(authority: str) -> bytes:
    """Preface, SETTINGS, HEADERS (literals, RFC 7541 6.2.2) and an empty gRPC message."""
    headers = b"".join(
        b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value
        for name, value in (
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":path", path_of(HEALTH).encode()),
            (b":authority", authority.encode()),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
        )
    )

    def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
        return len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + content

    return (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, headers) + frame(0, 1, 1, bytes(5))
    )


@pytest.mark.parametrize("talkative", [False, True], ids=["silent", "sending on"])
def test_a_revoked_certificate_loses_the_upload_it_has_open(scene: Scene, tmp_path: Path, talkative: bool) -> None:
    organisation = f"revoked-{'talking' if talkative else 'silent'}"
    client = scene.service.enrol(tmp_path / "client", organisation=organisation)
    with channel(client) as to:
        filed = scene.named(to, "OrdersService/CreateOrder", create(ORDER.read_text()))
        order = orders_pb2.Order.FromString(filed.messages[0]).name
        started = scene.named(to, "PopulationsService/StartUpload", start(order))
        upload = populations_pb2.StartUploadResponse.FromString(started.messages[0]).upload
        sent, over = threading.Event(), threading.Event()

        def pieces() -> Iterator[populations_pb2.UploadChunksRequest]:
            yield populations_pb2.UploadChunksRequest(upload=upload, offset=0, data=b"x" * 100)
            sent.set()
            offset = 100
            while not over.wait(0.05 if talkative else 20) and talkative:
                yield populations_pb2.UploadChunksRequest(upload=upload, offset=offset, data=b"x")
                offset += 1

        def revoke() -> None:
            sent.wait(10)
            with scene.service.service.database.transaction() as session:
                revoke_organisation(session, organisation)

        revoking = threading.Thread(target=revoke)
        revoking.start()
        since = time.monotonic()
        answer = call(to, method("PopulationsService/UploadChunks"), pieces(), seconds=25)
        over.set()
        revoking.join()
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "NOT_AUTHENTICATED")
    assert time.monotonic() - since < 10
    with scene.service.service.database.reading() as session:
        stored = sa.select(UploadRow.bytes_stored).where(UploadRow.upload_id == upload.rsplit("/", maxsplit=1)[1])
        assert session.scalars(stored).one() >= 100


def test_a_revoked_certificate_loses_the_answers_it_listens_to(scene: Scene, tmp_path: Path) -> None:
    client = scene.service.enrol(tmp_path / "client", organisation="revoked-listening")
    with channel(client) as to:
        watching = to.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=20)
        assert next(watching) == health_pb2.HealthCheckResponse(status=1).SerializeToString()
        with scene.service.service.database.transaction() as session:
            revoke_organisation(session, "revoked-listening")
        with pytest.raises(grpc.RpcError) as refused:
            next(watching)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED  # type: ignore[attr-defined]


def test_no_role_can_call_what_another_role_may(scene: Scene) -> None:
    allowed = {
        Role.ORDERER: {m.name for m in all_methods()} - OFFICER_ONLY - OPERATOR_ONLY - NOBODY,
        Role.OFFICER: OFFICER_ONLY | BOTH_DESKS | EVERYONE,
        Role.OPERATOR: OPERATOR_ONLY | EVERYONE,
    }
    for role, client in scene.people.items():
        with channel(client) as to:
            for one in all_methods():
                if one.name == "Watch":
                    continue
                answer = call(to, one, [b""])
                refused = (grpc.StatusCode.PERMISSION_DENIED, "NOT_PERMITTED")
                assert ((answer.code, answer.reason) == refused) == (one.name not in allowed[role]), (role, one.name)


# What is sent ---------------------------------------------------------------------------------------------------------


def test_whatever_is_sent_is_answered_with_a_reason_and_never_repeated(scene: Scene) -> None:
    names = [scene.released, scene.open, scene.upload, scene.operation, scene.release, "table.csv", "lmed"]
    seen: set[grpc.StatusCode] = set()
    for role, client in scene.people.items():
        fuzzer = Fuzzer(random.Random(f"20261122 {role}"), names)
        with channel(client) as to:
            for one in all_methods():
                for _ in range(0 if one.name in {"Watch", "WaitOperation"} else 8):
                    requests = [fuzzer.request(one) for _ in range(2 if one.client_streaming else 1)]
                    answer = call(to, one, requests)
                    seen.add(answer.code)
                    assert answer.code not in {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}, (one.name, requests)
                    # The standard of health checks has a refusal of its own, without a reason.
                    assert answer.reason or answer.code is grpc.StatusCode.OK or one == HEALTH, (one.name, answer.code)
                    assert NUMBER.encode() not in answer.raw.replace(b"-", b""), one.name
    assert seen >= {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}
    with channel(scene.heart) as to:
        assert call(to, GET, [orders_pb2.GetOrderRequest(name=scene.released)]).code is grpc.StatusCode.OK


@pytest.mark.parametrize("seconds", [-(2**63), -1, 2**63 - 1, 10**12])
def test_a_wait_of_any_length_ends(scene: Scene, seconds: int) -> None:
    request = operations_pb2.WaitOperationRequest(name=scene.operation)
    request.timeout.seconds, request.timeout.nanos = seconds, 2**31 - 1
    with channel(scene.heart) as to:
        assert call(to, method("Operations/WaitOperation"), [request]).code is grpc.StatusCode.OK


def test_oversized_messages_and_metadata_are_refused_and_the_service_goes_on(scene: Scene) -> None:
    request = orders_pb2.CreateOrderRequest(document="#" * (1024 * 1024 + 1), request_id=new_id())
    with channel(scene.heart) as to:
        assert scene.named(to, "OrdersService/CreateOrder", request).code is grpc.StatusCode.RESOURCE_EXHAUSTED
        large = (("x-large", "y" * 9_000),)
        assert call(to, GET, [b""], metadata=large).code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert call(to, HEALTH, [b""]).code is grpc.StatusCode.OK


def test_a_method_that_does_not_exist_is_not_there(scene: Scene) -> None:
    with channel(scene.heart) as to, pytest.raises(grpc.RpcError) as refused:
        to.unary_unary("/linkage.wire.v1.OrdersService/DeleteEverything")(b"", timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]


def test_forty_idle_uploads_keep_nobody_waiting(scene: Scene) -> None:
    over = threading.Event()

    def idle(place: int) -> Iterator[bytes]:
        if place % 2:
            yield populations_pb2.UploadChunksRequest(upload=scene.upload, offset=0).SerializeToString()
        over.wait(30)

    with channel(scene.heart) as to:
        uploads = [
            to.stream_unary("/linkage.wire.v1.PopulationsService/UploadChunks").future(idle(place), timeout=30)
            for place in range(40)
        ]
        with channel(scene.heart) as other:
            for _ in range(5):
                since = time.monotonic()
                assert call(other, HEALTH, [b""]).code is grpc.StatusCode.OK
                assert call(other, GET, [orders_pb2.GetOrderRequest(name=scene.open)]).code is grpc.StatusCode.OK
                assert time.monotonic() - since < 3
        assert not all(upload.done() for upload in uploads)
        over.set()
        for upload in uploads:
            upload.cancel()


# What belongs to others -----------------------------------------------------------------------------------------------


def test_what_belongs_to_another_organisation_is_not_there(scene: Scene, tmp_path: Path) -> None:
    stranger = scene.service.enrol(tmp_path / "stranger", organisation="stroke-register")

    def attempts(order: str, upload: str, operation: str, release: str) -> dict[str, Message]:
        return {
            "OrdersService/GetOrder": orders_pb2.GetOrderRequest(name=order),
            "OrdersService/CancelOrder": orders_pb2.CancelOrderRequest(name=order, request_id=new_id()),
            "OrdersService/ExplainOrder": orders_pb2.ExplainOrderRequest(name=order, persons=1000),
            "PopulationsService/StartUpload": start(order),
            "PopulationsService/UploadChunks": populations_pb2.UploadChunksRequest(upload=upload, data=b"x"),
            "PopulationsService/QueryUpload": populations_pb2.QueryUploadRequest(upload=upload),
            "PopulationsService/FinalizeUpload": populations_pb2.FinalizeUploadRequest(
                upload=upload, request_id=new_id()
            ),
            "Operations/GetOperation": operations_pb2.GetOperationRequest(name=operation),
            "Operations/WaitOperation": operations_pb2.WaitOperationRequest(name=operation),
            "ReleasesService/GetRelease": releases_pb2.GetReleaseRequest(order=order),
            "ReleasesService/DownloadFile": releases_pb2.DownloadFileRequest(release=release, path="table.csv"),
        }

    def of_nobody(order: str) -> dict[str, Message]:
        return attempts(order, f"{order}/uploads/{new_id()}", "operations/" + "0" * 32, f"{order}/releases/x-1")

    def as_own(name: str) -> str:
        return name.replace("heart-register", "stroke-register")

    there = attempts(scene.released, scene.upload, scene.operation, scene.release)
    # An order's last part is known to the service; under another organisation's name it is nobody's.
    claimed = attempts(as_own(scene.released), as_own(scene.upload), scene.operation, as_own(scene.release))
    absent = "organisations/heart-register/orders/bbbb-cccc-dddd"
    with channel(stranger) as to:
        for name in there:
            tried = (there[name], claimed[name], of_nobody(absent)[name], of_nobody(as_own(absent))[name])
            answers = [scene.named(to, name, one) for one in tried]
            assert {(one.code, one.reason) for one in answers} == {(grpc.StatusCode.NOT_FOUND, "NOT_FOUND")}, name
            # Nobody can tell from the words or facts either whether the thing exists.
            assert len({one.raw.split(b"grpc-status-details-bin")[0] for one in answers}) == 1, name
            told = [{fact: words for fact, words in one.facts.items() if fact != "error_id"} for one in answers]
            assert told == [told[0]] * len(told), name
        listed = scene.named(to, "Operations/ListOperations", b"")
        assert operations_pb2.ListOperationsResponse.FromString(listed.messages[0]).operations == []
        assert scene.named(to, "OrdersService/ListOrders", b"").messages == (b"",)


@pytest.mark.parametrize(
    "path",
    """../table.csv /etc/passwd ./table.csv table.csv\x00 tables/../table.csv .. TABLE.CSV ../../../keys/pepper-1.key
    %2e%2e/table.csv table.csv/ ../../../../../../../../../../etc/passwd manifest.json/..""".split(),  # noqa: SIM905
)
def test_only_files_of_the_manifest_can_be_fetched(scene: Scene, path: str) -> None:
    with channel(scene.heart) as to:
        asked = releases_pb2.DownloadFileRequest(release=scene.release, path=path)
        assert scene.named(to, "ReleasesService/DownloadFile", asked).code is grpc.StatusCode.NOT_FOUND
        for release in (f"{scene.release}/..", f"{scene.released}/releases/../..", scene.release + "\x00"):
            asked = releases_pb2.DownloadFileRequest(release=release, path="table.csv")
            assert scene.named(to, "ReleasesService/DownloadFile", asked).code is grpc.StatusCode.NOT_FOUND


def test_a_replayed_request_does_nothing_twice_and_its_id_fits_no_other_request(scene: Scene) -> None:
    with channel(scene.heart) as to:
        first = start(scene.open)
        answers = [scene.named(to, "PopulationsService/StartUpload", first) for _ in range(2)]
        assert answers[0].messages == answers[1].messages
        other = start(scene.open, request_id=first.request_id)
        refused = scene.named(to, "PopulationsService/StartUpload", other)
        assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")
        upload = f"{scene.released}/uploads/"
        with scene.service.service.database.reading() as session:
            query = sa.select(UploadRow.upload_id).where(UploadRow.state == "accepted")
            upload += session.scalars(query).one()
        finish = populations_pb2.FinalizeUploadRequest(upload=upload, request_id=new_id())
        twice = [scene.named(to, "PopulationsService/FinalizeUpload", finish) for _ in range(2)]
        assert twice[0].messages == twice[1].messages
        assert operations_pb2.Operation.FromString(twice[0].messages[0]).name == scene.operation
        finish.upload = scene.upload
        refused = scene.named(to, "PopulationsService/FinalizeUpload", finish)
        assert refused.code is grpc.StatusCode.ALREADY_EXISTS


# What must not get out ------------------------------------------------------------------------------------------------


def test_an_exception_in_a_handler_reaches_neither_the_client_nor_a_log(scene: Scene) -> None:
    with channel(scene.heart) as to:
        name = "organisations/heart-register/orders/planted"
        answer = call(to, GET, [orders_pb2.GetOrderRequest(name=name)])
        assert (answer.code, answer.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
        assert NUMBER.encode() not in answer.raw
        assert b"ValueError" not in answer.raw
        assert call(to, HEALTH, [b""]).code is grpc.StatusCode.OK
    log = "".join(path.read_text() for path in (scene.service.root / "logs").iterdir())
    assert '"kind": "ValueError"' in log
    assert "no such person" not in log


ESCAPED = "".join(f"\\u{ord(digit):04x}" for digit in NUMBER)
DOCUMENTS = {
    "title": ('title = "Second', f'title = "{NUMBER} Second'),
    "title, escaped": ('title = "Second', f'title = "{ESCAPED} Second'),
    "title, wide digits": ('title = "Second', 'title = "１８９００１０１９８０２ Second'),
    "contact.name": ('name = "The Heart', f'name = "{NUMBER[:8]}-{NUMBER[8:]} The Heart'),
    "contact.email": ('email = "register@', f'email = "{NUMBER}@'),
    "legal_basis.text": ("Quality register under", f"{NUMBER[2:8]} {NUMBER[8:]} Quality register under"),
    "a stratum": ('strata = ["hospital"]', f'strata = ["hospital", "x{NUMBER}"]'),
    "a comment": ("[contact]", f"# {NUMBER}\n[contact]"),
    "an unknown field": ("[contact]", f'[contact]\n"{NUMBER}" = 1'),
    "the file's name": ("[contact]", f'[contact]\nfile = "C:/{NUMBER}.csv"'),
}


@pytest.mark.parametrize("place", DOCUMENTS, ids=str)
def test_an_order_with_an_identity_number_is_refused_without_repeating_it(scene: Scene, place: str) -> None:
    old, new = DOCUMENTS[place]
    document = ORDER.read_text()
    assert old in document
    with channel(scene.heart) as to:
        answer = scene.named(to, "OrdersService/CreateOrder", create(document.replace(old, new)))
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert b"identity number" in answer.raw
    assert NUMBER.encode() not in answer.raw.replace(b"-", b"").replace(b" ", b"")


def test_what_officers_write_is_searched_as_well(scene: Scene) -> None:
    asked = orders_pb2.ReturnOrderRequest(name=scene.open, request_id=new_id(), reason=f"About {NUMBER}.")
    with channel(scene.people[Role.OFFICER]) as to:
        got = call(to, GET, [orders_pb2.GetOrderRequest(name=scene.open)])
        asked.etag = orders_pb2.Order.FromString(got.messages[0]).etag
        requests: dict[str, Message] = {
            "OrdersService/ReturnOrder": asked,
            "OrdersService/RejectOrder": orders_pb2.RejectOrderRequest.FromString(asked.SerializeToString()),
            "OrdersService/ApproveOrder": orders_pb2.ApproveOrderRequest(
                name=scene.open,
                etag=asked.etag,
                request_id=new_id(),
                decision=orders_pb2.SecrecyDecision(
                    exception="OSL 24:8 statistics", no_harm=True, reasoning=f"It is about {NUMBER} only."
                ),
            ),
            "ReleasesService/ApproveRelease": releases_pb2.ApproveReleaseRequest(
                order=scene.released, etag="x", request_id=new_id(), reasoning=NUMBER
            ),
            "ReleasesService/WithholdRelease": releases_pb2.WithholdReleaseRequest(
                order=scene.released, etag="x", request_id=new_id(), reason=NUMBER
            ),
        }
        for name, request in requests.items():
            answer = scene.named(to, name, request)
            assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INPUT_REFUSED"), name
            assert NUMBER.encode() not in answer.raw


def test_a_request_id_that_reads_like_an_identity_number_is_refused(scene: Scene) -> None:
    # Twelve digits with a hyphen are a proper beginning of a UUID4.
    disguised = f"{NUMBER[:8]}-{NUMBER[8:]}-4abc-8abc-abcdefabcdef"
    assert uuid.UUID(disguised).version == 4
    with channel(scene.heart) as to:
        for other in ({"request_id": disguised}, {"upload_id": disguised}):
            answer = scene.named(to, "PopulationsService/StartUpload", start(scene.open, **other))
            assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
        asked = orders_pb2.CreateOrderRequest(document=ORDER.read_text(), request_id=disguised)
        assert scene.named(to, "OrdersService/CreateOrder", asked).code is grpc.StatusCode.INVALID_ARGUMENT


def test_after_all_that_the_number_is_nowhere_and_the_audit_chain_holds(scene: Scene) -> None:
    scene.service.service.trail.verify()
    with scene.service.service.database.reading() as session:
        assert "heart-register" in set(session.scalars(sa.select(OrganisationRow.organisation)))
    search = IdentitySearch([NUMBER])
    home = scene.service.root
    finds = [f for name in ("logs", "spool", "populations", "runs", "releases") for f in search.in_folder(home / name)]
    finds += [find for path in home.glob("database.sqlite*") for find in search.in_file(path)]
    assert finds == []
    events = (home / "logs" / "service.jsonl").read_text().splitlines()
    assert sum('"event": "internal_error"' in line for line in events) == 1
