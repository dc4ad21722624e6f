"""The accuracy benchmark cuts and cleans as its protocols say."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from despam import corpus
from despam.corpus import Row
from despam.train import train
from despam.train.export import quantise


@pytest.fixture
def benchmark(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a module of benchmarks/ by its name."""
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    return importlib.import_module


def test_near_copies_of_held_out_messages_leave_the_training_side(benchmark: Any) -> None:
    """Half of the word 3-grams shared with one held-out message is a near-copy; less, or spread over many, is not."""
    rows = benchmark("accuracy_rows")
    held = [Row("you have won a cash prize call us now to claim it"), Row("the meeting is moved to monday at ten")]
    copy = Row("YOU have won a cash prize, call us now or never")
    other = Row("you have won nothing at all my friend, sorry about that and see you")
    assert rows.without_near_copies([copy, other], held) == [other]
    assert rows.without_near_copies([Row("ok then")], [Row("OK, then!")]) == []


def test_a_source_left_out_takes_its_texts_and_the_doubly_published_along(benchmark: Any, data_folder: Path) -> None:
    """No training text is also in the held-out source."""
    rows = benchmark("accuracy_rows")
    names = ("sms_spam_collection", "sms_smishing_mishra_soni", "sms_india")
    held = {row.text for row in rows.cleaned("sms_india")}
    training = rows.others("sms_india", names)
    assert len(training) > 5_000
    assert not held & {row.text for row in training}
    assert {row.source for row in training} == set(names[:2])
    assert not any(row.fields.get("dup") or row.fields.get("label_conflict") for row in training)


def test_stratified_folds_cover_each_message_once(benchmark: Any) -> None:
    """The cut of accuracy.md: five folds, both classes in each."""
    protocols = benchmark("accuracy_protocols")
    messages = [Row(str(i), "spam" if i % 5 == 0 else "ham") for i in range(100)]
    folds = protocols.stratified(messages, 5)
    assert sorted(i for _, held in folds for i in held) == list(range(100))
    assert all(sum(messages[i].label == "spam" for i in held) == 4 for _, held in folds)


def test_the_table_says_what_was_reached_and_what_was_missed(benchmark: Any) -> None:
    """Every target of the issue is compared; the card holds the same figures."""
    report, card = benchmark("accuracy_report"), benchmark("accuracy_card")
    one = {
        "messages": 6_000, "spam": 1_000,
        "accuracy": 0.99, "f1": 0.98, "auc": 0.999, "recall_at_fpr": {"0.001": 0.95, "0.005": 0.96, "0.01": 0.97},
    }  # fmt: skip
    lines = {what: (figure, target, reached) for what, figure, target, reached in report.rows_of({"P1": one})}
    assert lines["P1 accuracy"] == ("0.9900", ">= 0.9935", False)
    assert lines["P1 F1"] == ("0.9800", ">= 0.972", True)
    assert lines["P1 1-AUC %"] == ("0.1000", "<= 0.28", True)
    group = "other models of this recipe, five folds of one collection"
    # 5,000 real messages carry a rate of 0.5 %, not one of 0.1 %
    assert card.card_figures({"P1": one})[group]["sms_spam_collection"]["recall_at_fpr"] == {
        "0.005": 0.96,
        "0.01": 0.97,
    }


def test_the_plot_is_one_svg_with_every_system(benchmark: Any, tmp_path: Path) -> None:
    """Names stand beside their points; nothing is drawn outside the picture."""
    plot = benchmark("accuracy_plot")
    results = {
        name: {"P1": {"recall_at_fpr": {"0.01": 0.9 + i / 100}, "size_bytes": 10 ** (4 + i), "microseconds": 10.0**i}}
        for i, name in enumerate(("despam", "a <peer>", "another"))
    }
    plot.write_plot(results, tmp_path / "plot.svg")
    svg = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert svg.count("<circle") == 6
    assert "a &lt;peer&gt;" in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_a_cap_draws_the_same_messages_of_each_source_every_time(benchmark: Any) -> None:
    """Sources that are small enough stay whole; without a cap all do."""
    rows = benchmark("accuracy_rows")
    many = [Row(str(i), source="large" if i % 3 else "small") for i in range(90)]
    some = rows.capped(many, 40)
    assert [row.source for row in some].count("large") == 40
    assert [row for row in some if row.source == "small"] == many[::3]
    assert some == rows.capped(many, 40)
    assert rows.capped(many, 0) == many


def test_float_weights_are_scored_as_the_core_scores_rounded_ones(benchmark: Any, data_folder: Path) -> None:
    """Training's own table and the core differ by the rounding of the weights and by nothing else."""
    systems = benchmark("accuracy_systems")
    rows = corpus.distinct(corpus.read([str(data_folder / "sms_spam_collection.jsonl.gz")])).rows
    trained, texts = train(rows[::10]), [row.text for row in rows[1::40]]
    a, b = trained.calibration.a, trained.calibration.b
    core = [trained.open().classify(text).score for text in texts]
    integers, unit = quantise(trained.weights.values)
    rounded = systems.float_judge(replace(trained.weights, values=integers * unit), a, b)(texts)
    floats = systems.float_judge(trained.weights, a, b)(texts)
    assert rounded == pytest.approx(core, abs=1e-9)
    assert floats != rounded
    assert np.corrcoef(floats, core)[0, 1] > 0.99


def test_what_rounding_costs_is_a_line_with_a_target(benchmark: Any) -> None:
    """Recall at 1 % of int8 and of float weights, and how far apart they are, for P1 and for P2's mean."""
    report = benchmark("accuracy_report")
    found = {"recall_at_fpr": {"0.001": 0.9, "0.01": 0.97}, "auc": 0.99, "accuracy": 1.0, "f1": 1.0}
    lines = {line[0]: line[1:] for line in report.inside({**found, "float": {"recall_at_fpr": {"0.01": 0.9742}}})}
    assert lines["P1 recall at 1 %, float weights"] == ("0.9742", "", None)
    assert lines["P1 recall at 1 %: int8 and float weights apart by"] == ("0.0042", "<= 0.003", False)
    mean = dict.fromkeys(("auc", "promised_recall", "ece"), 0.9) | {
        "recall_at_0.01": 0.6,
        "float_recall_at_0.01": 0.601,
    }
    mean |= dict.fromkeys(("promised_false_positives", "promised_false_positives_worst"), 0.01)
    lines = {line[0]: line[1:] for line in report.left_out({"mean": mean}, "as it is", first=True)}
    assert lines["P2 mean recall at 1 %, as it is: int8 and float weights apart by"] == ("0.0010", "<= 0.003", True)


def ranked(recall: float, auc: float) -> dict[str, Any]:
    """Give a source's figures as P2 stores them."""
    return {"recall_at_fpr": {"0.01": recall}, "auc": auc}


def test_the_table_of_unseen_sources_marks_where_despam_is_below_scikit_learn(benchmark: Any) -> None:
    """Below the best of them, by recall and by AUC; a peer that is not scikit-learn's marks nothing."""
    unseen = benchmark("accuracy_unseen")
    lines = unseen.unseen_page(
        {
            "despam": {"P2": {"most": 9, "date": "today", "sources": {"a": ranked(0.5, 0.9), "b": ranked(0.7, 0.95)}}},
            "NB-SVM": {"P2": {"most": 9, "date": "today", "sources": {"a": ranked(0.6, 0.8), "b": ranked(0.1, 0.9)}}},
            "fastText": {"P2": {"most": 9, "date": "today", "sources": {"a": ranked(0.9, 0.99)}}},
            "MiniLM": {"P2": {"most": 9, "judged": 5, "date": "today", "sources": {"a": ranked(0.3, 0.8)}}},
            "bogofilter": {"P2": {"most": 0, "date": "today", "sources": {"a": ranked(0.9, 0.99)}}},
        }
    )
    text = "\n".join(lines)
    assert "| a | 0.500 (0.900) | 0.600 (0.800) | 0.900 (0.990) | 0.300 (0.800) | **recall -0.100** (NB-SVM) |" in lines
    assert "| b | 0.700 (0.950) | 0.100 (0.900) |  |  |  |" in lines
    assert "| mean of 2 | 0.600 (0.925) | 0.350 (0.850) |  |  |  |" in lines  # fastText has one source only
    assert "at most 9 messages" in text
    assert "MiniLM was measured on at most 5 messages of each source." in text
    assert "Left out: bogofilter, which last learnt from other rows." in text


def test_a_stopped_run_of_the_peers_keeps_what_was_measured(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier P1 figures stay with their day; sources measured before the stop are on the page."""
    peers = benchmark("accuracy_peers")
    inside = {
        "accuracy": 0.99, "f1": 0.98, "auc": 0.999, "recall_at_fpr": {"0.01": 0.97}, "size_bytes": 1000,
        "microseconds": None, "fit_seconds": 1.0, "date": "2026-01-02",
    }  # fmt: skip
    old = {"despam": {"P1": inside}, "machine": {"date": "2026-01-02"}}
    (tmp_path / "accuracy-peers.json").write_text(json.dumps(old), encoding="utf-8")

    def measure(fit: Any, held_out: str, names: Any, most: int, judged: int) -> dict[str, Any]:
        if held_out == "sms_india":
            raise KeyboardInterrupt
        return {**ranked(0.5, 0.9), "most": most}

    monkeypatch.setattr(peers, "p2_ranking", measure)
    monkeypatch.setattr(peers, "missing", lambda names: [])
    wanted = peers.Wanted(["P2"], 7, ["desp"], quick=False)
    with pytest.raises(KeyboardInterrupt):
        peers.compare({"despam": (None, ""), "other": (None, "")}, wanted, tmp_path, {"cores": 1, "python": "3"})
    page = (tmp_path / "accuracy-peers.md").read_text(encoding="utf-8")
    kept = json.loads((tmp_path / "accuracy-peers.json").read_text(encoding="utf-8"))
    assert "| not measured | 1.0 | 2026-01-02 |" in page
    assert "| sms_spam_collection | 0.500 (0.900) |" in page
    assert list(kept["despam"]["P2"]["sources"]) == ["sms_smishing_mishra_soni", "sms_spam_collection"]


def test_energy_is_measured_where_the_machine_shows_it_and_estimated_aloud_where_not(
    benchmark: Any, tmp_path: Path
) -> None:
    """Processors and their memory are added up once; a counter that starts again is no negative energy."""
    cost = benchmark("training_cost")
    for zone, name, energy in (
        ("intel-rapl:0", "package-0", 900), ("intel-rapl:0:0", "core", 5), ("intel-rapl:0:1", "dram", 50),
    ):  # fmt: skip
        (tmp_path / zone).mkdir()
        for file, value in (("name", name), ("energy_uj", energy), ("max_energy_range_uj", 1_000)):
            (tmp_path / zone / file).write_text(f"{value}\n", encoding="utf-8")
    before = cost.read_counters(tmp_path)
    assert before == {"intel-rapl:0": (900, 1000), "intel-rapl:0:1": (50, 1000)}
    after = {"intel-rapl:0": (100, 1000), "intel-rapl:0:1": (80, 1000)}
    assert cost.spent(before, after) == pytest.approx((200 + 30) / 1e6)
    assert cost.read_counters(tmp_path / "none") == {}
    assert cost.spent({}, {}) is None
    estimated = cost.described(cost.Cost(60.0, 100.0, 5.0, None), 7)
    assert estimated["watt_hours"] == pytest.approx(100 * cost.WATTS / 3600, rel=0.05)
    assert estimated["energy"].startswith("estimated: CPU seconds times an assumed")
    measured = cost.described(cost.Cost(60.0, 100.0, 5.0, 7200.0), 7)
    assert measured["watt_hours"] == 2.0
    assert measured["energy"].startswith("measured")
