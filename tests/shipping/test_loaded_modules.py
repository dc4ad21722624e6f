"""A folder is a bill: what a fresh process loads, with every extra installed.

Not milliseconds but names: each scene runs in a fresh Python and prints the modules that it added to a bare one. The
sets are literal, so whoever adds an import to the serving path changes a line here and says why.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from despam.core import engine

from .conftest import run_python

# of the standard library: json and re, which the Lambda runtime has loaded before us, and small change that they bring
STANDARD = {
    "__future__", "_bisect", "_collections", "_functools", "_json", "_operator", "_sre", "bisect", "collections",
    "copyreg", "enum", "functools", "itertools", "json", "keyword", "math", "mmap", "operator", "re", "reprlib",
    "types", "zlib", "_sha256", "_sha2",
}  # fmt: skip
IMPORT = {
    "despam", "despam.errors", "despam.core", "despam.core.engine", "despam.core.metadata", "despam.core.model",
    "despam.core.strict_json",
    "despam.core.tensors",
}  # fmt: skip
# the definition in Python: a plain text needs it where there is no kernel, and clues always do
FEATURES = {"despam.core.features", "despam.core.repair", "despam.core.shapes"}
SCORING = {"despam.core.hashed"} | (set() if engine.native else FEATURES | {"despam.core.vocabulary"})
MAIL = {"despam.core.mail", "despam.core.charsets"}
SERVICE = {
    "despam.service", "despam.service.answer", "despam.service.api", "despam.service.aws_lambda", "despam.service.body",
    "despam.service.exchange", "despam.service.live", "despam.service.log", "despam.service.settings",
}  # fmt: skip
ENGINE = {"despam.core._native"}  # where a compiler was
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
# scene -> (what runs, exactly the modules of despam that it loads)
SCENES = {
    "import despam": ("import despam", IMPORT),
    "a classification": (
        "import despam; despam.load().classify('WIN a free iPhone now').classification",
        IMPORT | SCORING,
    ),
    "a verdict with clues": (
        "import despam; v = despam.load().classify('WIN a free iPhone now'); v.clues, v.model",
        IMPORT | SCORING | FEATURES | {"despam.core.clues", "despam.core.digest"},
    ),
    "the Lambda handler's first answer": (LAMBDA, IMPORT | SCORING | SERVICE | {"despam.core.digest"}),
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


@pytest.mark.parametrize("scene", list(SCENES))
def test_a_scene_loads_exactly_these_modules(scene: str, tmp_path: Path) -> None:
    """Of despam just the literal set, of everything else just the standard library's literal set."""
    program, expected = SCENES[scene]
    modules = loaded(program, tmp_path)
    assert {name for name in modules if name.startswith("despam")} - ENGINE == expected
    assert sorted(tops(modules) - {"despam"} - STANDARD) == []


def test_import_despam_reads_no_model(tmp_path: Path) -> None:
    """The bundled model is opened by load(), not by import."""
    done = run_python(
        "import despam, sys, gc; print(any(isinstance(o, despam.Model) for o in gc.get_objects()))", tmp_path
    )
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize("scene", list(SCENES))
def test_the_serving_path_loads_nothing_heavy(scene: str, tmp_path: Path) -> None:
    """No training library, no storage client, no command line: said by name, whoever adds to the sets."""
    modules = loaded(SCENES[scene][0], tmp_path)
    assert sorted(name for name in HEAVY if name in modules) == []


def test_a_mail_loads_its_reader_and_no_email_package(tmp_path: Path) -> None:
    """A mail's source costs two modules of ours more."""
    program = "import despam; despam.load().classify_mail(b'Subject: WIN\\r\\n\\r\\na prize')"
    modules = loaded(program, tmp_path)
    assert {name for name in modules if name.startswith("despam")} - ENGINE == IMPORT | SCORING | MAIL
    assert sorted(name for name in HEAVY if name in modules) == []


def test_help_loads_click_and_rich_at_most(tmp_path: Path) -> None:
    """`despam --help` imports no command, and of third parties only what the base install has."""
    scene = "import despam.cli.main as m\ntry:\n    m.run(['--help'])\nexcept SystemExit as e:\n    assert not e.code"
    modules = loaded(scene, tmp_path)
    base = {"click", "rich", "colorama", "markdown_it", "mdurl", "pygments", "typing_extensions"}
    third_party = {name for name in tops(modules) if spec_is_third_party(name)}
    assert third_party <= base
    ours = {name for name in modules if name.startswith("despam.cli")}
    assert ours == {"despam.cli", "despam.cli.main", "despam.cli.streams"}


def spec_is_third_party(name: str) -> bool:
    """Say whether a top-level name comes from site-packages."""
    spec = importlib.util.find_spec(name)
    return bool(spec and spec.origin and "site-packages" in spec.origin)
