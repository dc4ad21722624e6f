"""Connections on raw sockets: switching protocols, trailers, half-closed clients, and what comes after an answer."""

from __future__ import annotations

import json
import select
import shutil
import socket
import subprocess
import time

import pytest

from .conftest import HttpDoor, Opener
from .test_protocol import GOOD, dial, post, read_answer

H2C = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA")
WEBSOCKET = (b"Connection: keep-alive, Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")
HIDDEN = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def http(doors: Opener) -> HttpDoor:
    """A running server."""
    return doors("http")  # type: ignore[return-value]


def read_answers(sock: socket.socket, silence_seconds: float = 0.3) -> list[tuple[int, bytes]]:
    """Read all answers that come until the server closes or is silent, as status and body."""
    sock.settimeout(silence_seconds)
    data = b""
    try:
        while more := sock.recv(65536):
            data += more
    except TimeoutError:
        pass
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")), 0)
        answers.append((int(lines[0].split()[1]), data[:length]))
        data = data[length:]
    return answers


def statuses(sock: socket.socket, *parts: bytes, silence_seconds: float = 0.3) -> list[int]:
    """Send parts, a little apart; give the statuses of all answers."""
    for number, part in enumerate(parts):
        time.sleep(0.05 if number else 0)
        sock.sendall(part)
    return [status for status, _ in read_answers(sock, silence_seconds)]


@pytest.mark.parametrize("wish", [H2C, WEBSOCKET, H2C + WEBSOCKET], ids=["h2c", "websocket", "both"])
@pytest.mark.parametrize("cut", [None, 20, 120, -10, -33], ids=lambda cut: f"cut at {cut}")
def test_a_post_that_asks_to_switch_protocols_keeps_its_body(
    http: HttpDoor, wish: tuple[bytes, ...], cut: int | None
) -> None:
    """Java's client and curl --http2 ask with every request; in one packet or two there is one answer."""
    request = post(GOOD, *wish)
    with dial(http) as sock:
        sock.sendall(request[:cut])
        if cut is not None:
            time.sleep(0.05)
            sock.sendall(request[cut:])
        (status, body), *more = read_answers(sock)
        assert (status, json.loads(body)["input_text"], more) == (200, "WIN a free iPhone now", [])
        assert statuses(sock, request, HIDDEN) == [200, 200]
    assert "WebSocket" not in http.log


def test_requests_that_ask_to_switch_protocols_may_be_pipelined(http: HttpDoor) -> None:
    """Among others, 1,200 in one piece: no stack grows with them."""
    with dial(http) as sock:
        assert statuses(sock, post() + post(GOOD, *H2C) + HIDDEN + post(GOOD, *WEBSOCKET) + HIDDEN) == [200] * 5
        many = b"".join(
            HIDDEN.replace(b"\r\n\r\n", b"\r\n" + wish + b"\r\n\r\n") for wish in [b"\r\n".join(H2C[:2])] * 1200
        )
        assert statuses(sock, many, silence_seconds=2) == [200] * 1200


@pytest.mark.parametrize("two", [False, True], ids=["one packet", "two packets"])
def test_a_body_that_looks_like_a_request_is_a_body(http: HttpDoor, two: bool) -> None:
    """Whatever the client asks to switch to: a second answer would be a smuggled request."""
    request = post(HIDDEN, *H2C)
    with dial(http) as sock:
        parts = [request[: -len(HIDDEN)], HIDDEN] if two else [request]
        assert statuses(sock, *parts) == [400]


def test_who_asks_to_switch_and_to_close_is_closed(http: HttpDoor) -> None:
    """Of Connection only `close` is left."""
    with dial(http) as sock:
        sock.sendall(post(GOOD, b"Connection: Upgrade, Close", b"Upgrade: h2c"))
        assert [status for status, _ in read_answers(sock, 5)] == [200]
        assert sock.recv(1) == b""


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_curl_with_http2_gets_its_verdict(http: HttpDoor) -> None:
    """It asks for h2c with its first request."""
    command = [
        "curl",
        "-sS",
        "--http2",
        "--max-time",
        "10",
        "-H",
        "Content-Type: application/json",
        "-d",
        GOOD.decode(),
    ]
    done = subprocess.run([*command, f"{http.url}/classify"], capture_output=True, check=True)
    assert json.loads(done.stdout)["classification"] == "SPAM"


@pytest.mark.parametrize("path", [b"/classify/batch?explain=true", b"/classify/batch?%65xplain=true"])
def test_small_bodies_that_are_much_work_do_not_hold_up_others(http: HttpDoor, path: bytes) -> None:
    """Clues of four texts in 13 KB take a quarter of a second; who asks for less is answered before."""
    body = json.dumps({"texts": ["<b" * 1600] * 4}).encode()
    with dial(http) as slow, dial(http) as quick:
        slow.sendall(post(body, path=path))
        time.sleep(0.02)
        assert statuses(quick, HIDDEN, silence_seconds=0.1) == [200]
        assert not select.select([slow], [], [], 0)[0]
        assert read_answers(slow, 20)[0][0] == 200


def test_a_batch_whose_answer_would_be_huge_is_413(http: HttpDoor) -> None:
    """100 texts with thousands of clues each: the work ends at 16 MiB."""
    body = json.dumps({"texts": ["免費" * 1600] * 100}, ensure_ascii=False).encode()
    with dial(http) as sock:
        sock.sendall(post(body, path=b"/classify/batch?explain=true"))
        sock.settimeout(60)
        status, _, answer = read_answer(sock)
    sentence = "The answer would be larger than 16 MiB; ask for fewer texts at a time, or without explain."
    assert (status, json.loads(answer)) == (413, {"error": sentence})


def test_a_head_counts_once_and_alone(http: HttpDoor) -> None:
    """60 KB of it in two pieces, and a bit of one behind 200 KB of other requests, are within 64 KiB."""
    long = post(GOOD, *[b"X-%d: " % number + b"a" * 6000 for number in range(10)])
    with dial(http) as sock:
        assert statuses(sock, long[:50_000], long[50_000:]) == [200]
        assert statuses(sock, post() * 1500 + HIDDEN[:9], HIDDEN[9:], silence_seconds=2) == [200] * 1501
