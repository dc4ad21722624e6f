"""A verdict -> the JSON that the contract promises, field by field, in its order.

Knows the names and the order of the fields, which other programs are written against. Does not know HTTP. Written with
f-strings and the C string quoter of `json`: a fifth of the time of `json.dumps` on the same dictionary.

Invariant: what leaves here is valid UTF-8 and valid JSON for the strictest reader. A lone surrogate, which no UTF-8 can
hold, is shown as U+FFFD, one for one, so that offsets still fit.
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring as quote  # the C one where there is one

TYPE_CHECKING = False
if TYPE_CHECKING:
    from despam.core.model import Verdict

# kinds of repair and cutoffs are few, so their JSON is made once
REPAIRED: dict[tuple[str, ...], str] = {(): "[]"}
CUTOFFS: dict[float, str] = {}


def write_verdict(text: str, verdict: Verdict, explain: bool = False) -> str:
    """Write the answer to one text."""
    repaired = REPAIRED.get(verdict.repaired)
    if repaired is None:
        repaired = REPAIRED[verdict.repaired] = json.dumps(list(verdict.repaired))
    cutoff = CUTOFFS.get(verdict.cutoff)
    if cutoff is None:
        cutoff = CUTOFFS[verdict.cutoff] = repr(verdict.cutoff)
    unsure = f'true, "unsure_reason": {quote(verdict.unsure_reason)}' if verdict.unsure else "false"
    tail = f', "clues": {write_clues(verdict)}}}' if explain else "}"
    return (
        f'{{"status": "success", "classification": "{verdict.classification}", "input_text": {quote(text)}, '
        f'"spam_probability": {verdict.spam_probability!r}, "score": {verdict.score!r}, "cutoff": {cutoff}, '
        f'"unsure": {unsure}, "model": "{verdict.model}", "repaired": {repaired}{tail}'
    )


def write_clues(verdict: Verdict) -> str:
    """Write the clues, the bias that makes their sum the score, and which spans of a long text did not count."""
    clues = ", ".join(
        f'{{"text": {quote(clue.text)}, "start": {write_place(clue.start)}, "end": {write_place(clue.end)}, '
        f'"contribution": {float(clue.contribution)!r}}}'
        for clue in verdict.clues
    )
    unread = ", ".join(f"[{start}, {end}]" for start, end in verdict.unread)
    return f'[{clues}], "bias": {float(verdict.bias)!r}, "unread": [{unread}]'


def write_place(offset: int | None) -> str:
    """Write an offset, or null for a clue about the whole message."""
    return "null" if offset is None else str(offset)


def write_error(sentence: str) -> str:
    """Write an error."""
    return f'{{"error": {quote(sentence)}}}'


def encode(text: str) -> bytes:
    """Turn an answer into UTF-8, showing lone surrogates as U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", "\ufffd", text).encode()
