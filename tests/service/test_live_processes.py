"""The live model in processes that fork, end or could not be set up."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys

import pytest

from despam.errors import SettingError
from despam.service import live as live_module
from despam.service.live import LiveModel
from tests.fault_proxy import Fault, FaultProxy

from .live_scene import Scene

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
before = live.checked_at
signal.alarm(20)
while live.checked_at == before:
    time.sleep(0.01)
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


def test_a_service_that_cannot_be_set_up_leaves_nothing_behind_however_often_it_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is called at a fork and at the end is handed to Python once, not at each try."""
    handed: list[str] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **_: handed.append("fork"))
    monkeypatch.setattr(atexit, "register", lambda _: handed.append("exit"))
    monkeypatch.setattr(live_module, "watched", None)
    for _ in range(5):
        with pytest.raises(SettingError):
            LiveModel(registry_url="ftp://host/models", log=lambda _: None).current()
    assert handed == ["fork", "exit"]
