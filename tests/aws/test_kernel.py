"""The C kernel, cross-built."""

from __future__ import annotations

import importlib.util
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from despam.aws import kernel
from despam.errors import DeployError

from .conftest import MACHINE

SOURCE = """
#include <Python.h>
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", "", -1, methods};
PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&definition); }
"""

needs_zig = pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="ziglang is not installed")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small kernel, and a cache of its own for what is built; zig's own cache is shared, it holds only libc."""
    monkeypatch.setattr(kernel, "_kernel_folder", lambda: tmp_path / "kernels")
    path = tmp_path / "source" / "_native.c"
    path.parent.mkdir()
    path.write_text(SOURCE)
    return path


@needs_zig
def test_it_builds_for_both_architectures_and_loads_on_this_one(source: Path, tmp_path: Path) -> None:
    """Headers of this machine's Python serve both; the Limited API loads on every Python from 3.11 on."""
    for architecture, machine in (("x86_64", 62), ("arm64", 183)):
        built, note = kernel.build(source, architecture)
        assert built is not None and note == ""
        assert struct.unpack_from("<H", built, 18)[0] == machine
        assert str(tmp_path).encode() not in built
        if architecture == MACHINE:
            (tmp_path / "_native.abi3.so").write_bytes(built)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import _native; print(_native.answer())"
    run = subprocess.run([sys.executable, "-I", "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert run.stdout.strip() == "42", run.stderr


@needs_zig
def test_what_was_built_is_kept_until_the_source_changes(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second bundle needs no compiler."""
    first, _ = kernel.build(source, MACHINE)
    with monkeypatch.context() as patch:
        patch.setattr(kernel.subprocess, "run", lambda *a, **k: pytest.fail("zig was called"))
        assert kernel.build(source, MACHINE)[0] == first
    source.write_text(SOURCE.replace("42", "43"))
    assert kernel.build(source, MACHINE)[0] != first


@needs_zig
def test_a_source_that_does_not_compile_is_said_with_the_compilers_words(source: Path, tmp_path: Path) -> None:
    """And nothing is kept."""
    source.write_text("int broken(")
    with pytest.raises(DeployError, match=r"zig cannot build it for .*error: expected"):
        kernel.build(source, MACHINE)
    assert not list((tmp_path / "kernels").iterdir())


def test_without_zig_the_bundle_goes_without_and_says_so(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python gives the same answers."""
    monkeypatch.setattr(kernel.importlib.util, "find_spec", lambda name: None)
    assert kernel.build(source, MACHINE) == (
        None,
        "C kernel left out, Python answers the same but slower (to build it: pip install ziglang)",
    )
    assert kernel.build(source.with_name("missing.c"), MACHINE)[0] is None
