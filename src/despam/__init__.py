"""despam: a spam filter you own.

    import despam
    verdict = despam.load().classify("WIN a free iPhone now")
    verdict.classification, verdict.spam_probability, verdict.clues

These are the names of the core, which is the standard library alone. Training (`despam.train`), evaluation, registry,
service and AWS are imported by their own names and need their extras.
"""

from despam.core.model import Clue, Model, Verdict, load
from despam.errors import DespamError

__all__ = ["Clue", "DespamError", "Model", "Verdict", "load"]
