"""Read a safetensors file without trusting a byte of it.

Knows the container: 8 bytes of length, a JSON header, raw tensors. Knows nothing of what the tensors mean (model.py
does). Every number in the header is checked against the size of the file before it is used, and nothing in the file
is ever run. Invariant: what comes back are views into the given buffer that lie inside it, do not overlap and have
the shape they say.
"""

from __future__ import annotations

from despam.core import strict_json
from despam.errors import HeaderError, NotAModel, TensorError, TruncatedModel

HEADER_LIMIT_BYTES = 4 << 20
# dtype -> (format for memoryview.cast, bytes an element)
DTYPES = {
    "I8": ("b", 1), "U8": ("B", 1), "I16": ("h", 2), "U16": ("H", 2), "I32": ("i", 4), "U32": ("I", 4), "I64": ("q", 8),
    "U64": ("Q", 8), "F32": ("f", 4), "F64": ("d", 8),
}  # fmt: skip


def read_tensors(data: memoryview, path: str) -> tuple[dict[str, memoryview], dict[str, str]]:
    """Give (tensors by name, metadata); a tensor of several dimensions comes flat.

    Raises NotAModel, TruncatedModel, HeaderError or TensorError.
    """
    size_bytes = len(data)
    if size_bytes < 10:
        raise TruncatedModel(
            f"{size_bytes} bytes are too few for a model; write the file again with `despam train`", path
        )
    length = int.from_bytes(data[:8], "little")
    if data[8] != 0x7B:  # "{"
        raise NotAModel("no safetensors file; make one with `despam train` or `despam import-sklearn`", path)
    if length > HEADER_LIMIT_BYTES:
        raise HeaderError(f"the header says it has {length:,} bytes, the limit is {HEADER_LIMIT_BYTES:,}", path)
    if length > size_bytes - 8:
        raise TruncatedModel(f"the header needs {length:,} bytes, the file has {size_bytes - 8:,}; copy it again", path)
    header = parse_header(bytes(data[8 : 8 + length]), path)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise HeaderError("__metadata__ is no object of strings", path)
    body = data[8 + length :]
    return cut_tensors(header, body, path), metadata


def parse_header(source: bytes, path: str) -> dict[str, object]:
    """Parse the JSON header, in which a key stands once."""
    try:
        header = strict_json.parse(source.decode("utf-8"))
    except strict_json.KeyTwice as error:
        raise HeaderError(f"{error}; write the file again with `despam train`", path) from None
    except (ValueError, RecursionError) as error:
        raise HeaderError(f"the header is no JSON that can be read ({str(error)[:80]})", path) from None
    if not isinstance(header, dict):
        raise HeaderError("the header is no JSON object", path)
    return header


def cut_tensors(header: dict[str, object], body: memoryview, path: str) -> dict[str, memoryview]:
    """Cut the body into tensors that fill it without a gap or an overlap."""
    spans: list[tuple[int, int, str, str]] = []
    for name, entry in header.items():
        start, end, code = check_entry(name, entry, path)
        spans.append((start, end, name, code))
    at = 0
    for start, end, name, _ in sorted(spans):
        if start != at:
            raise TensorError(f"tensor {name[:40]!r} starts at {start:,}, the one before it ends at {at:,}", path)
        at = end
    if at > len(body):  # in order, without a gap, and longer than the file: it was cut
        raise TruncatedModel(f"the tensors need {at:,} bytes, the file has {len(body):,} of them; copy it again", path)
    if at != len(body):
        raise TensorError(f"the tensors end at {at:,}, the file has {len(body):,} bytes of them", path)
    return {name: body[start:end].cast(code) for start, end, name, code in spans}  # type: ignore[call-overload]  # codes of DTYPES


def check_entry(name: str, entry: object, path: str) -> tuple[int, int, str]:
    """Check one tensor's entry and give (start, end, format); whether the file goes so far is for `cut_tensors`."""
    label = f"tensor {name[:40]!r}"
    if not isinstance(entry, dict):
        raise TensorError(f"{label} is no object", path)
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise TensorError(f"{label} has the type {str(dtype)[:20]!r}; despam reads {', '.join(DTYPES)}", path)
    if not isinstance(shape, list) or len(shape) > 8 or not all(is_size(side) for side in shape):
        raise TensorError(f"{label} has no shape of up to 8 sizes", path)
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(is_size(offset) for offset in offsets):
        raise TensorError(f"{label} has no pair of offsets", path)
    start, end = offsets
    if start > end:
        raise TensorError(f"{label} starts at {start:,}, behind its end at {end:,}", path)
    code, item_bytes = DTYPES[dtype]
    count = item_bytes
    for side in shape:
        count *= side
    if count != end - start:
        raise TensorError(f"{label} has {end - start:,} bytes where its shape {shape} of {dtype} needs {count:,}", path)
    return start, end, code


def is_size(value: object) -> bool:
    """Say whether `value` is a whole number that can be a size or an offset."""
    return type(value) is int and 0 <= value < 1 << 48
