"""Builds the optional C kernel; everything else stands in pyproject.toml.

`optional=True`: where there is no compiler the build warns and goes on, and despam runs on its Python reference.
The kernel keeps to the Limited API (abi3), so one build serves every Python from 3.11 on. It is one unit: `_native.c`
includes the parts in native/.
"""

import os
from pathlib import Path

from setuptools import Extension, setup

SOURCE = "src/despam/core/_native.c"
kernel = Extension(
    "despam.core._native",
    [SOURCE],
    depends=sorted(map(str, Path("src/despam/core/native").glob("*.h"))),
    define_macros=[("Py_LIMITED_API", "0x030B0000")],
    py_limited_api=True,
    optional=True,
    extra_compile_args=["-O3", "-std=c11", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
    if os.name == "posix"
    else [],
)
setup(
    ext_modules=[kernel] if Path(SOURCE).exists() and not os.environ.get("DESPAM_PURE") else [],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
