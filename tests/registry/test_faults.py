"""Faults between us and an S3 server: one sentence each, no wrong bytes, no lost promotion."""

from __future__ import annotations

import itertools
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from despam.errors import CorruptVersion, PromotionLost, RegistryError, StorageDown
from despam.registry import Registry
from despam.registry.faults import sentence_for
from despam.registry.reader import Reader
from despam.registry.storage import Storage
from tests.fault_proxy import Fault, FaultProxy, Seen
from tests.registry.conftest import Place

Models = tuple[Path, Path, Path]


@pytest.fixture
def registry(s3_place: Place, models: Models) -> Registry:
    """Three versions, the first one live, made without the proxy."""
    opened = Registry(s3_place.url)
    for model in models:
        opened.publish(model)
    opened.promote(opened.find(short(models[0])))
    return opened


def short(model: Path) -> str:
    """The version of a model's file."""
    import hashlib

    return hashlib.sha256(model.read_bytes()).hexdigest()[:12]


def once(matches: Callable[[Seen], bool], fault: Fault) -> Callable[[Seen], Fault | None]:
    """Break the first request that matches."""
    done: list[Seen] = []

    def plan(request: Seen) -> Fault | None:
        if done or not matches(request):
            return None
        done.append(request)
        return fault

    return plan


def is_swap(request: Seen) -> bool:
    """A conditional put of the pointer."""
    return request.method == "PUT" and request.path.endswith("live.json")


def is_pointer(request: Seen) -> bool:
    """A read of the pointer."""
    return request.method == "GET" and request.path.endswith("live.json")


def is_model(request: Seen) -> bool:
    """A read of a model."""
    return request.method == "GET" and request.path.endswith(".safetensors")


def test_a_key_that_the_bucket_is_encrypted_with_is_told_from_the_bucket() -> None:
    """S3 says AccessDenied for both; only its message names the key."""
    answer = "<Code>AccessDenied</Code><Message>User: arn:aws:sts::1:assumed-role/r is not authorized to perform: "
    error = PermissionError(f"{answer}kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/k</Message>")
    assert "allow these credentials kms:Decrypt" in sentence_for(error)


ANSWERS = [
    (403, "AccessDenied", "access denied"),
    (403, "InvalidAccessKeyId", "the credentials are wrong"),
    (403, "SignatureDoesNotMatch", "the credentials are wrong"),
    (400, "ExpiredToken", "the credentials have expired"),
    (403, "RequestTimeTooSkewed", "clock is wrong"),
    (301, "PermanentRedirect", "another region; set AWS_REGION"),
    (400, "AuthorizationHeaderMalformed", "another region; set AWS_REGION"),
    (404, "NoSuchBucket", "the bucket does not exist"),
    (400, "InvalidBucketName", "cannot have that name"),
    (503, "SlowDown", "slow down; try again"),
    (500, "InternalError", "trouble of its own; try again"),
    (501, "NotImplemented", "no conditional writes"),
    (401, "Whatever", "credentials"),
]


@pytest.mark.parametrize(("status", "code", "sentence"), ANSWERS)
def test_an_error_of_storage_is_one_sentence_with_the_next_step(
    s3_place: Place, proxy: FaultProxy, status: int, code: str, sentence: str
) -> None:
    """On reading, listing and writing; no XML, no request id, no address of the server."""
    proxy.plan = lambda _: Fault(status=status, code=code)
    storage = Storage(s3_place.url, retries=0)
    for work in (lambda: storage.get("live.json"), lambda: list(storage.list()), lambda: storage.create("a", b"x")):
        with pytest.raises(StorageDown) as caught:
            work()
        text = str(caught.value)
        assert text.startswith(f"{s3_place.url}: ") and sentence in text
        assert not re.search(r"[<>\n]|127\.0\.0\.1", text) and text.endswith(".")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault(delay_seconds=3.0), "did not answer in time"),
        (Fault(reset="before"), "connection broke|cannot be reached"),
        (Fault(cut=True), "connection broke|cannot be reached"),
    ],
)
def test_a_broken_line_is_one_sentence(s3_place: Place, proxy: FaultProxy, fault: Fault, sentence: str) -> None:
    """Slow, reset, cut."""
    Storage(s3_place.url).create("a", b"x" * 1000)
    proxy.plan = lambda _: fault
    with pytest.raises(StorageDown, match=sentence):
        Storage(s3_place.url, timeout_ms=1500, retries=0).get("a")


def test_nothing_that_listens_is_one_sentence(s3_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is not there."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(StorageDown, match="nothing listens"):
            Storage(s3_place.url, retries=0).get("a")


def test_wrong_keys_are_said_by_a_real_server(s3_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not made up by a proxy."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StorageDown, match="credentials are wrong"):
        Storage(s3_place.url).get("a")


def test_a_bucket_that_is_not_there_is_said_by_a_real_server(s3_place: Place) -> None:
    """For every command, also when it only lists."""
    registry = Registry("s3://no-such-bucket/x")
    for work in (registry.live, registry.versions, registry.doctor, registry.history):
        with pytest.raises(StorageDown, match="the bucket does not exist"):
            work()


@pytest.mark.parametrize(
    "fault", [Fault(status=500, code="InternalError"), Fault(status=503, code="SlowDown"), Fault(reset="before")]
)
def test_a_passing_fault_is_tried_again(proxy: FaultProxy, s3_place: Place, models: Models, fault: Fault) -> None:
    """Every first request of a kind fails; the work still gets done."""
    seen: set[tuple[str, str]] = set()

    def plan(request: Seen) -> Fault | None:
        kind = (request.method, request.path.split("?")[0])
        if kind in seen:
            return None
        seen.add(kind)
        return fault

    proxy.plan = plan
    registry = Registry(s3_place.url)
    version = registry.publish(models[0]).version
    assert registry.promote(version).entry.version == version
    assert registry.doctor() == []
    assert len(registry.history()) == 1


@pytest.mark.parametrize(
    "fault", [Fault(reset="after"), Fault(delay_seconds=0.6), Fault(status=500, code="InternalError")]
)
def test_a_swap_whose_answer_is_lost_is_found_out(
    registry: Registry, proxy: FaultProxy, s3_place: Place, models: Models, fault: Fault
) -> None:
    """Done once, entered once, told to have won: never lost, never twice."""
    proxy.plan = once(is_swap, fault)
    promoted = Registry(s3_place.url, timeout_ms=400, retries=0).promote(short(models[1]), "over a bad line")
    assert promoted.changed
    assert [entry.version for entry in registry.history()] == [short(models[0]), short(models[1])]
    assert registry.doctor() == []


@pytest.mark.parametrize("times", [1, 3, 1000])
def test_a_conflict_of_two_writes_in_s3_is_tried_again(
    registry: Registry, proxy: FaultProxy, s3_place: Place, models: Models, times: int
) -> None:
    """S3 answers 409 where two conditional writes meet: that is neither won nor lost."""
    conflicts = itertools.count(1)

    def plan(request: Seen) -> Fault | None:
        if is_swap(request) and next(conflicts) <= times:
            return Fault(status=409, code="ConditionalRequestConflict")
        return None

    proxy.plan = plan
    promote = Registry(s3_place.url, timeout_ms=1500).promote
    if times < 1000:
        assert promote(short(models[1])).changed
    else:
        with pytest.raises(StorageDown):
            promote(short(models[1]))
    assert registry.doctor() == [] and len(registry.history()) == (2 if times < 1000 else 1)


def test_a_lost_answer_and_then_a_lost_line_is_said_to_be_unknown(
    registry: Registry, proxy: FaultProxy, s3_place: Place, models: Models
) -> None:
    """Neither yes nor no: the sentence says how to find out."""
    gone: list[int] = []

    def plan(request: Seen) -> Fault | None:
        if is_swap(request):
            gone.append(request.number)
        return Fault(reset="after") if gone else None

    proxy.plan = plan
    with pytest.raises(StorageDown, match="not known whether the promotion took effect; run `despam versions`"):
        Registry(s3_place.url, retries=0).promote(short(models[1]))
    live = registry.live()
    assert live is not None and live.version == short(models[1])
    registry.doctor(mend=True)
    assert registry.doctor() == [] and len(registry.history()) == 2


def test_a_lost_answer_with_somebody_else_meanwhile_is_still_found_out(
    registry: Registry, proxy: FaultProxy, s3_place: Place, models: Models
) -> None:
    """Ours took effect, then another one: won, and both stand in the history."""

    def plan(request: Seen) -> Fault | None:
        if is_swap(request) and len([one for one in proxy.seen if is_swap(one)]) == 1:
            return Fault(reset="after")
        if is_pointer(request) and any(map(is_swap, proxy.seen)) and len(registry.history()) == 2:
            registry.promote(short(models[2]), "meanwhile")
        return None

    proxy.plan = plan
    promoted = Registry(s3_place.url, retries=0).promote(short(models[1]), "ours")
    assert promoted.changed
    assert [entry.why for entry in registry.history()][1:] == ["ours", "meanwhile"]
    assert registry.doctor() == []


def test_a_wrong_etag_is_no_lost_promotion(
    registry: Registry, proxy: FaultProxy, s3_place: Place, models: Models
) -> None:
    """The swap is refused, nobody else promoted: it is tried again with the ETag of now."""
    proxy.plan = once(is_pointer, Fault(etag='"0123456789abcdef0123456789abcdef"'))
    assert Registry(s3_place.url).promote(short(models[1])).changed
    assert registry.doctor() == [] and len(registry.history()) == 2


def test_etags_that_are_always_wrong_are_said_and_change_nothing(
    registry: Registry, proxy: FaultProxy, s3_place: Place, models: Models
) -> None:
    """A storage that cannot swap."""
    proxy.plan = lambda request: Fault(etag='"wrong"') if is_pointer(request) else None
    with pytest.raises(StorageDown, match="refuses the swap"):
        Registry(s3_place.url).promote(short(models[1]))
    live = registry.live()
    assert live is not None and live.version == short(models[0])
    assert registry.doctor() == []


@pytest.mark.parametrize("fault", [Fault(cut=True), Fault(shorten=True), Fault(flip=True)])
def test_altered_bytes_of_a_model_are_never_taken(
    registry: Registry, proxy: FaultProxy, s3_place: Place, models: Models, fault: Fault
) -> None:
    """Neither by a reader nor by a promotion."""
    proxy.plan = lambda request: fault if is_model(request) else None
    sha256 = registry.find(short(models[1]))
    with pytest.raises((CorruptVersion, StorageDown)):
        Reader(s3_place.url).fetch_model(sha256)
    with pytest.raises((CorruptVersion, StorageDown)):
        Registry(s3_place.url, retries=0).promote(sha256)
    live = registry.live()
    assert live is not None and live.version == short(models[0])


@pytest.mark.parametrize("fault", [Fault(cut=True), Fault(shorten=True), Fault(flip=True)])
def test_an_altered_pointer_is_never_taken(
    registry: Registry, proxy: FaultProxy, s3_place: Place, models: Models, fault: Fault
) -> None:
    """Cut in the middle it is no JSON; with a bit wrong it names the same version or none that is there."""
    proxy.plan = lambda request: fault if is_pointer(request) else None
    reader = Reader(s3_place.url)
    try:
        pointer = reader.fetch_pointer()
    except RegistryError:
        return
    assert pointer is not None and pointer.version == short(models[0])


def test_a_promotion_is_lost_when_somebody_was_faster_over_a_slow_line(
    registry: Registry, proxy: FaultProxy, s3_place: Place, models: Models
) -> None:
    """The swap waits in the line, the other one overtakes it."""

    def plan(request: Seen) -> Fault | None:
        if is_swap(request):
            registry.promote(short(models[2]), "overtakes")
        return None

    proxy.plan = plan
    with pytest.raises(PromotionLost):
        Registry(s3_place.url).promote(short(models[1]))
    assert [entry.version for entry in registry.history()] == [short(models[0]), short(models[2])]
    assert registry.doctor() == []


STOPPED = """
import sys
from despam.cli.main import run
run({arguments!r})
"""


@pytest.mark.parametrize(
    ("matches", "arguments", "code", "words"),
    [
        (is_pointer, ["versions"], 130, "stopped"),
        (is_swap, ["promote"], 3, "stopped; it is not known whether the promotion took effect"),
    ],
)
def test_ctrl_c_ends_the_wait_for_storage(
    registry: Registry,
    proxy: FaultProxy,
    s3_place: Place,
    models: Models,
    matches: Callable[[Seen], bool],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    """At once, in one line, and it says what is not known."""
    caught = threading.Event()

    def plan(request: Seen) -> Fault | None:
        if not matches(request):
            return None
        caught.set()
        return Fault(delay_seconds=15)

    proxy.plan = plan
    words_of_command = [
        *arguments,
        *([short(models[1])] if arguments == ["promote"] else []),
        "--registry",
        s3_place.url,
    ]
    command = [sys.executable, "-c", STOPPED.format(arguments=words_of_command)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert caught.wait(60)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert process.returncode == code and words in said and "Traceback" not in said, said


def test_a_reader_asks_once_and_gives_up_in_its_time(s3_place: Place, proxy: FaultProxy) -> None:
    """No hidden retries in the serving path."""
    proxy.plan = lambda _: Fault(status=503, code="SlowDown")
    with pytest.raises(StorageDown):
        Reader(s3_place.url).fetch_pointer()
    assert len(proxy.seen) == 1
