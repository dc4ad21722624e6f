"""Repeats count once, conflicts are named and left out, and the order of files changes nothing."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despam import corpus
from despam.corpus import Row, repeats
from despam.errors import TrainingError


def row(text: str, label: str = "ham", line: int = 1, source: str = "a", mail: bool = False) -> Row:
    return Row(text, label, source, line, mail=mail)


def test_equal_but_for_case_punctuation_and_width_is_a_repeat() -> None:
    found = corpus.distinct(
        [row("Hello, World 7!", line=1), row("hello world７", line=2), row("hello world 8", line=3)]
    )
    assert [kept.line for kept in found.rows] == [1, 3]
    assert (found.read, found.repeats, found.conflicts) == (3, 1, 0)


def test_texts_without_letters_are_compared_as_they_stand() -> None:
    found = corpus.distinct([row(":-)"), row("?"), row(":-)", line=2)])
    assert sorted(kept.text for kept in found.rows) == [":-)", "?"]


def test_keep_repeats_keeps_them_all_but_for_conflicts() -> None:
    rows = [row("a", line=1), row("A", line=2), row("b", "spam", 3), row("B", "ham", 4)]
    found = corpus.distinct(rows, keep_repeats=True)
    assert [kept.line for kept in found.rows] == [1, 2]
    assert (found.repeats, found.conflicts, found.conflict_rows) == (0, 1, 2)


def test_a_text_with_both_labels_is_left_out_and_its_first_lines_named() -> None:
    rows = [row("x", "spam", 9), row("x", "ham", 5), row("X", "spam", 7), row("y", "ham", 1)]
    found = corpus.distinct(rows)
    assert [kept.text for kept in found.rows] == ["y"]
    assert (found.conflicts, found.conflict_rows) == (1, 3)
    assert found.examples == ["a, line 5 (ham) and a, line 7 (spam)"]


def test_of_mails_the_bodies_are_compared_without_subject_and_markup() -> None:
    rows = [
        row("One\n<p>Buy now</p>", mail=True),
        row("Two\nBuy <b>now", line=2, mail=True),
        row("Buy", line=3, mail=True),
    ]
    assert [kept.line for kept in corpus.distinct(rows).rows] == [3, 1]


def test_address_lines_at_the_head_do_not_make_a_difference() -> None:
    rows = [row("From: a@b\nSubject: x\n\nhello"), row("Date: today\nhello", line=2), row("Subject: only this", line=3)]
    assert [kept.line for kept in corpus.distinct(rows).rows] == [1, 3]


def test_the_order_in_which_rows_come_changes_nothing() -> None:
    told = [("one", "ham"), ("One!", "ham"), ("two", "spam"), ("two", "ham"), ("three", "spam"), ("", "ham")]
    rows = [row(text, label, line, source) for source in "ab" for line, (text, label) in enumerate(told)]
    wanted = [(kept.source, kept.line, kept.text) for kept in corpus.distinct(rows).rows]
    for seed in range(20):
        random.Random(seed).shuffle(rows)
        found = corpus.distinct(rows)
        assert [(kept.source, kept.line, kept.text) for kept in found.rows] == wanted
        assert found.examples == ["a, line 3 (ham) and a, line 2 (spam)"]


def test_the_hash_seed_changes_nothing(data_folder: Path) -> None:
    script = (
        "import sys, hashlib; from despam import corpus; "
        "rows = corpus.distinct(corpus.read(sys.argv[1:])).rows; "
        "print(hashlib.sha256('|'.join(f'{r.source}{r.line}' for r in rows).encode()).hexdigest())"
    )
    files = [str(data_folder / f"{name}.jsonl.gz") for name in ("telegram_groups", "youtube_spam_collection")]
    runs = set()
    for seed, paths in (("0", files), ("1", files[::-1])):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        runs.add(
            subprocess.run(
                [sys.executable, "-c", script, *paths], env=environment, capture_output=True, check=True
            ).stdout
        )
    assert len(runs) == 1


def test_the_repeats_found_are_those_the_corpora_mark(corpora: Path) -> None:
    for name in ("sms_spam_collection", "sms_india", "ling_spam"):
        rows = list(corpus.read(corpora / f"{name}.jsonl.gz"))
        assert corpus.distinct(rows).repeats == sum("dup" in one.fields for one in rows)


@pytest.mark.parametrize(
    ("spam", "ham", "sentence"),
    [
        (0, 40, "all 40 messages are ham, none is spam; give messages of both kinds"),
        (40, 0, "all 40 messages are spam, none is ham; give messages of both kinds"),
        (0, 0, "there are no messages; give messages of both kinds"),
        (9, 40, "only 9 spam beside 40 ham, repeats not counted; at least 10 of each are needed, give more messages"),
        (40, 3, "only 3 ham beside 40 spam, repeats not counted; at least 10 of each are needed, give more messages"),
    ],
)
def test_too_little_of_a_class_is_refused_in_words(spam: int, ham: int, sentence: str) -> None:
    with pytest.raises(TrainingError) as caught:
        corpus.require_both([row("x", "spam")] * spam + [row("x", "ham")] * ham)
    assert str(caught.value) == sentence


def test_ten_of_each_are_enough() -> None:
    assert corpus.require_both([row("x", "spam")] * 10 + [row("x", "ham")] * 10) is None


@given(st.text() | st.text("a_ -.\u00e9\u00b2\ud800\u4e00\u2014", max_size=30))
def test_letters_are_what_the_expression_leaves(text: str) -> None:
    """Of any text, lone surrogates too."""
    assert repeats.letters(text) == repeats.OTHER.sub("", text)


@given(st.lists(st.sampled_from(["<!--", "-->", "<", "b", ">", "-", "<!", " ", "\n"]), max_size=12).map("".join))
def test_tags_and_comments_are_what_the_expression_leaves_out(text: str) -> None:
    """Wherever comments open and end."""
    assert repeats.without_tags(text) == repeats.TAGS.sub(" ", text)
