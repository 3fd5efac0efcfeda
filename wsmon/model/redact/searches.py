"""Searches for any of many needles in messages in lower case: which there are, where, and the words of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

# What one search finds with SIMD, and how many of them cost less than one without
_SIMD_NEEDLES = 64
_MOST_SEARCHES = 4
# Longer messages are searched in pieces of this size
PIECE_BYTES = 16 * 1024
# The first piece of a long one: which keys it repeats is known behind it
_FIRST_PIECE_BYTES = 4 * 1024

# Start and end of a word
Hit: TypeAlias = tuple[int, int]


def found_in_pieces(
    find: Callable[[bytes], list[tuple[int, int, int]]], text: bytes, longest: int, piece_bytes: int = PIECE_BYTES
) -> Iterator[tuple[int, int, int]]:
    """Yield what ``find`` returns for a text: needle, start and end, found a piece at a time.

    ``find`` makes a list of all matches, hundreds of thousands in the worst message, of which the first may be enough.
    ``longest`` is the length of the longest needle.
    """
    at = 0
    while at < len(text):
        piece = text[at : at + piece_bytes + longest - 1] if at or len(text) > piece_bytes else text
        begun_at = at
        at += piece_bytes
        for needle, start, end in find(piece):
            # One that begins in the next piece is found there
            if start >= piece_bytes and piece is not text:
                break
            yield needle, begun_at + start, begun_at + end
            at = max(at, begun_at + end)


def occurs(find: Callable[[bytes], list[tuple[int, int, int]]], text: bytes, longest: int) -> bool:
    """Return whether ``find`` finds anything in a text."""
    if len(text) <= PIECE_BYTES:
        return bool(find(text))
    return any(True for _ in found_in_pieces(find, text, longest))


def shortest(needles: set[bytes]) -> tuple[bytes, ...]:
    """Return the needles that contain no other one: a text that has one of all has one of these."""
    return tuple(
        sorted(needle for needle in needles if not any(other != needle and other in needle for other in needles))
    )


def sixty_fours(needles: tuple[bytes, ...]) -> Iterator[tuple[bytes, ...]]:
    """Yield the needles by up to 64: 74 in two searches take 0.3 ns a byte, in one without SIMD 1.6."""
    if len(needles) > _MOST_SEARCHES * _SIMD_NEEDLES:
        yield needles
        return
    for at in range(0, len(needles), _SIMD_NEEDLES):
        yield needles[at : at + _SIMD_NEEDLES]


def searcher(needles: tuple[bytes, ...]) -> BytesAhoCorasick:
    """Build a search for any of the needles in a text in lower case.

    Leftmost-first is the only kind of match that uses SIMD, up to 64 needles.
    """
    return BytesAhoCorasick(needles, matchkind=MatchKind.LeftmostFirst, implementation=Implementation.DFA)


class KeyReading:
    """What the reader of words tells their search about a long message."""

    __slots__ = ("done", "repeated")

    def __init__(self) -> None:
        # Words that begin before are of no use
        self.done = 0
        # Harmless keys that the message repeats, as they stand in it, with quotes and colon. Words within them are left
        # out from the next piece on: in a mebibyte of {"tokenId":1} the search finds 300 words of 75,000
        self.repeated: list[bytes] = []


class KeySearch:
    """Finds the words of credential keys in messages.

    ``needles`` are the words, each with how many bytes of the needle before it and behind it are no part of the word.
    """

    def __init__(self, needles: Mapping[bytes, tuple[int, int]]) -> None:
        kept = shortest(set(needles))
        self._surplus = tuple(needles[needle] for needle in kept)
        self._find = searcher(kept).find_matches_as_indexes
        self._longest = max(map(len, kept))

    def hits(
        self, text: bytes, lowered: bytes, reading: KeyReading | None, piece_bytes: int = PIECE_BYTES
    ) -> Iterable[Hit]:
        """Return start and end of the words, ascending; ``lowered`` is ``text`` in lower case.

        With ``reading`` the text is searched in pieces, and what it says is left out.
        """
        if reading is not None:
            return self._in_pieces(text, lowered, reading, piece_bytes)
        found = []
        for needle, start, end in self._find(lowered):
            before, behind = self._surplus[needle]
            found.append((start + before, end - behind))
        return found

    def _in_pieces(self, text: bytes, lowered: bytes, reading: KeyReading, piece_bytes: int) -> Iterator[Hit]:
        at, size = 0, min(piece_bytes, _FIRST_PIECE_BYTES)
        repeated = reading.repeated
        while at < len(text):
            reach = at + size + self._longest - 1
            piece = _without(text[at:reach], repeated).lower() if repeated else lowered[at:reach]
            begun_at = at
            at += size
            for needle, start, end in self._find(piece):
                # One that begins in the next piece is found there
                if start >= size:
                    break
                if end > size:
                    at = begun_at + end
                if begun_at + start >= reading.done:
                    before, behind = self._surplus[needle]
                    yield begun_at + start + before, begun_at + end - behind
            # A word that began before counts as found
            at = max(at, reading.done - self._longest)
            size = piece_bytes


def _without(piece: bytes, keys: Sequence[bytes]) -> bytes:
    """Return a piece of a message with the names of these keys, in quotes and with a colon each, blank."""
    for key in keys:
        piece = piece.replace(key, b'"' + b"\0" * (len(key) - 3) + b'":')
    return piece
