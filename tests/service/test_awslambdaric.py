"""The handler under AWS's own runtime client, which asks a small runtime API on the loopback for events."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from .conftest import EVENTS, Opener


class RuntimeApi(ThreadingHTTPServer):
    """The two calls of https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html that a function needs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Calls)
        self.events: queue.Queue[Any] = queue.Queue()
        self.answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.count = 0

    def invoke(self, event: Any) -> tuple[str, Any]:
        """Hand over an event and wait for the answer."""
        self.events.put(event)
        return self.answers.get(timeout=30)


class Calls(BaseHTTPRequestHandler):
    """What the runtime client calls."""

    server: RuntimeApi

    def do_GET(self) -> None:
        """Next event."""
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        self.server.count += 1
        body = json.dumps(event).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", f"request-{self.server.count}")
        self.send_header("Lambda-Runtime-Deadline-Ms", "99999999999999")
        self.send_header(
            "Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:despam"
        )
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Answer or error."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.answers.put((self.path.rsplit("/", 1)[-1], body))

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def lambda_runtime() -> Iterator[tuple[RuntimeApi, subprocess.Popen[str]]]:
    """A runtime API and the function that asks it."""
    api = RuntimeApi()
    thread = threading.Thread(target=api.serve_forever, daemon=True)
    thread.start()
    environ = {
        **os.environ,
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "despam",
    }
    command = [sys.executable, "-m", "awslambdaric", "despam.service.aws_lambda.handler"]
    function = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    yield api, function
    function.kill()
    function.wait()
    if function.stdout:
        function.stdout.close()
    api.events.put(None)
    api.shutdown()
    api.server_close()
    thread.join()


@pytest.mark.parametrize("name", sorted(path.stem for path in EVENTS.glob("*.json")))
def test_recorded_events_run_through_awss_runtime_client(
    lambda_runtime: tuple[RuntimeApi, subprocess.Popen[str]], doors: Opener, name: str
) -> None:
    """The same bodies as from the handler called here."""
    api, _ = lambda_runtime
    event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    kind, answer = api.invoke(event)
    assert kind == "response", answer
    expected = doors("lambda v1").handler(event)  # type: ignore[attr-defined]
    assert (answer["statusCode"], answer["body"]) == (expected["statusCode"], expected["body"])
    assert answer["headers"]["X-Request-Id"] == f"request-{api.count}"


def test_an_odd_event_is_answered_and_the_function_lives_on(
    lambda_runtime: tuple[RuntimeApi, subprocess.Popen[str]],
) -> None:
    """No event ends in the runtime's error call."""
    api, function = lambda_runtime
    for event in ([], "text", 5, {"httpMethod": 5}, {"body": "{", "requestContext": []}, {"text": "\ud800"}):
        kind, answer = api.invoke(event)
        assert kind == "response", answer
    assert api.invoke({"text": "WIN a free iPhone now"})[1]["statusCode"] == 200
    assert function.poll() is None
