"""permessage-deflate (RFC 7692): what wsmon offers, and the extension that inflates whole messages for the tap.

engine/dial.py offers it, and engine/tap.py calls ``TapDeflate.inflate``; the library calls the rest.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.frames import Frame

# What ends a compressed message and is not sent (RFC 7692, section 7.2.1)
TAIL = b"\x00\x00\xff\xff"
# As the library: a longer message is not copied to put the tail behind it
_TAIL_BELOW_BYTES = 2044
# How far back a message may refer (RFC 1951, section 2), and bytes of messages past which all but that is dropped
_WINDOW_BYTES = 32 * 1024
_KEPT_BYTES = 4 * _WINDOW_BYTES


class DeflateHistory:
    """The end of what was inflated in one direction: what the next message may refer to.

    A sender may end a message with a final block (RFC 7692, section 7.2.3.4), with which the stream of a zlib decoder
    is over: of what follows it returns nothing, and says nothing either. A new one needs to know what came before.
    """

    def __init__(self) -> None:
        # The newest messages, or parts of them, and their bytes; at least what the next one may refer to
        self._recent: list[bytes] = []
        self._recent_bytes = 0

    def add(self, inflated: bytes) -> None:
        """Remember what was inflated."""
        recent = self._recent
        recent.append(inflated)
        self._recent_bytes += len(inflated)
        if self._recent_bytes > _KEPT_BYTES:
            recent[:] = [b"".join(recent)[-_WINDOW_BYTES:]]
            self._recent_bytes = len(recent[0])

    def window(self) -> bytes:
        """Return the dictionary of a new decoder."""
        return b"".join(self._recent)[-_WINDOW_BYTES:]


class DeflateOffer(ClientPerMessageDeflateFactory):
    """The library's offer of permessage-deflate, which also takes the smallest window for what we send.

    A server may answer ``client_max_window_bits=8`` to the offer (RFC 7692, section 7.1.2.2), and zlib cannot compress
    with it. Our messages go out uncompressed then, which section 6 allows for each message.
    """

    def __init__(self) -> None:
        # As the library's own offer
        super().__init__(compress_settings={"memLevel": 5})

    def process_response_params(
        self, params: Sequence[tuple[str, str | None]], accepted_extensions: Sequence[Extension]
    ) -> PerMessageDeflate:
        """Return the extension as negotiated; raises ``NegotiationError``."""
        name = "client_max_window_bits"
        if params.count((name, "8")) != 1:
            return TapDeflate(super().process_response_params(params, accepted_extensions))
        wider = [(key, "9" if key == name else value) for key, value in params]
        return TapDeflate(super().process_response_params(wider, accepted_extensions), compresses=False)


class TapDeflate(PerMessageDeflate):
    """permessage-deflate whose messages are inflated by the tap where they are whole, and else by the library.

    Both use one decoder, so that either goes on where the other stopped. One whose stream is over is replaced, see
    ``DeflateHistory``.
    """

    def __init__(self, agreed: PerMessageDeflate, *, compresses: bool = True) -> None:
        """``compresses``: whether what we send is compressed."""
        super().__init__(
            agreed.remote_no_context_takeover,
            agreed.local_no_context_takeover or not compresses,
            agreed.remote_max_window_bits,
            agreed.local_max_window_bits,
            agreed.compress_settings,
        )
        self._compresses = compresses
        # Why a message could not be inflated; the library is given that message, and fails the connection for it
        self._fault: ProtocolError | PayloadTooBig | None = None
        self._history = DeflateHistory()

    def inflate(self, payload: bytes, limit_bytes: int) -> bytes | None:
        """Return a whole message, as ``decode`` does; None where ``decode`` must be called, which refuses it."""
        if self._fault is not None:
            return None
        if self.remote_no_context_takeover:
            decoder = zlib.decompressobj(wbits=-self.remote_max_window_bits)
        else:
            decoder = self.decoder
        try:
            if len(payload) < _TAIL_BELOW_BYTES:
                message = decoder.decompress(payload + TAIL, limit_bytes)
                is_whole = not decoder.unconsumed_tail
            else:
                message = decoder.decompress(payload, limit_bytes)
                is_whole = not decoder.unconsumed_tail and not decoder.decompress(TAIL, 1)
        except zlib.error as error:
            self._fault = ProtocolError("decompression failed")
            self._fault.__cause__ = error
            return None
        if not is_whole:
            self._fault = PayloadTooBig(None, limit_bytes)
            return None
        if not self.remote_no_context_takeover:
            self._remember(message, is_end=True)
        return message

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Return the frame inflated; raises ``ProtocolError`` or ``PayloadTooBig``."""
        # The decoder has taken the message, and would not say the same of it again
        if self._fault is not None:
            raise self._fault
        inflated = super().decode(frame, max_size=max_size)
        if inflated is not frame and not self.remote_no_context_takeover:
            self._remember(bytes(inflated.data), is_end=frame.fin)
        return inflated

    def _remember(self, inflated: bytes, *, is_end: bool) -> None:
        """Keep what the next message may refer to; at the end of one with a final block, begin a new decoder."""
        self._history.add(inflated)
        if is_end and self.decoder.eof:
            self.decoder = zlib.decompressobj(wbits=-self.remote_max_window_bits, zdict=self._history.window())

    def encode(self, frame: Frame) -> Frame:
        """Return the frame compressed, or as it is where we send nothing compressed."""
        return super().encode(frame) if self._compresses else frame
