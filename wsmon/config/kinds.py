"""Kinds of values that keys of the configuration have: what each accepts, and how it is read.

A kind reads one value that is neither a table nor a list, with its references replaced, and raises ``FaultError``.
``ListOf`` and ``TableOf`` hold the kind of their items.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wsmon.config.lines import KeyPath
from wsmon.errors import UsageError, WsmonError
from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import DURATION_HINT, SIZE_HINT, format_duration, format_size, parse_duration, parse_size


class FaultError(WsmonError):
    """A value that cannot be used; ``value`` is what messages show of it, ``None`` = the value as it is written."""

    def __init__(self, what: str, hint: str = "", value: str | None = None) -> None:
        super().__init__(what, hint)
        self.value = value


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault or a warning, with the path of its key; the line is found later."""

    path: KeyPath
    problem: str
    value: str = ""
    """Not yet shortened for messages: all secrets to mask in it are known only at the end."""
    hint: str = ""


def _folded(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return the valid name that is most like ``name``; empty where none is similar."""
    # Imported here for start-up time: 5 ms, needed only for a mistake
    from difflib import get_close_matches

    if len(name) > _MAX_NAME_CHARS:
        return ""
    folded = {_folded(candidate): candidate for candidate in valid}
    matches = get_close_matches(_folded(name), folded, 1, 0.6)
    return folded[matches[0]] if matches else ""


def shown(text: str, limit: int = 80) -> str:
    """Return ``text`` for a message: at most ``limit`` characters, all printable."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


# A longer name is no typing error, and the time to compare it grows with its square
_MAX_NAME_CHARS = 64

# Raises FaultError for a text that cannot be used; the fault never contains the text
Check = Callable[[str], None]


# Limit of numbers that only the protocol interprets: above 2**53, about nine times this, floats skip integers
LARGEST = 1e15


def anything(text: str) -> None:
    """Accept every text."""


class Kind(Protocol):
    """How one value is read."""

    @property
    def takes_secrets(self) -> bool:
        """Whether texts may contain references to secrets; ``read`` then gets and returns ``Sensitive``."""

    @property
    def expected(self) -> str:
        """What the value has to be, for messages: "is ... where ... is expected"."""

    def read(self, value: object) -> object:
        """Return the value as the specs hold it; raises ``FaultError``."""


@dataclass(frozen=True, slots=True)
class FlagKind:
    """true or false."""

    takes_secrets = False
    expected = "true or false"

    def read(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            raise FaultError("expected true or false, got a string", f"remove the quotes: {value.lower()}")
        raise mismatch(value, self.expected)


@dataclass(frozen=True, slots=True)
class NumberKind:
    """A number between two limits, integer where ``whole``."""

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
class DurationKind:
    """A duration between two limits, read in seconds; an empty text means 0 where ``may_be_empty``."""

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
class SizeKind:
    """A size between two limits, in bytes."""

    minimum_bytes: int
    maximum_bytes: int
    takes_secrets = False
    expected = "a size"

    def read(self, value: object) -> int:
        size_bytes = _quantity(value, parse_size, self.expected, SIZE_HINT)
        _within(size_bytes, self.minimum_bytes, self.maximum_bytes, lambda limit: format_size(int(limit)))
        if size_bytes != int(size_bytes):
            raise FaultError("not a whole number of bytes", SIZE_HINT)
        return int(size_bytes)


def _no_words() -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a closed set of words."""

    words: tuple[str, ...]
    more: Callable[[], tuple[str, ...]] = _no_words
    """Further words, as those of plugins; asked for where a value is none of ``words``."""
    takes_secrets = False

    @property
    def expected(self) -> str:
        return f"one of {', '.join(self.words)}"

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise mismatch(value, self.expected)
        if value not in self.words:
            more = self.more()
            if value not in more:
                expected = f"one of {', '.join((*self.words, *more))}"
                match = nearest(value, (*self.words, *more))
                raise FaultError(f"invalid value: expected {expected}", f'did you mean "{match}"?' if match else "")
        return value


@dataclass(frozen=True, slots=True)
class TextKind:
    """A text that is shown, or used as an identity: references to secrets are refused."""

    check: Check = anything
    may_be_empty: bool = True
    takes_secrets = False
    expected = "a string"

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise mismatch(value, self.expected)
        if value:
            self.check(value)
        elif not self.may_be_empty:
            raise FaultError("must not be empty")
        return value


@dataclass(frozen=True, slots=True)
class SecretKind:
    """A text that may contain references to secrets."""

    check: Check = anything
    may_be_empty: bool = True
    takes_secrets = True
    expected = "a string"

    def read(self, value: object) -> Sensitive:
        if not isinstance(value, Sensitive):
            raise mismatch(value, self.expected)
        if value:
            self.check(value.reveal())
        elif not self.may_be_empty:
            raise FaultError("must not be empty")
        return value


@dataclass(frozen=True, slots=True)
class SecretOrNumberKind:
    """A text that may contain references to secrets, or a number; the protocol interprets it."""

    takes_secrets = True
    expected = "a string or a number"

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
    """Whether an item must not occur twice."""


@dataclass(frozen=True, slots=True)
class OneOrMore:
    """One value or a list of them, read into a tuple; an empty text is none."""

    item: Kind


@dataclass(frozen=True, slots=True)
class ConditionOr:
    """A condition, or a value of another kind.

    A condition is a table of places in a message and the values there, or a list of such tables, one of which applies.
    """

    other: Kind | OneOrMore
    check_place: Check
    """Of a key of the table."""


@dataclass(frozen=True, slots=True)
class ChainOf:
    """Steps in their order, read into a tuple: a list, or one text, which may also be a word that stands alone."""

    item: OneOf
    words: Mapping[str, tuple[str, ...]]
    """What stands alone, and what it is read as."""
    most: int

    @property
    def alone(self) -> OneOf:
        """What one text may be: a step, or a word that stands alone."""
        return OneOf((*self.words, *self.item.words), self.item.more)


@dataclass(frozen=True, slots=True)
class TableOf:
    """A table whose keys the user chooses, read entry by entry."""

    item: Kind | ConditionOr
    check_key: Check = anything
    fold_keys: bool = False
    """Whether keys that differ in case only are the same key."""
    is_ordered: bool = False
    """Whether the spec holds pairs in the order of the file, and not a mapping."""


@dataclass(frozen=True, slots=True)
class TablesOf:
    """Tables with a closed set of names, each with a closed set of keys, read into mappings of values by name."""

    tables: Mapping[str, Mapping[str, Kind]]
    check: Callable[[str, Mapping[str, object]], None]
    """Gets the name and the values of a table; raises ``FaultError`` for values that do not go together."""


@dataclass(frozen=True, slots=True)
class RowsOf:
    """A list of tables that all have the same keys, each needed, read into a tuple of mappings of values by name."""

    keys: Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class KeyMap:
    """A table of action ids; each value is a key press, several with commas between, or a list of them."""

    item: Kind


AnyKind = Kind | ListOf | OneOrMore | ConditionOr | ChainOf | TableOf | TablesOf | RowsOf | KeyMap


def name_of_type(value: object) -> str:
    """Return the name of a value's type for messages, in the words of TOML."""
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str() | Sensitive():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def mismatch(value: object, expected: str, hint: str = "") -> FaultError:
    """Return the fault for a value of the wrong type."""
    return FaultError(f"expected {expected}, got {name_of_type(value)}", hint)


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
    # math.isfinite raises OverflowError for integers that no float can hold
    if value != value or value in (math.inf, -math.inf):
        raise FaultError("must be a finite number")
    if value < minimum:
        raise FaultError(f"must be at least {write(minimum)}")
    if value > maximum:
        raise FaultError(f"must be at most {write(maximum)}")


def _plain(limit: float) -> str:
    return f"{limit:g}"


def absolute(text: str, folder: Path) -> str:
    """Return ``text`` as a path relative to ``folder``; empty stays empty. Raises ``FaultError``."""
    if not text:
        return ""
    if "\0" in text:
        raise FaultError("contains a NUL character")
    try:
        return str(folder / Path(text).expanduser())
    except RuntimeError:
        raise FaultError("unknown user in the home folder") from None


@dataclass(frozen=True, slots=True)
class ExistingFile:
    """The absolute path of a file that can be read; empty = none."""

    takes_secrets = False
    expected = "a file path"

    def read(self, value: object) -> Path | None:
        if not isinstance(value, str):
            raise mismatch(value, self.expected)
        if not value:
            return None
        path = Path(value)
        try:
            status = path.stat()
        except (OSError, ValueError):
            raise FaultError("no such file") from None
        if not stat.S_ISREG(status.st_mode):
            raise FaultError("not a regular file")
        if not os.access(path, os.R_OK):
            raise FaultError("cannot be read", "check its permissions")
        return path


@dataclass(frozen=True, slots=True)
class NewFile:
    """The absolute path of a file that wsmon creates if it does not exist; empty = the default place."""

    takes_secrets = False
    expected = "a file path"

    def read(self, value: object) -> Path | None:
        if not isinstance(value, str):
            raise mismatch(value, self.expected)
        if not value:
            return None
        path = Path(value)
        try:
            if path.is_dir():
                raise FaultError("path is a folder", "specify a file in it, e.g. store.db")
            above = next((parent for parent in path.parents if parent.exists()), None)
        except (OSError, ValueError):
            raise FaultError("invalid path") from None
        if above is not None and not above.is_dir():
            raise FaultError("parent is not a folder", f"{shown(str(above), 200)} is a file")
        return path
