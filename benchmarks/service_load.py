"""Servers under load: ours, and the tutorial's logic behind FastAPI; wrk puts the load.

Knows how each server is started, when it answers, and how wrk is told to send distinct texts, at full or at a given
rate. Knows nothing of targets. Any failed request ends the run.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

PEER = '''
"""The tutorial's handler logic: TF-IDF and logistic regression of scikit-learn, trained as there, behind FastAPI."""
import gzip, json, sys
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

rows = [json.loads(line) for line in gzip.open("DATA", "rt", encoding="utf-8")]
vectorizer = TfidfVectorizer(min_df=1, stop_words="english", lowercase=True)
vectors = vectorizer.fit_transform([row["text"] for row in rows])
model = LogisticRegression().fit(vectors, [int(row["label"] == "ham") for row in rows])
app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])

class Question(BaseModel):
    text: str

@app.post("/classify")
def classify(question: Question):
    label = model.predict(vectorizer.transform([question.text]))[0]
    return {"status": "success", "classification": "HAM" if label == 1 else "SPAM", "input_text": question.text}
'''
LOAD = """
local bodies, count, next_body = {}, 0, 0
for line in io.lines("BODIES") do count = count + 1; bodies[count] = line end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  next_body = next_body % count + 1
  return wrk.format(nil, "/classify", nil, bodies[next_body])
end
"""
DELAY = "delay = function() return MILLISECONDS end\n"


def find_port() -> int:
    """Find a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(command: list[str], port: int, folder: Path) -> Iterator[int]:
    """Run a server until the block ends; give its process id."""
    with (folder / "server.log").open("ab") as log:  # appending, so that it can be emptied
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            wait_until_it_answers(port, process)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def wait_until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    """Ask until there is a verdict."""
    body = json.dumps({"text": "hello"}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/classify", body, {"Content-Type": "application/json"})
    for _ in range(300):
        try:
            urllib.request.urlopen(request, timeout=5).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise SystemExit("a server did not start")


def ours(port: int) -> list[str]:
    """The command of our server."""
    return [sys.executable, "-m", "despam", "serve", "--port", str(port)]


def peer(port: int) -> list[str]:
    """The command of the peer: uvicorn with the same loop and parser, and no access log to pay for."""
    return [
        sys.executable,
        "-m",
        "uvicorn",
        "peer:app",
        "--port",
        str(port),
        "--no-access-log",
        "--log-level",
        "warning",
    ]


def load(port: int, folder: Path, seconds: float, connections: int = 16, delay_ms: float = 0) -> tuple[float, float]:
    """Put load on a server; give requests a second and p99 in milliseconds. Any failed request ends the run."""
    script = folder / "load.lua"
    code = LOAD.replace("BODIES", str(folder / "bodies.txt"))
    script.write_text(code + (DELAY.replace("MILLISECONDS", f"{delay_ms:.3f}") if delay_ms else ""))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(script), "--latency"]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True)
    failed = re.search(r"Non-2xx.*|Socket errors.*", done.stdout)
    if failed:
        raise SystemExit(f"failed requests: {failed[0]}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    assert rate and p99, done.stdout
    return float(rate[1]), float(p99[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p99[2]]


def write_bodies(folder: Path, texts: Sequence[str], data: Path) -> None:
    """Write the texts as bodies, one a line, and the peer's module, which trains on the data."""
    (folder / "bodies.txt").write_text("\n".join(json.dumps({"text": text}) for text in texts) + "\n")
    (folder / "peer.py").write_text(PEER.replace("DATA", str(data)))
