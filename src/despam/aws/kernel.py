"""The C kernel, cross-built for Lambda with zig's C compiler.

Knows that `core/_native.c` keeps to the Limited API, so that this machine's Python headers serve every target of the
same word size, and that zig builds for any architecture with a glibc as old as Lambda's. Refuses to know what the
kernel computes. Without zig, or while there is no kernel, the bundle goes without: Python answers the same, slower.

Invariant: the same source, compiler and target give the same bytes; they are kept in the user's cache under their hash.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from despam.aws.wheels import MACHINES, cache_folder
from despam.errors import DeployError

TARGET = "{machine}-linux-gnu.2.17"
FLAGS = ["-shared", "-fPIC", "-O3", "-std=c11", "-DPy_LIMITED_API=0x030B0000", "-DNDEBUG", "-s", "-Wl,--build-id=none"]
# without these zig would add its own sanitizer to C code; the plain x86-64 baseline runs on every Lambda host
FLAGS += ["-fno-sanitize=undefined", "-ffp-contract=off", "-Wno-unused-command-line-argument"]


def build(source: Path, architecture: str) -> tuple[bytes | None, str]:
    """Give the compiled kernel and an empty note, or None and the reason why the bundle goes without."""
    if not source.exists():
        return None, "no C kernel in this despam"
    if importlib.util.find_spec("ziglang") is None:
        return None, "C kernel left out, Python answers the same but slower (to build it: pip install ziglang)"
    kept = _kernel_folder() / f"{_fingerprint(source, architecture)}.so"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        _compile(source, architecture, kept)
    return kept.read_bytes(), ""


def _fingerprint(source: Path, architecture: str) -> str:
    parts = [metadata.version("ziglang"), sysconfig.get_python_version(), architecture, *FLAGS]
    # a kernel may come in several files: whatever C lies beside it counts
    parts += [file.read_text() for file in sorted(source.parent.rglob("*.[ch]"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _headers(scratch: Path, machine: str) -> list[str]:
    """Give the options for Python's headers.

    Debian keeps pyconfig.h by processor, and only this machine's is there; it says the same on every 64-bit Linux.
    """
    include, version = sysconfig.get_path("include"), f"python{sysconfig.get_python_version()}"
    mine = Path(include).parent / str(sysconfig.get_config_var("MULTIARCH")) / version / "pyconfig.h"
    if not mine.exists():
        return ["-I", include]
    target = scratch / f"{machine}-linux-gnu" / version
    target.mkdir(parents=True)
    shutil.copy(mine, target)
    return ["-I", include, "-I", str(scratch)]


def _compile(source: Path, architecture: str, kept: Path) -> None:
    target = TARGET.format(machine=MACHINES[architecture])
    with TemporaryDirectory(dir=kept.parent) as scratch:
        built = Path(scratch) / "_native.so"
        command = [sys.executable, "-m", "ziglang", "cc", "-target", target, *FLAGS]
        # the source by its bare name: no path of this machine gets into the file
        command += [*_headers(Path(scratch), MACHINES[architecture]), source.name, "-o", str(built)]
        run = subprocess.run(command, capture_output=True, text=True, cwd=source.parent, env=_zig_environment())
        if run.returncode:
            raise DeployError(f"{source}: zig cannot build it for {target}: {run.stderr.strip() or 'no reason given'}")
        built.replace(kept)


def _kernel_folder() -> Path:
    return cache_folder() / "kernels"


def _zig_environment() -> dict[str, str]:
    """Let zig keep what it makes of libc, which takes it longer than the kernel, with our own cache."""
    zig_cache = str(cache_folder() / "zig")
    return {**os.environ, "ZIG_GLOBAL_CACHE_DIR": zig_cache, "ZIG_LOCAL_CACHE_DIR": zig_cache}
