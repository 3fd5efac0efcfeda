"""Ends of open connections that the server did not announce: silence, cuts, and faults that made us close."""

from __future__ import annotations

from typing import Final

from wsmon.model import units as fmt
from wsmon.model.durations import MS_NS
from wsmon.model.events import Event
from wsmon.model.verdict.advice import Advice
from wsmon.model.verdict.failures import advice_on_dial
from wsmon.model.verdict.history import History

_CUTS: Final = {
    "eof": Advice(
        "the server or something on the way (a load balancer, NAT, VPN) cut the connection; a process that is killed "
        "looks like this too",
        "look in the log of the server at this time; if it comes after a silence, set ping.interval lower",
    ),
    "reset": Advice(
        "the server crashed or was killed, or a firewall or load balancer on the way dropped the connection",
        "look in the log of the server at this time; if it comes after a silence, set ping.interval lower",
    ),
    "tls": Advice(
        "the encrypted stream broke: something on the way altered it or cut it",
        "compare with another network, and look for devices that read TLS",
    ),
    "tcp_timeout": Advice(
        "the other side stopped answering: the path or the host is dead",
        "check the network between here and there",
    ),
    "tcp_unreachable": Advice(
        "the way to the server is gone: the network here changed, sleeps or is down",
        "check the network of this machine: Wi-Fi, VPN, routes",
    ),
}

_FAULTS: Final = {
    "protocol": Advice(
        "the server, or something on the way, sent what the WebSocket protocol does not allow",
        "report it to the operator of the server with this sentence, and test without the proxies on the way",
    ),
    "invalid_utf8": Advice(
        "the server sent text that is not valid UTF-8",
        "report it to the operator of the server: binary data belongs into binary messages",
    ),
    "message_too_big": Advice(
        "the server sent a message larger than is taken here",
        "raise max_message if messages of this size are expected",
    ),
    "write_overflow": Advice(
        "the server does not read what we send, and too much of it has piled up here",
        "report it to the operator of the server, or send less",
    ),
    "internal": Advice("a fault of wsmon, not of the connection", "report it, with this event"),
}


_ALERT = Advice(
    "the server itself broke off TLS: it crashed, or no longer accepts keys or certificates",
    "look in the log of the server at this time; if it wants a certificate from us, set tls.cert and tls.key",
)


def advice_on_loss(event: Event, history: History) -> Advice:
    """Why an open connection ended that was not closed by the server's close frame."""
    if event.close_by == "peer" and event.error_type == "tls":
        return _ALERT
    if event.close_by == "heartbeat":
        return _advice_on_silence(event, history)
    tables = (_FAULTS, _CUTS) if event.close_by == "us" else (_CUTS, _FAULTS)
    for table in tables:
        if event.error_type in table:
            return table[event.error_type]
    return advice_on_dial(event.error_type, event.error)


def _advice_on_silence(event: Event, history: History) -> Advice:
    """Whether only the answer was missing, or everything."""
    last_in_ms = (event.meta or {}).get("last_in_ms")
    if not isinstance(last_in_ms, (int, float)):
        return Advice(
            "nothing ever arrived after the handshake",
            "check whether the server answers pings at all; ping.interval = 0 turns ours off",
        )
    waited_ns = history.missed.lasted_ns if history.missed is not None else 0
    silent_ns = round(last_in_ms * MS_NS)
    if silent_ns < waited_ns:
        return Advice(
            f"data still arrived {fmt.duration(silent_ns)} before the end: the server is alive, and does not answer "
            "pings in time",
            "raise ping.timeout; if the server never answers pings, set ping.interval = 0",
        )
    return Advice(
        f"nothing at all arrived for {fmt.duration(silent_ns)}: the network went silent, or the server hangs",
        "check the network between here and there, and whether the server still serves others",
    )
