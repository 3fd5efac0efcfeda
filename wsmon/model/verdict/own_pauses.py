"""Pauses of the recorder itself before an end: a standstill of its process, and reading held back by a slow store.

They are facts beside a verdict. That one possibly led to the end is said only of ends that a peer which was not
answered, or not read, may cause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.model.verdict.close_codes import says_nothing
from wsmon.model.verdict.history import CUTS, History, Precursor, suspended_ns
from wsmon.model.verdict.reason_grammar import ReasonKind, reason_kind

# Default of ping.timeout: a peer waits about as long for an answer, and hardly longer
USUAL_PONG_TIMEOUT_NS: Final = 20 * SECOND_NS
# A pause is noticed by a peer that waits about as long; one that is much shorter than the time since is none of it
_MOST_TIMES: Final = 10
# A standstill may have ended at any time since the last frame of the peer: this long before the end it is recent
_RECENT_NS: Final = 30 * SECOND_NS
_REMOTE_NS: Final = 120 * SECOND_NS
# Hardly a peer gives up on one that does not answer for less than this, unless it says so
_NOTICED_NS: Final = 2 * SECOND_NS
# Of the wait that a reason names, this share has to be a pause of ours
_SHARE: Final = 0.8

# What a peer says of a client that did not answer, or did not read
_TOLD_KINDS: Final = frozenset({ReasonKind.PONG, ReasonKind.HEARTBEAT, ReasonKind.STALE, ReasonKind.SLOW})
# What it may say of one, among other occasions
_VAGUE_KINDS: Final = frozenset({ReasonKind.TIMEOUT, ReasonKind.REQUEST_TIMEOUT})
# Times that a reason names
_WAIT: Final = re.compile(
    r"\b(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b", re.IGNORECASE
)
_UNITS_NS: Final = {"s": SECOND_NS, "m": 60 * SECOND_NS, "h": 3600 * SECOND_NS}

# Close codes without a reason that servers send where an answer is missing, among other occasions
_UNANSWERED_CODES: Final = (1005, 1011, 3008)
# Codes that do not depend on the client
_ORDERLY_CODES: Final = (1000, 1001, 1012)

_STANDSTILL_STEP: Final = (
    "find out why this process or machine stood still: suspended, stopped, a paused container, no processor time"
)
_STORE_STEP: Final = "check the disk of this machine, or keep less: a smaller profile, or capture.payloads = false"


@dataclass(frozen=True, slots=True)
class OwnPause:
    """A pause of the recorder before an end."""

    hint: str
    """What was observed, and what it possibly led to, as a clause."""
    next: str
    """The next step; empty where such a pause does not lead to such an end."""
    is_foremost: bool = False
    """Whether that step comes before the one for the end itself."""
    evidence: tuple[int, ...] = ()


def find_own_pause(event: Event, history: History) -> OwnPause | None:
    """Return the pause of the recorder that belongs beside a verdict; ``None`` where there was none worth a word."""
    if event.close_by == "us":
        return None
    return _standstill(event) or _slow_store(event, history)


def _standstill(event: Event) -> OwnPause | None:
    lasted_ns = suspended_ns(event)
    if not lasted_ns or _is_of_the_peer(event):
        return None
    since_ns = _since_heard_ns(event)
    when = "just before" if since_ns <= _RECENT_NS else f"within the {fmt.duration(since_ns)} before"
    fact = f"{when}, wsmon itself stood still for {fmt.duration(lasted_ns)} and answered nothing"
    if not _may_follow(event, lasted_ns) or since_ns > _REMOTE_NS:
        # A reason of the peer needs no fact beside it that explains nothing
        return None if event.reason and event.close_by == "peer" else OwnPause(fact, "")
    return OwnPause(f"{fact}{_inference(event)}", _STANDSTILL_STEP, is_foremost=True)


def _slow_store(event: Event, history: History) -> OwnPause | None:
    pause = history.pause
    if pause is None or _is_of_the_peer(event) or not _is_near(event, pause, history):
        return None
    if not _may_follow(event, pause.lasted_ns):
        return None
    ago = _ago(event.mono_ns - pause.mono_ns)
    fact = f"{ago}, wsmon itself did not read for {fmt.duration(pause.lasted_ns)}, its store was too slow"
    is_told = reason_kind(event.reason) in _TOLD_KINDS
    evidence = (pause.id,) if pause.id else ()
    return OwnPause(f"{fact}{_inference(event)}", _STORE_STEP, is_foremost=is_told, evidence=evidence)


def _is_near(event: Event, pause: Precursor, history: History) -> bool:
    since_ns = event.mono_ns - pause.mono_ns
    timeout_ns = history.missed.lasted_ns if history.missed is not None else 0
    return 0 <= since_ns <= min(timeout_ns or USUAL_PONG_TIMEOUT_NS, _MOST_TIMES * pause.lasted_ns)


def _is_of_the_peer(event: Event) -> bool:
    """Return whether the peer closed with a code that does not depend on the client, and gave no reason."""
    is_mute = says_nothing(event.reason, event.close_code)
    return event.close_by == "peer" and event.close_code in _ORDERLY_CODES and is_mute


def _may_follow(event: Event, lasted_ns: int) -> bool:
    """Return whether a peer that was not answered or not read for a time may end a connection like this."""
    if event.close_by == "heartbeat":
        return True
    if event.close_by != "peer":
        return event.error_type in CUTS and lasted_ns >= _NOTICED_NS
    if says_nothing(event.reason, event.close_code):
        return event.close_code in _UNANSWERED_CODES and lasted_ns >= _NOTICED_NS
    if reason_kind(event.reason) not in _TOLD_KINDS | _VAGUE_KINDS:
        return False
    stated_ns = _stated_wait_ns(event.reason)
    return stated_ns is None or lasted_ns >= _SHARE * stated_ns


def _inference(event: Event) -> str:
    if event.close_by == "heartbeat":
        return ": we may have missed a pong meanwhile"
    if reason_kind(event.reason) in _TOLD_KINDS:
        return ""
    return ": the other side possibly gave up on it"


def _stated_wait_ns(reason: str) -> int | None:
    """Return the longest time that a reason names; None where it names none."""
    spans = [
        round(float(number) * (MS_NS if unit.lower() == "ms" else _UNITS_NS[unit[0].lower()]))
        for number, unit in _WAIT.findall(reason)
    ]
    return max(spans, default=None)


def _since_heard_ns(event: Event) -> int:
    """Return for how long at most the end of a standstill was past: nothing came in after it."""
    last_in_ms = (event.meta or {}).get("last_in_ms")
    if isinstance(last_in_ms, (int, float)):
        return round(last_in_ms * MS_NS)
    return event.duration_ns or 0


def _ago(since_ns: int) -> str:
    return "just before" if since_ns < SECOND_NS // 10 else f"{fmt.duration(since_ns)} before"
