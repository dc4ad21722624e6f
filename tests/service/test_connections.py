"""Connections on raw sockets: switching protocols, trailers, half-closed clients, and what comes after an answer."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from despam.service.settings import Settings

from .conftest import HttpDoor, Opener
from .test_protocol import GOOD, check_others, dial, post, read_answer

H2C = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA")
WEBSOCKET = (b"Connection: keep-alive, Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")
HIDDEN = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def http(doors: Opener) -> HttpDoor:
    """A running server."""
    return doors("http")  # type: ignore[return-value]


def read_answers(sock: socket.socket, count: int = 1, *, more: bool = False) -> list[tuple[int, bytes]]:
    """Read so many answers, as status and body; then say that all was said, and read what else comes until the end.

    `more`: more will be said, so only what came in one piece with the last answer is read.
    """
    answers: list[tuple[int, bytes]] = []
    data = b""
    while len(answers) < count and (piece := sock.recv(65536)):
        data = cut_answers(data + piece, answers)
    if not more:
        try:
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65536):
                data = cut_answers(data + piece, answers)
        except OSError as error:
            assert not isinstance(error, TimeoutError), f"neither closed nor answered after {answers}"
    assert not data, f"half an answer: {data!r}"
    return answers


def cut_answers(data: bytes, answers: list[tuple[int, bytes]]) -> bytes:
    """Move the answers that are whole off the bytes that came; give what is left."""
    while b"\r\n\r\n" in data:
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")), 0)
        if len(body) < length:
            break
        answers.append((int(lines[0].split()[1]), body[:length]))
        data = body[length:]
    return data


def statuses(sock: socket.socket, *parts: bytes, count: int = 1, more: bool = False) -> list[int]:
    """Send parts, a little apart; give the statuses of all answers, of which there should be `count`."""
    for number, part in enumerate(parts):
        time.sleep(0.05 if number else 0)
        sock.sendall(part)
    return [status for status, _ in read_answers(sock, count, more=more)]


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
        (status, body), *others = read_answers(sock, more=True)
        assert (status, json.loads(body)["input_text"], others) == (200, "WIN a free iPhone now", [])
        assert statuses(sock, request, HIDDEN, count=2) == [200, 200]
    assert "WebSocket" not in http.log


def test_requests_that_ask_to_switch_protocols_may_be_pipelined(http: HttpDoor) -> None:
    """Among others, 1,200 in one piece: no stack grows with them."""
    with dial(http) as sock:
        mixed = post() + post(GOOD, *H2C) + HIDDEN + post(GOOD, *WEBSOCKET) + HIDDEN
        assert statuses(sock, mixed, count=5, more=True) == [200] * 5
        many = b"".join(
            HIDDEN.replace(b"\r\n\r\n", b"\r\n" + wish + b"\r\n\r\n") for wish in [b"\r\n".join(H2C[:2])] * 1200
        )
        assert statuses(sock, many, count=1200) == [200] * 1200


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
        assert [status for status, _ in read_answers(sock, more=True)] == [200]
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


HELD_UP = """
import threading
from despam.service.api import Api
handle, begun, others = Api.handle, threading.Event(), threading.Event()
def held_up(api, request):
    if b"<b" in request.body:
        begun.set()
        assert others.wait(10), "nobody else was answered meanwhile"
        begun.clear()
        others.clear()
    elif request.path == "/health":
        assert begun.wait(10), "nothing to be held up by"
        others.set()
    return handle(api, request)
Api.handle = held_up
from despam.cli.main import run
run(["serve", "--port", "0"])
"""


@pytest.fixture(scope="module")
def held_up() -> Iterator[HttpDoor]:
    """A server that is done with what is much work only when it has answered another request meanwhile."""
    door = HttpDoor(Settings(), start=[sys.executable, "-c", HELD_UP])
    yield door
    door.close()


@pytest.mark.parametrize("path", [b"/classify/batch", b"/classify?explain=true", b"/classify?%65xplain=true"])
def test_small_bodies_that_are_much_work_do_not_hold_up_others(held_up: HttpDoor, path: bytes) -> None:
    """Many texts, or clues: who asks for less is answered before."""
    body = json.dumps({"texts": ["<b"]} if b"batch" in path else {"text": "<b"}).encode()
    with dial(held_up) as slow, dial(held_up) as quick:
        slow.sendall(post(body, path=path))
        quick.sendall(HIDDEN)
        assert read_answer(slow)[0] == 200
        assert read_answer(quick)[0] == 200


def test_a_head_counts_once_and_alone(http: HttpDoor) -> None:
    """60 KB of it in two pieces, and a bit of one behind 200 KB of other requests, are within 64 KiB."""
    long = post(GOOD, *[b"X-%d: " % number + b"a" * 6000 for number in range(10)])
    with dial(http) as sock:
        assert statuses(sock, long[:50_000], long[50_000:], more=True) == [200]
        assert statuses(sock, post() * 1500 + HIDDEN[:9], HIDDEN[9:], count=1501) == [200] * 1501


@pytest.mark.parametrize("cut", [None, 140, -40], ids=lambda cut: f"cut at {cut}")
def test_trailers_are_no_headers(doors: Opener, cut: int | None) -> None:
    """A key behind the body opens nothing, a type there refuses nothing, however the pieces fall."""
    guarded = doors("http", api_key="secret")
    head = b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n"
    chunk = b"%x\r\n%s\r\n0\r\n" % (len(GOOD), GOOD)
    trailers = b"X-Request-Id: behind\r\nContent-Type: text/plain\r\nX-Api-Key: secret\r\n\r\n"
    for key, status in ((b"", 401), (b"X-Api-Key: secret\r\n", 200)):
        request = head + key + b"\r\n" + chunk + trailers
        with dial(guarded) as sock:  # type: ignore[arg-type]
            assert statuses(sock, *([request] if cut is None else [request[:cut], request[cut:]])) == [status]
    assert "behind" not in guarded.log


@pytest.mark.parametrize("cut", [None, -5], ids=["on the spot", "uvicorn's way"])
def test_blanks_around_a_header_do_not_belong_to_it(doors: Opener, cut: int | None) -> None:
    """RFC 9112 5: a right key with a blank behind it is a right key."""
    guarded = doors("http", api_key="secret")
    request = post(GOOD, b"X-Api-Key: \t secret \t ")
    with dial(guarded) as sock:  # type: ignore[arg-type]
        assert statuses(sock, *([request] if cut is None else [request[:cut], request[cut:]])) == [200]


@pytest.mark.parametrize("path", [b"/", b"/%6dain.js"], ids=["on the spot", "uvicorn's way"])
def test_a_list_in_two_headers_is_one_list(http: HttpDoor, path: bytes) -> None:
    """RFC 9110 5.2: proxies may part them."""
    lines = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nAccept-Encoding: br\r\n"
    with dial(http) as sock:
        sock.sendall(lines + b"\r\n")
        status, headers, _ = read_answer(sock)
        assert (status, headers["content-encoding"]) == (200, "gzip")
        known = b'If-None-Match: %s\r\nIf-None-Match: "a"\r\n' % headers["etag"].encode()
        assert statuses(sock, lines + known + b"\r\n") == [304]


@pytest.mark.parametrize(("head", "status"), [
    (b"GET /health HTTP/1.1\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n", 400),
    (b"GET /health HTTP/1.0\r\nHost: a\r\nHost: b\r\n", 400),
    (b"GET /health HTTP/1.0\r\n", 200),
    (b"GET /health HTTP/1.1\r\nHost:\r\n", 200),
    (b"GET http://x HTTP/1.1\r\nHost: x\r\n", 200),
    (b"GET http://x?a=b HTTP/1.1\r\nHost: x\r\n", 200),
    (b"GET http://x/health?a=b HTTP/1.1\r\nHost: x\r\n", 200),
    (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n", 204),
    (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n", 400),
])  # fmt: skip
def test_a_request_names_its_host_once(http: HttpDoor, head: bytes, status: int) -> None:
    """RFC 9112 3.2; and a whole URL without a path means the page (3.2.2)."""
    with dial(http) as sock:
        sock.sendall(head + b"\r\n")
        (found, body), *others = read_answers(sock)
        assert (found, others) == (status, [])
        if status == 400 and b"CONNECT" not in head:
            assert json.loads(body) == {"error": "A request must name its host once, in the header Host."}
        if b"://x?" in head or b"://x " in head:
            assert body.startswith(b"<!")
    check_others(http)


def test_a_client_of_http_1_0_is_not_asked_to_continue(http: HttpDoor) -> None:
    """RFC 9110 on Expect: it would take the interim answer for the answer."""
    head, _, body = post(GOOD, b"Expect: 100-continue").replace(b"HTTP/1.1", b"HTTP/1.0").partition(b"\r\n\r\n")
    with dial(http) as sock:
        assert statuses(sock, head + b"\r\n\r\n", body) == [200]


IMPATIENT = """
from despam.service import server
configure = server.configure
def impatient(app, workers=1):
    config = configure(app, workers)
    config.timeout_keep_alive = 1
    return config
server.configure = impatient
from despam.cli.main import run
run(["serve", "--port", "0"])
"""


@pytest.fixture(scope="module")
def impatient() -> Iterator[HttpDoor]:
    """A server that keeps a connection for a second after an answer."""
    door = HttpDoor(Settings(), start=[sys.executable, "-c", IMPATIENT])
    yield door
    door.close()


@pytest.mark.parametrize("part", [b"", b"\r\n", b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"],
                         ids=["nothing", "a blank line", "a body that is not waited for"])  # fmt: skip
@pytest.mark.parametrize("trickle", [b"", b"\r\n"], ids=["then silence", "then bytes"])
def test_nothing_keeps_an_answered_connection_open(impatient: HttpDoor, part: bytes, trickle: bytes) -> None:
    """Only another request does: what leads to none runs out with the time after the answer."""
    with dial(impatient) as sock:
        sock.sendall(post())
        assert read_answer(sock)[0] == 200
        sock.sendall(part)
        start = time.monotonic()
        sock.settimeout(0.3)
        data = b"?"
        while data:
            assert time.monotonic() - start < 10
            try:
                data = sock.recv(65536)
            except TimeoutError:
                sock.sendall(trickle)
            except (ConnectionResetError, BrokenPipeError):
                break


def test_a_request_under_way_is_no_silence(impatient: HttpDoor) -> None:
    """A body may take longer than a silent connection is kept, and so may the next head."""
    with dial(impatient) as sock:
        for cut in (-5, 30):
            sock.sendall(post()[:cut])
            time.sleep(1.5)
            sock.sendall(post()[cut:])
            assert read_answer(sock)[0] == 200


LARGE = json.dumps({"text": "a b c " * 4000}).encode()


@pytest.mark.parametrize("requests", [[LARGE], [GOOD] * 12, [LARGE, GOOD, LARGE, LARGE]], ids=["large", "12", "mixed"])
def test_who_has_said_all_is_answered(http: HttpDoor, requests: list[bytes]) -> None:
    """nc -N and some load balancers end their half of the connection right behind the request."""
    with dial(http) as sock:
        sock.sendall(b"".join(map(post, requests)))
        sock.shutdown(socket.SHUT_WR)
        assert [status for status, _ in read_answers(sock, len(requests), more=True)] == [200] * len(requests)
        assert sock.recv(1) == b""
    check_others(http)


def test_who_ends_in_the_middle_of_a_body_is_let_go(http: HttpDoor) -> None:
    """At once: nothing more can come."""
    with dial(http) as sock:
        sock.sendall(post(LARGE)[:-1])
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(5)
        assert sock.recv(1) == b""


WRONG = {
    "no HTTP": (b"hello\r\n\r\n", 400),
    "a head too long": (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    "a body that is none": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nwhat?\r\n", 400),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("right", [[LARGE], [GOOD], [LARGE, GOOD, LARGE], [GOOD] * 10],
                         ids=["large", "small", "mixed", "10"])  # fmt: skip
@pytest.mark.parametrize("ends", [False, True], ids=["", "and ends"])
def test_what_is_wrong_is_answered_after_what_is_right(
    http: HttpDoor, name: str, right: list[bytes], ends: bool
) -> None:
    """A client that pipelines takes the first answer for that to its first request."""
    wrong, status = WRONG[name]
    with dial(http) as sock:
        sock.sendall(b"".join(map(post, right)) + wrong)
        if ends:
            sock.shutdown(socket.SHUT_WR)
        count = len(right) + 1
        assert [found for found, _ in read_answers(sock, count, more=True)] == [200] * len(right) + [status]
        assert sock.recv(1) == b""
    check_others(http)
