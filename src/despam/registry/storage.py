"""Objects under one URL: get, list, create, swap. The only file that talks to obstore.

Knows URLs, environment variables, timeouts, and that a folder has no conditional update: there a lock file serializes
the swap between processes. Knows nothing of models, versions or history.

Invariants: `create` never overwrites; `swap` changes an object only if it is still the one that was read; every failure
is a StorageDown in one sentence. obstore's threads do not survive a fork, after which a call would wait for ever: a
process forked from one that has used storage is told so instead.
"""

from __future__ import annotations

import os
import time

from despam.errors import CorruptVersion, DespamError, MissingExtra, SettingError, StorageDown
from despam.registry.faults import translate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from typing import Any

SCHEMES = {"s3": "s3", "s3a": "s3", "gs": "gs", "az": "az", "azure": "az", "abfs": "az", "abfss": "az", "adl": "az"}
EXAMPLES = "a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
LOCK = ".lock"
PATIENCE_MS = 60_000  # after the first attempt no other one begins later than this
SMALL_BYTES = 1 << 20  # a pointer or an entry is a few hundred bytes
LISTEN_SECONDS = 0.5  # a Ctrl-C that comes just before a wait begins wakes nobody; so soon it is heard

used_by = 0  # the process that has started obstore's threads


class Found:
    """An object as read; `unchanged` when storage said that it still has the ETag asked about."""

    __slots__ = ("data", "etag", "generation", "modified", "unchanged")

    def __init__(
        self, data: bytes, etag: str, generation: str | None, modified: datetime | None, unchanged: bool = False
    ):
        self.data = data
        self.etag = etag
        self.generation = generation  # GCS swaps by generation, the others by ETag
        self.modified = modified
        self.unchanged = unchanged


class Listed:
    """An object as listed."""

    __slots__ = ("modified", "path", "size_bytes")

    def __init__(self, path: str, size_bytes: int, modified: datetime) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.modified = modified


class Storage:
    """Objects under one URL."""

    def __init__(self, url: str, timeout_ms: int = 30_000, retries: int = 3, make_folder: bool = False) -> None:
        """Open it; talks to nobody yet, except that a folder must be there or `make_folder` makes it."""
        self.url = url
        self.folder = folder_of(url)
        self.timeout_ms = timeout_ms
        self.retries = retries
        self.store = self._open(make_folder)

    def _open(self, make_folder: bool) -> Any:
        """Make the obstore store."""
        try:
            from obstore.store import LocalStore, from_url
        except ImportError:
            raise MissingExtra("A registry", "registry") from None
        if self.folder:
            # pathlib costs 5 ms in the serving path
            if os.path.isfile(self.folder):  # noqa: PTH113
                raise StorageDown("is a file; name a folder.", self.url)
            if not make_folder and not os.path.isdir(self.folder):  # noqa: PTH112
                raise StorageDown("there is no such folder; `despam publish` makes one.", self.url)
            return self._call("opening", lambda: LocalStore(self.folder, mkdir=make_folder))
        from datetime import timedelta

        options: Any = {
            "timeout": f"{self.timeout_ms}ms",
            "connect_timeout": f"{min(self.timeout_ms, 2000)}ms",
            "pool_idle_timeout": "20s",  # shorter than what S3 keeps open, so that no dead connection is used again
            "allow_http": endpoint_of(self.url).startswith("http://"),
        }
        patience = timedelta(milliseconds=min(self.timeout_ms * (self.retries + 1), PATIENCE_MS))
        retry: Any = {"max_retries": self.retries, "retry_timeout": patience}
        given: Any = settings_of(self.url)
        return self._call(
            "opening", lambda: from_url(self.url, config=given, client_options=options, retry_config=retry)
        )

    def _call(self, doing: str, work: Callable[[], Any]) -> Any:
        """Run one call into obstore; absence (FileNotFoundError of a key) and lost conditions pass through by name."""
        global used_by
        if used_by not in (0, os.getpid()):
            raise StorageDown(
                f"{doing} failed: this process was forked from one that uses storage; start it afresh.", self.url
            )
        used_by = os.getpid()
        try:
            # a service does not try again, and looks in a thread of its own, where there is no Ctrl-C to hear
            return stoppable(work) if self.retries else work()
        except DespamError:
            raise
        except BaseException as error:  # the door to obstore: what is not known by name becomes a sentence
            kind = type(error).__name__
            if not isinstance(error, Exception) and kind != "PanicException":
                raise  # Ctrl-C; a panic inside obstore is no Exception either
            lost = kind in ("AlreadyExistsError", "PreconditionError", "NotModifiedError")
            absent = kind == "FileNotFoundError" and not any(
                code in str(error) for code in ("NoSuchBucket", "ContainerNotFound")
            )
            if lost or absent:
                raise
            raise translate(error, self.url, doing) from error

    def get(self, path: str, unless_etag: str = "", limit_bytes: int = SMALL_BYTES) -> Found | None:
        """Read an object; None when there is none. Raises CorruptVersion when it is larger than the limit."""
        import obstore
        from obstore.exceptions import NotModifiedError

        def read() -> Found:
            result = obstore.get(self.store, path, options={"if_none_match": unless_etag} if unless_etag else None)
            meta = result.meta
            if meta["size"] > limit_bytes:
                raise CorruptVersion(f"{path} has {meta['size']:,} bytes, the limit is {limit_bytes:,}.", self.url)
            return Found(bytes(result.bytes()), meta["e_tag"] or "", meta["version"], meta["last_modified"])

        try:
            found: Found = self._call(f"reading {path}", read)
        except FileNotFoundError:
            return None
        except NotModifiedError:
            return Found(b"", unless_etag, None, None, unchanged=True)
        return found

    def get_start(self, path: str, start: int, length: int) -> bytes:
        """Read a range of an object; shorter where the object ends, empty where it is not there any more."""
        import obstore

        def read() -> bytes:
            return bytes(obstore.get_range(self.store, path, start=start, length=length))

        try:
            found: bytes = self._call(f"reading {path}", read)
        except FileNotFoundError:
            return b""  # removed since it was listed
        return found

    def list(self, prefix: str = "", after: str = "") -> Iterator[Listed]:
        """List the objects under a prefix, of a path greater than `after`."""
        import obstore

        def read() -> list[Any]:
            stream = obstore.list(self.store, prefix or None, offset=after or None, chunk_size=1000)
            return [meta for chunk in stream for meta in chunk]

        for meta in self._call("listing", read):
            if meta["path"] != LOCK:
                yield Listed(meta["path"], meta["size"], meta["last_modified"])

    def create(self, path: str, data: bytes) -> bool:
        """Write an object that is not there yet; False when it is, perhaps by an attempt whose answer got lost."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        for attempt in range(self.retries + 1):
            try:
                self._call(f"writing {path}", lambda: obstore.put(self.store, path, data, mode="create"))
                break
            except StorageDown as error:
                if not error.passing or attempt == self.retries:
                    raise  # obstore tries a conditional write again only where it knows that nothing was written
                time.sleep(0.1 * 2**attempt)
            except (AlreadyExistsError, PreconditionError):
                return False
        self._settle(path)
        return True

    def replace(self, path: str, data: bytes) -> None:
        """Write an object, whatever is there."""
        import obstore

        self._call(f"writing {path}", lambda: obstore.put(self.store, path, data, use_multipart=False))
        self._settle(path)

    def swap(self, path: str, data: bytes, old: Found | None) -> bool:
        """Write an object if it is still `old` (None: if there is none); False when it is another one."""
        if old is None:
            return self.create(path, data)
        if self.folder:
            return self._swap_locked(path, data, old)
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        wanted: Any = {"e_tag": old.etag}
        if old.generation:
            wanted["version"] = old.generation
        try:
            self._call(f"writing {path}", lambda: obstore.put(self.store, path, data, mode=wanted))
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            return False
        return True

    def _swap_locked(self, path: str, data: bytes, old: Found) -> bool:
        """Compare and write under a lock of the kernel's, which ends with the process however that ends.

        Ctrl-C ends the wait for the thread that does it all; the lock is given back by that thread once it has written.
        """
        from despam.registry import folder

        left = False

        def compare_and_write() -> bool:
            lock = self.on_disk("locking", folder.lock)
            try:
                now = None if left else self.get(path)  # who has left while another held the lock changes nothing
                if now is None or now.data != old.data:
                    return False
                self.replace(path, data)
            finally:
                os.close(lock)
            return True

        try:
            swapped: bool = self._call(f"writing {path}", compare_and_write)
        except KeyboardInterrupt:
            left = True
            raise
        return swapped

    def _settle(self, path: str) -> None:
        """Bring a file of a folder to the disk, so that a promotion that was said to be done survives a power cut."""
        if self.folder:
            from despam.registry import folder

            self.on_disk(f"writing {path}", folder.flush, path)

    def on_disk(self, doing: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do with the folder what obstore does not; what the system says comes in the same sentences."""
        try:
            return work(self.folder, *arguments)
        except OSError as error:
            raise translate(error, self.url, doing) from error

    def delete(self, path: str) -> None:
        """Remove an object."""
        import obstore

        self._call(f"removing {path}", lambda: obstore.delete(self.store, path))


def stoppable(work: Callable[[], Any]) -> Any:
    """Run a call into obstore so that Ctrl-C ends the wait for it: obstore itself hears no signal until it is done."""
    import threading

    if threading.current_thread() is not threading.main_thread():
        return work()
    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append((work(), None))
        except BaseException as error:  # noqa: BLE001  raised again below, in the thread that waits
            ended.append((None, error))

    thread = threading.Thread(target=run, name="despam-storage", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(LISTEN_SECONDS)
    result, error = ended[0]
    if error is not None:
        raise error
    return result


def folder_of(url: str) -> str:
    """Give the absolute folder of a path or file:// URL, "" for storage elsewhere. Raises SettingError."""
    scheme, separator, rest = url.partition("://")
    if not url or "\0" in url:
        raise SettingError(f"{url!r} is no registry; give {EXAMPLES}.")
    if not separator:
        word, colon, _ = url.partition(":")
        if colon and word.lower() in (*SCHEMES, "file", "http", "https"):
            raise SettingError(f"{url} lacks the two slashes after {word}:; give {EXAMPLES} (a folder as ./{url}).")
        return os.path.abspath(os.path.expanduser(url))  # noqa: PTH100, PTH111
    if scheme == "file":
        if not rest.startswith("/"):
            raise SettingError(f"{url} names no absolute folder; write file:///FOLDER, or the folder alone.")
        from urllib.parse import unquote

        return os.path.abspath(unquote(rest))  # noqa: PTH100
    if scheme not in SCHEMES:
        raise SettingError(f"{url} is no registry; give {EXAMPLES}.")
    if "@" in rest:
        raise SettingError("The registry's URL holds credentials; give them in the environment instead.")
    if not rest.strip("/"):
        raise SettingError(f"{url} names no bucket; give {EXAMPLES}.")
    return ""


def endpoint_of(url: str) -> str:
    """Give the endpoint that the environment names for a URL's kind of storage, or the empty string."""
    names: tuple[str, ...]
    kind = SCHEMES.get(url.partition("://")[0])
    if kind == "s3":
        names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    else:
        names = (
            ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")
            if kind == "az"
            else ("GOOGLE_BASE_URL", "STORAGE_EMULATOR_HOST")
        )
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def google_settings(endpoint: str) -> dict[str, str] | None:
    """Give the endpoint of GCS; one on plain HTTP is an emulator, which takes any token."""
    if not endpoint:
        return None
    return {"base_url": endpoint, **({"bearer_token": "emulator"} if endpoint.startswith("http://") else {})}


def settings_of(url: str) -> dict[str, str] | None:
    """Give what obstore does not find by itself: endpoints, the S3 region, and the keys of an AWS profile."""
    kind = SCHEMES[url.partition("://")[0]]
    if kind != "s3":
        return google_settings(endpoint_of(url)) if kind == "gs" else None
    given: dict[str, str] = {}
    if endpoint := endpoint_of(url):
        given["endpoint"] = endpoint
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not os.environ.get("AWS_ACCESS_KEY_ID"):
        from despam.registry.profile import read_profile

        profile = read_profile(os.environ)
        region = region or profile.pop("region", None)
        profile.pop("region", None)
        given.update(profile)
    if region:
        given["region"] = region
    if region and region.startswith("cn-"):
        given.setdefault("endpoint", f"https://s3.{region}.amazonaws.com.cn")  # obstore knows the other one alone
    return given
