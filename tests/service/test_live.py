# ruff: noqa: F811  fixtures are imported by name and named again as arguments
"""The live model: whatever storage does, a checked model answers, and a new version is seen in time.

Real storage (a folder, seaweedfs), a real proxy that breaks what passes, real forks and processes; the clock alone
is made up where a refresh period has to pass.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import despam
from despam.errors import MissingExtra, ModelError, SettingError
from despam.registry import Registry
from despam.registry.reader import model_path
from despam.service.live import WAIT_SECONDS, LiveModel
from tests.fault_proxy import Fault, FaultProxy, Seen, fault_proxy
from tests.registry.conftest import Place, folder_place, models, s3_place, seaweedfs  # noqa: F401  fixtures
from tests.servers import free_ports

Models = tuple[Path, Path, Path]
SLACK_SECONDS = 1.0


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
def proxy(s3_place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A proxy to seaweedfs, which the environment names."""
    assert s3_place.server is not None
    with fault_proxy(s3_place.server.port) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
        yield running


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


def wait_for(happened: Callable[[], bool], seconds: float = 20) -> float:
    """Wait until something is true; give the seconds it took."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < seconds, "it did not happen"
        time.sleep(0.01)
    return time.monotonic() - began


def is_pointer(request: Seen) -> bool:
    return request.method == "GET" and request.path.endswith("live.json")


def is_model(request: Seen) -> bool:
    return request.method == "GET" and request.path.endswith(".safetensors")


# without a registry


def test_without_settings_the_bundled_model_decides(bundled: despam.Model) -> None:
    """And nothing is said to be wrong."""
    live = LiveModel()
    assert live.current().version == bundled.version
    assert live.status() == {"source": "bundled", "model": bundled.version, "degraded": False, "reason": ""}


def test_a_file_decides_when_it_is_named(models: Models) -> None:
    """Its own version, source file."""
    live = LiveModel(model_path=str(models[0]))
    assert live.current().sha256 == hashlib.sha256(models[0].read_bytes()).hexdigest()
    assert live.status()["source"] == "file"


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    """A service that was told to use a file does not quietly use another."""
    with pytest.raises(ModelError):
        LiveModel(model_path=str(tmp_path / "none.safetensors")).current()


def test_without_a_registry_nothing_of_it_is_imported() -> None:
    """Neither obstore nor threads nor our own registry."""
    program = (
        "import sys; from despam.service.live import LiveModel; live = LiveModel(); live.current(); live.status()\n"
        "print([n for n in ('obstore', 'threading', 'despam.registry', 'dataclasses', 'weakref') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done


# with one


def test_the_live_version_decides(scene: Scene) -> None:
    """Hash, source, age of the last look; nothing degraded."""
    live = scene.open()
    model = live.current()
    assert model.version == scene.versions[0] == model.classify("WIN a free iPhone").model
    scene.clock.now += 12.34
    assert live.status() == {
        "source": "registry",
        "model": scene.versions[0],
        "degraded": False,
        "reason": "",
        "checked_seconds_ago": 12.3,
        "refresh_seconds": 30.0,
    }
    assert [line["model"] for line in scene.events("model")] == [scene.versions[0]]


def test_a_promotion_is_seen_after_the_refresh_period_and_not_before(scene: Scene) -> None:
    """In the requests, as on Lambda."""
    live = scene.open()
    first = live.current()
    scene.registry.promote(scene.versions[1])
    scene.clock.now += 29.9
    assert live.current() is first
    assert scene.after(0.2, live).version == scene.versions[1]
    assert [(line["before"], line["model"]) for line in scene.events("model")][1:] == [tuple(scene.versions[:2])]


@pytest.mark.parametrize("refresh_seconds", [0.3, 1.0])
def test_a_server_sees_a_promotion_by_itself(scene: Scene, refresh_seconds: float) -> None:
    """In a thread, without a request in between, within the refresh period and a second; and a rollback too."""
    live = scene.open(inline=False, refresh_seconds=refresh_seconds)
    assert live.current().version == scene.versions[0]
    for change, version in (
        (lambda: scene.registry.promote(scene.versions[2]), scene.versions[2]),
        (scene.registry.rollback, scene.versions[0]),
    ):
        change()
        took = wait_for(lambda version=version: live.model is not None and live.model.version == version)
        assert took <= refresh_seconds + SLACK_SECONDS
    assert live.status()["degraded"] is False


def test_lambda_looks_in_the_requests_and_a_server_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says which it is."""
    assert LiveModel().inline is False
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "despam")
    assert LiveModel().inline is True


def test_an_unchanged_pointer_costs_one_conditional_get_and_no_download(s3_scene: Scene, proxy: FaultProxy) -> None:
    """304 each refresh period; between them nothing at all."""
    live = s3_scene.open()
    live.current()
    for _ in range(3):
        for _ in range(50):
            live.current()
        s3_scene.after(31, live)
    pointers = [(status, "if-none-match" in seen.headers) for seen, status in proxy.statuses if is_pointer(seen)]
    assert pointers == [(200, False), (304, True), (304, True), (304, True)]
    assert sum(map(is_model, proxy.seen)) == 1 and len(proxy.seen) == 5


def test_a_promotion_back_to_what_is_live_costs_no_download(s3_scene: Scene, proxy: FaultProxy) -> None:
    """Another pointer to the same version is no new model."""
    live = s3_scene.open()
    first = live.current()
    s3_scene.registry.promote(s3_scene.versions[1])
    s3_scene.registry.rollback()
    proxy.seen.clear()
    assert s3_scene.after(31, live) is first
    assert not any(map(is_model, proxy.seen))


# when something is wrong


def test_with_storage_down_at_the_start_the_bundled_model_answers(
    s3_scene: Scene, proxy: FaultProxy, bundled: despam.Model
) -> None:
    """Degraded, with the reason; and the live version takes over when storage is back."""
    proxy.plan = lambda _: Fault(status=503, code="SlowDown")
    live = s3_scene.open()
    assert live.current().version == bundled.version
    status = live.status()
    assert (status["source"], status["degraded"]) == ("bundled", True)
    assert "slow down" in str(status["reason"]) and s3_scene.url not in str(status["reason"])
    proxy.plan = lambda _: None
    assert s3_scene.after(31, live).version == s3_scene.versions[0]
    assert (live.status()["source"], live.status()["degraded"], live.status()["reason"]) == ("registry", False, "")
    assert len(s3_scene.events("degraded")) == len(s3_scene.events("recovered")) == 1


def test_with_storage_down_at_the_start_the_file_answers_when_one_is_named(
    s3_scene: Scene,
    proxy: FaultProxy,
    models: Models,
) -> None:
    """Source file, degraded."""
    proxy.plan = lambda _: Fault(reset="before")
    live = s3_scene.open(model_path=str(models[1]))
    wait_for(lambda: live.current().version == s3_scene.versions[1])
    assert (live.status()["source"], live.status()["degraded"]) == ("file", True)


def test_a_start_does_not_wait_for_storage_that_says_nothing(
    s3_scene: Scene, proxy: FaultProxy, bundled: despam.Model
) -> None:
    """A few seconds, then the model at hand answers; the look goes on and its model is taken."""
    proxy.plan = lambda request: Fault(delay_seconds=4.2) if is_pointer(request) else None
    live = s3_scene.open(inline=False, refresh_seconds=0.1)
    began = time.monotonic()
    assert live.current().version == bundled.version
    assert time.monotonic() - began < 4.1
    assert live.status()["reason"] == "the registry has not answered yet"
    wait_for(lambda: live.status()["source"] == "registry" and not live.status()["degraded"])


def test_keys_that_were_renewed_are_taken_without_a_restart(
    s3_scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundled: despam.Model
) -> None:
    """The file of the profile is read again once storage has refused what stood in it."""
    key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    kept = tmp_path / "credentials"

    def write(secret: str) -> None:
        kept.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")

    write("expired")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(kept))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    live = s3_scene.open()
    assert live.current().version == bundled.version
    assert "credentials are wrong" in str(live.status()["reason"])
    write(secret)
    assert s3_scene.after(31, live).version == s3_scene.versions[0]
    assert not live.status()["degraded"]


def test_an_empty_registry_is_said(folder_place: Place, bundled: despam.Model) -> None:
    """Nothing is live: bundled, degraded."""
    live = LiveModel(registry_url=folder_place.url, inline=True, log=lambda _: None)
    assert live.current().version == bundled.version
    assert "nothing is live yet" in str(live.status()["reason"])


def test_a_folder_that_is_not_there_is_said_and_taken_when_it_comes(tmp_path: Path, models: Models) -> None:
    """A disk that is mounted later."""
    clock = Clock()
    url = str(tmp_path / "later")
    live = LiveModel(registry_url=url, inline=True, clock=clock, log=lambda _: None)
    live.current()
    assert "no such folder" in str(live.status()["reason"])
    registry = Registry(url, make_folder=True)
    registry.promote(registry.publish(models[0]).version)
    clock.now += 31
    wait_for(lambda: live.status()["source"] == "registry")


BAD_POINTERS = [b"", b"no json", b"{}", b'{"sha256": "zz"}', b'{"sha256": "' + b"0" * 64 + b'"}', b"x" * 2_000_000]


@pytest.mark.parametrize("body", BAD_POINTERS)
def test_a_pointer_written_wrong_by_hand_leaves_the_old_model(scene: Scene, body: bytes) -> None:
    """Degraded until the pointer is right."""
    live = scene.open()
    first = live.current()
    scene.registry.storage.replace("live.json", body)
    assert scene.after(31, live) is first
    assert live.status()["degraded"] is True and live.status()["source"] == "registry"
    scene.registry.storage.delete("live.json")
    scene.registry.promote(scene.versions[1])
    assert scene.after(31, live).version == scene.versions[1]
    assert live.status()["degraded"] is False


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


@pytest.mark.parametrize("kind", ["other bytes", "no model", "a newer format"])
def test_a_wrong_file_made_live_by_hand_leaves_the_old_model(scene: Scene, kind: str) -> None:
    """One log line, the reason in the status, however long it lasts; the next promotion is taken at once."""
    live = scene.open()
    first = live.current()
    corrupt(scene, kind)
    for _ in range(6):
        assert scene.after(31, live) is first
    assert live.status()["degraded"] is True and live.status()["model"] == scene.versions[0]
    assert len(scene.events("degraded")) == 1
    scene.registry.promote(scene.versions[1])
    assert scene.after(31, live).version == scene.versions[1]
    assert live.status()["degraded"] is False and len(scene.events("recovered")) == 1


def test_a_wrong_file_is_not_fetched_every_time(s3_scene: Scene, proxy: FaultProxy) -> None:
    """The periods between two downloads of it double; the pointer is still looked at."""
    live = s3_scene.open()
    live.current()
    corrupt(s3_scene, "no model")
    proxy.seen.clear()
    for _ in range(16):
        s3_scene.after(31, live)
    assert sum(map(is_pointer, proxy.seen)) == 16
    assert sum(map(is_model, proxy.seen)) == 5  # after 0, 1, 3, 7, 15 periods


def test_bytes_altered_on_the_way_are_asked_for_again(s3_scene: Scene, proxy: FaultProxy) -> None:
    """Never decided with, and right the next time."""
    live = s3_scene.open()
    first = live.current()
    s3_scene.registry.promote(s3_scene.versions[1])
    for fault in (Fault(flip=True), Fault(cut=True), Fault(shorten=True)):
        proxy.plan = lambda request, fault=fault: fault if is_model(request) else None
        assert s3_scene.after(31 * 40, live) is first
        assert live.status()["degraded"] is True
    proxy.plan = lambda _: None
    assert s3_scene.after(31 * 40, live).version == s3_scene.versions[1]


def test_the_reason_of_a_refused_file_comes_back_after_storage_was_down(s3_scene: Scene, proxy: FaultProxy) -> None:
    """What is wrong now is what is said now."""
    live = s3_scene.open()
    live.current()
    corrupt(s3_scene, "no model")
    for fault, words in ((None, "no safetensors file"), (Fault(status=503, code="SlowDown"), "slow down")) * 2:
        proxy.plan = lambda _, fault=fault: fault
        s3_scene.after(31, live)
        assert words in str(live.status()["reason"])


def test_a_slow_first_look_is_not_undone_by_the_model_at_hand(
    scene: Scene, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look ends while the bundled model is being opened: the registry's model stays."""
    monkeypatch.setattr("despam.service.live.FIRST_WAIT_SECONDS", 0.0)
    entered, ended = threading.Event(), threading.Event()
    look = LiveModel._look

    def slow_look(self: LiveModel) -> None:
        entered.wait(10)
        look(self)
        ended.set()

    def slow_load(path: str | None = None) -> despam.Model:
        entered.set()
        assert ended.wait(10)
        return despam.load(path)

    monkeypatch.setattr(LiveModel, "_look", slow_look)
    monkeypatch.setattr("despam.service.live.load", slow_load)
    live = scene.open()
    assert live.current().version == scene.versions[0]
    assert (live.status()["source"], live.status()["degraded"]) == ("registry", False)


def test_a_setting_that_cannot_be_right_stops_the_start() -> None:
    """Waiting does not mend a wrong URL."""
    with pytest.raises(SettingError):
        LiveModel(registry_url="ftp://host/models", inline=True, log=lambda _: None).current()


def test_a_missing_extra_stops_the_start(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it install a package."""
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(MissingExtra, match=r"despam\[registry\]"):
        scene.open().current()


# how long an answer waits


def test_a_warm_answer_waits_for_a_look_at_most_its_budget_and_only_one_looks(
    s3_scene: Scene, proxy: FaultProxy
) -> None:
    """Storage that hangs: one answer waits 200 ms, the others not at all, and there is one request under way."""
    live = s3_scene.open()
    first = live.current()
    s3_scene.registry.promote(s3_scene.versions[1])
    proxy.seen.clear()
    proxy.plan = lambda request: Fault(delay_seconds=1.5) if is_pointer(request) else None
    s3_scene.clock.now += 31
    began = time.monotonic()
    assert live.current() is first
    waited = time.monotonic() - began
    assert WAIT_SECONDS - 0.02 < waited < 1.4
    waits = []
    for _ in range(20):
        s3_scene.clock.now += 31  # periods go by while the first look is still under way
        began = time.monotonic()
        live.current()
        waits.append(time.monotonic() - began)
    assert statistics.median(waits) < WAIT_SECONDS / 4
    assert sum(map(is_pointer, proxy.seen)) == 1
    wait_for(lambda: live.current().version == s3_scene.versions[1])


def test_of_many_threads_one_looks(s3_scene: Scene, proxy: FaultProxy) -> None:
    """A refresh period is over for all of them at once."""
    live = s3_scene.open()
    live.current()
    proxy.seen.clear()
    proxy.plan = lambda _: Fault(delay_seconds=0.1)
    s3_scene.clock.now += 31
    gate = threading.Barrier(12)

    def ask() -> None:
        gate.wait()
        for _ in range(20):
            live.current()

    askers = [threading.Thread(target=ask) for _ in range(12)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert live.thread is not None
    live.thread.join(20)
    assert len(proxy.seen) == 1


def test_a_request_to_a_server_never_waits_for_storage(s3_scene: Scene, proxy: FaultProxy) -> None:
    """The thread waits; 2,000 answers do not."""
    live = s3_scene.open(inline=False, refresh_seconds=0.05)
    live.current()
    proxy.plan = lambda _: Fault(delay_seconds=0.5)
    wait_for(lambda: len(proxy.seen) > 5)
    worst = 0.0
    for _ in range(2000):
        began = time.perf_counter()
        live.current()
        worst = max(worst, time.perf_counter() - began)
        time.sleep(0.0002)
    assert worst < 0.4
    under_way = sorted(seen.at for seen in proxy.seen if is_pointer(seen))[3:]
    assert all(later - earlier > 0.4 for earlier, later in pairwise(under_way))


# whatever happens


@pytest.mark.parametrize("inline", [True, False])
def test_no_wrong_model_is_ever_served_through_a_storm_of_faults(
    s3_scene: Scene,
    proxy: FaultProxy,
    inline: bool,
    models: Models,
) -> None:
    """Delays, resets, 500, 503, cut, shortened and altered bodies, wrong ETags, while versions are promoted."""
    chance = random.Random(7)
    faults = [
        Fault(delay_seconds=0.15), Fault(reset="before"), Fault(reset="after"), Fault(status=500, code="InternalError"),
        Fault(status=503, code="SlowDown"), Fault(cut=True), Fault(shorten=True), Fault(flip=True), Fault(etag='"no"'),
    ]  # fmt: skip
    text = "WIN a free iPhone now, call 08001234567"
    expected = {model.version: model.score(text) for model in (despam.load(str(path)) for path in models)}
    live = s3_scene.open(inline=inline, refresh_seconds=0.02, clock=time.monotonic)
    live.current()
    proxy.plan = lambda request: chance.choice(faults) if request.method == "GET" and chance.random() < 0.5 else None
    direct = s3_scene.registry  # goes through the proxy too: its own retries must get the promotions done
    served = set()
    for turn in range(8):
        goal = s3_scene.versions[(turn + 1) % 3]
        for _ in range(20):
            try:
                direct.promote(goal)
                break
            except despam.DespamError:
                continue
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            verdict = live.current().classify(text)
            assert verdict.score == expected[verdict.model]
            served.add(verdict.model)
            time.sleep(0.002)
    proxy.plan = lambda _: None
    goal = direct.live().version
    wait_for(lambda: live.current().version == goal and not live.status()["degraded"])
    assert len(served) >= 2
    direct.doctor(mend=True)
    assert direct.doctor() == []


FORK = """
import json, os, signal, sys, time
from despam.service.live import LiveModel
live = LiveModel(registry_url={url!r}, refresh_seconds=0.1)
before = live.current().version
child = os.fork()
if child == 0:
    signal.alarm(20)
    assert live.current().version == before
    while not live.status()["degraded"]:
        time.sleep(0.01)
    assert live.current().classify("WIN").model == before
    print(json.dumps(live.status()), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
time.sleep(0.3)
assert not live.status()["degraded"]
"""


def test_a_forked_process_goes_on_with_its_model_and_says_why(scene: Scene) -> None:
    """A look there would wait for ever; the parent goes on looking."""
    done = subprocess.run(
        [sys.executable, "-c", FORK.format(url=scene.url)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)
    assert status["model"] == scene.versions[0] and "forked" in status["reason"]


LATE_FORK = """
import os, signal
from despam.service.live import LiveModel
live = LiveModel(registry_url={url!r}, refresh_seconds=0.1)
child = os.fork()
if child == 0:
    signal.alarm(20)
    print(live.current().version, live.status()["degraded"], flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def test_workers_forked_before_the_first_request_look_for_themselves(scene: Scene) -> None:
    """Nothing of storage is touched before it is needed, so a server may fork after it was set up."""
    program = LATE_FORK.format(url=scene.url)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"{scene.versions[0]} False\n", done


ENDING = """
import sys, time
from despam.service.live import LiveModel
live = LiveModel(registry_url={url!r}, refresh_seconds=0.01)
live.current()
time.sleep(0.5)
"""


def test_a_process_that_ends_in_the_middle_of_a_look_ends_quietly(s3_scene: Scene, proxy: FaultProxy) -> None:
    """No abort from a thread that waits inside obstore, nothing on stderr but our lines."""
    proxy.plan = lambda _: Fault(delay_seconds=0.4)
    program = ENDING.format(url=s3_scene.url)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith('{"time"') for line in done.stderr.splitlines())


# through a real server


class Load:
    """Requests at a steady rate from a few keep-alive connections; what came back."""

    def __init__(self, port: int, text: str, rate: int, threads: int = 4) -> None:
        self.port, self.text = port, text
        self.pause_seconds = threads / rate
        self.answers: list[tuple[float, int, str, float]] = []
        self.failures: list[str] = []
        self.ended = threading.Event()
        self.askers = [threading.Thread(target=self.ask) for _ in range(threads)]

    def __enter__(self) -> Load:
        for asker in self.askers:
            asker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for asker in self.askers:
            asker.join(30)

    def ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        body = json.dumps({"text": self.text})
        due = time.monotonic()
        while not self.ended.is_set():
            try:
                connection.request("POST", "/classify", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                answer = json.loads(response.read())
                self.answers.append((time.monotonic(), response.status, answer["model"], answer["score"]))
            except (OSError, ValueError, KeyError) as error:
                self.failures.append(repr(error))
                connection.close()
            due += self.pause_seconds
            time.sleep(max(0.0, due - time.monotonic()))
        connection.close()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_model_is_swapped_under_load_without_a_failed_or_mixed_answer(
    s3_scene: Scene, models: Models, tmp_path: Path
) -> None:
    """uvicorn, 200 requests a second, promote, promote, roll back: each seen within the refresh period and a second."""
    text, refresh_seconds = "WIN a free iPhone now, call 08001234567", 1.0
    expected = {model.version: model.score(text) for model in (despam.load(str(path)) for path in models)}
    assert len(set(expected.values())) == 3
    (port,) = free_ports(1)
    arguments = ["serve", "--registry", s3_scene.url, "--port", str(port)]
    environ = os.environ | {"DESPAM_REFRESH_SECONDS": str(refresh_seconds)}
    log = (tmp_path / "log").open("wb")
    server = subprocess.Popen([sys.executable, "-m", "despam", *arguments], env=environ, stdout=log, stderr=log)
    try:
        wait_for(lambda: listens(port), 60)
        with Load(port, text, rate=200) as load:
            time.sleep(1.5)
            took = []
            for change, version in (
                (lambda: s3_scene.registry.promote(s3_scene.versions[1]), s3_scene.versions[1]),
                (lambda: s3_scene.registry.promote(s3_scene.versions[2]), s3_scene.versions[2]),
                (s3_scene.registry.rollback, s3_scene.versions[1]),
            ):
                change()
                changed = time.monotonic()
                wait_for(lambda version=version: load.answers[-1][2] == version)
                took.append(next(at for at, _, model, _ in load.answers if at > changed and model == version) - changed)
                time.sleep(0.5)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        log.close()
    assert load.failures == []
    assert {status for _, status, _, _ in load.answers} == {200}
    assert all(score == expected[model] for _, _, model, score in load.answers)
    assert {model for _, _, model, _ in load.answers} == set(s3_scene.versions)
    assert max(took) <= refresh_seconds + SLACK_SECONDS, took
    seconds = load.answers[-1][0] - load.answers[0][0]
    print(f"{len(load.answers)} answers, {len(load.answers) / seconds:.0f} a second; seen after {took}")
    assert len(load.answers) / seconds > 100


def listens(port: int) -> bool:
    """Say whether somebody answers there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
