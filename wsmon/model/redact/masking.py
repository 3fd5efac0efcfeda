"""Masks: texts that hide their secret parts, byte ranges of messages replaced by a mask, and what reading may cost.

The budget of redaction is the number of steps that one message may take, so that no message holds up the others. A step
is the work for a word that looks like a key; what is more work takes more steps. Past the budget the rest of a message
is masked unread, and its event says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from wsmon.model.events import Meta

MASK = "[FILTERED]"


class Sensitive:
    """A text of the configuration that may contain secrets, and that cannot be printed by accident.

    ``reveal()`` is for the socket alone; ``masked``, ``str()`` and ``repr()`` hide the secrets.
    """

    __slots__ = ("_text", "masked")

    def __init__(self, text: str, masked: str | None = None) -> None:
        self._text = text
        # The text with every secret part replaced by MASK
        self.masked = text if masked is None else masked

    def reveal(self) -> str:
        """Return the text as it is sent to the peer."""
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
    """Replace every occurrence of a secret in ``text`` by MASK, the longest secret first."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def split_url(url: str) -> SplitResult:
    """Take a recorded URL apart; a mask in it is ``%5BFILTERED%5D`` in the parts. Raises ``ValueError``.

    ``urlsplit`` takes the brackets of a mask, as in ``wss://user:[FILTERED]@host``, for those of an IPv6 address.
    """
    return urlsplit(url.replace(MASK, quote(MASK)))


MASK_BYTES = MASK.encode()


class ByteRange(NamedTuple):
    """A range ``[start:end]`` of a text that ``mask`` replaces."""

    start: int
    end: int
    mask: bytes = MASK_BYTES


def merge_ranges(ranges: Iterable[ByteRange]) -> list[ByteRange]:
    """Return the ranges in order, with overlapping and adjacent ones joined.

    A joined range has the mask of the range that starts first; of two that start together, of the longer range; of two
    equal ones, the longer mask, because that is the one with quotes.
    """
    merged: list[ByteRange] = []
    ordered = sorted(ranges)
    if any(first.end >= second.start for first, second in pairwise(ordered)):
        ordered.sort(key=lambda each: (each.start, -each.end, -len(each.mask)))
    for each in ordered:
        if merged and each.start <= merged[-1].end:
            last = merged[-1]
            merged[-1] = ByteRange(last.start, max(last.end, each.end), last.mask)
        else:
            merged.append(each)
    return merged


def mask_ranges(text: bytes, ranges: Iterable[ByteRange]) -> bytes:
    """Replace every range of ``text`` by its mask; all other bytes stay."""
    pieces: list[bytes] = []
    done = 0
    for start, end, mask in merge_ranges(ranges):
        pieces += text[done:start], mask
        done = end
    pieces.append(text[done:])
    return b"".join(pieces)


# Steps of any message, and bytes of a message for each step more
_BASE_STEPS = 1_500
_BYTES_PER_STEP = 48
# Steps of a name whose words are looked at. A message pays for each of its names once, whatever earlier messages had:
# the same message is masked alike in any company
NAME_STEPS = 14
_NAME_BYTES_PER_STEP = 8

# In the metadata of a message whose rest was masked unread
MASKED_UNREAD: Meta = MappingProxyType({"masked": "budget"})


class StepBudget:
    """The steps that are left for one message of that many bytes."""

    __slots__ = ("_names", "is_over", "left")

    def __init__(self, size_bytes: int) -> None:
        self.left = _BASE_STEPS + size_bytes // _BYTES_PER_STEP
        # Whether a part of the message is masked because it was not read
        self.is_over = False
        # Names that were paid for; most messages have none
        self._names: set[bytes] | None = None

    def take(self, steps: int) -> bool:
        """Take steps; return whether there were enough left."""
        self.left -= steps
        return self.left >= 0

    def take_name(self, name: bytes) -> bool:
        """Take the steps of a name whose meaning is asked for; return whether there were enough left."""
        if self._names is None:
            self._names = set()
        if name not in self._names:
            self._names.add(name)
            self.left -= NAME_STEPS + len(name) // _NAME_BYTES_PER_STEP
        return self.left >= 0

    def rest(self, at: int, text: bytes) -> ByteRange:
        """Return the mask of everything from ``at``, which stays unread."""
        self.is_over = True
        return ByteRange(at, len(text))
