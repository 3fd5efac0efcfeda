"""A loop's calls in time, kept until a test runs them."""

from __future__ import annotations

from collections.abc import Callable


class Call:
    """A call that waits."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def when(self) -> float:
        return 0.0


class Scheduler:
    """Keeps what is scheduled; the test runs it."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Call]] = []
        self.now_s = 0.0

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Call:
        self.calls.append((delay, call := Call(callback)))
        return call
