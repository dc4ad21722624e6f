"""One system in a process of its own: it learns, judges and is timed there when speed.py says so, one at a time.

Knows how to time; knows nothing of tables. A process each, so that nobody's memory or threads are another's. Every
text that is timed ends in a number of its own: what a system remembers of a text (an embedding, a verdict) helps none.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SIZES = ("SMS", "1 KB", "10 KB")
PASS_SECONDS = 0.25  # a bulk figure is of at least as long a time


class Failed(Exception):
    """A system did not do what it was asked for; the text says why."""


class Worker:
    """The other end: asks the process for one figure after the other."""

    def __init__(self, name: str, source: Path) -> None:
        """Start the process; `source` holds rows and texts."""
        command = [sys.executable, __file__, name, str(source)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.name = name

    def ask(self, what: str, *arguments: Any) -> Any:
        """Let it do one thing and give the answer; raises Failed."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps([what, *arguments]).encode() + b"\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline() or b'{"error": "its process ended"}')
        except BrokenPipeError:
            answer = {"error": "its process ended"}
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["found"]

    def close(self) -> None:
        """Let it end, its daemons with it."""
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(60)


class System:
    """This end: one system, fitted, and what is asked of it. Each method that is no `_` is a question."""

    def __init__(self, name: str, source: Path) -> None:
        """Read what is learned and measured on."""
        with source.open("rb") as file:
            self.taught, self.held_out, self.texts = pickle.load(file)
        self.name = name
        self.numbers = itertools.count()

    def fit(self) -> dict[str, float]:
        """Learn; gives bytes, seconds, and the largest memory of whoever learned."""
        import accuracy_systems
        import daemons
        import fresh

        fits = {"despam": (accuracy_systems.despam_file, ""), **accuracy_systems.peers(), **daemons.peers()}
        self.system = fits[self.name][0](self.taught, None)
        memory = self.system.peak_mb or fresh.peak_mb()
        return {"model bytes": self.system.size_bytes, "training s": self.system.fit_seconds, "training MB": memory}

    def quality(self) -> dict[str, float]:
        """Judge the rows held out: accuracy at its own cutoff, and recall."""
        from despam.evaluate.metrics import Ranking

        spam = [row.label == "spam" for row in self.held_out]
        scores, _ = self.system.judge([row.text for row in self.held_out])
        right = sum((score >= self.system.cutoff) == is_spam for score, is_spam in zip(scores, spam, strict=True))
        recall = Ranking(scores, spam).recall_at(0.01)
        return {"accuracy": right / len(self.held_out), "recall at 1 %": recall or 0.0}

    def warm(self, size: str, seconds: float) -> list[float]:
        """Time one text after the other, in microseconds: as many as fit in the time, ten at least."""
        clock, judge = time.perf_counter_ns, self.system.judge
        judge([self._numbered(self.texts[size][0])])
        found: list[float] = []
        end = time.perf_counter() + seconds
        for text in self.texts[size]:
            if len(found) >= 10 and time.perf_counter() > end:
                break
            asked = [self._numbered(text)]
            begun = clock()
            judge(asked)
            found.append((clock() - begun) / 1000)
        return found

    def bulk(self, seconds: float) -> list[float]:
        """Give MB/s over distinct texts in one call on one thread, then on all cores: a process each, started before.

        A slow system reads the first of the texts only: as many as fit in the time, ten at least.
        """
        with one_thread():
            begun = time.perf_counter()
            self.system.judge([self._numbered(text) for text in self.texts["bulk"][:5]])
            each = (time.perf_counter() - begun) / 5
            self.some = self.texts["bulk"][: max(10, int(seconds / each))]
            size_mb = sum(len(text.encode("utf-8", "replace")) for text in self.some) / 1e6
            passes = max(1, round(PASS_SECONDS / each / len(self.some)))
            spent = 0.0
            for _ in range(passes):
                texts = [self._numbered(text) for text in self.some]
                begun = time.perf_counter()
                self.system.judge(texts)
                spent += time.perf_counter() - begun
        return [passes * size_mb / spent, passes * size_mb / self._on_all_cores(passes)]

    def first(self) -> float | None:
        """Start it afresh: milliseconds to the first verdict."""
        return self.system.first() if self.system.first else None

    def _on_all_cores(self, passes: int) -> float:
        """Judge the texts in forked processes, each a share; seconds from the first to the last."""
        cores = os.cpu_count() or 1
        global CURRENT
        CURRENT = self
        self.shares = [self.some[at::cores] for at in range(cores)]
        with one_thread(), multiprocessing.get_context("fork").Pool(cores) as pool:  # the limit is inherited
            pool.map(judge_share, [(at, -1) for at in range(cores)], chunksize=1)
            begun = time.perf_counter()
            pool.map(judge_share, [(at, turn) for turn in range(passes) for at in range(cores)], chunksize=1)
            return time.perf_counter() - begun

    def _numbered(self, text: str) -> str:
        return f"{text} {next(self.numbers)}"


CURRENT: System


def judge_share(asked: tuple[int, int]) -> None:
    """Judge a share of the texts in a forked process; the turn before the first warms up with one text."""
    at, turn = asked
    texts = CURRENT.shares[at] if turn >= 0 else CURRENT.shares[at][:1]
    CURRENT.system.judge([CURRENT._numbered(f"{text} {turn}") for text in texts])


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Hold numpy's libraries to one thread; without threadpoolctl no peer here uses them."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(1):
        yield


def serve(arguments: Sequence[str]) -> None:
    """Answer questions, a line each, until there are none."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # daemons are stopped at exit
    system = System(arguments[0], Path(arguments[1]))
    for line in sys.stdin.buffer:
        what, *rest = json.loads(line)
        try:
            answer = {"found": getattr(system, what)(*rest)}
        except Exception as error:  # noqa: BLE001 - a peer that breaks is left out and named, the others go on
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1:])
