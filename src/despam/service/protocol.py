"""A connection of the server on this machine: uvicorn's own, with limits, our errors, and a short way.

uvicorn (httptools) parses HTTP, keeps connections and shuts them down. Added here:

- limits for the head of a request, in bytes and seconds, which uvicorn does not have;
- the errors that are made before there is a request (a malformed line, a head too long or too late) as JSON with
  CORS headers;
- a request that arrived whole, in one piece, and small, is answered on the spot, without a task and a queue for it:
  30 us instead of 140 (docs/decisions/0040). Everything else, batches and clues among it, takes uvicorn's way
  through `asgi.py`, and gets the same bytes.

- a request that asks to switch protocols is an ordinary request, body and all (RFC 9110 7.8); httptools would take the
  body for another protocol, or for the next request.

Invariant: nothing here waits. Who sends slowly is watched by a clock, and who pipelines gets a few answers a turn.
"""

from __future__ import annotations

import asyncio
import time

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from despam.service.answer import encode, write_error
from despam.service.asgi import HEADS, THREAD_BYTES, App, read_headers
from despam.service.exchange import Request, Response
from despam.service.log import to_stderr, write_event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from despam.service.exchange import Headers

HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 10.0
WRITE_SECONDS = 20.0  # what a client may take to make room for more of its answer
LINGER_SECONDS = 5.0  # what is left of an answer has to go in this time after the connection is closed
EXTRA_BYTES = 1024 * 1024  # of a body's chunk marks and trailers, which httptools keeps until they end
CONNECTIONS = 8192  # of one process; lowered to what the system gives
TURN = 8  # answers on the spot for one read from a connection; more wait their turn behind other clients
SWITCHING = frozenset((b"connection", b"upgrade", b"http2-settings"))
MALFORMED = (400, "The request is no valid HTTP.")
NO_HOST = (400, "A request must name its host once, in the header Host.")
HEAD_TOO_LONG = (431, "The headers of the request are longer than 64 KiB.")
HEAD_TOO_SLOW = (408, "The headers of the request did not arrive within 10 seconds.")
FULL = (503, "Too many connections are open; try again in a moment.")


class Protocol(HttpToolsProtocol):
    """One connection."""

    head_seconds = HEAD_SECONDS
    write_seconds = WRITE_SECONDS
    limit = CONNECTIONS
    heads: dict[tuple[int, Headers], bytes] = {}  # status line and headers of the answers, made once each
    silent: dict[Protocol, None] = {}  # connections without a request under way, the longest silent first

    def connection_made(self, transport: Any) -> None:
        """Start the clock for the first head; when all places are taken, make room."""
        super().connection_made(transport)
        app = self.config.loaded_app
        self.despam = app if isinstance(app, App) and not self.root_path else None
        self.head_bytes = 0  # in pieces after the one that it began in, which may hold other requests too
        self.field_bytes = 0  # in header fields that have ended
        self.begun = False
        self.head_open = True  # also before the first byte: who connects and says nothing is let go
        self.refusal = MALFORMED
        self.head_clock: asyncio.TimerHandle | None = self.loop.call_later(self.head_seconds, self.head_late)
        self.write_clock: asyncio.TimerHandle | None = None
        self.extra_bytes = 0
        self.turn = 0
        self.deferred: tuple[int, str] | None = None  # a refusal that waits for the answers before it
        self.plainly = False  # a head asked to switch protocols: it is parsed again without asking
        self.parts: list[bytes] | None = None  # the body of a request that may be answered on the spot
        self.silent[self] = None
        if len(self.connections) > self.limit:
            next(iter(self.silent)).give_way()

    def give_way(self) -> None:
        """Make room for another: who says nothing, or has nothing more to say, loses its place."""
        self.silent.pop(self, None)
        if self.head_open:
            self.refuse(FULL)
        else:
            self.hang_up()

    def hang_up(self) -> None:
        """Close; a client that does not take the rest of its answer is cut off a little later."""
        self.transport.close()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self.stop_clock()
        self.silent.pop(self, None)
        if self.write_clock is not None:
            self.write_clock.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Cut off who asks and does not read: its place is worth more to others."""
        super().pause_writing()
        self.write_clock = self.loop.call_later(self.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        if self.write_clock is not None:
            self.write_clock.cancel()
            self.write_clock = None

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that was silent for long."""
        if not self.transport.is_closing():
            self.hang_up()

    # --- limits of the head

    def stop_clock(self) -> None:
        """Stop the clock of a head."""
        if self.head_clock is not None:
            self.head_clock.cancel()
            self.head_clock = None

    def head_late(self) -> None:
        """Refuse a head that takes too long."""
        self.head_clock = None
        if self.head_open and not self.transport.is_closing():
            self.refuse(HEAD_TOO_SLOW)

    def data_received(self, data: bytes) -> None:
        """Let uvicorn parse, then look at what is still open."""
        if self.transport.is_closing() or self.deferred is not None:
            return
        self.turn = TURN
        self.parse(data)
        if self.transport.is_closing() or self.deferred is not None:
            return
        if self.parts is not None:
            self.take_uvicorns_way()
        if self.head_open:
            self.head_bytes += 0 if self.begun else len(data)
            self.begun = False
            if self.head_bytes > HEAD_BYTES:
                self.refuse(HEAD_TOO_LONG)
            elif self.head_clock is None:
                self.head_clock = self.loop.call_later(self.head_seconds, self.head_late)
        else:
            self.extra_bytes += len(data)
            if self.extra_bytes > EXTRA_BYTES:
                self.refuse(HEAD_TOO_LONG)

    def parse(self, data: bytes) -> None:
        """Parse what came; what is no HTTP is refused."""
        rest: bytes | memoryview = data
        while True:
            try:
                if self.plainly:
                    self.start_again()
                self.parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as upgrade:
                if not self.plainly:  # CONNECT: what follows was meant for a tunnel, and there is none
                    self.cycle.keep_alive = False
                    return
                rest = memoryview(rest)[upgrade.args[0] :]
            except httptools.HttpParserError:
                self.refuse(self.refusal)
                return

    def start_again(self) -> None:
        """Go on with a fresh parser that is given the head without the wish to switch protocols."""
        self.plainly = False
        head = write_plain_head(self.parser, self.url, self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.parser.feed_data(head)

    def on_message_begin(self) -> None:
        """Open a head."""
        super().on_message_begin()
        # only now: a blank line, or the body of a request that is answered, keeps no connection open
        self._unset_keepalive_if_required()
        self.head_open = self.begun = True
        self.head_bytes = self.field_bytes = self.hosts = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, not a trailer; refuse headers that are too long even when they come in one piece."""
        if not self.head_open:
            return
        name = name.lower()
        if name == b"host":
            self.hosts += 1
        elif name == b"expect" and value.lower() == b"100-continue" and self.parser.get_http_version() != "1.0":
            self.expect_100_continue = True
        self.headers.append((name, value))
        self.field_bytes += len(name) + len(value) + 4
        if self.field_bytes > HEAD_BYTES:
            self.refusal = HEAD_TOO_LONG
            raise ValueError("headers too long")

    def refuse(self, refusal: tuple[int, str]) -> None:
        """Say what is wrong below the brain as the brain would say it, and close."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and (self.pipeline or not cycle.more_body):
            self.defer(refusal)
            return
        status, sentence = refusal
        api = self.despam and self.despam.built
        origin = api.origins[0] if api else "*"
        body = encode(write_error(sentence))
        head = (
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
            f"cache-control: no-store\r\naccess-control-allow-origin: {origin}\r\n"
            "x-content-type-options: nosniff\r\n"
        )
        end = "retry-after: 1\r\n\r\n" if status == 503 else "\r\n"
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(STATUS_LINE[status] + (head + end).encode() + body)
        if cycle is not None:
            cycle.disconnected = True  # whoever still works on an answer need not send it
        self.silent.pop(self, None)
        self.hang_up()
        to_stderr(write_event("refused below the brain", status=status))

    def defer(self, refusal: tuple[int, str]) -> None:
        """Refuse later: what is wrong comes after requests that were right, and answers have an order."""
        self.deferred = refusal
        self.stop_clock()
        if self.cycle.more_body:  # the one that is wrong waits in the pipeline, and is not to be started
            self.pipeline.popleft()
            self.cycle.response_complete = True

    def eof_received(self) -> bool | None:  # type: ignore[override]  # asyncio's own signature
        """Keep the way back open for who has said all and waits for answers; whose body is cut short is let go."""
        if self.deferred is not None:
            return True
        cycle = self.cycle
        if cycle is None or cycle.response_complete or (cycle.more_body and not self.pipeline):
            return None
        cycle.keep_alive = False
        return True

    # --- the short way

    def on_headers_complete(self) -> None:
        """Close the head, and choose the way."""
        if self.hosts != 1 and (self.hosts or self.parser.get_http_version() != "1.0"):
            self.refusal = NO_HOST
            raise ValueError("no host")
        upgrade = self.parser.should_upgrade()
        if upgrade and self.parser.get_method() != b"CONNECT":
            self.plainly = True
            return
        self.head_open = False
        self.stop_clock()
        self._unset_keepalive_if_required()  # an answer may have set it behind the beginning of this head
        self.silent.pop(self, None)
        url = self.url
        if url[:1] != b"/":
            self.url = fill_path(url)
        if (
            self.despam is None
            or self.turn <= 0
            or self.flow.write_paused
            or self.expect_100_continue
            or (self.cycle is not None and not self.cycle.response_complete)
            or url[:1] != b"/"
            or b"%" in url
            or b"#" in url
            or b"/batch" in url
            or b"explain" in url
            or upgrade
        ):
            super().on_headers_complete()
        else:
            self.turn -= 1
            self.parts = []

    def on_body(self, body: bytes) -> None:
        """Keep a small body; a larger one is work for a thread."""
        self.extra_bytes -= len(body)
        if self.parts is None:
            super().on_body(body)
            return
        self.parts.append(body)
        if len(body) > THREAD_BYTES or sum(map(len, self.parts)) > THREAD_BYTES:
            self.take_uvicorns_way()

    def take_uvicorns_way(self) -> None:
        """Hand over what has come so far."""
        parts, self.parts = self.parts or (), None
        super().on_headers_complete()
        for part in parts:
            super().on_body(part)

    def on_message_complete(self) -> None:
        """Answer on the spot."""
        if self.plainly:
            return
        self.extra_bytes = 0
        if self.parts is None:
            super().on_message_complete()
            return
        start = time.perf_counter()
        body = b"".join(self.parts)
        self.parts = None
        path, _, query = self.url.partition(b"?")
        method = self.parser.get_method().decode()
        request = Request(method, path.decode("ascii"), read_headers(self.headers), body, query.decode("latin-1"))
        app = self.despam
        assert app is not None
        response = app.api.handle(request)
        self.write(response)
        app.record(request, response, start)

    def on_response_complete(self) -> None:
        """Take note that the connection is silent again, or refuse what had to wait."""
        last = not self.pipeline
        super().on_response_complete()
        if self.transport.is_closing():
            self.hang_up()
        elif last:
            self.silent[self] = None
            if self.deferred is not None:
                self.refuse(self.deferred)

    def write(self, response: Response) -> None:
        """Write an answer in one piece, and wait for the next request or close."""
        keep = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        key = (response.status, response.headers)
        head = self.heads.get(key)
        if head is None:
            lines = "".join(f"{name.lower()}: {value}\r\n" for name, value in response.headers)
            head = STATUS_LINE[response.status] + lines.encode("latin-1")
            if len(self.heads) < HEADS:
                self.heads[key] = head
        parts = [head]
        for name, value in self.server_state.default_headers:
            parts += (name, b": ", value, b"\r\n")
        if response.status not in (204, 304):
            parts.append(b"content-length: %d\r\n" % response.size_bytes)
        if not keep:
            parts.append(b"connection: close\r\n")
        parts += (b"x-request-id: ", response.request_id.encode(), b"\r\n\r\n", response.body)
        self.transport.write(b"".join(parts))
        self.server_state.total_requests += 1
        if keep:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
            self.silent[self] = None
        else:
            self.hang_up()


def fill_path(url: bytes) -> bytes:
    """Give the target of a request that is a URL without a path the path that it means: /."""
    if url == b"*" or httptools.parse_url(url).path is not None:
        return url
    host, mark, query = url.partition(b"?")
    return host + b"/" + mark + query


def write_plain_head(parser: httptools.HttpRequestParser, url: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Write a head again, without what it says of other protocols; of Connection only `close` is left."""
    lines = [b"%s %s HTTP/%s" % (parser.get_method(), url, parser.get_http_version().encode())]
    lines += [name + b": " + value for name, value in headers if name not in SWITCHING]
    options = [
        option.strip().lower() for name, value in headers if name == b"connection" for option in value.split(b",")
    ]
    if b"close" in options:
        lines.append(b"connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n"
