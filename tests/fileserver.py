"""File servers on loopback in threads: one that keeps files as a real server does, one that says what a test wants."""

import base64
import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from certs import Pki

__all__ = ["FileServer", "Script", "file_server", "read_request", "scripted_server", "tls_server"]

Script = Callable[[socket.socket], None]


@dataclass
class FileServer:
    """What a running server holds and saw."""

    url: str = ""
    """Without a slash at its end."""
    files: dict[str, bytes] = field(default_factory=dict)
    """By path."""
    login: tuple[str, str] | None = None
    """Without these nothing is given or taken."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and target of each."""
    headers: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Answered to the next requests in place of the truth."""
    gate: threading.Event = field(default_factory=threading.Event)
    """Answers wait for it; it is set at the start."""
    arrived: threading.Event = field(default_factory=threading.Event)
    """Set once a request is there."""


class _Handler(BaseHTTPRequestHandler):
    """Serves the files of the server's state."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self._admitted():
            data = self.server.state.files.get(self.path.partition("?")[0])
            self._answer(404 if data is None else 200, data or b"")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._admitted():
            self.server.state.files[self.path.partition("?")[0]] = body
            self._answer(201)

    def _admitted(self) -> bool:
        state = self.server.state
        state.requests.append((self.command, self.path))
        state.headers.append(dict(self.headers.items()))
        state.arrived.set()
        state.gate.wait(20)
        if state.statuses:
            self._answer(state.statuses.pop(0))
            return False
        if state.login is not None:
            pair = base64.b64encode(":".join(state.login).encode()).decode()
            if self.headers.get("Authorization") != f"Basic {pair}":
                self._answer(401)
                return False
        return True

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, state: FileServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = state

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is what some tests are about."""


@contextmanager
def file_server(tls: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    """Gives files by GET and takes them by PUT until the block ends."""
    state = FileServer()
    state.gate.set()
    with _Server(state) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        state.url = f"{'http' if tls is None else 'https'}://localhost:{server.server_address[1]}"
        with _running(server):
            yield state
        state.gate.set()


@contextmanager
def scripted_server(script: Script) -> Iterator[str]:
    """Plays `script` to everybody who connects; answers the server's URL without a slash at its end."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                script(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server, _running(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"


def read_request(connection: socket.socket) -> bytes:
    """The head of a request."""
    data = b""
    while b"\r\n\r\n" not in data and (piece := connection.recv(65536)):
        data += piece
    return data


def tls_server(pki: Pki, directory: Path, host: str = "localhost") -> ssl.SSLContext:
    """The context of a server with that name, its certificate from `pki`."""
    stack, key = pki.server(host)
    (directory / "server.pem").write_text(stack)
    (directory / "server.key").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    return context


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(10)
