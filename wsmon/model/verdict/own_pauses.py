"""Pauses of the recorder itself before an end: a standstill of its process, and reading held back by a slow store.

They are facts beside a verdict. That one possibly led to the end is said only of ends that a peer which was not
answered, or not read, may cause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from wsmon.model import units as fmt
from wsmon.model.ends import leg_of
from wsmon.model.events import Event
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.model.verdict.close_codes import says_nothing
from wsmon.model.verdict.history import CUTS, History, Precursor, suspended_ns
from wsmon.model.verdict.reason_grammar import ReasonKind, is_about_heartbeat, reason_kind

# Default of ping.timeout: a peer waits about as long for an answer, and hardly longer
USUAL_PONG_TIMEOUT_NS: Final = 20 * SECOND_NS
# A pause is noticed by a peer that waits about as long; one that is much shorter than the time since is none of it
_MOST_TIMES: Final = 10
# A standstill that was over this long before the end was just before it, or long before it
_RECENT_NS: Final = 5 * SECOND_NS
_REMOTE_NS: Final = 120 * SECOND_NS
# Hardly a peer gives up on one that does not answer for less than this, unless it says so
_NOTICED_NS: Final = 2 * SECOND_NS
# Of the wait that a reason names, this share has to be a pause of ours
_SHARE: Final = 0.8

# What a peer says of a client that did not answer, or did not read
_TOLD_KINDS: Final = frozenset({ReasonKind.PONG, ReasonKind.HEARTBEAT, ReasonKind.STALE, ReasonKind.SLOW})
# What it may say of one, among other occasions
_VAGUE_KINDS: Final = frozenset({ReasonKind.TIMEOUT, ReasonKind.REQUEST_TIMEOUT})
# What it says of one that sends nothing, as a recorder that stands still does
_SILENT_KINDS: Final = frozenset({ReasonKind.IDLE})
# Times that a reason names
_WAIT: Final = re.compile(
    r"\b(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b", re.IGNORECASE
)
_UNITS_NS: Final = {"s": SECOND_NS, "m": 60 * SECOND_NS, "h": 3600 * SECOND_NS}

# Close codes without a reason that servers send where an answer is missing, among other occasions
_UNANSWERED_CODES: Final = (1005, 1011, 3008)
# Codes that do not depend on the client, with which some servers end the session of one that does not answer as well
_ORDERLY_CODES: Final = (1000, 1001, 1012)
_AMBIGUOUS_CODES: Final = (1000,)

_STANDSTILL_STEP: Final = (
    "find out why this process or machine was stalled: suspended, stopped, a paused container, no CPU time"
)
_STORE_STEP: Final = "check the disk of this machine, or record less: a smaller profile, or capture.payloads = false"


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
    if not lasted_ns or _is_of_the_peer(event, lasted_ns):
        return None
    since_ns = _since_resumed_ns(event)
    missed = "passed nothing on" if leg_of(event) else "could not respond"
    fact = f"{_until(since_ns)}, wsmon itself was stalled for {fmt.full_duration(lasted_ns)} and {missed}"
    if since_ns is None or since_ns > _REMOTE_NS or _went_on(event, since_ns) or not _may_follow(event, lasted_ns):
        return None if _is_explained(event, since_ns) else OwnPause(fact, "")
    return OwnPause(f"{fact}{_inference(event)}", _STANDSTILL_STEP, is_foremost=True)


def _went_on(event: Event, since_ns: int) -> bool:
    """Return whether the peer sent frames after a standstill was over, which it has not ended the connection for.

    What is read right after it came before that, and lay in a buffer. A peer that says what it missed tells more.
    """
    if event.close_by == "peer" and reason_kind(event.reason) in _TOLD_KINDS | _SILENT_KINDS:
        return False
    heard_ns = _age_ns(event, "last_in_ms")
    return heard_ns is not None and since_ns - heard_ns > _RECENT_NS


def _is_explained(event: Event, since_ns: int | None) -> bool:
    """Return whether a reason of the peer needs no standstill beside it that explains nothing.

    One that is a timeout, or is not understood, does where the standstill was just before.
    """
    if not event.reason or event.close_by != "peer":
        return False
    is_remote = since_ns is None or since_ns > _REMOTE_NS
    kind = reason_kind(event.reason)
    is_told = kind is not None and kind not in _TOLD_KINDS | _VAGUE_KINDS
    return is_remote or is_told or says_nothing(event.reason, event.close_code)


def _slow_store(event: Event, history: History) -> OwnPause | None:
    pause = history.pause
    if pause is None or _is_of_the_peer(event, pause.lasted_ns) or not _is_near(event, pause, history):
        return None
    if not _may_follow(event, pause.lasted_ns):
        return None
    ago = _ago(event.mono_ns - pause.mono_ns)
    fact = (
        f"{ago}, wsmon itself stopped reading for {fmt.full_duration(pause.lasted_ns)} because its store was too slow"
    )
    is_told = reason_kind(event.reason) in _TOLD_KINDS
    evidence = (pause.id,) if pause.id else ()
    return OwnPause(f"{fact}{_inference(event)}", _STORE_STEP, is_foremost=is_told, evidence=evidence)


def _is_near(event: Event, pause: Precursor, history: History) -> bool:
    since_ns = event.mono_ns - pause.mono_ns
    timeout_ns = history.missed.lasted_ns if history.missed is not None else 0
    return 0 <= since_ns <= min(timeout_ns or USUAL_PONG_TIMEOUT_NS, _MOST_TIMES * pause.lasted_ns)


def _is_of_the_peer(event: Event, lasted_ns: int) -> bool:
    """Return whether the peer closed with a code that does not depend on the client, and gave no reason."""
    is_mute = event.close_by == "peer" and says_nothing(event.reason, event.close_code)
    if not is_mute or event.close_code not in _ORDERLY_CODES:
        return False
    return event.close_code not in _AMBIGUOUS_CODES or lasted_ns < USUAL_PONG_TIMEOUT_NS


def _may_follow(event: Event, lasted_ns: int) -> bool:
    """Return whether a peer that was not answered or not read for a time may end a connection like this."""
    if event.close_by == "heartbeat":
        return True
    if event.close_by != "peer":
        return event.error_type in CUTS and lasted_ns >= _NOTICED_NS
    if says_nothing(event.reason, event.close_code):
        return event.close_code in (*_UNANSWERED_CODES, *_AMBIGUOUS_CODES) and lasted_ns >= _NOTICED_NS
    kind = reason_kind(event.reason)
    if kind in _SILENT_KINDS and lasted_ns < _SHARE * _silent_ns(event):
        return False
    if kind not in _TOLD_KINDS | _VAGUE_KINDS | _SILENT_KINDS and not is_about_heartbeat(event.reason):
        return False
    stated_ns = _stated_wait_ns(event.reason)
    return stated_ns is None or lasted_ns >= _SHARE * stated_ns


def _inference(event: Event) -> str:
    if event.close_by == "heartbeat":
        return ": we may have missed a pong meanwhile"
    kind = reason_kind(event.reason)
    if kind in _TOLD_KINDS:
        return ""
    if kind in _SILENT_KINDS:
        return ": nothing could be sent meanwhile"
    return ": the other side possibly timed out"


def _stated_wait_ns(reason: str) -> int | None:
    """Return the longest time that a reason names; None where it names none."""
    spans = [
        round(float(number) * (MS_NS if unit.lower() == "ms" else _UNITS_NS[unit[0].lower()]))
        for number, unit in _WAIT.findall(reason)
    ]
    return max(spans, default=None)


def _since_resumed_ns(event: Event) -> int | None:
    """Return how long before the end a standstill was over; None where that is not known.

    Recordings from before it was measured bound it: nothing was heard since.
    """
    measured_ns = _age_ns(event, "resumed_ms")
    heard_ns = _age_ns(event, "last_in_ms")
    if measured_ns is not None or heard_ns is None:
        return measured_ns
    since_ns = heard_ns - suspended_ns(event)
    if since_ns >= 0:
        return since_ns
    # Longer than the silence: the peer was read right after it, or the machine slept, whose clock stood still as well
    return heard_ns if heard_ns <= _RECENT_NS else None


def _silent_ns(event: Event) -> int:
    """Return for how long nothing had gone in either direction."""
    ages = [age for key in ("last_in_ms", "last_out_ms") if (age := _age_ns(event, key)) is not None]
    return min(ages, default=event.duration_ns or 0)


def _age_ns(event: Event, key: str) -> int | None:
    age_ms = (event.meta or {}).get(key)
    return round(age_ms * MS_NS) if isinstance(age_ms, (int, float)) else None


def _until(since_ns: int | None) -> str:
    """Return when a standstill was over, as the beginning of a clause."""
    if since_ns is None:
        return "after the last message of the peer"
    return "just before" if since_ns <= _RECENT_NS else f"until {fmt.full_duration(since_ns)} before"


def _ago(since_ns: int) -> str:
    return "just before" if since_ns < SECOND_NS // 10 else f"{fmt.full_duration(since_ns)} before"
