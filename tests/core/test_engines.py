"""Two engines, one answer: the kernel gives the same integers as Python, bit for bit."""

from __future__ import annotations

import functools
import gzip
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from despam.core import features, model

native = pytest.importorskip("despam.core._native", reason="the kernel is not built here: no C compiler at install")

NOISE = random.Random(0)
WEIGHTS = memoryview(bytes(NOISE.randrange(256) for _ in range(1 << 20))).cast("b")
WIDE = memoryview(bytes(NOISE.randrange(256) for _ in range(1 << 17))).cast("h")
KNOWN = memoryview(bytes(NOISE.randrange(256) for _ in range(1 << 14)))


@pytest.fixture(autouse=True)
def _with_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare with the kernel even where the suite runs on Python (DESPAM_PURE)."""
    monkeypatch.setattr(features, "native", native)


def same(text: str) -> None:
    """Assert that both engines agree on sums, counts, words, repairs and ids."""
    for weights in (WEIGHTS, WIDE):
        assert features.measure_native(text, weights, KNOWN) == features.measure_python(text, weights, KNOWN)
    assert scorer(model.NativeScorer).measure(text) == scorer(model.HashedScorer).measure(text)
    groups, words = features.ids_native(text, 0xFFFFF)
    expected_groups, expected_words = features.ids_python(text, 0xFFFFF)
    assert list(map(sorted_ids, groups)) == list(map(sorted_ids, expected_groups))
    assert sorted_ids(words) == sorted_ids(expected_words)


@functools.cache
def scorer(kind: type[model.HashedScorer]) -> model.HashedScorer:
    """A scorer over noise: its sums are large and of both signs."""
    scales = dict.fromkeys(features.GROUPS, 0.7)
    return kind({"weights": WEIGHTS, "known": KNOWN}, {"unit": 0.013, "scales": scales}, -0.37, "noise")


def sorted_ids(data: bytes) -> list[int]:
    """The ids in order."""
    return sorted(memoryview(data).cast("I"))


PIECES = st.sampled_from(
    ["WIN", "free", "a", "b", " ", "  ", "\n", "\t", "'", "!!", "$5", "£", "€", "0", "123", "...", "www.x-1.com",
     "http://a.b.c.d/e", "x@y.z", "@me", "://", "F R E E", "a.b.c.d.e", "<b>", "&amp;", "\x00", "é", "中文", "привет",
     "ПРИВЕТ", "рayрal", "😀", "\u200b", "ｆ", "İ", "ß", "ﬁ", "e\u0301", "नमस्ते",
     "x" * 50, "aaaa", "1,000.50", "50%", "#tag",
     "_", "-", "\ud800", "ΑΣ", "word" * 20]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join))
def test_engines_agree_on_pieces(text: str) -> None:
    """Texts put together from everything that the shapes look for."""
    same(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=300))
def test_engines_agree_on_any_unicode(text: str) -> None:
    """Any code points, lone surrogates too."""
    same(text)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=300))
def test_engines_agree_on_any_ascii(text: str) -> None:
    """Any ASCII, control characters too."""
    same(text)


@pytest.mark.parametrize("size", [0, 1, 2, 2999, 3000, 3300, 3301, 3302, 6600, 6601, 26400, 26401, 100_000])
def test_engines_agree_at_every_border(size: int) -> None:
    """Texts as long as each limit, and one longer."""
    same("Win a prize now! "[: size % 17] + "Win a prize now! " * (size // 17))
    same("x" * size)
    same("é " * (size // 2))


def test_engines_agree_on_the_bundled_data(data_folder: Path) -> None:
    """A sample of every corpus that ships; `python -m benchmarks.engines` compares them all."""
    compared = 0
    for path in sorted(data_folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in list(lines)[::40]:
                same(json.loads(line)["text"])
                compared += 1
    assert compared > 300


def test_the_kernel_leaves_to_python_what_it_is_not_sure_of() -> None:
    """Markup, entities, control characters, spaced letters and anything beyond ASCII."""
    for text in ("a <b>", "a &amp;", "\x01", "f r e e", "é", "\ud800"):
        assert native.scan(text, WEIGHTS, KNOWN) is None
        assert native.scan_ids(text, 0xFFFFF) is None
    assert native.scan("a plain text", WEIGHTS, KNOWN) is not None


WRONG_CALLS = [
    lambda: native.scan("x", memoryview(bytes(1000)).cast("b"), KNOWN),
    lambda: native.scan("x", memoryview(bytes(4096)).cast("i"), KNOWN),
    lambda: native.scan("x", WEIGHTS, memoryview(bytes(3))),
    lambda: native.scan_ids("x", 1000),
    lambda: native.scan_line(b"no blanks", b"no blanks", b"", b"", WEIGHTS, KNOWN),
    lambda: native.scan_line(b" a b ", b" a ", b"", b"", WEIGHTS, KNOWN),
    lambda: native.scan_line(b" a  b ", b" a  b ", b"", b"", WEIGHTS, KNOWN),
    lambda: native.scan_line(b"", b"", b"", b"", WEIGHTS, KNOWN),
    lambda: native.scan_line(b" " + b"a" * (1 << 21) + b" ", b"  ", b"", b"", WEIGHTS, KNOWN),
]


@pytest.mark.parametrize("call", WRONG_CALLS)
def test_wrong_calls_of_the_kernel_are_value_errors(call: object) -> None:
    """Arrays that do not fit are refused before a byte of them is used."""
    with pytest.raises(ValueError, match=r"two|words|long|mask"):
        call()  # type: ignore[operator]
