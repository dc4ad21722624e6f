"""What `__all__` promises can be imported, and what a user sees is promised."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import version
from pathlib import Path

import pytest

import despam

from .conftest import run_python

PACKAGES = ["despam", *sorted(f"despam.{found.name}" for found in pkgutil.iter_modules(despam.__path__) if found.ispkg)]


@pytest.mark.parametrize("name", PACKAGES)
def test_every_promised_name_can_be_imported(name: str) -> None:
    """Each name of `__all__` is there, once, in order."""
    module = importlib.import_module(name)
    promised = getattr(module, "__all__", [])
    assert len(set(promised)) == len(promised)
    missing = [entry for entry in promised if not hasattr(module, entry)]
    assert missing == []


def test_the_top_level_promises_the_core_and_nothing_else() -> None:
    """`despam` itself names the core's contract; its other attributes are modules."""
    public = {name for name in vars(despam) if not name.startswith("_")}
    modules = {name for name in public if type(getattr(despam, name)).__name__ == "module"}
    assert public - modules == set(despam.__all__) == {"Clue", "DespamError", "Model", "Verdict", "load"}


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ("print(despam.train.SpamClassifier().source)", "fit"),
        ("print(despam.__version__)", version("despam")),
        ("print(getattr(despam, 'trian', 'none'))", "none"),
    ],
)
def test_training_and_the_version_are_there_when_asked_for(program: str, printed: str, tmp_path: Path) -> None:
    """`import despam` alone is enough to name them, and a wrong name is one as ever."""
    done = run_python(f"import despam; {program}", tmp_path)
    assert done.stdout.strip() == printed, done.stderr


def test_training_without_its_extra_says_how_to_get_it(tmp_path: Path) -> None:
    """No AttributeError: the sentence with the pip line."""
    program = "import sys; sys.modules['sklearn'] = None; import despam; despam.train.SpamClassifier"
    done = run_python(program, tmp_path)
    assert "needs the extra 'train': pip install 'despam[train]'" in done.stderr


def test_every_module_opens_with_what_it_knows() -> None:
    """Each file of the package has a docstring."""
    silent = []
    for found in pkgutil.walk_packages(despam.__path__, "despam."):
        if found.name.endswith(("_native", "__main__")):
            continue
        if not (importlib.import_module(found.name).__doc__ or "").strip():
            silent.append(found.name)
    assert silent == []
