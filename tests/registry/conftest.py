"""Where a registry can be, and models to put into it.

`place` is a registry's URL in a folder, on seaweedfs and on ministack in turn, each test in a prefix of its own, with
the environment set. The servers start once a session and worker, when the first test asks for one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import servers
from tests.fault_proxy import FaultProxy, fault_proxy
from tests.servers import Server

PREFIXES = itertools.count(1)
BUCKET = "registry-tests"
CHANGED = ("AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "DESPAM_REGISTRY")


class Place(NamedTuple):
    """A registry's URL, and the server behind it (None for a folder)."""

    url: str
    server: Server | None
    folder: Path | None

    @property
    def name(self) -> str:
        """folder, seaweedfs or ministack."""
        return self.server.name if self.server else "folder"


@pytest.fixture(scope="session")
def models(make_model: Callable[..., Path], small_rows: tuple[list[str], list[str]]) -> tuple[Path, Path, Path]:
    """Three models with three hashes."""
    texts, labels = small_rows
    return make_model(), make_model(texts[:500], labels[:500]), make_model(texts[100:], labels[100:])


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real S3 server."""
    if reason := servers.missing("seaweedfs"):
        pytest.skip(reason)
    with servers.seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        servers.make_bucket(server, BUCKET)
        yield server


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another S3 server, so that we rest on no single emulation."""
    if reason := servers.missing("ministack"):
        pytest.skip(reason)
    with servers.ministack(tmp_path_factory.mktemp("ministack")) as server:
        servers.make_bucket(server, BUCKET)
        yield server


@pytest.fixture(params=["folder", "seaweedfs", "ministack"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A registry's place, empty."""
    return make_place(request.param, request, tmp_path, monkeypatch)


@pytest.fixture
def folder_place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A folder, for what does not depend on storage."""
    return make_place("folder", request, tmp_path, monkeypatch)


@pytest.fixture
def s3_place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A prefix on seaweedfs, for what needs S3."""
    return make_place("seaweedfs", request, tmp_path, monkeypatch)


def make_place(name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Make a place and set the environment for it."""
    for variable in CHANGED:
        monkeypatch.delenv(variable, raising=False)
    if name == "folder":
        folder = tmp_path / "registry of mine"
        folder.mkdir()
        return Place(str(folder), None, folder)
    server: Server = request.getfixturevalue(name)
    for variable, value in server.environ.items():
        monkeypatch.setenv(variable, value)
    return Place(f"s3://{BUCKET}/test-{next(PREFIXES)}", server, None)


@pytest.fixture
def proxy(s3_place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A proxy to the S3 server; from here on the environment names the proxy."""
    assert s3_place.server is not None
    with fault_proxy(s3_place.server.port) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
        yield running
