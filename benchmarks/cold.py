"""First answers of fresh processes: the Lambda bundle with an S3 registry and without, beside the tutorial's handler.

    python benchmarks/cold.py [--runs 15] [--no-tutorial]

Measured: from starting a process to its first answer on stdout, less the same for an interpreter that prints an empty
line. Every process runs `python -I -S`, so no start-up hook of this environment counts; ours has the unzipped bundle on
its path and nothing else, the tutorial's has this environment's site-packages for scikit-learn. The kinds take turns,
so that a busy machine slows all of them.
RSS is the process's peak (VmHWM); CPU is that of the whole process, over bare too. The S3 server is seaweedfs.

The tutorial's handler downloads nothing here: its pickles lie on the disk, which flatters it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import servers  # noqa: E402

from despam.aws import bundle  # noqa: E402

MACHINE = "arm64" if platform.machine() == "aarch64" else "x86_64"
TEXT = "WINNER!! You have been selected to receive a prize. Call 09061701461 to claim. Valid 12 hours only."
PEAK = """
with open("/proc/self/status") as status:
    peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
"""
BARE = f"print(flush=True)\n{PEAK}\nprint(peak)"
HANDLER = f"""
import json, sys
sys.path.insert(0, sys.argv[1])
from {bundle.ENTRY} import handler
out, sys.stdout = sys.stdout, sys.stderr
answer = handler({{"text": {TEXT!r}}}, None)
print(answer["statusCode"], answer["body"], file=out, flush=True)
{PEAK}
health = json.loads(handler({{"httpMethod": "GET", "path": "/health"}}, None)["body"])
print(peak, health["source"], file=out)
"""
# as the tutorial has it: joblib, model and vectorizer at the first call, kept in globals
TUTORIAL = f"""
import sys
sys.path[:0] = sys.argv[1:3]
import json, joblib
def handler(event, context):
    model, vectorizer = joblib.load(sys.argv[2] + "/spam_model.pkl"), joblib.load(sys.argv[2] + "/vectorizer.pkl")
    label = model.predict(vectorizer.transform([event["text"]]))[0]
    return {{"statusCode": 200, "body": json.dumps({{"classification": "SPAM" if label == 0 else "HAM"}})}}
answer = handler({{"text": {TEXT!r}}}, None)
print(answer["statusCode"], answer["body"], flush=True)
{PEAK}
print(peak)
"""


class Kind(NamedTuple):
    """One thing to start."""

    name: str
    command: list[str]
    environ: dict[str, str]


class Figures(NamedTuple):
    """What was measured of it."""

    milliseconds: list[float]
    peak_mb: list[float]
    cpu_ms: list[float]  # of the whole process: other work on the machine hardly changes it


def start(kind: Kind) -> tuple[float, float, float, str]:
    """Start one process; give milliseconds to its first line, peak in MB, CPU milliseconds, and what it said."""
    with tempfile.TemporaryFile("w+") as talk:
        begin = time.perf_counter()
        with subprocess.Popen(kind.command, env=kind.environ, stdout=subprocess.PIPE, stderr=talk, text=True) as run:
            assert run.stdout
            line = run.stdout.readline()
            elapsed = (time.perf_counter() - begin) * 1000
            rest = run.stdout.read()
            _, status, usage = os.wait4(run.pid, 0)
            run.returncode = os.waitstatus_to_exitcode(status)
        if run.returncode or not rest.strip():
            talk.seek(0)
            raise SystemExit(f"{kind.name} failed: {talk.read().strip()[-800:]}")
    peak, _, source = rest.strip().partition(" ")
    cpu = (usage.ru_utime + usage.ru_stime) * 1000
    return elapsed, int(peak) / 1024, cpu, f"{source} {line}".strip()


def measure(kinds: list[Kind], runs: int) -> dict[str, Figures]:
    """Start each kind in turn, `runs` times, after one turn that warms the disk."""
    found = {kind.name: Figures([], [], []) for kind in kinds}
    for turn in range(runs + 1):
        for kind in kinds:
            elapsed, peak, cpu, _ = start(kind)
            if turn:
                found[kind.name].milliseconds.append(elapsed)
                found[kind.name].peak_mb.append(peak)
                found[kind.name].cpu_ms.append(cpu)
    return found


def python(code: str, *arguments: str | Path) -> list[str]:
    """Name the interpreter without site and without hooks: the base one, which Lambda's is like."""
    return [getattr(sys, "_base_executable", sys.executable), "-I", "-S", "-c", code, *map(str, arguments)]


@contextmanager
def registry(folder: Path, model: Path) -> Iterator[dict[str, str]]:
    """Run an S3 server with the model live in it; give the environment that leads there."""
    with servers.seaweedfs(folder) as server:
        environ = {**server.environ, "DESPAM_REGISTRY": "s3://despam-bench/registry"}
        servers.make_bucket(server, "despam-bench")
        command = [
            sys.executable,
            "-m",
            "despam",
            "publish",
            str(model),
            "--registry",
            environ["DESPAM_REGISTRY"],
            "--promote",
        ]
        run = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True)
        if run.returncode:
            raise SystemExit(f"publishing failed: {run.stderr}")
        yield environ


def tutorial_files(folder: Path) -> None:
    """Train the tutorial's model and dump it as the tutorial does: ham is 1, spam is 0."""
    import gzip

    import joblib
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    with gzip.open(ROOT / "data" / "sms_spam_collection.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    vectorizer = TfidfVectorizer(min_df=1, stop_words="english", lowercase=True)
    features = vectorizer.fit_transform([row["text"] for row in rows])
    model = LogisticRegression().fit(features, [int(row["label"] == "ham") for row in rows])
    folder.mkdir()
    joblib.dump(model, folder / "spam_model.pkl")
    joblib.dump(vectorizer, folder / "vectorizer.pkl")


def show(found: dict[str, Figures], size: str) -> None:
    """Print the table: medians over the bare interpreter."""
    bare = found["bare interpreter"]
    base_ms, base_mb = statistics.median(bare.milliseconds), statistics.median(bare.peak_mb)
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, {date.today()}")
    print(f"bundle: {size}; medians of {len(bare.milliseconds)} starts of each")
    print(f"a bare interpreter: {base_ms:.1f} ms, {base_mb:.1f} MB")
    heads = f"{'quartiles':>14}{'best':>7}{'CPU ms':>8}{'RSS, MB':>9}{'over bare':>11}"
    print(f"{'first answer of':<32}{'ms over bare':>13}{heads}")
    for name, figures in found.items():
        if name == "bare interpreter":
            continue
        low, middle, high = statistics.quantiles(figures.milliseconds, n=4)
        peak = statistics.median(figures.peak_mb)
        spread = f"{low - base_ms:.0f} to {high - base_ms:.0f}"
        cpu = statistics.median(figures.cpu_ms) - statistics.median(bare.cpu_ms)
        best = min(figures.milliseconds) - min(bare.milliseconds)
        print(
            f"{name:<32}{middle - base_ms:>13.1f}{spread:>14}{best:>7.1f}{cpu:>8.1f}{peak:>9.1f}{peak - base_mb:>11.1f}"
        )
    ours = (
        statistics.median(found["despam, S3 registry"].milliseconds) - base_ms if "despam, S3 registry" in found else 0
    )
    if ours and "tutorial (scikit-learn)" in found:
        theirs = statistics.median(found["tutorial (scikit-learn)"].milliseconds) - base_ms
        print(f"the tutorial's handler takes {theirs / ours:.1f} times as long, before any download")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--no-tutorial", action="store_true")
    options = parser.parse_args()
    made = bundle.make(MACHINE)
    size = f"{made.zipped_bytes / 1e6:.1f} MB zipped, {made.unzipped_bytes / 1e6:.1f} MB unzipped"
    base = {"PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_NAME": "bench"}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        task = folder / "task"
        with zipfile.ZipFile(BytesIO(made.data)) as archive:
            archive.extractall(task)
        kinds = [
            Kind("bare interpreter", python(BARE), base),
            Kind("despam, no registry", python(HANDLER, task), base),
            Kind("despam, no registry, no kernel", python(HANDLER, task), {**base, "DESPAM_PURE": "1"}),
        ]
        if reason := servers.missing("seaweedfs"):
            print(f"skipped: despam, S3 registry: {reason}")
        else:
            environ = stack.enter_context(registry(folder / "s3", task / bundle.MODEL_NAME))
            kinds.append(Kind("despam, S3 registry", python(HANDLER, task), {**base, **environ}))
        if not options.no_tutorial:
            tutorial_files(folder / "tutorial")
            site = sysconfig.get_path("purelib")
            kinds.append(Kind("tutorial (scikit-learn)", python(TUTORIAL, site, folder / "tutorial"), base))
        for kind in kinds[1:]:
            said = start(kind)[3]
            print(f"{kind.name}: {said[:150]}", file=sys.stderr)
            if "DESPAM_REGISTRY" in kind.environ and not said.startswith("registry 200"):
                raise SystemExit("the registry was not used: the figures would be those of another start")
        show(measure(kinds, options.runs), size)


if __name__ == "__main__":
    main()
