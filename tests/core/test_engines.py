"""Two engines, one answer: the kernel gives the same integers as Python, bit for bit."""

from __future__ import annotations

import functools
import gzip
import json
import os
import random
import struct
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from despam.core import engine, features, hashed

native = pytest.importorskip("despam.core._native", reason="the kernel is not built here: no C compiler at install")

NOISE = random.Random(0)
WEIGHTS = memoryview(bytes(NOISE.randrange(256) for _ in range(1 << 20))).cast("b")
WIDE = memoryview(bytes(NOISE.randrange(256) for _ in range(1 << 17))).cast("h")
KNOWN = memoryview(bytes(NOISE.randrange(256) for _ in range(1 << 14)))


@pytest.fixture(autouse=True)
def _with_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare with the kernel even where the suite runs on Python (DESPAM_PURE)."""
    monkeypatch.setattr(engine, "native", native)
    native.ask(*engine.ANSWERS)


def assert_same(text: str) -> None:
    """Assert that both engines agree on sums, counts, words, repairs, scores and ids."""
    for weights in ("narrow", "wide"):
        kernel, reference = scorer(hashed.NativeScorer, weights), scorer(hashed.HashedScorer, weights)
        assert isinstance(kernel, hashed.NativeScorer)
        assert kernel.integers(text) == reference.vocabulary.measure(text)
        assert kernel.measure(text) == reference.measure(text)
    ids, counts, words = features.ids_native(text, 0xFFFFF)
    expected_ids, expected_counts, expected_words = features.ids_python(text, 0xFFFFF)
    assert (ids, counts) == (expected_ids, expected_counts)
    assert sorted(memoryview(words).cast("I")) == sorted(memoryview(expected_words).cast("I"))
    # what is kept of words and contexts is only ever a sum of weights
    listed = iter(memoryview(ids).cast("I"))
    sums = tuple(sum(WEIGHTS[at] for at in islice(listed, count)) for count in counts)
    assert scorer(hashed.HashedScorer).vocabulary.measure(text)[:2] == (sums, counts)


@functools.cache
def scorer(kind: type[hashed.HashedScorer], weights: str = "narrow") -> hashed.HashedScorer:
    """A scorer over noise: its sums are large and of both signs."""
    scales = dict.fromkeys(engine.GROUPS, 0.7)
    tensors = {"weights": WEIGHTS if weights == "narrow" else WIDE, "known": KNOWN}
    settings = {"unit": 0.013, "scales": scales} | ({"limit": 1.7} if weights == "narrow" else {})
    return kind(tensors, settings, -0.37, "noise")


PIECES = st.sampled_from(
    ["WIN", "free", "a", "b", " ", "  ", "\n", "\t", "'", "!!", "$5", "£", "€", "0", "123", "...", "www.x-1.com",
     "http://a.b.c.d/e", "x@y.z", "@me", "://", "F R E E", "a.b.c.d.e", "f_r_e_e_", "w-i-n-n", "é|à|è|ù|x",
     "<b>", "&amp;", "\x00", "é", "中文", "привет",
     "ПРИВЕТ", "рayрal", "😀", "\u200b", "ｆ", "İ", "ß", "ﬁ", "e\u0301", "नमस्ते",
     "x" * 50, "aaaa", "1,000.50", "50%", "#tag",
     "_", "-", "\ud800", "ΑΣ", "word" * 20, "…", "™", "½", "µ", "´", "ǅ",
     "\u00a0", "\ufe0f", "\u202e", "\x92",
     "&eacute;", "&x9y", "&#x41;", "𝐚", "ﷺ",
     "&#163;", "&pound;", "&Cs", "&#65;", "<3", "&", "\u2028", "٣", "Ж1z", "ｗ", "ÀÉ", "日本"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join))
def test_engines_agree_on_pieces(text: str) -> None:
    """Texts put together from everything that the shapes look for."""
    assert_same(text)


ATTRIBUTES = "href SRC http:// HTTPS:// a.example alt xalt style hidden display none visibility font-size 0.5"
BROKEN = "free é \u2003 &nbsp; &lt;b> < > <!-- --> <!--x--> <!--> <? </style> <script </script> <STYLE </STYLE>"
NAMES = st.sampled_from(f"a img p td span style Script noscript object form area {'x' * 16} {'x' * 17} h1 _".split())
INSIDE = st.sampled_from([
    *" \n\x1c\xa0/='\"?#:0._-éſı²中",
    *ATTRIBUTES.split(),
])  # fmt: skip
TAGS = st.tuples(
    st.sampled_from(["<", "</", "< "]), NAMES, st.lists(INSIDE, max_size=8), st.sampled_from([">", "/>", ""])
)
AROUND = st.sampled_from([
    *BROKEN.split(" "),
    *("word ", "f r e e", "<!doctype x>", "\u202e", "e\u0301", "p\u0430y", "w" * 40, "A_"),
])  # fmt: skip
MARKUP = st.lists(st.one_of(TAGS.map(lambda tag: tag[0] + tag[1] + "".join(tag[2]) + tag[3]), AROUND), max_size=40).map(
    "".join
)


@settings(max_examples=300, deadline=None)
@given(MARKUP)
def test_engines_agree_on_markup(text: str) -> None:
    """Tags, comments, links, images and what hides, whole and broken."""
    assert_same(text)


@settings(max_examples=15, deadline=None)
@given(MARKUP, MARKUP, st.integers(0, 5000), st.integers(1, 8000))
def test_engines_agree_on_long_markup(before: str, repeated: str, skipped: int, times: int) -> None:
    """Longer than the window, with comments and styles that do not count, more of them than are skipped too."""
    block = f"<style>{'x' * (skipped % 50)}</style>y"
    assert_same(before + block * skipped + (repeated + " word ") * min(times, 60_000 // (len(repeated) + 6)) + before)


LATIN, MARKS = "aeoXyz09_ .'", "\u0301\u0307\u0345\u05b0\u093c\u094d\u0344\u0483\u0e33"
FOREIGN = "\u0430\u0435\u0436\u0418\u03b1\u03c9\u0561\u13a0\u0131\u1d00\u0299\u0375\u0482\u03d0\u0663"
MODIFIERS = "\u1d46\u1d54\u1da6\u1dab\u1db0\u1db8\U00010784\U000107aa"  # NFKC makes small capitals of some
DISGUISED = "\ufdfa\u3300\uff41\U0001d41a\u24d0\u2116\u212b\u1100\u1161\u0915\u200b\u202e\ufe0f\ud800\udc00\ufffd"


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet=LATIN + MARKS + FOREIGN + DISGUISED + MODIFIERS, max_size=60))
def test_engines_agree_on_alphabets_and_marks(text: str) -> None:
    """Letters of several alphabets in one word, marks, and what becomes eighteen letters."""
    assert_same(text)


def test_engines_agree_on_more_clusters_than_are_kept() -> None:
    """Texts of hundreds of letters with marks, until the table has started anew, and then the first of them again."""
    marks = [chr(code) for code in range(0x300, 0x370) if code != 0x34F]
    chance = random.Random(0)
    texts = [
        " ".join(
            chance.choice("aeioubcdz") + "".join(chance.choices(marks, k=chance.randint(1, 20))) for _ in range(400)
        )
        for _ in range(8)
    ]
    for text in [*texts, texts[0]]:
        assert_same(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=300))
def test_engines_agree_on_any_unicode(text: str) -> None:
    """Any code points, lone surrogates too."""
    assert_same(text)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=300))
def test_engines_agree_on_any_ascii(text: str) -> None:
    """Any ASCII, control characters too."""
    assert_same(text)


@pytest.mark.parametrize("size", [0, 1, 2, 2999, 3000, 3300, 3301, 3302, 6600, 6601, 26400, 26401, 100_000])
def test_engines_agree_at_every_border(size: int) -> None:
    """Texts as long as each limit, and one longer."""
    assert_same("Win a prize now! "[: size % 17] + "Win a prize now! " * (size // 17))
    assert_same("x" * size)
    assert_same("é " * (size // 2))
    assert_same("a &amp; b " * (size // 10))
    assert_same("привет " * (size // 7))


def test_engines_agree_on_the_bundled_data(data_folder: Path) -> None:
    """A sample of every corpus that ships; `python -m benchmarks.engines` compares them all."""
    compared = 0
    for path in sorted(data_folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in list(lines)[::40]:
                assert_same(json.loads(line)["text"])
                compared += 1
    assert compared > 300


LEFT = {
    "a host beyond ASCII": "<a href=http://\xe9.com>", "small capitals": "\u1d00", "a sign of an alphabet": "\u0375",
    "an entity of two characters": "&fjlig;",
}  # fmt: skip
TAKEN = (
    "a plain text", "Tom & Jerry", "I <3 u", "a &lt; b &amp; &pound;5 &#163;", "caf\u00e9 \u2026 \u2122 \u00bd",
    "\u043f\u0440\u0438\u0432\u0435\u0442", "\u4e2d\u6587", "\U0001f600\ufe0f", "\x01", "soft hy\u00ad",
    "f r e e", "a f_r_e_e, f.r.e.ex", "T&Cs apply", "&eacute;&#65;&#x42;", "fr\u200bee", "\u0628\u200c\u0628",
    "\U0001d5d4 \uff37\uff29\uff2e", "\u202eab",
    "a\u202ec", "don\x92t",
    "\u0391\u03a3 \u0130",
    "p\u0430y", "\u043f\u0440\u0438\u0432e\u0442", "e\u0301", "\u0915\u094d\u0937", "\ud800", "\ufdfa",
    "a <b>", "x<!--", "f<!--x-->ree", "<p style='display: none'>a</p>b", "<img alt='\xe9 b' src=x>",
)  # fmt: skip


@pytest.mark.parametrize("kind", LEFT)
def test_the_kernel_leaves_to_python_what_needs_judgement(kind: str) -> None:
    """What a regular expression may read in more than one way, and what is too rare."""
    kernel = scorer(hashed.NativeScorer)
    assert isinstance(kernel, hashed.NativeScorer)
    assert native.score(kernel.handle, LEFT[kind]) is None
    assert native.scan_ids(LEFT[kind], 0xFFFFF) is None
    assert_same(LEFT[kind])


@pytest.mark.parametrize("text", TAKEN)
def test_the_kernel_takes_plain_text_of_any_language(text: str) -> None:
    """Nothing that most mail holds costs a way through Python."""
    assert native.scan_ids(text, 0xFFFFF) is not None
    assert_same(text)


def test_what_is_forgotten_changes_nothing() -> None:
    """More words and contexts than are kept: the sums of a text that was met long ago are the same again."""
    kernel = scorer(hashed.NativeScorer)
    assert isinstance(kernel, hashed.NativeScorer)
    texts = [
        "win a free prize today",
        "\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440",
        "a-very-" + "long" * 20 + " word",
    ]
    before = [kernel.integers(text) for text in texts]
    words = random.Random(1)
    for _ in range(100):
        assert_same(" ".join("".join(words.choices("abcdefgh", k=words.randrange(1, 12))) for _ in range(400)))
    assert [kernel.integers(text) for text in texts] == before


def test_words_of_one_hash_are_told_apart() -> None:
    """Two words whose crc32 is the same (found by search) are two words: what is kept is compared byte for byte."""
    one, other = "plumless", "buckeroo"
    assert features.word_hash(one) == features.word_hash(other)
    assert_same(f"{one} {other} {one}")
    assert_same(f"{other}")


def test_planes_without_characters_are_all_the_same() -> None:
    """What the kernel takes for granted is what Python would tell it, for every character of those planes."""
    told = features.describe_characters(chr(0x40000))
    blank = bytes(told[:4]) + bytes(28)
    for start, end in ((0x40000, 0xE0000), (0xF0000, 0x110000)):
        for code in (*range(start, end, 97), *range(start | 0xFFF0, end, 0x10000), end - 1):
            assert features.describe_character(chr(code)) == blank
    assert_same("a\U00040000b \U000f1234 c\U0010ffffd")


def test_many_odd_names_are_asked_for_and_forgotten() -> None:
    """A text of many names is left to Python, and of more names than are kept each text is right, before and after."""
    kernel = scorer(hashed.NativeScorer)
    assert isinstance(kernel, hashed.NativeScorer)
    assert native.score(kernel.handle, " ".join(f"&many{n}" for n in range(100))) is None
    for start in range(0, 600, 20):
        assert_same(" ".join(f"a&q{n}z;b" for n in range(start, start + 20)) + " &eacute; &pound;")
    assert_same("&q0z &eacute;")


def test_learning_what_characters_are_fails_in_words() -> None:
    """A callable that answers wrongly is an error of its own, and nothing of it is kept."""
    text = "".join(map(chr, range(0x2B000, 0x2B064)))  # rare ideographs, some of which nobody has asked for yet
    native.ask(lambda characters: b"", *engine.ANSWERS[1:])
    try:
        with pytest.raises(ValueError, match="wrong size"):
            native.scan_ids(text, 0xFFFFF)
    finally:
        native.ask(*engine.ANSWERS)
    assert_same(text)


@pytest.mark.parametrize("bits", range(10, 27))
def test_ids_are_in_order_in_a_table_of_any_size(bits: int) -> None:
    """Few and many ids a group, sorted by one digit and by four."""
    mask = (1 << bits) - 1
    for words in (0, 1, 20, 60, 700):
        text = " ".join(f"{NOISE.randrange(36**6):x}" for _ in range(words))
        assert features.ids_native(text, mask)[:2] == features.ids_python(text, mask)[:2]


def test_a_letter_that_becomes_a_small_capital_is_left_to_python() -> None:
    """NFKC makes a small capital of some modifier letters; three in a row are a word in disguise."""
    for text in ("WIN a pr\u1da6ze now", "\u1da6\u1db0\u1dab free cash", "a\u1da6\u0301b"):
        assert native.scan_ids(text, 0xFFFFF) is None
        assert_same(text)


def test_weights_at_an_odd_address_give_the_same_integers() -> None:
    """A file of another writer may put them there; they are copied, for C reads no int16 from such a place."""
    shifted = memoryview(bytearray(1) + bytes(WIDE.cast("B")))[1:].cast("h")
    settings = {"unit": 0.013, "scales": dict.fromkeys(engine.GROUPS, 0.7)}
    kernel = hashed.NativeScorer({"weights": shifted, "known": KNOWN}, settings, -0.37, "odd")
    reference = scorer(hashed.HashedScorer, "wide").vocabulary
    assert kernel.integers("WIN a free prize now") == reference.measure("WIN a free prize now")


def test_a_wrong_handle_leaves_no_buffer_open() -> None:
    """The bytes of the repairs can be changed afterwards."""
    repairs = bytearray()
    for call in (native.measure, native.score):
        with pytest.raises(ValueError, match="PyCapsule"):
            call(object(), "x", repairs)
    repairs.append(1)


def test_the_kernel_serves_one_interpreter_of_a_process() -> None:
    """A second one goes on in Python, and what it does changes nothing for the first."""
    program = """
import _xxsubinterpreters as interpreters
import despam
model = despam.load()
before = model.score("hello \\u0436\\u0437")
other = interpreters.create(isolated=False)
interpreters.run_string(other, "from despam.core import engine; assert engine.NAME == 'python', engine.NAME")
interpreters.destroy(other)
assert model.score("hello \\u0436\\u0437") == before
model.score("letters that nobody has asked for yet: \\u05d0\\u0111 &Tab;")
"""
    pytest.importorskip("_xxsubinterpreters", reason="this Python names its interpreters otherwise")
    environment = {key: value for key, value in os.environ.items() if key != "DESPAM_PURE"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


def test_the_solver_refuses_a_row_that_the_first_pass_left_out() -> None:
    """Its length would be whatever lay in memory."""
    groups = len(engine.GROUPS)
    ends, values = memoryview(bytes(8 * groups * 2)), memoryview(bytes(8 * groups * 2))
    costs, alpha = memoryview(struct.pack("dd", 1, 1)), bytearray(struct.pack("dd", 0.5, 0.5))
    for order, right in (((0, 0), True), ((0, 1), False)):
        arrays = (bytes(4), ends, values, b"\1\xff", costs, bytes(4), struct.pack("ii", *order), 1, bytearray(4), alpha)
        if right:
            native.solve(*arrays, 1.0, 1e-3)
        else:
            with pytest.raises(ValueError, match="fit"):
                native.solve(*arrays, 1.0, 1e-3)


WRONG_CALLS = [
    lambda: native.bind(memoryview(bytes(1000)).cast("b"), KNOWN, 0.0, (0.0,) * 6, 1.0),
    lambda: native.bind(memoryview(bytes(4096)).cast("i"), KNOWN, 0.0, (0.0,) * 6, 1.0),
    lambda: native.bind(WEIGHTS, memoryview(bytes(3)), 0.0, (0.0,) * 6, 1.0),
    lambda: native.scan_ids("x", 1000),
    lambda: native.scan_ids("x" * 3302, 0xFFFFF, b""),
]


@pytest.mark.parametrize("call", WRONG_CALLS)
def test_wrong_calls_of_the_kernel_are_value_errors(call: object) -> None:
    """Arrays that do not fit are refused before a byte of them is used."""
    with pytest.raises(ValueError, match=r"two|words|long|mask"):
        call()  # type: ignore[operator]
