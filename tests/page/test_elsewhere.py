"""`despam page`: the page on another origin, talking to the API through preflight, and what the command refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from playwright.sync_api import Browser, expect

from despam.cli.page import command
from despam.service import pages

from .conftest import SPAM, analyze, hosting, opening, serving

API = "https://abc123.execute-api.eu-central-1.amazonaws.com/prod"


def write(folder: Path, api: str = API) -> Result:
    """Run the command."""
    return CliRunner().invoke(command, ["--api", api, "-o", str(folder)])


def test_every_file_is_written_and_only_the_address_differs(tmp_path: Path) -> None:
    done = write(tmp_path / "deep" / "site")
    assert done.exit_code == 0
    written = {path.name: path.read_bytes() for path in (tmp_path / "deep" / "site").iterdir()}
    original = {path[1:]: content for path, (content, _, _) in pages.FILES.items() if path != "/"}
    assert written.keys() == original.keys()
    assert {name for name in written if written[name] != original[name]} == {"index.html"}


def test_the_policy_lets_the_page_talk_to_that_api_alone(tmp_path: Path) -> None:
    write(tmp_path, f"{API}/")
    html = (tmp_path / "index.html").read_text("utf-8")
    assert f'<meta name="despam-api" content="{API}">' in html
    assert f"connect-src {API}/;" in html
    assert "connect-src 'self'" not in html
    assert html.index("Content-Security-Policy") < html.index("<link")


def test_writing_twice_gives_the_same(tmp_path: Path) -> None:
    write(tmp_path, "https://old.example")
    assert write(tmp_path).exit_code == 0
    assert API in (tmp_path / "index.html").read_text("utf-8")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    "api",
    ["", "abc.example", "ftp://abc.example", "https://", "https://a.example/x?y=1", "https://u:p@a.example", "https://a.example/;x",
     "https://a.example/ https://b.example", "https://a.example\"><script>", "javascript:alert(1)", "https://a.example/#x"],
)  # fmt: skip
def test_an_address_that_cannot_stand_in_a_policy_is_a_usage_error(tmp_path: Path, api: str) -> None:
    done = write(tmp_path, api)
    assert done.exit_code == 2
    assert "no plain http or https address" in done.output
    assert not list(tmp_path.iterdir())


def test_somebody_elses_page_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>mine</h1>")
    done = write(tmp_path)
    assert "there is another page already" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    assert (tmp_path / "index.html").read_text() == "<h1>mine</h1>"


@pytest.mark.parametrize("name", [path[1:] for path in pages.FILES if path not in ("/", "/index.html")])
def test_somebody_elses_file_stays_where_there_is_no_page_yet(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    done = write(tmp_path)
    assert "there is something else of that name already" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_run_that_was_interrupted_is_run_again(tmp_path: Path) -> None:
    write(tmp_path)
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "index.html").unlink()
    assert write(tmp_path).exit_code == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == whole


def test_files_of_an_older_page_are_written_anew(tmp_path: Path) -> None:
    write(tmp_path)
    style = next(tmp_path.glob("*.css"))
    whole = style.read_bytes()
    style.write_text("older")
    assert write(tmp_path).exit_code == 0
    assert style.read_bytes() == whole


@pytest.mark.parametrize("beside", [True, False])
def test_a_folder_in_the_place_of_a_file_is_one_sentence(tmp_path: Path, beside: bool) -> None:
    name = "index.html"
    if beside:
        write(tmp_path)
        name = next(tmp_path.glob("*.css")).name
        (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    done = write(tmp_path)
    assert f"{name}: there is " in str(done.exception) and "name another folder with -o" in str(done.exception)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = write(tmp_path / "file" / "site")
    assert "name another folder with -o" in str(done.exception)


def test_plain_http_to_another_machine_is_warned_about(tmp_path: Path) -> None:
    assert "unencrypted" in write(tmp_path, "http://spam.example").output
    assert "unencrypted" not in write(tmp_path, "http://localhost:8000").output
    assert "unencrypted" not in write(tmp_path, "https://spam.example").output


def test_a_test_keeps_the_line_that_the_command_replaces() -> None:
    html = pages.FILES["/"][0].decode()
    assert html.count(pages.API_META) == 1
    assert "Content-Security-Policy" not in html


@pytest.mark.browser
def test_the_page_on_another_origin_works_through_preflight(browser: Browser, tmp_path: Path) -> None:
    with (
        hosting(tmp_path) as site,
        serving(DESPAM_ORIGINS=f"https://other.example,{site}", DESPAM_API_KEY="open sesame") as address,
        opening(browser, site) as visit,
    ):
        assert write(tmp_path, address).exit_code == 0
        page = visit(hosts=(address,))
        page.locator("#userInput").fill(SPAM)
        page.get_by_role("button", name="Analyze").click()
        page.get_by_label("API key").fill("open sesame")
        page.get_by_role("button", name="Use key").click()
        expect(page.locator("#result")).to_have_text("Prediction: SPAM")
        expect(page.locator("#bar .zone")).to_be_visible()
        page.get_by_role("link", name="Model card").click()
        expect(page.get_by_role("dialog").get_by_role("table", name="Measured on messages held out")).to_be_visible()


@pytest.mark.browser
def test_the_browser_really_asked_before_it_asked(browser: Browser, server: str, tmp_path: Path) -> None:
    assert write(tmp_path, server).exit_code == 0
    with hosting(tmp_path) as site, opening(browser, site) as visit:
        page = visit(hosts=(server,))
        methods = []
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on(
            "Network.requestWillBeSent",
            lambda event: methods.append((event["request"]["method"], event["request"]["url"])),
        )
        analyze(page, SPAM)
        assert ("OPTIONS", f"{server}/classify?explain=true") in methods
        assert ("POST", f"{server}/classify?explain=true") in methods


@pytest.mark.browser
def test_the_page_works_below_a_prefix_as_behind_a_stage(browser: Browser, server: str, tmp_path: Path) -> None:
    write(tmp_path / "some" / "where", server)
    with hosting(tmp_path) as site, opening(browser, site) as visit:
        page = visit(f"{site}/some/where", hosts=(server,))
        analyze(page, SPAM)
        expect(page.locator("#result")).to_have_text("Prediction: SPAM")
