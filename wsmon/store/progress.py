"""What a search has found and not yet said, and when it is time to say so."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from wsmon.model.searched import Searched
from wsmon.ports import Clock

FIRST_NS = 40_000_000
# until the first answer, where nothing is found: a search answers within 100 ms, and a glance holds up no key
NEXT_NS = 100_000_000
# between two answers: with a window that is slow, still four a second


class Progress:
    """Collects the windows of one search; adjacent stretches of it are taken one after the other."""

    def __init__(
        self, clock: Clock, first_id: int, last_id: int, *, newest_first: bool, is_glance: bool = False
    ) -> None:
        """``is_glance``: there will be one answer, so that it waits for as much as there is time for."""
        self._clock = clock
        self._first_id, self._last_id = first_id, last_id
        # what has not been said
        self.newest_first = newest_first
        self._found: list[array[int]] = []
        self._says_first = not is_glance
        self._due_ns = clock.mono_ns() + FIRST_NS

    def add(self, ids: array[int]) -> None:
        """Take the matches (ascending) of the next window."""
        if ids:
            self._found.append(ids)

    @property
    def is_due(self) -> bool:
        """Whether to say how far it has come: at once with the first matches, else after a while."""
        return bool(self._found and self._says_first) or self._clock.mono_ns() >= self._due_ns

    @property
    def is_over(self) -> bool:
        """Whether it was said of everything that it was looked at."""
        return self._first_id > self._last_id

    def take(self, window: tuple[int, int], time_of: Callable[[int], int]) -> Searched:
        """What was found since the last answer, and that everything up to this window was looked at."""
        if self.newest_first:
            stretch = (window[0], self._last_id)
            self._last_id = window[0] - 1
        else:
            stretch = (self._first_id, window[1])
            self._first_id = window[1] + 1
        ids = array("q")
        for some in reversed(self._found) if self.newest_first else self._found:
            ids.extend(some)
        self._says_first = self._says_first and not ids
        self._found.clear()
        self._due_ns = self._clock.mono_ns() + NEXT_NS
        return Searched(ids, *stretch, time_of(stretch[0 if self.newest_first else 1]))

    def rest(self, time_of: Callable[[int], int]) -> Searched:
        """The last answer: everything was looked at."""
        return self.take((self._first_id, self._last_id), time_of)
