"""Doors: one way to ask the service, however it is reached.

A Door asks and gives back an Answer; `doors` opens each kind once for each set of settings, and a test that takes
`door` runs through all of them. What the door logged is kept beside it. The server is a real one, in its own
process.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from despam.service.api import Api
from despam.service.aws_lambda import Door as LambdaDoor
from despam.service.exchange import Request, Response
from despam.service.log import write_line
from despam.service.settings import Settings, build
from tests.registry.conftest import folder_place, models, proxy, s3_place, seaweedfs  # noqa: F401  fixtures

from .live_scene import s3_scene, scene  # noqa: F401  fixtures

KINDS = ("brain", "lambda v1", "lambda v2", "function url", "http")
EVENTS = Path(__file__).parent.parent / "events"


class Answer:
    """What came back: status, headers with names in lower case, body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @property
    def json(self) -> dict:
        """The body, read as strictly as JSON can be."""
        return json.loads(
            self.body.decode("utf-8", "strict"), parse_constant=lambda name: pytest.fail(f"{name} in JSON")
        )


class Door:
    """A way to ask."""

    log: str = ""

    def ask(
        self,
        method: str = "POST",
        path: str = "/classify",
        body: bytes | str | dict | None = None,
        headers: dict[str, str] | None = None,
        query: str = "",
    ) -> Answer:
        """Ask; a dict is sent as JSON."""
        if isinstance(body, dict):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        headers = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers or {}
        return self.send(
            method, path, body, {name: value for name, value in headers.items() if value is not None}, query
        )

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str], query: str) -> Answer:
        """Send one request, each kind in its way."""
        raise AssertionError(f"{type(self).__name__} has no way to send")

    def close(self) -> None:
        """End what was started."""


class BrainDoor(Door):
    """The brain itself."""

    def __init__(self, settings: Settings) -> None:
        self.api: Api = build(settings)

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str], query: str) -> Answer:
        lower = {name.lower(): value for name, value in headers.items()}
        response: Response = self.api.handle(Request(method, unquote(path), lower, body or b"", query))
        self.log += write_line(method, response, 1.0) + "\n"
        found = {**dict(response.headers), "X-Request-Id": response.request_id}
        if response.status not in (204, 304):
            found["Content-Length"] = str(response.size_bytes)
        return Answer(response.status, found, response.body)


class EventDoor(Door):
    """The Lambda handler, called with events made after the recorded ones."""

    def __init__(self, settings: Settings, recorded: str) -> None:
        self.handler = LambdaDoor(build(settings))
        self.recorded = recorded

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str], query: str) -> Answer:
        event = json.loads((EVENTS / self.recorded).read_text(encoding="utf-8"))
        event["headers"] = headers
        if body is None:
            event["body"] = None
        else:
            try:
                event["body"], event["isBase64Encoded"] = body.decode(), False
            except UnicodeDecodeError:  # what a gateway does with a body that is no text
                event["body"], event["isBase64Encoded"] = base64.b64encode(body).decode(), True
        if "httpMethod" in event:
            event["httpMethod"], event["path"] = method, unquote(path)
            event["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
            pairs = parse_qsl(query, keep_blank_values=True)
            event["queryStringParameters"] = dict(pairs) or None
            event["multiValueQueryStringParameters"] = {n: [v for m, v in pairs if m == n] for n, _ in pairs} or None
        else:
            event["requestContext"]["http"]["method"] = method
            stage = event["requestContext"]["stage"]
            event["rawPath"] = unquote(path) if stage == "$default" else f"/{stage}{unquote(path)}"
            event["rawQueryString"] = query
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            answer = self.handler(event, types.SimpleNamespace(aws_request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef"))
        self.log += out.getvalue()
        json.dumps(answer)  # Lambda sends it as JSON
        assert not answer["isBase64Encoded"]
        raw = answer["body"].encode()
        if answer["statusCode"] not in (204, 304) and method != "HEAD":
            answer["headers"]["Content-Length"] = str(len(raw))
        return Answer(answer["statusCode"], answer["headers"], raw)


class HttpDoor(Door):
    """`despam serve` in a process of its own."""

    def __init__(self, settings: Settings, *flags: str, start: list[str] | None = None) -> None:
        folder = Path(tempfile.mkdtemp(prefix="despam-serve-"))
        self.log_path = folder / "log"
        environ = {**os.environ, **settings.to_environ()}
        command = start or [sys.executable, "-m", "despam", "serve", "--port", "0"]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *flags], env=environ, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout
        self.greeting = self.process.stdout.readline()
        assert "http://" in self.greeting, self.log
        self.url = next(word for word in self.greeting.split() if word.startswith("http://"))
        split = urlsplit(self.url)
        self.host, self.port = split.hostname, split.port

    @property
    def log(self) -> str:  # type: ignore[override]
        """What the server wrote to stderr."""
        return self.log_path.read_text(encoding="utf-8")

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str], query: str) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request(method, path + (f"?{query}" if query else ""), body, headers)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def close(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.wait(20)
        if self.process.stdout:
            self.process.stdout.close()
        self.log_path.unlink()
        self.log_path.parent.rmdir()


def open_door(kind: str, settings: Settings) -> Door:
    """Open a door of a kind."""
    if kind == "brain":
        return BrainDoor(settings)
    if kind == "http":
        return HttpDoor(settings)
    return EventDoor(
        settings, {"lambda v1": "rest_v1.json", "lambda v2": "http_v2.json", "function url": "url.json"}[kind]
    )


Opener = Callable[..., Door]


@pytest.fixture(scope="session")
def doors() -> Iterator[Opener]:
    """Open doors, each once for a kind and its settings; they are closed in the end."""
    opened: dict[tuple, Door] = {}

    def get(kind: str, **settings: object) -> Door:
        key = (kind, *sorted(settings.items()))
        if key not in opened:
            opened[key] = open_door(kind, Settings(**settings))  # type: ignore[arg-type]
        return opened[key]

    yield get
    for door in opened.values():
        door.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of door."""
    return request.param


@pytest.fixture
def door(kind: str, doors: Opener) -> Door:
    """A door with the settings that nobody changed."""
    return doors(kind)


def wait_for(truth: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something becomes true."""
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
