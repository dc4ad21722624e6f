"""Sources left out: which, and that a promise set on them holds where one set on folds does not."""

from __future__ import annotations

import random

import numpy as np
import pytest

from despam import corpus, train
from despam.errors import SettingError, TrainingError
from despam.evaluate import promise
from despam.train import hold_out, training
from despam.train.calibration import calibrate


def many(sizes: dict[str, tuple[int, int]]) -> tuple[np.ndarray, list[str]]:
    """Labels and sources of so many ham and spam a source."""
    labels, sources = [], []
    for name, (ham, spam) in sorted(sizes.items()):
        labels += [-1] * ham + [1] * spam
        sources += [name] * (ham + spam)
    return np.array(labels, np.int8), sources


FOUR = dict.fromkeys("abcd", (100, 20))


def test_four_sources_with_enough_of_both_classes_are_left_out_in_turn() -> None:
    held = hold_out.choose("auto", *many(FOUR), seed=0)
    assert held.way == "sources"
    assert list(held.usable) == ["a", "b", "c", "d"]
    assert [int(rows.sum()) for rows in held.left_out[:-1]] == [120] * 4
    assert sum(rows.astype(int) for rows in held.left_out[:-1]).tolist() == [1] * 480
    assert int(held.left_out[-1].sum()) == 96


@pytest.mark.parametrize(
    "sizes",
    [
        {"a": (300, 300)},
        {**FOUR, "d": (99, 20)},
        {**FOUR, "d": (100, 19)},
        {**FOUR, "ham only": (1_000, 0)},
    ],
)
def test_few_sources_and_a_large_rest_are_left_out_by_folds(sizes: dict[str, tuple[int, int]]) -> None:
    held = hold_out.choose("auto", *many(sizes), seed=0)
    assert (held.way, len(held.left_out), held.usable) == ("folds", hold_out.FOLDS, {})
    with pytest.raises(TrainingError, match="give more sources"):
        hold_out.choose("sources", *many(sizes), seed=0)


def test_small_sources_are_one_part_and_many_share_parts() -> None:
    labels, sources = many({f"s{n:02}": (100, 20 + n) for n in range(13)} | {"t": (5, 5), "u": (1, 0)})
    held = hold_out.choose("sources", labels, sources, seed=0)
    assert len(held.usable) == 13
    assert len(held.left_out) == hold_out.MOST_PARTS + 2
    assert int(held.left_out[hold_out.MOST_PARTS].sum()) == 11
    assert all(len({held.part_of[row] for row in range(*block)}) == 1 for block in held.usable.values())


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(SettingError, match="not by 'halves'"):
        hold_out.choose("halves", *many(FOUR), seed=0)


def test_clusters_are_dealt_whole_and_each_class_evenly() -> None:
    labels = np.array([-1] * 60 + [1] * 40, np.int8)
    groups = np.arange(100) // 2
    folds = hold_out.make_folds(labels, 0, groups)
    assert (folds[::2] == folds[1::2]).all()
    assert np.bincount(folds[:60]).tolist() == [12] * 5
    assert np.bincount(folds[60:]).tolist() == [8] * 5
    # a cluster a message is no cluster at all
    assert (hold_out.make_folds(labels, 3, np.arange(100)) == hold_out.make_folds(labels, 3)).all()
    with pytest.raises(TrainingError, match="all spam are near-copies of each other"):
        hold_out.make_folds(labels, 0, np.minimum(groups, 30))


def test_near_copies_elsewhere_are_not_learnt_from_nor_scored() -> None:
    labels, sources = many(dict.fromkeys("abcd", (150, 40)))
    groups = np.arange(len(labels))
    groups[190:200] = groups[:10]  # ten ham of b are near-copies of ham of a
    held = hold_out.choose("auto", labels, sources, 0, groups)
    assert held.way == "sources"
    without_a = held.part_of[0]
    assert int(held.left_out[without_a].sum()) == 190
    assert np.flatnonzero(held.untaught[without_a] & ~held.left_out[without_a]).tolist() == list(range(190, 200))
    assert held.has_copies_elsewhere(int(without_a))
    plain = hold_out.choose("auto", labels, sources, 0)
    assert not any(plain.has_copies_elsewhere(part) for part in range(4))


def test_sources_that_are_copies_of_each_other_are_not_left_out() -> None:
    """Without the near-copies of one nothing is left of the others; a source of one message is no source of 100."""
    labels, sources = many(dict.fromkeys("abcd", (150, 40)))
    held = hold_out.choose("auto", labels, sources, 0, np.arange(len(labels)) % 190)
    assert held.way == "folds"
    with pytest.raises(TrainingError, match="messages of their own"):
        hold_out.choose("sources", labels, sources, 0, np.arange(len(labels)) % 190)
    repeated = np.arange(len(labels))
    repeated[:60] = 0
    assert hold_out.choose("auto", labels, sources, 0, repeated).way == "folds"


def test_training_without_a_promise_knows_nothing_of_near_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs nothing there, and the released models stay what they are."""
    rows = [corpus.Row(f"lunch at {n} with table", "ham", "s") for n in range(30)]
    rows += [corpus.Row(f"win prize number {n * 7} now", "spam", "s") for n in range(30)]

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(training, "clusters", refuse)
    train.train(rows, settings=train.Settings(bits=10))
    with pytest.raises(AssertionError):
        train.train(rows, settings=train.Settings(bits=10), unsure_rates=(0.5, 0.5))


def test_each_source_counts_once_and_the_worst_is_named() -> None:
    """The large source loses nothing, the small one all that is allowed."""
    ham = {"large": [-1.0 - n / 10_000 for n in range(10_000)], "small": [n / 1000 for n in range(1_000)]}
    made = promise.cutoff_by_source(ham, 1 / 100, {"large": [2.0], "small": [0.5, 2.0]})
    assert made.kept
    assert made.false_positives == 20
    assert made.worst == ("small", 0.02)
    assert made.recall == 0.75
    assert "on average over 2 sources left out, 2.00% of small at worst" in made.sentence
    poor = promise.cutoff_by_source({"a": [0.0] * 100, "b": [1.0] * 100}, 1 / 1000)
    assert (poor.kept, poor.false_positives) == (False, 0)
    assert poor.cutoff_score > 1
    assert "support 1 in 67, not 1 in 1,000" in poor.sentence


def test_a_promise_on_sources_holds_where_one_on_folds_is_broken() -> None:
    """Sources whose ham scores are shifted, each by its own amount: 100 times, the mean loss on the next source."""
    rng = np.random.default_rng(0)
    lost: dict[str, list[float]] = {"folds": [], "sources": []}
    for _ in range(100):
        shift = rng.normal(2, 0.5, 9)
        # a fit that has seen a source has learnt its shift; one that has not finds it in the scores
        seen = [rng.normal(-4, 1, 500) for _ in range(8)]
        unseen = [scores + own for scores, own in zip(seen, shift, strict=False)]
        spam = rng.normal(4, 1, 800)
        scores, labels = np.concatenate([*seen, spam]), np.repeat([-1, 1], [4_000, 800]).astype(np.int8)
        elsewhere = {str(n): (ham.tolist(), spam.tolist()) for n, ham in enumerate(unseen)}
        fresh = rng.normal(-4, 1, 500) + shift[8]
        for way, given in (("folds", None), ("sources", elsewhere)):
            found = calibrate(scores, labels, np.ones(4_800), 0.01, elsewhere=given)
            assert found.promise is not None
            lost[way].append(float((fresh >= found.promise.cutoff_score).mean()))
    # eight sources bound nothing, so a little is lost beyond the promise
    assert np.mean(lost["folds"]) > 0.2
    assert np.mean(lost["sources"]) < 0.015


def test_training_says_which_way_it_took_and_another_order_gives_the_same_bytes() -> None:
    """Four small sources with words of their own."""
    rng = random.Random(0)
    rows = [
        corpus.Row(f"{word} {source} {rng.randbytes(9).hex()} {rng.choice(['we', 'you', 'they'])}", label, source)
        for source in "abcd"
        for label, word, count in (("ham", "lunch", 110), ("spam", "prize", 30))
        for _ in range(count)
    ]
    settings = train.Settings(bits=12)
    by_sources = train.train(rows, max_false_positives=0.1, settings=settings)
    assert by_sources.card["held_out"] == "sources"
    assert by_sources.calibration.promise is not None
    assert by_sources.calibration.promise.sources == 4
    assert set(by_sources.card["figures"]["by_source"]) == set("abcd")
    rng.shuffle(rows)
    assert train.train(rows, max_false_positives=0.1, settings=settings).data == by_sources.data
    by_folds = train.train(rows, max_false_positives=0.1, hold_out="folds", settings=settings)
    assert by_folds.card["held_out"] == "folds"
    assert by_folds.calibration.promise is not None
    assert by_folds.calibration.promise.sources == 0
    # nothing is promised: nothing to leave sources out for
    assert train.train(rows, settings=settings).card["held_out"] == "folds"
    assert train.train(rows, hold_out="sources", settings=settings).card["held_out"] == "sources"
