"""What a training says it will take, beside what it takes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from despam.cli.train import command
from despam.train import memory

RUN = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell what a process holds")
def test_the_memory_said_is_near_what_is_taken(data_folder: Path, tmp_path: Path) -> None:
    """The real command in a process of its own: within a third of its peak."""
    command = [sys.executable, "-m", "despam", "train", str(data_folder / "sms_spam_collection.jsonl.gz"), "-o", "m"]
    # from a small process: what a child had before it became the command counts as its own
    done = subprocess.run(
        [sys.executable, "-c", RUN, *command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = re.search(r"about ([\d,]+) MB of memory are needed", done.stderr)
    assert found
    assert int(found[1].replace(",", "")) * 1e6 == pytest.approx(int(done.stdout) * 1024, rel=1 / 3)


def test_more_than_the_machine_has_is_said_with_what_to_do(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said and goes on: an estimate refuses nothing."""
    monkeypatch.setattr(memory, "available_bytes", lambda: 50_000_000)
    out = tmp_path / "m.safetensors"
    done = CliRunner().invoke(command, [str(data_folder / "telegram_groups.jsonl.gz"), "-o", str(out)])
    assert done.exit_code == 0
    assert "50 MB are free: it may become very slow" in done.stderr
    assert out.exists()


def test_more_texts_need_more() -> None:
    """Ten times the texts and their copies: ten times the features."""
    from despam.train import Settings

    one, ten = (memory.expect_bytes(["see you at seven then"] * count, 0, Settings()) for count in (100_000, 1_000_000))
    features = ten - one
    assert features > 0
    more = memory.expect_bytes(["see you at seven then"] * 1_000_000, 900_000, Settings())
    assert more - ten == pytest.approx(features, rel=0.2)


def test_what_the_system_does_not_say_is_not_made_up(tmp_path: Path) -> None:
    """No such table: None."""
    assert memory.read_kilobytes(str(tmp_path / "none"), "VmRSS:") is None
