"""What the values after an operator mean: texts, patterns, numbers with their units, times, ranges of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from types import MappingProxyType
from typing import NoReturn

from wsmon.errors import QueryError, UsageError
from wsmon.query import patterns
from wsmon.query.ast import Contains, Exact, Glob, Item, Range, Regex
from wsmon.query.fields import OPEN_ALIAS, TAKES, Field, Kind
from wsmon.query.glob import ANY, is_glob
from wsmon.query.lexer import Token
from wsmon.query.times import HINT, UNITS_NS, parse_time, precision_ns

MAX_GLOB_CHARS = 1_000
# SQLite refuses patterns over 50,000 bytes; a character has up to four, and may be escaped
MAX_INT = 2**63 - 1

SIZE_UNITS: Mapping[str, int] = MappingProxyType({"b": 1, "kb": 10**3, "mb": 10**6, "kib": 2**10, "mib": 2**20})
ORDERED = frozenset({">", ">=", "<", "<="})
_NUMBER = re.compile(r"(-?\d{1,19}(?:\.\d{1,12})?)([A-Za-z]*)", re.ASCII)
_EXAMPLES: Mapping[Kind, str] = MappingProxyType(
    {
        "id": "as in id:7, id:10..20, id:10.. or id:7,9",
        "number": "as in 7, 10..20, 10.. or 7,9",
        "size": "as in 200, 10kb, 1mib or 1kb..4kb (b kb mb kib mib)",
        "duration": "as in 250ms, 1.5s or 10ms..1s (us ms s m h d; without a unit ms)",
        "time": HINT,
        "status": "as in 404, 400..499 or error",
    }
)


@dataclass(frozen=True, slots=True)
class Now:
    """What times in a query are relative to."""

    ts_ns: int
    zone: tzinfo | None = None
    # where days and times of day are; None = local


class Values:
    """Reads the values of one query; raises ``QueryError`` that points at the value."""

    def __init__(self, text: str, now: Now) -> None:
        self._text = text
        self._now = now

    def of_field(self, field: Field, operator: Token, value: Token) -> Item:
        """The item that an operator and one value mean; a negation is not part of it."""
        sign = operator.text
        if sign not in TAKES[field.kind]:
            allowed = " ".join(TAKES[field.kind])
            what = f"{field.name} does not take {sign}"
            raise QueryError(self._text, operator.column, what, f"it takes {allowed}, as in {field.example}")
        if sign in ORDERED:
            return self._bound(field.kind, sign, value)
        if sign in ("~", "!~"):
            return self._part(value)
        if value.kind == "regex":
            what = f"{field.name}{sign} takes no regular expression"
            raise QueryError(self._text, value.column, what, f"{field.name}~/…/ does; as text it goes in quotes")
        if value.kind == "word" and value.text == ANY:
            return Glob(ANY)
        if field.kind in ("id", "number", "size", "duration", "time"):
            return self._range(field.kind, value)
        if field.kind == "status" and value.kind == "word" and value.text[:1].isdigit() and ".." in value.text:
            return self._range("status", value)
        return self._text_item(field, sign, value)

    def of_path(self, operator: Token, value: Token) -> Item:
        """The item of a path into JSON: numbers compare as numbers, all else as text."""
        sign = operator.text
        if sign in ORDERED:
            return self._bound("number", sign, value)
        if sign in ("~", "!~"):
            return self._part(value)
        if value.kind == "regex":
            hint = "$.path~/…/ does; as text it goes in quotes"
            raise QueryError(self._text, value.column, f"{sign} takes no regular expression", hint)
        if value.kind == "word" and sign == ":":
            low, dots, high = value.text.partition("..")
            if dots and (low or high) and all(_NUMBER.fullmatch(end) for end in (low, high) if end):
                return self._range("number", value)
            if is_glob(value.text):
                return self._glob(value)
        return Exact(value.text)

    def regex(self, token: Token) -> Regex:
        """A regular expression, checked."""
        try:
            patterns.check(token.text)
        except ValueError as error:
            raise QueryError(self._text, token.column, str(error), "as text it goes in quotes") from None
        return Regex(token.text, token.ignores_case)

    def time(self, value: Token) -> int:
        """A wall time in nanoseconds."""
        try:
            return parse_time(value.text, self._now.ts_ns, self._now.zone)
        except UsageError as error:
            raise QueryError(self._text, value.column, error.what, error.hint) from None

    def _text_item(self, field: Field, sign: str, value: Token) -> Item:
        if value.kind == "word" and sign != "=" and is_glob(value.text):
            return self._glob(value)
        text = value.text
        if field.choices:
            text = OPEN_ALIAS.get(text.lower(), text) if field.name in ("from", "to") else text
            if text.lower() not in field.choices:
                self._refuse_choice(field, value)
        return Contains(text) if field.kind == "prose" and sign == ":" and text else Exact(text)

    def _refuse_choice(self, field: Field, value: Token) -> NoReturn:
        *most, last = field.choices
        choices = f"{', '.join(most)} or {last}"
        what = f"{field.name} is {choices}, not {value.text!r}"
        if len(choices) > 200:
            what = f"there is no {field.name} {value.text!r}"
        raise QueryError(self._text, value.column, what, f"as in {field.example}")

    def _glob(self, value: Token) -> Glob:
        if len(value.text) > MAX_GLOB_CHARS:
            raise QueryError(self._text, value.column, f"a pattern has at most {MAX_GLOB_CHARS:,} characters")
        return Glob(value.text)

    def _part(self, value: Token) -> Item:
        if value.kind == "regex":
            return self.regex(value)
        if not value.text:
            raise QueryError(self._text, value.column, "there is no text between these quotes")
        return Contains(value.text)

    def _bound(self, kind: Kind, sign: str, value: Token) -> Range:
        at, _ = self._scalar(kind, value.text, value)
        if sign in (">", ">="):
            return Range(low=at, is_above=sign == ">")
        return Range(high=at, is_below=sign == "<")

    def _range(self, kind: Kind, value: Token) -> Range:
        low, dots, high = value.text.partition("..")
        if not dots:
            at, lasts = self._scalar(kind, low, value)
            return Range(at, at) if not lasts else Range(at, at + lasts, is_below=True)
        if not (low or high):
            self._refuse(kind, value)
        first = self._scalar(kind, low, value)[0] if low else None
        last = self._scalar(kind, high, value)[0] if high else None
        if first is not None and last is not None and first > last:
            what = f"the range {value.text} is empty"
            raise QueryError(self._text, value.column, what, "the smaller one comes first")
        return Range(first, last)

    def _scalar(self, kind: Kind, text: str, value: Token) -> tuple[int | float, int]:
        """A number in the field's unit, and how long it lasts where it is a time."""
        if kind == "time":
            at_ns = self.time(Token("word", text, value.column))
            return at_ns, precision_ns(text)
        number = _NUMBER.fullmatch(text)
        unit = "" if number is None else number[2].lower()
        factor = _FACTORS[kind](unit)
        if number is None or factor is None:
            self._refuse(kind, value)
        digits = number[1]
        scaled = float(digits) * factor if "." in digits else int(digits) * factor
        if abs(scaled) > MAX_INT:
            raise QueryError(self._text, value.column, f"no number is greater than {MAX_INT}")
        return (int(scaled) if scaled == int(scaled) else scaled), 0

    def _refuse(self, kind: Kind, value: Token) -> NoReturn:
        noun = "number" if kind == "status" else kind
        article = "an" if kind == "id" else "a"
        what = f"{value.text!r} is neither {article} {noun} nor a range of {noun}s"
        raise QueryError(self._text, value.column, what, _EXAMPLES[kind])


_FACTORS: Mapping[Kind, Callable[[str], int | None]] = {
    "id": lambda unit: None if unit else 1,
    "number": lambda unit: None if unit else 1,
    "status": lambda unit: None if unit else 1,
    "size": lambda unit: SIZE_UNITS.get(unit or "b"),
    "duration": lambda unit: UNITS_NS.get(unit or "ms"),
}
