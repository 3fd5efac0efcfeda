"""Input of an import: a file or standard input, unpacked where it is gzip, as UTF-8, by lines or as a whole."""

from __future__ import annotations

import codecs
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from wsmon.errors import UsageError
from wsmon.export.import_session import Fault, Line

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

STDIN = "-"
# Read from the start of a file, to find its format
HEAD_BYTES = 64 * 1024
# A message of 64 MiB in base64 fits; a file without line breaks must not fill the memory
MAX_LINE_BYTES = 128 * 1024 * 1024
# An archive is read as a whole, and its text takes up to four times as much
MAX_ARCHIVE_BYTES = 1024 * 1024 * 1024
_PIECE_BYTES = 256 * 1024

_GZIP = b"\x1f\x8b"
_GZIP_SUFFIXES = (".gz", ".gzip")
# zlib: a gzip header is expected
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
# Other compressions, and how to unpack them
_OTHER_COMPRESSIONS = (
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd -dc"),
    (b"\xfd7zXZ\x00", "xz", "xz -dc"),
    (b"BZh", "bzip2", "bzip2 -dc"),
    (b"PK\x03\x04", "zip", "unzip -p"),
)
_SQLITE = b"SQLite format 3\x00"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class ImportSource:
    """An open input, read once from its start; ``read_bytes`` counts what came from the file so far."""

    def __init__(self, label: str, stem: str, suffix: str, raw: BinaryIO, total_bytes: int) -> None:
        """``raw`` is closed by the caller; raises ``UsageError`` where its beginning cannot be read as text."""
        self.label = label
        """The path, or "standard input"."""
        self.stem = stem
        """The name of the file without its suffixes."""
        self.suffix = suffix
        """Of the unpacked file, in lower case."""
        self.total_bytes = total_bytes
        """Size of the file; 0 = not known."""
        self.read_bytes = 0
        """Bytes of the file read so far, as they are in the file."""
        self.damage = ""
        """Why a compressed file ends early, once it was read so far."""
        start, pieces = _peeked(self._counted(raw), len(_SQLITE))
        if start.startswith(_GZIP):
            pieces = self._unpacked(pieces)
        start, pieces = _peeked(pieces, HEAD_BYTES)
        self._refuse_other(start)
        for mark, encoding in _BOMS:
            if start.startswith(mark):
                start, pieces = _peeked(_recoded(pieces, encoding), HEAD_BYTES)
        self.head = start
        """The first ``HEAD_BYTES``, unpacked, without a byte order mark."""
        self._stream = io.BufferedReader(_PieceReader(pieces), _PIECE_BYTES)

    def lines(self) -> Iterator[Line]:
        """Iterate over the lines; a line that cannot be read is a fault, so is a file that ends early."""
        number = 0
        while line := self._stream.readline(MAX_LINE_BYTES):
            number += 1
            if len(line) < MAX_LINE_BYTES or line.endswith(b"\n"):
                yield line
                continue
            while rest := self._stream.readline(_PIECE_BYTES):
                if rest.endswith(b"\n"):
                    break
            yield Fault(number, f"the line is longer than {MAX_LINE_BYTES // 1024**2} MiB")
        if self.damage:
            yield Fault(number + 1, self.damage, lost=0)

    def whole(self) -> bytes:
        """Read everything; raises ``UsageError`` where it is larger than ``MAX_ARCHIVE_BYTES``."""
        found = bytearray()
        while piece := self._stream.read(_PIECE_BYTES):
            found += piece
            if len(found) > MAX_ARCHIVE_BYTES:
                raise UsageError(
                    f"{self.label} is larger than {MAX_ARCHIVE_BYTES // 1024**2:,} MiB unpacked, and an archive is "
                    "read as a whole",
                    "export fewer entries, such as the WebSocket connections alone",
                )
        return bytes(found)

    def _counted(self, raw: BinaryIO) -> Iterator[bytes]:
        # Of a pipe, what it has: the buffer of standard input would wait for more
        read = getattr(raw, "read1", raw.read)
        while piece := read(_PIECE_BYTES):
            self.read_bytes += len(piece)
            yield piece

    def _unpacked(self, packed: Iterator[bytes]) -> Iterator[bytes]:
        """Unpack one gzip stream after the other; where the data is damaged, everything before it is kept."""
        unpacker = zlib.decompressobj(_GZIP_WINDOW)
        has_begun = False
        for piece in packed:
            while piece:
                try:
                    data = unpacker.decompress(piece, _PIECE_BYTES)
                except zlib.error as error:
                    self.damage = f"the compressed file is damaged from here on ({error})"
                    return
                has_begun = True
                if data:
                    yield data
                piece = unpacker.unconsumed_tail
                if unpacker.eof:
                    # Zeros fill up the last block of a tape
                    piece = unpacker.unused_data.lstrip(b"\x00")
                    unpacker, has_begun = zlib.decompressobj(_GZIP_WINDOW), False
        if has_begun and (data := unpacker.flush()):
            yield data
        if has_begun and not unpacker.eof:
            self.damage = "the compressed file ends early; everything before is imported"

    def _refuse_other(self, start: bytes) -> None:
        for magic, name, command in _OTHER_COMPRESSIONS:
            if start.startswith(magic):
                raise UsageError(
                    f"{self.label} is compressed with {name}, which import does not support",
                    f"unpack it: {command} FILE | wsmon import - --store NEW",
                )
        if start.startswith(_SQLITE):
            raise UsageError(f"{self.label} is a SQLite database", "to view a store of wsmon, use `wsmon open`")


@contextmanager
def opened(path: str) -> Iterator[ImportSource]:
    """Open a path, or standard input for ``-``, for the block."""
    if path == STDIN:
        yield ImportSource("standard input", "stdin", "", sys.stdin.buffer, 0)
        return
    file = Path(path)
    inner = file.with_suffix("") if file.suffix.lower() in _GZIP_SUFFIXES else file
    with file.open("rb") as raw:
        yield ImportSource(path, inner.stem, inner.suffix.lower(), raw, file.stat().st_size)


class _PieceReader(io.RawIOBase):
    """A raw stream that reads the pieces of an iterator."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Return True: a buffer asks."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer as far as the current piece goes; 0 at the end."""
        if not self._ready:
            self._ready = memoryview(next(self._pieces, b""))
        view = memoryview(buffer)
        size = min(len(view), len(self._ready))
        view[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def _recoded(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Recode a file as UTF-8 without its byte order mark; UTF-8 stays as it is, what is no UTF-16 becomes U+FFFD."""
    is_start = True
    if encoding == "utf-8":
        for piece in pieces:
            yield piece.removeprefix(codecs.BOM_UTF8) if is_start else piece
            is_start = False
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for piece in chain(pieces, (b"",)):
        text = decoder.decode(piece, final=not piece)
        if text:
            yield (text.removeprefix("\ufeff") if is_start else text).encode("utf-8", "replace")
            is_start = False


def _peeked(pieces: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """Return at least ``size`` bytes of the start where there are as many, and pieces that begin with them."""
    start = b""
    while len(start) < size and (piece := next(pieces, b"")):
        start += piece
    return start, chain((start,), pieces) if start else pieces
