"""Every command's help has an example, and the example runs.

The examples are read from the help itself and run with bash in a folder that holds what they name: `data/`, a model,
another model, a mail, a registry folder. What cannot run here stands in ELSEWHERE with the test that runs it instead.
"""

from __future__ import annotations

import contextlib
import gzip
import inspect
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from despam.cli.main import COMMANDS, cli

from .conftest import run_shell

# command -> the word in an example's line that keeps it from running here, and why
ELSEWHERE = {
    "serve": ("despam serve", "runs until stopped; tests/service start it for real"),
    "deploy": ("despam deploy", "needs AWS; tests/aws deploy to an emulation"),
    "destroy": ("despam destroy", "needs AWS; tests/aws destroy in an emulation"),
}


def commands() -> dict[str, click.Command]:
    """Return every command that the front lists."""
    context = click.Context(cli)
    return {name: command for name in COMMANDS if (command := cli.get_command(context, name))}


def example_of(command: click.Command) -> str:
    """Return the indented lines under `Example:` of a command's docstring."""
    _, found, rest = inspect.cleandoc(command.help or "").partition("Example")
    lines = []
    for line in rest.partition("\n")[2].replace("\b", "").splitlines() if found else []:
        if line.startswith("    "):
            lines.append(line[4:])
        elif line.strip():
            break
    return "\n".join(lines)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_says_what_it_does_and_shows_an_example(name: str) -> None:
    """A first line for people, and at least one line that starts with `despam NAME`."""
    command = commands()[name]
    assert (command.help or "").strip().splitlines()[0].endswith(".")
    assert re.search(rf"^despam {name}\b", example_of(command), re.MULTILINE), command.help


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_help_shows_the_example_line_by_line(name: str) -> None:
    """Lines to copy are not wrapped into a paragraph."""
    command = commands()[name]
    shown = [line.strip() for line in command.get_help(click.Context(command, terminal_width=100)).splitlines()]
    assert [line for line in example_of(command).splitlines() if line.strip() and line.strip() not in shown] == []


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_option_says_what_it_is_for(name: str) -> None:
    """No option without a help text."""
    silent = [p.name for p in commands()[name].params if isinstance(p, click.Option) and not p.hidden and not p.help]
    assert silent == []


@pytest.fixture
def workshop(
    tmp_path: Path,
    data_folder: Path,
    small_rows: tuple[list[str], list[str]],
    make_model: Callable[..., Path],
) -> Path:
    """A folder with everything that examples name, small enough that they take seconds."""
    texts, labels = small_rows
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "docs").symlink_to(data_folder.parent / "docs")
    rows = [
        json.dumps({"id": str(n), "text": t, "label": s}) for n, (t, s) in enumerate(zip(texts, labels, strict=True))
    ]
    for path in data_folder.iterdir():
        if path.name.endswith(".jsonl.gz"):
            with gzip.open(data / path.name, "wt", encoding="utf-8") as file:
                file.write("\n".join(rows) + "\n")
        else:
            shutil.copy(path, data)
    first = make_model()
    second = make_model(texts[:500], labels[:500])
    for name in ("model", "new", "mine", "my", "sms"):
        shutil.copy(first, tmp_path / f"{name}.safetensors")
    for name in ("old", "live", "better"):
        shutil.copy(second, tmp_path / f"{name}.safetensors")
    body = "\n".join(
        f"{label},{json.dumps(text)}" for text, label in zip(texts, labels, strict=True) if '"' not in text
    )
    for name in ("messages", "comments"):
        (tmp_path / f"{name}.csv").write_text(f"label,text\n{body}\n", encoding="utf-8")
    (tmp_path / "messages.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for name in ("mail", "message"):
        (tmp_path / f"{name}.eml").write_bytes(
            b"Subject: You won\r\nFrom: a@b.example\r\n\r\nClaim your free prize now.\r\n"
        )
    return tmp_path


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ELSEWHERE])
def test_the_example_in_the_help_runs(name: str, workshop: Path) -> None:
    """Copied from the help into a shell, the example ends with 0, or with 1 where the answer may be no."""
    script = example_of(commands()[name])
    done = run_shell(script, workshop)
    allowed = {0, 1} if name in {"gate"} or "--exit-code" in script else {0}
    assert done.returncode in allowed, f"{script}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_an_example_that_runs_elsewhere_still_parses(name: str) -> None:
    """The options in an example that cannot run here exist."""
    word, _ = ELSEWHERE[name]
    parsed = []
    for line in example_of(commands()[name]).splitlines():
        if line.startswith(word):
            arguments = line.removeprefix(word).split("#")[0].split()
            with contextlib.suppress(click.exceptions.Exit):  # --help
                commands()[name].make_context(name, arguments)
            parsed.append(line)
    assert parsed, f"the example of {name} has no line that starts with {word!r}"


def test_the_front_shows_an_example_that_runs(tmp_path: Path) -> None:
    """`despam --help` shows one line that gives a verdict."""
    done = run_shell(example_of(cli), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "SPAM" in done.stdout
