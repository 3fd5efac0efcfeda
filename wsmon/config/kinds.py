"""The kinds of values a key can have: what each accepts, how it is read, what users are told it is.

A kind reads one value that is no table and no list, its references replaced, and raises ``FaultError``. ``ListOf`` and
``TableOf`` hold the kinds of what is inside them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from wsmon.config.fault import FaultError
from wsmon.config.units import (
    DURATION_HINT,
    SIZE_HINT,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)
from wsmon.errors import UsageError
from wsmon.model.redact.masking import Sensitive

Check = Callable[[str], None]
# raises FaultError where a text does not do; the fault never contains the text


LARGEST = 1e15
# of numbers whose meaning is not ours: beyond it a float skips integers


def anything(text: str) -> None:
    """The check that accepts every text."""


class Kind(Protocol):
    """How one value is read."""

    @property
    def takes_secrets(self) -> bool:
        """Whether the text may contain secrets: ``read`` then gets ``Sensitive``, and returns it."""

    @property
    def expected(self) -> str:
        """What the value has to be, for "is …, where … is expected"."""

    def read(self, value: object) -> object:
        """The value as the specs hold it; raises ``FaultError``."""


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    takes_secrets = False
    expected = "true or false"

    def read(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            raise FaultError("is a text where true or false is expected", f"write {value.lower()} without quotes")
        raise mismatch(value, self.expected)


@dataclass(frozen=True, slots=True)
class Number:
    """A number with limits; ``whole`` ones are integers."""

    minimum: float
    maximum: float
    whole: bool = False
    takes_secrets = False

    @property
    def expected(self) -> str:
        return "a whole number" if self.whole else "a number"

    def read(self, value: object) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            raise mismatch(value, self.expected)
        _within(value, self.minimum, self.maximum, _plain)
        return value if self.whole else float(value)


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds, with limits; an empty text means 0 where ``may_be_empty``."""

    minimum_s: float
    maximum_s: float
    may_be_empty: bool = False
    takes_secrets = False
    expected = "a duration"

    def read(self, value: object) -> float:
        if value == "" and self.may_be_empty:
            return 0.0
        seconds = _quantity(value, parse_duration, self.expected, DURATION_HINT)
        _within(seconds, self.minimum_s, self.maximum_s, format_duration)
        return float(seconds)


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes, with limits."""

    minimum_bytes: int
    maximum_bytes: int
    takes_secrets = False
    expected = "a size"

    def read(self, value: object) -> int:
        size_bytes = _quantity(value, parse_size, self.expected, SIZE_HINT)
        _within(size_bytes, self.minimum_bytes, self.maximum_bytes, lambda limit: format_size(int(limit)))
        if size_bytes != int(size_bytes):
            raise FaultError("is no whole number of bytes", SIZE_HINT)
        return int(size_bytes)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]
    takes_secrets = False

    @property
    def expected(self) -> str:
        return f"one of {', '.join(self.words)}"

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise mismatch(value, self.expected)
        if value not in self.words:
            raise FaultError(f"is not {self.expected}")
        return value


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is shown or used as an identity: no secrets in it."""

    check: Check = anything
    may_be_empty: bool = True
    takes_secrets = False
    expected = "a text"

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise mismatch(value, self.expected)
        if value:
            self.check(value)
        elif not self.may_be_empty:
            raise FaultError("is empty")
        return value


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that may contain secrets."""

    check: Check = anything
    may_be_empty: bool = True
    takes_secrets = True
    expected = "a text"

    def read(self, value: object) -> Sensitive:
        if not isinstance(value, Sensitive):
            raise mismatch(value, self.expected)
        if value:
            self.check(value.reveal())
        elif not self.may_be_empty:
            raise FaultError("is empty")
        return value


@dataclass(frozen=True, slots=True)
class SecretOrNumber:
    """A text that may contain secrets, or a number: what it means is a protocol's affair."""

    takes_secrets = True
    expected = "a text or a number"

    def read(self, value: object) -> Sensitive | float:
        if isinstance(value, Sensitive):
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise mismatch(value, self.expected)
        _within(value, -LARGEST, LARGEST, _plain)
        return float(value)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list, read item by item into a tuple."""

    item: Kind
    is_set: bool = False
    # whether an item may stand in it only once


@dataclass(frozen=True, slots=True)
class TableOf:
    """A table whose keys the user chooses, read entry by entry."""

    item: Kind
    check_key: Check = anything
    fold_keys: bool = False
    # keys that differ in case only are the same key


@dataclass(frozen=True, slots=True)
class KeyMap:
    """A table of action ids; each value a key, keys with commas between, or a list of keys."""

    item: Kind


AnyKind = Kind | ListOf | TableOf | KeyMap


def name_of_type(value: object) -> str:
    """What TOML calls the type of a value."""
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str() | Sensitive():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def mismatch(value: object, expected: str, hint: str = "") -> FaultError:
    """The fault of a value whose type is another than the expected one."""
    return FaultError(f"is {name_of_type(value)} where {expected} is expected", hint)


def _quantity(value: object, parse: Callable[[str], float], expected: str, hint: str) -> float:
    if isinstance(value, str):
        try:
            return parse(value)
        except UsageError as error:
            raise FaultError(error.what, error.hint) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise mismatch(value, expected, hint)
    return value


def _within(value: float, minimum: float, maximum: float, write: Callable[[float], str]) -> None:
    if value != value or value in (math.inf, -math.inf):  # math.isfinite fails on integers beyond any float
        raise FaultError("is no finite number")
    if value < minimum:
        raise FaultError(f"is less than {write(minimum)}")
    if value > maximum:
        raise FaultError(f"is more than {write(maximum)}")


def _plain(limit: float) -> str:
    return f"{limit:g}"
