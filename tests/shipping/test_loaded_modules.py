"""A folder is a bill: what a fresh process loads, with every extra installed.

Not milliseconds but names: each scene runs in a fresh Python and prints the modules that it added to a bare one. The
sets are literal, so whoever adds an import to the serving path changes a line here and says why.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from .conftest import run_python

# what the core may load: json and re, which the Lambda runtime has loaded before us, and small change
CORE = {
    "__future__", "_bisect", "_json", "_struct", "array", "binascii", "bisect", "collections", "copyreg", "enum",
    "functools", "_functools", "_collections", "hashlib", "_hashlib", "_blake2", "_sha256", "_sha2", "_sha512", "html",
    "itertools", "json", "keyword", "math", "mmap", "operator", "_operator", "re", "_sre", "reprlib", "struct", "types",
    "unicodedata", "zlib", "heapq", "_heapq", "_array", "_random",
}  # fmt: skip
HEAVY = [
    "numpy", "scipy", "sklearn", "joblib", "pandas", "pyarrow", "matplotlib", "safetensors", "obstore", "boto3",
    "botocore", "uvicorn", "httptools", "uvloop", "click", "rich", "email", "dataclasses", "inspect", "typing",
    "asyncio", "logging", "http", "urllib", "ssl", "socket", "subprocess", "pathlib", "importlib.metadata",
]  # fmt: skip

SCENE = """
import sys
before = set(sys.modules)
{scene}
import json
print(json.dumps(sorted(set(sys.modules) - before)))
"""
LAMBDA = """
from despam.service import aws_lambda
event = {"httpMethod": "POST", "path": "/prod/classify", "headers": {"content-type": "application/json"},
         "requestContext": {"stage": "prod"}, "body": '{"text": "WIN a free iPhone now"}', "isBase64Encoded": False}
answer = aws_lambda.handler(event, None)
assert answer["statusCode"] == 200, answer
"""
SCENES = {
    "import despam": "import despam",
    "a classification": "import despam; despam.load().classify('WIN a free iPhone now').classification",
    "a classification with its clues": "import despam; despam.load().classify('WIN a free iPhone now').clues",
    "the Lambda handler's first answer": LAMBDA,
}


def loaded(scene: str, folder: Path) -> set[str]:
    """Return the modules that a scene adds to a fresh interpreter."""
    done = run_python(SCENE.format(scene=scene), folder)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def tops(modules: set[str]) -> set[str]:
    """Return the top-level names."""
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("heavy", ["numpy", "scipy", "sklearn", "obstore", "boto3", "uvicorn", "click", "rich"])
def test_the_scenes_run_with_every_extra_installed(heavy: str) -> None:
    """An extra that is absent cannot be loaded by mistake, so the tests below would prove nothing."""
    assert importlib.util.find_spec(heavy) is not None


@pytest.mark.parametrize("scene", ["import despam", "a classification", "a classification with its clues"])
def test_the_core_loads_the_standard_library_alone(scene: str, tmp_path: Path) -> None:
    """Import, verdict and clues add despam's core and a literal set of the standard library."""
    modules = loaded(SCENES[scene], tmp_path)
    assert tops(modules) - {"despam"} <= CORE
    assert {name for name in modules if name.startswith("despam")} <= {
        "despam", "despam.errors", "despam.core", "despam.core.model", "despam.core.features", "despam.core.repair",
        "despam.core._native", "despam.core.shapes",
    }  # fmt: skip


def test_import_despam_reads_no_model(tmp_path: Path) -> None:
    """The bundled model is opened by load(), not by import."""
    done = run_python(
        "import despam, sys, gc; print(any(isinstance(o, despam.Model) for o in gc.get_objects()))", tmp_path
    )
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize("scene", list(SCENES))
def test_the_serving_path_loads_nothing_heavy(scene: str, tmp_path: Path) -> None:
    """No training library, no storage client, no command line, no mail reader on the way to a verdict."""
    modules = loaded(SCENES[scene], tmp_path)
    assert sorted(name for name in HEAVY if name in modules) == []


def test_the_lambda_handler_loads_core_and_service_alone(tmp_path: Path) -> None:
    """Of despam itself, the first answer touches core, service and errors."""
    modules = loaded(LAMBDA, tmp_path)
    folders = {name.split(".")[1] for name in modules if name.startswith("despam.")}
    assert folders == {"core", "errors", "service"}


def test_help_loads_click_and_rich_at_most(tmp_path: Path) -> None:
    """`despam --help` imports no command, and of third parties only what the base install has."""
    scene = "import despam.cli.main as m\ntry:\n    m.run(['--help'])\nexcept SystemExit as e:\n    assert not e.code"
    modules = loaded(scene, tmp_path)
    base = {"click", "rich", "colorama", "markdown_it", "mdurl", "pygments", "typing_extensions"}
    third_party = {name for name in tops(modules) if spec_is_third_party(name)}
    assert third_party <= base
    assert {name for name in modules if name.startswith("despam.cli")} == {"despam.cli", "despam.cli.main"}


def spec_is_third_party(name: str) -> bool:
    """Say whether a top-level name comes from site-packages."""
    spec = importlib.util.find_spec(name)
    return bool(spec and spec.origin and "site-packages" in spec.origin)
