"""The speed benchmark reads what daemons answer, wraps bare texts as mails, and writes what it measured."""

from __future__ import annotations

import email
import importlib
import socket
import threading
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def benchmark(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a module of benchmarks/ by its name."""
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    return importlib.import_module


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 15.3 / 5.0\r\n\r\n", 15.3),
        (b"SPAMD/1.1 0 EX_OK\r\nContent-length: 9\r\nSpam: False ; -0.1 / 5.0\r\n\r\nNO_RELAYS", -0.1),
    ],
)
def test_the_score_is_read_from_spamds_answer(benchmark: Any, answer: bytes, score: float) -> None:
    """Of CHECK and of SYMBOLS, above and below nothing."""
    assert benchmark("daemons").read_spamd(answer) == score


@pytest.mark.parametrize("answer", [b"", b"SPAMD/1.0 76 Bad header line: x\r\n", b"SPAMD/1.1 0 EX_OK\r\n\r\n"])
def test_an_answer_that_is_no_verdict_is_refused(benchmark: Any, answer: bytes) -> None:
    """A daemon that breaks is no daemon that finds ham."""
    with pytest.raises(RuntimeError, match="spamd answered"):
        benchmark("daemons").read_spamd(answer)


def test_spamd_is_asked_as_spamc_asks(benchmark: Any) -> None:
    """One connection a message: the length, the message, the end; an answer in pieces is put together."""
    asked = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                while part := connection.recv(1000):
                    asked.extend(part)
                for part in (b"SPAMD/1.1 0 EX_OK\r\nSp", b"am: True ; 7.5 / 5.0\r\n\r\n"):
                    connection.sendall(part)

        thread = threading.Thread(target=answer)
        thread.start()
        found = benchmark("daemons").ask_spamd(server.getsockname()[1], b"Subject: hello\n\nyou\n")
        thread.join()
    assert found == 7.5
    assert bytes(asked) == b"CHECK SPAMC/1.5\r\nContent-length: 20\r\n\r\nSubject: hello\n\nyou\n"


def test_a_text_becomes_a_whole_mail(benchmark: Any) -> None:
    """Its own subject becomes the header; no line of the text becomes one."""
    read = email.message_from_bytes(benchmark("daemons").mail("Subject: you  won\nFrom: me\n\nhello"))
    assert read["Subject"] == "you won"
    assert read["From"] == "<sender@example.org>"
    assert read.get_payload() == "From: me\n\nhello\n"
    assert email.message_from_bytes(benchmark("daemons").mail("hi\nthere")).get_payload() == "hi\nthere\n"


def test_a_mailbox_keeps_lines_that_begin_with_from(benchmark: Any) -> None:
    """They are quoted, or they would begin a new message."""
    box = benchmark("accuracy_systems").mbox([b"Subject: a\n\nFrom here on\n", b"Subject: b\n\nb\n"])
    assert box.count(b"\nFrom ") == 1
    assert b"\n>From here on\n" in box


def test_a_package_counts_what_it_requires(benchmark: Any) -> None:
    """What pip would bring along, not the extras; an unknown package counts nothing."""
    peers = benchmark("speed_peers")
    assert {"rich", "markdown-it-py", "mdurl"} <= peers.closure(("rich",))
    assert "scikit-learn" not in peers.closure(("despam",))
    assert peers.pip_bytes(("click",)) > 100_000
    assert peers.pip_bytes(("no-such-package",)) == 0


def test_the_report_has_ratios_spread_and_every_system(benchmark: Any, tmp_path: Path) -> None:
    """A figure that was not measured is a dash, a peer that is missing is named."""
    report = benchmark("speed_report")
    ours = {"version": "despam 1", "settings": "plain", "accuracy": 0.9, "recall at 1 %": 0.8, "model bytes": 10_000,
            "SMS p50 us": 2.0, "SMS p50 us range": [1.9, 2.1]}  # fmt: skip
    theirs = {**ours, "SMS p50 us": 500.0, "SMS p50 us range": [490.0, 510.0], "training MB": 7.0}
    measured = {
        "machine": {"date": "today", "cpu": "a", "cores": 2, "python": "3", "system": "Linux", "load before": 0.0},
        "messages": [80, 20],
        "every": 4,
        "cases": {"SMS": 10, "1 KB": 10, "10 KB": 10, "bulk": 10},
        "systems": {"despam": ours, "another": theirs},
        "skipped": {"a third": "not installed: apt install it"},
    }
    report.write(measured, tmp_path)
    page = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert "| 500 (250x; 490 to 510) | - |" in page
    assert "| 0.9 | 0.8 | 10,000 (1x) | - |" in page
    assert "Skipped: a third (not installed: apt install it)." in page
    assert (tmp_path / "speed.svg").read_text(encoding="utf-8").count("<circle") == 4
    assert "a third" in report.as_text(measured)
