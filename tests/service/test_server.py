"""The server on this machine: signals, ports, addresses, workers."""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from despam.errors import ServeError
from despam.service import server
from despam.service.asgi import create_app
from despam.service.settings import Settings

from .conftest import HttpDoor, wait_for
from .test_protocol import dial, post, read_answer


def test_sigterm_finishes_the_requests_under_way() -> None:
    """A body that is still arriving is answered; then the server ends with 0."""
    door = HttpDoor(Settings())
    body = json.dumps({"text": "win a free phone " * 3000}).encode()
    with dial(door) as sock:
        request = post(body)
        sock.sendall(request[:-100])
        time.sleep(0.7)  # the server has seen the beginning
        os.kill(door.process.pid, signal.SIGTERM)
        time.sleep(0.3)
        sock.sendall(request[-100:])
        status, _, answer = read_answer(sock)
    assert (status, json.loads(answer)["status"]) == (200, "success")
    assert door.process.wait(10) == 0
    door.close()


def test_with_workers_the_parent_looks_for_no_new_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers nobody; each worker looks for itself."""
    looking: list[bool] = []

    class Supervisor:
        """In place of uvicorn's, which would start processes."""

        def __init__(self, *_: object, **__: object) -> None:
            pass

        def run(self) -> None:
            """Note whether the parent's thread is still there."""
            looking.append(live.thread is not None and live.thread.is_alive())

    monkeypatch.setattr("uvicorn.supervisors.Multiprocess", Supervisor)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    app = create_app(Settings(registry_url=str(tmp_path)), lambda _: None)
    live: Any = app.api.live
    assert live.thread.is_alive()
    with socket.socket() as sock:
        server.run(app, sock, workers=2)
    assert looking == [False]


def test_what_outlasts_the_grace_period_is_refused_in_words() -> None:
    """503 with CORS, and one line in the log like any other; no traceback of a task."""
    code = (
        "from despam.service import server; server.GRACE_SECONDS = 1; from despam.cli.main import run; "
        "run(['serve', '--port', '0'])"
    )
    door = HttpDoor(Settings(), start=[sys.executable, "-c", code])
    with dial(door) as sock:
        sock.sendall(post()[:-5])
        time.sleep(0.5)
        door.process.terminate()
        status, headers, body = read_answer(sock)
        assert (status, json.loads(body)) == (503, {"error": "The service is stopping; send it again."})
        assert (headers["access-control-allow-origin"], headers["connection"]) == ("*", "close")
        assert sock.recv(1) == b""
    door.process.wait(10)
    line = next(line for line in map(json.loads, door.log.splitlines()) if "status" in line)
    assert (line["id"], line["path"], line["status"]) == (headers["x-request-id"], "/classify", 503)
    assert "ASGI" not in door.log
    door.close()


def test_sigterm_does_not_wait_for_idle_connections() -> None:
    """Who is connected and says nothing holds up no deployment."""
    door = HttpDoor(Settings())
    with dial(door), dial(door) as used:
        used.sendall(post())
        assert read_answer(used)[0] == 200
        start = time.monotonic()
        door.process.terminate()
        door.process.wait(10)
        assert time.monotonic() - start < 8  # idle connections are kept for 60 seconds
    door.close()


def test_a_port_in_use_is_one_sentence() -> None:
    """With what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=rf"^port {port} on 127\.0\.0\.1 is in use; choose another with --port$"):
            server.bind("127.0.0.1", port)


def test_an_address_of_another_machine_is_one_sentence() -> None:
    """Names that do not resolve, and addresses that are not ours."""
    with pytest.raises(ServeError, match="is no address of this machine"):
        server.bind("no-such-host.invalid", 0)
    with pytest.raises(ServeError, match=r"cannot listen on 192\.0\.2\.1"):
        server.bind("192.0.2.1", 0)


def test_an_ipv6_address_is_named_as_a_url() -> None:
    """With brackets."""
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        pytest.skip("no IPv6 on this machine")
    with server.bind("::1", 0) as sock:
        assert re.fullmatch(r"http://\[::1\]:\d+", server.name_address(sock))


def children(pid: int) -> list[int]:
    """Name the worker processes of a server."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(stat[1]) == pid and "spawn_main" in (entry / "cmdline").read_text():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux: /proc tells what is shared")
def test_workers_share_the_mapped_models_memory() -> None:
    """Each maps the same file read-only: its pages are in memory once. All of them answer, and all end."""
    door = HttpDoor(Settings(), "--workers", "2")
    try:
        wait_for(lambda: len(children(door.process.pid)) == 2)
        wait_for(lambda: door.ask("GET", "/health").status == 200)
        workers = children(door.process.pid)

        def maps() -> list[str]:
            found = []
            for pid in workers:
                smaps = Path(f"/proc/{pid}/smaps").read_text()
                found += re.findall(
                    r"^\S+ (\S+) .*bundled\.safetensors\n(?:.*\n)*?Private_Dirty: +(\d+) kB", smaps, re.MULTILINE
                )
            return found

        wait_for(lambda: len(maps()) == 2)
        assert [(rights[:3], dirty) for rights, dirty in maps()] == [("r--", "0"), ("r--", "0")]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda number: door.ask(body={"text": f"WIN {number}"}).status, range(200)))
        assert answers == [200] * 200
    finally:
        door.close()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
