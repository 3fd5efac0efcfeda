"""Verdicts: from the end of a session or a failed attempt, and the history before it, to cause and next step.

The order of evidence: the reason and the code of the peer's close frame, its last words in the protocol, its HTTP
answer. What the history suggests explains an end only where none of these does; else it is a fact beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import msgspec

from wsmon.model import units as fmt
from wsmon.model.ends import code_meaning, fact, leg_of, protocol_close, shortened
from wsmon.model.events import Certainty, CloseBy, Event, Verdict
from wsmon.model.http import status_phrase
from wsmon.model.sanitize import sanitize
from wsmon.model.statuses import OPEN, SESSION_ENDS
from wsmon.model.units import SECOND_NS
from wsmon.model.verdict.application_ends import as_application_step, closed_after, explain_application_end, own_pause
from wsmon.model.verdict.close_codes import (
    ANSWERS_STEP,
    CODE_ADVICE,
    RARE,
    Advice,
    advice_on_code,
    advice_on_mention,
    advice_on_reason,
    advice_on_words,
    asked_delay,
    says_nothing,
    strains_code,
    without,
)
from wsmon.model.verdict.failures import advice_on_attempt, advice_on_dial, advice_on_loss
from wsmon.model.verdict.history import CUTS, IDLE_S, History, Precursor, suspended_ns
from wsmon.model.verdict.last_words import (
    TEXT_LIMIT,
    WINDOW_NS,
    LastMessages,
    LastWords,
    is_heartbeat,
    read_last_words,
    unanswered_ping,
    went_on,
)
from wsmon.model.verdict.own_pauses import OwnPause, find_own_pause
from wsmon.model.verdict.patterns import IDLE_CODES, Pattern, find_pattern
from wsmon.model.verdict.programs import EndKind, habit
from wsmon.model.verdict.reason_grammar import ReasonKind, asked_address, is_about_heartbeat, reason_kind
from wsmon.model.verdict.refusals import explain_refusal
from wsmon.model.verdict.silences import find_silence, is_busy

# The code that the recorder, like most clients, sends when a ping is not answered
HEARTBEAT_CODE: Final = 1011

# Codes that do not explain anything: some programs send them for every end
VAGUE_CODES: Final = (1000, 1005)
# Codes with a meaning of their own that servers send for more than that
GOING_AWAY: Final = 1001
WEAK_CODES: Final = (GOING_AWAY, 1011)
# Codes that a close frame must never have, so that they mean nothing in one
NEVER_SENT: Final = (1004, 1006, 1015)
# A rule was broken, which the words before may name
RULE_BROKEN: Final = 1008
# Codes that a refused login has
LOGIN_CODES: Final = (RULE_BROKEN, GOING_AWAY, 3000, 3003)

# Messages after which the protocol lets the server close without another word: MQTT 5.0, sections 3.2.2.2 and 3.14.4;
# WAMP, "Session Close"; ActionCable
FINAL_TYPES: Final = ("CONNACK", "DISCONNECT", "ABORT", "GOODBYE", "disconnect")

# A refused login explains an end this soon after it: servers let the answer arrive, or wait for another try
REFUSAL_NS: Final = 10 * SECOND_NS
# A server waits for this long for the answer to a heartbeat of its protocol: at least, and at most
LEAST_HEARTBEAT_WAIT_NS: Final = 2 * SECOND_NS
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
    if event.close_by == "application" and event.to_status in SESSION_ENDS:
        return _by_application(event, history, said)
    if event.to_status != "disconnected" or (event.close_by == "us" and not event.error_type):
        return None
    words = None
    observed = fact(event)
    if event.from_status == OPEN:
        event = _with_fitting_meaning(_with_protocol_close(event), history)
        # A close in a message has been read already
        words = None if protocol_close(event) else _last_words(event, history, said)
        found = _explain_end(event, history, said, words)
        found = _with_own_pause(event, found, find_own_pause(event, history), words)
    else:
        found = _explain_attempt(event, history)
    evidence = _merge(found.evidence, _evidence(event, history))
    sentence = "; ".join(filter(None, (observed, found.words, found.advice.cause, found.hint)))
    text = found.text if words is None else words.said.text
    step = as_application_step(found.advice.next) if leg_of(event) else found.advice.next
    return Verdict(_by(event, history, words), _code(event), sentence, step, evidence, text, _certainty(found))


# Words of a guess, and what the peer said, which may hold any word
# "How often" is none
_HEDGE: Final = re.compile(
    r"\b(?:usually|possibly|likely|may|(?<!how )often|looks? like|some servers)\b", re.IGNORECASE
)
_QUOTED: Final = re.compile("“[^”]*”")


def _certainty(found: _Explanation) -> Certainty:
    """Return how certain an explanation is: what its own sentence gives as a guess was neither stated nor observed."""
    clauses = _QUOTED.sub("", f"{found.advice.cause}; {found.hint}")
    return "inferred" if found.certainty and _is_guess(clauses) else found.certainty


def _is_guess(cause: str) -> bool:
    return _HEDGE.search(cause) is not None


class _Words(NamedTuple):
    """What the peer said last, and who read it."""

    said: LastWords
    is_read: bool
    """Whether the protocol of the session read it as an error or a refusal, and not the text alone."""
    is_login: bool = False
    """Whether that was the refusal of a login."""
    is_final: bool = False
    """Whether the protocol of the session ends with such a message, so that no close frame is due."""


def _explain_end(event: Event, history: History, said: LastMessages | None, words: _Words | None) -> _Explanation:
    """Explain the end of an open session: by what the peer said, else by what was observed and what that suggests."""
    if event.close_by == "us":
        return _Explanation(advice_on_loss(event, history), "observed")
    pattern = find_pattern(event, history)
    if event.close_by == "heartbeat":
        found = _Explanation(advice_on_loss(event, history), "observed")
        return found if pattern is None else _possibly(found, pattern)
    if event.close_by == "peer" and event.close_code is not None:
        if not says_nothing(event.reason, event.close_code):
            return _after_login(event, history, _by_reason(event, history, said, words, pattern))
        return _after_login(event, history, _by_code(event, history, said, words, pattern))
    if event.error_type not in CUTS:
        # The path, this machine or an alert of TLS: words before it are no cause
        return _Explanation(advice_on_loss(event, history), "observed", _quote(words))
    if words is not None and words.said.is_refusal:
        return _beside(_by_words(event, words), pattern)
    return _by_observation(event, history, said, words, pattern)


def _by_reason(
    event: Event, history: History, said: LastMessages | None, words: _Words | None, pattern: Pattern | None
) -> _Explanation:
    """Explain an end by the reason that the peer gave: by its clue, else by a code that has one meaning."""
    advice = advice_on_reason(event.reason, event.close_code)
    if advice is None:
        advice = _advice_on_code(event)
        is_about_it = is_about_heartbeat(event.reason) or history.unsent is not None
        missed = _unanswered(event, history, said) if is_about_it else None
        told = advice_on_mention(event.reason, event.close_code)
        if _is_guess(advice.cause) or _is_unknown(event) or missed is not None or told is not None:
            return _by_unread_reason(event, advice, words, pattern, missed)
    quote = _quote(words) if words is not None and words.said.is_refusal else ""
    evidence = words.said.evidence if words is not None and quote else ()
    certainty: Certainty = "inferred" if strains_code(event.reason, event.close_code) else "stated"
    found = _Explanation(advice, certainty, quote, evidence)
    kind = reason_kind(event.reason)
    if kind in (ReasonKind.PONG, ReasonKind.HEARTBEAT) and (silent := _unanswered(event, history, said)):
        step = f"{advice.next}; if it is a heartbeat of its protocol: {silent.advice.next}"
        found = replace(found, advice=Advice(advice.cause, step), hint=silent.advice.cause)
        return _beside(replace(found, evidence=_merge(evidence, silent.evidence)), pattern)
    if kind is not ReasonKind.TIMEOUT:
        return _beside(found, pattern)
    if pattern is not None and pattern.kind == "timer":
        return _possibly(found, pattern)
    return _beside(replace(found, hint=_silence(event, history)), pattern)


# Of a reason that is not understood: it is what the peer said, and stays the first thing to follow up
_LOOK_UP: Final = "look up this reason and the code in the service documentation"
_USUAL_PREFIX: Final = "usually "


def _by_unread_reason(
    event: Event, advice: Advice, words: _Words | None, pattern: Pattern | None, missed: _Explanation | None
) -> _Explanation:
    """Explain an end by a reason that is not understood, beside a code that says little: the reason is to be looked up.

    Words that are understood, those that the reason mentions, or else the code, tell possibly; ``advice`` is that on
    the code, ``missed`` a heartbeat of the peer that was not answered, where the reason is about one.
    """
    code = event.close_code
    told = _told_by(words) or advice_on_mention(event.reason, code)
    quote = _quote(words) if words is not None and words.said.is_refusal else ""
    evidence = words.said.evidence if words is not None and quote else ()
    address = asked_address(event.reason)
    move = f"as the reason asks, connect to {address} if you trust it" if address else ""
    first = "; ".join(filter(None, (asked_delay(event.reason), move, _LOOK_UP)))
    if missed is not None:
        evidence = _merge(missed.evidence, evidence)
        advice = Advice(missed.advice.cause, f"{missed.advice.next}; if that is not it: {first}")
    elif told is not None:
        advice = Advice(f"possibly {told.cause}", f"{first}; {without(told.next, RARE)}")
    elif code is not None and (usual := CODE_ADVICE.get(code)) is not None:
        # What a broken rule may be is a list of guesses, and the reason names the rule
        step = "check the last messages sent" if code == RULE_BROKEN else without(usual.next, RARE)
        meaning = usual.cause.partition(":")[0] if code == RULE_BROKEN else usual.cause.removeprefix(_USUAL_PREFIX)
        advice = Advice(f"{code} usually means: {meaning}", f"{first}; {step}")
    else:
        advice = Advice(advice.cause, first)
    found = _Explanation(advice, "inferred", quote, evidence)
    is_rejected = pattern is not None and pattern.kind == "rejections" and _is_unknown(event)
    return _possibly(found, pattern) if pattern is not None and is_rejected else _beside(found, pattern)


# A login that was accepted longer ago than this may have run out since
_LOGIN_AGES_NS: Final = 60 * SECOND_NS
_LOGIN_CODES_ALONE: Final = (3000, 3003)
_RENEW: Final = "renew the token and check when it expires"
_RIGHTS: Final = "check what these credentials are allowed to do"


def _after_login(event: Event, history: History, found: _Explanation) -> _Explanation:
    """Add to a refusal of credentials what happened to the login before: it was accepted, or none was seen."""
    meaning = _protocol_meaning(event)
    name, _, occasion = meaning.partition(": ")
    text = name if says_nothing(event.reason, event.close_code) else event.reason
    kind = reason_kind(text) if text else None
    is_by_code = not text and event.close_code in _LOGIN_CODES_ALONE
    if not is_by_code and kind not in (ReasonKind.CREDENTIALS, ReasonKind.TOKEN):
        return found
    advice = found.advice
    if history.login is None or history.refusal is not None:
        if not occasion or meaning in advice.cause:
            return found
        cause = f"{advice.cause}; in this protocol {event.close_code} means: {occasion}"
        step = f"{advice.next}; check what was sent before the server acknowledged the connection"
        return replace(found, advice=Advice(cause, step))
    age_ns = event.mono_ns - history.login.mono_ns
    accepted = f"{fmt.full_duration(age_ns)} earlier, the server accepted the login"
    if age_ns >= _LOGIN_AGES_NS:
        why_now = "possibly the credential has since expired or been revoked, or lacks permission for the last request"
        advice = Advice(f"{advice.cause}; {accepted}: {why_now}", f"{_RENEW}; {_RIGHTS}")
    else:
        why_now = "possibly these credentials lack permission for a later request"
        advice = Advice(f"{advice.cause}; {accepted}: {why_now}", f"{_RIGHTS}; {_RENEW}")
    evidence = (history.login.id,) if history.login.id else ()
    return replace(found, advice=advice, evidence=_merge(found.evidence, evidence))


def _with_fitting_meaning(event: Event, history: History) -> Event:
    """Return the event with what its code means in the protocol, without an occasion that an accepted login excludes.

    Occasions, which follow a colon (``unauthorized: subscribed before …``), are those of before a login.
    """
    name, colon, _ = _protocol_meaning(event).partition(": ")
    if not colon or history.login is None:
        return event
    return msgspec.structs.replace(event, meta={**(event.meta or {}), "code_meaning": name})


def _with_protocol_close(event: Event) -> Event:
    """Return the event with the code and the reason that the peer gave in a message: the close frame says less."""
    close = protocol_close(event)
    if close is None or event.close_by not in ("peer", "network"):
        return event
    code, reason = close
    return msgspec.structs.replace(event, close_by="peer", close_code=code, reason=reason, error_type="", error="")


def _told_by(words: _Words | None, code: int | None = None) -> Advice | None:
    """Return the advice on words that read like a refusal and are understood, where a code leaves room for them."""
    if words is None or not words.said.is_refusal:
        return None
    lines = words.said.meaning.splitlines()
    told = next(filter(None, (advice_on_reason(line, code) for line in lines)), None)
    is_login = words.is_login and (code is None or code in LOGIN_CODES)
    return told or (_REFUSED_LOGIN if is_login else None)


def _by_code(
    event: Event, history: History, said: LastMessages | None, words: _Words | None, pattern: Pattern | None
) -> _Explanation:
    """Explain an end by the code of the peer's close frame, which came without a reason that says anything.

    A code with one meaning is the cause; words are quoted beside it. Where the code says little, words that read like
    a refusal tell more.
    """
    code, advice, habits = event.close_code, _advice_on_code(event), _habit(event, history)
    is_refusal = words is not None and words.said.is_refusal
    evidence = words.said.evidence if words is not None and is_refusal else ()
    if not (code in VAGUE_CODES or code in WEAK_CODES or _is_unknown(event)):
        found = _Explanation(advice, "stated", _quote(words), evidence)
        return _beside(_named_by_words(event, found, words), pattern)
    if code == GOING_AWAY and _told_by(words) is not None:
        found = _Explanation(advice, "inferred", _quote(words), evidence, habits)
        return _beside(_named_by_words(event, found, words), pattern)
    if words is not None and is_refusal and code != GOING_AWAY:
        by_words = _by_words(event, words)
        if by_words.advice is not _UNCLEAR_WORDS or code in VAGUE_CODES:
            return _beside(by_words, pattern)
    if code in VAGUE_CODES:
        return _by_observation(event, history, said, words, pattern)
    advice = _with_words(advice, words)
    found = _Explanation(advice, "inferred" if code in WEAK_CODES else "observed", _quote(words), evidence, habits)
    silent = None if is_refusal or code == GOING_AWAY else _unanswered(event, history, said)
    if silent is not None:
        step = f"{advice.next}; if the heartbeat is the reason: {silent.advice.next}"
        hint = "; ".join(filter(None, (habits, silent.advice.cause)))
        found = replace(found, advice=Advice(advice.cause, step), hint=hint, evidence=silent.evidence)
        return _beside(found, pattern)
    if pattern is None:
        return _after_silence(found, event, history) if code == GOING_AWAY else found
    # What a rejection suggests, and what to do then, is another thing than what the code says
    is_other = pattern.kind == "rejections" and code in WEAK_CODES
    return _beside(found, pattern) if is_other else _possibly(found, pattern)


def _by_observation(
    event: Event, history: History, said: LastMessages | None, words: _Words | None, pattern: Pattern | None
) -> _Explanation:
    """Explain an end about which the peer said nothing: by a heartbeat left unanswered, a pattern, or its kind."""
    silent = _unanswered(event, history, said)
    if silent is not None:
        return _beside(silent, pattern)
    quote = _quote(words)
    if pattern is not None:
        advice = Advice(f"{pattern.observed}: {pattern.inference}", pattern.next)
        return _Explanation(advice, "inferred", quote, pattern.evidence)
    has_frame = event.close_by == "peer" and event.close_code is not None
    advice = _with_words(_advice_on_code(event) if has_frame else advice_on_loss(event, history), words)
    found = _Explanation(advice, "inferred", quote, hint=_habit(event, history))
    return _after_silence(found, event, history)


def _named_by_words(event: Event, found: _Explanation, words: _Words | None) -> _Explanation:
    """Let words name what a code says in general, such as the rule that was broken.

    Certain only where the protocol read them as the last word, and the code is one of a refusal. A code with a narrow
    meaning, which they agree with, is the cause; where they say otherwise they come first, since some servers send one
    code after every error (Spring 1002 after an ERROR of STOMP).
    """
    code = event.close_code
    told = _told_by(words)
    if words is not None and told is None and words.is_read and words.said.is_refusal and code != GOING_AWAY:
        # The protocol read an error that wsmon does not understand
        usual = found.advice.cause.removeprefix(_USUAL_PREFIX)
        cause = f"{code} usually means: {usual}"
        step = f"{_UNCLEAR_WORDS.next}; if that is not it: {found.advice.next}"
        return replace(found, advice=Advice(cause, step), certainty="inferred")
    if words is None or told is None:
        return found
    is_fitting = code not in (GOING_AWAY, *NEVER_SENT) and _told_by(words, code) is not None
    if is_fitting and not _is_guess(found.advice.cause):
        return found
    if is_fitting and words.is_read and words.said.before_ns <= WINDOW_NS:
        return replace(found, advice=told)
    is_known = code in CODE_ADVICE and code not in NEVER_SENT
    usual = CODE_ADVICE[code].cause if code is not None and is_known else found.advice.cause
    usual = usual.partition(":")[0] if code == RULE_BROKEN else usual
    means = f"{code} usually means: " if is_known else ""
    cause = f"possibly {told.cause}; {means}{usual.removeprefix(_USUAL_PREFIX)}"
    advice = Advice(cause, f"{told.next}; if that is not it: {found.advice.next}")
    return replace(found, advice=advice, certainty="inferred")


def _after_silence(found: _Explanation, event: Event, history: History) -> _Explanation:
    """Add a long silence before an end that an idle timer may make, and the step against it."""
    is_cut = event.close_code is None and event.error_type in CUTS
    silence = find_silence(event, history) if is_cut or event.close_code in IDLE_CODES else None
    if silence is None:
        return found
    hint = "; ".join(filter(None, (found.hint, silence.hint)))
    advice = Advice(found.advice.cause, f"{found.advice.next}; {silence.next}")
    return replace(found, advice=advice, hint=hint, certainty="inferred")


def _with_own_pause(event: Event, found: _Explanation, pause: OwnPause | None, words: _Words | None) -> _Explanation:
    """Add a pause of the recorder itself, as a fact beside, and its next step where it possibly led to the end."""
    if pause is None:
        return found
    is_foremost = pause.is_foremost and (words is None or not words.said.is_refusal)
    step = found.advice.next
    # The last frames say nothing about the path, or about how late the peer heard us, while wsmon stood still
    if is_foremost and suspended_ns(event):
        step = step.removeprefix(ANSWERS_STEP).removeprefix("; ")
    steps = [pause.next, step] if is_foremost else [step, pause.next]
    advice = Advice(found.advice.cause, "; ".join(filter(None, steps)))
    hint = "; ".join(filter(None, (found.hint, pause.hint)))
    return replace(found, advice=advice, hint=hint, evidence=_merge(found.evidence, pause.evidence))


def _with_words(advice: Advice, words: _Words | None) -> Advice:
    """Add to a next step that words which are only quoted may say more."""
    said = None if words is None else words.said
    if said is None or said.before_ns > WINDOW_NS or not said.is_last or said.is_answer:
        return advice
    return Advice(advice.cause, f"{advice.next}; the peer's last message may explain the cause")


def _quote(words: _Words | None) -> str:
    """Return the clause that quotes the peer; a login that it refused a while before the end is not its last word."""
    if words is None:
        return ""
    if words.said.before_ns <= WINDOW_NS or words.said.is_announcement:
        return words.said.quote
    return f"a login was refused {fmt.full_duration(words.said.before_ns)} before: “{shortened(words.said.text)}”"


def _silence(event: Event, history: History) -> str:
    """Return what the silence before a timeout of the peer suggests; empty where there was traffic."""
    idle_s = history.end_of(event).idle_s
    if idle_s is None or idle_s < IDLE_S or suspended_ns(event):
        return ""
    lasted = fmt.full_duration(round(idle_s * SECOND_NS))
    return f"no traffic in either direction for {lasted} before: possibly an idle timeout"


def _explain_attempt(event: Event, history: History) -> _Explanation:
    """Explain an attempt that failed: by the HTTP answer, else by how far it came."""
    if event.error_type in ("http_status", "redirect_refused"):
        refusal = explain_refusal(event)
        found = _Explanation(refusal.advice, refusal.certainty, text=refusal.text)
    else:
        found = _Explanation(advice_on_attempt(event), "observed")
    return _beside(found, find_pattern(event, history))


_REFUSED_LOGIN: Final = Advice("the server refused the login", "check the credentials and what they are allowed to do")
_UNCLEAR_WORDS: Final = Advice(
    "possibly this explains the disconnect",
    "look up this message in the service documentation, and check what was sent before it",
)


_ANNOUNCED_END: Final = Advice(
    "possibly the server closed the connection as announced",
    "no action needed if this is rare: the connection will reconnect",
)


def _is_unknown(event: Event) -> bool:
    """Return whether the peer closed with a code that neither wsmon nor the protocol of the session knows."""
    code = event.close_code
    return code is not None and code >= 3000 and code not in CODE_ADVICE and not _protocol_meaning(event)


def _by_words(event: Event, words: _Words) -> _Explanation:
    """Explain an end by words that read like a refusal.

    Certain only where the protocol reads them, and a close frame follows or the protocol wants none.
    """
    said = words.said
    advice = advice_on_words(said.meaning) or (_REFUSED_LOGIN if words.is_login else None)
    if said.closing is not None and (advice is None or said.closing.is_certain):
        certainty: Certainty = "stated" if said.closing.is_certain else "inferred"
        return _Explanation(advice or said.closing.advice, certainty, _quote(words), said.evidence)
    if advice is None and said.is_announcement:
        return _Explanation(_ANNOUNCED_END, "inferred", _quote(words), said.evidence)
    if advice is None and (told := advice_on_mention(said.meaning)) is not None:
        step = f"{without(told.next, RARE)}; if that is not it, {_UNCLEAR_WORDS.next}"
        return _Explanation(Advice(f"possibly {told.cause}", step), "inferred", _quote(words), said.evidence)
    if advice is None:
        return _Explanation(_UNCLEAR_WORDS, "inferred", _quote(words), said.evidence)
    has_frame = event.close_by == "peer" or words.is_final
    if has_frame and words.is_read and said.before_ns <= WINDOW_NS:
        return _Explanation(advice, "stated", _quote(words), said.evidence)
    step = advice.next
    if not has_frame:
        step = f"{step}; if that is not it, check the server log at this time"
    return _Explanation(Advice(f"possibly {advice.cause}", step), "inferred", _quote(words), said.evidence)


def _advice_on_code(event: Event) -> Advice:
    return advice_on_code(event.close_code, _meaning_and_step(event), event.reason)


def _protocol_meaning(event: Event) -> str:
    """Return what the close code means in the protocol of the session; empty where that defines none."""
    return _meaning_and_step(event).partition("; ")[0]


def _meaning_and_step(event: Event) -> str:
    """Return the same with what the protocol wants a client to do, behind a semicolon, where it says so."""
    meaning = (event.meta or {}).get("code_meaning")
    return meaning if isinstance(meaning, str) else ""


def _last_words(event: Event, history: History, said: LastMessages | None) -> _Words | None:
    """Return what the peer said last: a message as it stands, else the error that the protocol read in one."""
    words = None if said is None else read_last_words(said, event)
    complaint = _complaint(event, history)
    if complaint is None:
        if words is None or (not words.is_refusal and _is_heartbeat(event, history, words)):
            return None
        answer = history.answer
        # An error that answers one request is no word about the connection
        if answer is not None and event.mono_ns - answer.mono_ns == words.before_ns:
            words = replace(words, is_refusal=False, is_answer=True)
        return _Words(words, is_read=False)
    is_login = complaint == history.refusal
    is_final = complaint.type in FINAL_TYPES
    evidence = (complaint.id,) if complaint.id else ()
    before_ns = event.mono_ns - complaint.mono_ns
    if words is not None and words.before_ns == before_ns:
        meaning = words.meaning or complaint.text
        said_then = replace(words, is_refusal=True, meaning=meaning, evidence=evidence)
        found = _Words(said_then, is_read=True, is_login=is_login, is_final=is_final)
        return _unless_it_went_on(found, event, said)
    text = sanitize(complaint.text, TEXT_LIMIT)
    # A peer that goes on sending after it refused a login lives with that
    is_last = before_ns <= WINDOW_NS or said is None or said.newest.mono_ns - complaint.mono_ns <= WINDOW_NS
    said_then = LastWords(text, before_ns, is_last, text, evidence)
    found = _Words(said_then, is_read=True, is_login=is_login, is_final=is_final)
    return _unless_it_went_on(found, event, said)


def _unless_it_went_on(words: _Words, event: Event, said: LastMessages | None) -> _Words:
    """Take words for no cause where another message came after them, but a farewell."""
    if said is None or not words.said.is_refusal or not went_on(said, event, words.said.before_ns):
        return words
    return words._replace(said=replace(words.said, is_refusal=False, is_last=False))


def _is_heartbeat(event: Event, history: History, words: LastWords) -> bool:
    """Return whether a message is a heartbeat of the peer, which says nothing about the end."""
    ping = history.unanswered
    is_read = ping is not None and event.mono_ns - ping.mono_ns == words.before_ns
    return is_read or is_heartbeat(words.text)


def _complaint(event: Event, history: History) -> Precursor | None:
    """Return the error in a message of the peer, or the login that it refused, soon enough before the end."""
    refusal, complaint = history.refusal, history.complaint
    if complaint is not None and complaint.text and 0 <= event.mono_ns - complaint.mono_ns <= WINDOW_NS:
        return complaint
    if refusal is not None and refusal.text and 0 <= event.mono_ns - refusal.mono_ns <= REFUSAL_NS:
        return refusal
    return None


def _unanswered(event: Event, history: History, said: LastMessages | None) -> _Explanation | None:
    """Look for a heartbeat of the peer that the client left unanswered, in an end that nothing else explains.

    The client is wsmon, or the application behind a relay.
    """
    is_ours = not leg_of(event)
    client = "wsmon" if is_ours else "the application"
    reply = "set answer = true, so that wsmon answers it" if is_ours else "check that the application answers it"
    reply = f"{reply}; a WebSocket pong does not count"
    unsent, ping = history.unsent, history.unanswered
    if unsent is not None and event.mono_ns - unsent.mono_ns <= HEARTBEAT_WAIT_NS:
        cause = f"possibly the heartbeats that {client} left out: {unsent.text}"
        step = "set answer = true, so that wsmon sends them" if is_ours else "check that the application sends them"
        step = f"{step}; a WebSocket ping does not count"
        return _Explanation(Advice(cause, step), "inferred", evidence=(unsent.id,) if unsent.id else ())
    left_out = f"possibly a heartbeat of the server that {client} did not answer"
    if (
        ping is not None
        and history.unanswered_count <= INSISTS_UNTIL
        and LEAST_HEARTBEAT_WAIT_NS <= event.mono_ns - ping.mono_ns <= HEARTBEAT_WAIT_NS
    ):
        ago_s = (event.mono_ns - ping.mono_ns) / SECOND_NS
        cause = f"{left_out}: the last one came {ago_s:.1f} s before"
        return _Explanation(Advice(cause, reply), "inferred", evidence=(ping.id,) if ping.id else ())
    words = None if said is None else unanswered_ping(said, event)
    if words is None or not LEAST_HEARTBEAT_WAIT_NS <= words.before_ns <= HEARTBEAT_WAIT_NS:
        return None
    text = words.text
    if is_ours:
        reply = f'set answer = true, or heartbeat = {{ reply_to = "{text}", answer = "{_pong(text)}" }}'
    return _Explanation(Advice(f"{left_out}; a WebSocket pong does not count", reply), "inferred", words.quote)


def _pong(ping: str) -> str:
    return "PONG" if ping.isupper() else "pong"


def _beside(found: _Explanation, pattern: Pattern | None) -> _Explanation:
    """Add what the last ends have in common, as a fact: cause and next step stay those of the explanation."""
    if pattern is None or (pattern.kind == "recorder" and found.certainty == "stated"):
        return found
    hint = "; ".join(filter(None, (found.hint, pattern.observed)))
    advice = found.advice
    # What comes again and again is not rare: the step of the pattern leads
    if RARE in advice.next:
        rest = without(advice.next, RARE)
        advice = Advice(advice.cause, "; ".join(filter(None, (pattern.next, rest))))
    return replace(found, advice=advice, hint=hint, evidence=_merge(pattern.evidence, found.evidence))


def _possibly(found: _Explanation, pattern: Pattern) -> _Explanation:
    """Add what a pattern may mean to a code that explains little, and its next step as a test."""
    beside = _beside(found, pattern)
    step = beside.advice.next
    if pattern.next not in step:
        step = f"{step}; if the pattern continues: {pattern.next}"
    return replace(beside, advice=Advice(found.advice.cause, step), hint=f"{beside.hint}: {pattern.inference}")


def _habit(event: Event, history: History) -> str:
    """Return when the program of the server's ``Server`` header ends connections like this; empty if unknown."""
    kind: EndKind | None = event.close_code
    if kind is None:
        kind = {"eof": "fin", "reset": "reset"}.get(event.error_type)  # type: ignore[assignment]  # a part of EndKind
    return "" if kind is None or event.reason else habit(history.server, kind, is_busy=is_busy(event, history))


def _by_application(event: Event, history: History, said: LastMessages | None) -> Verdict:
    """Explain an end by the application behind a relay; a refusal that the server sent just before may be why."""
    found = explain_application_end(event)
    advice, certainty = found.advice, found.certainty
    words = _last_words(event, history, said) if event.from_status == OPEN else None
    quote = text = ""
    evidence: tuple[int, ...] = ()
    if words is not None and words.said.is_refusal and words.said.before_ns <= WINDOW_NS:
        quote, evidence, text = words.said.quote, words.said.evidence, words.said.text
        told = _told_by(words)
        advice = Advice(
            f"{advice.cause}; possibly because of what the server said just before",
            told.next if told is not None else _UNCLEAR_WORDS.next,
        )
        certainty = "inferred"
    pause = own_pause(event, history)
    if pause:
        certainty = "inferred"
    sentence = "; ".join(filter(None, (fact(event), quote, advice.cause, closed_after(event), pause)))
    return Verdict("application", _code(event), sentence, advice.next, evidence, text, certainty)


def _gave_up(event: Event, history: History) -> Verdict:
    """Explain why the connection is not dialled again: no attempt is left, or none can succeed."""
    ids = tuple(end.id for end in history.failures if end.id)
    if event.error_type == "retries_exhausted":
        advice = Advice(
            "all attempts allowed by reconnect.max_attempts failed",
            "see the verdict of the last attempt; once fixed, reconnect manually, or raise reconnect.max_attempts (0 "
            "= never give up)",
        )
    else:
        advice = advice_on_dial(event.error_type, event.error)
        advice = Advice(f"{advice.cause}; retrying cannot help", advice.next)
    return Verdict("us", "", _sentence(event, advice), advice.next, ids[-1:], certainty="observed")


def _evidence(event: Event, history: History) -> tuple[int, ...]:
    """Return the events of this session that show the cause."""
    precursors = [history.missed if event.close_by == "heartbeat" else None]
    precursors.append(history.fault if event.close_by == "us" else None)
    precursors.append(history.stall if event.from_status == OPEN else None)
    return tuple(each.id for each in precursors if each is not None and each.id)


def _merge(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _by(event: Event, history: History, words: _Words | None) -> CloseBy:
    """Return the side that ended it; a loss that no side announced is the network's.

    The last message of a protocol that closes by one is the announcement of the peer, with or without a close frame.
    """
    by = event.close_by or "network"
    if by != "network" or event.error_type not in CUTS or words is None:
        return by
    said = words.said
    is_certain = said.closing is not None and said.closing.is_certain
    # STOMP 1.2, ERROR: the server must close the connection just after it
    is_stomp = history.protocol == "stomp" and said.text.startswith("ERROR")
    is_close = words.is_final or is_certain or is_stomp
    return "peer" if is_close and said.is_refusal and said.before_ns <= WINDOW_NS else by


def _code(event: Event) -> str:
    if event.close_code is not None:
        text = _protocol_meaning(event) or code_meaning(event.close_code)
        # "internal error", the meaning of the code, would mislead
        if event.close_by == "heartbeat" and event.close_code == HEARTBEAT_CODE:
            text = "heartbeat timeout"
        return f"{event.close_code} {text}" + (", sent by wsmon" if event.close_by in ("us", "heartbeat") else "")
    if isinstance(event.status, int):
        return f"HTTP {event.status} {status_phrase(event.status)}".rstrip()
    return code_meaning(None) if event.from_status == OPEN else ""


def _sentence(event: Event, advice: Advice) -> str:
    """Join fact and cause; where a sentence is cut, the fact is what remains."""
    observed = fact(event)
    return f"{observed}; {advice.cause}" if observed else advice.cause
