"""Many processes promote at once: one wins each race, every loser is told, history and pointer agree.

6 processes of 5 rounds in the suite; DESPAM_STRESS=1 makes it the 20 x 50 of the issue. Rounds start together at a
barrier, so that every round is a race. A quarter of the changes are rollbacks.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from despam.errors import PromotionLost, UnknownVersion
from despam.registry import Registry
from tests.registry.conftest import Place

PROCESSES, ROUNDS = (20, 50) if os.environ.get("DESPAM_STRESS") == "1" else (6, 5)


def race(number: int, url: str, versions: list[str], rounds: int, barrier: Any, results: Any) -> None:
    """Promote or roll back once a round, and say what one was told."""
    chance = random.Random(number)
    registry = Registry(url)
    told = []
    for turn in range(rounds):
        barrier.wait(300)
        try:
            if chance.random() < 0.25:
                done = registry.rollback(f"round {turn}", f"process {number}")
            else:
                done = registry.promote(chance.choice(versions), f"round {turn}", f"process {number}")
            told.append(("won" if done.changed else "live already", done.entry.id, done.recorded))
        except PromotionLost:
            told.append(("lost", "", True))
        except UnknownVersion:  # nothing to roll back to just now
            told.append(("nothing before", "", True))
        except Exception as error:  # noqa: BLE001  counted below as what nobody may be told
            told.append((f"{type(error).__name__}: {error}", "", False))
    results.put(told)


@pytest.mark.timeout(1800)
def test_history_and_pointer_agree_after_concurrent_promotions(place: Place, models: tuple[Path, Path, Path]) -> None:
    """Each promotion that was told to have won is in the history once, and nothing else is."""
    registry = Registry(place.url)
    versions = [registry.publish(model).version for model in models]
    registry.promote(versions[0])
    spawn = multiprocessing.get_context("spawn")  # obstore does not survive a fork
    barrier, results = spawn.Barrier(PROCESSES), spawn.SimpleQueue()
    arguments = (place.url, versions, ROUNDS, barrier, results)
    runners = [spawn.Process(target=race, args=(number, *arguments)) for number in range(PROCESSES)]
    began = time.monotonic()
    for runner in runners:
        runner.start()
    told = [answer for _ in runners for answer in results.get()]
    for runner in runners:
        runner.join(60)
        assert runner.exitcode == 0
        runner.close()
    results.close()
    counted = Counter(what for what, _, _ in told)
    print(f"{place.name}: {PROCESSES} x {ROUNDS} in {time.monotonic() - began:.1f} s: {dict(counted)}")
    assert set(counted) <= {"won", "lost", "live already", "nothing before"}
    assert sum(counted.values()) == PROCESSES * ROUNDS
    winners = [identity for what, identity, _ in told if what == "won"]
    history = registry.history()
    assert sorted(entry.id for entry in history[1:]) == sorted(winners)
    assert counted["won"] >= 1 and counted["lost"] >= 1
    assert registry.doctor() == []
