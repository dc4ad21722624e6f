"""Nothing in a pickle runs, and no pickle takes the machine down: each of tests/attacks/pickles is refused by name."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from despam.errors import PickleRefused
from despam.train.sklearn_in import import_files

from ..attacks.make_pickles import ATTACKS, FOLDER, HONEST, WITNESS, bombs

QUICK_SECONDS, MEMORY_BYTES = 10, 700 << 20


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder, where a command that an attack smuggles in would leave its witness."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_honest_pickle_is_carried(tmp_path: Path) -> None:
    """What most attacks are made of is a model that works, so only the change can be what is refused."""
    path = tmp_path / "honest.pkl"
    path.write_bytes(HONEST)
    assert import_files([path]).classes == ["ham", "spam"]


@pytest.mark.parametrize("name", list(ATTACKS))
def test_an_attack_is_refused_in_one_sentence(name: str) -> None:
    """The refusal names the file and what is wrong; nothing was executed; it took no time worth measuring."""
    path = FOLDER / f"{name}.pkl"
    start = time.monotonic()
    with pytest.raises(PickleRefused) as caught:
        import_files([path])
    message = str(caught.value)
    assert ATTACKS[name][1] in message, message
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))
    assert time.monotonic() - start < QUICK_SECONDS
    assert not Path(WITNESS).exists()


def test_the_attack_files_are_what_their_script_writes() -> None:
    """No file is left over, none is stale."""
    assert {path.stem: path.read_bytes() for path in FOLDER.glob("*.pkl")} == {
        name: data for name, (data, _) in ATTACKS.items()
    }


def test_the_attacks_work_on_the_careless(tmp_path: Path) -> None:
    """The set bites: `pickle.load` obeys the first of them, in a process of its own."""
    code = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))"
    subprocess.run([sys.executable, "-c", code, str(FOLDER / "os_system.pkl")], cwd=tmp_path, check=True)
    assert (tmp_path / WITNESS).exists()


def in_a_small_process(paths: list[Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """Read files in a process that may not have more than MEMORY_BYTES."""
    code = """
import sys, pathlib
from despam.errors import PickleRefused
from despam.train.unpickle import load
for name in sys.argv[1:]:
    try:
        load(pathlib.Path(name))
        print("read")
    except PickleRefused as error:
        print(error)
"""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)],
        cwd=folder,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES)),
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_bombs_are_stopped_at_the_budget(tmp_path: Path) -> None:
    """Files of a few hundred KB that unpack to 300 MB end in a refusal within a bounded memory."""
    paths = []
    for name, data in bombs().items():
        paths.append(tmp_path / f"{name}.pkl")
        paths[-1].write_bytes(data)
        assert len(data) < 2_000_000
    done = in_a_small_process(paths, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert len(lines) == len(paths)
    assert all("lies about a length of 300,000,000 bytes" in line for line in lines), lines


def test_the_attacks_fit_into_a_bounded_memory(tmp_path: Path) -> None:
    """All of the set, one after the other, in one process whose memory is limited."""
    done = in_a_small_process([FOLDER / f"{name}.pkl" for name in ATTACKS], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == len(ATTACKS)
    assert list(tmp_path.iterdir()) == []


def mutants(seed: int, count: int) -> list[bytes]:
    """Change honest files at random: bytes flipped, pieces cut, doubled, exchanged."""
    draw = random.Random(seed)
    folder = Path(__file__).parent / "pickles" / "newest"
    honest = [HONEST, *[path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix != ".json"]]
    made = []
    for _ in range(count):
        data = bytearray(draw.choice(honest))
        for _ in range(draw.randint(1, 4)):
            at, to = sorted((draw.randrange(len(data)), draw.randrange(len(data))))
            how = draw.randrange(4)
            if how == 0:
                data[at] = draw.randrange(256)
            elif how == 1:
                del data[at : min(to, at + 40)]
            elif how == 2:
                data[at:at] = data[at : min(to, at + 40)]
            else:
                data[at : at + 4] = draw.randbytes(4)
            if not data:
                break
        made.append(bytes(data))
    return made


def test_mutants_of_honest_files_are_read_or_refused(tmp_path: Path) -> None:
    """Whatever is wrong, the only exception is PickleRefused; a mutant that is read is a model like any other."""
    path = tmp_path / "mutant.pkl"
    read = 0
    for data in mutants(seed=20, count=1500):
        path.write_bytes(data)
        try:
            import_files([path], "spam")
            read += 1
        except PickleRefused as error:
            assert "\n" not in str(error)
        except Exception as error:
            if type(error).__name__ != "SettingError":  # a label changed, so "spam" is none of them
                raise
    assert 0 < read < 1500


def test_every_way_to_cut_a_file_is_refused(tmp_path: Path) -> None:
    """A download that stopped early, at any byte."""
    path = tmp_path / "cut.pkl"
    for end in range(0, len(HONEST) - 1, 7):
        path.write_bytes(HONEST[:end])
        with pytest.raises(PickleRefused):
            import_files([path])
