"""obstore for the architecture that Lambda runs on: the one compiled package in the bundle.

Knows where a wheel may come from, in this order: the user's cache; the installed package, when this machine is of
the target's kind; `pip download` for the target, which then goes to the cache. Refuses to know what obstore does.

Invariant: what it gives runs on Lambda's glibc (`GLIBC`), and is the version installed here, so that the tests on
this machine speak for the function. Files that nothing imports at run time (.pyi, SBOM, fsspec, boto3 adapters)
stay out.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from despam.errors import DeployError

GLIBC = (2, 26)  # python3.11 on Lambda is Amazon Linux 2
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
NEEDED = re.compile(
    r"obstore/(__init__|store)\.py|obstore/_obstore\.abi3\.so|obstore-[^/]+\.dist-info/(METADATA|WHEEL)"
)
PATIENCE_SECONDS = 180


def cache_folder() -> Path:
    """Name the folder that keeps downloaded wheels and built kernels between runs."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "despam"


def obstore_files(architecture: str) -> dict[str, bytes]:
    """Give the files of obstore for `architecture`, by their names in the zip."""
    version = _installed_version()
    cached = _cached_wheel(architecture, version)
    if cached is not None:
        return _from_wheel(cached)
    if _is_this_machine(architecture) and version:
        return _from_installed()
    return _from_wheel(_download(architecture, version))


def _installed_version() -> str | None:
    try:
        return metadata.version("obstore")
    except metadata.PackageNotFoundError:
        return None


def _cached_wheel(architecture: str, version: str | None) -> Path | None:
    found = sorted(_wheel_folder().glob(f"obstore-{version or '*'}-*_{MACHINES[architecture]}.whl"))
    return found[-1] if found else None


def _wheel_folder() -> Path:
    return cache_folder() / "wheels"


def _is_this_machine(architecture: str) -> bool:
    """Say whether the installed obstore was built for Lambda's kind of machine, and for a glibc as old as Lambda's."""
    if sys.platform != "linux" or platform.machine() != MACHINES[architecture]:
        return False
    tags = metadata.distribution("obstore").read_text("WHEEL") if _installed_version() else None
    return any((2, int(minor)) <= GLIBC for minor in re.findall(r"manylinux_2_(\d+)_", tags or ""))


def _from_installed() -> dict[str, bytes]:
    files = {}
    for entry in metadata.distribution("obstore").files or []:
        if NEEDED.fullmatch(entry.as_posix()):
            files[entry.as_posix()] = Path(str(entry.locate())).read_bytes()
    return files


def _from_wheel(wheel: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {name: archive.read(name) for name in archive.namelist() if NEEDED.fullmatch(name)}
    except (zipfile.BadZipFile, OSError) as error:
        raise DeployError(
            f"{wheel}: the cached wheel cannot be read ({error}); delete it and run this again."
        ) from error


def _download(architecture: str, version: str | None) -> Path:
    """Fetch the wheel with the ordinary pip; the cache sees it only when it is whole."""
    folder = _wheel_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as scratch:
        run = _run_pip(architecture, version, scratch)
        wheels = list(Path(scratch).glob("*.whl"))
        if run.returncode or not wheels:
            raise DeployError(_no_wheel(architecture, version, run.stderr))
        return wheels[0].replace(folder / wheels[0].name)


def _run_pip(architecture: str, version: str | None, folder: str) -> subprocess.CompletedProcess[str]:
    # pip before 24 takes each tag as it is, so every glibc up to Lambda's is named
    machine = MACHINES[architecture]
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC[1], 16, -1)] + [f"manylinux2014_{machine}"]
    platforms = [word for tag in tags for word in ("--platform", tag)]
    wanted = f"obstore=={version}" if version else "obstore>=0.8"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *platforms]
    command += ["--python-version", "3.11", "--implementation", "cp", "--dest", folder, wanted]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer in {PATIENCE_SECONDS} seconds")


def _no_wheel(architecture: str, version: str | None, talk: str) -> str:
    lines = [line.removeprefix("ERROR: ") for line in talk.splitlines() if line and not line.startswith("WARNING")]
    other = "x86_64" if architecture == "arm64" else "arm64"
    reason = lines[-1] if lines else "no reason given"
    return (
        f"obstore {version or ''} for {architecture} could not be fetched by pip ({reason}); "
        f"go online once, put its wheel into {_wheel_folder()}, or use --arch {other}."
    )
