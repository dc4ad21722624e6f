"""SpamAssassin's spamd and rspamd as peers: private daemons on loopback, taught the same rows, asked over sockets.

Knows their settings, their protocols and how they learn. Refuses every test that needs a network: no DNS, no lists, no
maps; and what remembers senders over time (greylisting, rate limits), for it would judge the benchmark, not the text.
Each has a temporary folder and free ports of its own and runs as nobody where we are root; both end with this process.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import math
import re
import shutil
import socket
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from pathlib import Path

from accuracy_systems import Fit, Fitted, cores, mbox, subject_and_body, timed
from fresh import TEXT, Home, find_program
from service_load import find_port

from despam.corpus import Row

DATE = formatdate()
SPAMASSASSIN, RSPAMD = "SpamAssassin (spamd)", "rspamd"
SPAMD_SETTINGS = """
use_bayes 1
bayes_auto_learn 0
bayes_path {folder}/bayes
dns_available no
skip_rbl_checks 1
"""
# reading a message from a stranger: what an MTA tells rspamd beside the message
ENVELOPE = {"IP": "192.0.2.1", "Helo": "mail.example.org", "Hostname": "mail.example.org", "From": "sender@example.org",
            "Rcpt": "reader@example.org"}  # fmt: skip
NEEDS_NETWORK = ("rbl", "spf", "dkim", "dkim_signing", "arc", "dmarc", "asn", "fuzzy_check", "mx_check", "dcc",
                 "hfilter", "url_redirector", "rspamd_update")  # fmt: skip
REMEMBERS = ("greylist", "ratelimit")
RSPAMD_SPAM = 6.0  # its add_header: the mail goes to the spam folder
SPAMD_SPAM = 5.0
SPAMD_ANSWER = re.compile(rb"SPAMD/[\d.]+ 0 .*?^Spam: *\w+ *; *(-?[\d.]+) */ *-?[\d.]+", re.DOTALL | re.MULTILINE)


def mail(text: str) -> bytes:
    """Put a bare text into the smallest message that misses no header."""
    subject, body = subject_and_body(text)
    number = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]
    head = (
        f"From: <sender@example.org>\nTo: <reader@example.org>\nSubject: {subject}\nDate: {DATE}\n"
        f"Message-ID: <{number}@example.org>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: 8bit\n\n"
    )
    return f"{head}{body}\n".encode("utf-8", "replace")


def judge_with(
    score: Callable[[str], float], cutoff: float
) -> Callable[[Sequence[str]], tuple[list[float], list[float]]]:
    """Ask for each text; a daemon gives no probability, so the distance to its cutoff stands in."""

    def judge(texts: Sequence[str]) -> tuple[list[float], list[float]]:
        scores = [score(text) for text in texts]
        return scores, [1 / (1 + math.exp(cutoff - s)) for s in scores]

    return judge


# --- SpamAssassin


def ask_spamd(port: int, message: bytes) -> float:
    """Ask spamd for the score of a message, as spamc does."""
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        connection.sendall(b"CHECK SPAMC/1.5\r\nContent-length: %d\r\n\r\n" % len(message) + message)
        connection.shutdown(socket.SHUT_WR)
        return read_spamd(b"".join(iter(lambda: connection.recv(65536), b"")))


def read_spamd(answer: bytes) -> float:
    """Read the score from spamd's answer; raises RuntimeError for any that is not a verdict."""
    found = SPAMD_ANSWER.match(answer)
    if not found:
        raise RuntimeError(f"spamd answered {answer[:100]!r}")
    return float(found[1])


@timed
def spamassassin(rows: Sequence[Row], promise: float | None = None) -> Fitted:
    """SpamAssassin with Debian's rules, its Bayes taught by sa-learn, asked through spamd."""
    home, port = Home("spamd"), find_port()
    site = home.folder / "etc"
    shutil.copytree("/etc/spamassassin", site)
    (site / "local.cf").write_text(SPAMD_SETTINGS.format(folder=home.folder))
    boxes = {
        label: home.write(label, mbox(mail(r.text) for r in rows if r.label == label)) for label in ("spam", "ham")
    }
    home.hand_over()
    learn = ["sa-learn", "-L", "--siteconfigpath", str(site)]
    begun = time.perf_counter()
    peak = max(home.run(*learn, f"--{label}", "--mbox", str(box)) for label, box in boxes.items())
    seconds = time.perf_counter() - begun

    def score(text: str) -> float:
        return ask_spamd(port, mail(text))

    def first() -> float:
        if "spamd" in home.running:
            home.stop("spamd")
        command = ["spamd", "-L", "-x", "-4", "-i", "127.0.0.1", "-p", str(port), "--siteconfigpath", str(site),
                   f"--min-children={cores()}", f"--max-children={cores()}", "-s", "stderr"]  # fmt: skip
        return home.start("spamd", command, lambda: score(TEXT))

    first()
    size_bytes = sum(path.stat().st_size for path in home.folder.glob("bayes*"))
    return Fitted(judge_with(score, SPAMD_SPAM), SPAMD_SPAM, size_bytes, seconds, first, peak)


# --- rspamd


def post(port: int, path: str, message: bytes) -> bytes:
    """Send a message to one of rspamd's workers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", path, message, ENVELOPE)
        answer = connection.getresponse()
        # 204 and 208: it does not learn what is too short for it or what it knows already
        if answer.status not in (200, 204, 208):
            raise RuntimeError(f"rspamd answered {answer.status} {answer.read()[:100]!r}")
        return answer.read()
    finally:
        connection.close()


def ask_redis(port: int, command: str) -> None:
    """Give redis one command and wait until it is done."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(f"{command}\r\n".encode())
        if not connection.recv(100).startswith(b"+"):
            raise RuntimeError(f"redis did not {command}")


def settle_rspamd(home: Home, scan: int, control: int, redis: int) -> list[str]:
    """Write what is ours beside Debian's settings; give the command that starts rspamd with both."""
    settings = {
        "worker-normal.inc": f'bind_socket = "127.0.0.1:{scan}";\ncount = {cores()};\n',
        "worker-controller.inc": f'bind_socket = "127.0.0.1:{control}";\n',
        "worker-proxy.inc": "enabled = false;\n",
        "logging.inc": 'type = "console";\nlevel = "warning";\n',
        "redis.conf": f'servers = "127.0.0.1:{redis}";\n',
        "options.inc": 'dns { nameserver = ["127.0.0.1:9"]; }\n',  # nobody answers there
        # its other tests need no network
        "phishing.conf": "phishtank_enabled = false;\nopenphish_enabled = false;\n",
        **{f"{name}.conf": "enabled = false;\n" for name in (*NEEDS_NETWORK, *REMEMBERS)},
    }
    for name, content in settings.items():
        home.write(f"local.d/{name}", content)
    state = home.folder / "state"
    state.mkdir()
    home.hand_over()
    places = {"LOCAL_CONFDIR": home.folder, "DBDIR": state, "RUNDIR": state, "LOGDIR": state}
    return ["rspamd", "-f", "-c", "/etc/rspamd/rspamd.conf", *(f"--var={name}={path}" for name, path in places.items())]


@timed
def rspamd(rows: Sequence[Row], promise: float | None = None) -> Fitted:
    """Run rspamd with Debian's rules, its Bayes in a private redis, taught as `rspamc learn_spam` does."""
    home, scan, control, redis = Home("rspamd"), find_port(), find_port(), find_port()
    command = settle_rspamd(home, scan, control, redis)
    store = ["redis-server", "--bind", "127.0.0.1", "--port", str(redis), "--save", "", "--dir", str(home.folder)]
    home.start("redis", store, lambda: ask_redis(redis, "PING"))

    def score(text: str) -> float:
        return float(json.loads(post(scan, "/checkv2", mail(text)))["score"])

    def first() -> float:
        if "rspamd" in home.running:
            home.stop("rspamd")
        return home.start("rspamd", command, lambda: score(TEXT))

    first()  # compiles its rules, which is no learning
    begun = time.perf_counter()
    for row in rows:
        post(control, "/learnspam" if row.label == "spam" else "/learnham", mail(row.text))
    seconds = time.perf_counter() - begun
    ask_redis(redis, "SAVE")
    held = sum(held_mb(pid) for process in home.running.values() for pid in (process.pid, *children(process.pid)))
    size_bytes = (home.folder / "dump.rdb").stat().st_size
    return Fitted(judge_with(score, RSPAMD_SPAM), RSPAMD_SPAM, size_bytes, seconds, first, held)


def children(pid: int) -> list[int]:
    """List the processes that a process has made."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def held_mb(pid: int) -> float:
    """Read what a process holds in memory now, its part of what it shares."""
    path = Path(f"/proc/{pid}/smaps_rollup")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def peers() -> dict[str, tuple[Fit, str]]:
    """List the daemons, and why one is skipped."""

    def lacking(**packages: str) -> str:
        missing = [package for program, package in packages.items() if not find_program(program.replace("_", "-"))]
        return f"not installed: apt install {' '.join(missing)}" if missing else ""

    return {
        SPAMASSASSIN: (spamassassin, lacking(spamd="spamd", sa_learn="spamassassin")),
        RSPAMD: (rspamd, lacking(rspamd="rspamd", redis_server="redis-server")),
    }
