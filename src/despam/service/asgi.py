"""The ASGI door: `despam.service.asgi:app` for any ASGI server, `create_app(settings)` to mount elsewhere.

Knows ASGI's messages, when a body has taken too long or grown too large, and what work is better done beside the
event loop. Knows nothing of what is asked. `app` reads its settings from the environment when the server starts it,
not on import.

Invariant: a client that sends slowly, endlessly or not at all waits alone; every answer is logged once, without a
word of the request.
"""

from __future__ import annotations

import asyncio
import os
import time

from despam.errors import DespamError, RequestRefused
from despam.service.api import WANTED, Request, Response, not_set_up
from despam.service.body import LIMIT_BYTES, TOO_LARGE
from despam.service.log import to_stderr, write_event, write_line
from despam.service.metrics import Metrics
from despam.service.settings import Settings, build, from_environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from despam.service.api import Api, Headers

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

BODY_SECONDS = 10.0
TOO_SLOW = "The body did not arrive within 10 seconds; send it again."
DRAIN_BYTES = 8 * LIMIT_BYTES  # read on and throw away, so that a client that only writes sees why it was refused
THREAD_BYTES = 16 * 1024  # a larger body is worth a millisecond or more: it must not hold up the others
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
        self.built: Api | None = None

    @property
    def api(self) -> Api:
        """The brain, wired when it is first needed."""
        if self.built is None:
            self.built = build(self.settings or from_environ(os.environ), self.metrics)
        return self.built

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
            self.api  # noqa: B018  wires it
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
            api = self.built or self.api
        except DespamError as error:
            self.log(write_event("not set up", error=str(error)))
            await self.send(not_set_up(), True, send)
            return
        close = False
        try:
            if request.method not in BODILESS:
                request.body = await self.read_body(scope, receive)
            if len(request.body) > THREAD_BYTES:
                response = await asyncio.get_running_loop().run_in_executor(None, api.handle, request)
            else:
                response = api.handle(request)
        except RequestRefused as error:
            response = api.refuse(request, error)
            response.route = request.path if request.path in api.routes else response.route
            close = True  # what is left of the body must not be taken for the next request
        except ConnectionResetError:
            self.log(write_event("client went away"))
            return
        await self.send(response, close, send)
        self.record(request, response, start)

    def record(self, request: Request, response: Response, start: float) -> None:
        """Count and log one answer."""
        elapsed_ms = (time.perf_counter() - start) * 1000
        self.metrics.count(request.method, response, elapsed_ms)
        self.log(write_line(request.method, response, elapsed_ms))

    async def read_body(self, scope: Scope, receive: Receive) -> bytes:
        """Read a body of at most the limit, in at most `body_seconds`."""
        try:
            async with asyncio.timeout(self.body_seconds):
                message = await receive()
                body: bytes = message.get("body", b"")
                if message["type"] != "http.disconnect" and not message.get("more_body", False):
                    return body
                return await read_rest(message, body, receive)
        except TimeoutError:
            raise RequestRefused(408, TOO_SLOW) from None

    async def send(self, response: Response, close: bool, send: Send) -> None:
        """Send an answer."""
        encoded = self.encoded.get(response.headers)
        if encoded is None:
            encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.headers]
            if (
                len(self.encoded) < 200
            ):  # kinds of answers times origins are few, but never trust a count you do not make
                self.encoded[response.headers] = encoded
        headers = [*encoded, (b"x-request-id", response.request_id.encode())]
        if response.status not in (204, 304):
            headers.append((b"content-length", b"%d" % response.size_bytes))
        if close:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})


async def read_rest(message: dict[str, Any], body: bytes, receive: Receive) -> bytes:
    """Read what comes after the first part of a body."""
    parts = [body]
    size_bytes = len(body)
    while True:
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        if not message.get("more_body", False):
            break
        message = await receive()
        part: bytes = message.get("body", b"")
        size_bytes += len(part)
        if size_bytes > LIMIT_BYTES:
            parts.clear()
            if size_bytes > DRAIN_BYTES:
                break
        else:
            parts.append(part)
    if size_bytes > LIMIT_BYTES:
        raise RequestRefused(413, TOO_LARGE)
    return b"".join(parts)


def read_request(scope: Scope) -> Request:
    """Read everything but the body."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root):
        path = path[len(root) :] or "/"
    headers = {}
    for name, value in scope["headers"]:
        if name in WANTED_BYTES:
            headers[WANTED_BYTES[name]] = value.decode("latin-1")
    return Request(scope["method"], path, headers, b"", scope["query_string"].decode("latin-1"))


def create_app(settings: Settings | None = None, log: Callable[[str], None] = to_stderr) -> App:
    """Make an application to mount: with settings, else with those of the environment."""
    return App(settings, log)


app = App()
