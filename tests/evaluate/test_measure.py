"""Running a model over rows: refusals in one sentence, groups, overlap with training."""

from __future__ import annotations

import random
from typing import Any

import pytest

from despam.errors import EvaluationError
from despam.evaluate import figures, intervals
from despam.evaluate.drawn import Drawn
from despam.evaluate.measure import (
    Labelled,
    channel,
    check_field,
    grouping,
    language,
    measure,
    overlap,
    overlap_sentence,
    require_both,
)
from despam.evaluate.repeats import normalised_hash, remembered


def test_a_score_that_is_no_number_is_refused_with_its_place(word_model_class: Any, rows: Any) -> None:
    """NaN would rank anywhere."""
    broken = word_model_class({"win": float("nan")})
    with pytest.raises(EvaluationError, match=r"here, line 2: model 0123456789ab gives no number here \(nan\)"):
        measure(broken, rows(["hello", "win"], ["tea"]))


def test_rows_without_label_are_refused(word_model: Any) -> None:
    """Measuring needs labels."""
    with pytest.raises(EvaluationError, match="x, line 7: this message has no label"):
        measure(word_model, [Labelled("hi", None, "x", 7)])


def test_one_class_only_is_refused(rows: Any) -> None:
    """Nothing can be told from spam alone."""
    with pytest.raises(EvaluationError, match="all 2 messages are of one class, there is no ham"):
        require_both(rows(["a", "b"], []), "f.csv")
    with pytest.raises(EvaluationError, match="no message"):
        require_both([], "f.csv")
    with pytest.raises(EvaluationError, match="only 3 spam, this measurement needs 5"):
        require_both(rows(["a"] * 3, ["b"] * 9), "f.csv", 5)


def test_an_unknown_field_lists_those_there_are(rows: Any) -> None:
    """--by with a typo."""
    data = rows(["a"], ["b"], video="Psy")
    check_field(data, "video")
    check_field(data, "length")
    with pytest.raises(EvaluationError, match="there are source, language, channel, length, video"):
        check_field(data, "vidio")


def test_messages_seen_in_training_are_counted(word_model: Any, rows: Any) -> None:
    """By the hash of the normal form; short everyday texts say nothing."""
    data = measure(word_model, rows(["Win a prize today!!", "ok"], ["see you tomorrow"]))
    nothing = {"known": False, "told": False, "messages": None, "share": None, "found": 0, "looked_up": 0}
    assert overlap(word_model, data) == nothing
    assert "its file does not tell" in overlap_sentence(nothing)
    word_model.seen = [normalised_hash("win a PRIZE today"), normalised_hash("ok")]
    word_model.settings = {"seen_every": 1}
    found = overlap(word_model, data)
    assert found == {"known": True, "told": True, "messages": 2, "share": 0.5, "found": 1, "looked_up": 2}
    told = "About 50 % of these messages were in the model's training data (estimated from 2 looked up)"
    assert overlap_sentence(found).startswith(told)
    few, enough = (found | {"share": 0.0, "found": 0, "looked_up": count} for count in (29, 30))
    assert overlap_sentence(few).endswith(
        "None of the 29 messages looked up was in the model's training data: too few to tell."
    )
    assert overlap_sentence(enough) == "None of the 30 messages looked up was in the model's training data."
    short = overlap(word_model, measure(word_model, rows(["ok"], ["yes"])))
    assert (short["known"], short["told"]) == (False, True)
    assert "none of them can be looked up" in overlap_sentence(short)


def test_a_sample_of_hashes_tells_the_share(word_model: Any, rows: Any) -> None:
    """20,000 training messages leave at most 2,048 hashes; half of the measured messages are among them."""
    trained = [f"this is training message number {i}" for i in range(20_000)]
    every, hashes = remembered(trained)
    assert every == 16
    assert len(hashes) <= 2_048
    assert hashes == sorted(set(hashes))
    word_model.seen, word_model.settings = hashes, {"seen_every": every}
    data = measure(word_model, rows(trained[:3_000], [f"nobody has seen message {i} before" for i in range(3_000)]))
    found = overlap(word_model, data)
    assert found["known"]
    assert found["looked_up"] > 200
    assert abs(found["share"] - 0.5) < 0.1


def test_a_trained_file_remembers_its_messages(make_model: Any, small_rows: Any) -> None:
    """From `train` to `evaluate`: the messages it learnt from are known again, new ones are not."""
    import despam

    model = despam.load(make_model())
    texts, labels = small_rows
    data = measure(model, [Labelled(t, label, "sms") for t, label in zip(texts, labels, strict=True)])
    assert overlap(model, data)["share"] == 1.0
    new = measure(model, [Labelled(f"entirely new message about gardening {i}", "ham") for i in range(50)])
    assert overlap(model, new)["share"] == 0.0


def test_channel_and_language_are_told_by_fields_then_by_names() -> None:
    """What is not told is said not to be."""
    assert channel(Labelled("x", "ham", "sms_india")) == "SMS"
    assert channel(Labelled("x", "ham", "box", mail=True)) == "e-mail"
    assert channel(Labelled("x", "ham", "box", fields={"channel": "chat"})) == "chat"
    assert channel(Labelled("x", "ham", "box")) == "other"
    assert language(Labelled("x", "ham", "sms_turkish")) == "tr"
    assert language(Labelled("x", "ham", "telegram_groups")) == "ru"
    assert language(Labelled("x", "ham", "sms_turkish", fields={"lang": "de"})) == "de"
    assert language(Labelled("x", "ham", "box")) == "not told"


def test_figures_stand_for_all_messages_and_without_repeats(word_model: Any, rows: Any) -> None:
    """Raw and cleaned side by side; a text under both labels is out of the cleaned ones."""
    data = rows(["win a free prize"] * 5 + ["both labels here"], ["lunch at noon today", "both labels here", "tea"])
    found = figures.full(measure(word_model, data))
    assert (found["messages"], found["spam"], found["ham"]) == (9, 6, 3)
    assert found["recall"] == pytest.approx(5 / 6)
    assert found["repeats"] == 5
    assert found["conflicts"] == 1
    assert (found["cleaned"]["messages"], found["cleaned"]["recall"]) == (3, 1.0)
    assert set(found["recall_at_fpr"]) == {"0.001", "0.005", "0.01"}
    assert found["recall_at_fpr"]["0.001"] is None
    assert "3 real messages" in found["recall_at_fpr_reasons"]["0.001"]
    low, high = found["intervals"]["accuracy"]
    assert 0 <= low <= found["accuracy"] <= high <= 1


def test_every_figure_that_is_drawn_has_an_interval_round_it(word_model: Any, rows: Any) -> None:
    """150 ham carry a recall at 1 % and none at .5 %; a figure that the data do not give has none."""
    spam = [f"win {random_word(i)}" if i % 3 else f"see {random_word(i)}" for i in range(60)]
    ham = [f"lunch {random_word(i)}" if i % 5 else f"casino {random_word(i)}" for i in range(100, 250)]
    told: list[tuple[str, int, int]] = []
    found = figures.full(
        measure(word_model, rows(spam, ham)), progress=lambda stage, done, of: told.append((stage, done, of))
    )
    assert set(found["intervals"]) == {
        "accuracy", "precision", "recall", "false_positive_rate", "f1", "mcc", "auc", "pr_auc", "recall_at_0.01",
        "brier", "ece", "log_loss",
    }  # fmt: skip
    for name, (low, high) in found["intervals"].items():
        value = found["recall_at_fpr"]["0.01"] if name == "recall_at_0.01" else found[name]
        assert low <= value <= high, name
        assert low < high or name == "recall_at_0.01"
    assert [stage for stage, done, _ in told if done == 0] == ["near-copies", "intervals", "intervals"]


def random_word(seed: int) -> str:
    """Twenty letters: no near-copy of another."""
    return "".join(random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz", k=20))


def test_without_a_mistake_an_interval_is_no_certainty(word_model: Any, rows: Any) -> None:
    """Every draw gives 1; Wilson's interval for so many clusters does not."""
    spam = [f"win a prize {random_word(i)}" for i in range(20)]
    ham = [f"lunch {random_word(i)}" for i in range(100, 250)]
    found = figures.full(measure(word_model, rows(spam * 3, ham)))
    assert found["recall_at_fpr"]["0.01"] == found["auc"] == 1.0
    for name in ("auc", "pr_auc", "f1", "mcc", "recall_at_0.01"):
        assert found["intervals"][name] == list(intervals.wilson(20, 20))


def test_a_draw_of_all_messages_once_gives_the_plain_figures(word_model: Any, rows: Any) -> None:
    """What intervals are of is what is shown."""
    data = measure(word_model, rows(["win", "prize", "hi"] * 9, ["lunch", "tea", "free", "thanks"] * 30))
    plain = figures.compute(data)
    for name, value in Drawn(data)([1] * len(data)).items():
        shown = plain["recall_at_fpr"]["0.01"] if name == "recall_at_0.01" else plain[name]
        assert value == pytest.approx(shown), name


def test_scores_of_different_models_are_no_ranking(word_model: Any, rows: Any) -> None:
    """Each source by a model of its own: the mean of sources and the worst, and no AUC over all messages."""
    one = measure(word_model, rows(["win", "prize"], ["lunch", "tea"], "one"))
    other = measure(word_model, rows(["win", "hi"], ["lunch", "casino"], "other"))
    found = figures.full([*one, *other], apart=True)
    assert (found["auc"], found["pr_auc"], found["cleaned"]["auc"]) == (None, None, None)
    assert set(found["recall_at_fpr_reasons"].values()) == {figures.APART}
    assert not {"auc", "pr_auc", "recall_at_0.01"} & set(found["intervals"])
    assert {name: part["auc"] for name, part in found["by"]["source"].items()} == {"one": 1.0, "other": 0.5}
    assert [part["auc"] for part in found["by"]["length"].values()] == [None]
    assert found["over_sources"]["auc"] == {"mean": 0.75, "sources": 2, "worst": 0.5, "worst_source": "other"}
    lost = found["over_sources"]["false_positive_rate"]
    assert (lost["mean"], lost["worst"], lost["worst_source"]) == (0.25, 0.5, "other")
    assert "recall_at_0.01" not in found["over_sources"]
    assert figures.full([*one, *other])["over_sources"] is None


def test_groups_cover_every_message(word_model: Any, rows: Any) -> None:
    """By length, source and any field."""
    data = measure(word_model, rows(["win " * 60], ["lunch"]) + rows(["prize"], ["tea"], "there", video="Psy"))
    for by in ("source", "language", "channel", "length", "video"):
        parts = figures.grouped(data, by)
        assert sum(part["messages"] for part in parts.values()) == 4
    assert set(figures.grouped(data, "video")) == {"Psy", "not told"}
    assert grouping("length")(data[0]) == "up to 1,000"
