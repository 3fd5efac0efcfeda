"""Places in messages that the configuration names: values found by paths and patterns, conditions, contained texts.

A place that begins with ``$`` is a path into JSON; any other is a regular expression, which finds its first group, or
its whole match where it has none. Patterns are bounded in time: one that takes too long is not used again in the
session, and says so once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import msgspec

from wsmon.config.specs import MessageCondition
from wsmon.model.json_path import MISSING, JsonPath, compile_path, path_reader, text_path_reader
from wsmon.protocols.base import Happening, cut
from wsmon.protocols.jsonrpc_messages import MAX_BYTES
from wsmon.query.patterns import PatternTooSlowError, group_finder

# What patterns are looked for in: the head of a message says what it is
PATTERN_BYTES = 64 * 1024

_BLANK = b" \t\r\n\0\x1e\xef\xbb\xbf"

_Place: TypeAlias = Callable[[bytes], object]


class SlowPatterns:
    """The patterns of one session that took too long, to be reported once each."""

    __slots__ = ("_unreported",)

    def __init__(self) -> None:
        self._unreported: list[str] = []

    def add(self, error: PatternTooSlowError) -> None:
        """Note a pattern that is not used any more."""
        self._unreported.append(f"{error.what}, so it is not used any more in this session. {error.hint}")

    def take(self) -> tuple[Happening, ...]:
        """Return the errors that were not reported yet."""
        if not self._unreported:
            return ()
        sentences, self._unreported = self._unreported, []
        return tuple(Happening("error.occurred", error_type="pattern_too_slow", error=each) for each in sentences)


class Finder:
    """Reads the value at the first of some places that has one."""

    __slots__ = ("_places", "_slow")

    def __init__(self, places: Iterable[str], slow: SlowPatterns, *, is_whole: bool = False) -> None:
        """Compile the places, which the configuration has checked.

        ``is_whole``: a message is one JSON text or none. Else it may hold several; the first with a value counts.
        """
        self._slow = slow
        self._places = [_place(text, is_whole=is_whole) for text in places]

    def __bool__(self) -> bool:
        return bool(self._places)

    def find(self, message: bytes) -> object:
        """Return the value, decoded; ``MISSING`` where no place has one, or only ``null``."""
        for place in tuple(self._places):
            try:
                value = place(message)
            except PatternTooSlowError as error:
                self._places.remove(place)
                self._slow.add(error)
                continue
            if value is not MISSING and value is not None:
                return value
        return MISSING

    def find_text(self, message: bytes) -> str:
        """Return the value as a text of bounded length; empty where there is none, or a list or an object."""
        return value_text(self.find(message))


def _place(text: str, *, is_whole: bool) -> _Place:
    if text.startswith("$"):
        path = compile_path(text)
        read = _whole_reader(path) if is_whole else path_reader(path)
        return lambda message: read(message) if may_be_json(message) else MISSING
    find = group_finder(text)

    def match(message: bytes) -> object:
        found = find(message[:PATTERN_BYTES].decode("utf-8", "replace"))
        return MISSING if found is None else found

    return match


def _whole_reader(path: JsonPath) -> _Place:
    read = text_path_reader(path)

    def read_whole(message: bytes) -> object:
        try:
            return read(message)
        except ValueError:
            return MISSING

    return read_whole


def may_be_json(message: bytes) -> bool:
    """Whether a message starts like an object or an array, and is not too large to be decoded."""
    return len(message) <= MAX_BYTES and message[:64].lstrip(_BLANK)[:1] in (b"{", b"[")


def value_text(value: object) -> str:
    """Return a value that was found as a text of bounded length; empty for a list, an object, or nothing."""
    match value:
        case str():
            return cut(value)
        case bool():
            return "true" if value else "false"
        case int():
            return cut(str(value))
        case float():
            return cut(msgspec.json.encode(value).decode())
    return ""


class Sign:
    """What a message of the peer is recognised by: a text that it contains, or a condition that it meets."""

    __slots__ = ("_choices", "text")

    def __init__(self, wanted: bytes | MessageCondition, slow: SlowPatterns, *, is_whole: bool = False) -> None:
        """``is_whole``: as of a ``Finder``."""
        self.text = b"" if isinstance(wanted, MessageCondition) else wanted
        """The contained text; empty with a condition, and where nothing is looked for."""
        choices = wanted.choices if isinstance(wanted, MessageCondition) else ()
        self._choices = [
            [_Test(place, values, slow, is_whole=is_whole) for place, values in terms] for terms in choices
        ]

    def __bool__(self) -> bool:
        return bool(self.text or self._choices)

    def is_in(self, message: bytes, text: bytes | None = None) -> bool:
        """Whether a message has the sign; ``text`` is looked for instead of its own."""
        if self._choices:
            return any(all(test.holds(message) for test in tests) for tests in self._choices)
        text = self.text if text is None else text
        return bool(text) and text in message


class _Test:
    """One term of a condition."""

    __slots__ = ("_finder", "_values")

    def __init__(self, place: str, values: Iterable[object], slow: SlowPatterns, *, is_whole: bool) -> None:
        self._finder = Finder((place,), slow, is_whole=is_whole)
        # A pattern finds texts
        self._values = tuple(values if place.startswith("$") else map(value_text, values))

    def holds(self, message: bytes) -> bool:
        """Whether a message has one of the values; 1 and true are two values, 1 and 1.0 are one."""
        found = self._finder.find(message)
        is_truth = isinstance(found, bool)
        return any(found == value and isinstance(value, bool) == is_truth for value in self._values)
