"""What the shipping tests share: fresh processes, and the blocks of documents.

A document's fenced `sh` and `python` blocks run as they stand, in one folder, in their order, unless the line before
says why not: `<!-- not run: reason -->`. Knows nothing of what the blocks do; one fails when its exit code is not 0.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
BLOCK = re.compile(r"(?P<before>[^\n]*\n)?^```(?P<tag>[a-z]+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: .+ -->")
PRINTED = "<!-- printed above -->"


class Block(NamedTuple):
    """A fenced block: where, what kind, what it says, whether it is to run, or shows what the one above printed."""

    line: int
    tag: str
    code: str
    runs: bool
    printed: bool


def blocks_of(text: str) -> Iterator[Block]:
    """Give the fenced blocks of a Markdown text."""
    for match in BLOCK.finditer(text):
        runs = not NOT_RUN.search(match["before"] or "")
        printed = (match["before"] or "").strip() == PRINTED
        yield Block(text.count("\n", 0, match.start("code")) + 1, match["tag"], match["code"], runs, printed)


def not_printed(shown: str, printed: str) -> list[str]:
    """Give the lines that a document shows and its block did not print."""
    lines = {line.rstrip() for line in printed.splitlines()}
    return [line for line in shown.splitlines() if line and line.rstrip() not in lines]


def environment(folder: Path) -> dict[str, str]:
    """Return a user's environment: this Python's commands first, nothing of despam set, a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DESPAM_", "AWS_"))}
    if "DESPAM_PURE" in os.environ:
        kept["DESPAM_PURE"] = os.environ["DESPAM_PURE"]
    scripts = str(Path(sys.executable).parent)
    return kept | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder), "NO_COLOR": "1"}


def run_shell(code: str, folder: Path, timeout_seconds: float = 240) -> subprocess.CompletedProcess[str]:
    """Run a script with bash up to the first command that fails; what it starts in the background ends with it."""
    script = f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{code}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def run_python(code: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh Python."""
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
        check=False,
    )
