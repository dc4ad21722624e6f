"""The default recipe: integer weights of hashed features, and the numbers of a text that come from them.

Knows the tensors `weights` and `known`, the scales of the groups, and how integers become the score; which engine sums
them is decided here. Does not know calibration, cutoffs, verdicts or files: that is model.py.

    score = bias + sum over groups of limited(scale * (sum of the weights of the ids present) / sqrt(number of them))

where limited(s) = s / sqrt(1 + (s / limit)^2), and s itself in models without a limit. Invariant: the few float
operations are the same, in the same order, in Python and in the kernel, so that the score is the same bit for bit.
"""

from __future__ import annotations

from math import sqrt

from despam.core import engine
from despam.core.metadata import read_number
from despam.errors import MetadataError, TensorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from despam.core.model import Clue
    from despam.core.vocabulary import Measured, Vocabulary

FEW_WORDS = 2  # fewer known words than this carry no confident verdict
FEW_SHARE = 5  # nor do they when they are less than one in five
KNOWN_LIMIT = 1 << 26  # bytes of the table of known words: the kernel's limit, so both engines refuse alike
NOT_REPAIRED: tuple[str, ...] = ()


class HashedScorer:
    """The default recipe: weights of hashed features."""

    def __init__(self, tensors: dict[str, memoryview], settings: dict[str, Any], bias: float, path: str) -> None:
        """Check sizes and numbers. Raises TensorError or MetadataError."""
        weights, known = tensors.get("weights"), tensors.get("known")
        if weights is None or weights.format not in ("b", "h"):
            raise TensorError("the tensor 'weights' of I8 or I16 is missing", path)
        if known is None or known.format != "B" or not is_power_of_two(len(known)):
            raise TensorError("the tensor 'known' of U8 with a power of two bytes is missing", path)
        if len(known) > KNOWN_LIMIT:
            raise TensorError(f"'known' has {len(known):,} bytes, the limit is {KNOWN_LIMIT:,}", path)
        if not is_power_of_two(len(weights)) or not 1 << 10 <= len(weights) <= 1 << 26:
            raise TensorError(f"'weights' has {len(weights):,} elements, no power of two from 2^10 to 2^26", path)
        scales = settings.get("scales")
        if not isinstance(scales, dict) or set(scales) != set(engine.GROUPS):
            raise MetadataError(f"the scales are not those of {', '.join(engine.GROUPS)}", path)
        unit = read_number(settings.get("unit"), "unit", path)
        self._vocabulary: Vocabulary | None = None
        self.bias = bias
        self.weights = weights
        self.known = known
        self.mask = len(weights) - 1
        self.known_mask = len(known) * 8 - 1
        self.factors = tuple(unit * read_number(scales[group], f"scale of {group}", path) for group in engine.GROUPS)
        self.limit = read_number(settings["limit"], "limit", path) if "limit" in settings else float("inf")
        if self.limit <= 0:
            raise MetadataError(f"the limit of a group is {self.limit:g}, it must be above 0", path)

    def combine(self, sums: tuple[int, ...], counts: tuple[int, ...]) -> float:
        """Turn the integers of the groups into the score: the only float operations."""
        score, limit = self.bias, self.limit
        for total, count, factor in zip(sums, counts, self.factors, strict=True):
            if count:
                group = factor * total / sqrt(count)
                part = group / limit
                score += group / sqrt(1.0 + part * part)
        return score

    @property
    def vocabulary(self) -> Vocabulary:
        """What the engine in Python has met; made when first asked for."""
        if self._vocabulary is None:
            from despam.core.vocabulary import Vocabulary

            self._vocabulary = Vocabulary(self.weights, self.known)
        return self._vocabulary

    def measure(self, text: str) -> tuple[float, tuple[str, ...], str]:
        """Give (score, kinds of repair, reason of too little evidence)."""
        sums, counts, known, words, repaired = self.vocabulary.measure(text)
        return self.combine(sums, counts), repaired, too_little(known, words)

    def explain(self, text: str) -> list[Clue]:
        """Give the clues of a text."""
        from despam.core.clues import explain

        return explain(text, self.weights, self.factors, self.limit)

    def find_unread(self, text: str) -> list[tuple[int, int]]:
        """Give the spans of a long text that are not scored."""
        from despam.core.offsets import find_unread

        return find_unread(text)


class NativeScorer(HashedScorer):
    """The same with the kernel, float operations one by one; Python repairs what the kernel leaves to it."""

    def __init__(self, tensors: dict[str, memoryview], settings: dict[str, Any], bias: float, path: str) -> None:
        """Check as HashedScorer does, then hand the buffers to the kernel."""
        super().__init__(tensors, settings, bias, path)
        self._score = engine.native.score
        self.handle = engine.native.bind(self.weights, self.known, bias, self.factors, self.limit)

    def measure(self, text: str) -> tuple[float, tuple[str, ...], str]:
        """Give (score, kinds of repair, reason of too little evidence)."""
        found = self._score(self.handle, text)
        if type(found) is float:
            return found, NOT_REPAIRED, ""
        repaired = NOT_REPAIRED
        if found is None:
            text, repaired, places = repair_for_kernel(text)
            found = self._score(self.handle, text, places)
            if type(found) is float:
                return found, repaired, ""
        return found[0], repaired or repairs_of(found[3]), too_little(found[1], found[2])

    def integers(self, text: str) -> Measured:
        """Give what `vocabulary.measure` gives, from the kernel: the integers behind a score."""
        found = engine.native.measure(self.handle, text)
        repaired = NOT_REPAIRED
        if found is None:
            text, repaired, places = repair_for_kernel(text)
            found = engine.native.measure(self.handle, text, places)
        return (*found[:4], repaired or repairs_of(found[4]))


def repairs_of(places: bytes) -> tuple[str, ...]:
    """Name the repairs that the kernel has made."""
    if not places:
        return NOT_REPAIRED
    from despam.core.features import repairs_at

    return repairs_at(places)


def repair_for_kernel(text: str) -> tuple[str, tuple[str, ...], bytes]:
    """Repair what the kernel has left to Python: (text, kinds of repair, the same as the kernel takes them)."""
    from despam.core.features import repair_places  # only now: plain text needs none of it
    from despam.core.repair import repair

    text, repaired = repair(text)
    return text, repaired, repair_places(repaired)


def too_little(known: int, words: int) -> str:
    """Say why `known` of `words` distinct words are too little evidence, or give the empty string."""
    if known >= FEW_WORDS and known * FEW_SHARE >= words:
        return ""
    if words < 2:
        return f"too little evidence: {'a single word' if words else 'there is no word in it'}"
    return f"too little evidence: {known or 'none'} of {words} different words known"


def is_power_of_two(value: int) -> bool:
    """Say whether `value` is 1, 2, 4, 8 ..."""
    return value > 0 and value & (value - 1) == 0
