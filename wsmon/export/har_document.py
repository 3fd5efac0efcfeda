"""The JSON of an HTTP Archive, entry by entry: what comes after an error in it is lost, what comes before is not.

The standard library's reader is used, since it can go on from any place and takes half characters (lone surrogates) and
control characters in texts, which browsers write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from json import JSONDecodeError, JSONDecoder

from wsmon.errors import UsageError
from wsmon.export.import_session import Fault

# int() of Python refuses more than 4,300 digits; no number of an archive has as many as these
_INTEGER_DIGITS = 40
_BLANKS = re.compile(r"[ \t\r\n]*")


class HarEntries:
    """The entries of an archive, as Python's own values; floats are ``Decimal``."""

    def __init__(self, archive: bytes) -> None:
        """Raise ``UsageError`` where it is no archive."""
        # Bytes that are no UTF-8 become lone surrogates
        self._text = archive.decode("utf-8", "surrogateescape")
        self._decoder = JSONDecoder(parse_float=Decimal, parse_int=_integer, strict=False)
        self.creator = ""
        """The program that wrote the archive, as it calls itself."""
        self.first_page: object = None
        """The first page of a browser's archive, which has a time of its own."""
        try:
            self._first = self._place_of_entries()
        except (ValueError, RecursionError) as error:
            raise UsageError(
                f"not a valid HTTP Archive: {error}", "if it is not an HTTP Archive, set --format"
            ) from error

    def __iter__(self) -> Iterator[object | Fault]:
        """Iterate over the entries; a fault is the last one, where the rest cannot be read."""
        place, number = self._skip(self._first + 1), 1
        try:
            while not self._text.startswith("]", place):
                value, place = self._decoder.raw_decode(self._text, place)
                yield value
                number += 1
                place = self._skip(place)
                if self._text.startswith(",", place):
                    place = self._skip(place + 1)
                elif not self._text.startswith("]", place):
                    raise ValueError(f"Expecting ',' or ']': {self._where(place)}")
        except (ValueError, RecursionError) as error:
            yield Fault(number, f"the rest of the file cannot be read: {self._reason(error, place)}", "entry")

    def _place_of_entries(self) -> int:
        """Index of the bracket that opens the entries; notes the creator on the way. Raises ``ValueError``."""
        place = self._skip(0)
        if place == len(self._text):
            raise ValueError("it is empty")
        if not self._text.startswith("{", place):
            raise ValueError("must be a JSON object")
        for key, at in self._members(place):
            if key == "log":
                if not self._text.startswith("{", at):
                    raise ValueError("`log` must be an object")
                for inner, start in self._members(at):
                    if inner in ("creator", "pages"):
                        value, _ = self._decoder.raw_decode(self._text, start)
                        self._note(inner, value)
                    if inner == "entries":
                        if not self._text.startswith("[", start):
                            raise ValueError("`log.entries` must be an array")
                        return start
                raise ValueError("`log.entries` is missing")
        raise ValueError("`log` is missing")

    def _note(self, key: str, value: object) -> None:
        """Note what stands before the entries."""
        if key == "creator" and isinstance(value, dict) and isinstance(name := value.get("name"), str):
            self.creator = name
        if key == "pages" and isinstance(value, list) and value:
            self.first_page = value[0]

    def _members(self, place: int) -> Iterator[tuple[str, int]]:
        """Iterate over the keys of the object that begins here, each with the index of its value."""
        place = self._skip(place + 1)
        while not self._text.startswith("}", place):
            key, place = self._decoder.raw_decode(self._text, place)
            place = self._skip(place)
            if not isinstance(key, str) or not self._text.startswith(":", place):
                raise ValueError(f"Expecting ':' after a key: {self._where(place)}")
            place = self._skip(place + 1)
            yield key, place
            _, place = self._decoder.raw_decode(self._text, place)
            place = self._skip(place)
            if self._text.startswith(",", place):
                place = self._skip(place + 1)
            elif not self._text.startswith("}", place):
                raise ValueError(f"Expecting ',' or '}}': {self._where(place)}")

    def _skip(self, place: int) -> int:
        found = _BLANKS.match(self._text, place)
        return found.end() if found else place

    def _reason(self, error: Exception, place: int) -> str:
        """Why an entry cannot be read; where the file is cut off, the error is about its last characters."""
        if isinstance(error, JSONDecodeError):
            is_cut = error.pos >= len(self._text.rstrip()) or error.msg.startswith("Unterminated")
        else:
            is_cut = place >= len(self._text)
        return "it ends early" if is_cut else str(error)

    def _where(self, place: int) -> str:
        line = self._text.count("\n", 0, place) + 1
        column = place - self._text.rfind("\n", 0, place)
        return f"line {line} column {column} (char {place})"


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _INTEGER_DIGITS else Decimal(digits)
