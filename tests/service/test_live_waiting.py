"""The live model: no answer waits long for storage, and no wrong model answers whatever storage does."""

from __future__ import annotations

import random
import threading
import time

import pytest

import despam
from despam.service import live as live_module
from tests.fault_proxy import Fault, FaultProxy

from .live_scene import Models, Scene, hold, is_pointer, wait_for

# how long an answer waits


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """How long this thread was ready to wait for each look."""
    waited: list[float | None] = []
    join, asker = threading.Thread.join, threading.current_thread()

    def note(self: threading.Thread, timeout: float | None = None) -> None:
        if self.name == "despam-live" and threading.current_thread() is asker:
            waited.append(timeout)
        join(self, timeout)

    monkeypatch.setattr(threading.Thread, "join", note)
    return waited


def test_a_warm_answer_waits_for_a_look_at_most_its_budget_and_only_one_looks(
    s3_scene: Scene, proxy: FaultProxy, waits: list[float | None]
) -> None:
    """Storage that hangs: one answer waits 200 ms, the others not at all, and there is one request under way."""
    live = s3_scene.open()
    first = live.current()
    s3_scene.registry.promote(s3_scene.versions[1])
    proxy.seen.clear()
    waits.clear()
    speaks = threading.Event()
    proxy.plan = lambda request: hold(speaks) if is_pointer(request) else None
    for _ in range(20):
        s3_scene.clock.now += 31  # periods go by while the first look is still under way
        assert live.current() is first
    assert waits == [live_module.WAIT_SECONDS]
    wait_for(lambda: any(map(is_pointer, proxy.seen)))
    assert sum(map(is_pointer, proxy.seen)) == 1
    speaks.set()
    wait_for(lambda: live.current().version == s3_scene.versions[1])


def test_of_many_threads_one_looks(s3_scene: Scene, proxy: FaultProxy) -> None:
    """A refresh period is over for all of them at once."""
    live = s3_scene.open()
    live.current()
    proxy.seen.clear()
    proxy.plan = lambda _: Fault(delay_seconds=0.1)
    s3_scene.clock.now += 31
    gate = threading.Barrier(12)

    def ask() -> None:
        gate.wait()
        for _ in range(20):
            live.current()

    askers = [threading.Thread(target=ask) for _ in range(12)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert live.thread is not None
    live.thread.join(20)
    assert len(proxy.seen) == 1


def test_a_request_to_a_server_never_waits_for_storage(
    s3_scene: Scene, proxy: FaultProxy, waits: list[float | None]
) -> None:
    """The thread waits; 2,000 answers come while it does, and none of them looks."""
    live = s3_scene.open(inline=False, refresh_seconds=0.05)
    first = live.current()
    proxy.seen.clear()
    speaks = threading.Event()
    proxy.plan = lambda _: hold(speaks)
    wait_for(lambda: bool(proxy.seen))
    assert all(live.current() is first for _ in range(2000))
    assert (len(proxy.seen), waits) == (1, [])
    speaks.set()
    wait_for(lambda: len(proxy.seen) > 3)


# whatever happens


@pytest.mark.parametrize("inline", [True, False])
def test_no_wrong_model_is_ever_served_through_a_storm_of_faults(
    s3_scene: Scene,
    proxy: FaultProxy,
    inline: bool,
    models: Models,
) -> None:
    """Delays, resets, 500, 503, cut, shortened and altered bodies, wrong ETags, while versions are promoted."""
    chance = random.Random(7)
    faults = [
        Fault(delay_seconds=0.15), Fault(reset="before"), Fault(reset="after"), Fault(status=500, code="InternalError"),
        Fault(status=503, code="SlowDown"), Fault(cut=True), Fault(shorten=True), Fault(flip=True), Fault(etag='"no"'),
    ]  # fmt: skip
    text = "WIN a free iPhone now, call 08001234567"
    expected = {model.version: model.score(text) for model in (despam.load(str(path)) for path in models)}
    live = s3_scene.open(inline=inline, refresh_seconds=0.02, clock=time.monotonic)
    live.current()
    proxy.plan = lambda request: chance.choice(faults) if request.method == "GET" and chance.random() < 0.5 else None
    direct = s3_scene.registry  # goes through the proxy too: its own retries must get the promotions done
    served = set()
    for turn in range(8):
        goal = s3_scene.versions[(turn + 1) % 3]
        for _ in range(20):
            try:
                direct.promote(goal)
                break
            except despam.DespamError:
                continue
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            verdict = live.current().classify(text)
            assert verdict.score == expected[verdict.model]
            served.add(verdict.model)
            time.sleep(0.002)
    proxy.plan = lambda _: None
    goal = direct.live().version
    wait_for(lambda: live.current().version == goal and not live.status()["degraded"])
    assert len(served) >= 2
    direct.doctor(mend=True)
    assert direct.doctor() == []
