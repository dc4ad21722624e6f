"""The model: verdicts, exact clues, evidence, and one answer whatever the door."""

from __future__ import annotations

import gzip
import json
import math
import mmap
import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import despam
from despam.core import model as model_module
from despam.core.hashed import HashedScorer
from despam.core.model import Model
from despam.errors import ModelError

from ..attacks.make_models import HONEST

SPAM = "URGENT! You have won a £1000 prize, call 09061701461 now"
HAM = "Are you coming home for dinner tonight? Mum is cooking."


def exact(verdict: despam.Verdict) -> bool:
    """Say whether the clues and the bias are the score."""
    total = math.fsum(clue.contribution for clue in verdict.clues) + verdict.bias
    return abs(total - verdict.score) < 1e-9


def test_the_promise_of_the_front_page(bundled: Model) -> None:
    """The tutorial's spam is spam, a message from mum is not, and the reasons are there."""
    assert bundled.classify("WIN a free iPhone now").classification == "SPAM"
    assert bundled.classify(SPAM).classification == "SPAM"
    assert bundled.classify(HAM).classification == "HAM"
    assert bundled.classify(SPAM).clues[0].contribution > 0


def test_clues_are_exact_on_every_bundled_message(bundled: Model, data_folder: Path) -> None:
    """Contributions plus bias equal the score to 1e-9, and every span is inside its text."""
    checked = 0
    for path in sorted(data_folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in list(lines)[::25]:
                verdict = bundled.classify(json.loads(line)["text"])
                assert exact(verdict)
                for clue in verdict.clues:
                    assert clue.start is None or verdict.text[clue.start : clue.end] == clue.text
                checked += 1
    assert checked > 500


def test_a_group_adds_less_than_its_limit(bundled: Model) -> None:
    """However much it holds for spam or for ham; the bundled model learnt from many sources, so it has a limit."""
    scorer = bundled.scorer
    assert isinstance(scorer, HashedScorer)
    for sign in (1, -1):
        added = scorer.combine((sign * 10**9,) * 6, (1,) * 6) - bundled.bias
        assert added == pytest.approx(sign * 6 * scorer.limit)
    assert scorer.combine((0,) * 6, (0,) * 6) == bundled.bias
    assert 0 < bundled.score(" ".join([SPAM] * 20)) - bundled.bias < 6 * scorer.limit < math.inf


@settings(deadline=None)
@given(st.text(alphabet=st.characters(), max_size=150))
def test_clues_are_exact_on_any_text(text: str) -> None:
    """Whatever the text."""
    assert exact(despam.load().classify(text))


DISGUISES = {
    "look-alikes": "URGЕNT! Yоu hаvе wоn а prizе",
    "zero-width": "URG\u200bENT! You have w\u200bon a pr\u200bize",
    "spaced-out": "U R G E N T You have won a p r i z e",
    "full-width": "ＵＲＧＥＮＴ You have won a ｐｒｉｚｅ",
    "html": "URG<b></b>ENT! You have won a pr<i></i>ize",
}


@pytest.mark.parametrize("kind", DISGUISES)
def test_a_disguise_is_seen_through_and_reported(kind: str, bundled: Model) -> None:
    """The verdict stays, the repair is named, and the clue is the disguised word as it was sent."""
    verdict = bundled.classify(DISGUISES[kind])
    assert verdict.classification == "SPAM"
    assert kind in verdict.repaired
    prize = max((clue for clue in verdict.clues if clue.start is not None), key=lambda clue: clue.start or 0)
    assert verdict.text[prize.start : prize.end] == prize.text
    assert exact(verdict)


@pytest.mark.parametrize("text", ["", "   ", "ok", "😀😀😀", "?!", "ชนะรางวัลใหญ่โทรเลย"])
def test_too_little_evidence_is_unsure(text: str, bundled: Model) -> None:
    """Nothing known, no confident verdict: unsure, with the reason, and a probability inside the band."""
    verdict = bundled.classify(text)
    assert verdict.unsure
    assert verdict.unsure_reason.startswith("too little evidence")
    assert bundled.unsure_low <= verdict.spam_probability <= bundled.unsure_high


def test_probability_and_cutoff_decide(bundled: Model) -> None:
    """SPAM is where the probability reaches the cutoff; the score is its log-odds."""
    for text in (SPAM, HAM):
        verdict = bundled.classify(text)
        assert (verdict.spam_probability >= verdict.cutoff) == (verdict.classification == "SPAM")
        assert verdict.spam_probability == pytest.approx(1 / (1 + math.exp(-verdict.score)))
        assert verdict.model == bundled.version == bundled.sha256[:12]


def test_a_model_from_bytes_is_the_same(bundled: Model) -> None:
    """Mapped or in memory: the same version and the same scores."""
    copy = Model.from_bytes(Path(bundled.path).read_bytes())
    assert copy.version == bundled.version
    assert copy.score(SPAM) == bundled.score(SPAM)


def test_what_is_written_into_a_file_that_is_open_steadily_changes_nothing(tmp_path: Path, bundled: Model) -> None:
    """`cp new.safetensors live.safetensors` under a server: the old weights go on until it opens it again."""
    path = tmp_path / "live.safetensors"
    path.write_bytes(Path(bundled.path).read_bytes())
    served = despam.load(path, steady=True)
    path.write_bytes(b"\0" * served.size_bytes)
    assert served.score(SPAM) == bundled.score(SPAM)
    assert served.version == bundled.version
    path.write_bytes(b"")
    assert exact(served.classify(HAM))


def test_a_file_is_mapped(tmp_path: Path, bundled: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is taken by what is touched, a large file's in a service too; the answers are the same."""
    assert isinstance(despam.load(bundled.path)._data, mmap.mmap)
    monkeypatch.setattr(model_module, "STEADY_BYTES", bundled.size_bytes)
    assert isinstance(despam.load(bundled.path, steady=True)._data, bytes)
    monkeypatch.setattr(model_module, "STEADY_BYTES", bundled.size_bytes - 1)
    mapped = despam.load(bundled.path, steady=True)
    assert isinstance(mapped._data, mmap.mmap)
    assert mapped.score(SPAM) == bundled.score(SPAM)


@pytest.mark.parametrize("short", range(1, 20))
def test_what_counted_is_not_said_to_be_unread(short: int, bundled: Model) -> None:
    """A character that repair writes as eighteen, some of which are read, is read: its clue lies before the gap."""
    verdict = bundled.classify(("free prize " * 400)[: 3_000 - short] + " \ufdfa \ufdfa " + "see you at seven " * 400)
    assert verdict.unread
    for clue in verdict.clues:
        for start, end in verdict.unread:
            assert clue.start is None or clue.end is None or not start <= clue.start < clue.end <= end


def test_many_are_classified_in_order_without_reading_ahead(bundled: Model) -> None:
    """classify_many is an iterator: it takes one text for each verdict."""
    taken = []

    def texts() -> object:
        for text in (SPAM, HAM, SPAM):
            taken.append(text)
            yield text

    verdicts = bundled.classify_many(texts())  # type: ignore[arg-type]
    assert next(iter(verdicts)).classification == "SPAM"
    assert len(taken) == 1


def test_many_with_jobs_are_the_same(bundled: Model) -> None:
    """Several processes give the same verdicts in the same order, with clues."""
    texts = [SPAM, HAM, "ok", "😀", SPAM.lower()] * 200
    alone = [(v.score, v.repaired, v.unsure_reason) for v in bundled.classify_many(texts)]
    shared = list(bundled.classify_many(iter(texts), jobs=2))
    assert [(v.score, v.repaired, v.unsure_reason) for v in shared] == alone
    assert exact(shared[0])


def test_many_with_jobs_are_the_same_when_workers_are_killed(bundled: Model) -> None:
    """By a machine that runs out of memory, say: this process goes on."""
    before = set(multiprocessing.active_children())
    texts = [SPAM, HAM, "ok", SPAM.lower()] * 2_000

    def killing() -> Iterator[str]:
        for number, text in enumerate(texts):
            if number == 4_000:
                for worker in set(multiprocessing.active_children()) - before:
                    worker.kill()
                    worker.join()
            yield text

    found = [verdict.score for verdict in bundled.classify_many(killing(), jobs=2)]
    assert found == [verdict.score for verdict in bundled.classify_many(texts)]


@pytest.mark.parametrize("now", ["another", "none"])
def test_many_with_jobs_are_scored_by_the_model_that_was_opened(now: str, bundled: Model, tmp_path: Path) -> None:
    """Another file at its path, or one that is no model, changes no score: a worker compares the hash."""
    path = tmp_path / "live.safetensors"
    path.write_bytes(Path(bundled.path).read_bytes())
    model = despam.load(path)
    (tmp_path / "next").write_bytes(HONEST if now == "another" else b"no model")
    (tmp_path / "next").replace(path)
    texts = [SPAM, HAM] * 300
    verdicts = list(model.classify_many(texts, jobs=2))
    assert [verdict.score for verdict in verdicts] == [bundled.score(text) for text in texts]
    assert exact(verdicts[0])


def test_mail_is_read_first(bundled: Model) -> None:
    """Bytes or text of a mail source: subject and body decide, offsets refer to what was read."""
    source = b"From: a@b.example\nSubject: =?utf-8?q?You_have_won?=\n\nCall 09061701461 to claim your prize\n"
    verdict = bundled.classify_mail(source)
    assert "won" in verdict.text
    assert bundled.classify(source.decode(), mail=True).score == verdict.score


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(ModelError, match=r"nowhere\.safetensors: cannot be opened"):
        despam.load(tmp_path / "nowhere.safetensors")


def test_bytes_are_no_text(bundled: Model) -> None:
    """A wrong type is said, with the way to do it right."""
    with pytest.raises(TypeError, match="classify_mail"):
        bundled.classify(b"bytes")  # type: ignore[arg-type]


PURE = "import despam, sys; m = despam.load(sys.argv[1]); print([m.score(t) for t in sys.argv[2:]])"


def test_both_engines_give_the_same_scores(make_model: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A process with DESPAM_PURE and one without print the same floats."""
    command = [sys.executable, "-c", PURE, str(make_model()), SPAM, HAM, "раyраl <b>x</b>", ""]
    monkeypatch.delenv("DESPAM_PURE", raising=False)
    with_kernel = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    monkeypatch.setenv("DESPAM_PURE", "1")
    pure = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert with_kernel == pure != ""


def test_a_path_that_no_file_can_have_is_not_called_empty(tmp_path: Path) -> None:
    """An empty file is; a NUL in the path is another matter."""
    with pytest.raises(ModelError, match="a path without a NUL in it is wanted; give the path"):
        despam.load("a\0b")
    (tmp_path / "empty").touch()
    with pytest.raises(ModelError, match="the file is empty"):
        despam.load(tmp_path / "empty")
