"""Learning: the only folder that pays for numpy, scipy and scikit-learn.

from despam.train import SpamClassifier
SpamClassifier().fit(texts, labels).save("my.safetensors")

The names are looked up when they are asked for: scikit-learn takes a second to load, and importing its pickles or
training the default recipe needs none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from despam.errors import MissingExtra

try:
    import numpy as _numpy  # noqa: F401
    import safetensors as _safetensors  # noqa: F401
except ImportError as error:
    raise MissingExtra("training", "train") from error

if TYPE_CHECKING:
    from despam.train.estimator import Features, SpamClassifier
    from despam.train.recipe import Settings
    from despam.train.training import TrainedModel, train

__all__ = ["Features", "Settings", "SpamClassifier", "TrainedModel", "train"]

_HOMES = {
    "Features": "estimator",
    "Settings": "recipe",
    "SpamClassifier": "estimator",
    "TrainedModel": "training",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    """Import a public name's module. Raises MissingExtra where the name is scikit-learn's door and it is missing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOMES[name] == "estimator":
        require_sklearn(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def require_sklearn(what: str) -> None:
    """Say how to get scikit-learn where `what` needs it. Raises MissingExtra."""
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingExtra(what, "train") from error
