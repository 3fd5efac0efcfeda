"""What the packets around the messages of MQTT begin and end: the session with its login, and its heartbeats."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wsmon.model.events import Direction, EventName, Json
from wsmon.protocols.base import Call, completed, failed, unmatched
from wsmon.protocols.mqtt_mask import connect_secrets
from wsmon.protocols.mqtt_packets import PASSWORD, USER_NAME, CutError, Packet, field, number
from wsmon.protocols.mqtt_properties import (
    FAILED,
    MQTT_5,
    SERVER_KEEP_ALIVE,
    number_property,
    reason_name,
    reason_string,
)
from wsmon.protocols.mqtt_state import State
from wsmon.protocols.reading import Note, Reading

VERSIONS: Mapping[int, str] = MappingProxyType({3: "3.1", 4: "3.1.1", MQTT_5: "5"})
_CONNECT, _REFRESH, _PING = "connect", "refresh", "ping"
# keys of what happens once at a time
_REFUSALS = frozenset({4, 5, 0x86, 0x87, 0x8C})
# return and reason codes of a CONNACK that are about who we are
_REAUTHENTICATE = 0x19
# reason of an AUTH with which a client asks for a new grant


def read_connect(direction: Direction, stream: bytes, packet: Packet, state: State) -> Reading:  # noqa: ARG001 - as the others
    """A session is asked for; with a user name, a password or an authentication of version 5, it is a login."""
    end = packet.end
    _, at = field(stream, packet.start, end)
    if at + 4 > end:
        raise CutError(at)
    version, flags = stream[at], stream[at + 1]
    keep_alive_s, _ = number(stream, at + 2, end)
    secrets = [stream[start:stop].decode("utf-8", "replace") for start, stop in connect_secrets(stream, packet)]
    state.version, state.keep_alive_s, state.is_accepted = version, keep_alive_s, False
    state.credentials.remember([*secrets], is_auth=True)
    meta: dict[str, Json] = {"version": VERSIONS.get(version, str(version)), "keep_alive_s": keep_alive_s}
    if not (secrets or flags & (USER_NAME | PASSWORD)):
        return Reading("CONNECT", meta=meta)
    replaced = state.calls.end(_CONNECT)
    notes = failed(replaced, "replaced", "begun again before it ended") if replaced else ()
    return Reading("CONNECT", notes=notes + state.calls.begin(Call("auth", _CONNECT, state.now_ns)), meta=meta)


def read_connack(direction: Direction, stream: bytes, packet: Packet, state: State) -> Reading:  # noqa: ARG001 - as the others
    """The answer to a CONNECT."""
    start, end = packet.start, packet.end
    if start + 2 > end:
        raise CutError(end)
    code, has_properties = stream[start + 1], state.version >= MQTT_5
    if code:
        said = reason_string(stream, start + 2, end) if has_properties else ""
        return Reading("CONNACK", notes=_refused(code, said, state))
    if has_properties:
        decided = number_property(stream, start + 2, end, SERVER_KEEP_ALIVE)
        state.keep_alive_s = state.keep_alive_s if decided is None else decided
    state.is_accepted, state.pinged_ns = True, state.now_ns
    meta: dict[str, Json] = {"session_present": True} if stream[start] & 1 else {}
    login = state.calls.end(_CONNECT)
    return Reading("CONNACK", notes=completed(login) if login else (), meta=meta or None)


def _refused(code: int, said: str, state: State) -> tuple[Note, ...]:
    error_type, error, meta = fault(code, said, state)
    if login := state.calls.end(_CONNECT):
        return failed(login, error_type, error, meta)
    name: EventName = "auth.failed" if code in _REFUSALS else "error.occurred"
    return (Note(name, type="CONNACK", status="error", error_type=error_type, error=error, meta=meta),)


def read_pingreq(direction: Direction, stream: bytes, packet: Packet, state: State) -> Reading:  # noqa: ARG001 - as the others
    """One at a time is waited for, so that unanswered ones end in a timeout and not in each other."""
    call = Call("heartbeat", _PING, state.now_ns)
    if _PING in state.pings:
        return Reading("PINGREQ", notes=(Note("heartbeat.sent", "heartbeat"),))
    return Reading("PINGREQ", notes=state.pings.begin(call))


def read_pingresp(direction: Direction, stream: bytes, packet: Packet, state: State) -> Reading:  # noqa: ARG001 - as the others
    """The answer to the oldest PINGREQ."""
    ping = state.pings.end(_PING)
    return Reading("PINGRESP", notes=completed(ping) if ping else (unmatched("heartbeat", _PING),))


def read_disconnect(direction: Direction, stream: bytes, packet: Packet, state: State) -> Reading:
    """The end of the session; in version 5, why."""
    start, end = packet.start, packet.end
    code = stream[start] if start < end else 0
    if code < FAILED:
        return Reading("DISCONNECT")
    error_type, error, meta = fault(code, reason_string(stream, start + 1, end), state)
    if direction == "out":
        return Reading("DISCONNECT", meta={**meta, "reason": error_type})
    note = Note("error.occurred", type="DISCONNECT", error_type=error_type, error=error, meta=meta)
    return Reading("DISCONNECT", notes=(note,), meta=meta)


def read_authentication(direction: Direction, stream: bytes, packet: Packet, state: State) -> Reading:
    """A step of version 5's own authentication: of a login, or of its renewal."""
    code = stream[packet.start] if packet.start < packet.end else 0
    if direction == "out" and code == _REAUTHENTICATE and _REFRESH not in state.calls:
        return Reading("AUTH", notes=state.calls.begin(Call("refresh", _REFRESH, state.now_ns)))
    if direction == "in" and not code and (refresh := state.calls.end(_REFRESH)):
        return Reading("AUTH", notes=completed(refresh))
    return Reading("AUTH")


def fault(code: int, said: str, state: State) -> tuple[str, str, dict[str, Json]]:
    """Error type, text and meta of a reason code that is a failure; ``said`` is the peer's own sentence."""
    name = reason_name(code)
    return name, state.credentials.mask(said) or name.replace("_", " "), {"code": code}
