"""What a decoder is: one value, with the bounds that it has to keep and the error that it may raise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from wsmon.errors import WsmonError

# A message may become this large, over all decoders of its chain, whatever ``max_message`` allows: to inflate 8 MiB
# takes 20 to 30 ms, in which the recorder serves no other connection
MOST_BYTES: Final = 8 * 1024 * 1024
# What small messages may become, and above that the ratio: JSON of a feed comes to 5 to 30, deflate can say 1,032
FREE_BYTES: Final = 1024 * 1024
MOST_RATIO: Final = 200

# By the first bytes of a message it is known for most that no decoder fits, in 0.1 µs
MAGIC_BYTES: Final = 2

StateT = TypeVar("StateT")

# damaged: not what it says it is; refused: too large or costly; lost: nor can any later message of the stream be
# decoded; missing: what decodes it is not installed
DecodeTrouble = Literal["damaged", "refused", "lost", "missing"]


class DecodeError(WsmonError):
    """A message that cannot be decoded; ``what`` repeats nothing of it."""

    def __init__(self, what: str, trouble: DecodeTrouble = "damaged", hint: str = "") -> None:
        super().__init__(what, hint)
        self.trouble = trouble


def _no_state() -> Any:
    return None


# Without slots: with them, ``Decoder[State](...)`` raises TypeError in Python 3.11, and plugins write that
@dataclass(frozen=True)
class Decoder(Generic[StateT]):
    """Makes one representation of a message into another: what was compressed, text.

    ``decode`` gets the bytes, the state of the session for the direction of the message, and how many bytes it may
    return. It returns the decoded bytes; None where the message continues in the next one. It raises ``DecodeError``,
    and nothing else, whatever the bytes; it must not need more time or memory than the bytes it may return.
    """

    name: str
    """In the configuration, and in ``meta.encoding``."""
    decode: Callable[[bytes, StateT, int], bytes | None]
    new_state: Callable[[], StateT] = _no_state
    """Makes the state of a session, one for each direction."""
    magic: tuple[bytes, ...] = ()
    """What binary messages begin with, one of these, for ``decode = "auto"``: two bytes or more. Empty where nothing
    marks them."""
    end: bytes = b""
    """What they end with, too."""
    takes_text: bool = False
    """Whether text messages are decoded, too, where the configuration names this decoder first."""

    def __post_init__(self) -> None:
        """Raise ``TypeError`` or ``ValueError`` for magic numbers that are none, or that many messages would have."""
        # A plugin may give anything
        magic: object = self.magic
        if type(magic) is not tuple or not all(isinstance(each, bytes) for each in (*magic, self.end)):
            raise TypeError(f"the magic numbers of {self.name} are a tuple of bytes, and its end is bytes")
        if any(len(magic) < MAGIC_BYTES for magic in self.magic):
            raise ValueError(f"the magic numbers of {self.name} have {MAGIC_BYTES} bytes or more")

    def marks(self, payload: bytes) -> bool:
        """Whether a message begins and ends as this encoding does."""
        return payload.startswith(self.magic) and payload.endswith(self.end)


def room_bytes(size: int, limit_bytes: int) -> int:
    """Return what a message of ``size`` bytes may become, of at most ``limit_bytes``."""
    return min(limit_bytes, max(FREE_BYTES, MOST_RATIO * size))


def too_large(room: int) -> DecodeError:
    """Return the error of a message that becomes larger than ``room`` bytes."""
    return DecodeError(f"its content is larger than {room:,} bytes", "refused")


def is_utf8(payload: bytes) -> bool:
    """Whether bytes are a text."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
