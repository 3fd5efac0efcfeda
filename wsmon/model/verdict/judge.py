"""Verdicts: from the end of a session or a failed attempt, and the history before it, to cause and next step.

The order of evidence: the reason and the code of the peer's close frame, its last words in the protocol, its HTTP
answer. What the history suggests explains an end only where none of these does; else it is a fact beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from wsmon.model import units as fmt
from wsmon.model.events import Certainty, CloseBy, Event, Verdict
from wsmon.model.http import status_phrase
from wsmon.model.sanitize import sanitize
from wsmon.model.statuses import OPEN, SESSION_ENDS
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.model.verdict.close_codes import (
    CODE_ADVICE,
    Advice,
    advice_on_code,
    advice_on_reason,
    advice_on_words,
    code_meaning,
)
from wsmon.model.verdict.failures import advice_on_attempt, advice_on_dial, advice_on_loss
from wsmon.model.verdict.history import History, Precursor
from wsmon.model.verdict.last_words import (
    TEXT_LIMIT,
    WINDOW_NS,
    LastMessages,
    LastWords,
    read_last_words,
    unanswered_ping,
)
from wsmon.model.verdict.patterns import Pattern, find_pattern
from wsmon.model.verdict.programs import EndKind, habit
from wsmon.model.verdict.refusals import explain_refusal

# TCP buffers shorter pauses of the recorder, so that the peer does not notice them
SUSPECT_PAUSE_NS: Final = SECOND_NS // 2

# Default of ping.timeout: for this long after a pause, the recorder is the first suspect
USUAL_PONG_TIMEOUT_NS: Final = 20 * SECOND_NS

# Close codes that do not depend on the client
ORDERLY_CODES: Final = (1000, 1001, 1012)

# The code that the recorder, like most clients, sends when a ping is not answered
HEARTBEAT_CODE: Final = 1011

# Codes that do not explain anything: some programs send them for every end
VAGUE_CODES: Final = (1000, 1005)
# Codes that explain little where the peer gives no reason: its last words tell more, and a pattern may
WEAK_CODES: Final = (1001, 1011)

# A refused login explains an end this soon after it: servers let the answer arrive, or wait for another try
REFUSAL_NS: Final = 10 * SECOND_NS
# Without a close frame, words this soon before the end belong to it
AT_ONCE_NS: Final = SECOND_NS // 2
# A server waits for this long at most for the answer to a heartbeat of its protocol
HEARTBEAT_WAIT_NS: Final = 120 * SECOND_NS
# A peer that left so many of its own heartbeats without an answer pass does not insist on answers
INSISTS_UNTIL: Final = 2


@dataclass(frozen=True, slots=True)
class _Explanation:
    """Why a session ended, or an attempt failed."""

    advice: Advice
    certainty: Certainty
    words: str = ""
    """What the peer said last, as the sentence quotes it; empty where it says nothing about the end."""
    evidence: tuple[int, ...] = ()
    hint: str = ""
    """What the history shows beside it, as a clause."""
    text: str = ""
    """What the HTTP answer to an attempt says in its body."""


def judge(event: Event, history: History, said: LastMessages | None = None) -> Verdict | None:
    """Return the verdict on a loss, a failed attempt or the end of all attempts; ``None`` for other events.

    ``history`` is that of the connection before the event, ``said`` the last messages of the session. An end that the
    user or the end of the recorder caused has no verdict.
    """
    if event.to_status == "error":
        return _gave_up(event, history)
    if event.to_status != "disconnected" or (event.close_by == "us" and not event.error_type):
        return None
    words = None
    if event.from_status == OPEN:
        words = _last_words(event, history, said)
        found = _explain_end(event, history, said, words)
    else:
        found = _explain_attempt(event, history)
    evidence = _merge(found.evidence, _evidence(event, history))
    sentence = "; ".join(filter(None, (fact(event), found.words, found.advice.cause, found.hint)))
    text = found.text if words is None else words.text
    return Verdict(_by(event), _code(event), sentence, found.advice.next, evidence, text, found.certainty)


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
        # Of a reason that is not valid UTF-8
        fault = f" ({event.error})" if event.error else ""
        return f"“{_short(event.reason)}”, {code} by peer{fault}"
    if code is None or code == 1005:
        return f"closed by peer: {code_meaning(code)}"
    return f"closed by peer: {code} {code_meaning(code)}"


def _short(reason: str) -> str:
    return reason if len(reason) <= _REASON_LIMIT else f"{reason[: _REASON_LIMIT - 1]}…"


def _explain_end(event: Event, history: History, said: LastMessages | None, words: LastWords | None) -> _Explanation:
    """Explain the end of an open session: by what the peer said, else by what was observed and what that suggests."""
    standstill = _our_standstill(event)
    if standstill is not None and (words is None or not words.is_refusal):
        return _Explanation(standstill, "observed" if event.reason else "inferred")
    pattern = find_pattern(event, history)
    stated = _stated(event, words)
    is_suspect = _is_suspect(event, history)
    if stated is not None and (event.reason or stated.words or not is_suspect):
        hint = _our_pause(history) if is_suspect else ""
        return _beside(replace(stated, hint=hint), pattern)
    quote = words.quote if words is not None and event.close_by in ("peer", "network") and not event.reason else ""
    if is_suspect:
        advice = Advice(
            f"{_our_pause(history)}: the first suspect is here",
            "check the disk of this machine, or keep less: a smaller profile, or capture.payloads = false",
        )
        return _Explanation(advice, "inferred", quote)
    if event.close_by == "heartbeat":
        return _beside(_Explanation(advice_on_loss(event, history), "observed"), pattern)
    if event.close_by == "us":
        return _Explanation(advice_on_loss(event, history), "observed")
    silent = _unanswered(event, history, said)
    if silent is not None:
        return silent
    if _is_weak(event):
        certainty: Certainty = "inferred" if event.close_code in WEAK_CODES else "observed"
        weak = _Explanation(_advice_on_code(event), certainty, quote, hint=_habit(event, history))
        return weak if pattern is None else _possibly(weak, pattern)
    if pattern is not None:
        return _Explanation(
            Advice(f"{pattern.observed}: {pattern.inference}", pattern.next), "inferred", quote, pattern.evidence
        )
    if event.close_by == "peer" and event.close_code is not None:
        # The other codes are stated
        advice = _advice_on_code(event)
    else:
        advice = advice_on_loss(event, history)
    if quote:
        advice = Advice(advice.cause, f"{advice.next}; the last words of the peer may say why")
    return _Explanation(advice, "inferred", quote, hint=_habit(event, history))


def _explain_attempt(event: Event, history: History) -> _Explanation:
    """Explain an attempt that failed: by the HTTP answer, else by how far it came."""
    if event.error_type in ("http_status", "redirect_refused"):
        refusal = explain_refusal(event)
        found = _Explanation(refusal.advice, refusal.certainty, text=refusal.text)
    else:
        found = _Explanation(advice_on_attempt(event), "observed")
    return _beside(found, find_pattern(event, history))


def _stated(event: Event, words: LastWords | None) -> _Explanation | None:
    """Return what the peer itself said about the end; ``None`` where it said nothing that explains it."""
    explains = words is not None and words.is_refusal and event.close_by in ("peer", "network")
    quote = words.quote if words is not None and explains else ""
    evidence = words.evidence if words is not None and explains else ()
    has_frame = event.close_by == "peer" and event.close_code is not None
    if has_frame and (by_reason := advice_on_reason(event.reason, event.close_code)):
        return _Explanation(by_reason, "stated", quote, evidence)
    is_vague = event.close_code in VAGUE_CODES or _is_weak(event)
    if words is not None and explains and (not has_frame or is_vague or not event.reason):
        return _by_words(event, words)
    if has_frame and not is_vague:
        return _Explanation(_advice_on_code(event), "stated", quote, evidence)
    return None


_UNCLEAR_WORDS: Final = Advice(
    "possibly this says why it ended",
    "look this message up in the documentation of the service, and check what was sent before it",
)


def _is_weak(event: Event) -> bool:
    """Return whether the peer closed with a code that by itself explains little, or that wsmon does not know."""
    code = event.close_code
    if event.close_by != "peer" or code is None:
        return False
    if code in WEAK_CODES:
        return not event.reason
    return code >= 3000 and code not in CODE_ADVICE and not _protocol_meaning(event)


def _by_words(event: Event, words: LastWords) -> _Explanation:
    advice = advice_on_words(words.meaning)
    if advice is None:
        return _Explanation(_UNCLEAR_WORDS, "inferred", words.quote, words.evidence)
    is_sure = event.close_by == "peer" or words.before_ns <= AT_ONCE_NS
    if not is_sure:
        advice = Advice(f"likely {advice.cause}", advice.next)
    return _Explanation(advice, "stated" if is_sure else "inferred", words.quote, words.evidence)


def _advice_on_code(event: Event) -> Advice:
    return advice_on_code(event.close_code, _protocol_meaning(event))


def _protocol_meaning(event: Event) -> str:
    """Return what the close code means in the protocol of the session; empty where that defines none."""
    meaning = (event.meta or {}).get("code_meaning")
    return meaning if isinstance(meaning, str) else ""


def _last_words(event: Event, history: History, said: LastMessages | None) -> LastWords | None:
    """Return what the peer said last: a message as it stands, else the error that the protocol read in one."""
    words = None if said is None else read_last_words(said, event)
    complaint = _complaint(event, history)
    if complaint is None:
        return words
    evidence = (complaint.id,) if complaint.id else ()
    if words is not None and (words.is_refusal or event.mono_ns - complaint.mono_ns == words.before_ns):
        return replace(words, is_refusal=True, meaning=words.meaning or complaint.text, evidence=evidence)
    text = sanitize(complaint.text, TEXT_LIMIT)
    return LastWords(text, event.mono_ns - complaint.mono_ns, is_refusal=True, meaning=text, evidence=evidence)


def _complaint(event: Event, history: History) -> Precursor | None:
    """Return the error in a message of the peer, or the login that it refused, soon enough before the end."""
    refusal, complaint = history.refusal, history.complaint
    if complaint is not None and complaint.text and 0 <= event.mono_ns - complaint.mono_ns <= WINDOW_NS:
        return complaint
    if refusal is not None and refusal.text and 0 <= event.mono_ns - refusal.mono_ns <= REFUSAL_NS:
        return refusal
    return None


def _unanswered(event: Event, history: History, said: LastMessages | None) -> _Explanation | None:
    """Look for a heartbeat of the peer that we left unanswered, in an end that nothing else explains."""
    reply = "set answer = true, so that wsmon answers it; a WebSocket pong does not count as an answer"
    ping = history.unanswered
    if (
        ping is not None
        and history.unanswered_count <= INSISTS_UNTIL
        and 0 < event.mono_ns - ping.mono_ns <= HEARTBEAT_WAIT_NS
    ):
        ago_s = (event.mono_ns - ping.mono_ns) / SECOND_NS
        cause = f"possibly a heartbeat of the server that wsmon did not answer: the last came {ago_s:.1f} s before"
        return _Explanation(Advice(cause, reply), "inferred", evidence=(ping.id,) if ping.id else ())
    words = None if said is None else unanswered_ping(said, event)
    if words is None or words.before_ns > HEARTBEAT_WAIT_NS:
        return None
    text = words.text
    reply = f'set answer = true, or heartbeat = {{ reply_to = "{text}", answer = "{_pong(text)}" }}'
    cause = "possibly a heartbeat of the server that wsmon did not answer; a WebSocket pong does not count as an answer"
    return _Explanation(Advice(cause, reply), "inferred", words.quote)


def _pong(ping: str) -> str:
    return "PONG" if ping.isupper() else "pong"


def _beside(found: _Explanation, pattern: Pattern | None) -> _Explanation:
    """Add what the last ends have in common, as a fact: cause and next step stay those of the explanation."""
    if pattern is None:
        return found
    hint = "; ".join(filter(None, (found.hint, pattern.observed)))
    return replace(found, hint=hint, evidence=_merge(pattern.evidence, found.evidence))


def _possibly(found: _Explanation, pattern: Pattern) -> _Explanation:
    """Add what a pattern may mean to a code that explains little, and its next step as a test."""
    beside = _beside(found, pattern)
    advice = Advice(found.advice.cause, f"{found.advice.next}; if the pattern goes on: {pattern.next}")
    return replace(beside, advice=advice, hint=f"{beside.hint}: {pattern.inference}")


def _habit(event: Event, history: History) -> str:
    """Return when the program of the server's ``Server`` header ends connections like this; empty if unknown."""
    kind: EndKind | None = event.close_code
    if kind is None:
        kind = {"eof": "fin", "reset": "reset"}.get(event.error_type)  # type: ignore[assignment]  # a part of EndKind
    return "" if kind is None or event.reason else habit(history.server, kind)


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
    return Verdict("us", "", _sentence(event, advice), advice.next, ids[-1:], certainty="observed")


def _is_suspect(event: Event, history: History) -> bool:
    """Return whether the recorder paused reading so shortly before that the peer may have given up on it."""
    pause = history.pause
    if pause is None or event.close_by == "us" or pause.lasted_ns < SUSPECT_PAUSE_NS:
        return False
    if event.close_by == "peer" and event.close_code in ORDERLY_CODES:
        return False
    timeout_ns = history.missed.lasted_ns if history.missed is not None else USUAL_PONG_TIMEOUT_NS
    return 0 <= event.mono_ns - pause.mono_ns <= timeout_ns


def _our_pause(history: History) -> str:
    lasted = fmt.duration(history.pause.lasted_ns) if history.pause is not None else "a while"
    return f"just before, wsmon itself did not read for {lasted}, its store was too slow"


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
        text = _protocol_meaning(event) or code_meaning(event.close_code)
        # "internal error", the meaning of the code, would mislead
        if event.close_by == "heartbeat" and event.close_code == HEARTBEAT_CODE:
            text = "heartbeat timeout"
        return f"{event.close_code} {text}" + (", sent by us" if event.close_by in ("us", "heartbeat") else "")
    if isinstance(event.status, int):
        return f"HTTP {event.status} {status_phrase(event.status)}".rstrip()
    return code_meaning(None) if event.from_status == OPEN else ""


def _sentence(event: Event, advice: Advice) -> str:
    """Join fact and cause; where a sentence is cut, the fact is what remains."""
    observed = fact(event)
    return f"{observed}; {advice.cause}" if observed else advice.cause
