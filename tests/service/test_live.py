"""The live model: what decides without a registry, and how a new version is seen in one."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

import despam
from despam.errors import MissingExtra, ModelError, SettingError
from despam.service.live import LiveModel
from tests.fault_proxy import FaultProxy

from .live_scene import Models, Scene, is_model, is_pointer, wait_for

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


def test_a_server_sees_a_promotion_by_itself(scene: Scene) -> None:
    """In a thread, without a request in between; and a rollback too."""
    live = scene.open(inline=False, refresh_seconds=0.1)
    assert live.current().version == scene.versions[0]
    for change, version in (
        (lambda: scene.registry.promote(scene.versions[2]), scene.versions[2]),
        (scene.registry.rollback, scene.versions[0]),
    ):
        change()
        wait_for(lambda version=version: live.model is not None and live.model.version == version)
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


def test_a_setting_that_cannot_be_right_stops_the_start() -> None:
    """Waiting does not mend a wrong URL."""
    with pytest.raises(SettingError):
        LiveModel(registry_url="ftp://host/models", inline=True, log=lambda _: None).current()


def test_a_missing_extra_stops_the_start(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it install a package."""
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(MissingExtra, match=r"despam\[registry\]"):
        scene.open().current()
