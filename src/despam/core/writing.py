"""Put bytes in place of a file, whole or not at all.

Knows the name beside the file that is written first, and which mode the file then has. Refuses to know what is written
and what an error means: the caller says that in its own words. Nothing that answers a message loads this.

Invariant: what stood there stays whole until the new file is, and nothing is left beside it, whatever ends the writing
short of a kill.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def replace_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write beside the file, then rename; two that write at once never meet. Raises OSError."""
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.urandom(6).hex()}")
    # the system takes the umask off by itself
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            keep_mode(target, beside)
            file.write(data)
        beside.replace(target)
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def keep_mode(target: Path, beside: Path) -> None:
    """Give the new file the mode of the one that it replaces, where there is one and the file system has modes."""
    with contextlib.suppress(OSError):
        beside.chmod(target.stat().st_mode & 0o777)
