"""What a scripted server does, as frozen values: a handshake, then steps.

Every time is in seconds, every size in bytes; a ``Between`` is drawn anew each time it is used.
After the last step of its script a server holds the connection open and answers pings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from wsmon.config.specs import ConnectionSpec
from wsmon.demo.template import Template, Value
from wsmon.model.redact.masking import Sensitive


@dataclass(frozen=True, slots=True)
class Between:
    """A time or a number somewhere in ``low`` … ``high``."""

    low: float
    high: float

    def at(self, roll: float) -> float:
        """The number at ``roll``, which is in [0, 1)."""
        return self.low + (self.high - self.low) * roll


@dataclass(frozen=True, slots=True)
class Accept:
    """Answer with 101, then play the script."""

    delay_s: Between = Between(0.0, 0.0)
    headers: tuple[tuple[str, str], ...] = ()
    # replace the response's own headers of the same name
    subprotocols: tuple[str, ...] = ()
    # in order of preference; a client that offers none of them goes on without one
    compression: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with any other status; a redirect is a refusal with a Location header."""

    status: int
    phrase: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delay_s: Between = Between(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Garble:
    """Answer the request with these bytes, whatever they are, and end the TCP connection."""

    response: bytes
    delay_s: Between = Between(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answer the request."""


Handshake: TypeAlias = Accept | Refuse | Garble | Hang


@dataclass(frozen=True, slots=True)
class Fixed:
    """A payload that is the same each time, any bytes."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Numbered:
    """A binary payload of the step's size: the sequence number (8 bytes, big endian), then a pattern."""


Payload: TypeAlias = Template | Fixed | Numbered


@dataclass(frozen=True, slots=True)
class Send:
    """Send messages; payloads and sizes are taken in turn."""

    payloads: tuple[Payload, ...]
    opcode: int
    rate_per_s: float = 0.0
    # 0 = as fast as the client reads
    jitter: float = 0.0
    # a gap between two messages is 1/rate × (1 ± jitter)
    count: int | None = None
    # None = until the duration is over or the client leaves
    duration_s: Between | None = None
    fragments: int = 1
    sizes_bytes: tuple[int, ...] = (0,)
    # what ``$pad`` and ``Numbered`` fill up to


@dataclass(frozen=True, slots=True)
class Raw:
    """Write bytes that need not be a frame."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Ping:
    """Ping the client."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Send nothing, and answer pings; without a duration until the client leaves."""

    duration_s: Between | None


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait until the client has sent this many more messages."""

    count: int


@dataclass(frozen=True, slots=True)
class Freeze:
    """Stop reading, so that no ping is answered either; without a duration until the end."""

    duration_s: Between | None


@dataclass(frozen=True, slots=True)
class Echo:
    """From here on, send back each message of the client."""


@dataclass(frozen=True, slots=True)
class IgnorePings:
    """From here on, answer no ping."""


@dataclass(frozen=True, slots=True)
class DelayPongs:
    """From here on, answer each ping this much later."""

    delay_s: Between


@dataclass(frozen=True, slots=True)
class Close:
    """Send a close frame, valid or not, and end the TCP connection when the client has answered it."""

    code: int | None
    # None = a close frame without a code
    reason: bytes = b""


@dataclass(frozen=True, slots=True)
class Drop:
    """End the TCP connection without a close frame."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Reset the TCP connection (RST)."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Play some steps again and again."""

    steps: tuple[Step, ...]
    times: int | None
    # None = for ever


@dataclass(frozen=True, slots=True)
class Cycle:
    """Play one of some steps, the next one each time, over all sessions of the server."""

    steps: tuple[Step, ...]


Step: TypeAlias = (
    Send
    | Raw
    | Ping
    | Wait
    | Receive
    | Freeze
    | Echo
    | IgnorePings
    | DelayPongs
    | Close
    | Drop
    | Abort
    | Repeat
    | Cycle
)


NO_CONNECTION = ConnectionSpec(name="", url=Sensitive(""))


@dataclass(frozen=True, slots=True)
class Scenario:
    """One server: its name, its handshakes, its script, and the connection that suits it."""

    name: str
    handshakes: tuple[Handshake, ...]
    # one a TCP connection, in order; the last one for all further ones
    steps: tuple[Step, ...] = ()
    title: str = ""
    values: tuple[tuple[str, Value], ...] = ()
    # what the templates' ``$names`` stand for, beside the built-in ones
    connection: ConnectionSpec = NO_CONNECTION
    # how to connect to it; its URL is known when the server runs
    digest: str = ""
    # sha256 of the text it was read from, hex

    def with_(self, *, rate: float | None = None, count: int | None = None, size_bytes: int | None = None) -> Scenario:
        """The same scenario with every ``send`` at this rate (messages a second), count and size."""
        changes: dict[str, object] = {}
        if rate is not None:
            changes["rate_per_s"] = rate
        if count is not None:
            changes |= {"count": count, "duration_s": None}
        if size_bytes is not None:
            changes["sizes_bytes"] = (size_bytes,)
        return replace(self, steps=_with_sends(self.steps, changes))


def _with_sends(steps: tuple[Step, ...], changes: Mapping[str, object]) -> tuple[Step, ...]:
    return tuple(_with_send(step, changes) for step in steps)


def _with_send(step: Step, changes: Mapping[str, object]) -> Step:
    match step:
        case Send():
            return replace(step, **changes)  # type: ignore[arg-type]  # names and types are with_'s own
        case Repeat() | Cycle():
            return replace(step, steps=_with_sends(step.steps, changes))
        case _:
            return step
