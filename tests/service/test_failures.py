"""A bug of ours, at every door: a 500 in words, readable from any page, with nothing of the request in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from despam.service.api import Api
from despam.service.aws_lambda import Door as LambdaDoor
from despam.service.settings import Settings

from .conftest import KINDS, BrainDoor, Door, EventDoor, HttpDoor, wait_for

CANARY = "canary7f3a"
INTERNAL = {"error": "Something went wrong here; the log says what, under the id in X-Request-Id."}


class Broken:
    """A model that fails with the text in its message, and one that is asked too much."""

    version = "000000000000"

    def current(self) -> Broken:
        """Itself."""
        return self

    def status(self) -> dict[str, object]:
        """Fail."""
        raise KeyError(CANARY)

    def classify(self, text: str) -> None:
        """Fail."""
        raise (MemoryError if "memory" in text else RuntimeError)(f"cannot judge {text}")


SERVER = """
import sys
sys.path.insert(0, {root!r})
from despam.service import settings
from tests.service.test_failures import Broken
from despam.service.api import Api
from despam.service import asgi
asgi.build = lambda settings, metrics=None: Api(Broken(), settings.origins, settings.api_key, metrics)
Broken.status = lambda self: {{"source": "bundled", "degraded": False, "reason": ""}}
from despam.cli.main import run
run(["serve", "--port", "0"])
"""


@pytest.fixture(scope="module", params=KINDS)
def broken(request: pytest.FixtureRequest) -> Iterator[Door]:
    """Each kind of door, with a brain that cannot judge."""
    recorded = {"lambda v1": "rest_v1.json", "lambda v2": "http_v2.json", "function url": "url.json"}
    door: Door
    if request.param == "brain":
        door = BrainDoor(Settings())
        door.api = Api(Broken())  # type: ignore[arg-type]
    elif request.param == "http":
        root = str(Path(__file__).resolve().parents[2])
        door = HttpDoor(Settings(), start=[sys.executable, "-c", SERVER.format(root=root)])
    else:
        door = EventDoor(Settings(), recorded[request.param])
        door.handler = LambdaDoor(Api(Broken()))  # type: ignore[arg-type]
    yield door
    door.close()


@pytest.mark.parametrize("path", ["/classify", "/predict", "/classify/batch"])
@pytest.mark.parametrize("text", [f"a {CANARY}", f"memory {CANARY}", "a" * 50_000 + CANARY])
def test_a_bug_is_a_500_that_shows_nothing(broken: Door, path: str, text: str) -> None:
    """To the client a sentence and an id, to the log type and place under that id."""
    before = len(broken.log.splitlines())
    answer = broken.ask(path=path, body={"text": text} if path != "/classify/batch" else {"texts": [text]})
    assert (answer.status, answer.json) == (500, INTERNAL)
    assert answer.headers["access-control-allow-origin"] == "*"
    wait_for(lambda: len(broken.log.splitlines()) > before)
    lines = broken.log.splitlines()[before:]
    assert len(lines) == 1
    assert CANARY not in lines[0]
    if not isinstance(broken, BrainDoor):
        line = json.loads(lines[0])
        assert line["id"] == answer.headers["x-request-id"]
        kind = "MemoryError" if "memory" in text else "RuntimeError"
        assert line["failure"].startswith(f"{kind} in classify, test_failures.py:")


def test_after_a_bug_the_next_request_is_answered(broken: Door) -> None:
    """What needs no model still works."""
    broken.ask(body={"text": CANARY})
    assert broken.ask("GET", "/openapi.json").status == 200
    assert broken.ask(body={}).json == {"error": "No text provided."}
