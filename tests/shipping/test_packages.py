"""The packages that ship: built from the tracked files, installed where nothing else is, and used there.

Builds once a session, outside the working tree. A clean environment gets click and rich from the wheelhouse that `make`
fills while it has a network, so the second run of the suite needs none.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from ..conftest import locked
from .conftest import ROOT, environment
from .test_tracked_files import tracked

pytestmark = pytest.mark.slow
WHEELHOUSE = Path(sys.prefix) / "wheelhouse"


class Built(NamedTuple):
    """The two packages."""

    wheel: Path
    sdist: Path


def run(*command: str | Path, folder: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in a user's environment."""
    arguments = [str(word) for word in command]
    env = environment(folder) | extra
    env.pop("DESPAM_PURE", None)  # what ships has both engines, whichever the suite runs on
    return subprocess.run(arguments, cwd=folder, env=env, capture_output=True, text=True, timeout=280, check=False)


def copy_of_the_source(folder: Path) -> Path:
    """Lay out the tracked files alone, as a clone has them."""
    for path in tracked():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return folder


@pytest.fixture(scope="session")
def built(run_folder: Path) -> Built:
    """Wheel and source archive, made by `python -m build` without the network."""
    dist = run_folder / "dist"
    with locked(run_folder / "dist.lock"):
        if not dist.exists():
            source = copy_of_the_source(run_folder / "source")
            done = run(sys.executable, "-m", "build", "--no-isolation", "-o", run_folder / "made", folder=source)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
            (run_folder / "made").rename(dist)
    return Built(next(dist.glob("*.whl")), next(dist.glob("*.tar.gz")))


def install(package: Path, folder: Path, **extra: str) -> Path:
    """Make an environment with the package and its dependencies alone; return its folder of commands."""
    if not WHEELHOUSE.is_dir():
        pytest.skip("no wheelhouse in this environment: make .venv/.dev fills it")
    home = folder / "clean"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    done = run(
        sys.executable, "-m", "pip", "--python", home, "install", "-qq", "--no-index", "--find-links", WHEELHOUSE,
        "--disable-pip-version-check", package, folder=folder, **extra,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return home / "bin"


@pytest.fixture(scope="module")
def clean(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment that has the wheel without extras."""
    return install(built.wheel, tmp_path_factory.mktemp("environment"))


def test_the_wheel_holds_the_package_and_its_licence_alone(built: Built) -> None:
    """No tests, no data, no build leftovers; the bundled model, the page and py.typed are in."""
    with zipfile.ZipFile(built.wheel) as wheel:
        names = wheel.namelist()
    assert {name.split("/")[0] for name in names} == {"despam", built.wheel.name.rsplit("-", 3)[0] + ".dist-info"}
    assert "despam/models/bundled.safetensors" in names
    assert "despam/py.typed" in names
    assert any(name.startswith("despam/service/page/") and name.endswith(".html") for name in names)
    assert [name for name in names if "__pycache__" in name] == []


def test_the_wheel_is_small(built: Built) -> None:
    """A package of at most 3 MB."""
    assert built.wheel.stat().st_size < 3_000_000


def test_the_source_archive_holds_what_a_build_needs(built: Built) -> None:
    """The kernel's source, the licence and the set-up are in."""
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "setup.py", "LICENSE", "README.md", "src/despam/core/_native.c"} <= names


def test_a_verdict_without_any_extra(clean: Path, tmp_path: Path) -> None:
    """`pip install despam` is enough for a verdict on the command line."""
    done = run(clean / "despam", "classify", "WIN a free iPhone now! Claim your prize", folder=tmp_path)
    assert (done.returncode, "SPAM" in done.stdout) == (0, True), done.stderr


def test_a_verdict_from_python_without_any_extra(clean: Path, tmp_path: Path) -> None:
    """`import despam` gives the same verdict."""
    program = "import despam; print(despam.load().classify('WIN a free iPhone now! Claim your prize').classification)"
    done = run(clean / "python", "-c", program, folder=tmp_path)
    assert done.stdout.strip() == "SPAM", done.stderr


def test_help_and_version_without_any_extra(clean: Path, tmp_path: Path) -> None:
    """Neither needs more than the base install."""
    assert run(clean / "despam", "--help", folder=tmp_path).returncode == 0
    assert run(clean / "despam", "--version", folder=tmp_path).stdout.startswith("despam ")


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (["train", "messages.csv", "-o", "m.safetensors"], "train"),
        (["serve", "--port", "0"], "serve"),
        (["versions", "--registry", "s3://bucket/prefix"], "registry"),
        (["deploy", "--stack", "spam", "--yes"], "aws"),
    ],
)
def test_a_missing_extra_is_one_sentence_with_the_pip_line(
    command: list[str], extra: str, clean: Path, tmp_path: Path
) -> None:
    """Exit code 3, one line, and what to install."""
    rows = "".join(f"spam,win a prize {n}\nham,see you at {n}\n" for n in range(40))
    (tmp_path / "messages.csv").write_text(f"label,text\n{rows}")
    done = run(clean / "despam", *command, folder=tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"pip install 'despam[{extra}]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_source_archive_builds_and_works_without_a_compiler(built: Built, tmp_path: Path) -> None:
    """No C compiler, no kernel, the same verdict from Python."""
    made = tmp_path / "wheels"
    done = run(
        sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-index", "--no-build-isolation",
        "--disable-pip-version-check", "-w", made, built.sdist, folder=tmp_path, CC=str(tmp_path / "no-compiler"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    wheel = next(made.glob("*.whl"))
    with zipfile.ZipFile(wheel) as package:
        assert [name for name in package.namelist() if name.endswith(".so")] == []
    commands = install(wheel, tmp_path)
    assert "engine: python" in run(commands / "despam", "--version", folder=tmp_path).stdout
    done = run(commands / "despam", "classify", "WIN a free iPhone now! Claim your prize", folder=tmp_path)
    assert "SPAM" in done.stdout, done.stderr


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What `make wheels` makes, by the end of its name."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("no ziglang in this environment: make .venv/.dev installs it")
    folder = tmp_path_factory.mktemp("wheels")
    source = copy_of_the_source(folder / "source")
    done = run(sys.executable, source / ".ci" / "build_wheels.py", folder / "dist", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name.removesuffix(".whl").rpartition("-")[2]: path for path in (folder / "dist").glob("*.whl")}


@pytest.mark.parametrize(("platform", "elf_machine"), [("manylinux2014_x86_64", 62), ("manylinux2014_aarch64", 183)])
def test_make_wheels_cross_builds_the_kernel(platform: str, elf_machine: int, wheels: dict[str, Path]) -> None:
    """The kernel inside is an ELF file for the machine in the name; one build serves every Python from 3.11 on."""
    assert wheels[platform].name.endswith(f"-cp311-abi3-{platform}.whl")
    with zipfile.ZipFile(wheels[platform]) as wheel:
        code = wheel.read("despam/core/_native.abi3.so")
    assert code[:5] == b"\x7fELF\x02"
    assert int.from_bytes(code[18:20], "little") == elf_machine


def test_a_wheel_with_the_kernel_runs_on_it(wheels: dict[str, Path], tmp_path: Path) -> None:
    """Installed on the machine it is for, the engine is the kernel's."""
    wheel = wheels.get(f"manylinux2014_{os.uname().machine}")
    if wheel is None:
        pytest.skip(f"no wheel for {os.uname().machine}")
    done = run(install(wheel, tmp_path) / "despam", "--version", folder=tmp_path)
    assert "engine: python" not in done.stdout
    assert "engine: " in done.stdout


def test_a_machine_of_another_kind_gets_the_wheel_without_kernel(wheels: dict[str, Path]) -> None:
    """The pure wheel fits everywhere and carries no compiled file."""
    with zipfile.ZipFile(wheels["any"]) as wheel:
        assert [name for name in wheel.namelist() if name.endswith((".so", ".pyd"))] == []
