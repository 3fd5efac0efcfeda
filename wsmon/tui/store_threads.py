"""The thread that answers panes: one question of a kind at a time, and the latest of its kind wins.

Questions with many answers take turns: a jump does not wait for a count of all matches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from threading import Condition, Lock, Thread
from threading import Event as Flag
from typing import TypeVar

from wsmon.errors import WsmonError
from wsmon.model.snapshot import Snapshot
from wsmon.ports import Clock, StoreView

Answer = TypeVar("Answer")
# Runs a function in the thread of the screen, soon; never blocks
Post = Callable[[Callable[[], None]], object]

JOIN_S = 2.0


@dataclass(frozen=True, slots=True)
class _Question:
    kind: str
    number: int
    """The highest of its kind is the one that counts."""
    deliveries: Callable[[StoreView], Iterator[Callable[[], None]]]
    """Reads, and yields what delivers what was read."""


class StoreWorker:
    """Reads the store for panes, off the thread that paints."""

    def __init__(self, views: Callable[[], StoreView], post: Post, failed: Callable[[Exception], None]) -> None:
        """``failed`` gets, in the screen's thread, what ended this one or one question."""
        self._views = views
        self._post = post
        self._failed = failed
        self._changed = Condition()  # guards everything below
        self._waiting: dict[str, _Question] = {}
        # asked and not begun
        self._latest: dict[str, int] = {}
        # numbers of questions, by kind
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

        self._put(_Question(kind, self._number(kind), deliveries))

    def stream(
        self,
        kind: str,
        read: Callable[[StoreView, Callable[[], bool]], Iterator[Answer]],
        deliver: Callable[[Answer], None],
    ) -> None:
        """The same for a question with many answers; ``read`` also gets a function that says whether it is stale."""

        number = self._number(kind)

        def deliveries(view: StoreView) -> Iterator[Callable[[], None]]:
            for found in read(view, lambda: self._is_stale(kind, number)):
                yield partial(deliver, found)

        self._put(_Question(kind, number, deliveries))

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

    def _number(self, kind: str) -> int:
        """Of a new question, which makes those before it stale."""
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
        except Exception as error:  # noqa: BLE001 (border of the thread; the screen hears of it)
            self._fail(error)

    def _serve(self, view: StoreView) -> None:
        """An answer of each question in turn, the newest question first, until the end."""
        open_questions: deque[_Question] = deque()
        answers: dict[_Question, Iterator[Callable[[], None]]] = {}
        while True:
            with self._changed:
                self._running = None
                while not self._waiting and not open_questions and not self._is_stopped:
                    self._changed.wait()
                if self._is_stopped:
                    return
                new = tuple(self._waiting.values())
                self._waiting.clear()
                answers.update((question, question.deliveries(view)) for question in new)
                open_questions.extendleft(reversed(new))
                self._running = question = open_questions.popleft()
            try:
                has_more = self._answer(question, answers[question])
            except InterruptedError:  # meant for it, or for a question that had just ended: then it is asked again
                answers[question] = question.deliveries(view)
                has_more = True
            if has_more:
                open_questions.append(question)
            else:
                del answers[question]

    def _answer(self, question: _Question, answers: Iterator[Callable[[], None]]) -> bool:
        """Deliver one more answer; whether there may be others."""
        if self._is_stale(question.kind, question.number):
            return False
        try:
            deliver = next(answers, None)
        except WsmonError as error:
            self._fail(error)
            return False
        if deliver is None or self._is_stale(question.kind, question.number):
            return False
        self._post(deliver)
        return True

    def _fail(self, error: Exception) -> None:
        self._post(lambda: self._failed(error))


# The thread that makes snapshots: at most so many a second, none where nothing changed, the newest always wins.
#
# It owns its view of the store. Nothing waits for it, and it waits for nobody: a snapshot that the screen has not taken
# yet is replaced by the next one.

# How soon a commit is seen where no recorder wakes us
POLL_S = 0.25
# Rates fall and stalls begin without a commit
REFRESH_S = 1.0
# How soon a store that could not be read is tried again
AGAIN_S = 1.0


class SnapshotPoller:
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
