"""A file put in place whole or not at all, its mode, and what each command that writes one leaves behind."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from despam.aws import bundle
from despam.cli import page
from despam.cli.data_options import write_beside
from despam.core.writing import replace_file
from despam.errors import DataError, DeployError, EvaluationError, SettingError

LARGE = b"x" * 100_000


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond a thousand bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o007, 0o660)])
def test_a_new_file_has_the_mode_that_the_umask_gives(tmp_path: Path, umask: int, mode: int) -> None:
    """As any file that a program makes."""
    before = os.umask(umask)
    try:
        replace_file(tmp_path / "new", b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "new").read_bytes() == b"new"
    assert (tmp_path / "new").stat().st_mode & 0o777 == mode


def test_a_private_model_stays_private(tmp_path: Path) -> None:
    """Training again for the same name does not open it to everybody."""
    (tmp_path / "model.safetensors").touch(0o600)
    write_model(tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_a_file_that_is_replaced_gives_its_mode_on(tmp_path: Path, mode: int) -> None:
    """Who made it private, or shared it, meant the name."""
    (tmp_path / "file").write_bytes(b"older")
    (tmp_path / "file").chmod(mode)
    replace_file(tmp_path / "file", b"newer")
    assert (tmp_path / "file").read_bytes() == b"newer"
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_a_full_disk_leaves_the_older_file_and_nothing_beside_it(tmp_path: Path, full_disk: None) -> None:
    """Whole or not at all."""
    (tmp_path / "file").write_bytes(b"older")
    with pytest.raises(OSError, match="File too large"):
        replace_file(tmp_path / "file", LARGE)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"older")]


def test_ctrl_c_leaves_the_older_file_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the last moment."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "file").write_bytes(b"older")
    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_file(tmp_path / "file", b"newer")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"older")]


def test_two_that_write_one_file_at_once_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process or in two: each has a file of its own until the moment of the swap."""
    both = threading.Barrier(2, timeout=60)
    replace, failures = Path.replace, []

    def together(self: Path, target: Path) -> Path:
        both.wait()
        return replace(self, target)

    def write(data: bytes) -> None:
        try:
            replace_file(tmp_path / "file", data)
        except OSError as error:
            failures.append(error)

    monkeypatch.setattr(Path, "replace", together)
    threads = [threading.Thread(target=write, args=(letter * 50_000,)) for letter in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert (tmp_path / "file").read_bytes() in (b"a" * 50_000, b"b" * 50_000)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def write_model(path: Path) -> None:
    """As training does."""
    from despam.train.export import write_bytes

    write_bytes(path, LARGE)


def write_page(path: Path) -> None:
    """As `despam page` does."""
    done = CliRunner().invoke(page.command, ["--api", "https://host.example", "-o", str(path.parent)])
    if done.exception:
        raise done.exception


WRITERS: list[tuple[Callable[[Path], None], type[Exception]]] = [
    (write_model, DataError),
    (write_page, SettingError),
    (lambda path: write_beside(str(path), LARGE.decode()), EvaluationError),
    (lambda path: bundle.write(bundle.Bundle(LARGE, "arm64", "0" * 12, 5, (), ()), path), DeployError),
]


@pytest.mark.parametrize(("write", "error"), WRITERS)
def test_whoever_writes_a_file_says_that_the_disk_is_full_and_leaves_nothing(
    tmp_path: Path, full_disk: None, write: Callable[[Path], None], error: type[Exception]
) -> None:
    """Model, page, report and bundle: each in its own words."""
    with pytest.raises(error, match=r"cannot be written.*\(File too large\)"):
        write(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
