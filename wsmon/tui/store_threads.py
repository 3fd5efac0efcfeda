"""The thread that answers panes: one question of a kind at a time, and the latest of its kind wins.

Questions with many answers take turns: a jump does not wait for a count of all matches.
"""

from __future__ import annotations

from collections import deque
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
    number: int
    # the highest of its kind is the one that counts
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
