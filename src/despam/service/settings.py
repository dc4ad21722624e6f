"""DESPAM_... in the environment -> settings, and settings -> a wired brain.

Knows the names of the settings, what each may be, and which parts they put together. The server's flags make the
same Settings, so a setting is checked in one place. Knows nothing of doors.

Invariant: Settings that exist are right; one that cannot be is refused by its name, with what it may be, before
anything starts.
"""

from __future__ import annotations

import re

from despam.errors import SettingError
from despam.service.api import Api

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from despam.service.metrics import Metrics

ORIGIN = r"(?:https?|chrome-extension|moz-extension)://[a-z0-9.\-\[\]:_]+|null"


class Settings:
    """What a service is told from outside."""

    __slots__ = ("api_key", "model_path", "origins", "refresh_seconds", "registry_url")

    def __init__(
        self,
        model_path: str | None = None,
        registry_url: str | None = None,
        refresh_seconds: float = 30,
        origins: tuple[str, ...] = ("*",),
        api_key: str | None = None,
    ) -> None:
        self.model_path = model_path or None
        self.registry_url = registry_url or None
        self.refresh_seconds = refresh_seconds
        self.origins = origins
        self.api_key = api_key or None
        self.check()

    def check(self) -> None:
        """Refuse what cannot be right."""
        if not 0 <= self.refresh_seconds < 1e9:
            raise SettingError("DESPAM_REFRESH_SECONDS must be a number of seconds, 0 or more.")
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise SettingError("DESPAM_API_KEY must consist of printable ASCII characters: it travels in a header.")
        if self.api_key is not None and self.api_key != self.api_key.strip():
            raise SettingError(
                "DESPAM_API_KEY begins or ends with a blank, which a header loses on its way: leave it out."
            )
        if not self.origins:
            raise SettingError("DESPAM_ORIGINS must be * or origins such as https://example.org, separated by commas.")
        for origin in self.origins:
            if origin != "*" and not re.fullmatch(ORIGIN, origin, re.IGNORECASE):
                raise SettingError(
                    f"DESPAM_ORIGINS holds {origin!r}, which is no origin: write * or, for example, "
                    "https://example.org (scheme and host, no path), several separated by commas."
                )
        if "*" in self.origins and len(self.origins) > 1:
            raise SettingError("DESPAM_ORIGINS holds * among others: * alone already allows every origin.")

    def to_environ(self) -> dict[str, str]:
        """Write the settings as an environment, for worker processes."""
        written = {
            "DESPAM_MODEL": self.model_path,
            "DESPAM_REGISTRY": self.registry_url,
            "DESPAM_REFRESH_SECONDS": f"{self.refresh_seconds:g}",
            "DESPAM_ORIGINS": ",".join(self.origins),
            "DESPAM_API_KEY": self.api_key,
        }
        return {name: value or "" for name, value in written.items()}


def from_environ(environ: Mapping[str, str]) -> Settings:
    """Read the settings from an environment; an empty variable is one that is not set."""
    return Settings(
        model_path=environ.get("DESPAM_MODEL"),
        registry_url=environ.get("DESPAM_REGISTRY"),
        refresh_seconds=read_seconds(environ.get("DESPAM_REFRESH_SECONDS") or "30"),
        origins=read_origins(environ.get("DESPAM_ORIGINS") or "*"),
        api_key=environ.get("DESPAM_API_KEY"),
    )


def read_seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        return float(text)
    except ValueError:
        message = f"DESPAM_REFRESH_SECONDS is {text!r}: it must be a number of seconds, 0 or more."
        raise SettingError(message) from None


def read_origins(text: str) -> tuple[str, ...]:
    """Read origins separated by commas, as people copy them, and write them as browsers do."""
    return tuple(write_origin(origin.strip()) for origin in text.split(",") if origin.strip())


def write_origin(origin: str) -> str:
    """Write an origin as a browser sends it: lower case, no slash at the end, no port that goes without saying."""
    origin = origin.rstrip("/").lower()
    scheme, _, host = origin.partition("://")
    usual = {"http": ":80", "https": ":443"}.get(scheme)
    return origin.removesuffix(usual) if usual and host.endswith(usual) else origin


def build(settings: Settings, metrics: Metrics | None = None) -> Api:
    """Wire the brain: the live model, opened, and what the settings say. Raises a DespamError without one."""
    from despam.service.live import LiveModel

    live = LiveModel(
        model_path=settings.model_path,
        registry_url=settings.registry_url,
        refresh_seconds=settings.refresh_seconds,
    )
    live.current()
    return Api(live, settings.origins, settings.api_key, metrics)
