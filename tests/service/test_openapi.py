"""The description is true: every example works, every answer fits, and schemathesis finds no lie."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from despam.service.body import LIMIT_EXPLAINED, LIMIT_TEXTS
from despam.service.openapi import describe

from .conftest import Door, HttpDoor, Opener

KEY = "correct-horse"
STATUSES = [
    ("POST", "/classify", {"text": "WIN a free iPhone now"}, "explain=true"),
    ("POST", "/classify", {"text": "ok"}, ""),
    ("POST", "/classify", {}, ""),
    ("POST", "/classify/batch", {"texts": ["a", "", 5, "Call 0900 now"]}, "explain=true"),
    ("POST", "/classify/batch", {"texts": ["a"] * (LIMIT_TEXTS + 1)}, ""),
    ("POST", "/classify/batch", {"texts": ["a"] * (LIMIT_EXPLAINED + 1)}, "explain=true"),
    ("POST", "/predict", "{", ""),
    ("GET", "/health", None, ""),
    ("GET", "/model", None, ""),
    ("GET", "/openapi.json", None, ""),
]
# that a query makes a body's array shorter is the one rule that OpenAPI cannot say in a schema
FEWER_WITH_EXPLAIN = """
[[operations]]
include-path = "/classify/batch"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "413"]
"""


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Walk over path, method and operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def check(document: dict[str, Any], schema: dict[str, Any], found: Any) -> None:
    """Check a value against a schema of the document."""
    jsonschema_rs.validate({**schema, "components": document["components"]}, found)


def examples() -> Iterator[tuple[str, str, str, Any]]:
    """Walk over every example of a request."""
    for path, method, operation in operations(describe(keyed=False)):
        for name, example in (
            operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples", {}).items()
        ):
            yield method, path, name, example["value"]


@pytest.mark.parametrize(
    ("method", "path", "name", "value"), list(examples()), ids=lambda part: part if isinstance(part, str) else ""
)
def test_every_example_is_answered_as_described(door: Door, method: str, path: str, name: str, value: Any) -> None:
    """The request fits its schema, the answer fits its own."""
    document = door.ask("GET", "/openapi.json").json
    operation = document["paths"][path][method.lower()]
    check(document, operation["requestBody"]["content"]["application/json"]["schema"], value)
    answer = door.ask(method, path, value)
    assert answer.status == 200
    check(document, operation["responses"]["200"]["content"]["application/json"]["schema"], answer.json)
    if name in ("spam", "ham"):
        assert answer.json["classification"] == name.upper()


def test_there_are_examples() -> None:
    """An empty table would pass everything above."""
    assert len(list(examples())) >= 6


@pytest.mark.parametrize(("method", "path", "body", "query"), STATUSES)
def test_answers_fit_their_schemas(door: Door, method: str, path: str, body: Any, query: str) -> None:
    """Also the refusals, with the headers that are promised."""
    document = describe(keyed=False)
    answer = door.ask(method, path, body, query=query)
    described = document["paths"][path][method.lower()]["responses"][str(answer.status)]
    check(document, described["content"]["application/json"]["schema"], answer.json)
    for name, header in described["headers"].items():
        assert not header["required"] or name.lower() in answer.headers


def test_every_path_of_the_brain_is_described(doors: Opener) -> None:
    """And no other: the page and the server's own /metrics are no part of the API."""
    api = doors("brain").api  # type: ignore[attr-defined]
    routes = {(path, method) for path, methods in api.routes.items() for method in methods}
    assert {(path, method) for path, method, _ in operations(describe(keyed=False))} == routes


def test_a_service_with_a_key_says_which_paths_need_it(doors: Opener) -> None:
    """And one without says nothing of keys."""
    api = doors("brain", api_key=KEY).api  # type: ignore[attr-defined]
    keyed = describe(keyed=True)
    for path, _, operation in operations(keyed):
        assert ("security" in operation) == (path not in api.open), path
        assert ("401" in operation["responses"]) == (path not in api.open), path
    assert "securitySchemes" not in describe(keyed=False)["components"]
    assert "401" not in json.dumps(describe(keyed=False))


@pytest.mark.slow
@pytest.mark.parametrize("key", [None, KEY])
def test_schemathesis_finds_no_lie(doors: Opener, tmp_path: Path, key: str | None) -> None:
    """All its checks, examples, boundary values and random data, against the real server."""
    door = doors("http", api_key=key) if key else doors("http")
    assert isinstance(door, HttpDoor)
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{door.url}/openapi.json", "--url", door.url]
    command += ["--max-examples", "15", "--seed", "1", "--no-color", "--checks", "all"]
    command += ["--header", f"X-Api-Key: {key}"] if key else []
    (tmp_path / "schemathesis.toml").write_text(FEWER_WITH_EXPLAIN)
    environ = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Tested: 6" in done.stdout or "Tested: 5" in done.stdout, done.stdout[-3000:]
