"""Verdicts on many texts with several processes, in order, in constant memory.

Knows `Model.classify` and the standard library's process pool; loaded only when asked for more than one job. Blocks
of texts go out, numbers come back; the texts themselves stay here, for clues. At most WAITING blocks a job are on
their way, so that an endless iterable is read no further ahead than that. Invariant: every number is of the model that
was asked; where its path holds another file by now, or a worker has died, this process scores.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from despam.core.model import Model, Verdict

    Numbers = list[tuple[float, float, tuple[str, ...], str]]

BLOCK = 256  # texts: at 10 us each a block is worth its journey
WAITING = 3

opened: list[Model] = []  # the worker's model


def begin(path: str, sha256: str) -> None:
    """Open the model in a worker, if the path still holds it."""
    from despam.core.model import load
    from despam.errors import ModelError

    try:
        model = load(path)
    except ModelError:
        return
    opened[:] = [model] if model.sha256 == sha256 else []


def measure_block(texts: list[str]) -> Numbers | None:
    """Score a block in a worker; None where the model is not to be had."""
    if not opened:
        return None
    verdicts = map(opened[0].classify, texts)
    return [(v.score, v.spam_probability, v.repaired, v.unsure_reason) for v in verdicts]


def classify_parallel(model: Model, texts: Iterable[str], jobs: int) -> Iterator[Verdict]:
    """Give the verdicts of `texts` in order. A model that was not opened from a path is scored in this process."""
    import os

    if not os.path.isfile(model.path):  # noqa: PTH113  pathlib costs 5 ms of import in the core
        yield from map(model.classify, texts)
        return
    source = iter(texts)
    waiting: deque[tuple[list[str], Future[Numbers | None] | None]] = deque()
    with ProcessPoolExecutor(jobs, initializer=begin, initargs=(model.path, model.sha256)) as pool:
        while True:
            block = list(islice(source, BLOCK))
            if block:
                waiting.append((block, send(pool, block)))
            if not waiting:
                return
            if not block or len(waiting) > jobs * WAITING:
                done, future = waiting.popleft()
                numbers = answer(future)
                yield from map(model.classify, done) if numbers is None else verdicts(model, done, numbers)


def send(pool: ProcessPoolExecutor, block: list[str]) -> Future[Numbers | None] | None:
    """Give a block to a worker; None where one of them was killed: the pool takes no more then."""
    try:
        return pool.submit(measure_block, block)
    except BrokenExecutor:
        return None


def answer(future: Future[Numbers | None] | None) -> Numbers | None:
    """Wait for a block's numbers; None where this process must make them."""
    try:
        return future.result() if future else None
    except BrokenExecutor:
        return None


def verdicts(model: Model, texts: list[str], numbers: Numbers) -> Iterator[Verdict]:
    """Put texts and numbers together again."""
    from despam.core.model import Verdict

    for text, (score, probability, repaired, reason) in zip(texts, numbers, strict=True):
        yield Verdict(model, text, score, probability, repaired, reason)
