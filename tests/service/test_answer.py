"""The answer, byte by byte: other programs are written against it."""

from __future__ import annotations

import pytest

from despam.core.model import Clue
from despam.service.answer import encode, write_error, write_verdict


class Fixed:
    """A verdict with literal values."""

    classification = "SPAM"
    spam_probability = 0.97
    score = 3.5
    cutoff = 0.5
    unsure = False
    unsure_reason = ""
    model = "0123456789ab"
    repaired: tuple[str, ...] = ()
    bias = -1.25
    unread: tuple[tuple[int, int], ...] = ()
    clues = (Clue('WIN "', 0, 5, 1.2), Clue("much money", None, None, -0.5))


def verdict(**changed: object) -> Fixed:
    """Make a verdict that differs from the fixed one."""
    made = Fixed()
    for name, value in changed.items():
        setattr(made, name, value)
    return made


PLAIN = (
    '{"status": "success", "classification": "SPAM", "input_text": "WIN \\" now", "spam_probability": 0.97, '
    '"score": 3.5, "cutoff": 0.5, "unsure": false, "model": "0123456789ab", "repaired": []}'
)
EXPLAINED = PLAIN[:-1] + (
    ', "clues": [{"text": "WIN \\"", "start": 0, "end": 5, "contribution": 1.2}, '
    '{"text": "much money", "start": null, "end": null, "contribution": -0.5}], "bias": -1.25, "unread": []}'
)


def test_a_verdict_is_these_bytes() -> None:
    """Names, order and spelling of the contract."""
    assert write_verdict('WIN " now', verdict()) == PLAIN  # type: ignore[arg-type]


def test_an_explained_verdict_is_these_bytes() -> None:
    """Clues and bias at the end."""
    assert write_verdict('WIN " now', verdict(), explain=True) == EXPLAINED  # type: ignore[arg-type]


def test_unsure_says_why_and_repairs_are_listed() -> None:
    """`unsure_reason` only where there is one."""
    unsure = verdict(unsure=True, unsure_reason="too little evidence", repaired=("html", "zero-width"))
    found = write_verdict("a", unsure)  # type: ignore[arg-type]
    assert '"unsure": true, "unsure_reason": "too little evidence", "model"' in found
    assert found.endswith('"repaired": ["html", "zero-width"]}')


@pytest.mark.parametrize(("text", "written"), [
    ("a\u2028\x00\x7f\n", b'{"error": "a\xe2\x80\xa8\\u0000\x7f\\n"}'),
    ("\ud800\U0001f389\udfff", b'{"error": "\xef\xbf\xbd\xf0\x9f\x8e\x89\xef\xbf\xbd"}'),
    ("</script>", b'{"error": "</script>"}'),
])  # fmt: skip
def test_any_text_is_written_as_utf8(text: str, written: bytes) -> None:
    """Control characters escaped, lone surrogates replaced one for one."""
    assert encode(write_error(text)) == written
