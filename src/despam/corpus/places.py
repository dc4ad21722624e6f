"""Where messages lie on this machine: the repository's `data/`, and a folder of larger corpora.

Both may be absent, in an installed package always: then the answer is None and callers say so. No path of any machine
is written here; the larger corpora are named by DESPAM_CORPORA or lie in `shared/data` beside the repository.
"""

from __future__ import annotations

import os
from pathlib import Path


def repository() -> Path | None:
    """Find the repository this code runs from, None when it is an installed package."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "pyproject.toml").is_file() and (root / "src" / "despam").is_dir() else None


def data_folder() -> Path | None:
    """Find the repository's `data/`."""
    root = repository()
    return root / "data" if root and (root / "data").is_dir() else None


def corpora_folder() -> Path | None:
    """Find the larger corpora: DESPAM_CORPORA, else `shared/data` beside the repository."""
    if named := os.environ.get("DESPAM_CORPORA"):
        return Path(named) if Path(named).is_dir() else None
    root = repository()
    beside = root.parent / "shared" / "data" if root else None
    return beside if beside and beside.is_dir() else None


def find_corpus(name: str) -> Path | None:
    """Find a corpus file by its name (sms_spam_collection), in `data/` first."""
    for folder in (data_folder(), corpora_folder()):
        for ending in (".jsonl.gz", ".csv", ".jsonl"):
            if folder and (folder / f"{name}{ending}").is_file():
                return folder / f"{name}{ending}"
    return None
