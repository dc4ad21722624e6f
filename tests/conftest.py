"""The fixtures that every test folder may use: models, data folders, a free port, a browser.

Knows where the repository's own data lie and how a small model is trained; knows nothing of what is tested. Nothing
here is autouse: a test that names no fixture pays for none. What takes time is made once a session and shared between
xdist workers through one cache folder of the run, guarded by a lock file. What the machine lacks (larger corpora,
Chromium) is a skip that says so, never a silent pass.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from despam.core.model import Model

# a shell that starts us in the background leaves Ctrl-C ignored, and so would every process that a test interrupts
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
SMALL_ROWS = 600  # of the SMS Spam Collection: 80 of them spam, enough for every fold, trained in a second or two


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The small corpora that come with the repository."""
    return ROOT / "data"


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the larger corpora, or a skip that says where they would be looked for."""
    named = os.environ.get("DESPAM_CORPORA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"larger corpora are not here: {folder} is no folder (set DESPAM_CORPORA)")
    return folder


@pytest.fixture(scope="session")
def bundled() -> Model:
    """The bundled model, opened once a worker."""
    import despam

    return despam.load()


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all xdist workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@contextlib.contextmanager
def locked(path: Path, patience_seconds: float = 240) -> Iterator[None]:
    """Hold a lock file, so that two workers do not train the same model twice."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} was held for {patience_seconds} seconds") from None
            time.sleep(0.05)
    try:
        yield
    finally:
        path.unlink()


@pytest.fixture(scope="session")
def small_rows(data_folder: Path) -> tuple[list[str], list[str]]:
    """The first messages of the SMS Spam Collection: texts, and labels spam or ham."""
    with gzip.open(data_folder / "sms_spam_collection.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for _, line in zip(range(SMALL_ROWS), lines, strict=False)]
    return [row["text"] for row in rows], [row["label"] for row in rows]


@pytest.fixture(scope="session")
def make_model(
    run_folder: Path, small_rows: tuple[list[str], list[str]]
) -> Callable[[Sequence[str] | None, Sequence[str] | None], Path]:
    """Train a small model on the texts and labels given, else on the first SMS messages; the same ones only once."""

    def make(texts: Sequence[str] | None = None, labels: Sequence[str] | None = None) -> Path:
        from despam.train import SpamClassifier

        if texts is None or labels is None:
            texts, labels = small_rows
        key = hashlib.sha256(json.dumps([list(texts), list(labels)]).encode()).hexdigest()[:12]
        path = run_folder / f"model-{key}.safetensors"
        with locked(run_folder / f"model-{key}.lock"):
            if not path.exists():
                SpamClassifier().fit(list(texts), list(labels)).save(path)
        return path

    return make


@pytest.fixture
def free_port() -> int:
    """A port of the loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium, or a skip that says how to get one."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium on this machine: apt install chromium")
