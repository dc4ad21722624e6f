"""Train anew as a model was trained: its recipe, its settings and the rates asked of it, from its card.

Knows what the cards of both recipes say, and of each setting its type and bounds: a card is a stranger's, and must ask
for no training that never ends. Refuses to guess: a model whose card does not say how it was trained, one imported from
scikit-learn above all, is an error. A card of before the rates were noted means the defaults, as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from despam.errors import EvaluationError, SettingError
from despam.train.hold_out import WAYS
from despam.train.recipe import BITS, SCALES, Settings
from despam.train.tfidf import SOLVERS, TfidfSettings, TrainedTfidf, train_tfidf
from despam.train.training import TrainedModel, train

if TYPE_CHECKING:
    from despam.core.model import Model
    from despam.corpus import Message

Train = Callable[["Iterable[Message]"], TrainedModel | TrainedTfidf]
Check = Callable[[Any], bool]


def whole(low: int, high: int) -> Check:
    """Give a check for an integer."""
    return lambda value: type(value) is int and low <= value <= high


def number(low: float, high: float) -> Check:
    """Give a check for a number; NaN is in no bounds."""
    return lambda value: type(value) in (int, float) and low <= value <= high


def several(count: int, check: Check) -> Check:
    """Give a check for so many of one kind."""
    return lambda value: isinstance(value, list | tuple) and len(value) == count and all(map(check, value))


def one_of(*words: str) -> Check:
    """Give a check for a word."""
    return lambda value: isinstance(value, str) and value in words


POSITIVE, SHARE = number(1e-9, 1e9), number(0, 1)
SEED = whole(0, (1 << 63) - 1)
# the settings that card.make_card writes; no others may steer a training, however long it would take
CARD: dict[str, Check] = {
    "bits": whole(BITS[0], 24),  # no table of any size
    "ham_cost": POSITIVE,
    "prior_power": number(0, 100),
    "source_power": number(-10, 10),
    "group_limit": POSITIVE,
    "strength": POSITIVE,
    "many": whole(1, 10**9),
    "least_messages": whole(0, 10**9),
    "leet_copies": several(2, SHARE),
    "marked_copies": several(2, SHARE),
    "word_copies": several(2, SHARE),
    "copy_cost": number(0, 1e9),
}
ASKED: dict[str, Check] = {
    "max_false_positives": SHARE,
    "unsure": several(2, SHARE),
    "unsure_rates": several(2, SHARE),
    "unsure_costs": several(3, POSITIVE),
    "hold_out": one_of(*WAYS),
}
TFIDF: dict[str, Check] = {
    "ngrams": several(2, whole(1, 8)),
    "sublinear": lambda value: isinstance(value, bool),
    "min_df": whole(1, 10**9),
    "C": POSITIVE,
    "class_weight": one_of("balanced"),
    "solver": one_of(*SOLVERS),
    "test_share": SHARE,
    "seed": SEED,
}


def trainer_like(model: Model) -> Train:
    """Give a function that trains as `model` was trained. Raises EvaluationError where its card does not say how."""
    try:
        options = tfidf_options(model) if model.recipe == "tfidf" else default_options(model)
    except (AttributeError, KeyError, TypeError, ValueError, SettingError):
        raise EvaluationError(
            f"model {model.version} cannot be trained again, as its card does not say how it was trained (an imported "
            "one's never does): measure it as it is, or train one here"
        ) from None
    if model.recipe == "tfidf":
        return lambda rows: train_tfidf(rows, **options)
    return lambda rows: train(rows, **options)


def tfidf_options(model: Model) -> dict[str, Any]:
    """Read the settings of the tutorial's recipe; nothing is held out, as what is measured is held out already."""
    found = checked(model.card["settings"], TFIDF, TfidfSettings)
    if "ngrams" not in found:  # an imported one's card tells what was imported
        raise ValueError
    found["test_share"] = 0.0
    TfidfSettings(**found).check()
    return found


def default_options(model: Model) -> dict[str, Any]:
    """Read settings and rates of the default recipe."""
    card = model.card
    found = checked(card.get("settings") or {}, CARD, Settings)
    found |= checked({"scales": model.settings.get("scales")}, {"scales": are_scales}, Settings)
    found |= checked({"seed": card.get("seed", 0)}, {"seed": SEED}, Settings)
    options = checked(card.get("asked") or {}, ASKED)
    # where a rate is promised `auto` takes sources too, and folds where leaving one out leaves too few of them
    if options.get("hold_out") == "sources" and ("max_false_positives" in options or "unsure_rates" in options):
        del options["hold_out"]
    return {**options, "settings": Settings(**found)}


def are_scales(value: Any) -> bool:
    """Say whether these are the scales of the groups."""
    return isinstance(value, dict) and set(value) == set(SCALES) and all(map(number(0, 100), value.values()))


def checked(told: dict[str, Any], checks: dict[str, Check], kind: type | None = None) -> dict[str, Any]:
    """Give what is told, if it is in its bounds; a list was a tuple. Raises ValueError.

    None means the default. What no card of this version tells and this version has no setting for was an older one's.
    """
    names = {one.name for one in fields(kind)} if kind else set(checks)
    found = {name: value for name, value in told.items() if name in names and value is not None}
    if not all(name in checks and checks[name](value) for name, value in found.items()):
        raise ValueError
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
