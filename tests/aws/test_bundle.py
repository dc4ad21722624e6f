"""The zip that Lambda runs: contents, sizes, bytes, and that it answers."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from despam.aws import bundle, wheels
from despam.errors import DeployError, ModelError

from .conftest import MACHINE

FORBIDDEN = (
    "boto3",
    "botocore",
    "numpy",
    "scipy",
    "sklearn",
    "click",
    "rich",
    "uvicorn",
    "despam/cli",
    "despam/train",
    "despam/aws",
)
ZIPPED_LIMIT_BYTES = 9_000_000  # what we promise of a bundle with the models that come with us
UNZIPPED_LIMIT_BYTES = 30_000_000
ELF_MACHINES = {"x86_64": 62, "arm64": 183}


@pytest.fixture(scope="module")
def model(make_model: Callable[[], Path]) -> Path:
    return make_model()


@pytest.fixture(scope="module", params=bundle.ARCHITECTURES)
def made(request: pytest.FixtureRequest, model: Path) -> bundle.Bundle:
    """The bundle for each architecture; skipped where obstore's wheel for it cannot be had."""
    architecture: str = request.param
    try:
        return bundle.make(architecture, model)
    except DeployError as error:
        if architecture != MACHINE and "could not be fetched" in str(error):
            pytest.skip(f"no obstore for {architecture} on this machine: {error}")
        raise


@pytest.fixture(scope="module")
def unzipped(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This machine's bundle, as Lambda unpacks it."""
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(io.BytesIO(bundle.make(MACHINE, model).data)) as archive:
        archive.extractall(folder)
    return folder


def run_bare(folder: Path, code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run code on the standard library and the bundle alone."""
    env = {"PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_NAME": "bundled", **environ}
    prelude = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    return subprocess.run([sys.executable, "-I", "-S", "-c", prelude + code], capture_output=True, text=True, env=env)


def test_it_holds_service_page_reader_and_model(made: bundle.Bundle) -> None:
    """Everything that an answer needs, and a licence-bearing METADATA of obstore."""
    needed = {
        "despam/__init__.py",
        "despam/errors.py",
        "despam/core/model.py",
        "despam/core/mail.py",
        "despam/service/aws_lambda.py",
        "despam/service/live.py",
        "despam/registry/reader.py",
        "obstore/store.py",
        "obstore/_obstore.abi3.so",
        bundle.MODEL_NAME,
    }
    assert needed <= set(made.names)
    assert any(name.startswith("despam/service/page/") and name.endswith(".html") for name in made.names)
    assert any(name.startswith("obstore-") and name.endswith("METADATA") for name in made.names)


def test_it_holds_nothing_that_lambda_does_not_need(made: bundle.Bundle) -> None:
    """No training, no command line, no AWS client, no type stubs."""
    assert not [name for name in made.names if name.startswith(FORBIDDEN)]
    assert not [name for name in made.names if name.endswith(".pyi")]


def test_it_is_small(made: bundle.Bundle) -> None:
    """The tutorial's layer has 270 MB."""
    assert made.zipped_bytes <= ZIPPED_LIMIT_BYTES
    assert made.unzipped_bytes <= UNZIPPED_LIMIT_BYTES


def test_compiled_code_is_for_its_architecture(made: bundle.Bundle) -> None:
    """Each shared object says in its header which machine it is for."""
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        objects = [name for name in made.names if name.endswith(".so")]
        assert objects
        for name in objects:
            header = archive.read(name)[:20]
            assert header[:4] == b"\x7fELF"
            assert struct.unpack_from("<H", header, 18)[0] == ELF_MACHINES[made.architecture]


def test_compiled_code_asks_for_no_newer_glibc_than_lambdas(made: bundle.Bundle) -> None:
    """The symbol versions that each shared object names; Amazon Linux 2 has glibc 2.26."""
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        for name in (name for name in made.names if name.endswith(".so")):
            minors = [int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", archive.read(name))]
            assert all((2, minor) <= wheels.GLIBC for minor in minors), name


def test_the_kernel_is_in_where_there_is_a_compiler(made: bundle.Bundle) -> None:
    """Or the bundle says why it is not."""
    carried = "despam/core/_native.abi3.so" in made.names
    if importlib.util.find_spec("ziglang") is not None:
        assert carried
    else:
        assert not carried and any(note.startswith("C kernel left out") for note in made.notes)


def test_a_compiler_that_dies_without_a_word_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed for want of memory, for example."""
    dead = subprocess.CompletedProcess([], -9, "", "")
    monkeypatch.setattr(bundle.subprocess, "run", lambda *_, **__: dead)
    monkeypatch.setattr(bundle.shutil, "which", lambda _: "python3.11")
    with pytest.raises(DeployError, match=r"cannot compile the bundle: no reason given$"):
        bundle._compile({"despam/one.py": b""})


def test_each_source_has_its_bytecode_and_lambda_never_checks_it(made: bundle.Bundle) -> None:
    """Hash-based .pyc files, unchecked: Lambda's file dates cannot make them stale."""
    if sys.version_info[:2] != bundle.RUNTIME:
        pytest.skip(f"Lambda's Python is 3.11, this is {sys.version_info.major}.{sys.version_info.minor}")
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        sources = [name for name in made.names if name.endswith(".py")]
        assert sources
        for name in sources:
            flags = struct.unpack_from("<I", archive.read(bundle._pyc_name(name)), 4)[0]
            assert flags == 0b01, name


def test_lambda_may_read_every_file(made: bundle.Bundle) -> None:
    """Permissions and dates are fixed, whatever the umask here."""
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        for entry in archive.infolist():
            assert entry.external_attr >> 16 == (0o100755 if entry.filename.endswith(".so") else 0o100644)
            assert entry.date_time == bundle.DATE
        assert archive.namelist() == sorted(archive.namelist())


def test_the_same_input_gives_the_same_bytes(model: Path, tmp_path: Path) -> None:
    """In other processes, with other hash seeds, folders and umasks."""
    here = bundle.make(MACHINE, model).sha256
    for seed in ("1", "2"):
        code = (
            "import os, sys; os.umask(0o077); from despam.aws import bundle; "
            f"print(bundle.make({MACHINE!r}, {str(model)!r}).sha256)"
        )
        env = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=tmp_path, check=True
        )
        assert run.stdout.strip() == here


def test_another_model_gives_another_bundle(model: Path, bundled: object) -> None:
    """The bundle's name follows its contents."""
    assert bundle.make(MACHINE, model).sha256 != bundle.make(MACHINE).sha256


def test_it_answers_on_the_standard_library_alone(unzipped: Path) -> None:
    """A fresh interpreter without site-packages classifies a direct invocation."""
    code = (
        "from despam.service.aws_lambda import handler; import json, contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()): answer = handler({'text': 'WIN a free iPhone now'}, None)\n"
        "print(json.dumps(answer))"
    )
    run = run_bare(unzipped, code)
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["classification"] in ("SPAM", "HAM")


def test_it_answers_from_its_bytecode(unzipped: Path) -> None:
    """The interpreter uses the compiled files, and writes none of its own into a folder that is read-only on Lambda."""
    if sys.version_info[:2] != bundle.RUNTIME:
        pytest.skip("compiled for Python 3.11 only")
    code = "import despam.core.model as m; print(m.__cached__)"
    before = {path: path.stat().st_mtime_ns for path in unzipped.rglob("*.pyc")}
    cached = Path(run_bare(unzipped, code).stdout.split()[0])
    assert cached in before
    # a source that would fail shows that only the bytecode is read
    source = unzipped / "despam" / "core" / "model.py"
    text = source.read_bytes()
    try:
        source.write_text("raise SystemExit('the source was read')")
        run = run_bare(unzipped, code)
    finally:
        source.write_bytes(text)
    assert run.returncode == 0, run.stderr
    assert {path: path.stat().st_mtime_ns for path in unzipped.rglob("*.pyc")} == before


def test_the_first_answer_loads_no_storage_and_no_mail(unzipped: Path) -> None:
    """What is not needed for a verdict is not paid for, though it is in the bundle."""
    code = (
        "from despam.service.aws_lambda import handler; import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()): handler({'text': 'hello'}, None)\n"
        "print(sorted(set(sys.modules) & {'obstore', 'email', 'dataclasses', 'inspect', 'typing', 'asyncio', 'ssl'}))"
    )
    assert run_bare(unzipped, code).stdout.strip() == "[]"


def test_the_closure_follows_lazy_imports_and_not_those_for_type_checkers(tmp_path: Path) -> None:
    """Found in the sources: in functions, relative, of packages; not under TYPE_CHECKING."""
    files = {
        "despam/__init__.py": "",
        "despam/door.py": "def f():\n    from despam.inner import late\n    from . import near\n",
        "despam/near.py": "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    import numpy\n    from despam import unused\n",
        "despam/unused.py": "",
        "despam/inner/__init__.py": "import json",
        "despam/inner/late.py": "from .deep import name",
        "despam/inner/deep.py": "import obstore\nname = 1",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = set(bundle.closure(tmp_path, "despam.door"))
    assert found == {"despam", "despam.door", "despam.near", "despam.inner", "despam.inner.late", "despam.inner.deep"}
    (tmp_path / "despam/inner/deep.py").write_text("import numpy")
    with pytest.raises(DeployError, match="would import numpy"):
        bundle.closure(tmp_path, "despam.door")


def test_an_unknown_architecture_is_refused() -> None:
    """Before anything is read."""
    with pytest.raises(DeployError, match="no architecture 'mips'; Lambda has arm64 and x86_64"):
        bundle.make("mips")


def test_a_broken_model_makes_no_bundle(tmp_path: Path) -> None:
    """The function would refuse it, and would fall back to nothing."""
    (tmp_path / "broken.safetensors").write_bytes(b"no model")
    with pytest.raises(ModelError):
        bundle.make(MACHINE, tmp_path / "broken.safetensors")


def test_a_place_that_cannot_be_written_keeps_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the zip of before, and no half of a new one."""
    target = tmp_path / "lambda.zip"
    target.write_bytes(b"older")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    made = bundle.Bundle(b"newer", MACHINE, "0" * 12, 5, (), ())
    with pytest.raises(DeployError, match="No space left on device"):
        bundle.write(made, target)
    assert target.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_under_the_cache_is_said(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the place, and another one to choose."""

    def full(architecture: str) -> dict[str, bytes]:
        raise OSError(28, "No space left on device", "cache/wheels")

    monkeypatch.setattr(wheels, "obstore_files", full)
    with pytest.raises(DeployError, match="cache/wheels: No space left on device; make room there"):
        bundle.make(MACHINE, model)


def test_a_bundle_that_lambda_would_not_take_is_not_made(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is uploaded."""
    monkeypatch.setattr(bundle, "LAMBDA_LIMIT_BYTES", 1_000_000)
    with pytest.raises(DeployError, match="MB unzipped, Lambda takes 1; use a smaller model"):
        bundle.make(MACHINE, model)


def test_without_a_wheel_for_the_architecture_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline, nothing cached: one sentence with three ways out."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    other = next(each for each in bundle.ARCHITECTURES if each != MACHINE)
    with pytest.raises(DeployError, match="could not be fetched by pip") as caught:
        wheels.obstore_files(other)
    assert f"--arch {MACHINE}" in str(caught.value)
    assert not [path for path in wheels.cache_folder().rglob("*") if path.is_file()]


def test_a_cached_wheel_is_used_without_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second bundle needs no network; stubs and type hints stay out."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(wheels.subprocess, "run", lambda *a, **k: pytest.fail("pip was called"))
    folder = tmp_path / "despam" / "wheels"
    folder.mkdir(parents=True)
    version = wheels._installed_version()
    machine = wheels.MACHINES["arm64"]
    with zipfile.ZipFile(folder / f"obstore-{version}-cp311-abi3-manylinux_2_24_{machine}.whl", "w") as archive:
        for name in ("obstore/__init__.py", "obstore/_obstore.abi3.so", "obstore/_get.pyi", "obstore/fsspec.py"):
            archive.writestr(name, name)
    assert wheels.obstore_files("arm64") == {
        "obstore/__init__.py": b"obstore/__init__.py",
        "obstore/_obstore.abi3.so": b"obstore/_obstore.abi3.so",
    }


def test_a_broken_cached_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which file to delete."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "despam" / "wheels"
    folder.mkdir(parents=True)
    wheel = folder / f"obstore-{wheels._installed_version()}-cp311-abi3-manylinux_2_24_aarch64.whl"
    wheel.write_bytes(b"cut short")
    with pytest.raises(DeployError, match="delete it and run this again") as caught:
        wheels.obstore_files("arm64")
    assert str(wheel) in str(caught.value)
