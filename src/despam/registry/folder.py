"""What a registry in a folder needs besides obstore: the lock, the way to the disk, and what a killed write leaves.

Knows the file system through `os`. Knows nothing of versions and history beyond the names that are written, and turns
no error into a sentence: `storage` does, and imports this only where it writes.

Invariant: whoever may write in the folder may take its lock; nothing is removed but what a write of ours has left.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

LOCK = ".lock"
PLACES = (".", "models", "history")
LEFT = re.compile(r"(live\.json|models/[0-9a-f]{64}\.safetensors|history/[0-9]{8}\.json)#[0-9]+")


def lock(folder: str) -> int:
    """Take the folder's lock, whoever made the file and with whatever umask; closing it gives the lock back."""
    import fcntl  # not on every system from which the registry in a bucket is mended

    descriptor = _open_lock(Path(folder, LOCK))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_lock(path: Path) -> int:
    try:
        made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        try:
            return os.open(path, os.O_RDWR)
        except PermissionError:
            return os.open(path, os.O_RDONLY)  # enough for a lock, except on NFS
    with contextlib.suppress(OSError):  # a file system without modes lets everybody in or nobody
        os.fchmod(made, 0o600 | (path.parent.stat().st_mode & 0o066))
    return made


def flush(folder: str, path: str) -> None:
    """Bring a file, and its name in the folder, to the disk."""
    full = Path(folder, path)
    for name in (full, full.parent):
        descriptor = os.open(name, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def left_over(folder: str) -> list[str]:
    """Find what a killed write leaves: obstore writes NAME#1 and links it to NAME when it is whole."""
    root = Path(folder)
    found = [path for place in PLACES for path in (root / place).glob("*#*") if not path.is_symlink()]
    names = sorted(path.relative_to(root).as_posix() for path in found if path.is_file())
    return [name for name in names if LEFT.fullmatch(name)]


def remove_old(folder: str, path: str, age_seconds: float) -> bool:
    """Remove what is left over; False when it is younger than that, so that somebody may be writing it."""
    full = Path(folder, path)
    try:
        if time.time() - full.stat().st_mtime <= age_seconds:
            return False
    except FileNotFoundError:
        return True
    full.unlink(missing_ok=True)
    return True
