"""The data that come with the repository are what their README says."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

ROW = re.compile(
    r"^\| `(?P<name>[\w.]+)` \| (?P<spam>[\d,]+) \| (?P<ham>[\d,]+) \|.*"
    r"\| (?P<licence>[^|]+) \| `(?P<hash>[0-9a-f]{64})` \|$"
)
README = Path(__file__).resolve().parent.parent.parent / "data" / "README.md"
TABLE = {match["name"]: match for match in map(ROW.match, README.read_text(encoding="utf-8").splitlines()) if match}


def test_every_file_stands_in_the_readme(data_folder: Path) -> None:
    """No file without source and licence, no line without its file."""
    files = {path.name for path in data_folder.iterdir()} - {"README.md"}
    assert files == set(TABLE)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_file_is_unchanged(name: str, data_folder: Path) -> None:
    """The bytes have the hash in the README."""
    assert hashlib.sha256((data_folder / name).read_bytes()).hexdigest() == TABLE[name]["hash"]


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_file_holds_as_many_messages_as_said(name: str, data_folder: Path) -> None:
    """Spam and ham are counted."""
    path = data_folder / name
    if name.endswith(".csv"):
        with path.open(encoding="utf-8", newline="") as lines:
            labels = [row["Category"] for row in csv.DictReader(lines)]
    else:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            labels = [json.loads(line)["label"] for line in lines]
    counted = {"spam": labels.count("spam"), "ham": labels.count("ham")}
    assert counted == {kind: int(TABLE[name][kind].replace(",", "")) for kind in counted}
    assert sum(counted.values()) == len(labels)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_licence_allows_passing_on(name: str) -> None:
    """Only CC BY 4.0 and MIT, or a file named here."""
    assert TABLE[name]["licence"].strip() in {"CC BY 4.0", "MIT", "as `sms_spam_collection`"}
