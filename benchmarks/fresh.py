"""Processes of their own: how long a fresh one takes to its first verdict, how much memory one takes, private daemons.

Knows processes and what Linux says of them; knows no system that judges. What a bare interpreter takes is taken off,
measured in turns with it. What is started here is stopped with this process.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXT = "WIN a free iPhone now"
# what a program of each kind runs: open the model in sys.argv[1], judge one message
PIPELINE = f"import pickle, sys; pickle.load(open(sys.argv[1], 'rb')).decision_function([{TEXT!r}])"
# the binding warns at each load of what changed years ago
FASTTEXT = (
    "import sys, fasttext; fasttext.FastText.eprint = lambda *_: None; "
    f"fasttext.load_model(sys.argv[1]).f.predict({TEXT!r} + chr(10), 2, 0.0, 'strict')"
)
MINI_LM = (
    f"import pickle, sys, mini_lm; pickle.load(open(sys.argv[1], 'rb')).decision_function(mini_lm.embed([{TEXT!r}]))"
)


@dataclass
class FirstVerdict:
    """Call it for the milliseconds of a fresh interpreter that opens the model and judges, over a bare one."""

    code: str
    write: Callable[[Path], object]

    def __call__(self) -> float:
        """Write the model, then time both interpreters."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            self.write(path)
            first, bare = (time_process([sys.executable, "-c", code, str(path)]) for code in (self.code, ""))
        return first - bare


def time_process(command: Sequence[str]) -> float:
    """Time a process from start to end, in milliseconds; the benchmarks' modules are on its path."""
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    begun = time.perf_counter()
    # some tell a verdict by their exit code
    subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.DEVNULL,
        check="-c" in command,
    )
    return 1000 * (time.perf_counter() - begun)


def peak_mb(pid: int | str = "self") -> float:
    """Read the largest resident size of a process so far; 0 where Linux does not say.

    Not ru_maxrss: that of a child begins with what its parent held when it was made.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def watched(command: Sequence[str], source: bytes = b"", **how: Any) -> tuple[int, bytes, float]:
    """Run a command to its end: exit code, what it prints, and its largest resident size in MB."""
    peak, ended = [0.0], threading.Event()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **how) as process:

        def look() -> None:
            while not ended.wait(0.003):
                peak[0] = max(peak[0], peak_mb(process.pid))

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            printed, _ = process.communicate(source)
        finally:
            ended.set()
            watcher.join()
    return process.returncode, printed, peak[0]


class Home:
    """A temporary folder and the processes that live in it; they are stopped and it is removed at exit."""

    def __init__(self, name: str) -> None:
        """Make the folder."""
        self.folder = Path(tempfile.mkdtemp(prefix=f"despam-{name}-"))
        self.folder.chmod(0o755)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.owner = os.getpid()
        self.how: dict[str, Any] = {"cwd": self.folder, "env": os.environ | {"HOME": str(self.folder)}}
        if os.geteuid() == 0:
            self.how |= {"user": "nobody", "group": "nogroup", "extra_groups": []}
        atexit.register(self.close)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file below the folder."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def hand_over(self) -> None:
        """Give everything here to whom the processes run as."""
        if "user" in self.how:
            for path in (self.folder, *self.folder.rglob("*")):
                shutil.chown(path, self.how["user"], self.how["group"])

    def run(self, *command: str) -> float:
        """Run a command to its end and give its largest resident size in MB."""
        code, printed, peak = watched(command, stderr=subprocess.STDOUT, **self.how)
        if code:
            raise RuntimeError(f"{command[0]} failed: {printed[-500:].decode(errors='replace')}")
        return peak

    def start(self, name: str, command: Sequence[str], ask: Callable[[], object], seconds: float = 120) -> float:
        """Start a daemon and wait for its first answer; give the milliseconds until then."""
        log = self.folder / f"{name}.log"
        command = [find_program(command[0]) or command[0], *command[1:]]
        begun = time.perf_counter()
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, **self.how)
        self.running[name] = process
        while True:
            try:
                ask()
                return 1000 * (time.perf_counter() - begun)
            except OSError as error:
                if process.poll() is not None or time.perf_counter() - begun > seconds:
                    told = log.read_text(errors="replace")[-500:]
                    raise RuntimeError(f"{command[0]} does not answer: {told}") from error
                time.sleep(0.005)

    def stop(self, name: str) -> None:
        """Stop one daemon and wait for its end."""
        process = self.running.pop(name)
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        """Stop all, the last one first, and remove the folder; a forked copy of us does nothing."""
        if os.getpid() != self.owner:
            return
        for name in reversed(list(self.running)):
            self.stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)


def find_program(name: str) -> str | None:
    """Find a program; Debian keeps daemons where not everybody's PATH looks."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin")))
