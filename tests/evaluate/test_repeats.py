"""Near-repeats are found, all of them and nothing else, and fast."""

from __future__ import annotations

import random
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from despam.corpus.repeats import normal
from despam.evaluate import repeats

WORDS = ["the", "and", "you", "that", "was", "for", "are", "with", "his", "they", "this", "have", "from", "one", "had"]


def sentence(rng: random.Random, words: int = 30) -> str:
    return " ".join(rng.choice(WORDS) + str(rng.randrange(1000)) for _ in range(words))


def test_clusters_are_those_of_the_exact_comparison() -> None:
    """MinHash finds every pair that comparing all pairs finds, on 300 texts with copies of all degrees."""
    rng = random.Random(5)
    texts = [sentence(rng) for _ in range(60)]
    for _ in range(240):
        words = rng.choice(texts[:60]).split()
        for _ in range(rng.randrange(6)):
            words[rng.randrange(len(words))] = rng.choice(WORDS)
        texts.append(" ".join(words))
    marks = [repeats.shingles(normal(text)) for text in texts]
    parent = list(range(len(texts)))

    def find(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for i in range(len(texts)):
        for j in range(i):
            if repeats.jaccard(marks[i], marks[j]) >= 0.8:
                one, other = find(i), find(j)
                parent[max(one, other)] = min(one, other)
    assert repeats.clusters(texts) == [find(i) for i in range(len(texts))]
    assert len(set(repeats.clusters(texts))) < 200


def test_equal_up_to_case_blanks_and_punctuation_is_equal() -> None:
    """The corpus' normal form."""
    assert repeats.clusters(["WIN now!", "w i n   NOW", "win, now...", "lose"]) == [0, 0, 0, 3]
    assert repeats.normalised_hash("Ｗin a prize now") == repeats.normalised_hash("win a PRIZE, NOW!")


def test_texts_without_a_letter_are_repeats_only_when_equal() -> None:
    """Emoji have no normal form."""
    assert repeats.clusters(["🎉🎉", "🔥", "🎉🎉", "", " ", "!"]) == [0, 1, 0, 3, 3, 5]


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=20))
def test_any_text_can_be_compared(texts: list[str]) -> None:
    """Lone surrogates, empty texts, any script; a cluster is named after its first text."""
    found = repeats.clusters(texts)
    assert len(found) == len(texts)
    assert all(found[cluster] == cluster <= i for i, cluster in enumerate(found))


def test_the_answer_does_not_depend_on_the_hash_seed() -> None:
    """Two processes with other hash seeds agree."""
    code = (
        "import random; from despam.evaluate import repeats; r = random.Random(1);"
        "w = [str(r.randrange(50)) for _ in range(400)];"
        "print(repeats.clusters([' '.join(w[i:i + 20]) for i in range(0, 380, 1)]))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1
    assert next(iter(answers)).startswith("[0, ")


def test_a_template_sent_ten_thousand_times_costs_no_square() -> None:
    """Ten thousand copies with another number each: one cluster, seconds."""
    texts = [
        f"Dear customer, your parcel {n:05} is held at the depot, pay the fee at once to have it sent"
        for n in range(10_000)
    ]
    assert set(repeats.clusters(texts)) == {0}
