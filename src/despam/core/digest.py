"""SHA-256 for naming a model file, without OpenSSL.

hashlib loads OpenSSL at import (5 ms); the interpreter's own SHA-2 module is there already. Where a build of Python
lacks it, hashlib takes over. Knows nothing of models.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def sha256_hex(data: Any) -> str:
    """Give the SHA-256 of a buffer in hex."""
    try:
        from _sha256 import sha256  # type: ignore[import-not-found]  # Python 3.11; no stubs
    except ImportError:
        try:
            from _sha2 import sha256  # type: ignore[import-not-found]  # Python 3.12 and newer
        except ImportError:
            from hashlib import sha256
    return str(sha256(data).hexdigest())
