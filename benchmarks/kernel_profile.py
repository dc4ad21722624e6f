"""What the kernel does for a text, counted, not timed: instructions, cache misses, wrong guesses, and where they are.

    python benchmarks/kernel_profile.py

Runs valgrind's cachegrind, with caches of 48 KB and 2 MB as the machine of decision 0006 has them, over a process that
scores the same texts ten times, and over one that scores them sixty times; what that has more is the scoring, warm.
So the counts are the same on a busy machine and a quiet one. A wrong guess is a branch that cachegrind's simple
predictor foretells wrongly; processors guess better. Without valgrind: skipped, and said.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import despam
from despam import corpus
from despam.core import engine, hashed

SIMULATED = ("--cache-sim=yes", "--branch-sim=yes", "--D1=49152,12,64", "--LL=2097152,16,64")
PLAIN = re.compile(r"[<&]|[^\x00-\x7f]")
TEXTS = 200
FEW, MANY = 10, 60  # rounds; shares by function are those of a run of this many, mostly scoring

SCORE = """
import json, sys, despam
texts = json.load(open(sys.argv[1]))
score = despam.load().score
for _ in range(int(sys.argv[2])):
    for text in texts:
        score(text)
"""


class Counts(NamedTuple):
    """What cachegrind counts of a process."""

    instructions: int
    reads_and_writes: int
    first_misses: int  # of the first-level cache
    last_misses: int  # of the second-level cache
    wrong_guesses: int  # of branches


def main() -> None:
    """Count for short and for long texts."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    if engine.native is None:
        sys.exit("the kernel is not built here: there is nothing to count")
    if not shutil.which("valgrind"):
        sys.exit("skipped: valgrind is not on this machine (apt install valgrind)")
    for title, texts in (("plain SMS", read_plain(0, 200)), ("plain mail of 8 to 12 KB", read_plain(8_000, 12_000))):
        if texts:
            report(title, texts)
        else:
            print(f"\n{title}: skipped, enron_spam is not on this machine (set DESPAM_CORPORA)")


def read_plain(least: int, most: int) -> list[str]:
    """Read messages of a size that need no repair."""
    path = corpus.find_corpus("enron_spam" if least else "sms_spam_collection")
    found: list[str] = []
    for row in corpus.read([path]) if path else ():
        if least <= len(row.text) <= most and not PLAIN.search(row.text):
            found.append(row.text)
        if len(found) == TEXTS:
            break
    return found


def report(title: str, texts: list[str]) -> None:
    """Count and print."""
    scorer = despam.load().scorer
    assert isinstance(scorer, hashed.NativeScorer)
    features = sum(sum(scorer.integers(text)[1]) for text in texts) / len(texts)
    with tempfile.TemporaryDirectory() as folder:
        few, _ = count(Path(folder), texts, FEW)
        many, functions = count(Path(folder), texts, MANY)
    scored = len(texts) * (MANY - FEW)
    each = Counts(*((b - a) / scored for a, b in zip(few, many, strict=True)))
    read = sum(min(len(text), 3_301) for text in texts) / len(texts)
    print(f"\n{title}: {len(texts)} texts, {read:,.0f} characters read of each, {features:,.0f} features")
    print(f"  a text     {each.instructions:,.0f} instructions, {each.reads_and_writes:,.0f} reads and writes,", end="")
    print(f" {each.first_misses:,.1f} misses of 48 KB, {each.last_misses:,.2f} of 2 MB, ", end="")
    print(f"{each.wrong_guesses:,.1f} wrong guesses")
    print(f"  a feature  {each.instructions / features:,.1f} instructions, ", end="")
    print(f"{each.reads_and_writes / features:,.1f} reads and writes, {each.first_misses / features:.3f} and ", end="")
    print(f"{each.last_misses / features:.4f} misses, {each.wrong_guesses / features:.3f} wrong guesses")
    print("  " + ", ".join(f"{name} {100 * share:.0f} %" for name, share in functions[:10]))


def count(folder: Path, texts: list[str], rounds: int) -> tuple[Counts, list[tuple[str, float]]]:
    """Run under cachegrind: totals, and each function's share of the kernel's instructions."""
    (folder / "texts.json").write_text(json.dumps(texts))
    out = folder / f"out-{rounds}"
    command = ["valgrind", "--tool=cachegrind", *SIMULATED, f"--cachegrind-out-file={out}"]
    program = [sys.executable, "-c", SCORE, str(folder / "texts.json"), str(rounds)]
    done = subprocess.run(
        [*command, *program], capture_output=True, text=True, env=os.environ | {"PYTHONHASHSEED": "0"}
    )
    if done.returncode:
        sys.exit(f"valgrind failed: {done.stderr[-500:]}")
    return read_counts(out.read_text())


def read_counts(text: str) -> tuple[Counts, list[tuple[str, float]]]:
    """Read cachegrind's file: `events:` names the columns, `fn=` begins a function, `summary:` has the totals."""
    names: list[str] = []
    by_function: dict[str, int] = {}
    function, total = "", [0]
    for line in text.splitlines():
        kind, _, rest = line.partition(":" if line.startswith(("events", "summary")) else "=")
        if kind == "events":
            names = rest.split()
        elif kind == "summary":
            total = list(map(int, rest.split()))
        elif kind in ("fl", "fn"):
            function = rest if kind == "fn" else function
        elif line[:1].isdigit():
            by_function[function] = by_function.get(function, 0) + int(line.split()[1])
    at = dict(zip(names, total, strict=True))
    counts = Counts(
        at["Ir"], at["Dr"] + at["Dw"], at["D1mr"] + at["D1mw"], at["DLmr"] + at["DLmw"], at["Bcm"] + at["Bim"]
    )
    own = {name: by_function[name] for name in by_function if name in kernel_functions()}
    whole = sum(own.values()) or 1
    ranked = sorted(own.items(), key=lambda item: -item[1])
    return counts, [(name, number / whole) for name, number in ranked]


def kernel_functions() -> set[str]:
    """List the functions that the kernel's source defines."""
    folder = Path(engine.__file__).parent
    sources = [folder / "_native.c", *sorted((folder / "native").glob("*.h"))]
    return {name for path in sources for name in re.findall(r"^static [\w *]*?(\w+)\(", path.read_text(), re.M)}


if __name__ == "__main__":
    main()
