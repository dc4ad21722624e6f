"""Nothing of the machine that wrote a file stays in it, and nothing unfinished ships."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
# built of parts, so that this file does not find itself
MACHINE = re.compile(
    "|".join(
        [
            r"/wo" r"rk/(main|shared|despam)",
            r"/ro" r"ot/",
            r"/ho" r"me/[a-z]+/",
            r"/t" r"mp/[a-z]",
        ]
    )
)
ADDRESS = re.compile(r"(?<![\w.])(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2,3}(?![\w.])")
SECRET = re.compile(
    "|".join([r"AK" r"IA[0-9A-Z]{16}", r"gh" r"p_[A-Za-z0-9]{30}", r"-----BEGIN [A-Z ]*PRIV" r"ATE KEY"])
)
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
CORPORA = {"data"}  # messages of strangers may say anything


def tracked() -> list[Path]:
    """Return the files that git would ship."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git clone")
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def lines() -> Iterator[tuple[str, str]]:
    """Give every line of every tracked text file, with its place."""
    for path in tracked():
        name = path.relative_to(ROOT)
        if name.parts[0] in CORPORA and name.name != "README.md":
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            yield f"{name}:{number}", line


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (MACHINE, "a path of one machine"),
        (ADDRESS, "a private address"),
        (SECRET, "a secret"),
        (UNFINISHED, "unfinished work"),
    ],
    ids=["path", "address", "secret", "unfinished"],
)
def test_no_tracked_file_holds(pattern: re.Pattern[str], what: str) -> None:
    """Paths and addresses of one machine, secrets and unfinished work are in no tracked file."""
    found = [f"{place} holds {what}" for place, line in lines() if pattern.search(line)]
    assert found == []


def test_a_clone_stays_small() -> None:
    """No tracked file is over 1.3 MB, and all together stay under 16 MB."""
    sizes = {path.relative_to(ROOT).as_posix(): path.stat().st_size for path in tracked()}
    assert {name: size for name, size in sizes.items() if size > 1_300_000} == {}
    assert sum(sizes.values()) < 16_000_000


def test_no_file_is_called_after_nothing() -> None:
    """A file is named for what it knows."""
    nothing = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager"}
    assert [path for path in tracked() if path.suffix == ".py" and path.stem in nothing] == []


def test_constraints_pin_versions_and_record_no_address() -> None:
    """Each line is NAME==VERSION."""
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", pin)] == []


def test_constraints_pin_everything_that_the_project_names() -> None:
    """Base, extras, the dev group and the build back end all have a pin."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    wanted += [name for extra in project["project"]["optional-dependencies"].values() for name in extra]
    pinned = {canonical(line.partition("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines()}
    names = {canonical(re.split(r"[\[<>=;! ]", entry)[0]) for entry in wanted if isinstance(entry, str)}
    assert sorted(names - pinned - {"despam"}) == []


def canonical(name: str) -> str:
    """Spell a package's name as pip does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_a_container_is_built_from_the_sources_alone() -> None:
    """`COPY . /src` takes no history, no environment and no builds, but all that pip needs."""
    left_out = set((ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines())
    assert {".git", ".venv", "build", "**/*.so"} <= left_out
    assert left_out.isdisjoint({"pyproject.toml", "setup.py", "README.md", "LICENSE", "src"})
