"""Error recovery: whether a connection was usable again soon after each of its errors. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

from wsmon.model.profiles import MAJOR_ERRORS
from wsmon.model.units import SECOND_NS

# An error is recovered where the connection is usable within this time: above the longest delay between two attempts
# that is configured by default, 30 s
RECOVERED_WITHIN_S: Final = 60

Outcome = Literal["recovered", "not_recovered"]
# What became of errors, by outcome, and how many
Outcomes = dict[Outcome, int]


class ErrorRecovery:
    """The errors of one connection whose outcome is not known yet, counted by the second.

    An error is recovered where the connection opens within ``RECOVERED_WITHIN_S``, where it is still open when they are
    over, or where the application or the peer reports it as handled. Outcomes count when they become known, as outages
    do when they end. Those that never become known, because the user closed the connection or the recorder ended, are
    not counted.
    """

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        # Second on the monotonic clock, and number of errors; oldest first
        self._pending: deque[list[int]] = deque()

    def __bool__(self) -> bool:
        return bool(self._pending)

    def occurred(self, mono_ns: int) -> None:
        """Take an error that is not critical."""
        second = mono_ns // SECOND_NS
        if self._pending and self._pending[-1][0] >= second:
            self._pending[-1][1] += 1
        else:
            self._pending.append([second, 1])

    def expired(self, mono_ns: int, *, is_open: bool) -> Outcomes:
        """Return what became of the errors whose time is over at a monotonic time; the connection is open, or not."""
        second = mono_ns // SECOND_NS - RECOVERED_WITHIN_S
        count = 0
        while self._pending and self._pending[0][0] <= second:
            count += self._pending.popleft()[1]
        return {"recovered" if is_open else "not_recovered": count} if count else {}

    def opened(self) -> Outcomes:
        """Return that all errors are recovered: the connection opened."""
        return self._all("recovered")

    def gave_up(self) -> Outcomes:
        """Return that no error is recovered: no attempt is made any more."""
        return self._all("not_recovered")

    def handled(self) -> Outcomes:
        """Return that the newest error is recovered: it was reported as handled."""
        if not self._pending:
            return {}
        self._pending[-1][1] -= 1
        if not self._pending[-1][1]:
            self._pending.pop()
        return {"recovered": 1}

    def forget(self) -> None:
        """Drop the errors: what becomes of them is not known."""
        self._pending.clear()

    def _all(self, outcome: Outcome) -> Outcomes:
        count = sum(number for _, number in self._pending)
        self._pending.clear()
        return {outcome: count} if count else {}


def is_critical(error_type: str) -> bool:
    """Return whether an error is critical: of those, alerts are sent, and no recovery is expected."""
    return error_type in MAJOR_ERRORS
