"""Silences before an end: whether there was one, what it suggests, and what counts as a sign of life in a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.units import SECOND_NS
from wsmon.model.verdict.history import IDLE_S, History, suspended_ns

# A silence before one end suggests an idle timer from this length on; shorter timers are rare
LONG_S: Final = 20.0


class ProtocolHeartbeat(NamedTuple):
    """The heartbeat of a protocol, which its servers wait for; pings of WebSocket do not count for it."""

    name: str
    step: str
    """What has wsmon keep it up."""


# Protocols with a heartbeat of their own
HEARTBEATS: Final[Mapping[str, ProtocolHeartbeat]] = {
    "mqtt": ProtocolHeartbeat("MQTT keep-alive", "with answer = true wsmon sends PINGREQ"),
    "socketio": ProtocolHeartbeat("Engine.IO heartbeat", "with answer = true wsmon maintains it"),
    "phoenix": ProtocolHeartbeat("Phoenix heartbeat", "with answer = true wsmon sends it"),
    "nats": ProtocolHeartbeat("NATS PING", "with answer = true wsmon answers it"),
    "graphql-ws": ProtocolHeartbeat("GraphQL ping", "with answer = true wsmon answers it"),
    "stomp": ProtocolHeartbeat("STOMP heart-beat", "with answer = true wsmon agrees on it and sends it"),
}


class LongSilence(NamedTuple):
    """A long silence in both directions before an end."""

    hint: str
    """What was observed, and what it possibly means, as a clause."""
    next: str


def is_busy(event: Event, history: History) -> bool:
    """Return whether frames went shortly before an end, so that no idle timer caused it."""
    end = history.end_of(event)
    return any(since_s is not None and since_s < IDLE_S for since_s in (end.since_out_s, end.since_in_s))


def find_silence(event: Event, history: History) -> LongSilence | None:
    """Return the long silence before an end; ``None`` where there was none, or where the recorder stood still."""
    idle_s = history.end_of(event).idle_s
    if idle_s is None or idle_s < LONG_S or suspended_ns(event):
        return None
    beat = HEARTBEATS.get(history.protocol)
    missed = "" if beat is None else f", or a missed {beat.name}"
    lasted = fmt.full_duration(round(idle_s * SECOND_NS))
    return LongSilence(
        f"no traffic in either direction for {lasted} before: possibly an idle timeout{missed}",
        f"if it was an idle timeout: {keep_alive(history.protocol, idle_s)}",
    )


def keep_alive(protocol: str, silent_s: float) -> str:
    """Return the step that keeps a connection from being silent for a time: first the heartbeat of its protocol."""
    ping = f"set ping.interval below {half(silent_s)}"
    beat = HEARTBEATS.get(protocol)
    if beat is None:
        return ping
    return f"first {beat.name}, for which WebSocket pings do not count: {beat.step}; then {ping}"


def half(seconds: float) -> str:
    """Return half of a time, as the interval of pings."""
    return f"{seconds / 2:.0f} s" if seconds >= 20 else f"{seconds / 2:.1f} s"
