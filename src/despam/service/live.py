"""Which model decides just now, and the swap to a new one between two requests.

Knows when to look for a new live version, that a new file is opened and tried beside the old one, and that whatever is
wrong with it leaves the old one in place, with a reason. Knows nothing of requests, nor of storage beyond the
registry's reader, which is imported only when there is a registry.

A server looks in a thread of its own. Lambda freezes between requests, so there the request that comes when a refresh
period is over looks, and waits for it at most WAIT_SECONDS. Either way one look at a time.

Invariant: `current()` gives a model that has been opened and checked, whatever happens to storage; it is never half
swapped.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock  # threading itself is imported only where there is a registry

from despam.core.model import Model, load
from despam.errors import DespamError, MissingExtra, SettingError, StorageDown, UnknownVersion
from despam.service.log import to_stderr, write_event

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from weakref import WeakSet

    from despam.registry.reader import Pointer, Reader

WAIT_SECONDS = 0.2  # what a warm answer waits for a look, at most
FIRST_WAIT_SECONDS = 3.0  # what a start waits for the registry before the model at hand takes over
EXIT_WAIT_SECONDS = 5.0
NEVER = float("inf")
LONGEST_PATIENCE = 8  # refresh periods between two downloads of a file that was refused: it may be mended any time


class LiveModel:
    """The model that decides: from a registry, else from a file, else the bundled one."""

    def __init__(
        self,
        model_path: str | None = None,
        registry_url: str | None = None,
        refresh_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        inline: bool | None = None,
        log: Callable[[str], None] = to_stderr,
    ) -> None:
        """Remember what to serve; `inline` None looks in the requests on Lambda and in a thread elsewhere."""
        self.model_path = model_path
        self.registry_url = registry_url
        self.refresh_seconds = refresh_seconds
        self.clock = clock
        self.inline = "AWS_LAMBDA_FUNCTION_NAME" in os.environ if inline is None else inline
        self.log = log
        self.model: Model | None = None
        self.source = ""
        self.reason = ""
        self.degraded = False  # a reason alone is none: a registry may wait for its first promotion
        self.etag = ""
        self.sha256 = ""
        self.checked_at: float | None = None
        self.next_look = -NEVER
        self.refused_etag: str | None = None  # of the pointer whose file was refused; another one is tried at once
        self.refused_because = ""
        self.refusals = 0
        self.ask_again_at = 0.0
        self.fatal: DespamError | None = None
        self.reader: Reader | None = None
        self.lock = allocate_lock()
        self.swapping = allocate_lock()
        if registry_url:
            self._start_fresh()
            look_after(self)

    def _start_fresh(self) -> None:
        """Have no thread: at the start, and again in a forked process, where the parent's thread is not."""
        import threading

        self.lock = allocate_lock()
        self.swapping = allocate_lock()
        self.stopped = threading.Event()
        self.looked = threading.Event()
        self.thread: threading.Thread | None = None
        if self.next_look == NEVER:
            self.next_look = -NEVER

    # asking

    def current(self) -> Model:
        """Give the model that decides now. Raises a ModelError at the first call when there is none at all."""
        model = self.model
        if model is None or self.clock() >= self.next_look:
            return self._due()
        return model

    def status(self) -> dict[str, object]:
        """Say what decides, where it came from, and whether something is wrong."""
        model = self.current()
        status: dict[str, object] = {
            "source": self.source,
            "model": model.version,
            "degraded": self.degraded,
            "reason": self.reason,
        }
        if self.registry_url:
            checked = self.checked_at
            status["checked_seconds_ago"] = None if checked is None else round(max(0.0, self.clock() - checked), 1)
            status["refresh_seconds"] = self.refresh_seconds
        return status

    def stop(self) -> None:
        """Look no more; waits for a look under way."""
        self.next_look = NEVER
        if self.registry_url:
            self.stopped.set()
            if self.thread is not None:
                self.thread.join(EXIT_WAIT_SECONDS)

    # when to look

    def _due(self) -> Model:
        """Open the first model, or look because a refresh period is over."""
        if self.model is None:
            with self.lock:
                return self.model or self._open()
        with self.lock:
            if self.clock() < self.next_look:
                return self.model
            self.next_look = self.clock() + self.refresh_seconds if self.inline else NEVER
            started = self._start_look()
        if self.inline and started is not None:
            started.join(WAIT_SECONDS)
        return self.model

    def _start_look(self) -> threading.Thread | None:
        """Start the thread that looks; None when one is still at it, or all is over."""
        if self.stopped.is_set() or (self.thread is not None and self.thread.is_alive()):
            return None
        import threading

        work = self._look if self.inline else self._watch
        self.thread = threading.Thread(target=work, name="despam-live", daemon=True)
        self.thread.start()
        return self.thread

    def _watch(self) -> None:
        """Look once a refresh period until stopped."""
        self._look()
        while not self.stopped.wait(max(self.refresh_seconds, 0.05)):
            self._look()

    def _open(self) -> Model:
        """Open the first model: a file that is named must be right, the registry may be down."""
        at_hand = load(self.model_path, steady=True) if self.model_path else None
        if self.registry_url:
            self._first_look()
        else:
            self.next_look = NEVER
        if self.model is None:
            fallback = at_hand or load()
            with self.swapping:  # a look that was slow may have a model by now
                if self.model is None:
                    self.source = "file" if self.model_path else "bundled"
                    self.model = fallback
                    if self.registry_url and not self.reason:
                        self._degrade("the registry has not answered yet")
        return self.model

    def _first_look(self) -> None:
        """Ask the registry before the first answer. Raises MissingExtra or SettingError: waiting mends neither."""
        self.next_look = self.clock() + self.refresh_seconds if self.inline else NEVER
        self._start_look()
        self.looked.wait(FIRST_WAIT_SECONDS)
        if self.fatal is not None:
            self.stop()
            raise self.fatal

    # looking

    def _look(self) -> None:
        """Ask for a new pointer, and swap when there is a new version that is right."""
        try:
            self._take_new()
        except (MissingExtra, SettingError) as error:
            self.fatal = error
            self._degrade(str(error))
        except DespamError as error:
            if isinstance(error, StorageDown):
                self.reader = None  # the next one reads keys, region and endpoint anew: they may be what was wrong
            self._degrade(self._reason_of(error))
        except Exception as error:  # noqa: BLE001  nothing that a look meets may stop the answers
            self._degrade(f"the look at the registry failed ({type(error).__name__})")
        finally:
            self.checked_at = self.clock()
            self.looked.set()

    def _take_new(self) -> None:
        """Fetch the pointer if it changed; fetch, check, and swap in its version."""
        if self.reader is None:
            from despam.registry.reader import Reader

            self.reader = Reader(self.registry_url or "")
        try:
            pointer = self.reader.fetch_pointer(self.etag)
        except UnknownVersion as error:
            if self.sha256:
                raise  # the pointer was there
            self._note("unpromoted", self._reason_of(error))
            return
        if pointer is not None and pointer.sha256 != self.sha256:
            if pointer.etag == self.refused_etag and self.clock() < self.ask_again_at:
                self._degrade(self.refused_because)  # storage may have been down in between
                return
            self._swap(pointer)
        if pointer is not None:
            self.etag = pointer.etag
        self._recover()

    def _swap(self, pointer: Pointer) -> None:
        """Fetch a version beside the model that decides, then let it decide."""
        assert self.reader is not None
        try:
            model = self.reader.fetch_model(pointer.sha256)
        except StorageDown:
            raise  # says nothing about the file: it is asked for again as soon as storage may be back
        except DespamError as error:
            self._refuse(pointer, error)
            raise
        version = model.version  # counted here, so that no request does
        before = self.model.version if self.model is not None else ""
        with self.swapping:
            self.sha256 = pointer.sha256
            self.source = "registry"
            self.model = model
        self.refused_etag = None
        self.log(write_event("model", model=version, before=before, source="registry"))

    def _refuse(self, pointer: Pointer, error: DespamError) -> None:
        """Remember that a file is wrong: the periods until it is fetched again double, from one to LONGEST_PATIENCE."""
        self.refused_because = self._reason_of(error)
        self.refusals = self.refusals + 1 if pointer.etag == self.refused_etag else 0
        self.refused_etag = pointer.etag
        self.ask_again_at = self.clock() + self.refresh_seconds * min(1 << self.refusals, LONGEST_PATIENCE) * 0.9

    def _reason_of(self, error: DespamError) -> str:
        """Give an error's sentence without the registry's URL: /health is public."""
        return str(error).removeprefix(f"{self.registry_url}: ")

    def _degrade(self, reason: str) -> None:
        """Go on with what there is, and say why."""
        self._note("degraded", reason)

    def _note(self, event: str, reason: str) -> None:
        """Keep the reason: one line when it is a new one."""
        self.degraded = event == "degraded"
        if reason == self.reason:
            return
        self.reason = reason
        goes_on = self.model.version if self.model is not None else "the model at hand"
        self.log(write_event(event, reason=reason, model=goes_on))

    def _recover(self) -> None:
        """All is well again."""
        if self.degraded and self.model is not None:
            self.log(write_event("recovered", was=self.reason, model=self.model.version))
        self.degraded, self.reason = False, ""


watched: WeakSet[LiveModel] | None = None  # those with a registry; one callback for all, however many were tried
watching = allocate_lock()


def look_after(live: LiveModel) -> None:
    """Give a forked child a thread of its own, and end the looks before the interpreter ends."""
    global watched
    with watching:
        if watched is None:
            import atexit
            import weakref

            watched = weakref.WeakSet()
            os.register_at_fork(after_in_child=start_fresh)
            atexit.register(stop_all)
        watched.add(live)


def start_fresh() -> None:
    """Let every live model of a forked child begin anew."""
    global watching
    watching = allocate_lock()  # a thread of the parent's may have held it
    for live in list(watched or ()):
        live._start_fresh()


def stop_all() -> None:
    """End all looks."""
    for live in list(watched or ()):
        live.stop()
