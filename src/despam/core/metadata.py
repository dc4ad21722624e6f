"""What the header of a model file says, entry by entry: format, numbers and objects, or an error that names the entry.

Knows how an entry is written and what it may hold. Does not know what a recipe does with it (model.py, tfidf.py), or
tensors. Invariant: a hostile entry costs a sentence, whatever it holds; no number comes out beyond NUMBER_LIMIT.
"""

from __future__ import annotations

from despam.core import engine, strict_json
from despam.errors import MetadataError, NotAModel, VersionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMAT = "despam-1"
NUMBER_LIMIT = 1e6  # a bias, scale or calibration beyond it is no model that was trained


def check_format(metadata: dict[str, str], path: str) -> None:
    """Refuse another format or feature version."""
    if "format" not in metadata:
        raise NotAModel("a safetensors file, but none of despam; make one with `despam train`", path)
    if metadata["format"] != FORMAT:
        raise VersionError(
            f"the format is {metadata['format'][:40]!r}, this despam reads {FORMAT}; install a newer one", path
        )
    expected = "tfidf-1" if metadata.get("recipe") == "tfidf" else str(engine.VERSION)
    if metadata.get("features") != expected:
        found = str(metadata.get("features"))[:40]
        step = "install a newer despam" if is_newer(found, expected) else "train it again"
        raise VersionError(f"made for features {found!r}, this despam has {expected!r}; {step}", path)


def is_newer(found: str, expected: str) -> bool:
    """Say whether a file's feature version is one to come; whatever is no version is not."""
    *kind, number = found.rpartition("-")
    *our_kind, our_number = expected.rpartition("-")
    return kind == our_kind and number.isascii() and number.isdigit() and int(number) > int(our_number)


def json_value(metadata: dict[str, str], key: str, path: str) -> object:
    """Parse one entry of the metadata."""
    try:
        value: object = strict_json.parse(metadata[key])
    except KeyError:
        raise MetadataError(f"{key} is missing", path) from None
    except strict_json.KeyTwice as error:
        raise MetadataError(f"{key}: {error}; write the file again with `despam train`", path) from None
    except (ValueError, RecursionError):
        raise MetadataError(f"{key} is no JSON", path) from None
    return value


def read_object(metadata: dict[str, str], key: str, path: str) -> dict[str, Any]:
    """Parse one entry that must be an object."""
    value = json_value(metadata, key, path)
    if not isinstance(value, dict):
        raise MetadataError(f"{key} is no JSON object", path)
    return value


def read_number(value: object, name: str, path: str) -> float:
    """Check one number of the metadata."""
    # compared before it is converted: JSON may hold an integer of a million digits
    if isinstance(value, bool) or not isinstance(value, int | float) or not -NUMBER_LIMIT <= value <= NUMBER_LIMIT:
        raise MetadataError(f"{name} is {shorten(value)}, no number between -1e6 and 1e6", path)
    return float(value)


def shorten(value: object) -> str:
    """Show a value of a file, whatever it is."""
    try:
        return str(value)[:40]
    except (ValueError, RecursionError):
        return "too large to be shown"
