"""Settings: from the environment, checked once, refused by name."""

from __future__ import annotations

import pytest

from despam.errors import SettingError
from despam.service.settings import Settings, from_environ, read_origins


def test_an_empty_environment_gives_the_contracts_defaults() -> None:
    """And so does one with empty variables."""
    names = ("MODEL", "REGISTRY", "REFRESH_SECONDS", "ORIGINS", "API_KEY")
    for environ in ({}, {f"DESPAM_{name}": "" for name in names}):
        found = from_environ(environ)
        assert (found.model_path, found.registry_url, found.refresh_seconds, found.origins, found.api_key) == (
            None,
            None,
            30,
            ("*",),
            None,
        )


def test_settings_survive_the_way_to_a_worker() -> None:
    """Written as an environment and read again they are the same."""
    first = Settings("a.safetensors", "s3://b/c", 2.5, ("https://a.example", "http://localhost:1"), "secret")
    again = from_environ(first.to_environ())
    assert all(getattr(first, name) == getattr(again, name) for name in Settings.__slots__)


@pytest.mark.parametrize(("text", "origins"), [
    ("*", ("*",)),
    ("https://a.example", ("https://a.example",)),
    (" https://a.example/ , http://localhost:3000,", ("https://a.example", "http://localhost:3000")),
    ("null", ("null",)),
    ("HTTPS://Www.Example.org:443/,http://a.example:80", ("https://www.example.org", "http://a.example")),
    ("https://a.example:80", ("https://a.example:80",)),
    ("http://[::1]:8000", ("http://[::1]:8000",)),
])  # fmt: skip
def test_origins_are_read_as_people_write_them(text: str, origins: tuple[str, ...]) -> None:
    """Blanks, a slash copied from the address bar, a comma too many."""
    assert Settings(origins=read_origins(text)).origins == origins


@pytest.mark.parametrize(("environ", "name"), [
    ({"DESPAM_REFRESH_SECONDS": "often"}, "DESPAM_REFRESH_SECONDS"),
    ({"DESPAM_REFRESH_SECONDS": "-1"}, "DESPAM_REFRESH_SECONDS"),
    ({"DESPAM_REFRESH_SECONDS": "nan"}, "DESPAM_REFRESH_SECONDS"),
    ({"DESPAM_REFRESH_SECONDS": "inf"}, "DESPAM_REFRESH_SECONDS"),
    ({"DESPAM_ORIGINS": "example.org"}, "DESPAM_ORIGINS"),
    ({"DESPAM_ORIGINS": "https://a.example/path"}, "DESPAM_ORIGINS"),
    ({"DESPAM_ORIGINS": "https://a.example\r\nSet-Cookie: x"}, "DESPAM_ORIGINS"),
    ({"DESPAM_ORIGINS": "https://*.example.org"}, "DESPAM_ORIGINS"),
    ({"DESPAM_ORIGINS": "*,https://a.example"}, "DESPAM_ORIGINS"),
    ({"DESPAM_ORIGINS": ","}, "DESPAM_ORIGINS"),
    ({"DESPAM_API_KEY": "schl\u00fcssel"}, "DESPAM_API_KEY"),
    ({"DESPAM_API_KEY": "a\nb"}, "DESPAM_API_KEY"),
    ({"DESPAM_API_KEY": "correct-horse "}, "DESPAM_API_KEY"),
    ({"DESPAM_API_KEY": " correct-horse"}, "DESPAM_API_KEY"),
])  # fmt: skip
def test_a_setting_that_cannot_be_right_is_refused_by_name(environ: dict[str, str], name: str) -> None:
    """One sentence, before anything starts; a key is never repeated."""
    with pytest.raises(SettingError, match=name) as caught:
        from_environ(environ)
    assert "\n" not in str(caught.value)
    if name == "DESPAM_API_KEY":
        assert environ[name] not in str(caught.value)
