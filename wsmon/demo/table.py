"""Reads one TOML table of a scenario: each key is taken once, and what is left over is an error."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import TypeVar

from wsmon.demo.steps import Between
from wsmon.errors import UsageError, WsmonError
from wsmon.model.units import DURATION_HINT, SIZE_HINT, parse_duration, parse_size

_T = TypeVar("_T")


class Table:
    """The entries of one table; ``where`` begins every error, e.g. ``ticker: step 2``."""

    def __init__(self, where: str, entries: Mapping[str, object]) -> None:
        self.where = where
        self._entries = dict(entries)
        self._known: list[str] = []

    def error(self, what: str, hint: str = "") -> WsmonError:
        """An error in this table, to be raised by the caller."""
        return WsmonError(f"{self.where}: {what}", hint)

    def has(self, key: str) -> bool:
        """Whether the key is set and not taken yet."""
        return key in self._entries

    def take(self, key: str, default: object = None) -> object:
        """The key's value as TOML gives it."""
        self._known.append(key)
        return self._entries.pop(key, default)

    def end(self) -> None:
        """Every key that was not taken is an error."""
        for key in self._entries:
            near = difflib.get_close_matches(key, self._known, n=1)
            raise self.error(f"unknown key {key!r}", f"did you mean {near[0]!r}?" if near else "")

    def text(self, key: str, default: str = "") -> str:
        """A string."""
        return self._of(key, default, str, "a string")

    def flag(self, key: str, default: bool = False) -> bool:
        """A boolean."""
        return self._of(key, default, bool, "true or false")

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number in ``low`` … ``high``."""
        number = self.take(key, default)
        if isinstance(number, int) and not isinstance(number, bool) and low <= number <= high:
            return number
        raise self.error(f"{key} is {number!r}", f"use a whole number in {low} … {high}")

    def number(self, key: str, default: float, low: float = 0.0) -> float:
        """A number of at least ``low``."""
        return self._as_number(key, self.take(key, default), low)

    def _as_number(self, key: str, number: object, low: float) -> float:
        if isinstance(number, (int, float)) and not isinstance(number, bool) and number >= low:
            return float(number)
        raise self.error(f"{key} is {number!r}", f"use a number of at least {low:g}")

    def numbers(self, key: str) -> tuple[float, float]:
        """A pair of numbers, the smaller one first."""
        pair = self.take(key)
        if isinstance(pair, list) and len(pair) == 2:
            low, high = (self._as_number(key, item, float("-inf")) for item in pair)
            if low <= high:
                return low, high
        raise self.error(f"{key} is {pair!r}", "use two numbers, the smaller one first")

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, or one string for a list of one."""
        items = self.take(key, [])
        items = [items] if isinstance(items, str) else items
        if isinstance(items, list) and all(isinstance(item, str) for item in items):
            return tuple(items)
        raise self.error(f"{key} is {items!r}", "use a string or a list of strings")

    def octets(self, key: str) -> bytes:
        """Bytes written in hexadecimal."""
        digits = self.text(key)
        try:
            return bytes.fromhex(digits)
        except ValueError:
            raise self.error(f"{key} is {digits!r}", "write bytes in hexadecimal, two digits each") from None

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """A table of strings, in its order."""
        entries = self.take(key, {})
        if isinstance(entries, dict) and all(isinstance(entry, str) for entry in entries.values()):
            return tuple(entries.items())
        raise self.error(f"{key} is {entries!r}", "use a table of strings")

    def table(self, key: str) -> Table:
        """A table inside this one; empty where it is not set."""
        entries = self.take(key, {})
        if isinstance(entries, dict):
            return Table(f"{self.where}: {key}", entries)
        raise self.error(f"{key} is {entries!r}", "use a table")

    def names(self) -> tuple[str, ...]:
        """The keys that nobody has taken yet."""
        return tuple(self._entries)

    def tables(self, key: str) -> list[Mapping[str, object]]:
        """A list of tables, or one table for a list of one."""
        tables = self.take(key, [])
        tables = [tables] if isinstance(tables, dict) else tables
        if isinstance(tables, list) and all(isinstance(table, dict) for table in tables):
            return tables
        raise self.error(f"{key} is {tables!r}", "use a table or an array of tables")

    def duration(self, key: str) -> Between | None:
        """Seconds: ``"1.5s"``, or ``["1s", "3s"]`` for any time in between; None where it is not set."""
        written = self.take(key)
        if written is None:
            return None
        ends = written if isinstance(written, list) else [written, written]
        if len(ends) != 2:
            raise self.error(f"{key} is {written!r}", 'use one duration ("500ms") or two (["1s", "3s"])')
        low, high = (self._quantity(key, end, parse_duration, DURATION_HINT) for end in ends)
        if low > high:
            raise self.error(f"{key} is {written!r}", "put the shorter duration first")
        return Between(low, high)

    def sizes(self, key: str) -> tuple[int, ...]:
        """Sizes in bytes, ``"4KiB"`` or a list of such; empty where it is not set."""
        written = self.take(key, [])
        sizes = written if isinstance(written, list) else [written]
        return tuple(int(self._quantity(key, size, parse_size, SIZE_HINT)) for size in sizes)

    def _quantity(self, key: str, written: object, parse: Callable[[str], float], hint: str) -> float:
        if isinstance(written, (int, float)) and not isinstance(written, bool) and written >= 0:
            return float(written)
        if not isinstance(written, str):
            raise self.error(f"{key} is {written!r}", hint)
        try:
            return parse(written)
        except UsageError as error:
            raise self.error(f"{key} {error.what} ({written!r})", error.hint) from None

    def _of(self, key: str, default: _T, kind: type[_T], expected: str) -> _T:
        found = self.take(key, default)
        if isinstance(found, kind):
            return found
        raise self.error(f"{key} is {found!r}", f"use {expected}")
