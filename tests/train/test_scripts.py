"""Words in a script that few messages hold are no known words: such a text is unsure."""

from __future__ import annotations

from pathlib import Path

import pytest

from despam import corpus
from despam.train import train
from despam.train.scripts import script_of, scripts_of, words_of_rare_scripts

CHINESE = ("恭喜您获得大奖请回复", "请回复恭喜您获得大奖", "获得大奖请回复恭喜您")


@pytest.fixture(scope="module")
def english(data_folder: Path) -> list[corpus.Row]:
    """A sixth of the SMS Spam Collection: some 850 messages."""
    return corpus.distinct(corpus.read([str(data_folder / "sms_spam_collection.jsonl.gz")])).rows[::6]


def with_chinese(rows: list[corpus.Row], times: int) -> list[corpus.Row]:
    """Add Chinese spam, and as much Chinese ham."""
    spam = [corpus.Row(f"{text}{at}", "spam", rows[0].source) for at in range(times) for text in CHINESE]
    ham = [corpus.Row(f"{text[::-1]}{at}", "ham", rows[0].source) for at in range(times) for text in CHINESE]
    return rows + spam + ham


def test_a_few_messages_in_a_script_do_not_make_it_known(english: list[corpus.Row]) -> None:
    """Every ideograph is a word, so six messages among 850 would make each of them known."""
    few = train(with_chinese(english[:], 1)[:-3]).open().classify(CHINESE[0])
    assert few.unsure
    assert few.unsure_reason.startswith("too little evidence: none of 10")


def test_a_script_that_many_messages_hold_is_known(english: list[corpus.Row]) -> None:
    """The same text, taught in earnest, is understood."""
    many = train(with_chinese(english[:], 20)).open().classify(CHINESE[0])
    assert not many.unsure_reason.startswith("too little evidence")


@pytest.mark.parametrize(
    "text",
    [
        "请问明天几点开会，地点在哪里？",
        "好的谢谢",
        "मुझे कल सुबह फोन करना",
        "اتصل بي غدا من فضلك",
        "내일 아침에 전화해 주세요",
    ],
)
def test_the_bundled_model_is_unsure_in_scripts_that_it_did_not_learn(text: str) -> None:
    """It holds some forty mails with ideographs; they are no evidence."""
    import despam

    verdict = despam.load().classify(text)
    assert verdict.unsure_reason.startswith("too little evidence")


def test_only_words_of_rare_scripts_are_given() -> None:
    """A word in two scripts goes with the rare one; numbers have no script."""
    texts = ["hello 12 world"] * 399 + ["hello мир 12"]
    from despam.core.features import word_hash

    assert words_of_rare_scripts(texts).tolist() == [word_hash("мир")]
    assert words_of_rare_scripts(["hello мир"] * 2).tolist() == []


def test_disguises_are_looked_through_before_scripts_are_told() -> None:
    """Full-width letters are Latin ones to a reader, and to repair."""
    assert words_of_rare_scripts(["hello"] * 399 + ["ｈｅｌｌｏ"]).tolist() == []


def test_scripts_have_the_names_of_unicode() -> None:
    """Letters and marks; signs and digits have none."""
    assert [script_of(sign) for sign in "aжδ中あ़7!"] == [
        "LATIN", "CYRILLIC", "GREEK", "CJK", "HIRAGANA", "DEVANAGARI", "", "",
    ]  # fmt: skip
    assert scripts_of("plain") == {"LATIN"}
    assert scripts_of("naïve 中!") == {"LATIN", "CJK"}
