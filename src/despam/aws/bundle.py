"""The zip that Lambda runs: despam's serving path, obstore, a model, the C kernel, and compiled Python.

Knows what goes in: every module that the handler can reach by an import statement, found in the sources themselves, so
that a module added to the service is in the next bundle without a list to keep. Knows Lambda's limits and formats.
Refuses to carry anything else: a handler that reaches boto3, numpy, click or rich makes no bundle.

Invariant: the same input gives the same bytes. Names sorted, one date, fixed permissions, Python compiled in a fresh
interpreter with hash-based .pyc files that Lambda never checks against their sources.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from despam.aws import kernel, wheels
from despam.core.model import Model, load
from despam.core.writing import replace_file
from despam.errors import DeployError

ENTRY = "despam.service.aws_lambda"
HANDLER = f"{ENTRY}.handler"
ARCHITECTURES = ("arm64", "x86_64")
RUNTIME = (3, 11)
CARRIED = {"obstore"}  # packages beside the standard library that are in the zip
MODEL_NAME = "despam/models/bundled.safetensors"
DATE = (1980, 1, 1, 0, 0, 0)  # the oldest that a zip can say
LAMBDA_LIMIT_BYTES = 250 << 20

# Runs in a fresh interpreter: what this process has interned before would change the bytes of a .pyc
COMPILE = """
import base64, importlib._bootstrap_external as loader, importlib.util, json, sys
compiled = {}
for name, source in json.load(sys.stdin).items():
    data = base64.b64decode(source)
    code = compile(data, "/var/task/" + name, "exec", dont_inherit=True, optimize=0)
    pyc = loader._code_to_hash_pyc(code, importlib.util.source_hash(data), False)
    compiled[name] = base64.b64encode(pyc).decode()
json.dump(compiled, sys.stdout)
"""


@dataclass(frozen=True)
class Bundle:
    """A finished zip, in memory."""

    data: bytes
    architecture: str
    model: str  # the version in it
    unzipped_bytes: int
    names: tuple[str, ...]
    notes: tuple[str, ...]  # what was left out, and why

    @property
    def sha256(self) -> str:
        """Name the bundle."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def zipped_bytes(self) -> int:
        """Count what is uploaded."""
        return len(self.data)


def make(architecture: str = "arm64", model: bytes | str | os.PathLike[str] | None = None) -> Bundle:
    """Make the bundle for one architecture; `model` is a file's bytes or its path, None the bundled one."""
    if architecture not in ARCHITECTURES:
        raise DeployError(f"no architecture '{architecture}'; Lambda has {' and '.join(ARCHITECTURES)}.")
    # refuses what the function would refuse
    opened = Model.from_bytes(model, MODEL_NAME) if isinstance(model, bytes) else load(model)
    try:
        files, notes = _gather(architecture)
        files[MODEL_NAME] = model if isinstance(model, bytes) else Path(opened.path).read_bytes()
    except OSError as error:
        place = error.filename or wheels.cache_folder()
        raise DeployError(
            f"{place}: {error.strerror}; make room there, or set XDG_CACHE_HOME to another disk."
        ) from error
    unzipped = sum(map(len, files.values()))
    if unzipped > LAMBDA_LIMIT_BYTES:
        message = f"the bundle would have {unzipped / 1e6:.0f} MB unzipped, Lambda takes {LAMBDA_LIMIT_BYTES / 1e6:.0f}"
        raise DeployError(f"{message}; use a smaller model.")
    return Bundle(_zip(files), architecture, opened.version, unzipped, tuple(sorted(files)), notes)


def model_in(data: bytes) -> bytes:
    """Take the model out of a bundle."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.read(MODEL_NAME)
    # zipfile's own: broken, not there, damaged, packed in a way it does not know, locked with a password
    except (zipfile.BadZipFile, KeyError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise DeployError(f"there is no {MODEL_NAME} in it ({' '.join(str(error).split())[:80]})") from error


def _gather(architecture: str) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Collect all files but the model, by their names in the zip, and what to say about those that are missing."""
    package = Path(__file__).parents[1]
    files = dict(_sources(package.parent))
    files.update(_page(package))
    files.update(wheels.obstore_files(architecture))
    compiled, note = _compile({name: data for name, data in files.items() if name.endswith(".py")})
    files.update(compiled)
    native, native_note = kernel.build(package / "core" / "_native.c", architecture)
    if native is not None:
        files["despam/core/_native.abi3.so"] = native
    return files, tuple(text for text in (note, native_note) if text)


def write(bundle: Bundle, path: str | os.PathLike[str]) -> None:
    """Put the zip at `path`; an older file stays until the new one is whole."""
    try:
        replace_file(path, bundle.data)
    except OSError as error:
        raise DeployError(f"{path}: cannot be written ({error.strerror}); choose another place with -o.") from error


def closure(root: Path, entry: str = ENTRY) -> dict[str, Path]:
    """Find every module of despam that `entry` can import, lazily or not, by name."""
    found: dict[str, Path] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        path = _module_path(root, name)
        if name in found or path is None:
            continue
        found[name] = path
        waiting += [name.rpartition(".")[0]] if "." in name else []
        for target in _imports(path, name):
            top = target.partition(".")[0]
            # a name with an underscore is the interpreter's own, in this version or another
            if top == "despam":
                waiting.append(target)
            elif top not in sys.stdlib_module_names and top not in CARRIED and not top.startswith("_"):
                raise DeployError(
                    f"{path}: the handler would import {top}, which no bundle carries; keep it out of the serving path."
                )
    return found


def _module_path(root: Path, name: str) -> Path | None:
    base = root.joinpath(*name.split("."))
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.exists():
            return path
    return None  # a name inside a module, or the compiled kernel


def _imports(path: Path, module: str) -> Iterator[str]:
    """Name what a file imports anywhere, in functions too, but not for type checkers only."""
    tree: list[ast.AST] = [ast.parse(path.read_bytes(), str(path))]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    while tree:
        node = tree.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            tree += node.orelse
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*parents, *([node.module] if node.module else [])])
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        else:
            tree += ast.iter_child_nodes(node)


def _sources(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in closure(root).values():
        yield path.relative_to(root).as_posix(), path.read_bytes()


def _page(package: Path) -> Iterator[tuple[str, bytes]]:
    for path in (package / "service" / "page").rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(package.parent).as_posix(), path.read_bytes()


def _compile(sources: dict[str, bytes]) -> tuple[dict[str, bytes], str]:
    """Compile for Lambda's Python, when there is one on this machine; first answers are slower without."""
    python = sys.executable if sys.version_info[:2] == RUNTIME else shutil.which("python3.11")
    if python is None:
        return {}, "no .pyc files, the first answer takes longer (they need a python3.11 on this machine)"
    ordered = {name: base64.b64encode(sources[name]).decode() for name in sorted(sources)}
    run = subprocess.run([python, "-I", "-S", "-c", COMPILE], input=json.dumps(ordered), capture_output=True, text=True)
    if run.returncode:
        reason = run.stderr.strip().splitlines() or ["no reason given"]
        raise DeployError(f"{python} cannot compile the bundle: {reason[-1]}")
    compiled = json.loads(run.stdout)
    return {_pyc_name(name): base64.b64decode(data) for name, data in compiled.items()}, ""


def _pyc_name(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"{folder}/__pycache__/{file.removesuffix('.py')}.cpython-{RUNTIME[0]}{RUNTIME[1]}.pyc"


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, DATE)
            entry.create_system = 3  # Unix: Lambda reads the permissions
            entry.external_attr = (0o100755 if name.endswith(".so") else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return buffer.getvalue()
