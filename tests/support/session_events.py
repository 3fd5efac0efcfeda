"""Events of whole sessions, for what shows or exports them: dials, messages, an incident, a loss, a failure."""

from __future__ import annotations

import msgspec

from tests.support.builders import dialled, event, loss, message, ping, pong, refused, retry, source, stall, usable
from wsmon.model.events import Event, Json

FIRST = "00000000000000a1"
SECOND = "00000000000000a2"
THIRD = "00000000000000b1"


def of(session: str, *events: Event) -> list[Event]:
    """The events as those of a session."""
    return [msgspec.structs.replace(one, source=source(one.source.connection, session=session)) for one in events]


def opening(after_s: float, connection: str = "nova") -> list[Event]:
    """A dial that succeeds after 212 ms."""
    tls: Json = {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "issuer": "CN=ca"}
    phases = {
        "dns_ms": 3.0,
        "tcp_ms": 11.0,
        "tls_ms": 160.0,
        "peer": "192.0.2.7:443",
        "local": "10.0.0.1:5",
        "tls": tls,
    }
    statuses = {"from_status": "connecting", "to_status": "connected"}
    return [
        dialled(after_s, connection),
        event("connection.open", after_s + 0.174, connection, **statuses, meta=phases),
        usable(after_s + 0.212, connection),
    ]


def story() -> list[Event]:
    """A session that is lost, a failed attempt, and a session of another connection that goes on."""
    return [
        event("self.run.started", connection=""),
        *of(FIRST, *opening(1, "nova")),
        *of(THIRD, *opening(1.5, "b")),
        *of(FIRST, message("hello", 2, "nova"), message(b"\xff\x00", 3, "nova", direction="out")),
        *of(THIRD, message("of b", 3.5, "b")),
        *of(FIRST, ping(4, "nova"), pong(4.1, "nova"), stall(4.5, "nova"), loss(5, "nova")),
        retry(5, "nova", 2, 1),
        *of(SECOND, dialled(6, "nova", 2), refused(6.1, "nova")),
        *of(THIRD, message("late", 9, "b")),
    ]
