"""Threads that read the store for the UI: StoreWorker runs queries of panes, SnapshotPoller reads snapshots.

Each thread owns its view of the store. Results are delivered on the UI thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from threading import Condition, Lock, Thread
from threading import Event as Flag
from typing import Protocol, TypeAlias, TypeVar

from wsmon.errors import WsmonError
from wsmon.model.snapshot import Snapshot
from wsmon.ports import Clock, StoreView

Result = TypeVar("Result")
# Runs a function on the UI thread, soon; never blocks.
Post: TypeAlias = Callable[[Callable[[], None]], object]

JOIN_S = 2.0
# How soon a commit is seen where no recorder wakes the poller.
POLL_S = 0.25
# Rates fall and stalls begin without a commit.
REFRESH_S = 1.0
# How soon a store that could not be read is tried again.
RETRY_S = 1.0


class Submit(Protocol):
    """The method ``submit`` of a ``StoreWorker``, as a pane gets it."""

    def __call__(self, kind: str, read: Callable[[StoreView], Result], deliver: Callable[[Result], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class _Query:
    kind: str
    number: int
    """The highest of a kind is the current one; the others are stale."""
    deliveries: Callable[[StoreView], Iterator[Callable[[], None]]]
    """Reads, and yields a function for each result that delivers it."""


class StoreWorker:
    """Runs queries on a thread of its own; of each kind only the latest is delivered.

    Queries with many results take turns, so that a jump does not wait for a count of all matches.
    """

    def __init__(
        self, name: str, views: Callable[[], StoreView], post: Post, failed: Callable[[Exception], None]
    ) -> None:
        """``name`` is that of the thread; ``failed`` gets the error that ended it or one query, on the UI thread."""
        self._views = views
        self._post = post
        self._failed = failed
        # Guards everything below.
        self._changed = Condition()
        self._waiting: dict[str, _Query] = {}
        """Submitted and not begun, by kind."""
        self._latest: dict[str, int] = {}
        """Numbers of the latest queries, by kind."""
        self._running: _Query | None = None
        self._view: StoreView | None = None
        self._is_stopped = False
        self._thread = Thread(target=self._run, name=name, daemon=True)

    @property
    def is_idle(self) -> bool:
        """Whether no query waits or runs; its delivery may still be posted."""
        with self._changed:
            return self._running is None and not self._waiting

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, kind: str, read: Callable[[StoreView], Result], deliver: Callable[[Result], None]) -> None:
        """Run ``read`` on the view, then ``deliver`` with its result on the UI thread.

        A query of the same kind that waits is dropped, and one that runs is interrupted: it is never delivered.
        """

        def deliveries(view: StoreView) -> Iterator[Callable[[], None]]:
            found = read(view)
            yield lambda: deliver(found)

        self._put(_Query(kind, self._number(kind), deliveries))

    def stream(
        self,
        kind: str,
        read: Callable[[StoreView, Callable[[], bool]], Iterator[Result]],
        deliver: Callable[[Result], None],
    ) -> None:
        """Do the same for a query with many results; ``read`` also gets a function that returns whether it is stale."""

        number = self._number(kind)

        def deliveries(view: StoreView) -> Iterator[Callable[[], None]]:
            for found in read(view, lambda: self._is_stale(kind, number)):
                yield partial(deliver, found)

        self._put(_Query(kind, number, deliveries))

    def end(self, kind: str) -> None:
        """End the query of a kind that waits or runs, if there is one; it is delivered no more."""
        self.stream(kind, lambda *_: iter(()), lambda _: None)

    def stop(self) -> None:
        """Stop the thread; a query under way is interrupted."""
        with self._changed:
            self._is_stopped = True
            self._waiting.clear()
            if self._view is not None and self._running is not None:
                self._view.interrupt()
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def _put(self, query: _Query) -> None:
        with self._changed:
            self._waiting[query.kind] = query
            if self._running is not None and self._running.kind == query.kind and self._view is not None:
                self._view.interrupt()
            self._changed.notify()

    def _number(self, kind: str) -> int:
        """Number a new query, which makes those before it stale."""
        with self._changed:
            self._latest[kind] = self._latest.get(kind, 0) + 1
            return self._latest[kind]

    def _is_stale(self, kind: str, number: int) -> bool:
        with self._changed:
            return self._latest[kind] != number or self._is_stopped

    def _run(self) -> None:
        try:
            view = self._view = self._views()
            try:
                self._serve(view)
            finally:
                view.close()
        except Exception as error:  # noqa: BLE001 (border of the thread; the UI thread shows it)
            self._fail(error)

    def _serve(self, view: StoreView) -> None:
        """Deliver one result of each query in turn, the newest query first, until stopped."""
        open_queries: deque[_Query] = deque()
        results: dict[_Query, Iterator[Callable[[], None]]] = {}
        while True:
            with self._changed:
                self._running = None
                while not self._waiting and not open_queries and not self._is_stopped:
                    self._changed.wait()
                if self._is_stopped:
                    return
                new = tuple(self._waiting.values())
                self._waiting.clear()
                results.update((query, query.deliveries(view)) for query in new)
                open_queries.extendleft(reversed(new))
                self._running = query = open_queries.popleft()
            try:
                has_more = self._deliver_next(query, results[query])
            except InterruptedError:
                # Meant for this query, which is stale then, or for one that had just ended: this one starts again.
                results[query] = query.deliveries(view)
                has_more = True
            if has_more:
                open_queries.append(query)
            else:
                del results[query]

    def _deliver_next(self, query: _Query, results: Iterator[Callable[[], None]]) -> bool:
        """Post one more result; returns whether there may be others."""
        if self._is_stale(query.kind, query.number):
            return False
        try:
            deliver = next(results, None)
        except WsmonError as error:
            self._fail(error)
            return False
        if deliver is None or self._is_stale(query.kind, query.number):
            return False
        self._post(deliver)
        return True

    def _fail(self, error: Exception) -> None:
        self._post(lambda: self._failed(error))


class SnapshotPoller:
    """Reads snapshots on a thread of its own: none where nothing changed, and at most one in each interval.

    A snapshot that was not taken is replaced by the next one.
    """

    def __init__(
        self,
        views: Callable[[], StoreView],
        clock: Clock,
        notify: Callable[[], None],
        interval_s: Callable[[], float],
    ) -> None:
        """``notify`` is called on the thread when ``take`` has something new; ``interval_s`` returns the interval."""
        self._views = views
        self._clock = clock
        self._notify = notify
        self._interval_s = interval_s
        self._wakened = Flag()
        self._stopped = Flag()
        # Guards the three fields below.
        self._lock = Lock()
        self._newest: Snapshot | None = None
        self._failure: Exception | None = None
        self._trouble = ""
        self._thread = Thread(target=self._run, name="wsmon-snapshots", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Look for changes now; from any thread, as often as one likes."""
        self._wakened.set()

    def stop(self) -> None:
        """Stop the thread, and close its view."""
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
        """Return the newest snapshot, if it was not taken yet. Raises the error that ended the thread."""
        with self._lock:
            if self._failure is not None:
                raise self._failure
            newest, self._newest = self._newest, None
            return newest

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._poll_once()
        except Exception as error:  # noqa: BLE001 (border of the thread; ``take`` raises it)
            with self._lock:
                self._failure = error
            self._notify()

    def _poll_once(self) -> None:
        """Poll until stopped, or until the store cannot be read: that is reported, and tried again later."""
        try:
            view = self._views()
            try:
                self._poll(view)
            finally:
                view.close()
        except WsmonError as error:
            self._set_trouble(str(error))
            self._stopped.wait(RETRY_S)

    def _poll(self, view: StoreView) -> None:
        shown: Snapshot | None = None
        made_ns = 0
        while not self._stopped.is_set():
            now_ns = self._clock.mono_ns()
            is_due = shown is None or now_ns - made_ns >= REFRESH_S * 1e9
            if is_due or (shown is not None and view.bounds().last_id != shown.bounds.last_id):
                snapshot = view.snapshot(self._clock.wall_ns())
                self._set_trouble("")
                made_ns = now_ns
                if shown is None or replace(snapshot, at_ns=shown.at_ns) != shown:
                    self._publish(snapshot)
                shown = snapshot
                self._stopped.wait(self._interval_s())
            self._wakened.wait(POLL_S)
            self._wakened.clear()

    def _set_trouble(self, trouble: str) -> None:
        with self._lock:
            is_new, self._trouble = trouble != self._trouble, trouble
        if is_new:
            self._notify()

    def _publish(self, snapshot: Snapshot) -> None:
        with self._lock:
            is_pending, self._newest = self._newest is not None, snapshot
        if not is_pending:
            self._notify()
