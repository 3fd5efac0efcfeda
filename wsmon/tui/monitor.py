"""The thread that makes snapshots: at most so many a second, none where nothing changed, the newest always wins.

It owns its view of the store. Nothing waits for it, and it waits for nobody: a snapshot that the screen has not taken
yet is replaced by the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Event as Flag
from threading import Lock, Thread

from wsmon.errors import WsmonError
from wsmon.model.snapshot import Snapshot
from wsmon.ports import Clock, StoreView
from wsmon.tui.store_threads import JOIN_S

POLL_S = 0.25
# how soon a commit is seen where no recorder wakes us
REFRESH_S = 1.0
# rates fall and stalls begin without a commit
AGAIN_S = 1.0
# how soon a store that could not be read is tried again


class Monitor:
    """Watches a store on behalf of a screen."""

    def __init__(
        self,
        views: Callable[[], StoreView],
        clock: Clock,
        notify: Callable[[], None],
        interval_s: Callable[[], float],
    ) -> None:
        """``notify`` is called from the thread when ``take`` has something; ``interval_s`` says how long to rest."""
        self._views = views
        self._clock = clock
        self._notify = notify
        self._interval_s = interval_s
        self._wakened = Flag()
        self._stopped = Flag()
        self._lock = Lock()  # guards the three fields below
        self._newest: Snapshot | None = None
        self._failure: Exception | None = None
        self._trouble = ""
        self._thread = Thread(target=self._run, name="wsmon-monitor", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something new; from any thread, as often as one likes."""
        self._wakened.set()

    def stop(self) -> None:
        """End, and close the view."""
        self._stopped.set()
        self._wakened.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    @property
    def trouble(self) -> str:
        """Why the store cannot be read at the moment; empty = it can."""
        with self._lock:
            return self._trouble

    def take(self) -> Snapshot | None:
        """The newest snapshot that was not taken yet; raises what ended the thread."""
        with self._lock:
            if self._failure is not None:
                raise self._failure
            newest, self._newest = self._newest, None
            return newest

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._watch_once()
        except Exception as error:  # noqa: BLE001 (border of the thread; ``take`` raises it)
            with self._lock:
                self._failure = error
            self._notify()

    def _watch_once(self) -> None:
        """Watch until the end, or until the store cannot be read: that is said, and tried again."""
        try:
            view = self._views()
            try:
                self._watch(view)
            finally:
                view.close()
        except WsmonError as error:
            self._say(str(error))
            self._stopped.wait(AGAIN_S)

    def _say(self, trouble: str) -> None:
        with self._lock:
            is_new, self._trouble = trouble != self._trouble, trouble
        if is_new:
            self._notify()

    def _watch(self, view: StoreView) -> None:
        shown: Snapshot | None = None
        made_ns = 0
        while not self._stopped.is_set():
            now_ns = self._clock.mono_ns()
            is_due = shown is None or now_ns - made_ns >= REFRESH_S * 1e9
            if is_due or (shown is not None and view.bounds().last_id != shown.bounds.last_id):
                snapshot = view.snapshot(self._clock.wall_ns())
                self._say("")
                made_ns = now_ns
                if shown is None or replace(snapshot, at_ns=shown.at_ns) != shown:
                    self._publish(snapshot)
                shown = snapshot
                self._stopped.wait(self._interval_s())
            self._wakened.wait(POLL_S)
            self._wakened.clear()

    def _publish(self, snapshot: Snapshot) -> None:
        with self._lock:
            is_pending, self._newest = self._newest is not None, snapshot
        if not is_pending:
            self._notify()
