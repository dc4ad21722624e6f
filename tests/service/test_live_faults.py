"""The live model when storage is down, slow or wrong: a checked model answers, and the reason is said."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

import despam
from despam.registry import Registry
from despam.registry.reader import model_path
from despam.service.live import LiveModel
from tests.fault_proxy import Fault, FaultProxy
from tests.registry.conftest import Place

from .live_scene import Clock, Models, Scene, corrupt, hold, is_model, is_pointer, wait_for


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
    s3_scene: Scene, proxy: FaultProxy, bundled: despam.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model at hand answers while storage still holds its tongue; the look goes on and its model is taken."""
    monkeypatch.setattr("despam.service.live.FIRST_WAIT_SECONDS", 0.1)
    speaks = threading.Event()
    proxy.plan = lambda request: hold(speaks) if is_pointer(request) else None
    live = s3_scene.open(inline=False, refresh_seconds=0.1)
    assert live.current().version == bundled.version
    assert live.status()["reason"] == "the registry has not answered yet"
    speaks.set()
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
    """It waits for its first promotion, as every new deploy does: bundled, with a reason, and nothing is wrong."""
    lines: list[str] = []
    live = LiveModel(registry_url=folder_place.url, inline=True, log=lines.append)
    assert live.current().version == bundled.version
    assert "nothing is live yet" in str(live.status()["reason"])
    assert live.status()["degraded"] is False
    assert [json.loads(line)["event"] for line in lines] == ["unpromoted"]


def test_a_pointer_that_was_there_and_is_gone_degrades(scene: Scene) -> None:
    """An empty registry after a version was live is no new one."""
    live = scene.open()
    assert live.current().version == scene.versions[0]
    scene.registry.storage.delete("live.json")
    assert scene.after(31, live).version == scene.versions[0]
    assert live.status()["degraded"] is True
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
    """The periods between two downloads of it double up to eight; the pointer is still looked at."""
    live = s3_scene.open()
    live.current()
    corrupt(s3_scene, "no model")
    proxy.seen.clear()
    for _ in range(24):
        s3_scene.after(31, live)
    assert sum(map(is_pointer, proxy.seen)) == 24
    assert sum(map(is_model, proxy.seen)) == 6  # after 0, 1, 3, 7, 15, 23 periods


def test_a_file_that_was_refused_for_long_is_tried_at_once_when_it_is_promoted_anew(scene: Scene) -> None:
    """Publishing it again leaves the pointer as it was and is seen in eight periods; a new pointer ends the waiting."""
    live = scene.open()
    first = live.current()
    scene.registry.promote(scene.versions[1])
    path = model_path(scene.registry.find(scene.versions[1]))
    right = scene.registry.fetch(scene.versions[1])
    scene.registry.storage.replace(path, b"rotten")
    for _ in range(8):
        assert scene.after(31, live) is first
    scene.registry.storage.replace(path, right)
    assert scene.after(31, live) is first  # refused after 0, 1, 3 and 7 periods: it would be fetched after 15
    scene.registry.promote(scene.versions[0])
    scene.registry.promote(scene.versions[1])
    assert scene.after(31, live).version == scene.versions[1]


DOWN = [Fault(status=503, code="SlowDown"), Fault(reset="before"), Fault(cut=True)]


@pytest.mark.parametrize("fault", DOWN)
def test_storage_that_was_down_is_asked_again_one_period_after_it_returns(
    s3_scene: Scene, proxy: FaultProxy, fault: Fault
) -> None:
    """However often the model could not be fetched: that says nothing about the file."""
    live = s3_scene.open()
    first = live.current()
    s3_scene.registry.promote(s3_scene.versions[1])
    proxy.plan = lambda request: fault if is_model(request) else None
    for _ in range(6):
        assert s3_scene.after(31, live) is first
        assert live.status()["degraded"] is True
    proxy.plan = lambda _: None
    assert s3_scene.after(31, live).version == s3_scene.versions[1]
    assert live.status()["degraded"] is False


def test_bytes_altered_on_the_way_are_asked_for_again(s3_scene: Scene, proxy: FaultProxy) -> None:
    """Never decided with, and right the next time but one at the latest."""
    live = s3_scene.open()
    first = live.current()
    s3_scene.registry.promote(s3_scene.versions[1])
    for fault in (Fault(flip=True), Fault(cut=True), Fault(shorten=True)):
        proxy.plan = lambda request, fault=fault: fault if is_model(request) else None
        assert s3_scene.after(31, live) is first
        assert live.status()["degraded"] is True
    proxy.plan = lambda _: None
    s3_scene.after(31, live)  # refused twice by now: two periods
    assert s3_scene.after(31, live).version == s3_scene.versions[1]


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
