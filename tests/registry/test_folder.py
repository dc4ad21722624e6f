"""A registry in a folder: its users' own files stay, several users share it, what the system says is a sentence."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from despam.errors import StorageDown
from despam.registry import Registry, folder
from despam.registry.storage import Storage
from tests.registry.conftest import Place

Models = tuple[Path, Path, Path]


@pytest.fixture
def registry(folder_place: Place, models: Models) -> Registry:
    """One promotion of two versions."""
    opened = Registry(folder_place.url)
    versions = [opened.publish(model).version for model in models[:2]]
    opened.promote(versions[0])
    return opened


def test_mending_leaves_files_that_only_look_like_a_left_over(registry: Registry) -> None:
    """A song, an issue, a model beside ours, and a link that goes elsewhere; only what a write of ours leaves goes."""
    root = Path(registry.url)
    mine = ["papers/Song #1", "issue#42", "models/notes#3", "history/1.json#1", f"deep/models/{'0' * 64}.safetensors#1"]
    ours = ["live.json#1", f"models/{'0' * 64}.safetensors#12", "history/00000007.json#1"]
    for name in mine + ours:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("text")
        os.utime(root / name, (1, 1))
    link = root / "models" / f"{'1' * 64}.safetensors#1"
    link.symlink_to(root / "issue#42")
    findings = registry.doctor(mend=True)
    assert sorted(finding.path for finding in findings if finding.mended) == sorted(ours)
    assert all((root / name).exists() for name in mine) and link.is_symlink()
    assert not any((root / name).exists() for name in ours)


def test_the_lock_is_for_everybody_who_may_write_in_the_folder(registry: Registry) -> None:
    """Whatever umask the first of them had."""
    root = Path(registry.url)
    root.chmod(0o770)
    before = os.umask(0o077)
    try:
        registry.promote("newest")
    finally:
        os.umask(before)
    assert (root / folder.LOCK).stat().st_mode & 0o777 == 0o660


def test_a_lock_that_may_only_be_read_can_be_taken(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older despam has made it for its user alone."""
    (Path(registry.url) / folder.LOCK).touch()
    opened = os.open

    def refuse(path: Any, flags: int, *more: Any) -> int:
        if str(path).endswith(folder.LOCK) and flags & os.O_RDWR and not flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied", path)
        return opened(path, flags, *more)

    monkeypatch.setattr(folder.os, "open", refuse)
    assert registry.promote("newest").changed


def test_after_ctrl_c_the_lock_is_held_until_the_write_that_goes_on_has_ended(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else another process could write in between, and be written over."""
    writes, go_on = threading.Event(), threading.Event()
    replace = Storage.replace

    def slow(self: Storage, path: str, data: bytes) -> None:
        writes.set()
        assert go_on.wait(60)
        replace(self, path, data)

    monkeypatch.setattr(Storage, "replace", slow)
    old = registry.read_pointer_object()
    assert old is not None
    interrupting = threading.Thread(target=lambda: writes.wait(60) and os.kill(os.getpid(), signal.SIGINT))
    interrupting.start()
    with pytest.raises(KeyboardInterrupt):
        registry.storage.swap("live.json", old.data + b" ", old)
    interrupting.join()
    assert not may_lock(registry)
    go_on.set()
    wait_for_lock(registry)
    now = registry.storage.get("live.json")
    assert now is not None and now.data == old.data + b" "


def test_who_leaves_while_another_holds_the_lock_writes_nothing_later(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while waiting: the thread that waits takes the lock in the end, and gives it back."""
    old = registry.read_pointer_object()
    assert old is not None
    held = folder.lock(registry.url)
    waits, taken = threading.Event(), threading.Event()
    interrupting = threading.Thread(target=lambda: waits.wait(60) and os.kill(os.getpid(), signal.SIGINT))
    interrupting.start()
    lock = folder.lock

    def note(place: str) -> int:
        waits.set()
        descriptor = lock(place)
        taken.set()
        return descriptor

    monkeypatch.setattr(folder, "lock", note)
    with pytest.raises(KeyboardInterrupt):
        registry.storage.swap("live.json", old.data + b" ", old)
    interrupting.join()
    os.close(held)
    assert taken.wait(60)
    wait_for_lock(registry)
    now = registry.storage.get("live.json")
    assert now is not None and now.data == old.data


def wait_for_lock(registry: Registry) -> None:
    """Wait until the thread that goes on has given the lock back; Python counts it as ended since the Ctrl-C."""
    until = time.monotonic() + 60
    while not may_lock(registry):
        assert time.monotonic() < until, "the lock was never given back"
        time.sleep(0.01)


def may_lock(registry: Registry) -> bool:
    """Say whether the folder's lock can be had at once."""
    with Path(registry.url, folder.LOCK).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_a_lock_that_cannot_be_opened_is_a_sentence(registry: Registry) -> None:
    """Of storage's, and the registry is as it was."""
    before = registry.history()
    (Path(registry.url) / folder.LOCK).mkdir()
    with pytest.raises(StorageDown, match="locking failed"):
        registry.promote("newest")
    assert registry.history() == before


@pytest.mark.parametrize(("name", "doing"), [("fsync", "writing note failed"), ("unlink", "removing live.json#1")])
def test_what_the_system_refuses_is_a_sentence(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, name: str, doing: str
) -> None:
    """Bringing to the disk, and removing what another user's killed write left."""

    def refuse(*arguments: Any, **named: Any) -> None:
        raise PermissionError(13, "Permission denied")

    half = Path(registry.url, "live.json#1")
    half.touch()
    os.utime(half, (1, 1))
    monkeypatch.setattr(folder.os if name == "fsync" else Path, name, refuse)
    with pytest.raises(StorageDown, match=f"{doing}.*this user may not read or write there"):
        if name == "fsync":
            registry.storage.create("note", b"text")
        else:
            registry.doctor(mend=True)
