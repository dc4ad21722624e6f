"""The live model behind a real server under load: swapped without a failed or mixed answer."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import despam
from tests.servers import free_ports

from .live_scene import Models, Scene, wait_for


class Load:
    """Requests at a steady rate from a few keep-alive connections; what came back."""

    def __init__(self, port: int, text: str, rate: int, threads: int = 4) -> None:
        self.port, self.text = port, text
        self.pause_seconds = threads / rate
        self.answers: list[tuple[int, str, float]] = []
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
                self.answers.append((response.status, answer["model"], answer["score"]))
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
    """uvicorn, 200 requests a second, promote, promote, roll back: each is seen, and no answer is lost or mixed."""
    text = "WIN a free iPhone now, call 08001234567"
    expected = {model.version: model.score(text) for model in (despam.load(str(path)) for path in models)}
    assert len(set(expected.values())) == 3
    (port,) = free_ports(1)
    arguments = ["serve", "--registry", s3_scene.url, "--port", str(port)]
    environ = os.environ | {"DESPAM_REFRESH_SECONDS": "1"}
    log = (tmp_path / "log").open("wb")
    server = subprocess.Popen([sys.executable, "-m", "despam", *arguments], env=environ, stdout=log, stderr=log)
    try:
        wait_for(lambda: listens(port), 60)
        with Load(port, text, rate=200) as load:
            wait_for(lambda: len(load.answers) > 100)
            for change, version in (
                (lambda: s3_scene.registry.promote(s3_scene.versions[1]), s3_scene.versions[1]),
                (lambda: s3_scene.registry.promote(s3_scene.versions[2]), s3_scene.versions[2]),
                (s3_scene.registry.rollback, s3_scene.versions[1]),
            ):
                change()
                wait_for(lambda version=version: load.answers[-1][1] == version)
                goal = len(load.answers) + 100
                wait_for(lambda goal=goal: len(load.answers) > goal)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        log.close()
    assert load.failures == []
    assert {status for status, _, _ in load.answers} == {200}
    assert all(score == expected[model] for _, model, score in load.answers)
    assert {model for _, model, _ in load.answers} == set(s3_scene.versions)


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
