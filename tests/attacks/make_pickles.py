"""Writes tests/attacks/pickles: files that a careless `pickle.load` would obey, choke on, or be hurt by.

Each is assembled by hand from opcodes and names what must be in the refusal. WITNESS is the file that those which try
to run something would leave behind.

    python -m tests.attacks.make_pickles
"""

from __future__ import annotations

import bz2
import lzma
import pickle
import struct
import zlib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "pickles"
WITNESS = "despam-was-here"
COMMAND = f"touch {WITNESS}"


def text(value: str) -> bytes:
    """Push a string."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def name(module: str, thing: str) -> bytes:
    """Push a global."""
    return f"c{module}\n{thing}\n".encode()


def new(module: str, thing: str, *state: bytes) -> bytes:
    """Push an object of a class with a state of keys and values."""
    return name(module, thing) + b")\x81}(" + b"".join(state) + b"ub"


def array(shape: bytes, code: str = "f8", data: bytes = b"\0" * 8) -> bytes:
    """Push an array as numpy pickles it."""
    kind = name("numpy", "dtype") + b"(" + text(code) + b"tR"
    raw = b"B" + struct.pack("<I", len(data)) + data
    empty = name("numpy.core.multiarray", "_reconstruct") + b"(" + name("numpy", "ndarray") + b"(K\0tC\x01btR"
    return empty + b"(K\x01" + shape + kind + b"\x89" + raw + b"tb"


def wrapper(shape: bytes, code: str = "f8") -> bytes:
    """Push joblib's wrapper, behind which it expects the array's bytes."""
    kind = name("numpy", "dtype") + b"(" + text(code) + b"tR"
    state = (
        (text("subclass") + name("numpy", "ndarray"))
        + (text("shape") + shape)
        + (text("order") + text("C"))
        + (text("dtype") + kind)
        + (text("allow_mmap") + b"\x88")
        + (text("numpy_array_alignment_bytes") + b"K\x10")
    )
    return new("joblib.numpy_pickle", "NumpyArrayWrapper", state)


def vectorizer(*more: bytes) -> bytes:
    """Push a CountVectorizer of one word, options as given."""
    plain = text("analyzer") + text("word") + text("token_pattern") + text(r"\w+") + text("vocabulary_")
    plain += b"}" + text("win") + b"K\0s" + text("ngram_range") + b"K\x01K\x01\x86"
    return new("sklearn.feature_extraction.text", "CountVectorizer", plain, *more)


def classifier(coef: bytes, *more: bytes) -> bytes:
    """Push a LogisticRegression with these coefficients."""
    labels = array(b"K\x02\x85", "U4", "ham\0spam".encode("utf-32-le"))
    plain = text("coef_") + coef + text("intercept_") + array(b"K\x01\x85") + text("classes_") + labels
    return new("sklearn.linear_model._logistic", "LogisticRegression", plain, *more)


def pipeline(*steps: bytes) -> bytes:
    """Push a pipeline."""
    listed = b"".join(text("s") + step + b"\x86" for step in steps)
    return new("sklearn.pipeline", "Pipeline", text("steps") + b"](" + listed + b"e")


P2 = b"\x80\x02"
P4 = b"\x80\x04"
ONE = array(b"K\x01K\x01\x86")  # one coefficient
UNION = name("sklearn.pipeline", "FeatureUnion")
HONEST = P2 + pipeline(vectorizer(), classifier(ONE)) + b"."
SPARSE = new(
    "scipy.sparse._csr",
    "csr_matrix",
    text("_shape") + b"K\x01K\x01\x86" + text("indptr") + array(b"K\x02\x85", "i8", struct.pack("<2q", 0, 1)),
    text("indices") + array(b"K\x01\x85", "i8", struct.pack("<q", 1 << 40)) + text("data") + array(b"K\x01\x85"),
)
HUGE = pickle.dumps(1 << 60, 2)[2:-1]
LONG = text("x" * 50_000)
GZIP = zlib.compress(HONEST, 9, 31)  # gzip.compress writes another header since Python 3.13
DOUBLED = b"K\0" + b"2\x86" * 64  # ((0, 0), (0, 0)) ... : 2^64 leaves

# name -> (bytes, what the refusal says)
ATTACKS: dict[str, tuple[bytes, str]] = {
    "os_system": (name("os", "system") + b"(" + text(COMMAND) + b"tR.", "os.system"),
    "posix_system_protocol_4": (
        P4 + text("posix") + text("system") + b"\x93" + text(COMMAND) + b"\x85R.",
        "posix.system",
    ),
    "os_system_by_inst": (b"(" + text(COMMAND) + b"ios\nsystem\n.", "os.system"),
    "os_system_by_obj": (b"(" + name("os", "system") + text(COMMAND) + b"o.", "os.system"),
    "os_system_unused": (P2 + name("os", "system") + b"0" + HONEST[2:], "os.system"),
    "os_system_in_a_list": (P2 + b"]" + name("os", "system") + b"a0" + HONEST[2:], "os.system"),
    "builtins_eval": (
        P2 + name("builtins", "eval") + text(f"print({COMMAND!r})") + b"\x85R.",
        "eval",
    ),
    "builtins_exec_of_python_2": (P2 + name("__builtin__", "exec") + text("x") + b"\x85R.", "builtins.exec"),
    "builtins_getattr": (P2 + name("builtins", "getattr") + name("os", "path") + text("x") + b"\x86R.", "getattr"),
    "subprocess_popen": (P2 + name("subprocess", "Popen") + text(COMMAND) + b"\x85\x81.", "subprocess.Popen"),
    "numpy_loads_a_file": (P2 + name("numpy", "load") + text("x") + b"\x85R.", "numpy.load"),
    "numpy_exec": (P2 + name("numpy.testing._private.utils", "runstring") + text("x") + b"}\x86R.", "runstring"),
    "joblib_load": (P2 + name("joblib", "load") + text("x") + b"\x85R.", "joblib.load"),
    "dotted_name": (P4 + text("sklearn") + text("os.system") + b"\x93" + text(COMMAND) + b"\x85R.", "os.system"),
    "operator_attrgetter": (P2 + name("operator", "attrgetter") + text("system") + b"\x85R.", "operator.attrgetter"),
    "codecs_decode": (P2 + name("_codecs", "decode") + text("x") + text("zip") + b"\x86R.", "_codecs.decode"),
    "a_name_alone": (name("sklearn.svm", "LinearSVC") + b".", "Name"),
    "persistent_id": (b"\x80\x02" + text("x") + b"Q.", "BINPERSID"),
    "extension_code": (P2 + b"\x82\x01.", "EXT1"),
    "out_of_band_buffer": (b"\x80\x05\x97.", "NEXT_BUFFER"),
    "memo_at_four_billion": (P2 + b"Nr\xff\xff\xff\xff0.", "broken"),
    "a_string_of_4_exabytes": (P4 + b"\x8e" + struct.pack("<Q", 1 << 62) + b"x.", "lies about a length"),
    "a_unicode_of_2_gigabytes": (P2 + b"X" + struct.pack("<I", 0x7FFFFFFF) + b"x.", "lies about a length"),
    "a_number_of_2_gigabytes": (P2 + b"\x8b" + struct.pack("<i", 0x7FFFFFFF) + b"x.", "lies about a length"),
    "a_number_of_less_than_nothing": (P2 + b"\x8b" + struct.pack("<i", -5) + b"x.", "broken"),
    "a_frame_of_an_exabyte": (P4 + b"\x95" + struct.pack("<Q", 1 << 60) + b"N.", "NoneType"),
    "a_million_digits": (P2 + b"L" + b"9" * 100_000 + b"L\n.", "broken"),
    "array_of_2_to_the_60": (P2 + array(b"K\x01" + HUGE + b"\x86") + b".", "lies about its shape"),
    "array_shape_too_large": (P2 + array(b"M\xff\xff\x85") + b".", "lies about its shape"),
    "array_shape_negative": (P2 + array(b"J\xff\xff\xff\xff\x85") + b".", "lies about its shape"),
    "array_shape_of_words": (P2 + array(text("x") + b"\x85") + b".", "lies about its shape"),
    "array_shape_no_tuple": (P2 + array(b"K\x01") + b".", "lies about its shape"),
    "array_of_65_dimensions": (P2 + array(b"(" + b"K\x01" * 65 + b"t") + b".", "lies about its shape"),
    "array_of_records": (P2 + array(b"K\x01\x85", "V8") + b".", "of a type"),
    "array_of_objects_from_bytes": (P2 + array(b"K\x01\x85", "O8") + b".", "lies about its shape"),
    "array_of_a_subclass": (
        P2 + name("numpy.core.multiarray", "_reconstruct") + b"(" + name("os", "system") + b"(K\0tC\x01btR.",
        "os.system",
    ),
    "joblib_array_too_large": (P2 + wrapper(HUGE + b"\x85") + b"\x01\0.", "lies about its shape"),
    "joblib_array_behind_the_end": (P2 + wrapper(b"J\xff\xff\xff\x0f\x85") + b"\x01\0.", "lies about a length"),
    "joblib_pickles_in_pickles": (
        (P2 + wrapper(b"K\x01\x85", "O8")) * 20,
        "deep",
    ),
    "joblib_old_subfiles": (
        P2 + new("joblib.numpy_pickle", "NDArrayWrapper", text("filename") + text("x")) + b".",
        "0.10",
    ),
    "list_in_itself_as_pipeline": (
        P2 + name("sklearn.pipeline", "Pipeline") + b")\x81q\0}" + text("steps") + b"]" + text("s") + b"h\0\x86asb.",
        "nested too deep",
    ),
    "union_in_itself": (
        P2
        + pipeline(
            name("sklearn.pipeline", "FeatureUnion")
            + b")\x81q\0}"
            + text("transformer_list")
            + b"]"
            + text("s")
            + b"h\0\x86asb",
            classifier(ONE),
        )
        + b".",
        "nested too deep",
    ),
    "tuples_a_hundred_thousand_deep": (P2 + b"K\0" + b"\x85" * 100_000 + b".", "tuple"),
    "key_that_takes_forever_to_hash": (P2 + b"}" + DOUBLED + b"Ns.", "key"),
    "keys_that_collide": (P2 + b"}" + pickle.dumps((1 << 61) - 1, 2)[2:-1] + b"Ns.", "key"),
    "norm_that_takes_forever_to_print": (
        P2 + pipeline(vectorizer(text("ngram_range") + DOUBLED), classifier(ONE)) + b".",
        "n-grams",
    ),
    "set_of_numbers": (P2 + name("builtins", "set") + b"](K\x01K\x02e\x85R.", "words"),
    "bytes_by_the_gigabyte": (P2 + name("builtins", "bytes") + b"J\xff\xff\xff\x7f\x85R.", "broken"),
    "the_same_megabyte_a_thousand_times": (
        P2
        + name("_codecs", "encode")
        + b"q\0"
        + text("x" * 50_000)
        + text("latin1")
        + b"\x86q\x01"
        + b"h\0h\x01R" * 3000
        + b".",
        "over and over",
    ),
    "stop_on_nothing": (P2 + b".", "broken"),
    "append_to_a_tuple": (P2 + b")Na.", "no list"),
    "key_set_in_a_model": (P2 + HONEST[2:-1] + text("x") + b"Ns.", "no dictionary"),
    "dictionary_of_three": (P2 + b"(" + text("a") + b"N" + text("b") + b"d.", "broken"),
    "get_what_was_never_put": (P2 + b"h\x07.", "broken"),
    "state_of_a_number": (P2 + b"K\x01}b.", "state"),
    "call_of_a_number": (P2 + b"K\x01)R.", "no function"),
    "object_of_a_foreign_class": (P2 + new("__main__", "Lemmatizer", text("x") + b"N") + b".", "__main__.Lemmatizer"),
    "custom_tokenizer": (
        P2 + pipeline(vectorizer(text("tokenizer") + name("__main__", "cut")), classifier(ONE)) + b".",
        "the tokenizer of the CountVectorizer is __main__.cut",
    ),
    "random_forest": (P2 + new("sklearn.ensemble._forest", "RandomForestClassifier") + b".", "RandomForestClassifier"),
    "sparse_index_outside": (P2 + pipeline(vectorizer(), classifier(SPARSE)) + b".", "lies about its columns"),
    "coefficients_not_a_number": (
        P2 + pipeline(vectorizer(), classifier(array(b"K\x01K\x01\x86", data=struct.pack("<d", float("nan"))))) + b".",
        "not finite",
    ),
    "coefficients_of_words": (P2 + pipeline(vectorizer(), classifier(array(b"K\x01\x85", "S8"))) + b".", "no numbers"),
    "coefficients_of_another_model": (
        P2 + pipeline(vectorizer(), classifier(array(b"K\x01K\x02\x86", data=b"\0" * 16))) + b".",
        "2 weights, the vectorizer makes 1 features",
    ),
    "not_fitted": (P2 + pipeline(vectorizer(), new("sklearn.svm", "LinearSVC")) + b".", "not fitted"),
    "vocabulary_with_holes": (
        P2 + pipeline(vectorizer(text("vocabulary_") + b"}" + text("a") + b"K\x09s"), classifier(ONE)) + b".",
        "vocabulary",
    ),
    "git_lfs_pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
    "a_web_page": (b"<!DOCTYPE html><title>404</title>", "no pickle"),
    "a_zip": (b"PK\x03\x04" + b"\0" * 40, "zip archive"),
    "a_safetensors_file": (struct.pack("<Q", 2) + b"{}", "no pickle"),
    "nothing": (b"", "empty"),
    "cut_short": (HONEST[:-40], "cut short"),
    "gzip_cut_short": (GZIP[:-60], "cut short"),
    "gzip_of_noise": (GZIP[:20] + b"\xff" * 60, "compressed data is broken"),
    "zlib_of_noise": (b"\x78\x9c" + b"\xff" * 60, "compressed data is broken"),
    "lzma_that_wants_4_gigabytes": (b"\x5d\x00" + b"\0\0\xff" + b"\xff" * 8 + b"\0" * 20, "compressed data is broken"),
    "lz4_match_before_the_start": (
        b"\x04\x22\x4d\x18\x60\x40\x82" + struct.pack("<I", 6) + b"\x1fx\xff\xff\x00\x00",
        "compressed data is broken",
    ),
    "lz4_block_too_large": (
        b"\x04\x22\x4d\x18\x60\x40\x82" + struct.pack("<I", 0x7FFFFFFF),
        "compressed data is broken",
    ),
}


def bombs() -> dict[str, bytes]:
    """Small files that unpack to 300 MB: a string that says so, in each packing; made when they are needed."""
    start, block = P4 + b"\x8e" + struct.pack("<Q", 300_000_000), b"x" * 1_000_000
    packers = {
        "zlib": zlib.compressobj(1),
        "gzip": zlib.compressobj(1, zlib.DEFLATED, 31),
        "xz": lzma.LZMACompressor(preset=0),
    }
    made = {}
    for label, packer in packers.items():
        made[label] = packer.compress(start) + b"".join(packer.compress(block) for _ in range(300)) + packer.flush()
    made["bz2"] = bz2.compress(start + block, 1)  # its length lies as well
    return made


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for label, (data, _) in ATTACKS.items():
        (FOLDER / f"{label}.pkl").write_bytes(data)


if __name__ == "__main__":
    main()
