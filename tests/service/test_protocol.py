"""Connections on raw sockets: what is no HTTP, slow and hostile clients, both ways through the server."""

from __future__ import annotations

import concurrent.futures
import json
import os
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from despam.service.settings import Settings

from .conftest import HttpDoor, Opener

GOOD = b'{"text": "WIN a free iPhone now"}'


@pytest.fixture(scope="module")
def http(doors: Opener) -> HttpDoor:
    """A running server."""
    return doors("http")  # type: ignore[return-value]


def dial(door: HttpDoor) -> socket.socket:
    """Connect."""
    return socket.create_connection((door.host, door.port), timeout=20)


def post(body: bytes = GOOD, *headers: bytes, path: bytes = b"/classify") -> bytes:
    """Write a POST request."""
    lines = [
        b"POST " + path + b" HTTP/1.1",
        b"Host: x",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def read_answer(sock: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read one answer off a socket."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        assert more, f"closed after {data!r}"
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    length = int(headers.get("content-length", 0))
    while len(body) < length:
        body += sock.recv(65536)
    return int(lines[0].split()[1]), headers, body[:length]


def check_others(door: HttpDoor) -> None:
    """Another client is answered at once."""
    start = time.monotonic()
    assert door.ask(body=GOOD).json["classification"] == "SPAM"
    assert time.monotonic() - start < 5  # the clock of a slow client runs for 10 seconds


MALFORMED = {
    "no HTTP": b"hello\r\n\r\n",
    "a request line cut short": b"GET / HT\r\n\r\n",
    "another version": b"GET / HTTP/9.9\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100 + b"\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    "a blank in a header's name": b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n",
    "a Content-Length that is no number": b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
    "two lengths": b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk that is none": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{tex\r\nWIN\r\n",
    "a negative length": b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a NUL in the path": b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_http_is_400_with_cors(http: HttpDoor, name: str) -> None:
    """The server's own errors can be read from any page too."""
    with dial(http) as sock:
        sock.sendall(MALFORMED[name])
        status, headers, body = read_answer(sock)
    assert (status, json.loads(body)) == (400, {"error": "The request is no valid HTTP."})
    assert headers["access-control-allow-origin"] == "*"
    assert headers["connection"] == "close"
    assert "server" not in headers
    check_others(http)


@pytest.mark.parametrize("head", [
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 70_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 400_000,
    b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(12000)) + b"\r\n",
    b"GET /" + b"a" * 400_000,
], ids=["one header", "one header without an end", "many headers", "a path without an end"])  # fmt: skip
def test_a_head_that_is_too_long_is_431_with_cors(http: HttpDoor, head: bytes) -> None:
    """64 KiB is enough for anybody."""
    with dial(http) as sock:
        try:
            sock.sendall(head)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it hung up while we were still talking
        status, headers, body = read_answer(sock)
    assert (status, json.loads(body)) == (431, {"error": "The headers of the request are longer than 64 KiB."})
    assert headers["access-control-allow-origin"] == "*"
    check_others(http)


@pytest.mark.parametrize("sent", [b"", b"POST /classify HTT", b"POST /classify HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_come_is_408_with_cors(quick: HttpDoor, sent: bytes) -> None:
    """Who connects and says little is let go."""
    with dial(quick) as sock:
        sock.sendall(sent)
        status, headers, body = read_answer(sock)
        assert (status, json.loads(body)["error"]) == (
            408,
            "The headers of the request did not arrive within 10 seconds.",
        )
        assert headers["access-control-allow-origin"] == "*"
        assert sock.recv(10) == b""


def test_a_second_head_that_does_not_come_is_408_too(quick: HttpDoor) -> None:
    """The clock runs for each request of a connection."""
    with dial(quick) as sock:
        sock.sendall(post())
        assert read_answer(sock)[0] == 200
        sock.sendall(b"POST /classify HTTP/1.1\r\nHo")
        assert read_answer(sock)[0] == 408


@pytest.mark.parametrize("headers", [b"Content-Length: 33", b"Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_408_with_cors(quick: HttpDoor, headers: bytes) -> None:
    """Also where a length was promised."""
    with dial(quick) as sock:
        sock.sendall(
            b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + headers + b"\r\n\r\n"
        )
        sock.sendall(b'{"te' if b"Length" in headers else b'4\r\n{"te\r\n')
        status, found, body = read_answer(sock)
    assert (status, json.loads(body)["error"]) == (408, "The body did not arrive within 10 seconds; send it again.")
    assert found["access-control-allow-origin"] == "*"


@pytest.fixture(scope="module")
def quick() -> Iterator[HttpDoor]:
    """A server that loses patience after half a second."""
    code = (
        "from despam.service import asgi; asgi.BODY_SECONDS = 0.5; from despam.service.protocol import Protocol; "
        "Protocol.head_seconds = Protocol.write_seconds = 0.5; "
        "from despam.cli.main import run; run(['serve', '--port', '0'])"
    )
    door = HttpDoor(Settings(), start=[sys.executable, "-c", code])
    yield door
    door.close()


def test_slow_clients_do_not_stop_others(http: HttpDoor) -> None:
    """200 of them hold a connection each, at every stage of a request; the next one is answered at once."""
    stages = [b"", b"POST /cl", b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Le", post()[:-5],
              b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"]  # fmt: skip
    slow = [dial(http) for _ in range(200)]
    try:
        for number, sock in enumerate(slow):
            sock.sendall(stages[number % len(stages)])
        for _ in range(20):
            check_others(http)
    finally:
        for sock in slow:
            sock.close()
    check_others(http)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs limits of open files, which Windows has not")
def test_more_connections_than_there_are_places_do_not_stop_others() -> None:
    """With places for 36: 150 silent clients push each other out, and who asks is answered."""
    limited = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)); "
    start = [sys.executable, "-c", limited + "from despam.cli.main import run; run(['serve', '--port', '0'])"]
    door = HttpDoor(Settings(), start=start)
    silent = []
    try:
        for number in range(150):
            silent.append(dial(door))
            if number % 3:
                silent[-1].sendall(b"POST /classify HTTP/1.1\r\nHo"[: number % 29])
        with dial(door) as sock:
            sock.sendall(post())
            assert read_answer(sock)[0] == 200
        for _ in range(40):
            check_others(door)
        status, headers, body = read_answer(silent[0])
        assert (status, json.loads(body)["error"]) == (503, "Too many connections are open; try again in a moment.")
        assert (headers["access-control-allow-origin"], headers["retry-after"]) == ("*", "1")
    finally:
        for sock in silent:
            sock.close()
        door.close()


def test_chunks_without_an_end_are_413(http: HttpDoor) -> None:
    """The endless body ends at the limit, and others never notice."""
    with dial(http) as sock:
        sock.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"
        try:
            for _ in range(400):
                sock.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        status, headers, body = read_answer(sock)
    assert (status, json.loads(body)["error"][:30]) == (413, "The body is larger than 1 MiB ")
    assert headers["access-control-allow-origin"] == "*"
    check_others(http)


@pytest.mark.parametrize("end", [b"X: " + b"a" * 65536, b"a" * 65536], ids=["trailer", "chunk mark"])
def test_a_body_that_ends_endlessly_is_refused(http: HttpDoor, end: bytes) -> None:
    """A trailer without an end, and an extension of a chunk without one: nothing is collected for ever."""
    head = b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with dial(http) as sock:
        sock.sendall(head + (b"0\r\n" if end[:1] == b"X" else b"1;"))
        try:
            for _ in range(400):
                sock.sendall(end)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            status, headers, _ = read_answer(sock)
            assert status in (400, 431)
            assert headers["access-control-allow-origin"] == "*"
        except ConnectionResetError:
            pass  # our answer was lost on the way to a client that only writes
    check_others(http)


@pytest.mark.parametrize("cut", [0, 60])
def test_a_body_in_chunks_is_one_body(http: HttpDoor, cut: int) -> None:
    """In one piece and in two, with an extension and a trailer."""
    chunks = b"".join(b"%x;a=b\r\n%s\r\n" % (len(part), part) for part in (GOOD[:5], GOOD[5:6], GOOD[6:]))
    request = (
        b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-A: b\r\n\r\n"
    )
    with dial(http) as sock:
        sock.sendall(request[: len(request) - cut])
        time.sleep(0.05)
        sock.sendall(request[len(request) - cut :])
        status, _, body = read_answer(sock)
        assert (status, json.loads(body)["input_text"]) == (200, "WIN a free iPhone now")
        sock.sendall(post())
        assert read_answer(sock)[0] == 200


def test_a_length_that_is_too_short_makes_the_rest_another_request(http: HttpDoor) -> None:
    """The body is what the length says; what follows is no HTTP and is refused, on this connection alone."""
    with dial(http) as sock:
        sock.sendall(post(GOOD).replace(b"Content-Length: 33", b"Content-Length: 10"))
        status, _, body = read_answer(sock)
        assert (status, json.loads(body)) == (400, {"error": "The body is no JSON (line 1, column 10)."})
    check_others(http)


def test_a_client_that_hangs_up_in_the_middle_leaves_nothing_behind(http: HttpDoor) -> None:
    """At every byte of a request."""
    request = post()
    for cut in range(len(request)):
        with dial(http) as sock:
            sock.sendall(request[:cut])
    check_others(http)


def test_a_client_that_does_not_read_does_not_stop_others(http: HttpDoor) -> None:
    """It asks for megabytes and never takes them."""
    body = json.dumps({"texts": ["win a free phone " * 500] * 60}).encode()
    with dial(http) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(0.5)
        try:
            for _ in range(50):
                sock.sendall(post(body, path=b"/classify/batch?explain=true"))
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass
        for _ in range(5):
            check_others(http)


def test_a_client_that_does_not_read_is_cut_off(quick: HttpDoor) -> None:
    """Its place goes to others; what it would still have got is lost to it."""
    body = json.dumps({"text": "win a free phone " * 50_000}).encode()
    with dial(quick) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for _ in range(30):  # more megabytes than any buffer on the way
                sock.sendall(post(body))
            time.sleep(3)
            for _ in range(100):
                assert sock.recv(1 << 20) or sock.sendall(b"GET /health HTTP/1.1\r\n\r\n") is None
    check_others(quick)


def test_pipelined_requests_are_answered_in_order(http: HttpDoor) -> None:
    """Small ones on the spot, large ones by uvicorn's way, 100 in one piece."""
    bodies = []
    for number in range(100):
        bodies.append(json.dumps({"text": f"{number} " + "a" * (40_000 if number % 10 == 3 else 0)}).encode())
    with dial(http) as sock, concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(sock.sendall, b"".join(post(body) for body in bodies))
        file = sock.makefile("rb")
        for number in range(100):
            line = file.readline()
            assert line == b"HTTP/1.1 200 OK\r\n", (number, line)
            length = 0
            while (line := file.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            assert json.loads(file.read(length))["input_text"].split()[0] == str(number)


@pytest.mark.parametrize("request_", [
    post() ,
    b"GET /health HTTP/1.0\r\n\r\n",
    post(GOOD, b"Connection: close"),
    post(b" " * 20_000 + GOOD, b"Connection: close"),
], ids=["1.1", "1.0", "close", "close, large"])  # fmt: skip
def test_connections_are_kept_or_closed_as_asked(http: HttpDoor, request_: bytes) -> None:
    """HTTP/1.1 keeps, HTTP/1.0 and Connection: close do not."""
    kept = b"1.1" in request_ and b"close" not in request_
    with dial(http) as sock:
        sock.sendall(request_)
        assert read_answer(sock)[0] == 200
        if kept:
            sock.sendall(request_)
            assert read_answer(sock)[0] == 200
        else:
            assert sock.recv(10) == b""


@pytest.mark.parametrize(
    "path", [b"/classify", b"http://x/classify", b"/classif%79", b"/classify?explain=false", b"/classify#x"]
)
def test_both_ways_through_the_server_give_the_same_bytes(http: HttpDoor, path: bytes) -> None:
    """In one piece (answered on the spot) and in two (uvicorn's way), however the path is written."""
    request = post(path=path)
    bodies = []
    for cut in (len(request), len(request) - 5, 20):
        with dial(http) as sock:
            sock.sendall(request[:cut])
            time.sleep(0.05)
            sock.sendall(request[cut:])
            status, headers, body = read_answer(sock)
        names = {name: value for name, value in headers.items() if name not in ("x-request-id", "date")}
        bodies.append((status, sorted(names.items()), body))
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0][0] == 200


def test_expect_100_continue_is_honoured(http: HttpDoor) -> None:
    """curl sends it with bodies over a megabyte."""
    head, _, body = post(GOOD, b"Expect: 100-continue").partition(b"\r\n\r\n")
    with dial(http) as sock:
        sock.sendall(head + b"\r\n\r\n")
        assert sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert read_answer(sock)[0] == 200


def test_a_request_to_switch_protocols_is_answered_as_plain_http(http: HttpDoor) -> None:
    """No WebSocket, no HTTP/2 here."""
    with dial(http) as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     b"Sec-WebSocket-Key: x\r\n"
                     b"Sec-WebSocket-Version: 13\r\n\r\n")  # fmt: skip
        assert read_answer(sock)[0] == 200


@pytest.mark.parametrize(
    "fold", [b"a\r\n Set-Cookie: canary=1", b"a\rSet-Cookie: canary=1", b"a\nSet-Cookie: canary=1", b"a\0b"]
)
@pytest.mark.parametrize("header", [b"Origin", b"X-Request-Id"])
def test_a_header_with_a_line_end_in_it_injects_nothing(http: HttpDoor, header: bytes, fold: bytes) -> None:
    """Folded, or with a bare CR or LF: refused, or answered without it."""
    with dial(http) as sock:
        sock.sendall(post(GOOD, header + b": " + fold, b"Connection: close"))
        status, headers, _ = read_answer(sock)
    assert status in (200, 400)
    assert "canary" not in str(headers)
    assert "set-cookie" not in headers
    check_others(http)
