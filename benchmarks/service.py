"""The service in figures, beside the tutorial's handler logic behind FastAPI, in one run: `make bench-service`.

    overhead   Lambda handler, warm, event to answer, over the scorer's own time on the same messages
    first      first answer in a fresh process of a clean environment, over a bare interpreter; memory
    load       requests a second under wrk, one worker, keep-alive, distinct SMS texts; p99 at half that load
    page       bytes over the wire, and the first verdict after the click (Chromium)
    soak       --soak MINUTES at full load: memory flat, no failed request

Times are medians; ours and the peer take turns, so that a busy machine slows both. The first answer is shown in time
on the clock and in CPU time: on an idle machine they are the same. Nothing here is a test: CI asserts modules loaded.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from service_load import find_port, load, ours, peer, serving, write_bodies

ROOT = Path(__file__).resolve().parent.parent
SMS = ROOT / "data" / "sms_spam_collection.jsonl.gz"
PARTS = ("overhead", "first", "load", "page")

OVERHEAD = """
import json, sys, time, despam
from despam.core import engine
from despam.service.aws_lambda import Door
from despam.service.settings import Settings, build

texts = json.load(open(sys.argv[1]))
event = json.load(open(sys.argv[2]))
api = build(Settings())
door, classify = Door(api), api.live.current().classify
events = [{**event, "body": json.dumps({"text": text})} for text in texts]
said, sys.stdout = sys.stdout, open("/dev/null", "w")
answer = json.loads(door(events[0])["body"])
log = json.dumps({"time": "2026-01-01T00:00:00Z", "event": "request", "path": "/classify", "status": 200, "ms": 1.0})


def do_nothing(one):  # what no handler is spared: the body read, an answer and a log line written
    json.loads(one["body"])["text"]
    print(log)
    return {"statusCode": 200, "headers": {}, "body": json.dumps(answer)}


best = [1e9, 1e9, 1e9]
for _ in range(7):
    start = time.process_time()  # CPU time: one thread that waits for nothing, and neighbours do not count
    for text in texts:
        verdict = classify(text)
        verdict.classification, verdict.unsure
    middle = time.process_time()
    for one in events:
        door(one)
    end = time.process_time()
    for one in events:
        do_nothing(one)
    best = list(map(min, best, (middle - start, end - middle, time.process_time() - end)))
print(engine.NAME, *(1e6 * seconds / len(texts) for seconds in best), file=said)
"""
FIRST = """
import sys
from despam.service.aws_lambda import handler
event = {"version": "2.0", "rawPath": "/classify", "rawQueryString": "",
         "headers": {"content-type": "application/json"},
         "requestContext": {"http": {"method": "POST"}, "stage": "$default"},
         "body": '{"text": "WIN a free iPhone now"}', "isBase64Encoded": False}
assert handler(event, None)["statusCode"] == 200
"""
MEMORY = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
CLICK = """async text => {
  document.getElementById("userInput").value = text;
  document.getElementById("userInput").dispatchEvent(new Event("input", {bubbles: true}));
  const result = document.getElementById("result");
  const said = new Promise(done => new MutationObserver(() => result.textContent.includes("Prediction:") && done())
    .observe(result, {childList: true, subtree: true, characterData: true}));
  const start = performance.now();
  [...document.querySelectorAll("button")].find(button => button.textContent.includes("Analyze")).click();
  await said;
  return performance.now() - start;
}"""

Row = tuple[str, str, str, bool | None]


def read_texts() -> list[str]:
    """Read the SMS texts."""
    with gzip.open(SMS, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def row(what: str, found: float, unit: str, target: float, above: bool = False) -> Row:
    """Make a row of the table: the figure, its target, whether it is reached."""
    reached = found >= target if above else found <= target
    return what, f"{found:,.1f} {unit}", f"{'>=' if above else '<='} {target:,g} {unit}", reached


def show(rows: list[Row]) -> None:
    """Print the table."""
    widths = [max(len(line[column]) for line in rows) for column in range(3)]
    for what, found, target, reached in rows:
        mark = {True: "reached", False: "MISSED", None: ""}[reached]
        print(f"{what:<{widths[0]}}  {found:>{widths[1]}}  {target:<{widths[2]}}  {mark}")


# --- overhead


def measure_overhead(folder: Path, repeats: int) -> list[Row]:
    """Time handler and scorer in turns, in Python and with the kernel."""
    texts = folder / "texts.json"
    texts.write_text(json.dumps(read_texts()[:1000]))
    event = ROOT / "tests" / "events" / "rest_v1.json"
    rows: list[Row] = []
    for pure in ("1", ""):
        runs = []
        for _ in range(repeats):
            done = subprocess.run(
                [sys.executable, "-c", OVERHEAD, str(texts), str(event)],
                env={**os.environ, "DESPAM_PURE": pure}, capture_output=True, text=True, check=True,
            )  # fmt: skip
            engine, scorer, whole, nothing = done.stdout.split()
            runs.append((float(whole) - float(scorer), float(scorer), float(whole), float(nothing)))
        over, scorer_us, whole_us, nothing_us = sorted(runs)[len(runs) // 2]
        rows.append(row(f"handler over the scorer, warm SMS, {engine}", over, "us", 60))
        rows.append((f"  scorer alone; event to answer, {engine}", f"{scorer_us:.1f}; {whole_us:.1f} us", "", None))
    rows.append(("  a handler that decides nothing: JSON in, JSON and a log line", f"{nothing_us:.1f} us", "", None))
    return rows


# --- first answer


def make_environment(folder: Path) -> Path:
    """Make a clean environment with what a Lambda bundle holds, compiled; give its Python."""
    venv.create(folder / "clean", with_pip=False)
    python = folder / "clean" / "bin" / "python"
    place = subprocess.run(
        [python, "-c", "import site; print(site.getsitepackages()[0])"], capture_output=True, text=True, check=True
    )
    target = Path(place.stdout.strip()) / "despam"
    source = ROOT / "src" / "despam"
    for name in ("core", "service", "models"):
        shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "errors.py"):
        shutil.copy(source / name, target / name)
    subprocess.run([python, "-m", "compileall", "-q", target], check=True)
    return python


def time_process(python: Path, code: str, pure: str) -> tuple[float, float]:
    """Time a fresh process from start to end, on the clock and in CPU time, in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([python, "-I", "-c", code], env={"DESPAM_PURE": pure}, stdout=subprocess.DEVNULL, check=True)
    elapsed = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * elapsed, 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def read_memory(python: Path, code: str, pure: str) -> float:
    """Read the largest resident size of a fresh process, in MB."""
    done = subprocess.run(
        [python, "-I", "-c", code + MEMORY], env={"DESPAM_PURE": pure}, capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1]) / 1024


def measure_first(folder: Path, repeats: int) -> list[Row]:
    """Time the first answer, in turns with a bare interpreter."""
    python = make_environment(folder)
    rows: list[Row] = []
    bare_mb = read_memory(python, "", "")
    for pure, engine in (("1", "python"), ("", "native")):
        pairs = [(time_process(python, FIRST, pure), time_process(python, "", pure)) for _ in range(repeats * 10 + 1)]
        over, over_cpu = (statistics.median(first[at] - bare[at] for first, bare in pairs) for at in (0, 1))
        mb = read_memory(python, FIRST, pure)
        rows.append(row(f"first answer over a bare interpreter, {engine}", over, "ms", 25))
        rows.append(("  in CPU time", f"{over_cpu:,.1f} ms", "", None))
        rows.append(row(f"  memory of that process, {engine}", mb, "MB", 20))
        rows.append((f"  over a bare interpreter's {bare_mb:.1f} MB", f"{mb - bare_mb:.1f} MB", "", None))
    return rows


# --- load


def measure_load(folder: Path, repeats: int, seconds: float) -> list[Row]:
    """Compare requests a second, ours and the peer's in turns; then look at p99 at half of ours."""
    if not shutil.which("wrk"):
        return [("load", "skipped", "wrk is not here: apt install wrk", None)]
    write_bodies(folder, read_texts(), SMS)
    first, second = find_port(), find_port()
    rates: dict[str, list[float]] = {"ours": [], "peer": []}
    with serving(ours(first), first, folder), serving(peer(second), second, folder):
        for port in (first, second):
            load(port, folder, 1)
        for _ in range(repeats):
            rates["ours"].append(load(first, folder, seconds)[0])
            rates["peer"].append(load(second, folder, seconds)[0])
        mine, theirs = statistics.median(rates["ours"]), statistics.median(rates["peer"])
        ratios = [mine / theirs for mine, theirs in zip(rates["ours"], rates["peer"], strict=True)]
        delay_ms = 1000 * 16 / (mine / 2)
        half = [load(first, folder, seconds, delay_ms=delay_ms) for _ in range(repeats)]
    p99 = statistics.median(latency for _, latency in half)
    return [
        (
            "requests a second, one worker",
            f"{mine:,.0f}",
            f"{min(rates['ours']):,.0f} to {max(rates['ours']):,.0f}",
            None,
        ),
        (
            "  tutorial's logic, FastAPI",
            f"{theirs:,.0f}",
            f"{min(rates['peer']):,.0f} to {max(rates['peer']):,.0f}",
            None,
        ),
        row("  ratio", statistics.median(ratios), "times", 8, above=True),
        row(f"p99 at {statistics.median(rate for rate, _ in half):,.0f} requests a second", p99, "ms", 10),
    ]


# --- page


def measure_page(folder: Path) -> list[Row]:
    """Count the page's bytes and time the first verdict after the click."""
    from despam.service import pages

    packed = sum(len(content) for path, (content, _, _) in pages.PACKED.items() if path != "/")
    plain = sum(len(content) for path, (content, _, _) in pages.FILES.items() if path != "/")
    rows = [
        row("page, all files, packed", packed / 1024, "KB", 60),
        ("  the same without gzip", f"{plain / 1024:,.1f} KB", "", None),
    ]
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return [*rows, ("first verdict after the click", "skipped", "no Chromium here", None)]
    from playwright.sync_api import sync_playwright

    port = find_port()
    with serving(ours(port), port, folder), sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser)
        times = []
        for number in range(7):
            tab = chromium.new_page()
            tab.goto(f"http://127.0.0.1:{port}/")
            times.append(tab.evaluate(CLICK, f"WIN {number} free iPhones now"))
            tab.close()
        chromium.close()
    return [*rows, row("first verdict after the click", statistics.median(times), "ms", 100)]


# --- soak


def read_resident(pid: int) -> float:
    """Read a process's resident size in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def measure_soak(folder: Path, minutes: float) -> list[Row]:
    """Put full load on the server and watch its memory; the first tenth of the time is for warming up."""
    write_bodies(folder, read_texts(), SMS)
    port = find_port()
    sizes = []
    count = 0.0
    with serving(ours(port), port, folder) as pid:
        load(port, folder, max(2.0, minutes * 6))
        end = time.monotonic() + minutes * 54
        while time.monotonic() < end:
            rate, _ = load(port, folder, 5)
            count += rate * 5
            sizes.append(read_resident(pid))
            (folder / "server.log").open("wb").close()  # the log may not fill the disk
    middle = statistics.median(sizes)
    drift = 100 * max(abs(size - middle) / middle for size in sizes)
    return [
        (f"soak of {minutes:g} minutes: requests, none failed", f"{count:,.0f}", "", None),
        (f"  resident {min(sizes):.1f} to {max(sizes):.1f} MB", f"median {middle:.1f} MB", "", None),
        row("  furthest from the median", drift, "%", 5),
    ]


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"which of {', '.join(PARTS)}; all without one")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="of each load")
    parser.add_argument("--soak", type=float, default=0, metavar="MINUTES")
    arguments = parser.parse_args()
    parts = arguments.parts or ([] if arguments.soak else list(PARTS))
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    model = (
        re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) if Path("/proc/cpuinfo").exists() else None
    )
    print(
        f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ",
        end="",
    )
    print(f"load average {os.getloadavg()[0]:.1f}, {time.strftime('%Y-%m-%d')}\n")
    with tempfile.TemporaryDirectory(prefix="despam-bench-") as name:
        folder = Path(name)
        rows: list[Row] = []
        if "overhead" in parts:
            rows += measure_overhead(folder, arguments.repeats)
        if "first" in parts:
            rows += measure_first(folder, arguments.repeats)
        if "load" in parts:
            rows += measure_load(folder, arguments.repeats, arguments.seconds)
        if "page" in parts:
            rows += measure_page(folder)
        if arguments.soak:
            rows += measure_soak(folder, arguments.soak)
    show(rows)


if __name__ == "__main__":
    main()
