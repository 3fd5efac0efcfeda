"""The thread that answers panes: one question of a kind at a time, and the latest of its kind wins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from threading import Condition, Thread
from typing import TypeVar

from wsmon.errors import WsmonError
from wsmon.ports import StoreView

Answer = TypeVar("Answer")
Post = Callable[[Callable[[], None]], object]
# runs a function in the thread of the screen, soon; never blocks

JOIN_S = 2.0


@dataclass(frozen=True, slots=True)
class _Question:
    kind: str
    deliveries: Callable[[StoreView], Iterator[Callable[[], None]]]
    # reads, and yields what delivers what was read


class Answers:
    """Reads the store for panes, off the thread that paints."""

    def __init__(self, views: Callable[[], StoreView], post: Post, failed: Callable[[Exception], None]) -> None:
        """``failed`` gets, in the screen's thread, what ended this one or one question."""
        self._views = views
        self._post = post
        self._failed = failed
        self._changed = Condition()  # guards everything below
        self._waiting: dict[str, _Question] = {}
        self._running: _Question | None = None
        self._view: StoreView | None = None
        self._is_stopped = False
        self._thread = Thread(target=self._run, name="wsmon-answers", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask(self, kind: str, read: Callable[[StoreView], Answer], deliver: Callable[[Answer], None]) -> None:
        """Have ``read`` run on the view, and ``deliver`` in the screen's thread with what it returned.

        A question of the same kind that waits is forgotten, and one that runs is interrupted: its answer is never
        delivered.
        """

        def deliveries(view: StoreView) -> Iterator[Callable[[], None]]:
            found = read(view)
            yield lambda: deliver(found)

        self._put(_Question(kind, deliveries))

    def stream(
        self,
        kind: str,
        read: Callable[[StoreView, Callable[[], bool]], Iterator[Answer]],
        deliver: Callable[[Answer], None],
    ) -> None:
        """The same for a question with many answers; ``read`` also gets a function that says whether it is stale."""

        def deliveries(view: StoreView) -> Iterator[Callable[[], None]]:
            for found in read(view, lambda: self._is_stale(kind)):
                yield partial(deliver, found)

        self._put(_Question(kind, deliveries))

    def stop(self) -> None:
        """End; a question under way is interrupted."""
        with self._changed:
            self._is_stopped = True
            self._waiting.clear()
            if self._view is not None and self._running is not None:
                self._view.interrupt()
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def _put(self, question: _Question) -> None:
        with self._changed:
            self._waiting[question.kind] = question
            if self._running is not None and self._running.kind == question.kind and self._view is not None:
                self._view.interrupt()
            self._changed.notify()

    def _is_stale(self, kind: str) -> bool:
        with self._changed:
            return kind in self._waiting or self._is_stopped

    def _run(self) -> None:
        try:
            view = self._view = self._views()
            try:
                while (question := self._next()) is not None:
                    self._serve(view, question)
            finally:
                view.close()
        except Exception as error:  # noqa: BLE001 (border of the thread; the screen hears of it)
            self._fail(error)

    def _next(self) -> _Question | None:
        with self._changed:
            self._running = None
            while not self._waiting and not self._is_stopped:
                self._changed.wait()
            if self._is_stopped:
                return None
            self._running = self._waiting.pop(next(iter(self._waiting)))
            return self._running

    def _serve(self, view: StoreView, question: _Question) -> None:
        try:
            for deliver in question.deliveries(view):
                if self._is_stale(question.kind):
                    return
                self._post(deliver)
        except InterruptedError:
            with self._changed:  # meant for a question that had just ended, unless there is a newer one
                if not self._is_stopped:
                    self._waiting.setdefault(question.kind, question)
        except WsmonError as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._post(lambda: self._failed(error))
