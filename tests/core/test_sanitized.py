"""The kernel under AddressSanitizer and UndefinedBehaviorSanitizer: the engines are compared again, instrumented."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# gcc's driver finds its own runtime; -Werror: a warning in the kernel fails here too
FLAGS = "-g -O1 -std=c11 -ffp-contract=off -Wall -Wextra -Werror -shared -fPIC -fno-omit-frame-pointer".split()  # noqa: SIM905
CHECKS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]

RUN = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("despam.core._native", sys.argv[1])
kernel = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kernel)
import despam.core
sys.modules["despam.core._native"] = despam.core._native = kernel
import pytest
sys.exit(pytest.main(["-q", "-n0", "-p", "no:cacheprovider", "tests/core/test_engines.py"]))
"""


@pytest.mark.slow
def test_the_kernel_is_clean_under_the_sanitizers(tmp_path: Path) -> None:
    """No read or write out of bounds and no undefined behaviour in the whole comparison of the engines."""
    compiler = shutil.which("gcc")
    if not compiler:
        pytest.skip("no gcc on this machine")
    runtime = subprocess.run(
        [compiler, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(runtime).is_absolute():
        pytest.skip("gcc has no libasan on this machine: apt install libasan8")
    built = tmp_path / "_native.abi3.so"
    include = f"-I{sysconfig.get_path('include')}"
    source = str(ROOT / "src/despam/core/_native.c")
    subprocess.run(
        [compiler, *FLAGS, *CHECKS, "-DPy_LIMITED_API=0x030B0000", include, source, "-o", str(built), "-lm"], check=True
    )
    preload = {"LD_PRELOAD": os.path.realpath(runtime), "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
    environment = {key: value for key, value in os.environ.items() if key != "DESPAM_PURE"} | preload
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(built)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert " passed" in done.stdout
