"""Decoders of compressed messages: gzip, zlib, raw deflate, zstd, and a zlib stream over all messages of a session."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, Final

from wsmon.decoders.base import DecodeError, Decoder, too_large

_GZIP_MAGIC: Final = b"\x1f\x8b\x08"
# RFC 8878, section 3.1.1
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
# The heads of the four levels of zlib with its usual window (RFC 1950)
_ZLIB_HEADS: Final = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
# What Z_SYNC_FLUSH and Z_FULL_FLUSH end with: an empty block
_FLUSH_END: Final = b"\x00\x00\xff\xff"
# Members of gzip, or frames of zstd, in one message: to begin one costs some microseconds, and 20 bytes
_MOST_PARTS: Final = 16
# As RFC 8878 recommends, 8 MiB; a frame may ask for 2 GiB
_WINDOW_LOG: Final = 23

# ``wbits`` of zlib
_GZIP: Final = 31
_ZLIB: Final = 15
_DEFLATE: Final = -15


def _inflate(payload: bytes, wbits: int, room: int, *, has_parts: bool = False) -> bytes:
    """Return the content of a whole message, which may be several parts, one after the other."""
    content = b""
    for _ in range(_MOST_PARTS if has_parts else 1):
        inflater = zlib.decompressobj(wbits)
        try:
            content += inflater.decompress(payload, room - len(content) + 1)
        except zlib.error as error:
            raise DecodeError(str(error)) from None
        if len(content) > room:
            raise too_large(room)
        # Flushed, and not ended: servers that compress each message of a stream with a context of its own
        if not inflater.eof and not (payload.endswith(_FLUSH_END) and not inflater.unconsumed_tail):
            raise DecodeError("it ends within the compressed data")
        payload = inflater.unused_data
        if not payload:
            return content
    raise DecodeError("it goes on after the end of the compressed data")


def _gunzip(payload: bytes, _state: None, room: int) -> bytes:
    return _inflate(payload, _GZIP, room, has_parts=True)


def _unzlib(payload: bytes, _state: None, room: int) -> bytes:
    return _inflate(payload, _ZLIB, room)


def _undeflate(payload: bytes, _state: None, room: int) -> bytes:
    return _inflate(payload, _DEFLATE, room)


@dataclass(slots=True)
class InflateStream:
    """The zlib stream of one direction of a session."""

    inflater: Any = None
    """None before its first message."""
    content: bytes = b""
    """Of a message that continues."""
    received: int = 0
    """Bytes of which it was made: with those to come they say what the message may become."""
    is_lost: bool = False
    """Whether a message could not be decoded: what follows refers to it."""

    @property
    def is_open(self) -> bool:
        """Whether it has begun, and what follows can be decoded."""
        return self.inflater is not None and not self.is_lost


def _unstream(payload: bytes, stream: InflateStream, room: int) -> bytes | None:
    """Decode the next message of a stream; it continues until one ends with a flush.

    A block of deflate never begins as the head of zlib does, with bits set in its padding: a message that begins so
    starts the stream anew.
    """
    if stream.is_lost:
        raise DecodeError("an earlier message of the stream was not decoded", "lost")
    if payload.startswith(_ZLIB_HEADS) and not stream.content:
        stream.inflater = None
    if stream.inflater is None:
        stream.inflater = zlib.decompressobj(_ZLIB)
    left = room - len(stream.content)
    # zlib takes 0 for no limit
    if left < 0:
        raise _lost(stream, too_large(room).what)
    try:
        stream.content += stream.inflater.decompress(payload, left + 1)
    except zlib.error as error:
        raise _lost(stream, str(error)) from None
    if len(stream.content) > room:
        raise _lost(stream, too_large(room).what)
    if stream.inflater.unused_data:
        raise _lost(stream, "it goes on after the end of the stream")
    if not payload.endswith(_FLUSH_END) and not stream.inflater.eof:
        stream.received += len(payload)
        return None
    content, stream.content, stream.received = stream.content, b"", 0
    return content


def _lost(stream: InflateStream, why: str) -> DecodeError:
    stream.is_lost = True
    stream.inflater, stream.content, stream.received = None, b"", 0
    return DecodeError(why, "lost", "The messages that follow refer to this one, and are recorded as they come")


def _zstd_module() -> Any:
    """Return the module that decodes zstd, of Python 3.14 or the extra; None where there is neither."""
    # Imported when a message needs it: few do
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]  # from 3.14 on
    except ImportError:
        try:
            from backports import zstd
        except ImportError:
            return None
    return zstd


def _unzstd(payload: bytes, _state: None, room: int) -> bytes:
    zstd = _zstd_module()
    if zstd is None:
        raise DecodeError("zstd is not installed", "missing", "Install the extra: pip install 'wsmon[zstd]'")
    content: bytes = b""
    for _ in range(_MOST_PARTS):
        decompressor = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})
        try:
            content += decompressor.decompress(payload, room - len(content) + 1)
        except zstd.ZstdError as error:
            sentence = str(error).rpartition(": ")[2]
            # Of the library's own words: the window is larger than allowed
            raise DecodeError(sentence, "refused" if "too much memory" in sentence else "damaged") from None
        if len(content) > room:
            raise too_large(room)
        if not decompressor.eof:
            raise DecodeError("it ends within the compressed data")
        payload = decompressor.unused_data
        if not payload:
            return content
    raise DecodeError("it goes on after the end of the compressed data")


GZIP: Final = Decoder("gzip", _gunzip, magic=(_GZIP_MAGIC,))
ZLIB: Final = Decoder("zlib", _unzlib, magic=_ZLIB_HEADS)
DEFLATE: Final = Decoder("deflate", _undeflate)
ZLIB_STREAM: Final = Decoder("zlib-stream", _unstream, InflateStream, magic=_ZLIB_HEADS, end=_FLUSH_END)
ZSTD: Final = Decoder("zstd", _unzstd, magic=(_ZSTD_MAGIC,))
