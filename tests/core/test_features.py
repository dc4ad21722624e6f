"""Features: the definition, guarded by golden ids. A change here needs a new engine.VERSION."""

from __future__ import annotations

import json
from pathlib import Path
from zlib import crc32

import pytest

from despam.core import engine, features, shapes

GOLDEN = Path(__file__).parent.parent / "golden" / "features-2.json"
MASK = (1 << 20) - 1


def golden() -> dict[str, dict[str, object]]:
    """The recorded ids: text -> group -> [number of ids, crc32 of the sorted ids], repairs."""
    recorded: dict[str, dict[str, object]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return recorded


def fingerprint(text: str) -> dict[str, object]:
    """What golden() records of one text."""
    groups, words, repaired = features.scan(text, MASK)
    found: dict[str, object] = {
        name: [len(ids), crc32(" ".join(map(str, sorted(ids))).encode())]
        for name, ids in zip(engine.GROUPS, groups, strict=True)
    }
    return found | {"distinct": len(words), "repaired": list(repaired)}


def test_apostrophes_are_dropped_and_a_letter_like_one_stays() -> None:
    """U+02BC is a letter to Unicode, as Ukrainian and Navajo use it; released models have learnt it so."""
    assert features.split("don't don\u2019t don\u02bct")[0] == ["dont", "dont", "don\u02bct"]


def test_folding_knows_ascii_while_another_thread_empties_it() -> None:
    """Between clear() and update() a missing ASCII character is looked up, not folded as one beyond ASCII."""
    emptied = features.Folding()
    assert "don't 5".translate(emptied) == "dont 0"


def test_the_golden_file_belongs_to_this_version() -> None:
    """The recorded ids are of the version that the code says it is."""
    assert GOLDEN.name == f"features-{engine.VERSION}.json"
    assert len(golden()) >= 15


@pytest.mark.parametrize("text", golden())
def test_ids_are_frozen(text: str) -> None:
    """Released models depend on every id: they never change within a version."""
    assert fingerprint(text) == golden()[text]


def test_words_are_folded() -> None:
    """Lower case, digits as 0, apostrophes dropped, ideographs apart, marks inside words."""
    assert features.split("Don't WIN £500 at 中国x नमस्ते")[0] == ["dont", "win", "000", "at", "中", "国", "x", "नमस्ते"]


def test_grams_stay_inside_a_word() -> None:
    """A word of three letters between blanks has two 4-grams and one 5-gram."""
    expected = {crc32(gram, features.GRAMS) for gram in (b" win", b"win ", b" win ")}
    assert set(features.word_grams("win")) == expected


def test_windows_across_hold_a_blank_inside() -> None:
    """Only windows with a blank that is not at their end count, and none reaches beyond the line."""
    (context,) = features.contexts(["ab", "cd"])
    assert {context[start:end] for start, end in features.windows(context)} == {"ab c", "b cd", " ab cd", "ab cd "}


def test_a_unit_counts_once() -> None:
    """Presence, not counts: a word said twice adds pairs and a context, no second word; two words may share a gram."""
    once, twice, shared = (features.scan(text, MASK)[0] for text in ("winning", "winning winning", "winning winner"))
    assert once[0] == twice[0] and once[2] == twice[2]
    assert len(set(shared[0])) < len(shared[0])


def test_lower_case_looks_at_one_character() -> None:
    """A capital sigma is the same at the end of a word; a dotted capital I keeps its dot, as str.lower has it."""
    assert features.split("ΑΣ ΣΑΣ İ")[0] == ["ας".replace("ς", "σ"), "σασ", "i̇"]


LINKS = {
    "http://win-now.example.co.uk/a/b?c": (b"win-now.example.co.uk", True),
    "(www.Foo.COM)": (b"www.foo.com", False),
    "bit.ly/abc": (b"bit.ly", False),
    "ok.then": None,
    "user@foo.com": None,
    "3.14": None,
    "http://": None,
}


@pytest.mark.parametrize("chunk", LINKS)
def test_links_are_found(chunk: str) -> None:
    """A link has a scheme, www, or a name under a known top level."""
    found = shapes.find_host(chunk.encode())
    assert (found and (found[0], found[2])) == LINKS[chunk]


def test_every_shape_can_be_said() -> None:
    """Each shape of a rich text has words for people, and none is empty."""
    text = "WIN £500 now!! call 08712345678 or www.win-now4u.com/abc?d @me a@b.de 😀 loooong Привет 5%"
    found = shapes.shapes(text, *features.split(text), ("html", "zero-width"))
    said = {shapes.describe(shape) for shape in found}
    assert "link to .com" in said
    assert "contained invisible characters inside words" in said
    assert all(said) and len(said) == len(found)


def test_without_the_kernel_the_engine_is_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESPAM_PURE chooses the reference."""
    monkeypatch.setenv("DESPAM_PURE", "1")
    assert engine.choose() == ("python", None)


@pytest.mark.parametrize("constant", ["VERSION", "INTERFACE"])
def test_a_kernel_of_another_version_is_refused(
    constant: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kernel built for other features or calls is passed over, and that is said."""
    if engine.native is None:
        pytest.skip("the kernel is not built here")
    monkeypatch.delenv("DESPAM_PURE", raising=False)
    monkeypatch.setattr(engine, constant, getattr(engine, constant) + 1)
    assert engine.choose() == ("python", None)
    assert "Install despam again" in capsys.readouterr().err
