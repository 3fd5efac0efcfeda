"""Text of the configuration that may hold secrets, and cannot be printed by accident."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MASK = "[FILTERED]"


class Sensitive:
    """A text some parts of which are secret.

    ``reveal()`` is for the socket alone; ``masked``, ``str()`` and ``repr()`` are for everybody else.
    """

    __slots__ = ("_text", "masked")

    def __init__(self, text: str, masked: str | None = None) -> None:
        self._text = text
        # The same text with every secret part replaced by MASK
        self.masked = text if masked is None else masked

    def reveal(self) -> str:
        """The text as it goes to the peer."""
        return self._text

    @property
    def is_secret(self) -> bool:
        """Whether any part of it is secret."""
        return self._text != self.masked

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"Sensitive({self.masked!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and (self._text, self.masked) == (other._text, other.masked)

    def __hash__(self) -> int:
        return hash((self._text, self.masked))

    def __bool__(self) -> bool:
        return bool(self._text)


EMPTY = Sensitive("")


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every occurrence of a secret replaced by MASK, longest secret first."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


# Byte ranges that are to be masked, and the one place that masks them.

MASK_BYTES = MASK.encode()


class ByteRange(NamedTuple):
    """``text[start:end]`` is to be replaced by ``mask``."""

    start: int
    end: int
    mask: bytes = MASK_BYTES


def merge_ranges(spans: Iterable[ByteRange]) -> list[ByteRange]:
    """Spans in order, those that overlap or touch joined.

    The one that begins first gives its mask; of two, the longer; of two on the same bytes, the longer mask, because
    that is the one with quotes.
    """
    merged: list[ByteRange] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, -len(span.mask))):
        if merged and span.start <= merged[-1].end:
            last = merged[-1]
            merged[-1] = ByteRange(last.start, max(last.end, span.end), last.mask)
        else:
            merged.append(span)
    return merged


def mask_ranges(text: bytes, spans: Iterable[ByteRange]) -> bytes:
    """``text`` with every span replaced by its mask; all other bytes as they were."""
    pieces: list[bytes] = []
    done = 0
    for start, end, mask in merge_ranges(spans):
        pieces += text[done:start], mask
        done = end
    pieces.append(text[done:])
    return b"".join(pieces)
