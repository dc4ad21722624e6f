"""Sizes, times and memory of the recipe: ratios and processor time, because test machines are busy."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

import despam
from despam.train.export import write_bytes
from despam.train.sklearn_in import Carried, Part, import_files
from despam.train.sklearn_out import export_model
from despam.train.tfidf import train_tfidf
from despam.train.tfidf_file import pack

from .conftest import read_texts
from .test_sklearn_out import Row


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> Path:
    """A folder with the tutorial's model: as two pickles, and imported from them as a file."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "data").mkdir()
    (folder / "data" / "sms.jsonl.gz").symlink_to(data_folder / "sms_spam_collection.jsonl.gz")
    rows: list[Any] = [Row(text, label) for text, label in zip(*read_texts(folder / "data"), strict=True)]
    export_model(train_tfidf(rows).open(), folder)
    carried = import_files([folder / "spam_model.pkl", folder / "vectorizer.pkl"], "0")
    write_bytes(folder / "imported.safetensors", pack(carried, {}))
    return folder


def test_the_tutorials_model_is_imported_in_two_seconds_to_400_kb(tutorial: Path) -> None:
    """Some 7,000 words."""
    start = time.process_time()
    carried = import_files([tutorial / "spam_model.pkl", tutorial / "vectorizer.pkl"], "0")
    data = pack(carried, {})
    assert time.process_time() - start <= 2
    assert 6000 < len(carried.weights) < 9000
    assert len(data) <= 400_000


def test_a_warm_message_takes_a_fraction_of_scikit_learns_time(tutorial: Path, data_folder: Path) -> None:
    """At most a quarter, which is what 60 of 240 microseconds are; measured in the same run."""
    model = despam.load(tutorial / "imported.safetensors")
    vectorizer, classifier = joblib.load(tutorial / "vectorizer.pkl"), joblib.load(tutorial / "spam_model.pkl")
    texts = read_texts(tutorial / "data")[0][:400]
    ours, theirs = [], []
    for _ in range(3):
        start = time.process_time()
        for text in texts:
            model.classify(text)
        middle = time.process_time()
        for text in texts[:100]:
            classifier.predict_proba(vectorizer.transform([text]))
        ours.append((middle - start) / 400)
        theirs.append((time.process_time() - middle) / 100)
    assert min(ours) <= min(theirs) / 4, f"{min(ours) * 1e6:.1f} against {min(theirs) * 1e6:.1f} microseconds"


def test_a_fresh_process_loads_the_standard_library_alone(tutorial: Path) -> None:
    """What the first verdict costs is what it imports: nothing of the training side, nothing heavy."""
    code = """
import sys
before = set(sys.modules)
import despam
print(despam.load(sys.argv[1]).classify("URGENT! Call to claim your free prize now").classification)
print(sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""
    path = str(tutorial / "imported.safetensors")
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    answer, modules = done.stdout.splitlines()
    assert answer == "SPAM"
    heavy = {
        "numpy",
        "scipy",
        "sklearn",
        "joblib",
        "safetensors",
        "dataclasses",
        "inspect",
        "typing",
        "email",
        "pathlib",
    }
    assert not heavy & set(eval(modules))


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 1,000,000 n-grams."""
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(1400)]
    vocabulary = {f"{a} {b}": at for at, (a, b) in enumerate((a, b) for a in words[:1000] for b in words[400:])}
    size = len(vocabulary)
    assert size == 1_000_000
    settings = {
        "analyzer": "word",
        "ngram": [2, 2],
        "lowercase": True,
        "accents": None,
        "pattern": r"\w+",
        "stop_words": [],
    }
    part = Part(settings | {"steps": [["idf", "idf"], ["l2"]]}, size, vocabulary, {"idf": np.full(size, 2.0)})
    weights = np.random.default_rng(0).normal(size=size)
    path = tmp_path_factory.mktemp("million") / "million.safetensors"
    write_bytes(path, pack(Carried([part], weights, 0.0, False, ["ham", "spam"], "spam", "test"), {}))
    return path


@pytest.mark.slow
def test_a_million_n_grams_are_mapped_not_parsed(million: Path) -> None:
    """Opening takes at most 30 ms, and takes next to no memory of its own, nor does answering."""
    code = """
import sys, time
import despam
def own_kb():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
before, start = own_kb(), time.process_time()
model = despam.load(sys.argv[1])
opened_ms = (time.process_time() - start) * 1000
verdict = model.classify(sys.argv[2])
print(opened_ms, own_kb() - before, len(verdict.clues))
"""
    draw = random.Random(1)
    first = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=6))
    for _ in range(399):
        draw.choices("abcdefghijklmnopqrstuvwxyz", k=6)
    second = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=6))
    command = [sys.executable, "-c", code, str(million), f"{first} {second}"]
    compiled = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}  # as users have it
    for _ in range(5):  # the first may compile what it imports, and a busy machine slows one of them, not all
        done = subprocess.run(command, env=compiled, capture_output=True, text=True, check=True)
        opened_ms, grown_kb, clues = done.stdout.split()
        if float(opened_ms) <= 30:
            break
    assert float(opened_ms) <= 30
    assert int(grown_kb) <= 4096, f"{grown_kb} KB for a file of {million.stat().st_size:,} bytes"
    assert int(clues) == 1


@pytest.mark.slow
def test_every_one_of_a_million_n_grams_is_found(million: Path) -> None:
    """The hash table holds them all; what is not in it is not found."""
    part: Any = despam.load(million).scorer
    part = part.parts[0]
    letters, offsets = bytes(part.letters), part.offsets
    for number in range(0, part.size, 97):
        gram = letters[offsets[number] : offsets[number + 1]].decode()
        assert part.find(gram) == number
        assert part.find(gram + "x") == -1
