"""What an upgrade meets: a live model of features that this despam does not have (docs/how-to/upgrade.md).

Knows how to make a file of another feature version and put it live, as a newer or older despam would have. Whatever is
live, something answers, and the reason says the step that helps; the registry is never changed by a refusal.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import despam
from despam.errors import VersionError
from despam.registry import Registry
from despam.registry.reader import model_path
from despam.service.live import LiveModel

NEWER, OLDER = "99", "0"


@pytest.fixture
def registry(tmp_path: Path, bundled: despam.Model) -> Registry:
    """A folder whose live model is of this despam's features."""
    made = Registry(str(tmp_path / "registry"), make_folder=True)
    made.promote(made.publish(bundled.path).version)
    return made


@pytest.fixture
def live(registry: Registry) -> Iterator[LiveModel]:
    """A service on it, which looks in a thread."""
    opened = LiveModel(registry_url=registry.url, refresh_seconds=0.05, inline=False, log=lambda _: None)
    yield opened
    opened.stop()


def put_live(registry: Registry, features: str) -> str:
    """Put a model of other features live, as another despam does; give its full hash."""
    data = Path(despam.load().path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = re.sub(rb'"features":"\d+"', f'"features":"{features}"'.encode(), data[8 : 8 + size]).rstrip(b" ")
    header += b" " * (-len(header) % 8)
    other = len(header).to_bytes(8, "little") + header + data[8 + size :]
    sha256 = hashlib.sha256(other).hexdigest()
    registry.storage.create(model_path(sha256), other)
    registry.storage.replace("live.json", json.dumps({"sha256": sha256}).encode())
    return sha256


def wait_until_degraded(live: LiveModel) -> dict[str, object]:
    """Wait for the look that meets the new pointer; give the status."""
    deadline = time.monotonic() + 20
    while not (status := live.status())["degraded"]:
        assert time.monotonic() < deadline, "the new pointer was not seen"
        live.stopped.wait(0.01)
    return status


@pytest.mark.parametrize(("features", "step"), [(NEWER, "install a newer despam"), (OLDER, "train it again")])
def test_a_start_on_other_features_answers_with_the_bundled_model(
    features: str, step: str, registry: Registry, live: LiveModel, bundled: despam.Model
) -> None:
    put_live(registry, features)
    assert live.current().version == bundled.version
    status = live.status()
    assert (status["source"], status["degraded"]) == ("bundled", True)
    assert str(status["reason"]).endswith(f"; {step}")


def test_a_running_service_keeps_its_model_until_it_is_upgraded(registry: Registry, live: LiveModel) -> None:
    before = live.current().version
    put_live(registry, NEWER)
    status = wait_until_degraded(live)
    assert (status["source"], status["model"]) == ("registry", before)


def test_a_rollback_to_other_features_is_refused_and_changes_nothing(registry: Registry, bundled: despam.Model) -> None:
    old = put_live(registry, OLDER)
    registry.promote(bundled.version)
    with pytest.raises(VersionError, match=rf"version {old[:12]}: made for features '{OLDER}'.*; train it again$"):
        registry.rollback()
    pointer = registry.live()
    assert pointer is not None and pointer.version == bundled.version
