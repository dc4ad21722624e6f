"""Repair: a reader's text, what was repaired, and offsets that lead back."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from despam.core.offsets import Offsets, find_unread, source_span
from despam.core.repair import HEAD, TAIL, repair

CASES = {
    "plain text stays": ("See you at 5, ok?", "See you at 5, ok?", ()),
    "inline tags join": ("V<b></b>iagra", "Viagra", ("html",)),
    "blocks part": ("one<br>two<p>three", "one\ntwo\nthree", ("html",)),
    "a link keeps its host": ('<a href="http://evil.example/x?y">here</a>', " http://evil.example here", ("html",)),
    "an image keeps its alt text": ('<img src="x.gif" alt="buy now">', " buy now ", ("html",)),
    "what a reader does not see goes": (
        'sale<span style="display: none">novel words</span> today', "sale  today", ("html", "hidden"),
    ),
    "a comment inside a word is hidden text": ("via<!-- x -->gra", "viagra", ("html", "hidden")),
    "an unclosed comment hides nothing": ("<!-- buy pills", "<!-- buy pills", ()),
    "script goes": ("a<script>var b = 1</script>c", "a c", ("html",)),
    "less than is no tag": ("if a < b and c > d", "if a < b and c > d", ()),
    "entities decode": ("fish &amp; chips &pound;5", "fish & chips £5", ()),
    "a letter as a number is a disguise": ("cl&#105;ck", "click", ("entities",)),
    "an unknown entity stays": ("&nosuch; &#99999999;", "&nosuch; &#99999999;", ()),
    "zero-width inside a word": ("fr\u200bee", "free", ("zero-width",)),
    "a joiner in an emoji is honest": ("\U0001f468\u200d\U0001f469", "\U0001f468\U0001f469", ()),
    "a joiner in Persian is honest": ("می\u200cخواهم", "میخواهم", ()),
    "soft hyphen": ("vi\xadagra", "viagra", ("zero-width",)),
    "bidi override": ("\u202egro.live\u202c", "gro.live", ("bidi",)),
    "full-width": ("ｆｒｅｅ", "free", ("full-width",)),
    "full-width punctuation is honest": ("好的，谢谢！", "好的,谢谢!", ()),
    "mathematical letters": ("\U0001d413\U0001d41e\U0001d425\U0001d41e", "Tele", ("full-width",)),
    "Cyrillic inside Latin": ("раyраl", "paypal", ("look-alikes",)),
    "Latin inside Cyrillic": ("пpивeт", "привет", ("look-alikes",)),
    "honest Russian": ("Привет, как дела? iPhone", "Привет, как дела? iPhone", ()),
    "honest Greek": ("Καλημέρα σας", "Καλημέρα σας", ()),
    "small capitals": ("\u0280\u1d07\u1d05", "red", ("look-alikes",)),
    "letters spaced out": ("get F R E E cash", "get FREE cash", ("spaced-out",)),
    "letters dotted out": ("get V.I.A.G.R.A now", "get VIAGRA now", ("spaced-out",)),
    "initials are honest": ("J. R. R. T. and a b c", "J. R. R. T. and a b c", ()),
    "a lone surrogate": ("a\ud800b", "a\ufffdb", ()),
    "control characters": ("a\x00b", "ab", ("zero-width",)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_reader_sees(name: str) -> None:
    """Each disguise is undone and named; honest text stays itself."""
    source, text, kinds = CASES[name]
    assert repair(source) == (text, kinds)


@pytest.mark.parametrize("name", CASES)
def test_offsets_lead_back(name: str) -> None:
    """Every character of the repaired text leads to a span of the text as given."""
    source, text, _ = CASES[name]
    trace: list = []
    repair(source, trace)
    offsets = Offsets(len(source), trace)
    assert len(offsets.starts) == len(offsets.ends) == len(text)
    for at in range(len(text)):
        start, end = offsets.span(at, at + 1)
        assert 0 <= start < end <= len(source)


def test_a_disguised_word_leads_to_its_disguise() -> None:
    """The span of a repaired word is what the sender wrote."""
    source = "now f\u200br\u200be\u200be iPhone"
    trace: list = []
    text, _ = repair(source, trace)
    start, end = Offsets(len(source), trace).span(text.index("free"), text.index("free") + 4)
    assert source[start:end] == "f\u200br\u200be\u200be"


def test_only_head_and_tail_are_scored() -> None:
    """A long text is cut to the first 3,000 and the last 300 characters."""
    source = "a " * 5_000 + "THE END"
    text, _ = repair(source)
    assert len(text) == HEAD + 1 + TAIL
    assert text.endswith("THE END")


def test_what_is_not_read_of_a_long_text_is_told() -> None:
    """One span in plain text; in markup it is longer, as tags do not use up what is read."""
    source = "be " * 5_000 + "THE END"
    assert find_unread(source) == [(HEAD, len(source) - TAIL)]
    assert find_unread("a" * (HEAD + TAIL)) == []
    markup = "<p><b>word</b></p>" * 1_000  # a line end, four letters, a line end are left of eighteen characters
    ((start, end),) = find_unread(markup)
    assert start == pytest.approx(18 * HEAD / 6, abs=18)
    assert end == pytest.approx(len(markup) - 18 * TAIL / 6, abs=18)
    assert find_unread("<i></i>" * 3_000 + "short") == []


@pytest.mark.parametrize("source", ["<b>a</b> " * 20_000, "\u0436\u0436 " * 9_000, "&amp;x" * 9_000, "<!--" * 9_000])
def test_what_is_not_read_decides_nothing(source: str) -> None:
    """Other words in its place leave the repaired text as it is."""
    for start, end in find_unread(source):
        middle = (start + end) // 2
        assert repair(source[:middle] + "pills" + source[middle + 5 :]) == repair(source)


@pytest.mark.parametrize("source", [case[0] for case in CASES.values()], ids=list(CASES))
def test_a_span_is_followed_back_as_offsets_follow_it(source: str) -> None:
    """Each character of what is repaired, by both ways."""
    trace: list[list[tuple[int, int, str]]] = []
    text, _ = repair(source, trace)
    offsets = Offsets(len(source), trace)
    assert [source_span(trace, at, at + 1) for at in range(len(text))] == [
        offsets.span(at, at + 1) for at in range(len(text))
    ]


def test_a_long_comment_does_not_push_the_message_out() -> None:
    """Comments and styles do not use up what is read."""
    source = (
        "<!-- " + "padding " * 20_000 + "--><style>" + "b{} " * 20_000 + "</style>buy pills now" + " filler" * 5_000
    )
    assert "buy pills now" in repair(source)[0]


HOSTILE = {
    "open tags": "<a href=" * 130_000,
    "open comments": "<!--" * 260_000,
    "open entities": "&#" * 520_000,
    "single letters": "a b " * 260_000,
    "combining marks": "e" + "\u0301\u0323" * 50_000,
    "mixed word": "a\u0430" * 500_000,
    "hidden blocks": "<b hidden>x</b>" * 70_000,
    "one word": "a" * (1 << 20),
    "styles": "<style>" * 150_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_made_to_be_slow_is_cheap(name: str) -> None:
    """A mebibyte of any trick costs a fraction of a second, on a loaded machine too (alone: under 20 ms)."""
    start = time.process_time()
    text, _ = repair(HOSTILE[name])
    assert time.process_time() - start < 0.5
    assert len(text) <= HEAD + 1 + TAIL


@settings(deadline=None)
@given(st.text(alphabet=st.characters(), max_size=200))
def test_any_text_leads_back(source: str) -> None:
    """Whatever the text, offsets stay inside it and in order of their repaired characters."""
    trace: list = []
    text, _ = repair(source, trace)
    offsets = Offsets(len(source), trace)
    assert len(offsets.starts) == len(text)
    assert all(0 <= start < end <= len(source) for start, end in zip(offsets.starts, offsets.ends, strict=True))
    assert repair(source)[0] == text
