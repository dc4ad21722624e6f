"""The story: from a CSV to a service in the cloud, retrained, taken back, and still there when things break.

Every step is what a user types, run as a process of its own, against ministack: CloudFormation with the SAM transform,
a Lambda function that runs the bundle, API Gateway, S3. `make story` tells it line by line.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import http.server
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from despam.aws import cloudformation, plan
from despam.core.model import load

from .conftest import MACHINE, Answer, Ministack

REFRESH_SECONDS = 2
FIRST_PART = 1_200  # messages that the first model is trained on
SPAM = "WINNER!! You have been selected to receive a £900 prize. Call 09061701461 to claim. Valid 12 hours only."
HAM = "Are we still meeting for lunch at noon? I can pick you up at the station."


def say(line: str) -> None:
    """Tell the story; pytest -s shows it."""
    print(f"   {line}", flush=True)


def despam(*arguments: str | Path) -> str:
    """Run a command as a user does; give what it printed as its result."""
    words = [str(word) for word in arguments]
    shown = [f"data/{word.name}" if isinstance(word, Path) and word.is_absolute() else str(word) for word in arguments]
    say(f"$ despam {' '.join(shown)}")
    run = subprocess.run([sys.executable, "-m", "despam", *words], capture_output=True, text=True)
    assert run.returncode == 0, f"despam {' '.join(words)}: {run.stderr}"
    return run.stdout.strip()


class Service:
    """The deployed service, seen from outside."""

    def __init__(self, aws: Ministack, url: str) -> None:
        self.aws = aws
        self.url = url

    def classify(self, text: str) -> dict[str, Any]:
        answer: Answer = self.aws.ask(self.url, "classify", {"text": text})
        assert answer.status == 200, answer.body
        verdict: dict[str, Any] = answer.json
        return verdict

    def health(self) -> dict[str, Any]:
        health: dict[str, Any] = self.aws.ask(self.url, "health").json
        return health

    @contextlib.contextmanager
    def asked_all_the_while(self, allowed: set[str]) -> Iterator[list[str]]:
        """Ask without a pause meanwhile; give the models that answered: each answer whole, and of an allowed model."""
        models: list[str] = []
        wrong: list[object] = []
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                answer = self.aws.ask(self.url, "classify", {"text": SPAM})
                if answer.status == 200 and answer.json["model"] in allowed and answer.json["classification"]:
                    models.append(answer.json["model"])
                else:
                    wrong.append(answer)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        try:
            yield models
        finally:
            over.set()
            thread.join(timeout=30)
        assert wrong == []
        assert models

    def wait_for(self, version: str) -> float:
        """Ask until `version` answers; give the seconds."""
        start = time.monotonic()
        while self.classify(SPAM)["model"] != version:
            waited = time.monotonic() - start
            assert waited < REFRESH_SECONDS + 10, f"{version} does not answer: {self.health()}"
        return time.monotonic() - start

    def wait_until_degraded(self, patience_seconds: float) -> dict[str, Any]:
        """Ask until the service says that something is wrong; it must answer all the while."""
        start = time.monotonic()
        while time.monotonic() - start < patience_seconds:
            self.classify(SPAM)
            health = self.health()
            if health["degraded"]:
                return health
            time.sleep(0.1)
        raise AssertionError(f"not degraded after {patience_seconds} s: {self.health()}")


@pytest.fixture
def part_of_data(data_folder: Path, tmp_path: Path) -> Path:
    """The first messages of the SMS collection, as a CSV with the tutorial's columns."""
    import csv

    path = tmp_path / "messages.csv"
    with gzip.open(data_folder / "sms_spam_collection.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in itertools.islice(lines, FIRST_PART)]
    with path.open("w", encoding="utf-8", newline="") as output:
        writer = csv.writer(output)
        writer.writerow(["Category", "Message"])
        writer.writerows([row["label"], row["text"]] for row in rows)
    return path


@contextlib.contextmanager
def site(folder: Path) -> Iterator[str]:
    """A web site of its own, on another origin than the API."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def ask_in_chromium(chromium: str, page_url: str) -> tuple[str, list[str]]:
    """Type the message into the page, press Analyze, read the result; and list the requests that left the page."""
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        sent: list[str] = []
        page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
        page.goto(page_url)
        page.fill("#userInput", SPAM)
        page.get_by_role("button", name="Analyze").click()
        expect(page.locator("#result")).to_contain_text("Prediction:", timeout=20_000)
        result = page.inner_text("#result")
        browser.close()
    return result, sent


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(600)
def test_the_story(
    aws: Ministack,
    part_of_data: Path,
    data_folder: Path,
    tmp_path: Path,
    chromium: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Train, publish, deploy, ask, retrain, promote, roll back, storage down, corrupt file, destroy."""
    begin = time.monotonic()
    monkeypatch.chdir(tmp_path)
    first, better = Path("first.safetensors"), Path("better.safetensors")

    print("\n1. A brain from a CSV: the first messages of a public SMS collection")
    despam("train", part_of_data.name, "-o", first)
    version_1 = load(first).version
    say(f"version {version_1}, {first.stat().st_size / 1e6:.1f} MB")

    print("2. A registry in S3, from the template alone, and the model published in it")
    stacks = aws.client("cloudformation")
    cloudformation.change(stacks, "story-registry", plan.template("registry"), {}, say)
    made = cloudformation.look(stacks, "story-registry")
    assert made is not None
    registry = made.outputs["RegistryUrl"]
    despam("publish", first, "--registry", registry, "--promote", "--why", "first")

    print("3. One command to AWS")
    options = ["--stack", "story", "--arch", MACHINE, "--refresh-seconds", str(REFRESH_SECONDS), "--yes"]
    url = despam("deploy", *options)
    say(f"-> {url}")
    service = Service(aws, url)
    assert service.health()["source"] == "registry"

    print("4. Messages over HTTP, through API Gateway")
    for text in (SPAM, HAM):
        verdict = service.classify(text)
        say(f"{verdict['classification']:4} {verdict['spam_probability']:6.1%}  {text[:60]}")
        assert verdict["model"] == version_1
    assert service.classify(SPAM)["classification"] == "SPAM"
    assert service.classify(HAM)["classification"] == "HAM"

    print("5. The page on a site of its own, in a real browser: another origin, so with preflight")
    despam("page", "--api", url.rstrip("/"), "-o", "site")
    preflight = aws.ask(
        url, "classify", method="OPTIONS", Origin="http://127.0.0.1", Access_Control_Request_Method="POST"
    )
    assert preflight.status == 204
    assert {name.lower() for name in preflight.headers} >= {
        "access-control-allow-origin",
        "access-control-allow-methods",
        "access-control-allow-headers",
    }
    with site(tmp_path / "site") as origin:
        result, sent = ask_in_chromium(chromium, origin)
    say(f"the page says: {' '.join(result.split())[:70]}")
    assert "Prediction: SPAM" in result
    assert any(each.startswith(f"POST {url}classify") for each in sent)

    print("6. A better brain, on all messages; promoted under the running service, without a deploy")
    despam("train", data_folder / "sms_spam_collection.jsonl.gz", "-o", better)
    version_2 = load(better).version
    before = stacks.describe_stack_events(StackName="story")["StackEvents"]
    with service.asked_all_the_while({version_1, version_2}) as models:
        despam("publish", better, "--registry", registry, "--promote", "--why", "more messages")
        waited = service.wait_for(version_2)
    say(f"{version_2} answers {waited:.1f} s later; {len(models)} answers meanwhile, none failed, none mixed")
    assert waited <= REFRESH_SECONDS + 1
    assert stacks.describe_stack_events(StackName="story")["StackEvents"] == before

    print("7. Rolled back")
    with service.asked_all_the_while({version_1, version_2}) as models:
        despam("rollback", "--registry", registry, "--why", "it loses orders")
        waited = service.wait_for(version_1)
    say(f"{version_1} answers again {waited:.1f} s later; {len(models)} answers meanwhile, none failed")
    assert waited <= REFRESH_SECONDS + 1

    print("8. Storage goes away: the service answers, and says that something is wrong")
    aws.storage.shut()
    health = service.wait_until_degraded(REFRESH_SECONDS * 6 + 10)
    say(f"health: degraded, {health['reason']}")
    assert service.classify(SPAM)["model"] == version_1
    aws.storage.open = True

    print("9. Somebody promotes a corrupt file by hand: the old model goes on")
    bucket, prefix = plan.registry_place(registry)
    s3 = aws.client("s3")
    wrong = "0" * 64
    s3.put_object(Bucket=bucket, Key=f"{prefix}/models/{wrong}.safetensors", Body=better.read_bytes()[:-1])
    s3.put_object(
        Bucket=bucket, Key=f"{prefix}/live.json", Body=json.dumps({"version": wrong[:12], "sha256": wrong}).encode()
    )
    deadline = time.monotonic() + REFRESH_SECONDS * 6 + 10
    while "hash" not in (health := service.health()).get("reason", "") and time.monotonic() < deadline:
        assert service.classify(SPAM)["model"] == version_1
        time.sleep(0.2)
    say(f"health: degraded, {health['reason']}")
    assert health["degraded"] and "hash" in health["reason"]
    assert service.classify(SPAM)["model"] == version_1

    print("10. Gone again; the models stay until they are given up by name")
    despam("destroy", "--stack", "story", "--yes")
    assert aws.ask(url, "classify", {"text": SPAM}).status >= 400
    assert cloudformation.look(stacks, "story-registry") is not None
    despam("destroy", "--stack", "story", "--with-registry", "--yes")
    assert cloudformation.look(stacks, "story-registry") is None
    print(f"   {time.monotonic() - begin:.0f} seconds, {os.cpu_count()} cores")
