"""The ASGI door: mounted in Starlette and FastAPI, and bodies that come in parts or not at all."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from despam.service import asgi
from despam.service.exchange import Request, Response

from .asgi_client import GOOD, SPAM, Message, feed, make, part, status_of
from .conftest import wait_for


def test_a_body_may_come_in_any_number_of_parts() -> None:
    """One byte at a time, with empty ones between."""
    app, _ = make()
    parts: list[Message | float] = [message for byte in GOOD for message in (part(bytes([byte])), part(b""))]
    status, found = status_of(asyncio.run(feed(app, [*parts, part(b"", more=False)])))
    assert (status, found["classification"]) == (200, "SPAM")


@pytest.mark.parametrize(
    "parts", [[], [part(b"{")], [part(b"{"), 0.05, part(b'"'), 0.05, part(b"t"), 0.05, part(b"e")]]
)
def test_a_slow_body_is_refused_in_time(parts: list[Message | float]) -> None:
    """All of it has to come within body_seconds; trickling does not help."""
    app, log = make()
    app.body_seconds = 0.12
    sent = asyncio.run(asyncio.wait_for(feed(app, parts), 5))
    assert status_of(sent) == (408, {"error": "The body did not arrive within 10 seconds; send it again."})
    assert (b"connection", b"close") in sent[0]["headers"]
    assert (b"access-control-allow-origin", b"*") in sent[0]["headers"]
    assert json.loads(log[-1])["status"] == 408
    assert json.loads(log[-1])["path"] == "/classify"


def test_an_endless_body_is_refused_and_not_kept() -> None:
    """413 after the limit; what comes on top is read to a bound and thrown away."""
    app, _ = make()
    endless: list[Message | float] = [part(b"a" * 65536) for _ in range(1000)]
    status, found = status_of(asyncio.run(feed(app, endless)))
    assert (status, found["error"]) == (413, "The body is larger than 1 MiB (1,048,576 bytes); send less at a time.")


def test_many_bodies_under_way_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound the next part of any of them is a 503, and what was held is given back, however each ended."""
    app, _ = make()
    app.body_seconds = 1.0
    monkeypatch.setattr(asgi, "HELD_BYTES", 1_000_000)

    async def many() -> list[list[Message]]:
        slow: list[Message | float] = [part(b" " * 100_000)]
        return await asyncio.gather(
            *(feed(app, list(slow)) for _ in range(12)), feed(app, [*slow, part(GOOD, more=False)])
        )

    answers = [status_of(sent) for sent in asyncio.run(many())]
    assert sorted(status for status, _ in answers) == [408] * 10 + [503] * 3
    assert {found["error"] for status, found in answers if status == 503} == {asgi.TOO_MUCH}
    assert app.held_bytes == 0
    assert status_of(asyncio.run(feed(app, [part(b" " * 400_000), part(GOOD, more=False)])))[0] == 200
    assert status_of(asyncio.run(feed(app, [part(b"a" * 400_000)] * 30)))[0] == 413
    assert asyncio.run(feed(app, [part(b"{"), {"type": "http.disconnect"}])) == []
    assert app.held_bytes == 0


@pytest.mark.parametrize("parts", [[{"type": "http.disconnect"}], [part(b"{"), {"type": "http.disconnect"}]])
def test_a_client_that_goes_away_gets_no_answer(parts: list[Message | float]) -> None:
    """One line in the log, nothing sent."""
    app, log = make()
    assert asyncio.run(feed(app, parts)) == []
    assert [json.loads(line)["event"] for line in log] == ["client went away"]


@pytest.mark.parametrize("held", [b"", b"{"])
def test_a_request_that_is_cancelled_is_answered_and_stays_cancelled(held: bytes) -> None:
    """The server that stops hears that it was, as asyncio wants it; no byte stays counted."""
    app, log = make()
    assert app.api
    sent: list[Message] = []

    async def receive() -> Message:
        if held and not app.held_bytes:
            return part(held)
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        scope = {"type": "http", "method": "POST", "path": "/classify", "query_string": b"", "headers": []}
        task = asyncio.create_task(app(scope, receive, send))
        await asyncio.sleep(0.05)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert status_of(sent) == (503, {"error": "The service is stopping; send it again."})
    assert json.loads(log[-1])["status"] == 503
    assert app.held_bytes == 0


def test_a_websocket_is_closed() -> None:
    """There is none here."""
    app, _ = make()
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app({"type": "websocket"}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1000}]


def ask(app: Any, url: str, **more: Any) -> httpx.Response:
    """Ask an ASGI app over httpx."""

    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site") as client:
            return await client.request("POST" if "json" in more else "GET", url, **more)

    return asyncio.run(run())


def mount_in_starlette(app: asgi.App) -> Any:
    """As its documentation says."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    return Starlette(routes=[Mount("/spam", app=app)])


def mount_in_fastapi(app: asgi.App) -> Any:
    """As its documentation says."""
    from fastapi import FastAPI

    site = FastAPI()
    site.mount("/spam", app)
    return site


@pytest.mark.parametrize("mount", [mount_in_starlette, mount_in_fastapi])
def test_the_app_can_be_mounted(mount: Callable[[asgi.App], Awaitable[None]]) -> None:
    """Below a prefix everything is as at the root, its own 404 included."""
    site = mount(make()[0])
    assert ask(site, "/spam/classify", json={"text": SPAM}).json()["classification"] == "SPAM"
    assert ask(site, "/spam/health").json()["status"] == "ok"
    assert ask(site, "/spam/").headers["content-type"] == "text/html; charset=utf-8"
    assert ask(site, "/spam/main.js").status_code == 200
    missing = ask(site, "/spam/nowhere")
    assert (missing.status_code, missing.headers["access-control-allow-origin"]) == (404, "*")


@pytest.mark.parametrize(("root", "path"), [("", "/classify"), ("/spam", "/spam/classify"), ("/spam", "/classify")])
def test_a_root_path_is_taken_off_where_the_server_leaves_it_on(root: str, path: str) -> None:
    """Servers differ."""
    app, _ = make()
    assert status_of(asyncio.run(feed(app, [part(GOOD, more=False)], root_path=root, path=path)))[0] == 200


@pytest.mark.parametrize("parser", ["h11", "httptools"])
def test_any_asgi_server_can_run_the_app(free_port: int, parser: str) -> None:
    """Plain uvicorn, with either parser and without our protocol: the same answers, the same refusals."""
    command = [sys.executable, "-m", "uvicorn", "despam.service.asgi:app", "--port", str(free_port), "--http", parser]
    process = subprocess.Popen([*command, "--log-level", "warning"], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{free_port}"
    try:
        with httpx.Client(base_url=url, transport=httpx.HTTPTransport(retries=8)) as client:
            wait_for(lambda: listens(free_port))
            assert client.post("/classify", json={"text": SPAM}).json()["classification"] == "SPAM"
            assert client.head("/").headers["content-type"] == "text/html; charset=utf-8"
            assert client.post("/classify", content=b"[" * 50_000).json() == {"error": "The body is nested too deeply."}
            large = client.post("/classify", content=iter([b"a" * 65536] * 30))
            assert (large.status_code, large.headers["access-control-allow-origin"]) == (413, "*")
            assert client.get("/health").json()["status"] == "ok"
    finally:
        process.terminate()
        process.wait(20)


def listens(port: int) -> bool:
    """Say whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(("path", "query", "aside"), [
    ("/classify", b"", False), ("/classify", b"q=1", False), ("/health", b"", False),
    ("/classify", b"explain=true", True), ("/predict", b"a=b&%65xplain=true", True), ("/classify/batch", b"", True),
])  # fmt: skip
def test_much_work_is_done_beside_the_event_loop(path: str, query: bytes, aside: bool) -> None:
    """Many texts and clues, however small the body; a single verdict is quicker than the way to a thread."""
    app, _ = make()
    threads = []
    handle = app.api.handle

    def note(request: Request) -> Response:
        threads.append(threading.get_ident())
        return handle(request)

    app.api.handle = note  # type: ignore[method-assign]
    asyncio.run(feed(app, [part(b'{"texts": []}', more=False)], path=path, query_string=query))
    assert [thread != threading.get_ident() for thread in threads] == [aside]


def test_a_large_body_is_judged_beside_the_event_loop() -> None:
    """While one client's megabyte is judged, others are answered."""
    app, log = make()
    large = json.dumps({"texts": ["win a free phone " * 60] * 900}).encode()

    async def both() -> None:
        slow = asyncio.create_task(feed(app, [part(large, more=False)], path="/classify/batch"))
        await asyncio.sleep(0.005)
        await feed(app, [part(GOOD, more=False)])
        await slow

    asyncio.run(both())
    assert [json.loads(line)["path"] for line in log] == ["/classify", "/classify/batch"]
