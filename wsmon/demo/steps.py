"""Handshakes and steps of a scripted server: the structs that the tables of a scenario file become.

Every ``[[handshake]]`` and every ``[[step]]`` of a scenario is one of these structs, chosen by its key ``do``.
After its last step a server holds the connection open and answers pings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, Self, TypeAlias, cast

import msgspec
from msgspec import Meta, field
from websockets.frames import Opcode

from wsmon.demo.template import Template, parse_template
from wsmon.errors import UsageError
from wsmon.model.units import DURATION_HINT, SIZE_HINT, parse_duration, parse_size

# RFC 6455, section 5.5: a control frame holds 125 bytes, two of them are the close code.
CLOSE_REASON_BYTES = 123

# Messages, repetitions: a bound that only a typing error exceeds.
Amount: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000_000)]


class DurationRange(tuple[float, float]):
    """A time in seconds between two bounds, drawn anew each time that it is used."""

    __slots__ = ()

    @classmethod
    def parse(cls, written: object) -> Self:
        """Read ``"1.5s"``, a number of seconds, or ``["1s", "3s"]``. Raises ValueError."""
        ends = written if isinstance(written, list) else [written, written]
        if len(ends) != 2:
            raise ValueError(f'invalid duration {written!r}. use one ("500ms") or two (["1s", "3s"])')
        low, high = (_quantity(end, parse_duration, DURATION_HINT) for end in ends)
        if low > high:
            raise ValueError(f"invalid range {written!r}. put the shorter duration first")
        return cls((low, high))

    def at(self, roll: float) -> float:
        """Return the seconds at ``roll``, a number in [0, 1)."""
        low, high = self
        return low + (high - low) * roll


class Sizes(tuple[int, ...]):
    """Sizes in bytes, taken in turn."""

    __slots__ = ()

    @classmethod
    def parse(cls, written: object) -> Self:
        """Read ``"4KiB"``, a number of bytes, or a list of such. Raises ValueError."""
        sizes = written if isinstance(written, list) else [written]
        return cls(int(_quantity(size, parse_size, SIZE_HINT)) for size in sizes)


class Templates(tuple[Template, ...]):
    """Text payloads, taken in turn."""

    __slots__ = ()

    @classmethod
    def parse(cls, written: object) -> Self:
        """Read a text or a list of texts. Raises ValueError."""
        texts = written if isinstance(written, list) else [written]
        templates = cls(parse_template(text) for text in texts if isinstance(text, str))
        if not texts or len(templates) < len(texts):
            raise ValueError(f"expected text, got {written!r}. use a string or a list of strings")
        return templates


class HexBytes(bytes):
    """Bytes that a scenario writes in hexadecimal."""

    @classmethod
    def parse(cls, written: object) -> Self:
        """Read ``"ff 00"``. Raises ValueError."""
        try:
            return cls.fromhex(cast(str, written))
        except (TypeError, ValueError):
            raise ValueError(f"{written!r} is not hexadecimal. write two digits for each byte") from None


def _quantity(written: object, parse: Callable[[str], float], hint: str) -> float:
    if isinstance(written, (int, float)) and not isinstance(written, bool) and written >= 0:
        return float(written)
    if not isinstance(written, str):
        raise ValueError(f"expected a number with a unit, got {written!r}. {hint}")
    try:
        return parse(written)
    except UsageError as error:
        raise ValueError(f"{error.what} ({written}). {error.hint}") from None


NO_DELAY = DurationRange((0.0, 0.0))
NO_TEXTS = Templates()
NO_SIZES = Sizes()


class _Tagged(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"):
    """A table of a scenario file whose key ``do`` says what it is."""


class Accept(_Tagged, frozen=True, tag="accept"):
    """Answer with 101, then play the steps."""

    delay_s: DurationRange = field(name="delay", default=NO_DELAY)
    headers: dict[str, str] = {}
    """Replace the response's own headers of the same name."""
    subprotocols: tuple[str, ...] = ()
    """In order of preference; a client that offers none of them goes on without one."""
    compression: bool = False


class Refuse(_Tagged, frozen=True, tag="refuse"):
    """Answer with any other status."""

    status: Annotated[int, Meta(ge=200, le=599)] = 403
    phrase: str = ""
    """Empty = the standard phrase of the status."""
    headers: dict[str, str] = {}
    body: str = ""
    body_hex: HexBytes = HexBytes()
    """Takes the place of ``body``, for bytes that are no UTF-8."""
    delay_s: DurationRange = field(name="delay", default=NO_DELAY)

    @property
    def body_octets(self) -> bytes:
        """The body as it is sent."""
        return self.body_hex or self.body.encode()


class Redirect(_Tagged, frozen=True, tag="redirect"):
    """Answer with a redirect to another place."""

    location: Annotated[str, Meta(min_length=1)]
    status: Annotated[int, Meta(ge=300, le=399)] = 302
    headers: dict[str, str] = {}
    delay_s: DurationRange = field(name="delay", default=NO_DELAY)

    @property
    def refusal(self) -> Refuse:
        """The refusal that makes this redirect."""
        return Refuse(self.status, headers={"Location": self.location, **self.headers}, delay_s=self.delay_s)


class Garble(_Tagged, frozen=True, tag="garble"):
    """Answer the request with these bytes, whatever they are, and end the TCP connection."""

    text: str = ""
    hex: HexBytes = HexBytes()
    """Takes the place of ``text``, for bytes that are no UTF-8."""
    delay_s: DurationRange = field(name="delay", default=NO_DELAY)

    @property
    def response(self) -> bytes:
        """The bytes as they are sent."""
        return self.hex or self.text.encode()


class Hang(_Tagged, frozen=True, tag="hang"):
    """Never answer the request."""


Handshake: TypeAlias = Accept | Refuse | Redirect | Garble | Hang


class Send(_Tagged, frozen=True, tag="send"):
    """Send messages of text, of fixed bytes, or numbered binary ones; texts and sizes are taken in turn.

    Without ``text`` and ``hex`` a message is the sequence number (8 bytes, big endian), then a pattern, in binary.
    """

    texts: Templates = field(name="text", default=NO_TEXTS)
    hex: HexBytes | None = None
    """Sent where there is no ``text``."""
    frame_type: Literal["text", "binary"] | Annotated[int, Meta(ge=0, le=15)] | None = field(name="as", default=None)
    """A number is an opcode; None = text for ``text``, else binary."""
    rate_per_s: Annotated[float, Meta(ge=0)] | None = field(name="rate", default=None)
    """None or 0 = as fast as the client reads."""
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """A gap between two messages is 1/rate × (1 ± jitter)."""
    count: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None
    """None = until the duration is over or the client leaves; one message where there is neither duration nor rate."""
    duration_s: DurationRange | None = field(name="for", default=None)
    """None = no limit of time."""
    fragments: Annotated[int, Meta(ge=1, le=10_000)] = 1
    sizes_bytes: Sizes = field(name="size", default=NO_SIZES)
    """What ``$pad`` and the pattern of a numbered message fill up to."""

    def __post_init__(self) -> None:
        needs_size = any(text.has_pad for text in self.texts) or (not self.texts and self.hex is None)
        if needs_size != bool(self.sizes_bytes):
            raise ValueError("size and what it is for belong together. give text with $pad, or size alone")

    @property
    def opcode(self) -> int:
        """The opcode on the wire."""
        if isinstance(self.frame_type, int):
            return self.frame_type
        is_text = self.frame_type == "text" or (self.frame_type is None and bool(self.texts))
        return Opcode.TEXT if is_text else Opcode.BINARY

    @property
    def limit(self) -> int | None:
        """The most messages that are sent; None = no limit."""
        if self.count is None and self.rate_per_s is None and self.duration_s is None:
            return 1
        return self.count


class Raw(_Tagged, frozen=True, tag="raw"):
    """Write bytes that need not be a frame."""

    text: str = ""
    hex: HexBytes = HexBytes()
    """Takes the place of ``text``, for bytes that are no UTF-8."""

    @property
    def octets(self) -> bytes:
        """The bytes as they are written."""
        return self.hex or self.text.encode()


class Ping(_Tagged, frozen=True, tag="ping"):
    """Ping the client; the payload is cut to the 125 bytes that a control frame holds."""

    text: str = ""

    @property
    def payload(self) -> bytes:
        """The payload of the ping frame."""
        return self.text.encode()[:125]


class Wait(_Tagged, frozen=True, tag="wait"):
    """Send nothing for a time, and answer pings."""

    duration_s: DurationRange = field(name="for")


class Silence(_Tagged, frozen=True, tag="silence"):
    """Send nothing, and answer pings; without a duration until the client leaves."""

    duration_s: DurationRange | None = field(name="for", default=None)


class Receive(_Tagged, frozen=True, tag="receive"):
    """Wait until the client has sent this many more messages."""

    count: Amount = 1


class Freeze(_Tagged, frozen=True, tag="freeze"):
    """Stop reading, so that no ping is answered either; without a duration until the end."""

    duration_s: DurationRange | None = field(name="for", default=None)


class Echo(_Tagged, frozen=True, tag="echo"):
    """From here on, send back each message of the client."""


class IgnorePings(_Tagged, frozen=True, tag="ignore_pings"):
    """From here on, answer no ping."""


class DelayPongs(_Tagged, frozen=True, tag="delay_pongs"):
    """From here on, answer each ping this much later."""

    delay_s: DurationRange = field(name="for")


class Close(_Tagged, frozen=True, tag="close"):
    """Send a close frame, valid or not, and end the TCP connection when the client has answered it."""

    code: Annotated[int, Meta(ge=0, le=65535)] | None = None
    """None = a close frame without a code."""
    reason: str = ""
    reason_hex: HexBytes = HexBytes()
    """Takes the place of ``reason``, for bytes that are no UTF-8."""

    def __post_init__(self) -> None:
        size = len(self.reason_octets)
        if self.code is None and size:
            raise ValueError("a close reason needs a code. add code = …")
        if size > CLOSE_REASON_BYTES:
            raise ValueError(f"the reason has {size} bytes. a close frame holds {CLOSE_REASON_BYTES} bytes of reason")

    @property
    def reason_octets(self) -> bytes:
        """The reason as it is sent."""
        return self.reason_hex or self.reason.encode()


class Drop(_Tagged, frozen=True, tag="drop"):
    """End the TCP connection without a close frame."""


class Abort(_Tagged, frozen=True, tag="abort"):
    """Reset the TCP connection (RST)."""


class Repeat(_Tagged, frozen=True, tag="repeat"):
    """Play some steps again and again."""

    steps: Annotated[tuple[Step, ...], Meta(min_length=1)]
    times: Amount | None = None
    """None = for ever."""


class Cycle(_Tagged, frozen=True, tag="cycle"):
    """Play one of some steps, the next one each time, over all sessions of the server."""

    steps: Annotated[tuple[Step, ...], Meta(min_length=1)]


Step: TypeAlias = (
    Send
    | Raw
    | Ping
    | Wait
    | Silence
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
