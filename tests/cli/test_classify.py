"""`despam classify`: a verdict from any door, its reasons drawn, and batches that go on where they stopped."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import despam as package
from despam.cli import batch
from despam.cli.classify import command
from despam.cli.resume import PIECE_BYTES, PIECES, digest, places, whole_lines

from .conftest import Run, on_a_terminal

SPAM = "URGENT! You have WON a £2000 prize. Call 09061701461 now to claim, valid 12hrs only"
HAM = "Are you coming home for dinner? I will be late, sorry"
MAIL = f"Subject: =?utf-8?b?VVJHRU5U?=\nFrom: a@b.example\nContent-Transfer-Encoding: 8bit\n\n{SPAM}\n".encode()


def test_a_text_gets_its_verdict_with_probability_and_reasons(despam: Run, small_model: Path) -> None:
    done = despam("classify", "-m", small_model, SPAM)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()[:2]
    assert re.fullmatch(r"SPAM  probability of spam >?9\d\.\d%, cutoff \d+\.\d%", first)
    assert second.startswith("because of “")
    assert "“09061701461” +" in second
    assert despam("classify", "-m", small_model, HAM).stdout.startswith("HAM  probability of spam ")


def test_the_verdict_is_the_same_from_every_door(despam: Run, small_model: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(SPAM, encoding="utf-8")
    (tmp_path / "mail.eml").write_bytes(MAIL)
    answers = [
        despam("classify", "-m", small_model, SPAM, "--json"),
        despam("classify", "-m", small_model, "-f", "text.txt", "--json"),
        despam("classify", "-m", small_model, "-f", "-", "--json", stdin=SPAM),
        despam("classify", "-m", small_model, "--json", stdin=SPAM),
    ]
    assert {done.returncode for done in answers} == {0}
    assert len({done.stdout for done in answers}) == 1
    mails = [
        despam("classify", "-m", small_model, "-f", "mail.eml", "--json"),
        despam("classify", "-m", small_model, "--mail", "--json", stdin=MAIL),
        despam("classify", "-m", small_model, "--mail", "--json", MAIL.decode()),
    ]
    assert len({done.stdout for done in mails}) == 1
    assert json.loads(mails[0].stdout)["input_text"].strip() == f"URGENT\n{SPAM}"


def test_json_is_what_the_service_answers(despam: Run, small_model: Path) -> None:
    answer = json.loads(despam("classify", "-m", small_model, SPAM, "--json", "--explain").stdout)
    model = package.load(small_model)
    verdict = model.classify(SPAM)
    assert answer["classification"] == "SPAM"
    assert answer["spam_probability"] == verdict.spam_probability
    assert answer["model"] == model.version
    assert sum(clue["contribution"] for clue in answer["clues"]) + answer["bias"] == pytest.approx(
        answer["score"], abs=1e-9
    )
    assert [(clue["text"], clue["start"]) for clue in answer["clues"]] == [(c.text, c.start) for c in verdict.clues]


def test_exit_code_says_spam_only_when_asked(despam: Run, small_model: Path) -> None:
    assert despam("classify", "-m", small_model, SPAM).returncode == 0
    assert despam("classify", "-m", small_model, SPAM, "--exit-code").returncode == 1
    assert despam("classify", "-m", small_model, HAM, "--exit-code").returncode == 0


def test_explain_draws_the_clues_and_its_table_adds_up(despam: Run, small_model: Path) -> None:
    done = despam("classify", "-m", small_model, "--explain", SPAM, COLUMNS="200")
    assert "\x1b" not in done.stdout
    assert re.search(r"\[\+\d\.\d\d 09061701461\]", done.stdout)
    assert re.sub(r"\[[+-]\d\.\d\d ([^\]]*)\]", r"\1", done.stdout.splitlines()[3]) == SPAM
    numbers = [float(found) for found in re.findall(r"^\s*([+-]\d+\.\d{4})", done.stdout, re.MULTILINE)]
    assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=0.002)


def test_colours_are_for_terminals_and_can_be_refused(small_model: Path, tmp_path: Path) -> None:
    arguments = ["classify", "-m", str(small_model), "--explain", SPAM]
    shown = on_a_terminal(arguments, tmp_path, NO_COLOR="")
    assert "\x1b[" in shown
    assert "[+" not in shown.split("contribution")[0]
    plain = on_a_terminal(arguments, tmp_path, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*(?:3|4)[0-9]", plain)
    assert "[+" in plain


def test_a_hostile_text_cannot_steer_the_terminal(small_model: Path, tmp_path: Path) -> None:
    hostile = "win \x1b[2J\x1b]0;owned\x07 prize \u202egnp.exe\u202c \x9b31m now \u200bclaim"
    (tmp_path / "hostile.txt").write_text(hostile, encoding="utf-8")
    shown = on_a_terminal(["classify", "-m", str(small_model), "--explain", "-f", "hostile.txt"], tmp_path)
    assert "\x1b[2J" not in shown
    assert "\x1b]0;" not in shown
    assert not set("\x07\x9b\u202e\u200b") & set(shown)
    assert "␛" in shown


@pytest.mark.parametrize("text", ["", "   \n", "😀🎉", "\0\0", "a" * 200_000, "e" + "\u0301" * 100_000, "<b>" * 20_000])
def test_any_text_has_a_verdict(despam: Run, small_model: Path, text: str) -> None:
    done = despam("classify", "-m", small_model, "--explain", stdin=text)
    if text == "\0\0":
        assert done.returncode == 3
        assert "binary" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(("HAM", "SPAM"))
    assert ("empty or blank" in done.stderr) == (not text.strip())


def test_output_works_in_a_terminal_that_knows_ascii_only(despam: Run, small_model: Path) -> None:
    done = despam(
        "classify", "-m", small_model, "--explain", "кредит win £5 😀", PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("charset", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-be", "gzip", "gzip utf-16"])
def test_a_text_is_the_same_in_every_encoding_and_packed(
    despam: Run, small_model: Path, tmp_path: Path, charset: str
) -> None:
    mark = "\ufeff" if charset.endswith("-be") else ""
    data = (mark + SPAM).encode(charset.removeprefix("gzip").strip() or "utf-8")
    (tmp_path / "text.txt").write_bytes(gzip.compress(data) if charset.startswith("gzip") else data)
    plain = despam("classify", "-m", small_model, "--json", SPAM)
    from_file = despam("classify", "-m", small_model, "--json", "-f", "text.txt")
    assert (from_file.returncode, from_file.stdout, from_file.stderr) == (0, plain.stdout, "")
    piped = despam("classify", "-m", small_model, "--json", stdin=(tmp_path / "text.txt").read_bytes())
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, plain.stdout, "")


def test_a_packed_mail_is_a_mail_and_a_packed_file_has_limits(despam: Run, small_model: Path, tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(MAIL)
    packed = gzip.compress(MAIL)
    (tmp_path / "packed.eml.gz").write_bytes(packed)
    (tmp_path / "cut.txt.gz").write_bytes(packed[:-20])
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"a" * (65 << 20), 1))
    words = ("classify", "-m", small_model, "--json", "-f")
    assert despam(*words, "packed.eml.gz").stdout == despam(*words, "mail.eml").stdout
    for name, sentence in (
        ("cut.txt.gz", "cut.txt.gz: the gzip file is cut short or damaged; get it again"),
        ("bomb.gz", "bomb.gz: is larger than 64 MiB, no message; for many messages use --batch"),
    ):
        done = despam(*words, name)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith(f"Error: {sentence}")


def test_bytes_that_are_no_utf8_are_read_and_said(despam: Run, small_model: Path) -> None:
    done = despam("classify", "-m", small_model, stdin=b"caf\xe9 at noon")
    assert (done.returncode, done.stderr) == (0, "-: not UTF-8; read as Windows-1252.\n")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("-f", "none.txt"), 3, "none.txt: cannot be read (No such file or directory); check the path"),
        (("-f", "."), 3, ".: is a folder; classify its files with --batch"),
        (("-m", "none.safetensors", "x"), 3, "none.safetensors: "),
        (("-m", "text.txt", "x"), 3, "text.txt: "),
        (("x", "-f", "text.txt"), 2, "TEXT and --file are two texts; give one of them"),
        (("x", "--batch", "a.csv"), 2, "TEXT and --batch are two texts"),
        (("--batch", "a.csv"), 2, "--batch needs -o OUT"),
        (("--batch", "a.csv", "-o", "b", "--explain"), 2, "--explain is for one text; leave it out of a batch"),
        (("--batch", "a.csv", "-o", "b", "--json"), 2, "--json is for one text"),
        (("--batch", "a.csv", "-o", "-", "--resume"), 2, "--resume needs a file; stdout keeps nothing to go on from"),
        (("--batch", "a.csv", "-o", "/dev/null"), 3, "/dev/null: no file can be written there"),
        (("x", "--resume"), 2, "--resume is for a batch; add --batch IN"),
        (("x", "-m", "a", "--registry", "b"), 2, "--model and --registry are two answers to one question"),
        (("--batch", "none.csv", "-o", "out.jsonl"), 3, "none.csv: no such file; check the path"),
        (("--batch", "a.csv", "-o", "no/out.jsonl"), 3, "no/out.jsonl: no file can be written there"),
        (("--batch", "a.csv", "-o", "a.csv"), 3, "a.csv: input and output are one file; name another output"),
        (("--batch", "nothing.csv", "-o", "out.jsonl"), 3, "nothing.csv: has a header and no rows"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    despam: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    (tmp_path / "text.txt").write_text("hello there")
    (tmp_path / "a.csv").write_text("text\nhello\n")
    (tmp_path / "nothing.csv").write_text("text,n\n")
    (tmp_path / "out.jsonl").write_text("precious")
    done = despam("classify", *arguments)
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert done.stdout == ""
    assert (tmp_path / "out.jsonl").read_text() == "precious"
    assert (tmp_path / "a.csv").read_text() == "text\nhello\n"
    assert not list(tmp_path.glob("*.part*"))


def test_the_runner_and_a_process_agree(despam: Run, small_model: Path) -> None:
    shown = CliRunner().invoke(command, ["-m", str(small_model), SPAM, "--exit-code"])
    assert shown.exit_code == 1
    assert shown.stdout == despam("classify", "-m", small_model, SPAM).stdout
    assert CliRunner().invoke(command, ["x", "-f", "y"]).exit_code == 2


def test_the_live_version_of_a_registry_gives_the_verdict(despam: Run, small_model: Path, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/registry"
    assert despam("publish", small_model, "--registry", url, "--promote").returncode == 0
    answer = json.loads(despam("classify", "--registry", url, SPAM, "--json").stdout)
    assert answer["model"] == package.load(small_model).version


# batches


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_batch_gives_a_line_a_row_in_order_with_its_own_fields(
    despam: Run, small_model: Path, sms: Path, tmp_path: Path
) -> None:
    done = despam("classify", "-m", small_model, "--batch", sms, "-o", "out.jsonl")
    assert (done.returncode, done.stdout) == (0, "")
    assert re.fullmatch(
        r"600 rows in [\d.]+ s \([\d,]+ a second\): \d+ spam, \d+ ham, \d+ of them unsure; wrote out.jsonl\n",
        done.stderr,
    )
    found = lines(tmp_path / "out.jsonl")
    model = package.load(small_model)
    rows = [json.loads(line) for line in sms.read_text().splitlines()]
    for row, line in zip(rows, found, strict=True):
        verdict = model.classify(row["text"])
        assert line == {
            "id": row["id"], "label": row["label"], "classification": verdict.classification,
            "spam_probability": verdict.spam_probability, "score": verdict.score, "unsure": verdict.unsure,
        }  # fmt: skip
        assert list(line) == ["id", "label", "classification", "spam_probability", "score", "unsure"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "sms.jsonl"]


def test_every_form_of_input_and_any_number_of_jobs_give_the_same_lines(
    despam: Run, small_model: Path, tmp_path: Path, small_rows: tuple[list[str], list[str]]
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    texts = [" ".join(text.split()) for text in small_rows[0]] * 5
    (tmp_path / "a.csv").write_text(
        "n,Message\n" + "".join(f'{n},"{t.replace(chr(34), chr(34) * 2)}"\n' for n, t in enumerate(texts))
    )
    (tmp_path / "a.jsonl.gz").write_bytes(
        gzip.compress("".join(json.dumps({"n": str(n), "text": text}) + "\n" for n, text in enumerate(texts)).encode())
    )
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes())[:-1])
    parquet.write_table(
        pyarrow.table({"n": [str(n) for n in range(len(texts))], "body": texts}), tmp_path / "a.parquet"
    )
    made = []
    for name, jobs in (("a.csv", 1), ("a.csv", 3), ("a.jsonl.gz", 2), ("a.jsonl", 1), ("a.jsonl", 2), ("a.parquet", 2)):
        done = despam("classify", "-m", small_model, "--batch", name, "-o", "out.jsonl", "--jobs", jobs)
        assert done.returncode == 0, done.stderr
        made.append((tmp_path / "out.jsonl").read_bytes())
    assert len(made[0].splitlines()) == 3000
    assert len(set(made)) == 1


def test_keep_text_writes_the_text_as_it_stood_under_its_own_name(
    despam: Run, small_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("Message,score\ncaf\u00e9,mine\n", encoding="utf-8")
    despam("classify", "-m", small_model, "--batch", "a.csv", "-o", "out.jsonl", "--keep-text")
    (line,) = lines(tmp_path / "out.jsonl")
    assert list(line) == ["Message", "classification", "spam_probability", "score", "unsure"]
    assert line["Message"] == "café"
    assert isinstance(line["score"], float)


def test_mails_are_read_as_mails(despam: Run, small_model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.mbox").write_bytes((b"From x\n" + MAIL + b"\n") * 3)
    (tmp_path / "raw.jsonl").write_text(json.dumps({"text": MAIL.decode("latin-1"), "raw_charset": "latin-1"}) + "\n")
    (tmp_path / "box" / "sub").mkdir(parents=True)
    (tmp_path / "box" / "sub" / "1.eml").write_bytes(MAIL)
    scores = set()
    for name in ("in.mbox", "raw.jsonl", "box"):
        assert despam("classify", "-m", small_model, "--batch", name, "-o", "out.jsonl").returncode == 0
        scores |= {(line["classification"], line["score"]) for line in lines(tmp_path / "out.jsonl")}
    assert scores == {("SPAM", package.load(small_model).classify_mail(MAIL).score)}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_row_that_cannot_be_read_gets_its_error_and_the_batch_goes_on(
    despam: Run, small_model: Path, tmp_path: Path, jobs: int
) -> None:
    (tmp_path / "a.jsonl").write_bytes(
        b'{"id": 1, "text": "hello"}\nnonsense\n{"id": 3, "text": 7}\n[1]\n'
        b'{"id": 5, "text": "bye \\ud800"}\n{"id": 6, "text": "caf\xe9"}\n'
    )
    done = despam("classify", "-m", small_model, "--batch", "a.jsonl", "-o", "out.jsonl", "--jobs", jobs)
    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == "a.jsonl, line 6: not UTF-8; such lines were read as Windows-1252."
    assert done.stderr.splitlines()[-1] == "3 of 6 rows could not be read; each has its error in its place."
    found = lines(tmp_path / "out.jsonl")
    assert [line.get("id") for line in found] == [1, None, 3, None, 5, 6]
    assert ["error" in line for line in found] == [False, True, True, True, False, False]
    assert found[2]["error"] == "a, line 3: the text in 'text' is a number, not a string"
    assert "classification" not in found[2]


def test_a_resumed_batch_remembers_the_errors_before(despam: Run, small_model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('nonsense\n{"text": "x"}\n{"text": "y"}\n')
    assert despam("classify", "-m", small_model, "--batch", "a.jsonl", "-o", "out.jsonl").returncode == 3
    whole = (tmp_path / "out.jsonl").read_bytes()
    model = package.load(small_model).version
    size = (tmp_path / "a.jsonl").stat().st_size
    note = {
        "model": model,
        "input": str(tmp_path / "a.jsonl"),
        "size": size,
        "content": digest(tmp_path / "a.jsonl"),
        "plan": [None, None, False, True],
        "keep_text": False,
    }
    (tmp_path / "out.jsonl.part").write_bytes(b"".join(whole.splitlines(keepends=True)[:2]) + b'{"cla')
    (tmp_path / "out.jsonl.part.json").write_text(json.dumps(note))
    done = despam("classify", "-m", small_model, "--batch", "a.jsonl", "-o", "out.jsonl", "--resume")
    assert done.returncode == 3
    assert done.stderr.endswith("1 of 3 rows could not be read; each has its error in its place.\n")
    assert (tmp_path / "out.jsonl").read_bytes() == whole


def test_a_batch_can_go_to_stdout_and_come_from_stdin(despam: Run, small_model: Path, tmp_path: Path) -> None:
    done = despam(
        "classify",
        "-m",
        small_model,
        "--batch",
        "/dev/stdin",
        "-o",
        "-",
        stdin='{"text": "x", "n": 1}\n{"text": "y", "n": 2}\n',
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["n"] for line in done.stdout.splitlines()] == [1, 2]
    assert "wrote" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_odd_fields_still_make_valid_json(despam: Run, small_model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"text": "x", "a": NaN, "b": 1e999, "c": "\\ud800é", "d": {"e": [1, null]}}\n', encoding="utf-8"
    )
    assert despam("classify", "-m", small_model, "--batch", "a.jsonl", "-o", "out.jsonl").returncode == 0
    (line,) = (tmp_path / "out.jsonl").read_bytes().splitlines()
    parsed = json.loads(line.decode("utf-8"), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert (parsed["a"], parsed["b"], parsed["c"], parsed["d"]) == (None, None, "\ud800é", {"e": [1, None]})


def test_fields_nested_too_deep_do_not_stop_a_batch(despam: Run, small_model: Path, tmp_path: Path) -> None:
    depths = (10, 95, 105, 900, 980, 990, 2_000)
    rows = [f'{{"text": "x", "depth": {depth}, "deep": {"[" * depth}{"]" * depth}}}\n' for depth in depths]
    (tmp_path / "a.jsonl").write_text("".join(rows))
    done = despam("classify", "-m", small_model, "--batch", "a.jsonl", "-o", "out.jsonl", "--jobs", "1")
    assert done.returncode == 3, done.stderr
    found = lines(tmp_path / "out.jsonl")
    assert len(found) == len(depths)
    assert ["classification" in line for line in found] == [True] * 2 + [False] * 5
    assert all("nested too deep" in str(line["error"]) for line in found[2:])


def test_damage_in_the_middle_keeps_what_came_before_and_the_output_as_it_was(
    despam: Run, small_model: Path, tmp_path: Path
) -> None:
    whole = gzip.compress(
        "".join(json.dumps({"text": f"message {n * 7919 % 104729}"}) + "\n" for n in range(40_000)).encode()
    )
    (tmp_path / "a.jsonl.gz").write_bytes(whole[:-2000])
    (tmp_path / "out.jsonl").write_text("precious")
    done = despam("classify", "-m", small_model, "--batch", "a.jsonl.gz", "-o", "out.jsonl")
    assert done.returncode == 3
    kept, error = done.stderr.splitlines()
    assert re.fullmatch(r"out.jsonl.part keeps the verdicts on the first [\d,]+ rows.", kept)
    assert error == "Error: a.jsonl.gz: the gzip file is cut short; get it again from where it came from"
    assert (tmp_path / "out.jsonl").read_text() == "precious"
    assert len(lines(tmp_path / "out.jsonl.part")) == int(re.sub(r"\D", "", kept))


@pytest.fixture
def long_batch(tmp_path: Path) -> Path:
    """A batch that takes some seconds."""
    path = tmp_path / "long.jsonl"
    with path.open("w") as file:
        for number in range(120_000):
            file.write(
                json.dumps({"n": number, "text": f"win {number} prizes now or come home {number * 7919}"}) + "\n"
            )
    return path


def written_part(folder: Path) -> Path:
    """Wait until a batch has written something, and give the file."""
    part = folder / "out.jsonl.part"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (part.exists() and part.stat().st_size > 100_000):
        time.sleep(0.01)
    return part


def stopped_part(
    folder: Path, small_model: Path, source: Path, how: signal.Signals, *, group: bool = True, background: bool = False
) -> tuple[int, str]:
    """Start a batch, stop it once it has written something, and give its exit code and stderr.

    A script leaves Ctrl-C ignored in what it starts with `&`, in the background.
    """
    arguments = ["classify", "-m", str(small_model), "--batch", str(source), "-o", "out.jsonl", "--jobs", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "despam", *arguments],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if background else None,
    )
    written_part(folder)
    (os.killpg if group else os.kill)(process.pid, how)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def test_ctrl_c_keeps_whole_lines_and_resume_goes_on_behind_them(
    despam: Run, small_model: Path, long_batch: Path, tmp_path: Path
) -> None:
    code, said = stopped_part(tmp_path, small_model, long_batch, signal.SIGINT)
    assert code == 130, said
    assert re.fullmatch(
        r"stopped after [\d,]+ rows, kept in out.jsonl.part; the same command with --resume goes on from there.\n", said
    )
    assert not (tmp_path / "out.jsonl").exists()
    done_before = len(lines(tmp_path / "out.jsonl.part"))
    assert 0 < done_before < 120_000
    done = despam("classify", "-m", small_model, "--batch", long_batch, "-o", "out.jsonl", "--resume")
    assert done.returncode == 0, done.stderr
    assert f"behind {done_before:,} of an earlier run" in done.stderr
    assert [line["n"] for line in lines(tmp_path / "out.jsonl")] == list(range(120_000))
    assert not list(tmp_path.glob("out.jsonl.part*"))


@pytest.mark.parametrize("gap_seconds", [0.0, 0.02, 0.05])
def test_a_second_ctrl_c_does_not_hang_it(
    small_model: Path, long_batch: Path, tmp_path: Path, gap_seconds: float
) -> None:
    """GNU timeout signals the child and then its group; people press twice."""
    arguments = ["classify", "-m", str(small_model), "--batch", str(long_batch), "-o", "out.jsonl", "--jobs", "2"]
    process = subprocess.Popen([sys.executable, "-m", "despam", *arguments], cwd=tmp_path, stderr=subprocess.PIPE)
    part = written_part(tmp_path)
    process.send_signal(signal.SIGINT)
    time.sleep(gap_seconds)
    process.send_signal(signal.SIGINT)
    try:
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    # Python itself is gone already where the second one comes last of all; a shell says 130 of both
    assert process.returncode in (130, -signal.SIGINT), said
    assert part.read_bytes().endswith(b"}\n")


def test_a_second_run_into_one_output_is_refused(
    despam: Run, small_model: Path, long_batch: Path, tmp_path: Path
) -> None:
    """Two that write to one file would mix their lines."""
    arguments = ["classify", "-m", str(small_model), "--batch", str(long_batch), "-o", "out.jsonl", "--jobs", "1"]
    command = [sys.executable, "-m", "despam", *arguments]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as first:
        part = written_part(tmp_path)
        first.send_signal(signal.SIGSTOP)
        os.waitpid(first.pid, os.WUNTRACED)  # stopped: a write under way has ended
        held = part.read_bytes()
        try:
            for more in ([], ["--resume"]):
                second = despam(*arguments, *more)
                assert second.returncode == 3
                assert "another run is writing it" in second.stderr
                assert part.read_bytes() == held
        finally:
            first.send_signal(signal.SIGCONT)
    assert first.wait(120) == 0
    assert [line["n"] for line in lines(tmp_path / "out.jsonl")] == list(range(120_000))


def test_a_row_whose_own_fields_name_a_verdict_still_counts_as_an_error(tmp_path: Path) -> None:
    part = tmp_path / "out.part"
    part.write_text(
        '{"meta": {"classification": "HAM"}, "error": "no text"}\n'
        '{"n": 1, "classification": "HAM", "spam_probability": 0.1, "score": -2.0, "unsure": false}\n'
    )
    assert whole_lines(part)[:2] == (2, 1)


def test_ctrl_c_between_writing_and_counting_loses_no_row(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block that was just written is counted and kept, though the signal came before its rows were added up."""
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_text('{"text": "win a prize"}\n' * 3, encoding="utf-8")
    signals = iter([KeyboardInterrupt])
    add = batch.Counts.plus

    def interrupted(self: batch.Counts, other: batch.Counts) -> batch.Counts:
        if error := next(signals, None):
            raise error
        return add(self, other)

    monkeypatch.setattr(batch.Counts, "plus", interrupted)
    arguments = ["-m", str(small_model), "--batch", "in.jsonl", "-o", "out.jsonl", "--jobs", "1"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 130, done.output
    assert "stopped after 3 rows, kept in out.jsonl.part" in done.output
    assert len(lines(Path("out.jsonl.part"))) == 3
    again = CliRunner().invoke(command, [*arguments, "--resume"])
    assert "behind 3 of an earlier run" in again.output
    assert len(lines(Path("out.jsonl"))) == 3


@pytest.mark.parametrize("background", [False, True])
def test_sigterm_stops_as_ctrl_c_does(small_model: Path, long_batch: Path, tmp_path: Path, *, background: bool) -> None:
    code, said = stopped_part(tmp_path, small_model, long_batch, signal.SIGTERM, group=False, background=background)
    assert code == 130
    assert said.startswith("stopped after ")
    assert lines(tmp_path / "out.jsonl.part")


def test_workers_end_when_their_parent_is_killed(small_model: Path, long_batch: Path, tmp_path: Path) -> None:
    code, _ = stopped_part(tmp_path, small_model, long_batch, signal.SIGKILL, group=False)
    assert code == -signal.SIGKILL
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and (left := processes_of(long_batch)):
        time.sleep(0.1)
    assert left == []


def processes_of(path: Path) -> list[str]:
    """List the processes that name a file on their command line."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(path).encode() in place.read_bytes().split(b"\0"):
                found.append(place.parent.name)
        except OSError:
            pass
    return found


def test_a_full_disk_is_one_sentence_and_what_was_written_stays(
    despam: Run, small_model: Path, long_batch: Path, tmp_path: Path
) -> None:
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)); "
        "from despam.cli.main import run; run(sys.argv[1:])"
    )
    arguments = ["classify", "-m", str(small_model), "--batch", str(long_batch), "-o", "out.jsonl"]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert done.stderr == "Error: out.jsonl.part: cannot be written (File too large); make room, then add --resume\n"
    assert not (tmp_path / "out.jsonl").exists()
    assert despam("classify", "-m", small_model, "--batch", long_batch, "-o", "out.jsonl", "--resume").returncode == 0
    assert [line["n"] for line in lines(tmp_path / "out.jsonl")] == list(range(120_000))


def test_a_killed_run_is_resumed_from_its_last_whole_line(
    despam: Run, small_model: Path, long_batch: Path, tmp_path: Path
) -> None:
    code, _ = stopped_part(tmp_path, small_model, long_batch, signal.SIGKILL)
    assert code == -signal.SIGKILL
    with (tmp_path / "out.jsonl.part").open("ab") as file:
        file.write(b'{"n": 99999, "classifi')
    assert despam("classify", "-m", small_model, "--batch", long_batch, "-o", "out.jsonl", "--resume").returncode == 0
    resumed = (tmp_path / "out.jsonl").read_bytes()
    assert despam("classify", "-m", small_model, "--batch", long_batch, "-o", "whole.jsonl").returncode == 0
    assert resumed == (tmp_path / "whole.jsonl").read_bytes()


def test_resume_refuses_lines_of_another_model_or_input(
    despam: Run, small_model: Path, sms: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.jsonl.part").write_text('{"n": 1}\n')
    (tmp_path / "out.jsonl.part.json").write_text(json.dumps({"model": "000000000000"}))
    done = despam("classify", "-m", small_model, "--batch", sms, "-o", "out.jsonl", "--resume")
    assert done.returncode == 3
    assert "it was made with another model; remove it to start anew, or name another output" in done.stderr
    assert (tmp_path / "out.jsonl.part").read_text() == '{"n": 1}\n'
    (tmp_path / "out.jsonl.part").unlink()
    assert despam("classify", "-m", small_model, "--batch", sms, "-o", "out.jsonl").returncode == 0


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("out.jsonl.part", '{"n": 1}\n'),
        ("out.jsonl.part", "half of somebody's download"),
        ("out.jsonl.part.json", "{}"),
        ("out.jsonl.part.json", "notes"),
    ],
)
def test_a_file_of_somebody_elses_is_not_written_over(
    despam: Run, small_model: Path, sms: Path, tmp_path: Path, name: str, content: str, resume: bool
) -> None:
    """Though it has the name that a batch would use on the way."""
    (tmp_path / name).write_text(content)
    more = ["--resume"] if resume else []
    done = despam("classify", "-m", small_model, "--batch", sms, "-o", "out.jsonl", *more)
    sentence = f"{name}: something else of that name is there; move it away, or name another output"
    assert (done.returncode, done.stderr) == (3, f"Error: {sentence}\n")
    assert (tmp_path / name).read_text() == content
    assert sorted(path.name for path in tmp_path.glob("out*")) == [name]


def test_rows_of_a_run_that_was_stopped_are_not_thrown_away_where_resume_is_forgotten(
    despam: Run, small_model: Path, tmp_path: Path
) -> None:
    """They may be hours of work: how many there are is said, and the three ways on."""
    rows = [json.dumps({"n": n, "text": f"win {n * 7919 % 99991:05}"}) + "\n" for n in range(1000, 10000)]
    (tmp_path / "in.jsonl.gz").write_bytes(gzip.compress("".join(rows).encode(), 0)[:-100])
    words = stopped_by_damage(despam, small_model, "in.jsonl.gz")
    kept = (tmp_path / "out.jsonl.part").read_bytes()
    done = despam(*words)
    counted = f"out.jsonl.part: it keeps the verdicts on {len(kept.splitlines()):,} rows of a run that was stopped"
    assert (done.returncode, done.stderr) == (
        3,
        f"Error: {counted}; add --resume, or remove it, or name another output\n",
    )
    assert (tmp_path / "out.jsonl.part").read_bytes() == kept


def test_a_run_that_was_killed_before_its_first_row_leaves_nothing_to_remove(
    despam: Run, small_model: Path, sms: Path, tmp_path: Path
) -> None:
    """Its note and half a line keep no verdict."""
    (tmp_path / "out.jsonl.part").write_text('{"cla')
    (tmp_path / "out.jsonl.part.json").write_text(json.dumps({"model": "000000000000"}))
    assert despam("classify", "-m", small_model, "--batch", sms, "-o", "out.jsonl").returncode == 0
    assert len(lines(tmp_path / "out.jsonl")) == 600


def stopped_by_damage(despam: Run, model: Path, source: str) -> list[object]:
    """Start a batch whose input is cut before its end; give its command."""
    words: list[object] = ["classify", "-m", model, "--batch", source, "-o", "out.jsonl", "--jobs", "1"]
    done = despam(*words)
    assert "out.jsonl.part keeps the verdicts on the first" in done.stderr
    return words


def test_resume_refuses_an_input_of_equal_size_that_holds_something_else(
    despam: Run, small_model: Path, tmp_path: Path
) -> None:
    rows = [json.dumps({"n": n, "text": f"win {n * 7919 % 99991:05}"}) + "\n" for n in range(1000, 10000)]
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(gzip.compress("".join(rows).encode(), 0)[:-100])
    words = stopped_by_damage(despam, small_model, "in.jsonl.gz")
    kept = (tmp_path / "out.jsonl.part").read_bytes()
    (tmp_path / "copy").write_bytes(source.read_bytes())
    source.write_bytes(gzip.compress("".join(reversed(rows)).encode(), 0)[:-100])
    done = despam(*words, "--resume")
    assert done.returncode == 3
    assert "out.jsonl.part: it was made with an input that held something else; remove it to start" in done.stderr
    assert (tmp_path / "out.jsonl.part").read_bytes() == kept
    (tmp_path / "copy").rename(source)
    os.utime(source, (1, 1))
    assert "cut short" in despam(*words, "--resume").stderr  # a copy of another time is the same input
    note = json.loads((tmp_path / "out.jsonl.part.json").read_text())
    del note["content"]
    (tmp_path / "out.jsonl.part.json").write_text(json.dumps(note))
    done = despam(*words, "--resume")
    assert done.returncode == 3
    assert "an earlier despam made it and did not note what the input held; remove it to start" in done.stderr


def test_the_digest_reads_all_of_a_small_file_and_pieces_of_a_large_one(tmp_path: Path) -> None:
    for size in (0, 1, PIECE_BYTES, PIECE_BYTES + 1, 7 * PIECE_BYTES - 1, PIECES * PIECE_BYTES):
        read = set()
        for start in places(size):
            read.update(range(start // 64, -(-min(start + PIECE_BYTES, size) // 64)))
        assert len(read) == -(-size // 64)
    large = list(places(1 << 40))
    assert (len(large), large[0], large[-1]) == (PIECES, 0, (1 << 40) - PIECE_BYTES)
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "1.txt").write_text("hello")
    first = digest(tmp_path / "box")
    (tmp_path / "box" / "1.txt").rename(tmp_path / "box" / "2.txt")
    assert digest(tmp_path / "box") != first
    (tmp_path / "box" / "2.txt").rename(tmp_path / "box" / "1.txt")
    assert digest(tmp_path / "box") == first
    (tmp_path / "box" / "1.txt").write_text("hello there")
    assert digest(tmp_path / "box") != first
    assert digest(tmp_path / "none") == digest(Path("/dev/null")) == ""


def test_a_batch_writes_to_no_file_that_it_reads(despam: Run, small_model: Path, tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    for name in ("x.part", "x.part.json", "box/1.txt"):
        (tmp_path / name).write_text('{"text": "hello"}\n')
    (tmp_path / "link").symlink_to("box")
    for source, target, sentence in (
        ("x.part", "x", "x: on the way there x.part is written, the input; name another output"),
        ("x.part.json", "x", "x: on the way there x.part.json is written, the input; name another output"),
        ("box", "box/out.jsonl", "box/out.jsonl: it lies in the input box; name an output outside of it"),
        ("box", "link/out.jsonl", "link/out.jsonl: it lies in the input box; name an output outside of it"),
        (".", "out.jsonl", "out.jsonl: it lies in the input .; name an output outside of it"),
    ):
        done = despam("classify", "-m", small_model, "--batch", source, "-o", target)
        assert (done.returncode, done.stderr) == (3, f"Error: {sentence}\n")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["1.txt", "box", "link", "x.part", "x.part.json"]
    assert (tmp_path / "x.part").read_text() == '{"text": "hello"}\n'


def test_resume_without_an_earlier_run_starts_at_the_beginning(
    despam: Run, small_model: Path, sms: Path, tmp_path: Path
) -> None:
    assert despam("classify", "-m", small_model, "--batch", sms, "-o", "out.jsonl", "--resume").returncode == 0
    assert len(lines(tmp_path / "out.jsonl")) == 600


def test_resume_counts_rows_in_every_form_of_input(small_model: Path, tmp_path: Path) -> None:
    from despam.cli.batch import behind
    from despam.corpus import Plan, blocks

    (tmp_path / "a.csv").write_text("text\n" + "".join(f'"row\n{n}"\n' for n in range(2500)))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": f"row {n}"}) + "\n\n" for n in range(2500)))
    (tmp_path / "a.mbox").write_bytes(b"".join(b"From x\nSubject: row\nX: y\n\n%d\n\n" % n for n in range(2500)))
    (tmp_path / "box").mkdir()
    for number in range(300):
        (tmp_path / "box" / f"{number:04}.txt").write_text(f"row {number}")
    (tmp_path / "box" / "0100.mbox").write_bytes((tmp_path / "a.mbox").read_bytes())
    plan = Plan()
    for name in ("a.csv", "a.jsonl", "a.mbox", "box"):
        everything = [row.text for block in blocks(tmp_path / name, plan, labelled=False) for row in block.rows(plan)]
        for skip in (0, 1, 137, 1000, 2499):
            source = behind(blocks(tmp_path / name, plan, labelled=False), skip)
            rest = [row.text for block, left in source for row in list(block.rows(plan))[left:]]
            assert rest == everything[skip:], (name, skip)


def test_memory_stays_flat_however_long_the_batch(despam: Run, small_model: Path, tmp_path: Path) -> None:
    script = (
        "import re, resource, sys; from despam.cli.main import cli; "
        "cli.main(sys.argv[1:], standalone_mode=False); "
        # ru_maxrss of the process itself would begin with that of pytest, which started it
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], "
        "resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    peaks = []
    line = json.dumps({"text": "some words of a longer mail that repeats itself. " * 80}) + "\n"
    for count in (2_000, 12_000):
        (tmp_path / "big.jsonl").write_text(line * count)
        arguments = ["classify", "-m", str(small_model), "--batch", "big.jsonl", "-o", "out.jsonl", "--jobs", "2"]
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        peaks.append(max(map(int, done.stdout.split())))
    assert peaks[1] < 80_000  # KB; the input is 48 MB
    assert peaks[1] - peaks[0] < 8_000


def test_progress_is_for_terminals(small_model: Path, long_batch: Path, tmp_path: Path) -> None:
    shown = on_a_terminal(["classify", "-m", str(small_model), "--batch", str(long_batch), "-o", "out.jsonl"], tmp_path)
    assert "classifying" in shown
    assert re.search(r"[\d,]+ rows, [\d,]+/s", shown)
    assert len(lines(tmp_path / "out.jsonl")) == 120_000
