"""Files over real HTTP servers: whole files come and go, everything else is refused in words without a secret."""

import contextlib
import gzip
import logging
import os
import socket
import ssl
import stat
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs import Pki, csms_pki
from chainpilot.errors import OwnError, outline
from chainpilot.station.adapters.http_exchange import TransferLimits, in_words
from chainpilot.station.adapters.transfers import HttpTransfers
from chainpilot.station.agent.ports import (
    LogUnreadable,
    Obstacle,
    TransferRefused,
    Transfers,
    TransferUndecided,
)
from fileserver import FileServer, Script, file_server, read_request, scripted_server, tls_server

LIMIT = 1 << 20
QUICK = TransferLimits(stall_seconds=0.2, total_seconds=10, most_sent=1000)
SECRET = "hunter2"
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@pytest.fixture
def transfers() -> Transfers:
    return HttpTransfers()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as server:
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "image"


def fetched_from(script: Script, into: Path, **changes: float) -> bytes:
    limits = TransferLimits(**{"stall_seconds": 0.3, "total_seconds": 10, **changes})  # type: ignore[arg-type]  # - the test's own
    with scripted_server(script) as url:
        HttpTransfers(limits=limits).fetch(f"{url}/f", into, limit=LIMIT)
    return into.read_bytes()


def saying(answer: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    return script


# --- fetching


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, LIMIT - 1, LIMIT])
def test_a_file_is_fetched_byte_for_byte(transfers: Transfers, server: FileServer, target: Path, size: int) -> None:
    server.files["/fw/image.bin"] = os.urandom(size)
    transfers.fetch(f"{server.url}/fw/image.bin?v=1", target, limit=LIMIT)
    assert target.read_bytes() == server.files["/fw/image.bin"]
    assert server.requests == [("GET", "/fw/image.bin?v=1")]


def test_only_its_owner_may_read_what_was_fetched(transfers: Transfers, server: FileServer, target: Path) -> None:
    server.files["/f"] = b"x"
    before = os.umask(0)
    try:
        transfers.fetch(f"{server.url}/f", target, limit=LIMIT)
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("size", [LIMIT + 1, 2 * LIMIT])
def test_a_file_that_is_too_large_is_refused(transfers: Transfers, server: FileServer, target: Path, size: int) -> None:
    server.files["/f"] = bytes(size)
    with pytest.raises(TransferRefused, match=f"larger than {LIMIT}"):
        transfers.fetch(f"{server.url}/f", target, limit=LIMIT)
    assert not target.exists()


def test_a_file_that_only_turns_out_too_large_is_refused_and_removed(target: Path) -> None:
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 17
    with pytest.raises(TransferRefused, match=f"larger than {LIMIT}"):
        fetched_from(saying(endless), target)
    assert not target.exists()


def test_a_file_in_chunks_is_taken_when_it_is_whole(target: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    assert fetched_from(saying(answer), target) == b"abcde"


CUT: dict[str, bytes] = {
    "before anything": b"",
    "in the status line": b"HTTP/1.1 2",
    "in the headers": b"HTTP/1.1 200 OK\r\nContent-Le",
    "before the body": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    "one byte early": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd",
    "in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "before the last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
}


@pytest.mark.parametrize("where", CUT)
def test_a_connection_that_is_cut_gives_no_file(target: Path, where: str) -> None:
    kind = TransferRefused if where == "in the status line" else TransferUndecided
    with pytest.raises(kind):
        fetched_from(saying(CUT[where]), target)
    assert not target.exists()


def test_a_file_of_unknown_length_is_refused_since_a_cut_would_go_unnoticed(target: Path) -> None:
    with pytest.raises(TransferUndecided, match="how long"):
        fetched_from(saying(b"HTTP/1.0 200 OK\r\n\r\nabc"), target)
    assert not target.exists()


def test_a_compressed_file_is_refused_since_its_signature_would_not_hold(target: Path) -> None:
    body = gzip.compress(b"abc")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with pytest.raises(TransferRefused, match="compresses"):
        fetched_from(saying(head + body), target)


STATUSES: list[tuple[int, Obstacle | None]] = [
    (206, Obstacle.OTHER),
    (301, Obstacle.OTHER),
    (302, Obstacle.OTHER),
    (400, Obstacle.NOT_UNDERSTOOD),
    (401, Obstacle.DENIED),
    (403, Obstacle.DENIED),
    (404, Obstacle.OTHER),
    (405, Obstacle.NOT_SUPPORTED),
    (408, None),
    (410, Obstacle.OTHER),
    (429, None),
    (500, None),
    (501, Obstacle.NOT_SUPPORTED),
    (503, None),
]
"""What stands in the way; None where trying again may help."""


def kind_of(obstacle: Obstacle | None) -> type[Exception]:
    return TransferUndecided if obstacle is None else TransferRefused


@pytest.mark.parametrize(("status", "obstacle"), STATUSES)
def test_a_status_says_whether_trying_again_may_help(
    transfers: Transfers, server: FileServer, target: Path, status: int, obstacle: Obstacle | None
) -> None:
    server.files["/f"] = server.files["/elsewhere"] = b"x"
    server.statuses = [status]
    with pytest.raises(kind_of(obstacle), match=str(status)) as failed:
        transfers.fetch(f"{server.url}/f", target, limit=LIMIT)
    assert getattr(failed.value, "obstacle", None) is obstacle
    assert not target.exists()
    assert len(server.requests) == 1, "a redirect was followed"


def test_what_is_no_http_is_not_understood(target: Path) -> None:
    with pytest.raises(TransferRefused) as refused:
        fetched_from(saying(b"220 ftp.example ready\r\n"), target)
    assert refused.value.obstacle is Obstacle.NOT_UNDERSTOOD


def test_a_silent_server_is_given_up(target: Path) -> None:
    over = threading.Event()

    def silent(_: socket.socket) -> None:
        over.wait(20)

    try:
        with pytest.raises(TransferUndecided, match="silent"):
            fetched_from(silent, target)
    finally:
        over.set()
    assert not target.exists()


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_server_that_keeps_dripping_is_cut_after_the_whole_time(target: Path, part: str) -> None:
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        if part == "body":
            connection.sendall(b"Content-Length: 1000\r\n\r\n")
        while not over.wait(0.05):
            connection.sendall(b"a")

    try:
        with pytest.raises(TransferUndecided, match="too long"):
            fetched_from(drip, target, total_seconds=0.5)
    finally:
        over.set()
    assert not target.exists()


def test_nobody_listens_at_the_place(transfers: Transfers, target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TransferUndecided, match=f"127.0.0.1:{port} can't be reached"):
        transfers.fetch(f"http://127.0.0.1:{port}/", target, limit=LIMIT)
    assert not target.exists()


def test_a_name_that_nobody_knows_can_not_be_reached(transfers: Transfers, target: Path) -> None:
    with pytest.raises(TransferUndecided):
        transfers.fetch("http://files.invalid/", target, limit=LIMIT)


def test_a_file_that_is_there_already_is_not_written_over(
    transfers: Transfers, server: FileServer, target: Path
) -> None:
    target.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        transfers.fetch(f"{server.url}/f", target, limit=LIMIT)
    assert target.read_bytes() == b"mine"


def test_a_file_that_can_not_be_written_is_our_own_trouble(
    transfers: Transfers, server: FileServer, tmp_path: Path
) -> None:
    server.files["/f"] = b"x"
    with pytest.raises(FileNotFoundError):
        transfers.fetch(f"{server.url}/f", tmp_path / "nowhere" / "image", limit=LIMIT)


def test_who_removes_the_file_ends_its_transfer(target: Path) -> None:
    over = threading.Event()

    def endless(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not over.wait(0.02):
            connection.sendall(b"a")
            if target.exists():
                target.unlink()

    try:
        with pytest.raises(TransferUndecided, match="nobody wants"):
            fetched_from(endless, target)
    finally:
        over.set()
    assert not target.exists()


def test_proxies_of_the_environment_are_not_asked(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROXIES:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.files["/f"] = b"x"
    HttpTransfers().fetch(f"{server.url}/f", target, limit=LIMIT)
    assert target.read_bytes() == b"x"


# --- bringing


@pytest.mark.parametrize("size", [0, 1, 100_000, (1 << 20) + 1])
def test_a_file_is_brought_byte_for_byte(transfers: Transfers, server: FileServer, size: int) -> None:
    data = os.urandom(size)
    transfers.bring(f"{server.url}/logs/", (data[at : at + 999] for at in range(0, size, 999)), filename="a b.txt")
    assert server.requests == [("PUT", "/logs/a%20b.txt")]
    assert server.files == {"/logs/a%20b.txt": data}


def test_a_location_that_is_no_folder_is_the_file_itself(transfers: Transfers, server: FileServer) -> None:
    transfers.bring(f"{server.url}/logs/mine?t=1", [b"x"], filename="other.txt")
    assert server.requests == [("PUT", "/logs/mine?t=1")]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_one(transfers: Transfers, server: FileServer, status: int) -> None:
    server.statuses = [status]
    transfers.bring(f"{server.url}/", [b"x"], filename="f")


@pytest.mark.parametrize(("status", "obstacle"), STATUSES[1:])
def test_a_status_says_why_a_file_was_not_taken(
    transfers: Transfers, server: FileServer, status: int, obstacle: Obstacle | None
) -> None:
    server.statuses = [status]
    with pytest.raises(kind_of(obstacle), match=str(status)) as failed:
        transfers.bring(f"{server.url}/", [b"x"], filename="f")
    assert getattr(failed.value, "obstacle", None) is obstacle
    assert len(server.requests) == 1


@pytest.mark.parametrize(("size", "taken"), [(999, True), (1000, True), (1001, False)])
def test_no_more_is_sent_than_the_bound(server: FileServer, size: int, taken: bool) -> None:
    transfers = HttpTransfers(limits=QUICK)
    if taken:
        transfers.bring(f"{server.url}/", [bytes(size)], filename="f")
        assert server.files["/f"] == bytes(size)
    else:
        with pytest.raises(TransferRefused, match="larger than 1000"):
            transfers.bring(f"{server.url}/", [bytes(size)], filename="f")
        assert not server.requests


def test_a_server_that_refuses_before_it_has_read_everything_is_heard() -> None:
    def refusing(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    with scripted_server(refusing) as url, pytest.raises(TransferRefused) as refused:
        HttpTransfers().bring(f"{url}/", [bytes(5_000_000)], filename="f")
    assert refused.value.obstacle is Obstacle.DENIED


def test_what_the_reading_of_the_content_raises_comes_through_if_it_is_ours(
    transfers: Transfers, server: FileServer
) -> None:
    def content(error: Exception) -> Iterator[bytes]:
        yield b"x"
        raise error

    with pytest.raises(LogUnreadable):
        transfers.bring(f"{server.url}/", content(LogUnreadable("gone")), filename="f")
    with pytest.raises(TransferUndecided, match="ZeroDivisionError"):
        transfers.bring(f"{server.url}/", content(ZeroDivisionError(SECRET)), filename="f")
    assert not server.requests


# --- memory


def test_a_large_file_passes_through_in_pieces(target: Path) -> None:
    size = 32 << 20
    piece = bytes(1 << 16)

    def giving(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(piece)):
            connection.sendall(piece)

    def answering(connection: socket.socket) -> None:
        head = read_request(connection)
        left = size - len(head.partition(b"\r\n\r\n")[2])
        while left > 0:
            left -= len(connection.recv(1 << 16))
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with scripted_server(giving) as source, scripted_server(answering) as sink:
        tracemalloc.start()
        try:
            HttpTransfers().fetch(f"{source}/f", target, limit=size)
            HttpTransfers().bring(f"{sink}/f", (piece for _ in range(size // len(piece))), filename="f")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert target.stat().st_size == size
    assert peak < 4 << 20


# --- TLS


@pytest.fixture(scope="module")
def pki() -> Pki:
    return csms_pki()


@pytest.fixture
def tls(pki: Pki, tmp_path: Path) -> Iterator[FileServer]:
    with file_server(tls_server(pki, tmp_path)) as server:
        server.files["/f"] = b"x"
        yield server


def test_a_server_is_believed_by_the_file_of_cas(tls: FileServer, pki: Pki, tmp_path: Path, target: Path) -> None:
    (tmp_path / "ca.pem").write_text(pki.root.certificate.to_pem())
    transfers = HttpTransfers(ca_file=tmp_path / "ca.pem")
    transfers.fetch(f"{tls.url}/f", target, limit=LIMIT)
    assert target.read_bytes() == b"x"
    transfers.bring(f"{tls.url}/g", [b"y" * 100_000], filename="f")
    assert tls.files["/g"] == b"y" * 100_000


def test_n01_fr_15_a_server_is_believed_by_the_anchors_of_the_csms(tls: FileServer, pki: Pki, target: Path) -> None:
    pems = [pki.root.certificate.to_pem()]
    HttpTransfers(anchors=lambda: "".join(pems)).fetch(f"{tls.url}/f", target, limit=LIMIT)
    assert target.read_bytes() == b"x"


def test_a_server_of_another_pki_is_refused_before_anything_is_said(tls: FileServer, target: Path) -> None:
    for transfers in (HttpTransfers(), HttpTransfers(anchors=csms_pki().root.certificate.to_pem)):
        with pytest.raises(TransferRefused, match="don't trust"):
            transfers.fetch(f"{tls.url}/f", target, limit=LIMIT)
    assert not tls.requests


def test_a_certificate_for_another_name_is_refused(tls: FileServer, pki: Pki, target: Path) -> None:
    transfers = HttpTransfers(anchors=pki.root.certificate.to_pem)
    with pytest.raises(TransferRefused, match="don't trust"):
        transfers.fetch(f"{tls.url.replace('localhost', '127.0.0.1')}/f", target, limit=LIMIT)
    assert not tls.requests


def test_a_file_of_cas_that_is_not_there_trusts_nobody(tls: FileServer, tmp_path: Path, target: Path) -> None:
    for name, content in (("missing.pem", None), ("empty.pem", ""), ("broken.pem", "rubbish")):
        if content is not None:
            (tmp_path / name).write_text(content)
        with pytest.raises(TransferUndecided, match="CAs"):
            HttpTransfers(ca_file=tmp_path / name).fetch(f"{tls.url}/f", target, limit=LIMIT)
    assert not tls.requests


def test_tls_1_1_is_not_spoken(pki: Pki, tmp_path: Path, target: Path) -> None:
    context = tls_server(pki, tmp_path)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with file_server(context) as server, pytest.raises(TransferUndecided, match="no TLS connection"):
        HttpTransfers(anchors=pki.root.certificate.to_pem).fetch(f"{server.url}/f", target, limit=LIMIT)


def test_a_server_that_speaks_no_tls_is_told_as_that(server: FileServer, target: Path) -> None:
    with pytest.raises(TransferUndecided, match="no TLS connection"):
        HttpTransfers().fetch(f"{server.url.replace('http', 'https')}/f", target, limit=LIMIT)


def test_a_handshake_that_drips_is_cut_after_the_whole_time(target: Path) -> None:
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"\x16\x03\x03\x20\x00")
        while not over.wait(0.05):
            connection.sendall(b"\x02")

    limits = TransferLimits(stall_seconds=5, total_seconds=0.4)
    try:
        with scripted_server(drip) as url, pytest.raises((TransferUndecided, TransferRefused)):
            HttpTransfers(limits=limits).fetch(f"{url.replace('http', 'https')}/f", target, limit=LIMIT)
    finally:
        over.set()


# --- secrets


def with_login(url: str, password: str = SECRET) -> str:
    return url.replace("://", f"://station:{password}@")


def test_the_login_of_the_url_is_sent_and_stands_nowhere_else(
    transfers: Transfers, server: FileServer, target: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.login = ("station", f"{SECRET}:é")
    server.files["/f"] = b"x"
    transfers.fetch(f"{with_login(server.url, f'{SECRET}%3A%C3%A9')}/f", target, limit=LIMIT)
    transfers.bring(f"{with_login(server.url, f'{SECRET}%3A%C3%A9')}/g", [b"y"], filename="f")
    assert (target.read_bytes(), server.files["/g"]) == (b"x", b"y")
    assert [request[1] for request in server.requests] == ["/f", "/g"]
    assert SECRET not in caplog.text
    assert SECRET not in repr(transfers)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 401 hunter2\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 hunter2\r\nLocation: http://station:hunter2@elsewhere/\r\nContent-Length: 0\r\n\r\n",
        b"hunter2\r\n",
        b"HTTP/1.1 hunter2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhunter2",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhunter2",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: hunter2\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: hunter2\r\n" * 200,
        b"",
    ],
)
def test_no_failure_shows_the_login_the_query_or_what_a_server_repeats(
    target: Path, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    caplog.set_level(logging.DEBUG)
    failures: list[BaseException] = []
    with scripted_server(saying(answer)) as url:
        try:
            HttpTransfers().fetch(f"{with_login(url)}/hunter2?k=hunter2", target, limit=LIMIT)
        except (TransferRefused, TransferUndecided) as error:
            failures.append(error)
        with contextlib.suppress(TransferRefused, TransferUndecided):  # a success for some of the answers
            HttpTransfers().bring(f"{with_login(url)}/hunter2/?k=hunter2", [b"x"], filename="f")
    assert failures
    for failure in failures:
        failures.extend([failure.__cause__] if failure.__cause__ is not None else [])
        assert SECRET not in f"{failure} {failure!r} {outline(failure)}"
    assert SECRET not in caplog.text


def test_whatever_is_raised_one_family_comes_out() -> None:
    for error in (ValueError(SECRET), RuntimeError(SECRET), UnicodeError(SECRET), KeyError(SECRET), MemoryError()):
        with pytest.raises(TransferUndecided) as failed, in_words("h"):
            raise error
        assert SECRET not in f"{failed.value} {failed.value.__cause__}"
    with pytest.raises(OwnError), in_words("h"):
        raise LogUnreadable("ours")
    with pytest.raises(KeyboardInterrupt), in_words("h"):
        raise KeyboardInterrupt
