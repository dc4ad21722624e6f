"""A proxy on the loopback, between an S3 client and an S3 server, that breaks what it is told to break.

Knows HTTP/1.1 with content lengths, and faults: a delay, a connection reset before or after the server has done its
work, an error answer, a body cut short or altered, a wrong ETag. Knows nothing of registries. What passes is written to
`seen`.

    with fault_proxy(server.port) as proxy:
        proxy.plan = lambda request: Fault(reset="after") if request.method == "PUT" else None

Invariant: it listens on 127.0.0.1 only, and all its threads and sockets have ended when the block is left.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Seen:
    """A request as it came in."""

    number: int
    method: str
    path: str
    headers: dict[str, str]
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Fault:
    """What to break; several may be combined."""

    delay_seconds: float = 0.0
    reset: str = ""  # before | after the server has done its work
    status: int = 0  # answer this instead of asking the server
    code: str = ""  # the S3 code of that answer
    cut: bool = False  # half of the body, the length still says the whole
    shorten: bool = False  # half of the body, and a length that fits it
    flip: bool = False  # one bit of the body
    etag: str = ""


Plan = Callable[[Seen], Fault | None]


class FaultProxy:
    """A running proxy: set `plan`, read `seen` and `status_of`."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.plan: Plan = lambda _: None
        self.seen: list[Seen] = []
        self.statuses: list[tuple[Seen, int]] = []
        self.lock = threading.Lock()
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.proxy = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The endpoint for clients."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def note(self, method: str, path: str, headers: dict[str, str]) -> Seen:
        """Write down a request."""
        with self.lock:
            seen = Seen(len(self.seen), method, path, headers)
            self.seen.append(seen)
            return seen


@contextlib.contextmanager
def fault_proxy(target_port: int) -> Iterator[FaultProxy]:
    """Run a proxy to a port of the loopback."""
    proxy = FaultProxy(target_port)
    proxy.thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.hang_up()
        proxy.server.server_close()
        proxy.thread.join(10)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True
    proxy: FaultProxy

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.open: set[socket.socket] = set()

    def process_request(self, request: socket.socket, address: object) -> None:  # type: ignore[override]
        self.open.add(request)
        super().process_request(request, address)  # type: ignore[arg-type]

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        self.open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep open."""
        for request in list(self.open):
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, address: object) -> None:
        """Say nothing: a client that goes away is what is being tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing."""

    def handle_any(self) -> None:
        """Pass one request on, or break it."""
        proxy = self.server.proxy
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        seen = proxy.note(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        fault = proxy.plan(seen) or Fault()
        if fault.delay_seconds:
            time.sleep(fault.delay_seconds)
        if fault.reset == "before":
            self.reset()
            return
        status, headers, answer = self.error(fault) if fault.status else self.ask(body)
        proxy.statuses.append((seen, status))
        if fault.reset == "after":
            self.reset()
            return
        self.reply(status, headers, answer, fault)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_any  # noqa: N815  http.server finds them by name

    def ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask the server, with the very headers that were signed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.proxy.target_port, timeout=30)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "connection":
                    connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def error(self, fault: Fault) -> tuple[int, list[tuple[str, str]], bytes]:
        """Make the error of an S3 server."""
        body = f'<?xml version="1.0"?><Error><Code>{fault.code}</Code><Message>made up by a test</Message></Error>'
        return fault.status, [("Content-Type", "application/xml")], body.encode()

    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes, fault: Fault) -> None:
        """Answer the client."""
        if fault.flip and body:
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        if fault.shorten:
            body = body[: len(body) // 2]
        self.send_response_only(status)
        head = self.command == "HEAD"
        for name, value in headers:
            if name.lower() == "etag" and fault.etag:
                value = fault.etag
            if name.lower() not in ("transfer-encoding", "connection") and (head or name.lower() != "content-length"):
                self.send_header(name, value)
        if not head and status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not head:
            self.wfile.write(body[: len(body) // 2] if fault.cut else body)
        if fault.cut:
            self.close_connection = True

    def reset(self) -> None:
        """End the connection with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
