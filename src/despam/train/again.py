"""Train anew as a model was trained: its recipe, its settings and the rates asked of it, from its card.

Knows what the cards of both recipes say. Refuses to guess: a model whose card does not say how it was trained, one
imported from scikit-learn above all, is an error. A card of before the rates were noted means the defaults, as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from despam.errors import EvaluationError
from despam.train.recipe import Settings
from despam.train.tfidf import TfidfSettings, TrainedTfidf, train_tfidf
from despam.train.training import TrainedModel, train

if TYPE_CHECKING:
    from despam.core.model import Model
    from despam.corpus import Message

Train = Callable[["Iterable[Message]"], TrainedModel | TrainedTfidf]
BITS = range(4, 25)  # a card is a stranger's: no table of any size


def trainer_like(model: Model) -> Train:
    """Give a function that trains as `model` was trained. Raises EvaluationError where its card does not say how."""
    try:
        options = tfidf_options(model) if model.recipe == "tfidf" else default_options(model)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise EvaluationError(
            f"model {model.version} cannot be trained again, as its card does not say how it was trained (an imported "
            "one's never does): measure it as it is, or train one here"
        ) from None
    if model.recipe == "tfidf":
        return lambda rows: train_tfidf(rows, **options)
    return lambda rows: train(rows, **options)


def tfidf_options(model: Model) -> dict[str, Any]:
    """Read the settings of the tutorial's recipe; nothing is held out, as what is measured is held out already."""
    found = known(TfidfSettings, model.card["settings"])
    low, high = found["ngrams"]
    return found | {"ngrams": (int(low), int(high)), "test_share": 0.0}


def default_options(model: Model) -> dict[str, Any]:
    """Read settings and rates of the default recipe."""
    card = model.card
    found = known(Settings, card.get("settings") or {}) | known(Settings, {"scales": model.settings.get("scales")})
    settings = Settings(**found, seed=int(card.get("seed", 0)))
    if settings.bits not in BITS:
        raise ValueError
    asked = dict(card.get("asked") or {})
    options = {name: _tuple(value) for name, value in asked.items() if name in ASKED}
    # where a rate is promised `auto` takes sources too, and folds where leaving one out leaves too few of them
    if options.get("hold_out") == "sources" and ("max_false_positives" in options or "unsure_rates" in options):
        del options["hold_out"]
    return {**options, "settings": settings}


ASKED = ("max_false_positives", "unsure", "unsure_rates", "unsure_costs", "hold_out")


def known(kind: type, settings: dict[str, Any]) -> dict[str, Any]:
    """Keep the settings that this version has, and drop those that are not told; a list was a tuple."""
    names = {one.name for one in fields(kind)}
    return {name: _tuple(value) for name, value in settings.items() if name in names and value is not None}


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
