"""A registry with versions and the live models opened on it, for the tests of `service/live.py`.

Real storage (a folder, seaweedfs) and a real proxy that breaks or holds what passes; the clock alone is made up where
a refresh period has to pass. Knows nothing of what is tested.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import despam
from despam.registry import Registry
from despam.registry.reader import model_path
from despam.service.live import LiveModel
from tests.fault_proxy import FaultProxy, Seen
from tests.registry.conftest import Place

Models = tuple[Path, Path, Path]


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """A registry with versions, and the LiveModels that a test has opened on it."""

    def __init__(self, url: str, models: Models) -> None:
        self.url = url
        self.registry = Registry(url)
        self.versions = [self.registry.publish(model).version for model in models]
        self.opened: list[LiveModel] = []
        self.lines: list[dict] = []
        self.clock = Clock()

    def open(self, inline: bool = True, **more: object) -> LiveModel:
        """Open one that looks in the requests and goes by the clock of the scene, or one that looks in a thread."""
        settings: dict = {"registry_url": self.url, "refresh_seconds": 30.0, "inline": inline} | more
        settings["log"] = lambda line: self.lines.append(json.loads(line))
        if inline:
            settings.setdefault("clock", self.clock)
        live = LiveModel(**settings)
        self.opened.append(live)
        return live

    def after(self, seconds: float, live: LiveModel) -> despam.Model:
        """Let time pass, and let the look that is due then end, however slow the machine; give what decides."""
        self.let_look_end(live)  # while one is under way there is no other
        self.clock.now += seconds
        live.current()
        self.let_look_end(live)
        return live.current()

    def let_look_end(self, live: LiveModel) -> None:
        """Wait for a look that is under way."""
        assert live.thread is not None
        live.thread.join(20)
        assert not live.thread.is_alive()

    def events(self, name: str) -> list[dict]:
        """Give the log lines of a kind."""
        return [line for line in self.lines if line["event"] == name]


@pytest.fixture
def scene(folder_place: Place, models: Models) -> Iterator[Scene]:
    """Three versions in a folder, the first one live."""
    made = Scene(folder_place.url, models)
    made.registry.promote(made.versions[0])
    yield made
    for live in made.opened:
        live.stop()


@pytest.fixture
def s3_scene(proxy: FaultProxy, s3_place: Place, models: Models) -> Iterator[Scene]:
    """The same behind the proxy."""
    made = Scene(s3_place.url, models)
    made.registry.promote(made.versions[0])
    proxy.seen.clear()
    proxy.statuses.clear()
    yield made
    proxy.plan = lambda _: None
    for live in made.opened:
        live.stop()


def wait_for(happened: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something is true."""
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def hold(until: threading.Event) -> None:
    """As a fault: keep the answer back until a test lets it go."""
    assert until.wait(60)


def is_pointer(request: Seen) -> bool:
    return request.method == "GET" and request.path.endswith("live.json")


def is_model(request: Seen) -> bool:
    return request.method == "GET" and request.path.endswith(".safetensors")


def corrupt(scene: Scene, kind: str) -> str:
    """Make a file that is wrong in one way live, by hand; give its full hash."""
    data = {
        "other bytes": b"rotten",
        "no model": b"its hash is right and it is no model",
        "a newer format": Path(despam.load().path).read_bytes().replace(b"despam-1", b"despam-9", 1),
    }[kind]
    sha256 = hashlib.sha256(data if kind != "other bytes" else b"the bytes that were meant").hexdigest()
    scene.registry.storage.create(model_path(sha256), data)
    scene.registry.storage.replace("live.json", json.dumps({"sha256": sha256}).encode())
    return sha256
