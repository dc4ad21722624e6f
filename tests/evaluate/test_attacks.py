"""Disguises are seeded, leave something to read, and do what their names say."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from despam.errors import EvaluationError
from despam.evaluate.attack_tables import EMOJI, LOOK_ALIKES, SYNONYMS
from despam.evaluate.attacks import ATTACKS, WHITE_BOX, Arms, alter, check_names, good_words
from despam.evaluate.measure import measure
from despam.evaluate.resistance import resist

TEXT = "Congratulations winner, you have won a free prize today, call now to claim your cash reward"
BLIND = [name for name in ATTACKS if name not in WHITE_BOX]


@pytest.mark.parametrize("name", BLIND)
def test_the_same_seed_gives_the_same_disguise_and_another_one_another(name: str) -> None:
    """Seeds decide, nothing else."""
    arms = Arms(["lunch", "meeting", "tomorrow", "station"])
    once = alter(name, TEXT, arms, seed=1)
    assert once == alter(name, TEXT, arms, seed=1)
    assert once != TEXT
    fixed = ("truncation", "upper-case", "synonyms")
    assert name in fixed or once != alter(name, TEXT, arms, seed=2)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=80), st.sampled_from(BLIND))
def test_no_disguise_empties_or_breaks_a_text(text: str, name: str) -> None:
    """Any text can be altered."""
    assert alter(name, text, Arms())


def test_disguises_do_not_depend_on_the_hash_seed() -> None:
    """Two processes agree."""
    code = (
        "from despam.evaluate.attacks import ATTACKS, Arms, WHITE_BOX, alter;"
        "print(ascii([alter(n, 'win a free prize now', Arms()) for n in ATTACKS if n not in WHITE_BOX]))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1


def test_each_disguise_does_what_it_says() -> None:
    """One sign of each trick."""
    arms = Arms(["lunch"])
    done = {name: alter(name, TEXT, arms) for name in BLIND}
    assert not done["look-alikes"].isascii()
    assert re.search("[\u200b\u200c\u200d\u2060\ufeff\u180e]", done["zero-width"])
    assert re.search(r"\b\w \w \w\b", done["spaced"])
    assert unicodedata.normalize("NFKC", done["full-width"]) == TEXT
    assert re.search(r"\w[013457@$!]\w", done["leet"])
    assert sorted(done["swaps-20"]) == sorted(TEXT)
    assert re.sub(r"<!--.*?-->", "", done["html-comments"]) == TEXT
    assert "display:none" in done["hidden-text"]
    assert done["good-words-150"].count("lunch") == 150
    assert done["good-words-50-front"].startswith("lunch lunch")
    assert TEXT.startswith(done["truncation"])
    assert done["soft-hyphens"].replace("\u00ad", "") == TEXT
    assert "at no charge" in done["synonyms"]
    assert done["upper-case"] == TEXT.upper()


def test_look_alikes_are_other_letters() -> None:
    """No table entry stands for itself, and none is a synonym of itself."""
    assert all(plain not in others for plain, others in LOOK_ALIKES.items())
    assert all(word != other for word, other in SYNONYMS.items())


def test_training_does_not_import_the_attack_tables() -> None:
    """What is measured with was not trained with."""
    root = Path(__file__).resolve().parents[2] / "src" / "despam" / "train"
    for path in root.rglob("*.py"):
        assert "attack_tables" not in path.read_text(encoding="utf-8"), path.name


def test_an_unknown_attack_lists_those_there_are() -> None:
    """A typo costs one look."""
    with pytest.raises(EvaluationError, match=r"no attack 'leat'; there are look-alikes"):
        check_names(["leat"])


def test_the_white_box_attack_takes_out_what_weighs_most(word_model: Any) -> None:
    """Greedy removal goes for casino, prize, then win."""
    arms = Arms([], word_model)
    text = "win at the casino a prize for you"
    assert alter("white-box-remove-3", text, arms) == "at the a for you"
    assert alter("white-box-remove-3", "casino", arms) == "casino"


def test_the_white_box_attack_adds_what_weighs_most_for_ham(word_model: Any) -> None:
    """Greedy insertion finds the two good words and stops when nothing helps."""
    arms = Arms(["lunch", "thanks", "table", "table", "chair"], word_model)
    altered = alter("white-box-insert-10", "win a prize", arms)
    assert altered == "win a prize thanks lunch"
    assert word_model.score(altered) < word_model.score("win a prize")


def test_resistance_counts_kept_recall_and_lost_ham(word_model: Any, rows: Any) -> None:
    """A word in full width is unknown to this model: without it nothing is caught; capitals change nothing."""
    names = ["full-width", "upper-case", "good-words-50"]
    data = measure(word_model, rows(["casino"] * 40, ["see you at lunch, thanks"] * 60))
    found = resist(word_model, data, names)
    assert found["clean_recall"] == 1.0
    assert found["attacks"]["upper-case"]["kept"] == 1.0
    assert found["attacks"]["upper-case"]["ham_lost"] == 0.0
    assert found["attacks"]["good-words-50"]["kept"] == 0.0
    assert found == resist(word_model, data, names)


def test_good_words_come_as_often_as_they_occur() -> None:
    """Frequency is kept."""
    assert good_words(["a lunch", "a tea"]) == ["a", "lunch", "a", "tea"]
    assert len(good_words(["word " * 1000] * 100)) == 20_000


def test_an_emoji_stands_behind_every_second_word() -> None:
    """Blanks stay as they are; a megabyte without any is one word (three hours, once, of trying each start)."""
    made = alter("emoji", " one two\n\tthree  four five ", Arms())
    emoji = f"({'|'.join(EMOJI)})"
    assert re.fullmatch(rf" one two {emoji}\n\tthree  four {emoji} five ", made)
    assert alter("emoji", "a" * 1_000_000, Arms()) == "a" * 1_000_000
