"""despam: a spam filter you own.

    import despam
    verdict = despam.load().classify("WIN a free iPhone now")
    verdict.classification, verdict.spam_probability, verdict.clues

These are the names of the core, which is the standard library alone. `despam.train` is loaded when it is first asked
for and needs its extra; evaluation, registry, service and AWS are imported by their own names.
"""

from despam.core.model import Clue, Model, Verdict, load
from despam.errors import DespamError

__all__ = ["Clue", "DespamError", "Model", "Verdict", "load"]
__version__: str


def __getattr__(name: str) -> object:
    """Load training, or look the version up, when first asked for."""
    import importlib.metadata

    if name == "train":
        return importlib.import_module("despam.train")
    if name == "__version__":
        return importlib.metadata.version("despam")
    raise AttributeError(f"module 'despam' has no attribute {name!r}")
