"""The server on this machine: uvicorn, with what it says below us put into our words.

Knows sockets, workers, signals and how uvicorn is configured; a connection is `protocol.py`'s. Knows nothing of
requests.

Invariant: a port that cannot be had and a model that cannot be read are one sentence, before anything listens.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from asyncio import CancelledError

import uvicorn

from despam.errors import ServeError
from despam.service.log import to_stderr, write_event
from despam.service.protocol import CONNECTIONS, Protocol
from despam.service.settings import from_environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from despam.service.asgi import App

GRACE_SECONDS = 30


class LogHandler(logging.Handler):
    """uvicorn's own words as JSON lines: its format strings, never their arguments or a traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; of a request that was cancelled the app has written it."""
        if record.exc_info and record.exc_info[0] is CancelledError:
            return
        facts = {"exception": record.exc_info[0].__name__} if record.exc_info and record.exc_info[0] else {}
        to_stderr(write_event(f"uvicorn: {str(record.msg).strip()}", **facts))


def bind(host: str, port: int) -> socket.socket:
    """Take the port. Raises ServeError in one sentence."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
    except OSError:
        raise ServeError(f"{host!r} is no address of this machine; use --host 127.0.0.1") from None
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
        sock.listen(2048)
    except PermissionError:
        sock.close()
        raise ServeError(
            f"port {port} needs more rights than this user has; choose one above 1023 with --port"
        ) from None
    except OSError as error:
        sock.close()
        if error.errno == 98 or "in use" in str(error):
            raise ServeError(f"port {port} on {host} is in use; choose another with --port") from None
        raise ServeError(
            f"cannot listen on {host} port {port} ({error.strerror}); choose another with --host"
        ) from None
    sock.setblocking(False)
    return sock


def name_address(sock: socket.socket) -> str:
    """Name the address that a socket listens on as a URL."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Config(uvicorn.Config):
    """uvicorn's configuration; what has to be set in each process is set where uvicorn loads it, workers included."""

    def load(self) -> None:
        """Load the app, with our log and as many connections as the system gives."""
        logger = logging.getLogger("uvicorn")
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        logger.handlers[:] = [LogHandler()]
        raise_limits()
        super().load()


def configure(app: Any, workers: int = 1) -> Config:
    """Configure uvicorn: our protocol, no banner, no log of its own."""
    return Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def raise_limits() -> None:
    """Take as many open files as the system gives, and keep some for ourselves: each connection is one."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, 2 * CONNECTIONS)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    Protocol.limit = max(8, min(CONNECTIONS, max(soft, wanted) - 64))


def end_well() -> None:
    """End with 0 on SIGTERM; to be called before anybody is told that there is a server.

    While it serves uvicorn hears the signal, answers what is under way, and raises it again for whoever waits: nobody.
    """
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # no exception: half an event loop would complain of it


def run(app: App, sock: socket.socket, workers: int = 1) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are answered first."""
    if workers == 1:
        uvicorn.Server(configure(app)).run(sockets=[sock])
        return
    from uvicorn.supervisors import Multiprocess

    if app.built is not None:
        app.built.live.stop()  # this process answers nobody: it need not look for new versions
    # the workers are fresh processes: they read their settings from the environment, and open the same model file
    os.environ.update((app.settings or from_environ(os.environ)).to_environ())
    Multiprocess(configure("despam.service.asgi:app", workers), sockets=[sock]).run()
