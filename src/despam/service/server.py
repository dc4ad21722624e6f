"""The server on this machine: uvicorn, with what it says below us put into our words.

Knows sockets, workers, signals and uvicorn. uvicorn parses and writes HTTP; the protocol here adds limits for the head of a
request (size, time) and gives the errors that uvicorn makes before there is a request (a malformed line, headers too long, a
head that never ends) the JSON and the CORS headers that every other answer has.

Invariant: a port that cannot be had and a model that cannot be read are one sentence, before anything listens.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from despam.errors import ServeError
from despam.service.answer import encode, write_error
from despam.service.log import to_stderr, write_event
from despam.service.settings import from_environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from despam.service.asgi import App

HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 10.0
GRACE_SECONDS = 30
MALFORMED = (400, "The request is no valid HTTP.")
HEAD_TOO_LONG = (431, "The headers of the request are longer than 64 KiB.")
HEAD_TOO_SLOW = (408, "The headers of the request did not arrive within 10 seconds.")


class Protocol(HttpToolsProtocol):
    """uvicorn's connection, with limits on the head and errors in our words."""

    head_seconds = HEAD_SECONDS

    def connection_made(self, transport: Any) -> None:
        """Start the clock for the first head."""
        super().connection_made(transport)
        self.head_bytes = 0
        self.head_open = True  # also before the first byte: who connects and says nothing is let go
        self.refusal = MALFORMED
        self.head_clock: asyncio.TimerHandle | None = self.loop.call_later(self.head_seconds, self.head_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self.stop_clock()
        super().connection_lost(exc)

    def stop_clock(self) -> None:
        """Stop the clock of a head."""
        if self.head_clock is not None:
            self.head_clock.cancel()
            self.head_clock = None

    def head_late(self) -> None:
        """Refuse a head that takes too long."""
        self.head_clock = None
        if self.head_open and not self.transport.is_closing():
            self.refusal = HEAD_TOO_SLOW
            self.send_400_response("")

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a head that is not complete."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.head_open and not self.transport.is_closing():
            self.head_bytes += len(data)
            if self.head_bytes > HEAD_BYTES:
                self.refusal = HEAD_TOO_LONG
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """Open a head; the clock for one after the first starts when its first bytes do not hold all of it."""
        super().on_message_begin()
        self.head_open = True
        self.head_bytes = 0
        if self.head_clock is None:
            self.loop.call_soon(self.watch_head)

    def watch_head(self) -> None:
        """Start the clock if the head is still not complete."""
        if self.head_open and self.head_clock is None and not self.transport.is_closing():
            self.head_clock = self.loop.call_later(self.head_seconds, self.head_late)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Refuse headers that are too long even when they come in one piece."""
        super().on_header(name, value)
        self.head_bytes += len(name) + len(value)
        if self.head_bytes > HEAD_BYTES:
            self.refusal = HEAD_TOO_LONG
            raise ValueError("headers too long")

    def on_headers_complete(self) -> None:
        """Close the head."""
        self.head_open = False
        self.stop_clock()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong below the brain as the brain would say it, and close."""
        status, sentence = self.refusal
        body = encode(write_error(sentence))
        head = (
            b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\ncache-control: no-store\r\n"
            b"access-control-allow-origin: %s\r\nx-content-type-options: nosniff\r\n\r\n"
        ) % (len(body), self.origin())
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()
        to_stderr(write_event("refused below the brain", status=status))

    def origin(self) -> bytes:
        """The origin that may read these errors: the one configured, whatever the client says it is."""
        api = getattr(self.config.loaded_app, "built", None)
        return b"*" if api is None else api.origins[0].encode()


class LogHandler(logging.Handler):
    """uvicorn's own words as JSON lines: its format strings, never their arguments or a traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        facts = {"exception": record.exc_info[0].__name__} if record.exc_info and record.exc_info[0] else {}
        to_stderr(write_event(f"uvicorn: {str(record.msg).strip()}", **facts))


def bind(host: str, port: int) -> socket.socket:
    """Take the port. Raises ServeError in one sentence."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
    except OSError:
        raise ServeError(f"{host!r} is no address of this machine; use --host 127.0.0.1") from None
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
        sock.listen(2048)
    except PermissionError:
        sock.close()
        raise ServeError(f"port {port} needs more rights than this user has; choose one above 1023 with --port") from None
    except OSError as error:
        sock.close()
        if error.errno == 98 or "in use" in str(error):
            raise ServeError(f"port {port} on {host} is in use; choose another with --port") from None
        raise ServeError(f"cannot listen on {host} port {port} ({error.strerror}); choose another with --host") from None
    sock.setblocking(False)
    return sock


def name_address(sock: socket.socket) -> str:
    """Name the address that a socket listens on as a URL."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def configure(app: Any, workers: int = 1) -> uvicorn.Config:
    """Configure uvicorn: our protocol, no banner, no log of its own."""
    logger = logging.getLogger("uvicorn")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    logger.handlers[:] = [LogHandler()]
    return uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def run(app: App, sock: socket.socket, workers: int = 1) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are answered first."""
    if workers == 1:
        uvicorn.Server(configure(app)).run(sockets=[sock])
        return
    from uvicorn.supervisors import Multiprocess

    # the workers are fresh processes: they read their settings from the environment, and map the same model file
    os.environ.update((app.settings or from_environ(os.environ)).to_environ())
    Multiprocess(configure("despam.service.asgi:app", workers), sockets=[sock]).run()
