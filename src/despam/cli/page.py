"""`despam page`: write the page for hosting elsewhere, talking to an API at another address.

Knows which lines of `index.html` change: the address, and a security policy in a meta tag that lets the page talk to
that address alone. The rest is copied as it stands. Knows nothing of the API, which need not be up.

Invariant: a file that is not this page's own is never written over, and an interrupted run leaves whole files.
"""

from __future__ import annotations

import re
from pathlib import Path

import click

from despam.core.writing import replace_file
from despam.errors import SettingError

# what may stand in a policy unquoted and means one place only: no query, no user, no characters that end a directive
ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~%/-]*)?")
LOOPBACK = re.compile(r"http://(?:localhost|127\.0\.0\.1)(?:[:/]|$)")


def check_address(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Take an address that can stand in a policy, without the slash at its end."""
    if ADDRESS.fullmatch(value) is None:
        raise click.BadParameter(f"{value!r} is no plain http or https address such as https://host.example/prod.")
    return value.rstrip("/")


@click.command()
@click.option("--api", required=True, callback=check_address, help="Address of the API, with its stage if it has one.")
@click.option("-o", "--output", "folder", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
def command(api: str, folder: Path) -> None:
    """Write the page for hosting elsewhere.

    The page then asks the API at that address and no other host. The API must allow the page's origin, which it does
    unless DESPAM_ORIGINS says otherwise.

    Example:

    \b
        despam page --api https://abc123.execute-api.eu-central-1.amazonaws.com/prod -o site
    """
    from despam.service import pages

    files = {path[1:]: content for path, (content, _, _) in pages.FILES.items() if path != "/"}
    files["index.html"] = address(files["index.html"].decode(), api).encode()
    try:
        refuse_foreign(folder, files)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            replace_file(folder / name, content)
    except OSError as error:
        raise SettingError(f"{folder}: cannot be written to ({error.strerror}); name another folder with -o.") from None
    if api.startswith("http:") and not LOOPBACK.match(api):
        click.echo("Warning: messages will travel unencrypted; use an https address.", err=True)
    click.echo(f"{len(files)} files written; the page asks {api}", err=True)
    click.echo(folder / "index.html")


def address(html: str, api: str) -> str:
    """Put the API's address and the policy that goes with it into the page."""
    from despam.service import pages

    policy = f'<meta http-equiv="Content-Security-Policy" content="{pages.policy(f"{api}/")}">'
    return html.replace(pages.API_META, f'{policy}\n<meta name="despam-api" content="{api}">')


def refuse_foreign(folder: Path, files: dict[str, bytes]) -> None:
    """Refuse to write over what is not this page's: files beside its own index are, of whatever version of despam."""
    index = folder / "index.html"
    is_ours = index.is_file() and b'<meta name="despam-api"' in index.read_bytes()
    for name, content in files.items():
        path = folder / name
        if not path.exists() or (path.is_file() and (is_ours or path.read_bytes() == content)):
            continue
        what = "another page" if path == index else "something else of that name"
        raise SettingError(f"{path}: there is {what} already; name another folder with -o.")
