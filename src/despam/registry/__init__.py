"""Versions of a model in plain object storage: a folder, S3, GCS or Azure.

    storage.py   objects under one URL, through obstore      faults.py    what storage said, in one sentence
    reader.py    the live pointer and a version's bytes      profile.py   keys from ~/.aws, which obstore does not read
    entry.py     one promotion: the record of a change       writer.py    publish, promote, roll back: `Registry`
    catalogue.py what a version says of itself               doctor.py    check every object, mend what a crash left

A running service needs the reader alone, so nothing here imports the writer before it is asked for. This package is the
only
importer of obstore. Layout of a registry:

    models/SHA256.safetensors    immutable, named after its own hash
    live.json                    the pointer: version, sha256, and the whole entry that made it live
    history/00000001.json        append-only, one entry a promotion
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from despam.registry.writer import Registry

__all__ = ["Registry"]


def __getattr__(name: str) -> object:
    """Import the writer when it is asked for: by name, so that no bundle for Lambda takes it along."""
    if name == "Registry":
        import importlib

        return importlib.import_module("despam.registry.writer").Registry
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
