"""Ends by the application of a relayed connection: what its close code, or the lack of one, says, and the next step."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from wsmon.model.ends import code_meaning, shortened
from wsmon.model.events import Certainty, Event
from wsmon.model.statuses import OPEN
from wsmon.model.units import SECOND_NS, full_duration
from wsmon.model.verdict.close_codes import Advice
from wsmon.model.verdict.history import History, suspended_ns
from wsmon.model.verdict.reason_grammar import ReasonKind, reason_kind

_NO_ACTION: Final = "no action needed"
_LOG: Final = "check the application's own log at this time"
_RECEIVED: Final = "check the last messages from the server and the errors of this connection"

# What a client says with a code: RFC 6455, section 7.4.1, and what browsers and the common libraries send
_CODES: Final[Mapping[int, Advice]] = MappingProxyType(
    {
        1000: Advice("the application has finished with the connection", _NO_ACTION),
        1001: Advice("the application, or the page that it runs in, is going away", _NO_ACTION),
        1002: Advice(
            "the application received something from the server that the WebSocket protocol does not allow", _RECEIVED
        ),
        1003: Advice(
            "the application does not accept this kind of message, such as binary instead of text",
            "check the opcode of the last message from the server",
        ),
        1005: Advice("the application gave no code, as close() without arguments does", _NO_ACTION),
        1007: Advice("the application received text from the server that is not valid UTF-8", _RECEIVED),
        1008: Advice("a message from the server violates a policy of the application", _RECEIVED),
        1009: Advice(
            "a message from the server is larger than the application accepts",
            "raise the limit of the application's WebSocket library, or let the server send smaller messages",
        ),
        1010: Advice(
            "the server did not agree to an extension that the application requires",
            "compare the extensions in the headers of the upgrade",
        ),
        1011: Advice("an internal error of the application", _LOG),
    }
)
_HEARTBEAT: Final = Advice(
    "the server did not answer the application's heartbeat in time",
    "check the pings and pongs of this connection: whether the server answered late, or not at all",
)
_OWN: Final = Advice("a code of the application itself", _LOG)
_EOF: Final = Advice(
    "likely the process of the application ended, or it closed the TCP connection itself",
    f"{_LOG}; WebSocket libraries send a close frame when they are asked to close",
)
_RESET: Final = Advice(
    "likely the process of the application was killed, or its library ended the connection without a close frame",
    f"{_LOG}; look for a call such as terminate() or abort(), and for a crash",
)
_LOST: Final = Advice("the path to the application failed", "check the network between the application and the relay")
_BAD_ANSWER_STEP: Final = "check what answers the upgrade: the server, or a proxy in front of it"
_UNOPENED: Final = Advice(
    "the application gave up before the server had answered",
    "compare its time limit for connecting with how long the server takes to answer",
)


# Steps that wsmon can take as a client, and what they are where the application is the client
_STEPS: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"lower ping\.interval"), "let the application ping more often"),
    (re.compile(r"set ping\.interval below (.+?)(?=[;,]|$)"), r"let the application ping at least every \1"),
    (re.compile(r"with answer = true wsmon [^;]+"), "check that the application keeps it up"),
    (
        re.compile(r'set subprotocols to the one that the service documents(, as in subprotocols = \[(".+?")\])?'),
        lambda found: (
            "let the application offer the subprotocol that the service documents"
            + (f", as {found[2]}" if found[2] else "")
        ),
    ),
    (re.compile(r"put it into subprotocols"), "let the application offer it"),
    (re.compile(r" \(subprotocols sets Sec-WebSocket-Protocol\)"), ""),
    (re.compile(r"raise reconnect\.initial"), "let the application wait longer before it connects again"),
)


# Key of ``meta``: what a client has to refuse in the answer to the upgrade, where the application sent nothing after it
BAD_ANSWER: Final = "bad_answer"


class ApplicationEnd(NamedTuple):
    """Why an application ended a relayed connection."""

    advice: Advice
    certainty: Certainty


def explain_application_end(event: Event) -> ApplicationEnd:
    """Explain the end of a session by the application that the relay serves."""
    if event.from_status != OPEN:
        return ApplicationEnd(_UNOPENED, "observed")
    code = event.close_code
    bad_answer = (event.meta or {}).get(BAD_ANSWER)
    if isinstance(bad_answer, str) and code is None:
        cause = f"the application sent nothing, likely because it refused the server's answer: {bad_answer}"
        return ApplicationEnd(Advice(cause, _BAD_ANSWER_STEP), "inferred")
    if code is None:
        return ApplicationEnd({"eof": _EOF, "reset": _RESET}.get(event.error_type, _LOST), "inferred")
    if event.reason and reason_kind(event.reason) in (ReasonKind.PONG, ReasonKind.HEARTBEAT):
        return ApplicationEnd(_HEARTBEAT, "stated")
    if advice := _CODES.get(code):
        return ApplicationEnd(advice, "stated")
    meaning = code_meaning(code)
    is_own = 3000 <= code <= 4999
    return ApplicationEnd(_OWN if is_own else Advice(f"the application sent {meaning}", _LOG), "stated")


# A pause of the relay possibly explains what the application did so soon after it
_SOON_NS: Final = 30 * SECOND_NS


def own_pause(event: Event, history: History) -> str:
    """Return, as a clause, that wsmon itself passed nothing on for a while before; empty where it did not."""
    pause = history.pause
    if lasted_ns := suspended_ns(event):
        why = "was stalled"
    elif pause is not None and 0 <= event.mono_ns - pause.mono_ns <= _SOON_NS:
        lasted_ns, why = pause.lasted_ns, "waited for its store"
    else:
        return ""
    lasted = full_duration(lasted_ns)
    return f"before that, wsmon itself {why} for {lasted} and passed nothing on: possibly this is the reason"


def closed_after(event: Event) -> str:
    """Return, as a clause, how the server closed behind an application that had gone without a close frame."""
    received = (event.meta or {}).get("received")
    if event.close_code is not None or not isinstance(received, Mapping):
        return ""
    code, reason = received.get("code"), received.get("reason")
    if not isinstance(code, int):
        return ""
    said = f" “{shortened(reason)}”" if isinstance(reason, str) and reason else f" {code_meaning(code)}"
    return f"the server's own close frame came after that: {code}{said}"


def as_application_step(step: str) -> str:
    """Return a next step for the application behind a relay: pings and attempts are not those of wsmon."""
    for of_wsmon, of_application in _STEPS:
        step = of_wsmon.sub(of_application, step)
    return step
