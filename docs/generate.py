"""Writes the pages of docs/reference from the code, and the README's figures, so that they cannot say anything else.

`cli.md` is the help of every command, `python.md` the public names with their docstrings. Knows which names are public
(PUBLIC below) and nothing of what they do. The same code gives the same bytes; `--check` writes nothing and ends with 1
when a page is out of date, which is what the tests ask. The figures of the README are those of figures.py.

    python docs/generate.py [--check]
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import figures

from despam.cli.main import COMMANDS, cli

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 100
NOTE = "<!-- Made by docs/generate.py; change the code instead. -->\n"

# module -> the names a user may rely on, in the order of a user's day
PUBLIC: dict[str, list[str]] = {
    "despam": ["load", "Model", "Verdict", "Clue", "DespamError"],
    "despam.train": ["SpamClassifier", "Features", "train"],
    "despam.corpus": ["read", "Row", "distinct"],
    "despam.registry": ["Registry"],
    "despam.service.asgi": ["create_app"],
}


def cli_page() -> str:
    """Return the help of every command as Markdown."""
    parts = [NOTE, "# Command line\n", block(help_of("despam", cli))]
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        if command is not None:
            parts += [f"## despam {name}\n", block(help_of(f"despam {name}", command))]
    return "\n".join(parts)


def help_of(name: str, command: click.Command) -> str:
    """Return a command's help as a terminal of WIDTH columns shows it."""
    settings = {**cli.context_settings, **command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    lines = command.get_help(click.Context(command, info_name=name, **settings)).splitlines()
    return "\n".join(line.rstrip() for line in lines)


def block(text: str) -> str:
    """Fence a text."""
    return f"```text\n{text}\n```\n"


def python_page() -> str:
    """Return the public names with signatures and docstrings as Markdown."""
    parts = [NOTE, "# Python\n"]
    for module_name, names in PUBLIC.items():
        module = importlib.import_module(module_name)
        parts += [f"## {module_name}\n", paragraphs(inspect.getdoc(module) or "")]
        for name in names:
            parts += describe(name, getattr(module, name))
    parts += ["## despam.errors\n", paragraphs(inspect.getdoc(importlib.import_module("despam.errors")) or "")]
    return "\n".join(parts)


def describe(name: str, thing: object) -> Iterator[str]:
    """Give a class or function, then a class's own public methods and properties."""
    kind = "class " if inspect.isclass(thing) else ""
    yield f"### {kind}{name}\n"
    if not inspect.isclass(thing):
        yield block_python(f"{name}{signature(thing)}")
    yield paragraphs(inspect.getdoc(thing) or "")
    if not inspect.isclass(thing):
        return
    if slots := [slot for slot in getattr(thing, "__slots__", ()) if not slot.startswith("_")]:
        yield f"Attributes: {', '.join(f'`.{slot}`' for slot in slots)}\n"
    found = list(members(thing))
    for member_name, member in found:
        if isinstance(member, property):
            yield f"- `.{member_name}`: {first_line(member.fget)}"
        else:
            yield f"- `.{member_name}{signature(member)}`: {first_line(member)}"
    if found:
        yield ""


def members(thing: type) -> Iterator[tuple[str, object]]:
    """Give the public properties and methods that the class itself defines, in the order of the source."""
    for name, member in vars(thing).items():
        if isinstance(member, (classmethod, staticmethod)):
            member = getattr(thing, name)
        if not name.startswith("_") and (isinstance(member, property) or callable(member)) and first_line(member):
            yield name, member


def first_line(thing: object) -> str:
    """Return the first paragraph of a docstring as one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


class AsWritten(str):
    """An annotation that shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def signature(thing: object) -> str:
    """Return the signature as it stands in the source, without self."""
    shown = inspect.signature(thing)  # type: ignore[arg-type]
    kept = [one for name, one in shown.parameters.items() if name not in ("self", "cls")]
    kept = [one.replace(annotation=as_written(one.annotation), default=by_name(one.default)) for one in kept]
    return str(shown.replace(parameters=kept, return_annotation=as_written(shown.return_annotation)))


def by_name(default: object) -> object:
    """A function or object as a default shows its name, not where it lies in memory."""
    if not re.search(r" at 0x[0-9a-f]+>", repr(default)):
        return default
    return AsWritten(getattr(default, "__name__", None) or f"{type(default).__name__}()")


def as_written(annotation: object) -> object:
    """Annotations are strings here (from __future__ import annotations)."""
    return AsWritten(annotation) if isinstance(annotation, str) else annotation


def paragraphs(doc: str) -> str:
    """Return a docstring as Markdown: indented lines become blocks."""
    parts, inside = [], False
    for line in doc.splitlines():
        indented = line.startswith("    ")
        if indented and not inside:
            parts.append("```text")
            inside = True
        elif inside and line and not indented:
            while parts[-1] == "":
                parts.pop()
            parts += ["```", ""]
            inside = False
        parts.append(line[4:] if inside else line)
    if inside:
        parts.append("```")
    return "\n".join(parts) + "\n"


def block_python(text: str) -> str:
    """Fence a signature; `text` so that no test takes it for an example."""
    return f"```text\n{text}\n```\n"


PAGES = {"docs/reference/cli.md": cli_page, "docs/reference/python.md": python_page, **figures.PAGES}


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check name those that differ."""
    stale = []
    for name, make in PAGES.items():
        path, text = ROOT / name, make()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"docs: {', '.join(stale) or 'nothing'} {'differs' if '--check' in arguments else 'written'}\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
