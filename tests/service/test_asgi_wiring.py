"""The ASGI door: when the service behind it is wired, with a lifespan and without, and what a failure says."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from despam.errors import ModelError
from despam.service import asgi

from .asgi_client import GOOD, Message, feed, make, part, status_of


def test_lifespan_opens_the_model_and_ends() -> None:
    """Startup is complete when the model is there."""
    app, _ = make()
    assert asyncio.run(live(app)) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert app.built is not None


def test_lifespan_says_why_it_fails() -> None:
    """In one sentence, to the server and in the log."""
    app, log = make(model_path="none.safetensors")
    assert asyncio.run(live(app)) == ["lifespan.startup.failed"]
    assert "none.safetensors" in json.loads(log[0])["error"]


async def live(app: asgi.App) -> list[str]:
    """Run a lifespan; give the types of what the app sent."""
    queue = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Message:
        return queue.pop(0)

    async def send(message: Message) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    return sent


def test_a_model_that_cannot_be_read_is_a_500_in_words() -> None:
    """Mounted apps get no lifespan: the first request finds out."""
    app, log = make(model_path="none.safetensors")
    with pytest.raises(ModelError):
        app.api
    status, found = status_of(asyncio.run(feed(app, [part(GOOD, more=False)])))
    assert (status, found) == (500, {"error": "The service is not set up right; its log says what is wrong."})
    event, line = (json.loads(line) for line in log[-2:])
    assert "none.safetensors" in event["error"]
    assert (event["id"], line["status"], line["path"]) == (line["id"], 500, "/classify")
    for method, expected in (("OPTIONS", 204), ("HEAD", 500)):
        start, end = asyncio.run(feed(app, [], method=method, headers=[(b"x-request-id", b"mine")]))
        assert (start["status"], end["body"]) == (expected, b"")
        assert (b"x-request-id", b"mine") in start["headers"]
        if method == "OPTIONS":
            assert any(name == b"access-control-allow-headers" for name, _ in start["headers"])


@pytest.fixture
def wired(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The threads in which a service was wired, one entry a try; it never works."""
    tries: list[str] = []

    def fail(*_: object) -> None:
        tries.append(threading.current_thread().name)
        raise ModelError("no model")

    monkeypatch.setattr(asgi, "build", fail)
    return tries


def test_without_a_lifespan_many_requests_wire_the_service_once_and_beside_the_event_loop(wired: list[str]) -> None:
    """It is the host's loop: opening a model, or waiting for a registry, must not hold up the host."""
    app, _ = make()

    async def many() -> list[list[Message]]:
        return await asyncio.gather(*(feed(app, [part(GOOD, more=False)]) for _ in range(20)))

    assert {status_of(sent)[0] for sent in asyncio.run(many())} == {500}
    assert len(wired) == 1 and wired[0] != threading.current_thread().name


def test_a_failure_is_remembered_for_some_seconds(wired: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is tried again: the settings may be right by now."""
    app, log = make()
    for _ in range(3):
        assert status_of(asyncio.run(feed(app, [part(GOOD, more=False)])))[0] == 500
    assert len(wired) == 1
    assert [json.loads(line).get("error") for line in log[::2]] == ["no model"] * 3
    app.try_again_at = 0.0
    monkeypatch.undo()
    assert status_of(asyncio.run(feed(app, [part(GOOD, more=False)])))[0] == 200


def test_a_request_that_is_cancelled_while_the_service_is_wired_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As any other; what is being wired is there for the next one."""
    app, log = make()
    entered, go_on = threading.Event(), threading.Event()
    build = asgi.build

    def slow(*given: Any) -> Any:
        entered.set()
        assert go_on.wait(60)
        return build(*given)

    monkeypatch.setattr(asgi, "build", slow)

    async def run() -> list[Message]:
        first = asyncio.create_task(feed(app, [part(GOOD, more=False)]))
        while not entered.is_set():
            await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        go_on.set()
        return await feed(app, [part(GOOD, more=False)])

    assert status_of(asyncio.run(run()))[0] == 200
    assert [json.loads(line)["status"] for line in log] == [503, 200]


def test_the_app_reads_the_environment_when_it_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on import: `despam.service.asgi:app` for any server."""
    monkeypatch.setenv("DESPAM_API_KEY", "secret")
    app = asgi.App(log=lambda line: None)
    assert app.built is None
    assert status_of(asyncio.run(feed(app, [part(GOOD, more=False)])))[0] == 401
