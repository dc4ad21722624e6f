"""The ASGI door: `despam.service.asgi:app` for any ASGI server, `create_app(settings)` to mount elsewhere.

Knows ASGI's messages, when a body has taken too long or grown too large, and what work is better done beside the
event loop. Knows nothing of what is asked. `app` reads its settings from the environment when the server starts it,
not on import.

Invariant: a client that sends slowly, endlessly or not at all waits alone; every answer is logged once, without a
word of the request.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time

from despam.errors import DespamError, RequestRefused
from despam.service.api import Unready
from despam.service.body import LIMIT_BYTES, TOO_LARGE
from despam.service.exchange import LISTS, WANTED, Request, Response
from despam.service.log import to_stderr, write_event, write_line
from despam.service.metrics import Metrics
from despam.service.settings import Settings, build, from_environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import Any

    from despam.service.api import Api
    from despam.service.exchange import Headers

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

BODY_SECONDS = 10.0
FAILURE_SECONDS = 5.0  # after a wiring that failed the next one waits: requests come faster than settings change
TOO_SLOW = "The body did not arrive within 10 seconds; send it again."
DRAIN_BYTES = 8 * LIMIT_BYTES  # read on and throw away, so that a client that only writes sees why it was refused
THREAD_BYTES = 16 * 1024  # a larger body is worth a millisecond or more: it must not hold up the others
HELD_BYTES = 64 * LIMIT_BYTES  # of all bodies under way together: many slow clients must not fill the memory
TOO_MUCH = "Too much is being sent at once; try again in a moment."
BATCH = "/classify/batch"
STOPPING = "The service is stopping; send it again."
HEADS = 200  # kinds of answers times origins are fewer; no client may make this grow
BODILESS = frozenset(("GET", "HEAD", "OPTIONS"))
WANTED_BYTES = {name.encode(): name for name in WANTED}


class App:
    """An ASGI application around a brain; without settings it reads the environment when it is started."""

    def __init__(self, settings: Settings | None = None, log: Callable[[str], None] = to_stderr) -> None:
        self.settings = settings
        self.log = log
        self.metrics = Metrics()
        self.encoded: dict[Headers, list[tuple[bytes, bytes]]] = {}
        self.body_seconds = BODY_SECONDS
        self.held_bytes = 0
        self.built: Api | None = None
        self.failure: DespamError | None = None
        self.try_again_at = 0.0
        self.wiring = threading.Lock()
        self.turn = asyncio.Lock()  # of the requests that wait for the wiring: one thread is enough for all

    @property
    def api(self) -> Api:
        """The brain, wired when it is first needed; a failure stands for FAILURE_SECONDS."""
        with self.wiring:
            if self.built is not None:
                return self.built
            if self.failure is not None and time.monotonic() < self.try_again_at:
                raise self.failure.with_traceback(None)  # else each time would make it longer
            try:
                built = build(self.settings or from_environ(os.environ), self.metrics)
            except DespamError as error:
                self.failure, self.try_again_at = error, time.monotonic() + FAILURE_SECONDS
                raise
            self.built = built
            return built

    async def open(self) -> Api:
        """Wire the brain beside the event loop, which is the host's where this is mounted: no lifespan comes there."""
        async with self.turn:
            if self.built is None:
                await asyncio.get_running_loop().run_in_executor(None, lambda: self.api)
            return self.api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        kind = scope["type"]
        if kind == "http":
            await self.answer(scope, receive, send)
        elif kind == "lifespan":
            await self.live(receive, send)
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    async def live(self, receive: Receive, send: Send) -> None:
        """Open the model before the first request, and say why when that cannot be."""
        await receive()
        try:
            await self.open()
        except DespamError as error:
            self.log(write_event("not started", error=str(error)))
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        start = time.perf_counter()
        request = read_request(scope)
        try:
            api = self.built or await self.open()
        except DespamError as error:
            response = Unready().handle(request)
            self.log(write_event("not set up", id=response.request_id, error=str(error)))
            await self.send(response, True, send)
            self.record(request, response, start)
            return
        except asyncio.CancelledError:
            await self.say_stopping(Unready(), request, start, send)
            raise
        close = False
        try:
            response = await self.work(api, request, receive)
        except RequestRefused as error:
            response = refuse(api, request, error)
            close = True  # what is left of the body must not be taken for the next request
        except ConnectionResetError:
            self.log(write_event("client went away"))
            return
        except asyncio.CancelledError:
            await self.say_stopping(api, request, start, send)
            raise
        await self.send(response, close, send)
        self.record(request, response, start)

    async def work(self, api: Api, request: Request, receive: Receive) -> Response:
        """Read the body, and ask the brain, beside the event loop if it is much."""
        try:
            if request.method not in BODILESS:
                request.body = await self.read_body(receive)
            if len(request.body) > THREAD_BYTES or is_work(request):
                return await asyncio.get_running_loop().run_in_executor(None, api.handle, request)
            return api.handle(request)
        finally:
            self.held_bytes -= len(request.body)

    async def say_stopping(self, api: Api, request: Request, start: float, send: Send) -> None:
        """Tell the client: a server that stops cancels what had its time, and learns itself that it did."""
        response = refuse(api, request, RequestRefused(503, STOPPING))
        with contextlib.suppress(Exception):
            await self.send(response, True, send)
        self.record(request, response, start)

    def record(self, request: Request, response: Response, start: float) -> None:
        """Count and log one answer."""
        elapsed_ms = (time.perf_counter() - start) * 1000
        self.metrics.count(request.method, response, elapsed_ms)
        self.log(write_line(request.method, response, elapsed_ms))

    async def read_body(self, receive: Receive) -> bytes:
        """Read a body within limits of size, time, and memory for all bodies under way; it counts until the answer."""
        body = bytearray()
        try:
            async with asyncio.timeout(self.body_seconds):
                await self.collect(body, receive)
        except BaseException as error:  # a cancelled request too gives back what it held
            self.held_bytes -= len(body)
            if isinstance(error, TimeoutError):
                raise RequestRefused(408, TOO_SLOW) from None
            raise
        return bytes(body)

    async def collect(self, body: bytearray, receive: Receive) -> None:
        """Add the parts of a body as they come; of one that is too large nothing is kept."""
        size_bytes = 0
        more = True
        while more and size_bytes <= DRAIN_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError
            part: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            size_bytes += len(part)
            if size_bytes > LIMIT_BYTES:
                self.held_bytes -= len(body)
                body.clear()
                continue
            body += part
            self.held_bytes += len(part)
            if self.held_bytes > HELD_BYTES:
                raise RequestRefused(503, TOO_MUCH)
        if size_bytes > LIMIT_BYTES:
            raise RequestRefused(413, TOO_LARGE)

    async def send(self, response: Response, close: bool, send: Send) -> None:
        """Send an answer."""
        encoded = self.encoded.get(response.headers)
        if encoded is None:
            encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.headers]
            if len(self.encoded) < HEADS:
                self.encoded[response.headers] = encoded
        headers = [*encoded, (b"x-request-id", response.request_id.encode())]
        if response.status not in (204, 304):
            headers.append((b"content-length", b"%d" % response.size_bytes))
        if close:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})


def refuse(api: Api, request: Request, error: RequestRefused) -> Response:
    """Refuse in the brain's words what did not get as far as its routes."""
    response = api.refuse(request, error)
    response.route = request.path if request.path in api.routes else response.route
    return response


def is_work(request: Request) -> bool:
    """Say whether even a small body may be much work: many texts, or clues; `explain` may be written with escapes."""
    return request.path == BATCH or "explain" in request.query or "%" in request.query


def read_request(scope: Scope) -> Request:
    """Read everything but the body."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root):
        path = path[len(root) :] or "/"
    headers = read_headers(scope["headers"])
    return Request(scope["method"], path, headers, b"", scope["query_string"].decode("latin-1"))


def read_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Read the headers that the brain wants; blanks around a value are none of it, and lists are joined."""
    headers: dict[str, str] = {}
    for name, raw in pairs:
        if name in WANTED_BYTES:
            wanted = WANTED_BYTES[name]
            value = raw.decode("latin-1").strip(" \t")
            headers[wanted] = f"{headers[wanted]}, {value}" if wanted in LISTS and wanted in headers else value
    return headers


def create_app(settings: Settings | None = None, log: Callable[[str], None] = to_stderr) -> App:
    """Make an application to mount: with settings, else with those of the environment."""
    return App(settings, log)


app = App()
