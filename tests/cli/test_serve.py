"""`despam serve`: what it says, what it warns of, what it refuses, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Serve = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers; they are ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*flags: str, **environ: str) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DESPAM_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "despam", "serve", *flags],
            env={**clean, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def greeting(process: subprocess.Popen[str]) -> str:
    """Read the first line of stdout."""
    assert process.stdout
    line = process.stdout.readline()
    assert line, process.stderr and process.stderr.read()
    return line.strip()


def get(address: str, path: str, **headers: str) -> dict:
    """Ask the server for JSON."""
    request = urllib.request.Request(
        address + path, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def address_of(line: str) -> str:
    """Find the address in the greeting."""
    return next(word for word in line.split() if word.startswith("http://"))


def test_it_says_where_and_what_it_serves(serve: Serve) -> None:
    """The address and the version of the model, on stdout, and nothing else there."""
    process = serve("--port", "0")
    line = greeting(process)
    health = get(address_of(line), "/health")
    assert line == f"despam serves the bundled model {health['model']} on {address_of(line)} (Ctrl-C ends it)"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert out == ""
    assert [json.loads(text)["path"] for text in err.splitlines()] == ["/health"]
    assert process.returncode in (0, -signal.SIGTERM)


def test_ctrl_c_ends_it_without_a_traceback(serve: Serve) -> None:
    """As people do."""
    process = serve("--port", "0")
    greeting(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert "Traceback" not in err


def test_a_model_file_is_served(serve: Serve, make_model: Callable[[], Path]) -> None:
    """`--model`, and DESPAM_MODEL."""
    path = make_model()
    for process in (serve("--port", "0", "--model", str(path)), serve("--port", "0", DESPAM_MODEL=str(path))):
        line = greeting(process)
        assert line.startswith("despam serves the file model ")
        assert get(address_of(line), "/health")["source"] == "file"


def test_a_flag_overrules_the_environment(serve: Serve) -> None:
    """Also the environment of the other kind: a model given as a flag against a registry set outside."""
    bundled = Path(__file__).resolve().parents[2] / "src/despam/models/bundled.safetensors"
    process = serve("--port", "0", "-m", str(bundled), DESPAM_REGISTRY="s3://nowhere/x", DESPAM_API_KEY="secret")
    line = greeting(process)
    assert get(address_of(line), "/health")["source"] == "file"
    assert get(address_of(line), "/model", X_Api_Key="secret")["model"] in line


@pytest.mark.parametrize(("flags", "code", "sentence"), [
    (["--model", "none.safetensors"], 3, "none.safetensors"),
    (
        ["--model", "a", "--registry", "b"],
        2,
        "--model and --registry are two answers to one question; give one of them.",
    ),
    (["--refresh-seconds", "often"], 2, "--refresh-seconds is 'often': it must be a number of seconds"),
    (["--origins", "example.org"], 2, "--origins holds 'example.org', which is no origin"),
    (["--host", "no-such-host.invalid"], 3, "'no-such-host.invalid' is no address of this machine"),
    (["--port", "99999"], 2, "99999"),
    (["--workers", "0"], 2, "0"),
])  # fmt: skip
def test_what_cannot_be_served_is_one_sentence(serve: Serve, flags: list[str], code: int, sentence: str) -> None:
    """With the exit code of the contract, before anything listens."""
    process = serve(*flags)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (code, "")
    assert sentence in err
    assert "Traceback" not in err


def test_a_setting_of_the_environment_is_named_by_its_variable(serve: Serve) -> None:
    """Nobody typed a flag, so it is no wrong use of one."""
    process = serve("--port", "0", DESPAM_REFRESH_SECONDS="often")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 3
    assert "DESPAM_REFRESH_SECONDS is 'often'" in err


def test_a_registry_that_is_not_there_is_named(serve: Serve, tmp_path: Path) -> None:
    """With what to do; the bundled model answers meanwhile."""
    process = serve("--port", "0", "--registry", str(tmp_path / "none"))
    assert "serves the bundled model" in greeting(process)
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert f"{tmp_path / 'none'}: there is no such folder; `despam publish` makes one." in err


def test_a_port_in_use_is_one_sentence(serve: Serve) -> None:
    """Exit code 3."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = serve("--port", str(port))
        _, err = process.communicate(timeout=20)
    assert process.returncode == 3
    assert err.strip() == f"Error: port {port} on 127.0.0.1 is in use; choose another with --port"


@pytest.mark.parametrize(("flags", "warned"), [([], True), (["--api-key", "secret"], False)])
def test_an_open_address_without_a_key_warns(serve: Serve, flags: list[str], warned: bool) -> None:
    """On the loopback there is nothing to warn of."""
    process = serve("--port", "0", "--host", "0.0.0.0", *flags)
    greeting(process)
    process.terminate()
    _, err = process.communicate(timeout=20)
    expected = "Warning: 0.0.0.0 can be reached from other machines, and no API key is asked for; see --api-key."
    assert (expected in err.splitlines()) is warned
    quiet = serve("--port", "0", "--host", "127.0.0.2")
    greeting(quiet)
    quiet.terminate()
    assert "Warning" not in quiet.communicate(timeout=20)[1]


def test_workers_share_a_port_and_all_end(serve: Serve) -> None:
    """Every request is answered, and SIGTERM ends them all."""
    process = serve("--port", "0", "--workers", "2", "--api-key", "secret")
    address = address_of(greeting(process))
    answers: list[str] = []

    def ask() -> None:
        answers.append(str(get(address, "/model", X_Api_Key="secret")["model"]))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 20
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert err.count('"path": "/model"') == 20


def test_the_help_has_an_example_and_every_setting() -> None:
    """Each setting of the contract is a flag."""
    done = subprocess.run(
        [sys.executable, "-m", "despam", "serve", "--help"], capture_output=True, text=True, check=True
    )
    assert "Example:" in done.stdout
    for flag in (
        "--model",
        "--registry",
        "--refresh-seconds",
        "--origins",
        "--api-key",
        "--host",
        "--port",
        "--workers",
    ):
        assert flag in done.stdout


@pytest.mark.parametrize("missing", ["uvicorn", "httptools"])
def test_without_the_extra_it_says_how_to_get_it(missing: str) -> None:
    """One sentence with the pip line, exit code 3."""
    code = f"import sys; sys.modules[{missing!r}] = None; from despam.cli.main import run; run(['serve'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    sentence = "Error: despam serve needs the extra 'serve': pip install 'despam[serve]', or '.[serve]' in a clone"
    assert done.stderr.strip() == sentence
