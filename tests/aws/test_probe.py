"""The first verdict: waited for, fetched with the key, and said in words when it does not come."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from despam.aws import probe
from despam.errors import DeployError

VERDICT = {"status": "success", "classification": "SPAM", "spam_probability": 0.99, "model": "0123456789ab"}


class Front:
    """A front that gives each of its answers once and then the last one for good."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url = ""
        self.breaks = 0  # so many connections end without an answer


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    state = Front((200, VERDICT))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            state.seen.append((self.command, self.path, dict(self.headers), body))
            if state.breaks:
                state.breaks -= 1
                self.close_connection = True
                return
            status, answer = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST  # noqa: N815  the base class calls it so

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/prod/"
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(probe, "WAIT_SECONDS", 0.02)
    monkeypatch.setattr(probe, "PATIENCE_SECONDS", 0.5)
    yield state
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


def test_it_posts_a_message_as_a_page_would(front: Front) -> None:
    """JSON to /classify below the stage."""
    assert probe.first_verdict(front.url) == VERDICT
    ((method, path, headers, body),) = front.seen
    assert (method, path) == ("POST", "/prod/classify")
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"text": probe.TEXT}
    assert "X-Api-Key" not in {name.title() for name in headers}


def test_it_sends_the_key(front: Front) -> None:
    """As callers will."""
    probe.first_verdict(front.url, "a-key-of-twenty-characters")
    headers = {name.lower(): value for name, value in front.seen[0][2].items()}
    assert headers["x-api-key"] == "a-key-of-twenty-characters"


def test_it_waits_while_a_new_api_is_coming_up(front: Front) -> None:
    """403, 502 and a page that is no JSON come first on AWS."""
    front.answers = [(403, {"message": "Forbidden"}), (502, b""), (200, b"<html>"), (200, VERDICT)]
    assert probe.first_verdict(front.url) == VERDICT
    assert len(front.seen) == 4


def test_it_waits_through_connections_that_break_and_answers_that_are_no_object(front: Front) -> None:
    """A new front does both; the deploy has succeeded and must not end in a traceback."""
    front.breaks = 2
    front.answers = [(200, ["ok"]), (200, VERDICT)]
    assert probe.first_verdict(front.url) == VERDICT
    front.breaks = 1_000_000
    with pytest.raises(DeployError, match=r"gives no answer, though its stack is complete \(Remote end closed"):
        probe.first_verdict(front.url)


def test_it_gives_up_with_the_last_reason_and_where_the_log_is(front: Front) -> None:
    """The stack is there; the log knows more."""
    front.answers = [(500, {"error": "Internal error."})]
    with pytest.raises(DeployError) as caught:
        probe.first_verdict(front.url, logs="/despam/mine")
    assert "gives no answer, though its stack is complete (500" in str(caught.value)
    assert str(caught.value).endswith("aws logs tail /despam/mine.")


def test_an_answer_that_is_no_verdict_is_shown(front: Front) -> None:
    """Something else answers at that address."""
    front.answers = [(200, {"hello": "world"})]
    with pytest.raises(DeployError, match=r"gives no verdict \(\{'hello': 'world'\}\)"):
        probe.first_verdict(front.url)


def test_health_needs_no_key(front: Front) -> None:
    """For a deploy that does not know the key."""
    front.answers = [(200, {"status": "ok"})]
    assert probe.health(front.url) == {"status": "ok"}
    assert front.seen[0][:2] == ("GET", "/prod/health")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://0a1b2c3d.execute-api.eu-west-1.amazonaws.com/prod/",
            "http://0a1b2c3d.execute-api.localhost:4566/prod/",
        ),
        (
            "https://0a-1b.lambda-url.eu-west-1.on.aws/",
            "http://0a-1b.lambda-url.eu-west-1.localhost:4566/",
        ),
    ],
)
def test_on_an_emulator_the_url_leads_there(url: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And stays as AWS gave it everywhere else."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert probe.shown_url(url) == shown
    for elsewhere in ("", "https://vpce.example.org"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", elsewhere)
        assert probe.shown_url(url) == url
