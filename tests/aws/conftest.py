"""AWS on this machine: ministack on the loopback, a door to its storage that can be shut, and the way there.

Each xdist worker starts its own ministack on a free port and stops it. The Lambda functions that ministack runs reach
S3 through `storage`, a small relay; shutting it takes S3 away from them while everything else goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import servers

REGION = servers.REGION
MACHINE = "arm64" if os.uname().machine == "aarch64" else "x86_64"


class Relay:
    """A TCP relay on the loopback that can be shut and opened again on the same port."""

    def __init__(self) -> None:
        self.target = 0
        self.open = True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs: list[socket.socket] = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if not self.open:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self.pairs += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def copy(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def shut(self) -> None:
        """Refuse new connections and cut those there are."""
        self.open = False
        for end in self.pairs:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.pairs.clear()

    def close(self) -> None:
        self.shut()
        # closing alone does not wake a blocked accept
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(timeout=5)


@dataclass
class Ministack:
    """A running emulator."""

    port: int
    storage: Relay

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, name: str) -> Any:
        import boto3

        return boto3.client(
            name, endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )

    def ask(self, url: str, path: str = "", body: Any = None, method: str | None = None, **headers: str) -> Answer:
        """Ask the service at `url` (as deploy printed it) through its front."""
        host, _, rest = url.removeprefix("http://").partition("/")
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            f"{self.endpoint}/{rest}{path}",
            data=data,
            method=method,
            headers={"Content-Type": "application/json", **named, "Host": host},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    """AWS on the loopback."""
    if reason := servers.missing("ministack"):
        pytest.skip(reason)
    pytest.importorskip("samtranslator", reason="no SAM transform on this machine: pip install aws-sam-translator")
    storage = Relay()
    told = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{storage.port}",
    }
    try:
        with servers.ministack(tmp_path_factory.mktemp("ministack"), **told) as server:
            storage.target = server.port
            yield Ministack(server.port, storage)
    finally:
        storage.close()


@pytest.fixture
def aws(ministack: Ministack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ministack]:
    """The environment in which `despam deploy` finds ministack as its AWS."""
    from despam.aws import cloudformation

    for name in [name for name in os.environ if name.startswith(("AWS_", "DESPAM_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", ministack.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(cloudformation, "POLL_SECONDS", 0.05)
    ministack.storage.open = True
    yield ministack
    ministack.storage.open = True


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without credentials, settings or a region."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "DESPAM_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
