"""A model file, opened: score, classify, explain.

Knows the meaning of the tensors and metadata of a despam file (docs/model-file.md). Does not know where the file
came from, who asks, or HTTP. Text in, verdict out; no I/O after opening.

    probability  = 1 / (1 + exp(-(a * score + b)))          SPAM where probability >= cutoff

The score is the recipe's (hashed.py, tfidf.py), each of which is loaded only for a model of its kind. Invariant: the
contributions of the clues plus the bias are the score, to 1e-9, on every text.
"""

from __future__ import annotations

from math import exp

from despam.core import engine, strict_json
from despam.core.metadata import check_format, json_value, read_number, read_object
from despam.core.tensors import read_tensors
from despam.errors import MetadataError, ModelError, NotAModel, VersionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from typing import Any, Protocol

    class Scorer(Protocol):
        """What a recipe offers: the numbers of a text and the clues behind them."""

        bias: float

        def measure(self, text: str) -> tuple[float, tuple[str, ...], str]:
            """Give (score, kinds of repair, why there is too little evidence or the empty string)."""

        def explain(self, text: str) -> list[Clue]:
            """Give the clues, whose contributions and the bias sum to the score."""

        def find_unread(self, text: str) -> list[tuple[int, int]]:
            """Give the spans of a long text that are not scored."""


STEADY_BYTES = 4 << 20  # a file so large is read in 0.3 ms


class Clue:
    """A span of the text with its contribution to the score; start and end are None for one about the whole message."""

    __slots__ = ("contribution", "end", "start", "text")

    def __init__(self, text: str, start: int | None, end: int | None, contribution: float) -> None:
        self.text = text
        self.start = start
        self.end = end
        self.contribution = contribution

    def __repr__(self) -> str:
        return f"Clue({self.text!r}, {self.start}, {self.end}, {self.contribution:+.4f})"

    def __iter__(self) -> Iterator[Any]:
        """Unpack as (text, start, end, contribution)."""
        return iter((self.text, self.start, self.end, self.contribution))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Clue) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


class Verdict:
    """What a model says of one text."""

    __slots__ = ("_clues", "_model", "repaired", "score", "spam_probability", "text", "unsure_reason")

    def __init__(
        self, model: Model, text: str, score: float, probability: float, repaired: tuple[str, ...], reason: str
    ) -> None:
        self._model = model
        self._clues: tuple[Clue, ...] | None = None
        self.text = text
        self.score = score
        self.spam_probability = probability
        self.repaired = repaired
        self.unsure_reason = reason

    @property
    def classification(self) -> str:
        """`SPAM` or `HAM`."""
        model = self._model
        if self.spam_probability >= model.cutoff:
            return "HAM" if model.strict and self.spam_probability == model.cutoff else "SPAM"
        return "HAM"

    @property
    def unsure(self) -> bool:
        """True between the two unsure cutoffs, or where there is too little evidence."""
        return self.unsure_reason != ""

    @property
    def cutoff(self) -> float:
        """The probability from which on a message is spam."""
        return self._model.cutoff

    @property
    def model(self) -> str:
        """The version that decided."""
        return self._model.version

    @property
    def bias(self) -> float:
        """The score of a text without features."""
        return self._model.bias

    @property
    def clues(self) -> tuple[Clue, ...]:
        """Why: spans and whole-message clues, strongest first; with the bias they sum to the score."""
        if self._clues is None:
            clues = self._model.scorer.explain(self.text)
            self._clues = tuple(sorted(clues, key=lambda clue: -abs(clue.contribution)))
        return self._clues

    @property
    def unread(self) -> list[tuple[int, int]]:
        """The spans of `text` that did not count because it is too long; empty for most texts."""
        return self._model.scorer.find_unread(self.text)

    def __repr__(self) -> str:
        unsure = ", unsure" if self.unsure else ""
        return f"Verdict({self.classification}, probability {self.spam_probability:.4f}{unsure})"


class Model:
    """An opened model file; safe to share between threads."""

    def __init__(self, data: Any, path: str) -> None:
        """Check and wrap a buffer (bytes or a map); use `load` or `Model.from_bytes`."""
        self.path = path
        self._data = data
        view = memoryview(data)
        self.size_bytes = len(view)
        self._sha256 = self._version = ""
        tensors, metadata = read_tensors(view, path)
        self.seen = tensors.get("seen")  # hashes of some training messages, for `despam evaluate`; None in older files
        check_format(metadata, path)
        self.recipe = metadata.get("recipe", "default")
        self.settings: dict[str, Any] = read_object(metadata, "settings", path)
        self.bias = read_number(json_value(metadata, "bias", path), "bias", path)
        self._calibrate(read_object(metadata, "calibration", path), read_object(metadata, "cutoffs", path))
        self._card_source = metadata.get("card", "{}")
        self.scorer: Scorer = self._open_scorer(tensors)

    @classmethod
    def from_bytes(cls, data: bytes, path: str = "<bytes>") -> Model:
        """Open a model that is in memory, with the same checks."""
        return cls(data, path)

    def _calibrate(self, calibration: dict[str, Any], cutoffs: dict[str, Any]) -> None:
        """Read calibration and cutoffs."""
        self.slope = read_number(calibration.get("a"), "calibration a", self.path)
        self.offset = read_number(calibration.get("b"), "calibration b", self.path)
        self.cutoff = read_number(cutoffs.get("cutoff"), "cutoff", self.path)
        self.unsure_low = read_number(cutoffs.get("unsure_low"), "unsure_low", self.path)
        self.unsure_high = read_number(cutoffs.get("unsure_high"), "unsure_high", self.path)
        self.strict = self.recipe == "tfidf"  # scikit-learn says spam above 0, not at it
        if self.slope <= 0:
            raise MetadataError(f"calibration a is {self.slope:g}, a slope is above 0", self.path)
        if not 0 <= self.unsure_low <= self.cutoff <= self.unsure_high <= 1:
            raise MetadataError(
                "the cutoffs are not in order: 0 <= unsure_low <= cutoff <= unsure_high <= 1", self.path
            )

    def _open_scorer(self, tensors: dict[str, memoryview]) -> Scorer:
        """Hand the tensors to the recipe."""
        if self.recipe == "default":
            from despam.core.hashed import HashedScorer, NativeScorer

            scorer_class = HashedScorer if engine.native is None else NativeScorer
            return scorer_class(tensors, self.settings, self.bias, self.path)
        if self.recipe == "tfidf":
            from despam.core.tfidf import Tfidf

            return Tfidf(tensors, self.settings, self.bias, self.path)
        raise VersionError(
            f"the recipe {self.recipe[:40]!r} is unknown to this despam; it reads default, tfidf", self.path
        )

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file, in hex."""
        if not self._sha256:
            from despam.core.digest import sha256_hex

            self._sha256 = sha256_hex(self._data)
        return self._sha256

    @property
    def version(self) -> str:
        """The first 12 hex digits of the file's SHA-256."""
        if not self._version:
            self._version = self.sha256[:12]
        return self._version

    @property
    def card(self) -> dict[str, Any]:
        """The model card: data, figures, limits."""
        try:
            card = strict_json.parse(self._card_source)
        except (ValueError, RecursionError):
            card = None
        return card if isinstance(card, dict) else {}

    def probability(self, score: float) -> float:
        """Calibrate a score."""
        power = -(self.slope * score + self.offset)
        return 1.0 / (1.0 + exp(power)) if power < 700.0 else 0.0

    def score(self, text: str) -> float:
        """Give the log-odds of one text."""
        return self.scorer.measure(text)[0]

    def classify(self, text: str, mail: bool = False) -> Verdict:
        """Give the verdict on one text; `mail=True` reads it as a mail source first."""
        if not isinstance(text, str):
            if mail:
                return self.classify_mail(text)
            raise TypeError(f"text must be a str, not {type(text).__name__}; for bytes of a mail use classify_mail")
        if mail:
            return self.classify_mail(text)
        score, repaired, reason = self.scorer.measure(text)
        probability = self.probability(score)
        if reason:
            # little evidence gets no confident probability: it stays inside the unsure band, on its side of the cutoff
            held = min(max(probability, self.unsure_low), self.unsure_high)
            # a strict cutoff can be an end of the band: there nothing is moved, for the verdict must not turn
            if held != self.cutoff and (held >= self.cutoff) == (probability >= self.cutoff):
                probability = held
        elif self.unsure_low <= probability < self.unsure_high:
            reason = "between the two cutoffs"
        return Verdict(self, text, score, probability, repaired, reason)

    def classify_mail(self, source: bytes | str) -> Verdict:
        """Give the verdict on an RFC 822 source; clues refer to `verdict.text`."""
        from despam.core import mail

        return self.classify(mail.read(source))

    def classify_many(self, texts: Iterable[str], jobs: int = 1) -> Iterator[Verdict]:
        """Give verdicts one by one in the same order, reading no further ahead than it must.

        With `jobs` > 1 other processes score, and only their numbers travel back; needs a model opened from a path.
        """
        if jobs <= 1:
            return map(self.classify, texts)
        from despam.core.bulk import classify_parallel

        return classify_parallel(self, texts, jobs)

    def __repr__(self) -> str:
        return f"Model({self.path!r}, {self.recipe}, version {self.version})"


def load(path: str | os.PathLike[str] | None = None, *, steady: bool = False) -> Model:
    """Open a model file by mapping it; without a path the bundled one. Raises a ModelError.

    Replace such a file by renaming another over it: whoever writes into it changes, or breaks, what is open. With
    `steady` a file of up to 4 MiB is read instead, and nothing that is written later changes the model.
    """
    name = bundled_path() if path is None else str(path)
    try:
        with open(name, "rb") as file:  # noqa: PTH123  pathlib costs 5 ms of import in the core
            data = file.read(STEADY_BYTES + 1) if steady else b""
            if not data or len(data) > STEADY_BYTES:
                data = map_file(file)
    except ValueError:
        raise ModelError("a path without a NUL in it is wanted; give the path of a .safetensors file", name) from None
    except OSError as error:
        raise ModelError(f"cannot be opened ({error.strerror}); give the path of a .safetensors file", name) from None
    if not data:
        raise NotAModel("the file is empty; make a model with `despam train`", name)
    return Model(data, name)


def map_file(file: Any) -> Any:
    """Map a file; one without bytes, which cannot be mapped, is b""."""
    import mmap

    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        return b""


def bundled_path() -> str:
    """Give the path of the model that ships with despam."""
    return f"{__file__.rsplit('core', 1)[0]}models/bundled.safetensors"
