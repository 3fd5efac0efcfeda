"""Verdicts: from the end of a session or a failed attempt, and the history before it, to cause and next step."""

from __future__ import annotations

import re
from typing import Final

from wsmon.model import units as fmt
from wsmon.model.events import CloseBy, Event, Verdict
from wsmon.model.http import status_phrase
from wsmon.model.statuses import OPEN, SESSION_ENDS
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.model.verdict.close_codes import CODE_ADVICE, REASON_CLUES, Advice, advice_on_code, code_meaning, read_clue
from wsmon.model.verdict.failures import advice_on_attempt, advice_on_dial, advice_on_loss
from wsmon.model.verdict.history import History, Pattern, find_pattern

# TCP buffers shorter pauses of the recorder, so that the peer does not notice them
SUSPECT_PAUSE_NS: Final = SECOND_NS // 2

# Default of ping.timeout: for this long after a pause, the recorder is the first suspect
USUAL_PONG_TIMEOUT_NS: Final = 20 * SECOND_NS

# Close codes that do not depend on the client
ORDERLY_CODES: Final = (1000, 1001, 1012)

# The code that the recorder, like most clients, sends when a ping is not answered
HEARTBEAT_CODE: Final = 1011

# Codes that do not explain anything
VAGUE_CODES: Final = (1000, 1005)


def judge(event: Event, history: History) -> Verdict | None:
    """Return the verdict on a loss, a failed attempt or the end of all attempts; ``None`` for other events.

    ``history`` is that of the connection before the event. An end that the user or the end of the recorder caused has
    no verdict.
    """
    if event.to_status == "error":
        return _gave_up(event, history)
    if event.to_status != "disconnected" or (event.close_by == "us" and not event.error_type):
        return None
    was_open = event.from_status == OPEN
    pattern = find_pattern(event, history)
    evidence = _evidence(event, history)
    if was_open and (standstill := _our_standstill(event)) is not None:
        advice = standstill
    elif was_open and _is_suspect(event, history):
        advice = _our_pause(history)
    elif pattern is not None:
        return _by_pattern(event, pattern, evidence)
    elif was_open:
        advice = _advice_on_open(event, history)
    else:
        advice = advice_on_attempt(event)
    return Verdict(_by(event), _code(event), _sentence(event, advice), advice.next, evidence)


def why(event: Event) -> str:
    """Return the sentence about an end, the most specific part first; empty for events that end nothing.

    It is the cause of the verdict; an event without one, such as one that is not stored yet, has the fact alone.
    """
    return fact(event) if event.verdict is None else event.verdict.cause


def fact(event: Event) -> str:
    """Return what ended a session, an attempt or all attempts, as observed; empty for other events."""
    if event.to_status not in SESSION_ENDS:
        return ""
    match event.close_by:
        case "peer" if not event.error_type:
            return _closed_by_peer(event)
        case "heartbeat":
            return event.error or "our heartbeat gave up"
        case "us" if not event.error_type:
            return f"we closed: {_short(event.reason)}" if event.reason else "we closed"
        case "us" if event.close_code is not None:
            return f"we closed with {event.close_code}: {event.error}"
    if event.error_type == "eof" and event.close_by == "network" and event.duration_ns is not None:
        return "no close frame: connection lost (1006)"
    if event.error_type == "reset" and event.duration_ns is not None:
        return "no close frame: connection reset (1006)"
    return event.error or event.error_type


# Characters of a reason in a sentence; the detail pane has all of it
_REASON_LIMIT: Final = 60


def _closed_by_peer(event: Event) -> str:
    """Put the reason first: it is the most specific, and the end of a sentence may be cut on the screen."""
    code = event.close_code
    if event.reason:
        return f"“{_short(event.reason)}”, {code} by peer"
    if code is None or code == 1005:
        return f"closed by peer: {code_meaning(code)}"
    return f"closed by peer: {code} {code_meaning(code)}"


def _short(reason: str) -> str:
    return reason if len(reason) <= _REASON_LIMIT else f"{reason[: _REASON_LIMIT - 1]}…"


def _by_pattern(event: Event, pattern: Pattern, evidence: tuple[int, ...]) -> Verdict:
    """Explain an end by a pattern; where its advice does not help, the peer's close frame determines the next step."""
    advice = pattern.advice
    if not pattern.has_remedy:
        advice = Advice(advice.cause, _next_by_peer(event) or advice.next)
    has_fact = _has_words(event) or not pattern.has_remedy
    cause = _sentence(event, advice) if has_fact else advice.cause
    return Verdict(_by(event), _code(event), cause, advice.next, _merge(pattern.evidence, evidence))


def _next_by_peer(event: Event) -> str:
    """Return the next step for the reason, else the code, of the peer's close frame; empty where neither is known."""
    if event.close_by != "peer" or event.close_code is None:
        return ""
    advice = read_clue(REASON_CLUES, event.reason)
    if advice is None and event.close_code not in VAGUE_CODES:
        advice = CODE_ADVICE.get(event.close_code)
    return advice.next if advice is not None else ""


def _gave_up(event: Event, history: History) -> Verdict:
    """Explain why the connection is not dialled again: no attempt is left, or none can succeed."""
    ids = tuple(end.id for end in history.failures if end.id)
    if event.error_type == "retries_exhausted":
        advice = Advice(
            "every attempt failed, as many as reconnect.max_attempts allows",
            "see the verdict of the last attempt; when that is mended, reconnect by hand, or raise "
            "reconnect.max_attempts (0 = never give up)",
        )
    else:
        advice = advice_on_dial(event.error_type, event.error)
        advice = Advice(f"{advice.cause}; trying again cannot help", advice.next)
    return Verdict("us", "", _sentence(event, advice), advice.next, ids[-1:])


def _advice_on_open(event: Event, history: History) -> Advice:
    if event.close_by == "peer" and event.close_code is not None:
        meaning = (event.meta or {}).get("code_meaning")
        by_reason = read_clue(REASON_CLUES, event.reason)
        return by_reason or advice_on_code(event.close_code, meaning if isinstance(meaning, str) else "")
    return advice_on_loss(event, history)


def _is_suspect(event: Event, history: History) -> bool:
    """Return whether the recorder paused reading so shortly before that the peer may have given up on it."""
    pause = history.pause
    if pause is None or event.close_by == "us" or pause.lasted_ns < SUSPECT_PAUSE_NS:
        return False
    if event.close_by == "peer" and event.close_code in ORDERLY_CODES:
        return False
    timeout_ns = history.missed.lasted_ns if history.missed is not None else USUAL_PONG_TIMEOUT_NS
    return 0 <= event.mono_ns - pause.mono_ns <= timeout_ns


def _our_pause(history: History) -> Advice:
    lasted = fmt.duration(history.pause.lasted_ns) if history.pause is not None else "a while"
    return Advice(
        f"just before, wsmon itself did not read for {lasted}, its store was too slow: the first suspect is here",
        "check the disk of this machine, or keep less: a smaller profile, or capture.payloads = false",
    )


# Words of a close reason with which a peer says that it was not answered
_UNANSWERED: Final = re.compile(
    r"ping|pong|heartbeat|keep.?alive|time.?out|timed out|idle|inactiv|stale|no response", re.IGNORECASE
)


def _our_standstill(event: Event) -> Advice | None:
    """Explain an end by a standstill of the recorder, which the session measured; ``None`` where that explains nothing.

    A peer that says why it closed is believed: its reason has to be that it was not answered.
    """
    suspended_ms = (event.meta or {}).get("suspended_ms")
    if not isinstance(suspended_ms, (int, float)) or suspended_ms * MS_NS < SUSPECT_PAUSE_NS or event.close_by == "us":
        return None
    lasted = fmt.duration(round(suspended_ms * MS_NS))
    step = "find out why this process or machine stood still: suspended, stopped, a paused container, no processor time"
    if event.reason and event.close_by == "peer":
        if not _UNANSWERED.search(event.reason):
            return None
        return Advice(f"just before, wsmon itself stood still for {lasted} and answered nothing", step)
    if event.close_by == "peer" and event.close_code in ORDERLY_CODES:
        return None
    cause = f"just before, wsmon itself stood still for {lasted} and answered nothing"
    return Advice(f"{cause}: the other side possibly gave up on it", step)


def _evidence(event: Event, history: History) -> tuple[int, ...]:
    """Return the events of this session that show the cause."""
    precursors = [history.missed if event.close_by == "heartbeat" else None]
    precursors.append(history.fault if event.close_by == "us" else None)
    precursors.append(history.stall if event.from_status == OPEN else None)
    precursors.append(history.pause if _is_suspect(event, history) else None)
    return tuple(each.id for each in precursors if each is not None and each.id)


def _merge(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _by(event: Event) -> CloseBy:
    """Return the side that ended it; a loss that no side announced is the network's."""
    return event.close_by or "network"


def _code(event: Event) -> str:
    if event.close_code is not None:
        meaning = (event.meta or {}).get("code_meaning")
        text = meaning if isinstance(meaning, str) and meaning else code_meaning(event.close_code)
        # "internal error", the meaning of the code, would mislead
        if event.close_by == "heartbeat" and event.close_code == HEARTBEAT_CODE:
            text = "heartbeat timeout"
        return f"{event.close_code} {text}" + (", sent by us" if event.close_by in ("us", "heartbeat") else "")
    if isinstance(event.status, int):
        return f"HTTP {event.status} {status_phrase(event.status)}".rstrip()
    return code_meaning(None) if event.from_status == OPEN else ""


def _has_words(event: Event) -> bool:
    """Return whether the other side gave a reason, which is shown before a pattern."""
    return bool(event.reason and event.close_by == "peer") or isinstance(event.status, int)


def _sentence(event: Event, advice: Advice) -> str:
    """Join fact and cause; where a sentence is cut, the fact is what remains."""
    observed = fact(event)
    return f"{observed}; {advice.cause}" if observed else advice.cause
