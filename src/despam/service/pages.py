"""The page's files: which there are, their bytes, and what a browser may do with them.

Knows the folder `page/` beside this file and the page's security policy. Refuses to know HTTP: `api.py` puts a
path from a request against `FILES` and never against the disk, so no path, however crafted, reaches another file.

`FILES` is read on first use (a Lambda function that nobody visits never pays for it) and holds for each path
`(bytes, content type, ETag)`; `PACKED` holds the same in gzip. "/" and "/index.html" are the same page. Everything in
the folder is flat and named relatively, so that the page works below a stage prefix such as `/prod/`, and elsewhere.

Invariant: the policy allows no inline script, no inline style, no frame and no host but the one that answers.
"""

# pathlib costs milliseconds on the serving path
# ruff: noqa: PTH100, PTH118, PTH120, PTH122, PTH123, PTH208

from __future__ import annotations

import hashlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    File = tuple[bytes, str, str]
    FILES: dict[str, File]
    PACKED: dict[str, File]

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# where index.html says which API it talks to; `despam page` writes another address here
API_META = '<meta name="despam-api" content=".">'


def policy(connect: str = "'self'") -> str:
    """Write the Content-Security-Policy of a page that talks to `connect` alone."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )


# frame-ancestors counts in a header only, so the policy for a meta tag goes without
POLICY = policy() + "; frame-ancestors 'none'"


def read_files(folder: str = FOLDER) -> dict[str, File]:
    """Read the page's folder into memory."""
    files: dict[str, File] = {}
    for name in sorted(os.listdir(folder)):
        content_type = TYPES.get(os.path.splitext(name)[1])
        if content_type is None:
            continue
        with open(os.path.join(folder, name), "rb") as source:
            content = source.read()
        files["/" + name] = (content, content_type, f'"{hashlib.sha256(content).hexdigest()[:16]}"')
    files["/"] = files["/index.html"]
    return files


def pack_files(files: dict[str, File]) -> dict[str, File]:
    """Compress each file once; another representation has another ETag."""
    import zlib

    packed: dict[str, File] = {}
    for path, (content, content_type, tag) in files.items():
        gzip = zlib.compressobj(9, wbits=31)  # 31: a gzip frame, without a date, so the same bytes everywhere
        packed[path] = (gzip.compress(content) + gzip.flush(), content_type, f'{tag[:-1]}-gz"')
    return packed


def __getattr__(name: str) -> dict[str, File]:
    """Read `FILES`, or make `PACKED`, when first asked for."""
    if name == "FILES":
        files = read_files()
    elif name == "PACKED":
        files = pack_files(globals().get("FILES") or read_files())
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = files
    return files
