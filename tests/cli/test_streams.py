"""stdin, stdout and stderr as shells hand them over: closed, full, left by their reader. The exit code stays honest."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DESPAM = f"{sys.executable} -m despam"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `despam` is despam."""
    script = f'despam() {{ {DESPAM} "$@"; }}; {line}'
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture
def left() -> Iterator[int]:
    """A pipe whose reader has left already."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def unread(left: int, folder: Path, *words: object) -> tuple[int, str]:
    """Run despam with nobody reading its stdout; give exit code and stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "despam", *map(str, words)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=left,
        stderr=subprocess.PIPE,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_reader_that_leaves_does_not_change_the_answer(left: int, small_model: Path, tmp_path: Path) -> None:
    assert unread(left, tmp_path, "classify", "-m", small_model, "hello there") == (0, "")
    spam = "URGENT! You have WON a prize. Call 09061701461 now to claim"
    assert unread(left, tmp_path, "classify", "-m", small_model, "--exit-code", "--json", spam) == (1, "")
    assert unread(left, tmp_path, "--help") == (0, "")


def test_a_gate_that_holds_says_yes_though_nobody_listens(left: int, small_model: Path, sms: Path) -> None:
    rule = '[[data]]\nname = "SMS"\nfiles = ["sms.jsonl"]\nat_least = { auc = 0.1 }\n'
    (sms.parent / "gate.toml").write_text(rule)
    assert unread(left, sms.parent, "gate", small_model, "--gate", "gate.toml")[0] == 0


def test_training_goes_on_when_its_reader_has_left(left: int, sms: Path) -> None:
    code, said = unread(left, sms.parent, "train", sms, "-o", "m.safetensors")
    assert code == 0
    assert re.fullmatch(r"(about \d+ MB of memory are needed\n)?", said)  # nothing where stderr is what nobody reads
    assert (sms.parent / "m.safetensors").stat().st_size > 100_000


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_batch_on_stdout_ends_with_its_reader(left: int, small_model: Path, sms: Path, jobs: int) -> None:
    words = ("classify", "-m", small_model, "--batch", sms, "-o", "-", "--jobs", jobs)
    assert unread(left, sms.parent, *words) == (141, "")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("despam classify -m M hello --json >/dev/full", "stdout cannot be written to (No space left on device)"),
        ("despam classify -m M hello >/dev/full", "stdout cannot be written to (No space left on device)"),
        ("despam classify -m M --batch sms.jsonl -o - >/dev/full", "stdout cannot be written to (No space left"),
        ("despam --version >/dev/full", "stdout cannot be written to (No space left on device)"),
        ("despam classify -m M hello --json >&-", "stdout cannot be written to (it is closed); send it somewhere"),
        ("despam classify -m M --batch sms.jsonl -o - >&-", "stdout cannot be written to (it is closed)"),
        ("despam classify -m M <&-", "stdin is closed; give the text as an argument or name a file"),
        ("despam classify -m M -f - <&- >&-", "stdin is closed; give the text as an argument or name a file"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_sentence(small_model: Path, sms: Path, line: str, sentence: str) -> None:
    done = shell(line.replace(" M ", f" {small_model} "), sms.parent)
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith(f"Error: {sentence}")
    assert done.stderr.count("\n") == 1


def test_work_that_needs_no_stdout_is_done_without_one(small_model: Path, sms: Path) -> None:
    batch = f"despam classify -m {small_model} --batch sms.jsonl -o out.jsonl"
    for line in (f"{batch} <&- >&- 2>&-", f"{batch} >&- 2>/dev/full"):
        assert shell(line, sms.parent).returncode == 0
        assert len([json.loads(row) for row in (sms.parent / "out.jsonl").read_text().splitlines()]) == 600
        (sms.parent / "out.jsonl").unlink()


def test_the_shell_still_gets_its_completions(tmp_path: Path) -> None:
    done = shell("COMP_WORDS='despam cla' COMP_CWORD=1 _DESPAM_COMPLETE=bash_complete despam", tmp_path)
    assert (done.returncode, done.stdout) == (0, "plain,classify\n")


def test_an_error_with_its_traceback_has_its_own_code_too(tmp_path: Path) -> None:
    done = shell("despam classify -m none hello --debug", tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("Traceback")
    assert done.stderr.splitlines()[-1].startswith("Error: none: cannot be opened")


def test_behind_two_dashes_every_word_is_a_text(tmp_path: Path) -> None:
    """`--debug` too: it is no option there, whatever stands before."""
    done = shell("despam classify -m none -- --debug", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    both = shell("despam classify -m none --debug -- --debug", tmp_path)
    assert both.returncode == 3 and both.stderr.startswith("Traceback")
