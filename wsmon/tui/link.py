"""How fast the terminal takes what is painted, and how often to paint because of that. Pure: times come as values.

A question goes out behind each paint, and the terminal's answer says when it had read everything before it: buffers
of SSH and the kernel hold seconds of a slow line, and nothing else tells how full they are. A terminal that answers no
question is judged by when the last write was taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field

QUESTION = "\x1b[6n"
# where the cursor is: every terminal answers that since the VT100
LOCAL_S = 0.1
# at most 10 repaints a second: more cannot be read
REMOTE_S = 0.25
# over SSH
LONGEST_S = 3.0
SHARE = 4
# a paint is followed by a rest of so many times what it took: a key then mostly finds the line free
HELD_AFTER_S = 0.1
# a paint that is not taken by then holds the next one back: what comes meanwhile is painted as one
MUTE_AFTER_S = 3.0
# a terminal that has answered nothing by then never will
LOST_AFTER_S = 10.0
# an answer that got lost holds nothing back for longer
FADING = 0.9
# a slow paint is remembered for some twenty paints: small ones between large ones are always quick


@dataclass(slots=True)
class Link:
    """The way to one terminal; times are monotonic, in seconds."""

    is_remote: bool = False
    _asked_s: float | None = field(default=None, init=False)
    # when the question went out that is not answered yet
    _quickest_s: float | None = field(default=None, init=False)
    # of all answers: the way there and back, which is no reason to paint less
    _taking_s: float = field(default=0.0, init=False)
    # how long the line is busy with a paint
    _is_mute: bool = field(default=False, init=False)

    def painted(self, now_s: float) -> bool:
        """Something was painted; whether to ask behind it. One question at a time."""
        self._look_at(now_s)
        if self._asked_s is not None:
            return False
        self._asked_s = now_s
        return True

    def answered(self, now_s: float) -> None:
        """The terminal has read everything up to the question."""
        self._is_mute = False
        if self._asked_s is not None:
            took_s = now_s - self._asked_s
            self._quickest_s = took_s if self._quickest_s is None else min(took_s, self._quickest_s)
            self._took(took_s - self._quickest_s)

    def taken(self, now_s: float) -> None:
        """Everything written was taken from us, though not yet read; all that is known of a terminal that is mute."""
        self._look_at(now_s)
        if self._is_mute and self._asked_s is not None:
            self._took(max(0.0, now_s - self._asked_s - self.patience_s()))  # nobody looked before

    def interrupted(self) -> None:
        """Somebody else had the terminal: what was asked before tells nothing any more, also if it was answered."""
        self._asked_s = None
        self._taking_s = 0.0

    def is_full(self, now_s: float, waiting_writes: int) -> bool:
        """Whether to hold back what is to be painted."""
        self._look_at(now_s)
        if self._asked_s is None or now_s - self._asked_s < self.patience_s():
            return False
        return waiting_writes > 0 or self._quickest_s is not None

    def patience_s(self) -> float:
        """How long after a paint another one may go: on a line that is known to be slow, none."""
        return 0.0 if self._taking_s > HELD_AFTER_S else HELD_AFTER_S

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is still to come."""
        return self._asked_s is not None and not self._is_mute

    def pace_s(self) -> float:
        """How long to rest between two repaints that nobody has asked for."""
        least_s = REMOTE_S if self.is_remote else LOCAL_S
        return min(max(least_s, SHARE * self._taking_s), LONGEST_S)

    def _took(self, seconds: float) -> None:
        self._asked_s = None
        self._taking_s = max(seconds, FADING * self._taking_s)

    def _look_at(self, now_s: float) -> None:
        """Wait no longer for what does not come."""
        if self._asked_s is None:
            return
        if self._quickest_s is None and not self._is_mute and now_s - self._asked_s > MUTE_AFTER_S:
            self._is_mute, self._asked_s = True, None
        elif now_s - self._asked_s > LOST_AFTER_S:
            self._took(LONGEST_S)
