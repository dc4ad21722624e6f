"""A model file from a stranger is refused by name, or it answers; nothing else happens.

tests/attacks/models holds files that are wrong in one way each, made by tests/attacks/make_models.py, which also names
the exact exception. Random mutations of honest files run in a process of their own, so that a crash is seen as one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import despam
from despam.core.model import Model
from despam.errors import HeaderError, MetadataError, ModelError, NotAModel, TensorError, TruncatedModel, VersionError

from ..attacks.make_models import ATTACKS, FOLDER, HONEST, honest_header, pack, with_metadata

QUICK, MEMORY_MB = 3_000, 100


def path_of(name: str) -> Path:
    """Return the file of an attack."""
    return FOLDER / f"{name}.safetensors"


def test_the_honest_model_answers() -> None:
    """What all attacks are made of is a model that works, so only the change can be what is refused."""
    verdict = despam.load(path_of("honest")).classify("WIN a free iPhone now")
    assert verdict.classification in ("SPAM", "HAM")
    assert verdict.clues


@pytest.mark.parametrize("name", list(ATTACKS))
def test_an_attack_is_refused_by_its_own_exception(name: str) -> None:
    """Exactly the class that is named, with the file's path in a sentence of one line."""
    expected, _ = ATTACKS[name]
    with pytest.raises(ModelError) as caught:
        despam.load(path_of(name))
    assert type(caught.value) is expected
    assert str(caught.value).startswith(f"{path_of(name)}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path_of(name)))


@pytest.mark.parametrize("name", list(ATTACKS))
def test_an_attack_from_memory_is_refused_likewise(name: str) -> None:
    """Bytes from a registry pass the same checks as a file."""
    with pytest.raises(ModelError) as caught:
        Model.from_bytes(path_of(name).read_bytes(), "s3://bucket/model")
    assert type(caught.value) is ATTACKS[name][0]
    assert str(caught.value).startswith("s3://bucket/model: ")


ALONE = """
import os, sys
import despam
assert "json" not in sys.modules
for name in sys.argv[1:]:
    if not os.fork():
        try:
            despam.load(name)
        except BaseException as error:
            os.write(1, f"{type(error).__name__}\\n".encode())
        os._exit(0)
    os.wait()
"""


def test_an_attack_is_refused_likewise_where_nothing_else_is_loaded() -> None:
    """Python's scanner raised SystemError for broken JSON until the package `json` had been imported by somebody."""
    command = [sys.executable, "-c", ALONE, *(str(path_of(name)) for name in ATTACKS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == [expected.__name__ for expected, _ in ATTACKS.values()], done.stderr


def test_the_attack_files_are_what_their_script_writes() -> None:
    """No file without an attack, no attack without its file, byte for byte."""
    stored = {path.stem: path.read_bytes() for path in FOLDER.glob("*.safetensors")}
    assert stored == {"honest": HONEST} | {name: make() for name, (_, make) in ATTACKS.items()}


def tfidf(parts: int = 1, **changes: object) -> bytes:
    """The smallest model of the other recipe, of equal parts, with settings changed."""
    part = {"analyzer": "word", "ngram": [1, 1], "lowercase": True, "accents": None, "stop_words": [], "pattern": ""}
    part |= {"steps": [], "hashed": True, "unit": 1.0, **changes}
    header = honest_header()
    metadata = {**header["__metadata__"], "recipe": "tfidf", "features": "tfidf-1"}
    tensors = {
        f"{number}.weights": {"dtype": "I8", "shape": [16], "data_offsets": [16 * number, 16 * number + 16]}
        for number in range(parts)
    }
    metadata["settings"] = json.dumps({"parts": [part] * parts})
    return pack({"__metadata__": metadata, **tensors}, b"\1" * 16 * parts)


LIES = {
    "a unit that is no float": (tfidf(unit=10**400), "unit"),
    "a limit that is no float": (tfidf(steps=[["above", 10**400]]), "above"),
    "flags that exclude each other": (tfidf(pattern=r"(?a)(?u)\w+"), "no regular expression"),
    "more groups than a token has": (tfidf(pattern=r"(a)(b)"), "has more than one group"),
    "more sizes of n-grams than a text can be cut into": (
        tfidf(parts=64, analyzer="char", ngram=[1, 64]),
        r"4,096 sizes, the limit is 64; make the model again",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_of_the_other_recipe_is_refused_in_a_sentence(lie: str) -> None:
    """The honest one answers; each lie is a MetadataError and no other exception."""
    assert Model.from_bytes(tfidf()).classify("WIN a free iPhone now").classification == "SPAM"
    assert Model.from_bytes(tfidf(parts=32, ngram=[1, 2])).classify("WIN now").classification == "SPAM"
    data, message = LIES[lie]
    with pytest.raises(MetadataError, match=message):
        Model.from_bytes(data)


STEPS = {
    ("default", "999"): "install a newer despam",
    ("default", "0"): "train it again",
    ("default", "-9"): "train it again",
    ("default", "tfidf-9"): "train it again",
    ("default", "\u0669"): "train it again",  # a nine, but none of ours
    ("default", "9" * 10_000): "install a newer despam",
    ("tfidf", "tfidf-2"): "install a newer despam",
    ("tfidf", "tfidf-0"): "train it again",
    ("tfidf", "9"): "train it again",
    ("tfidf", ""): "train it again",
}


@pytest.mark.parametrize(("recipe", "features"), list(STEPS), ids=lambda value: value[:12] or "empty")
def test_other_features_are_refused_with_the_step_that_helps(recipe: str, features: str) -> None:
    """Training again with an old despam mends nothing where the file was made by a newer one."""
    with pytest.raises(VersionError, match=rf"; {STEPS[recipe, features]}$"):
        Model.from_bytes(with_metadata(recipe=recipe, features=features))


def test_a_table_of_known_words_has_a_limit(tmp_path: Path) -> None:
    """Both engines refuse the same file in the same words; on disk it is a hole."""
    size = 1 << 27
    header = honest_header()
    header["known"] = {"dtype": "U8", "shape": [size], "data_offsets": [1024, 1024 + size]}
    header["weights"]["data_offsets"] = [0, 1024]
    with (tmp_path / "m.safetensors").open("wb") as file:
        file.write(pack(header, b""))
        file.truncate(file.tell() + 1024 + size)
    with pytest.raises(TensorError, match=r"'known' has 134,217,728 bytes, the limit is 67,108,864"):
        despam.load(tmp_path / "m.safetensors")


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    """Nothing can be read, and the sentence says so."""
    (tmp_path / "m.safetensors").write_bytes(b"")
    with pytest.raises(NotAModel, match="empty"):
        despam.load(tmp_path / "m.safetensors")
    with pytest.raises(TruncatedModel):
        Model.from_bytes(b"")


@pytest.mark.parametrize("name", ["missing.safetensors", "."])
def test_what_cannot_be_opened_is_a_model_error(name: str, tmp_path: Path) -> None:
    """A missing file, a folder."""
    with pytest.raises(ModelError, match=r"cannot be opened"):
        despam.load(tmp_path / name)


def test_a_cut_at_every_length_is_said_to_be_one() -> None:
    """No prefix of a model is a model: in the length, in the header or in a tensor, it is cut short."""
    for length in range(len(HONEST)):
        with pytest.raises(TruncatedModel):
            Model.from_bytes(HONEST[:length])


def test_a_cut_in_the_tensors_says_how_much_is_missing() -> None:
    """The sentence has both sizes and what to do."""
    with pytest.raises(TruncatedModel, match=r"the tensors need 1,088 bytes, the file has 1,000 of them; copy it"):
        Model.from_bytes(HONEST[:-88])


def test_a_key_that_stands_twice_is_named() -> None:
    """The first of them, of however many there are, in no more than linear time."""
    many = b"".join(b'"%d":1,' % number for number in range(200_000)) + b'"7":1,"8":1'
    with pytest.raises(HeaderError, match=r"the key '7' stands twice in one object; write the file again"):
        Model.from_bytes(pack(b"{" + many + b"}"))


@pytest.mark.parametrize("filler", ["{},", '{"a":0},', "[],", "0.5,", '"",', '"\U0001f4b0",', "1,"])
def test_a_header_as_large_as_allowed_takes_little_memory(filler: str) -> None:
    """Whatever fills 4 MB of JSON, memory grows by less than 100 MB before the file is refused."""
    program = f"""
import resource, sys
from despam.core.model import Model
from despam.core.tensors import HEADER_LIMIT_BYTES
from despam.errors import ModelError
filler = {filler!r}
room = HEADER_LIMIT_BYTES - 20
header = ('{{"a":[' + filler * (room // len(filler.encode())) + '0]}}').encode()
file = len(header).to_bytes(8, "little") + header
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    Model.from_bytes(file)
except ModelError:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MEMORY_MB


@pytest.fixture
def tfidf_model(tmp_path: Path) -> Path:
    """A small model of the other recipe, from scikit-learn's pickles in the repository."""
    from despam.train.sklearn_in import import_files
    from despam.train.tfidf_file import pack

    pickles = FOLDER.parent.parent / "sklearn" / "pickles" / "newest"
    carried = import_files([pickles / "spam_model.pkl", pickles / "vectorizer.pkl"], "0")
    path = tmp_path / "tfidf.safetensors"
    path.write_bytes(pack(carried, {}))
    return path


@pytest.mark.slow
def test_random_mutations_end_in_our_exception_or_in_a_model_that_answers(
    make_model: Callable[[], Path], tfidf_model: Path
) -> None:
    """Quick here; DESPAM_MUTATIONS=100000 runs the full count."""
    count = int(os.environ.get("DESPAM_MUTATIONS", QUICK))
    command = [sys.executable, "-m", "tests.attacks.mutate_models", str(count), str(tfidf_model), str(make_model())]
    done = subprocess.run(
        command, cwd=FOLDER.parent.parent.parent, capture_output=True, text=True, timeout=3600, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    found = json.loads(done.stdout)
    assert found["refused"] + found["answered"] == found["mutations"] == count
    assert found["refused"] > 0
    assert found["answered"] > 0
    assert found["grown_mb"] < MEMORY_MB
