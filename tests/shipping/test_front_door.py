"""`make` is the one front door: its targets say what they do, and what they name is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from .conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = dict(re.findall(r"^([a-z-]+):.*?## (.+)$", MAKEFILE, re.MULTILINE))


def test_every_target_says_what_it_does() -> None:
    """What is declared phony has a line in the list that `make` prints."""
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)", MAKEFILE, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].replace("\\", " ").split()) == set(TARGETS)


def test_make_alone_lists_the_targets() -> None:
    """`make` without a word changes nothing and shows what there is."""
    done = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True)
    for target, sentence in TARGETS.items():
        assert re.search(rf"^{target} +{re.escape(sentence)}$", done.stdout, re.MULTILINE)


def test_the_scripts_that_targets_run_are_there() -> None:
    """No target calls a file or module that does not exist."""
    files = re.findall(r"(?:python|pytest)(?: -\S+)* ((?:benchmarks|docs|tests|\.ci)/\S+)", MAKEFILE)
    modules = [name.replace(".", "/") for name in re.findall(r"python -m (despam\.[\w.]+)", MAKEFILE)]
    wanted = [ROOT / name for name in files] + [ROOT / "src" / f"{name}.py" for name in modules]
    assert wanted
    assert [path.relative_to(ROOT).as_posix() for path in wanted if not path.exists()] == []


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name)
def test_a_workflow_calls_targets_that_exist(path: Path) -> None:
    """Every `make` line of a workflow names targets of the Makefile."""
    called = re.findall(r"\bmake ([a-z-]+)", path.read_text(encoding="utf-8"))
    assert called
    assert set(called) <= set(TARGETS)


def test_ci_runs_make_test() -> None:
    """What CI runs is what people run."""
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.fixture
def no_python(tmp_path: Path) -> Path:
    """A folder of commands with bash and no Python."""
    (tmp_path / "bash").symlink_to("/bin/bash")
    return tmp_path


def test_a_machine_without_python_is_told_in_one_sentence(no_python: Path) -> None:
    """No traceback, no half-made environment: what is missing and how to get it."""
    environment = {"PATH": str(no_python)}
    done = subprocess.run(
        ["/bin/bash", ROOT / ".ci" / "find-python"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "Python 3.11" in done.stderr


def test_a_python_that_is_too_old_is_passed_over(no_python: Path) -> None:
    """A candidate must say that it is new enough and can make environments."""
    old = no_python / "python3.11"
    old.write_text("#!/bin/bash\nexit 1\n")
    old.chmod(0o755)
    new = no_python / "python3"
    new.write_text("#!/bin/bash\nexit 0\n")
    new.chmod(0o755)
    done = subprocess.run(
        ["/bin/bash", ROOT / ".ci" / "find-python"],
        env={"PATH": str(no_python)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == str(new)


def test_without_root_missing_system_packages_are_a_note(no_python: Path) -> None:
    """What apt may not install is named, and nothing fails."""
    for name, script in {"id": "echo 1000", "ls": "exit 1", "apt-get": "exit 100"}.items():
        (no_python / name).write_text(f"#!/bin/bash\n{script}\n")
        (no_python / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/bash", ROOT / ".ci" / "system-packages"],
        env={"PATH": str(no_python)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "sudo apt-get install chromium gcc" in done.stderr
