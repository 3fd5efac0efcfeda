"""What a tap tells about one connection, and the faults that it finds itself.

All calls are synchronous, in the order of the bytes; sizes are in bytes, ``wire_size`` counts frame headers and
compression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from wsmon.errors import WsmonError
from wsmon.model.events import Opcode as OpcodeName

if TYPE_CHECKING:
    from wsmon.engine.tap import Tap

DataOpcode = Literal["text", "binary"]


class InvalidUtf8Error(WsmonError):
    """A text message that is no UTF-8."""


class WriteOverflowError(WsmonError):
    """A peer that makes us write and does not read."""


class LifeListener(Protocol):
    """Follows a connection from the handshake to its faults."""

    def on_connected(self, tap: Tap) -> None:
        """TCP and TLS are up; the upgrade request follows."""
        ...

    def on_upgraded(self, tap: Tap) -> None:
        """The peer switched protocols; frames may follow at once."""
        ...

    def on_fault(self, fault: Exception) -> None:
        """The peer broke the protocol or a limit: the connection is being failed. Told once."""
        ...


class FrameListener(Protocol):
    """Sees every frame."""

    def on_chunk(self) -> None:
        """Bytes arrived; the frames they complete are told before ``on_chunk_end``."""
        ...

    def on_chunk_end(self) -> None:
        """All frames of the bytes that arrived were told."""
        ...

    def on_message(self, opcode: DataOpcode, payload: bytes, wire_size: int, fragments: int) -> None:
        """A whole message came in; text is valid UTF-8."""
        ...

    def on_ping(self, payload: bytes, wire_size: int) -> None:
        """A ping came in; the library answers it."""
        ...

    def on_pong(self, payload: bytes, wire_size: int) -> None:
        """A pong came in."""
        ...

    def on_sent(self, opcode: OpcodeName, payload: bytes, wire_size: int) -> None:
        """A frame went out, the library's own pongs and closes included; ``payload`` is plain."""
        ...
