"""Writes tests/attacks/models: model files that are broken or lie, each in one way.

Every file is the smallest honest model (1,024 weights) with one thing changed, so that what refuses it is the check
meant for it. ATTACKS names the exact exception. The bytes depend on the format and the features' version and groups
alone: run it again when one of them changes.

    python -m tests.attacks.make_models
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from despam.core import engine
from despam.core.metadata import FORMAT
from despam.errors import HeaderError, MetadataError, ModelError, NotAModel, TensorError, TruncatedModel, VersionError

FOLDER = Path(__file__).resolve().parent / "models"
WEIGHTS, KNOWN = 1024, 64
Header = dict[str, Any]


def honest_header() -> Header:
    """Return the header of the smallest honest model."""
    scales = dict.fromkeys(engine.GROUPS, 1.0)
    return {
        "__metadata__": {
            "format": FORMAT,
            "features": str(engine.VERSION),
            "recipe": "default",
            "settings": json.dumps({"scales": scales, "unit": 0.01, "limit": 2.5}),
            "bias": "-0.5",
            "calibration": json.dumps({"a": 1.0, "b": 0.0}),
            "cutoffs": json.dumps({"cutoff": 0.5, "unsure_low": 0.2, "unsure_high": 0.8}),
            "card": json.dumps({"name": "the smallest honest model"}),
        },
        "known": {"dtype": "U8", "shape": [KNOWN], "data_offsets": [0, KNOWN]},
        "weights": {"dtype": "I8", "shape": [WEIGHTS], "data_offsets": [KNOWN, KNOWN + WEIGHTS]},
    }


def honest_body() -> bytes:
    """Return its tensors: every word known, weights that differ."""
    return b"\xff" * KNOWN + bytes((number * 37) % 256 for number in range(WEIGHTS))


def pack(header: Header | bytes, body: bytes | None = None, length: int | None = None) -> bytes:
    """Lay out a file: length, header, tensors."""
    source = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    size = len(source) if length is None else length
    return struct.pack("<Q", size) + source + (honest_body() if body is None else body)


def doubled(key: str, first: bytes) -> bytes:
    """Return the honest header with a key that stands twice, another value before the honest one."""
    name = json.dumps(key).encode() + b":"
    return json.dumps(honest_header(), separators=(",", ":")).encode().replace(name, name + first + b"," + name, 1)


def honest_cutoffs() -> str:
    """Return the JSON of the honest cutoffs."""
    return str(honest_header()["__metadata__"]["cutoffs"])


def with_weights(**changes: Any) -> bytes:
    """Return the honest model with its tensor `weights` described otherwise."""
    header = honest_header()
    header["weights"].update(changes)
    return pack(header)


def without(*names: str) -> bytes:
    """Return the honest model without some tensors, their bytes gone too."""
    header, body, at = honest_header(), b"", 0
    for name in ("known", "weights"):
        start, end = header[name]["data_offsets"]
        if name in names:
            del header[name]
            continue
        body += honest_body()[start:end]
        header[name]["data_offsets"] = [at, at + end - start]
        at += end - start
    return pack(header, body)


def sized(weights: int = WEIGHTS, known: int = KNOWN) -> bytes:
    """Return the honest model with tensors of other lengths, told truly."""
    header = honest_header()
    header["known"].update(shape=[known], data_offsets=[0, known])
    header["weights"].update(shape=[weights], data_offsets=[known, known + weights])
    return pack(header, bytes(known + weights))


def with_metadata(**changes: Any) -> bytes:
    """Return the honest model with entries of its metadata replaced, or left out where None."""
    header = honest_header()
    for name, value in changes.items():
        if value is None:
            del header["__metadata__"][name]
        else:
            header["__metadata__"][name] = value
    return pack(header)


def with_settings(**changes: Any) -> bytes:
    """Return the honest model with other settings."""
    settings = json.loads(honest_header()["__metadata__"]["settings"])
    return with_metadata(settings=json.dumps({**settings, **changes}))


def with_cutoffs(**changes: Any) -> bytes:
    """Return the honest model with other cutoffs."""
    cutoffs = json.loads(honest_header()["__metadata__"]["cutoffs"])
    return with_metadata(cutoffs=json.dumps({**cutoffs, **changes}))


def with_calibration(**changes: Any) -> bytes:
    """Return the honest model with another calibration."""
    return with_metadata(calibration=json.dumps({"a": 1.0, "b": 0.0, **changes}))


def extra_tensor(start: int, end: int, more: bytes = b"") -> bytes:
    """Return the honest model with a third tensor at these offsets."""
    header = honest_header()
    header["more"] = {"dtype": "U8", "shape": [end - start], "data_offsets": [start, end]}
    return pack(header, honest_body() + more)


def overlapping() -> bytes:
    """Return a model whose two tensors share bytes, while the whole is filled."""
    header = honest_header()
    header["weights"].update(data_offsets=[KNOWN - 8, KNOWN - 8 + WEIGHTS])
    return pack(header, honest_body()[:-8])


def scales(**changes: Any) -> dict[str, Any]:
    """Return the honest scales with changes."""
    return {**dict.fromkeys(engine.GROUPS, 1.0), **changes}


HONEST = pack(honest_header())
END = KNOWN + WEIGHTS
DEEP = 20_000

# file -> (the exact exception, its bytes)
ATTACKS: dict[str, tuple[type[ModelError], Callable[[], bytes]]] = {
    # something else
    "a_git_lfs_pointer": (NotAModel, lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
    "a_web_page": (NotAModel, lambda: b"<!doctype html><title>404</title>"),
    "a_pickle": (
        NotAModel,
        lambda: b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93.",
    ),
    "a_zip": (NotAModel, lambda: b"PK\x03\x04" + bytes(60)),
    "a_list_as_header": (NotAModel, lambda: pack(b"[1, 2, 3]")),
    "another_safetensors_file": (
        NotAModel,
        lambda: pack({"x": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}, b"1234"),
    ),
    "no_format": (NotAModel, lambda: with_metadata(format=None)),
    # shorter than it says
    "nine_bytes": (TruncatedModel, lambda: HONEST[:9]),
    "cut_in_the_header": (TruncatedModel, lambda: HONEST[:200]),
    "header_longer_than_the_file": (TruncatedModel, lambda: pack(honest_header(), length=100_000)),
    "cut_in_the_first_tensor": (TruncatedModel, lambda: HONEST[: -WEIGHTS - 1]),
    "cut_in_the_last_tensor": (TruncatedModel, lambda: HONEST[: -WEIGHTS // 2]),
    "cut_by_one_byte": (TruncatedModel, lambda: HONEST[:-1]),
    "one_byte_less_than_it_says": (
        TruncatedModel,
        lambda: with_weights(data_offsets=[KNOWN, END + 1], shape=[WEIGHTS + 1]),
    ),
    # header
    "header_over_the_limit": (HeaderError, lambda: pack(honest_header(), length=2**63)),
    "header_length_of_all_ones": (HeaderError, lambda: pack(honest_header(), length=2**64 - 1)),
    "header_shorter_than_its_json": (HeaderError, lambda: pack(honest_header(), length=300)),
    "header_of_length_zero": (HeaderError, lambda: pack(honest_header(), length=0)),
    "header_no_json": (HeaderError, lambda: pack(b"{win a prize}")),
    "header_no_utf8": (HeaderError, lambda: pack(b'{"\xff\xfe": 1}')),
    "header_deep_lists": (HeaderError, lambda: pack(b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}")),
    "header_deep_objects": (HeaderError, lambda: pack(b'{"a":' * DEEP + b"1" + b"}" * DEEP)),
    "header_number_of_5000_digits": (HeaderError, lambda: pack(b'{"a":' + b"9" * 5000 + b"}")),
    "tensor_named_twice": (HeaderError, lambda: pack(doubled("weights", b'{"dtype":"U8"}'))),
    "metadata_twice": (HeaderError, lambda: pack(doubled("__metadata__", b"{}"))),
    "format_twice": (HeaderError, lambda: pack(doubled("format", b'"despam-2"'))),
    "offsets_twice": (HeaderError, lambda: pack(doubled("data_offsets", b"[0,0]"))),
    "metadata_a_list": (HeaderError, lambda: pack({**honest_header(), "__metadata__": ["format"]})),
    "metadata_a_number_inside": (HeaderError, lambda: with_metadata(bias=-0.5)),
    "metadata_an_object_inside": (HeaderError, lambda: with_metadata(cutoffs={"cutoff": 0.5})),
    # tensors
    "no_weights": (TensorError, lambda: without("weights")),
    "no_known": (TensorError, lambda: without("known")),
    "no_tensors": (TensorError, lambda: without("weights", "known")),
    "tensor_a_list": (TensorError, lambda: pack({**honest_header(), "weights": [1, 2]})),
    "tensor_null": (TensorError, lambda: pack({**honest_header(), "weights": None})),
    "dtype_unknown": (TensorError, lambda: with_weights(dtype="I4")),
    "dtype_a_list": (TensorError, lambda: with_weights(dtype=["I8"])),
    "dtype_of_another_kind": (TensorError, lambda: with_weights(dtype="F32", shape=[WEIGHTS // 4])),
    "dtype_wider_than_the_bytes": (TensorError, lambda: with_weights(dtype="I16")),
    "shape_longer_than_the_bytes": (TensorError, lambda: with_weights(shape=[WEIGHTS * 2])),
    "shape_shorter_than_the_bytes": (TensorError, lambda: with_weights(shape=[WEIGHTS // 2])),
    "shape_negative": (TensorError, lambda: with_weights(shape=[-WEIGHTS])),
    "shape_negative_twice": (TensorError, lambda: with_weights(shape=[-32, -32])),
    "shape_a_fraction": (TensorError, lambda: with_weights(shape=[1024.0])),
    "shape_true": (TensorError, lambda: with_weights(shape=[True, WEIGHTS])),
    "shape_a_string": (TensorError, lambda: with_weights(shape="1024")),
    "shape_missing": (TensorError, lambda: with_weights(shape=None)),
    "shape_nan": (TensorError, lambda: with_weights(shape=[float("nan")])),
    "shape_that_wraps_64_bits": (TensorError, lambda: with_weights(shape=[2**32, 2**32, 1024])),
    "shape_of_nine_sides": (TensorError, lambda: with_weights(shape=[1] * 8 + [WEIGHTS])),
    "shape_zero_times_all": (TensorError, lambda: with_weights(shape=[0, WEIGHTS])),
    "offsets_beyond_the_file": (TensorError, lambda: with_weights(data_offsets=[END, END + WEIGHTS])),
    "offsets_reversed": (TensorError, lambda: with_weights(data_offsets=[END, KNOWN])),
    "offsets_negative": (TensorError, lambda: with_weights(data_offsets=[-WEIGHTS, 0])),
    "offsets_huge": (TensorError, lambda: with_weights(data_offsets=[2**63, 2**63 + WEIGHTS])),
    "offsets_three": (TensorError, lambda: with_weights(data_offsets=[KNOWN, END, END])),
    "offsets_missing": (TensorError, lambda: with_weights(data_offsets=None)),
    "offsets_fractions": (TensorError, lambda: with_weights(data_offsets=[64.0, 1088.0])),
    "tensors_overlap": (TensorError, overlapping),
    "tensors_the_same_bytes": (TensorError, lambda: extra_tensor(0, KNOWN)),
    "a_gap_between_tensors": (TensorError, lambda: extra_tensor(END + 16, END + 32, bytes(32))),
    "bytes_after_the_tensors": (TensorError, lambda: HONEST + b"more"),
    "weights_no_power_of_two": (TensorError, lambda: sized(weights=1000)),
    "weights_too_few": (TensorError, lambda: sized(weights=512)),
    "weights_none": (TensorError, lambda: sized(weights=0)),
    "known_no_power_of_two": (TensorError, lambda: sized(known=63)),
    "known_empty": (TensorError, lambda: sized(known=0)),
    # calibration, cutoffs, bias, settings
    "bias_missing": (MetadataError, lambda: with_metadata(bias=None)),
    "bias_no_json": (MetadataError, lambda: with_metadata(bias="zero")),
    "bias_nan": (MetadataError, lambda: with_metadata(bias="NaN")),
    "bias_infinite": (MetadataError, lambda: with_metadata(bias="-Infinity")),
    "bias_overflows": (MetadataError, lambda: with_metadata(bias="1e999")),
    "bias_of_400_digits": (MetadataError, lambda: with_metadata(bias="9" * 400)),
    "bias_of_5000_digits": (MetadataError, lambda: with_metadata(bias="9" * 5000)),
    "bias_true": (MetadataError, lambda: with_metadata(bias="true")),
    "bias_a_string": (MetadataError, lambda: with_metadata(bias='"0"')),
    "bias_deep": (MetadataError, lambda: with_metadata(bias="[" * DEEP)),
    "calibration_missing": (MetadataError, lambda: with_metadata(calibration=None)),
    "calibration_a_list": (MetadataError, lambda: with_metadata(calibration="[1, 0]")),
    "calibration_flat": (MetadataError, lambda: with_calibration(a=0)),
    "calibration_upside_down": (MetadataError, lambda: with_calibration(a=-1)),
    "calibration_nan": (MetadataError, lambda: with_calibration(b=float("nan"))),
    "calibration_null": (MetadataError, lambda: with_calibration(a=None)),
    "calibration_huge": (MetadataError, lambda: with_calibration(a=1e300)),
    "cutoffs_missing": (MetadataError, lambda: with_metadata(cutoffs=None)),
    "cutoffs_a_number": (MetadataError, lambda: with_metadata(cutoffs="0.5")),
    "cutoff_over_one": (MetadataError, lambda: with_cutoffs(cutoff=2, unsure_high=3)),
    "cutoff_negative": (MetadataError, lambda: with_cutoffs(cutoff=-1, unsure_low=-2)),
    "cutoff_twice": (MetadataError, lambda: with_metadata(cutoffs='{"cutoff":0.1,' + honest_cutoffs()[1:])),
    "cutoff_nan": (MetadataError, lambda: with_cutoffs(cutoff=float("nan"))),
    "cutoffs_out_of_order": (MetadataError, lambda: with_cutoffs(unsure_low=0.9)),
    "settings_missing": (MetadataError, lambda: with_metadata(settings=None)),
    "settings_no_json": (MetadataError, lambda: with_metadata(settings="{")),
    "settings_deep": (MetadataError, lambda: with_metadata(settings='{"a":' * DEEP)),
    "scales_missing": (MetadataError, lambda: with_settings(scales=None)),
    "scales_a_list": (MetadataError, lambda: with_settings(scales=[1.0] * len(engine.GROUPS))),
    "scale_missing": (MetadataError, lambda: with_settings(scales=dict.fromkeys(engine.GROUPS[1:], 1.0))),
    "scale_of_no_group": (MetadataError, lambda: with_settings(scales=scales(smell=1.0))),
    "scale_nan": (MetadataError, lambda: with_settings(scales=scales(words=float("nan")))),
    "unit_missing": (MetadataError, lambda: with_settings(unit=None)),
    "unit_infinite": (MetadataError, lambda: with_settings(unit=float("inf"))),
    "limit_zero": (MetadataError, lambda: with_settings(limit=0)),
    "limit_negative": (MetadataError, lambda: with_settings(limit=-1.0)),
    "limit_nan": (MetadataError, lambda: with_settings(limit=float("nan"))),
    "limit_a_word": (MetadataError, lambda: with_settings(limit="2")),
    # other versions
    "format_of_tomorrow": (VersionError, lambda: with_metadata(format="despam-2")),
    "features_of_tomorrow": (VersionError, lambda: with_metadata(features="999")),
    "features_missing": (VersionError, lambda: with_metadata(features=None)),
    "recipe_unknown": (VersionError, lambda: with_metadata(recipe="forest")),
}


def main() -> None:
    """Write the files, and remove those that no attack names."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.safetensors"):
        if path.stem not in ATTACKS and path.stem != "honest":
            path.unlink()
    (FOLDER / "honest.safetensors").write_bytes(HONEST)
    for name, (_, make) in ATTACKS.items():
        (FOLDER / f"{name}.safetensors").write_bytes(make())


if __name__ == "__main__":
    main()
