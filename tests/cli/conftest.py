"""What the tests of the commands share: a real process of despam, and data to give it.

Knows how a command is run, and nothing of any command. A process starts with nothing of despam in its environment.
"""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def despam(tmp_path: Path) -> Run:
    """Run `python -m despam ...` in the test's folder."""

    def run(*arguments: object, stdin: bytes | str = b"", **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DESPAM_")}
        if "DESPAM_PURE" in os.environ:
            kept["DESPAM_PURE"] = os.environ["DESPAM_PURE"]
        done = subprocess.run(
            [sys.executable, "-m", "despam", *map(str, arguments)],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            cwd=tmp_path,
            env=kept | environment,
            capture_output=True,
            timeout=240,
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture(scope="session")
def small_model(make_model: Callable[..., Path]) -> Path:
    """A model that was trained in a second."""
    return make_model()


@pytest.fixture
def sms(tmp_path: Path, small_rows: tuple[Sequence[str], Sequence[str]]) -> Path:
    """The first SMS messages as JSON Lines."""
    path = tmp_path / "sms.jsonl"
    rows = zip(*small_rows, strict=True)
    path.write_text("".join(json.dumps({"id": n, "text": t, "label": s}) + "\n" for n, (t, s) in enumerate(rows)))
    return path


def on_a_terminal(arguments: list[str], folder: Path, **environment: str) -> str:
    """Run despam on a pseudo-terminal and give all that it showed."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "despam", *arguments],
        stdin=child,
        stdout=child,
        stderr=child,
        cwd=folder,
        env={**os.environ, "TERM": "xterm-256color", **environment},
    )
    os.close(child)
    shown = b""
    while select.select([parent], [], [], 60)[0]:
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    process.wait(60)
    os.close(parent)
    return shown.decode(errors="replace")
