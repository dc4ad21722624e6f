"""What is written down: one JSON line a request, and never a word of what a client sent."""

from __future__ import annotations

import http.client
import io
import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from despam.service import log, server
from despam.service.api import Api
from despam.service.exchange import Request

from .conftest import KINDS, Door, HttpDoor, Opener, wait_for
from .test_api import Broken

CANARY = "canary7f3a"
KEY = "right-key-5d1c"
TEXT = {"text": f"WIN a free iPhone now {CANARY}"}
JSON_TYPE = {"Content-Type": "application/json"}

# every way to be answered, with the canary wherever a client can put one
WAYS: dict[str, tuple[str, str, Any, dict[str, str], str]] = {
    "a verdict": ("POST", "/classify", TEXT, {}, ""),
    "clues": ("POST", "/predict", TEXT, {}, "explain=true"),
    "a disguised text": ("POST", "/classify", {"text": f"\u0412uy n\u043ew <b>{CANARY}</b>"}, {}, ""),
    "a batch": ("POST", "/classify/batch", {"texts": [TEXT["text"], "", 5, CANARY]}, {}, ""),
    "a wrong key": ("POST", "/classify", TEXT, {"X-Api-Key": CANARY}, ""),
    "no JSON": ("POST", "/classify", CANARY, {}, ""),
    "half a JSON": ("POST", "/classify", f'{{"text": "{CANARY}', {}, ""),
    "no UTF-8": ("POST", "/classify", CANARY.encode() + b"\xff", {}, ""),
    "UTF-16": ("POST", "/classify", json.dumps(TEXT).encode("utf-16"), {}, ""),
    "a text that is no string": ("POST", "/classify", {"text": [CANARY]}, {}, ""),
    "a key given twice": ("POST", "/classify", f'{{"text": "{CANARY}", "text": "a"}}', {}, ""),
    "deep": ("POST", "/classify", "[" * 100_000 + CANARY, {}, ""),
    "too large": ("POST", "/classify", CANARY * 200_000, {}, ""),
    "another type": ("POST", "/classify", TEXT, {"Content-Type": f"text/{CANARY}"}, ""),
    "another encoding": ("POST", "/classify", TEXT, {"Content-Encoding": CANARY}, ""),
    "a wrong query": ("POST", "/classify", TEXT, {}, f"explain={CANARY}"),
    "a query": ("POST", "/classify", TEXT, {}, f"q={CANARY}"),
    "no path": ("GET", f"/{CANARY}", None, {}, ""),
    "a path below": ("GET", f"/classify/{CANARY}", None, {}, ""),
    "a path above": ("GET", f"/../{CANARY}.py", None, {}, ""),
    "a wrong method": ("DELETE", "/classify", None, {}, CANARY),
    "a method of one's own": (CANARY.upper(), "/classify", None, {}, ""),
    "preflight": ("OPTIONS", f"/{CANARY}", None, {"Origin": f"https://{CANARY}.example"}, ""),
    "health": ("GET", "/health", None, {"User-Agent": CANARY, "X-Forwarded-For": CANARY, "Cookie": CANARY}, CANARY),
    "a request id": ("GET", "/health", None, {"X-Request-Id": f"{CANARY} !"}, ""),
    "the card": ("GET", "/model", None, {"If-None-Match": f'"{CANARY}"'}, ""),
}  # fmt: skip


def told(door: Door) -> list[str]:
    """Read what the door wrote down so far."""
    return door.log.splitlines()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("keyed", [False, True])
def test_nothing_of_a_request_is_written_down(kind: str, doors: Opener, way: str, keyed: bool) -> None:
    """Not the text, not the key, not the path, not a header; and an error does not repeat them to the client either."""
    method, path, body, headers, query = WAYS[way]
    door = doors(kind, api_key=KEY) if keyed else doors(kind)
    before = len(told(door))
    answer = door.ask(method, path, body, {"X-Api-Key": KEY, **headers}, query)
    wait_for(lambda: len(told(door)) > before)
    lines = told(door)[before:]
    assert CANARY not in "\n".join(lines).lower()
    assert KEY not in "\n".join(lines)
    assert "127.0.0.1" not in "\n".join(lines)
    assert "192.0.2.7" not in "\n".join(lines)
    if answer.status >= 400:
        assert CANARY not in answer.body.decode().lower()
    assert CANARY not in str(answer.headers).lower()
    for line in lines:
        json.loads(line)


def test_metrics_hold_nothing_of_a_request(doors: Opener) -> None:
    """Labels are route templates and methods out of a list."""
    door = doors("http", api_key=KEY)
    for method, path, body, headers, query in WAYS.values():
        if method != CANARY.upper():
            door.ask(method, path, body, {"X-Api-Key": KEY, **headers}, query)
    assert door.ask("GET", "/metrics").status == 401
    metrics = door.ask("GET", "/metrics", headers={"X-Api-Key": KEY}).body.decode()
    assert CANARY not in metrics.lower()
    assert KEY not in metrics
    assert 'path="other"' in metrics


def test_the_servers_own_errors_hold_nothing_of_a_request(doors: Opener) -> None:
    """Malformed requests never reach the brain; the log says that there was one."""
    door = doors("http")
    assert isinstance(door, HttpDoor)
    before = len(told(door))
    sent = [f"{CANARY}\r\n\r\n", f"{CANARY.upper()} /{CANARY} HTTP/1.1\r\n\r\n", f"GET /{CANARY} HTTP/9\r\n\r\n",
            f"GET / HTTP/1.1\r\nX: {CANARY * 9000}\r\n\r\n",
            f"POST /classify HTTP/1.1\r\nContent-Length: {CANARY}\r\n\r\n"]  # fmt: skip
    for request in sent:
        with socket.create_connection((door.host, door.port)) as sock:
            sock.sendall(request.encode())
            assert CANARY not in sock.recv(65536).decode().lower()
    wait_for(lambda: len(told(door)) >= before + len(sent))
    lines = told(door)[before:]
    assert CANARY not in "\n".join(lines).lower()
    assert [json.loads(line)["event"] for line in lines] == ["refused below the brain"] * len(sent)


def test_a_bug_is_written_down_by_type_and_place() -> None:
    """The message of an exception may quote the text, so it stays out."""
    request = Request("POST", "/classify", {}, json.dumps(TEXT).encode())
    response = Api(Broken()).handle(request)  # type: ignore[arg-type]
    for write in (log.write_line, log.write_emf_line):
        line = write("POST", response, 1.0)
        assert CANARY not in line
        assert json.loads(line)["failure"].startswith("RuntimeError in classify, test_api.py:")


def test_uvicorns_words_come_without_their_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its format strings and the type of an exception, as JSON lines."""
    lines: list[str] = []
    monkeypatch.setattr(server, "to_stderr", lines.append)
    logger = logging.Logger("test")
    logger.addHandler(server.LogHandler())
    logger.warning("strange: %s", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        logger.exception("Exception in ASGI application\n")
    found = [json.loads(line) for line in lines]
    assert found[0]["event"] == "uvicorn: strange: %s"
    assert (found[1]["event"], found[1]["exception"]) == ("uvicorn: Exception in ASGI application", "ValueError")
    assert CANARY not in "".join(lines)


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_says_what_happened(kind: str, doors: Opener) -> None:
    """Method, path, status, milliseconds, model, verdict, repaired."""
    door = doors(kind)
    before = len(told(door))
    answer = door.ask(body={"text": "\u0412uy n\u043ew <b>free</b>"}, headers={"X-Request-Id": "mine"})
    wait_for(lambda: len(told(door)) > before)
    line = json.loads(told(door)[-1])
    found = {name: line[name] for name in ("id", "method", "path", "status", "model", "verdict", "repaired")}
    assert found == {
        "id": "mine", "method": "POST", "path": "/classify", "status": 200, "model": answer.json["model"],
        "verdict": answer.json["classification"], "repaired": " ".join(answer.json["repaired"]),
    }  # fmt: skip
    assert 0 <= line["ms"] < 10_000


def test_a_line_of_a_batch_counts(doors: Opener) -> None:
    """How many of which, not which."""
    door = doors("brain")
    door.ask(
        path="/classify/batch", body={"texts": ["WIN a free iPhone now", "", 5, "Are we still on for lunch at one?"]}
    )
    assert json.loads(told(door)[-1])["batch"] == {"SPAM": 1, "HAM": 1, "errors": 2}


def test_a_lambda_line_is_a_metric_too(doors: Opener) -> None:
    """CloudWatch's embedded metric format: every metric it declares is there, as a number."""
    door = doors("lambda v2")
    door.ask(body={"text": "WIN a free iPhone now"})
    line = json.loads(told(door)[-1])
    declared = line["_aws"]["CloudWatchMetrics"][0]
    assert isinstance(line["_aws"]["Timestamp"], int)
    assert declared["Namespace"] == "despam"
    assert declared["Dimensions"] == [[]]  # one more would be money: each of its values is a metric
    values = {metric["Name"]: line[metric["Name"]] for metric in declared["Metrics"]}
    assert (values.pop("ms") > 0, values) == (True, {"requests": 1, "spam": 1, "errors": 0})


def test_a_log_that_cannot_be_written_costs_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, a closed pipe: the attempt is made, nothing is raised, and the next line is written again."""
    closed, tried = io.StringIO(), []
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    log.to_stdout("{}")
    monkeypatch.setattr("sys.stdout", written := io.StringIO())
    log.to_stdout("{}")
    assert written.getvalue() == "{}\n"

    def refuse(_descriptor: int, data: bytes) -> int:
        tried.append(data)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", refuse)
    log.to_stderr("{}")
    assert tried == [b"{}\n"]


def test_a_log_that_nobody_reads_stops_nothing_and_says_what_it_lost() -> None:
    """A pipe that is full: lines are counted instead of waited for."""
    reader, writer = os.pipe()
    try:
        write = log.LineWriter(writer)
        for number in range(2000):
            write(f'{{"number": {number}, "filler": "{"x" * 100}"}}')
        assert write.lost > 0
        before = os.read(reader, 1 << 20).splitlines()
        write('{"number": -1}')
        after = [json.loads(line) for line in os.read(reader, 1 << 20).splitlines()]
    finally:
        os.close(reader)
        os.close(writer)
    assert [json.loads(line)["number"] for line in before] == list(range(len(before)))
    assert (after[0]["event"], after[0]["count"]) == ("log lines lost", 2000 - len(before))
    assert after[1] == {"number": -1}


def test_a_server_whose_log_nobody_reads_goes_on(free_port: int) -> None:
    """1,000 requests, and stderr a pipe that is never emptied."""
    command = [sys.executable, "-m", "despam", "serve", "--port", str(free_port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout
        process.stdout.readline()
        connection = http.client.HTTPConnection("127.0.0.1", free_port, timeout=10)
        for _ in range(1000):
            connection.request("POST", "/classify", b'{"text": "WIN"}', {"Content-Type": "application/json"})
            assert connection.getresponse().read()[:11] == b'{"status": '
        connection.close()
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_no_code_of_the_service_formats_what_it_must_not_say() -> None:
    """Lines are written in log.py alone: nobody prints, and nobody logs by another way."""
    folder = Path(log.__file__).parent
    for path in folder.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "print(" not in source, path
        assert "logger.info(" not in source, path
