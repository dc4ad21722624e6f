"""Keys from ~/.aws/credentials and ~/.aws/config, which every AWS tool reads and obstore does not.

Knows static keys and the region of the profile that AWS_PROFILE names (else `default`). Refuses to know single sign-on
and roles to assume: `aws configure export-credentials` turns those into variables, and the error for missing keys says
so.

Invariant: read only when the environment holds no key, so that on Lambda this file costs nothing.
"""

from __future__ import annotations

import os

from despam.errors import SettingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "region": "region",
}
ELSEWHERE = (
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)


def read_profile(environ: Mapping[str, str]) -> dict[str, str]:
    """Read key, secret, token and region of the profile, as far as they are there."""
    if any(environ.get(name) for name in ELSEWHERE):
        return {}
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111
    credentials = environ.get("AWS_SHARED_CREDENTIALS_FILE") or f"{home}/.aws/credentials"
    config = environ.get("AWS_CONFIG_FILE") or f"{home}/.aws/config"
    if not any(map(os.path.exists, (credentials, config))):
        return {}
    name = environ.get("AWS_PROFILE") or "default"
    found = read_section(config, name if name == "default" else f"profile {name}")
    found.update(read_section(credentials, name))
    if environ.get("AWS_PROFILE") and not found:
        raise SettingError(f"AWS_PROFILE is {name!r}, and {credentials} has no such profile; correct one of them.")
    if (
        any(key.startswith(("sso_", "role_arn", "credential_process")) for key in found)
        and "aws_access_key_id" not in found
    ):
        raise SettingError(
            f"the AWS profile {name!r} holds no keys of its own; "
            "run: eval $(aws configure export-credentials --format env) and try again."
        )
    return {KEYS[key]: value for key, value in found.items() if key in KEYS}


def read_section(path: str, section: str) -> dict[str, str]:
    """Read one section of an ini file; a file that is not there or is broken has none."""
    from configparser import ConfigParser, Error

    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (Error, OSError, UnicodeDecodeError):
        return {}
    return dict(parser[section]) if parser.has_section(section) else {}
