"""Run a model over labelled rows: what went in, what came out.

Knows a model as `classify(text)`, a row as `text`, `label`, `source`, `line`, `fields`
and `mail`. Refuses to know what the numbers will be used for, and never touches the estimator a model came from: what
is measured is the exported file, as it will be served.

Invariant: one `Measured` a row, in the order of the rows, with finite numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from despam.corpus.row import Message
from despam.errors import EvaluationError
from despam.evaluate.repeats import normalised_hash

if TYPE_CHECKING:
    from despam.core.model import Model, Verdict


LOOKED_UP = 30  # of fewer messages looked up, none found still leaves one in ten possible


class RowLike(Message, Protocol):
    """A labelled message with its place, as `despam.corpus` reads it."""

    @property
    def line(self) -> int: ...
    @property
    def fields(self) -> dict[str, Any]: ...
    @property
    def mail(self) -> bool: ...


@dataclass(slots=True)
class Labelled:
    """A row made here rather than read: an altered message, a line of a list."""

    text: str
    label: str | None
    source: str = ""
    line: int = 0
    fields: dict[str, Any] = field(default_factory=dict)
    mail: bool = False


@dataclass(slots=True)
class Measured:
    """One message with its label and what the model said."""

    spam: bool
    score: float
    probability: float
    flagged: bool  # the verdict is SPAM
    unsure: bool
    repaired: tuple[str, ...]
    text: str  # as read: for a mail the subject and the body
    source: str
    line: int
    fields: dict[str, Any]
    mail: bool


def classify(model: Model, row: RowLike) -> Verdict:
    """Give the model's verdict on a row; the text of a mail row has been read from its source already."""
    return model.classify(row.text)


def measure(model: Model, rows: Iterable[RowLike], progress: Callable[[int], None] | None = None) -> list[Measured]:
    """Classify every labelled row."""
    out = []
    for count, row in enumerate(rows, 1):
        if row.label not in ("spam", "ham"):
            raise EvaluationError(f"{place(row)}: this message has no label; measuring needs spam or ham on every row")
        verdict = classify(model, row)
        if not (math.isfinite(verdict.score) and math.isfinite(verdict.spam_probability)):
            raise EvaluationError(
                f"{place(row)}: model {verdict.model} gives no number here ({verdict.score}); train it again"
            )
        out.append(
            Measured(
                spam=row.label == "spam",
                score=verdict.score,
                probability=verdict.spam_probability,
                flagged=verdict.classification == "SPAM",
                unsure=bool(verdict.unsure),
                repaired=tuple(verdict.repaired),
                text=row.text,
                source=row.source,
                line=row.line,
                fields=row.fields,
                mail=row.mail,
            )
        )
        if progress and count % 50 == 0:
            progress(count)
    return out


def place(row: RowLike | Measured) -> str:
    """Say where a row stands."""
    return f"{row.source}, line {row.line}" if row.line else row.source or "a message"


def require_both(rows: Sequence[Any], what: str = "the data", least: int = 1) -> None:
    """Refuse data that no figure can come from."""
    if not rows:
        raise EvaluationError(f"{what}: there is no message in it")
    spam = sum(1 for row in rows if getattr(row, "label", None) == "spam" or getattr(row, "spam", False) is True)
    ham = len(rows) - spam
    for name, count in (("spam", spam), ("ham", ham)):
        if count == 0:
            raise EvaluationError(f"{what}: all {len(rows):,} messages are of one class, there is no {name}; add some")
        if count < least:
            raise EvaluationError(f"{what}: only {count} {name}, this measurement needs {least}; add more")


CHANNELS = (
    ("SMS", ("sms", "smish", "mail_data")),
    ("Telegram", ("telegram", "tg_", "tg-")),
    ("comments", ("youtube", "facebook", "comment", "livechat")),
    ("e-mail", ("mail", "enron", "spamassassin", "ling_spam", "phish", "trec", "ceas", "mbox", "eml")),
)


def channel(row: Measured | RowLike) -> str:
    """Say how a message came: its field `channel`, else mail, else what the name of its source tells."""
    told = row.fields.get("channel")
    if told:
        return str(told)
    if row.mail:
        return "e-mail"
    name = row.source.lower()
    return next((label for label, marks in CHANNELS if any(mark in name for mark in marks)), "other")


def language(row: Measured | RowLike) -> str:
    """Say the language that the row tells, else what its source's name does."""
    told = row.fields.get("lang") or row.fields.get("language")
    if told:
        return str(told)
    name = row.source.lower()
    # most of a source is what counts: nine in ten messages of telegram_groups are Russian
    marks = {
        "turkish": "tr", "indonesian": "id", "chinese": "zh", "russian": "ru", "telegram_groups": "ru",
        "vietnamese": "vi", "india": "en-IN",
        "sms_spam": "en", "smishing": "en", "youtube_spam": "en", "spamassassin": "en", "enron": "en",
        "ling_spam": "en", "nazario": "en", "llm_phishing": "en", "mail_data": "en",
    }  # fmt: skip
    return next((code for mark, code in marks.items() if mark in name), "not told")


def length(row: Measured | RowLike) -> str:
    """Say how long a message is, in steps of characters."""
    size = len(row.text)
    for limit in (40, 100, 200, 1_000, 3_000):
        if size <= limit:
            return f"up to {limit:,}"
    return "over 3,000"


def grouping(by: str) -> Callable[[Measured], str]:
    """Give the function that names a message's group: source, language, channel, length or any field of the rows."""
    known: dict[str, Callable[[Measured], str]] = {
        "source": lambda row: row.source,
        "language": language,
        "channel": channel,
        "length": length,
    }
    return known.get(by) or (lambda row: str(row.fields.get(by, "not told")))


def check_field(rows: Sequence[RowLike] | Sequence[Measured], by: str) -> None:
    """Refuse a field that no row has; list those there are."""
    if by in ("source", "language", "channel", "length") or any(by in row.fields for row in rows):
        return
    names = sorted({name for row in rows for name in row.fields})
    there = ", ".join(["source", "language", "channel", "length", *names])
    raise EvaluationError(f"no message has a field {by!r} to group by: there are {there}")


def seen_hashes(model: Model) -> tuple[int, frozenset[int]] | None:
    """Give (every, hashes) of the messages that the model was trained on; None when its file does not carry them."""
    seen = getattr(model, "seen", None)
    every = model.settings.get("seen_every")
    if not seen or not isinstance(every, int) or every < 1:
        return None
    return every, frozenset(seen)


def overlap_sentence(shared: dict[str, Any]) -> str:
    """Say, before any figure, whether the model was trained on what it is measured on."""
    looked_up = shared["looked_up"]
    if shared.get("anew"):
        return "Each message is measured by a model trained anew without it and its near-copies."
    if not shared["known"] and shared.get("told"):
        return "Whether the model was trained on these messages cannot be told: none of them can be looked up."
    if not shared["known"]:
        return "Whether the model was trained on these messages cannot be known: its file does not tell."
    if not shared["share"]:
        few = ": too few to tell" if looked_up < LOOKED_UP else ""
        return f"None of the {looked_up:,} messages looked up was in the model's training data{few}."
    return (
        f"About {100 * shared['share']:.3g} % of these messages were in the model's training data (estimated from "
        f"{looked_up:,} looked up): the figures flatter it."
    )


def overlap(model: Model, rows: Sequence[Measured]) -> dict[str, Any]:
    """Say which share of the measured messages the model was trained on, by a sample of hashes.

    The model file carries the hashes divisible by `every`; messages whose hash is divisible are looked up. "ok" is
    everybody's and is not looked up. `told` says that the file carries hashes, `messages` is an estimate.
    """
    found = seen_hashes(model)
    nothing = {"known": False, "told": found is not None, "messages": None, "share": None, "found": 0, "looked_up": 0}
    if found is None:
        return nothing
    every, seen = found
    hashes = map(normalised_hash, (row.text for row in rows))
    asked = [value for value in hashes if value is not None and value % every == 0]
    count = sum(value in seen for value in asked)
    if not asked:
        return nothing
    share = count / len(asked)
    return {
        "known": True, "told": True, "messages": round(share * len(rows)), "share": share, "found": count,
        "looked_up": len(asked),
    }  # fmt: skip
