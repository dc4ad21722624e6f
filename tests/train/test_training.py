"""Training: the same bytes for the same messages, honest figures, cutoffs that promise."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from despam import corpus
from despam.core import engine
from despam.errors import TrainingError
from despam.train import Settings, SpamClassifier, train
from despam.train.calibration import best_cutoff, calibrate
from despam.train.export import quantise
from despam.train.recipe import fit, make_problem, without_rare
from despam.train.solver import solve
from despam.train.table import Table


@pytest.fixture(scope="module")
def rows(data_folder: Path) -> list[corpus.Row]:
    """A tenth of the SMS Spam Collection, repeats left out."""
    found = corpus.distinct(corpus.read([str(data_folder / "sms_spam_collection.jsonl.gz")])).rows
    return found[::8]


def test_order_does_not_matter(rows: list[corpus.Row]) -> None:
    """Shuffled rows give the same bytes."""
    shuffled = rows[:]
    random.Random(1).shuffle(shuffled)
    assert train(rows).data == train(shuffled).data


SEEDED = """
import hashlib, sys
from despam import corpus
from despam.train import train
rows = corpus.distinct(corpus.read(sys.argv[1:])).rows[::10]
print(hashlib.sha256(train(rows).data).hexdigest())
"""


def test_hash_seed_and_order_of_files_do_not_matter(data_folder: Path) -> None:
    """PYTHONHASHSEED and the order of the arguments leave every byte as it is."""
    files = [
        str(data_folder / f"{name}.jsonl.gz") for name in ("sms_india", "telegram_groups", "sms_smishing_mishra_soni")
    ]
    digests = set()
    for seed, order in (("1", files), ("2", files[::-1])):
        done = subprocess.run(
            [sys.executable, "-c", SEEDED, *order],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout.strip())
    assert len(digests) == 1


def test_another_seed_is_another_model(rows: list[corpus.Row]) -> None:
    """The seed is in the card and moves the order of the visits."""
    first, second = train(rows, seed=0), train(rows, seed=1)
    assert first.data != second.data
    assert second.card["seed"] == 1


def test_the_card_tells_what_was_learnt_from(rows: list[corpus.Row]) -> None:
    """Counts, sources and out-of-fold figures are in the file."""
    card = train(rows).open().card
    assert card["messages"] == len(rows) == card["spam"] + card["ham"]
    assert card["sources"][0]["name"] == "sms_spam_collection"
    figures = card["figures"]["out_of_fold"]
    assert 0.9 < figures["accuracy"] <= 1
    # some 560 real messages carry neither 0.1 % nor 0.5 %
    assert set(figures["recall_at_fpr"]) == {"0.01"}
    assert "asked" not in card


def test_the_card_tells_what_was_asked_for(rows: list[corpus.Row]) -> None:
    """What `evaluate --cross-validate` needs to train anew as this model was trained."""
    few = rows[::3]
    card = train(few, max_false_positives=0.1, unsure_rates=(0.1, 0.2), hold_out="folds").open().card
    assert card["asked"] == {"max_false_positives": 0.1, "unsure_rates": [0.1, 0.2], "hold_out": "folds"}
    assert train(few, unsure_costs=(9, 1, 0.5)).open().card["asked"] == {"unsure_costs": [9, 1, 0.5]}


def test_the_served_model_finds_what_training_promised(rows: list[corpus.Row]) -> None:
    """On messages it was not trained on, the exported file is as good as its card says, within sampling error."""
    taught, unseen = rows[::2], rows[1::2]
    model = train(taught)
    opened = model.open()
    right = sum((opened.classify(row.text).classification == "SPAM") == (row.label == "spam") for row in unseen)
    assert abs(right / len(unseen) - model.card["figures"]["out_of_fold"]["accuracy"]) < 0.05


def test_a_promise_raises_the_cutoff(rows: list[corpus.Row]) -> None:
    """Fewer false positives asked, a higher cutoff; what the data can support is said."""
    strict = train(rows, max_false_positives=0.02)
    assert strict.calibration.promise is not None
    assert strict.calibration.promise.false_positives / strict.card["ham"] <= 0.02
    assert strict.open().cutoff == strict.calibration.cutoff


@pytest.mark.parametrize(("spam", "ham"), [(0, 30), (30, 0), (3, 30)])
def test_too_few_of_a_class_is_refused(spam: int, ham: int) -> None:
    """One class only, or a handful of one."""
    rows = [corpus.Row(f"win {n}", "spam", "s") for n in range(spam)] + [
        corpus.Row(f"hi {n}", "ham", "s") for n in range(ham)
    ]
    with pytest.raises(TrainingError):
        train(rows)


def test_both_solvers_give_the_same_weights(rows: list[corpus.Row], monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel and the reference agree bit for bit."""
    if engine.native is None:
        pytest.skip("the kernel is not built here")
    few = sorted(rows[:120], key=lambda row: row.text)
    settings = Settings(bits=14, visits=600)
    table = Table(settings.mask, settings.scales).extend(row.text for row in few)
    labels = np.array([1 if row.label == "spam" else -1 for row in few], np.int8)
    problem = make_problem(table, labels, ["s"] * len(few), settings)
    everything = np.arange(len(few), dtype=np.int32)
    with_kernel, bias = solve(table, problem, everything)
    monkeypatch.setattr(engine, "native", None)
    reference, reference_bias = solve(table, problem, everything)
    assert bias == reference_bias
    assert np.array_equal(with_kernel, reference)
    assert np.abs(with_kernel).max() > 0.1


def test_what_one_message_alone_holds_has_no_weight() -> None:
    """It would be learnt by heart in the place of what other messages have too, and be met never again."""
    texts = ["prize wonderful", "prize marvellous", "lunch tomorrow", "lunch yesterday"] * 3
    texts[0] = "prize singularly"
    settings = Settings(bits=20)
    table = Table(settings.mask, settings.scales).extend(texts)
    labels = np.array([1, 1, -1, -1] * 3, np.int8)
    problem = make_problem(table, labels, ["s"] * len(texts), settings)
    held_by = table.document_counts(0, len(texts))
    weights = fit(table, without_rare(problem, held_by, settings), np.arange(len(texts), dtype=np.int32))
    assert (held_by == 1).any()
    assert not weights.values[held_by == 1].any()
    assert weights.values[held_by == 3].any()


def test_from_four_sources_on_no_group_convinces_alone(rows: list[corpus.Row]) -> None:
    """The limit is in the file, scores keep to it, training scored with it; three sources know none."""

    def sources(count: int) -> list[corpus.Row]:
        return [corpus.Row(row.text, row.label, f"source {at % count}") for at, row in enumerate(rows)]

    free, held = train(sources(3)), train(sources(4))
    assert "limit" not in free.open().settings
    assert free.weights.limit == float("inf")
    model, limit = held.open(), held.open().settings["limit"]
    assert limit == pytest.approx(Settings().group_limit * held.calibration.a)
    assert held.card["settings"]["group_limit"] == Settings().group_limit
    texts = [row.text for row in rows[:100]]
    served = np.array([model.score(text) for text in texts])
    assert np.abs(served - model.bias).max() < limit * len(engine.GROUPS)
    table = Table(Settings().mask, Settings().scales).extend(texts)
    learnt = held.weights.scores(table, np.arange(len(texts), dtype=np.int32))
    assert served == pytest.approx(held.calibration.a * learnt + held.calibration.b, abs=0.2)  # weights were rounded


def test_messages_are_counted_among_some() -> None:
    """Those among some and those among the others are all of them, and the counts are those of a table of these."""
    texts = [f"call {n % 7} now {n % 5} please" for n in range(40)]
    settings = Settings(bits=14)
    table = Table(settings.mask, settings.scales).extend(texts)
    among = np.arange(40) % 3 == 0
    some = table.document_counts(0, 40, among)
    alone = Table(settings.mask, settings.scales).extend(text for text, one in zip(texts, among, strict=True) if one)
    assert np.array_equal(some, alone.document_counts(0, len(alone)))
    assert np.array_equal(some + table.document_counts(0, 40, ~among), table.document_counts(0, 40))
    assert np.array_equal(table.document_counts(3, 40, among[3:]), some - table.document_counts(0, 1))


def test_few_messages_cost_more_each() -> None:
    """Strength is of many messages; the mean cost of few is higher by the root of how many fewer, of more the same."""
    settings = Settings(strength=8.0, many=20_000)
    assert settings.mean_cost(5_000) == 16.0
    assert settings.mean_cost(20_000) == settings.mean_cost(80_000) == 8.0


def test_rounding_is_within_half_a_unit() -> None:
    """int8 and int16 keep what is not clipped to half a unit."""
    values = np.random.default_rng(0).normal(size=5000)
    for kind in ("int8", "int16"):
        integers, unit = quantise(values, kind)
        inside = np.abs(integers.astype(int)) < np.iinfo(kind).max
        assert inside.mean() > 0.99
        assert np.abs(integers * unit - values)[inside].max() <= unit / 2 + 1e-12


def test_the_best_cutoff_separates() -> None:
    """It lies in the middle of the widest gap between the classes."""
    scores, labels = np.array([-3.0, -1.0, 2.0, 4.0]), np.array([-1, -1, 1, 1], np.int8)
    assert best_cutoff(scores, labels) == 0.5


def test_calibration_finds_the_sigmoid_that_made_the_labels() -> None:
    """Platt's sigmoid is found again from its own samples."""
    random_source = np.random.default_rng(0)
    scores = random_source.normal(0, 3, 20_000)
    labels = np.where(random_source.random(20_000) < 1 / (1 + np.exp(-(0.7 * scores - 1))), 1, -1).astype(np.int8)
    found = calibrate(scores, labels, np.ones(20_000))
    assert found.a == pytest.approx(0.7, abs=0.03)
    assert found.b == pytest.approx(-1, abs=0.06)


def test_the_classifier_is_the_trainer(rows: list[corpus.Row]) -> None:
    """SpamClassifier.fit learns what `train` learns from the same rows: the same bytes."""
    texts, labels = [row.text for row in rows], [row.label or "" for row in rows]
    fitted = SpamClassifier().fit(texts, labels)
    same = [corpus.Row(text, label, "fit") for text, label in zip(texts, labels, strict=True)]
    assert fitted.model_data_ == train(same).data
