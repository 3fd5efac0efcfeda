"""Query parser: the text of a search becomes terms (``ast.py``).

The grammar, by falling precedence: ``-``, ``!`` and ``NOT`` before a term or a group; terms side by side, or with
``AND`` between them, all of which must hold; ``OR``. Operators are upper case. A text that has no meaning is an error
with its column, never a search for something else. ``fields.GRAMMAR`` lists the forms for users.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from types import MappingProxyType
from typing import NoReturn

from wsmon.errors import QueryError, UsageError
from wsmon.model.json_path import compile_path
from wsmon.model.statuses import STATUSES
from wsmon.model.units import UNIT_BYTES, UNIT_NS
from wsmon.query import fields, patterns
from wsmon.query.ast import (
    And,
    Contains,
    Exact,
    FieldTerm,
    Glob,
    Item,
    Not,
    Or,
    PathTerm,
    Query,
    Range,
    Regex,
    Term,
    Word,
)
from wsmon.query.fields import OPEN_ALIAS, TAKES, Field, Kind
from wsmon.query.lexer import Token, tokens
from wsmon.query.predicate import ANY, is_glob
from wsmon.query.times import HINT, parse_time, precision_ns

# SQLite refuses expressions that are deeper than 1,000
MAX_TERMS = 100
MAX_ITEMS = 500
# Each level of parentheses takes some frames of the recursive descent
MAX_DEPTH = 30

_LITERAL_STARTS = ("{", "[")
_ARROW = "->"
_NEGATED = frozenset({"!=", "!~"})
# What the screen shows in its column "status" -> the term that finds it; the field ``status`` is another thing.
# "error" is both a state and an outcome
_STATE_TERMS: Mapping[str, str] = MappingProxyType(
    {state: f"state:{state}" for state in (*STATUSES, *OPEN_ALIAS) if state != "error"} | {"stalled": "is:stall"}
)

# SQLite refuses LIKE patterns over 50,000 bytes; a character has up to four, and may be escaped
MAX_GLOB_CHARS = 1_000
MAX_INT = 2**63 - 1
# Sequence numbers and members of JSON may be larger than the integers of SQLite
_MAX_NUMBER = 10**40 - 1

# No message is as large as a gigabyte
SIZE_UNITS = MappingProxyType({unit: UNIT_BYTES[unit] for unit in ("b", "kb", "mb", "kib", "mib")})
ORDERED = frozenset({">", ">=", "<", "<="})
_NUMBER = re.compile(r"(-?\d{1,40}(?:\.\d{1,12})?)([A-Za-z]*)", re.ASCII)
_EXAMPLES: Mapping[Kind, str] = MappingProxyType(
    {
        "id": "examples: id:7, id:10..20, id:10.., id:7,9",
        "number": "examples: 7, 10..20, 10.., 7,9",
        "size": "examples: 200, 10kb, 1mib, 1kb..4kb (units: b kb mb kib mib)",
        "duration": "examples: 250ms, 1.5s, 10ms..1s (units: us ms s m h d; default: ms)",
        "time": HINT,
        "status": "examples: 404, 400..499, error",
    }
)


@dataclass(frozen=True, slots=True)
class ReferenceTime:
    """The wall time that relative times in a query count from."""

    ts_ns: int
    zone: tzinfo | None = None
    """Time zone of days and times of day; None = local."""


def parse(text: str, now: ReferenceTime) -> Query:
    """Return the query that a text means; pasted JSON (a text that starts with ``{`` or ``[``) is one literal.

    Raises ``QueryError`` with the column, and with the nearest name for an unknown field.
    """
    if (literal := text.strip()).startswith(_LITERAL_STARTS):
        return Query((Word(literal),), text)
    return Query(_Parser(text, now).terms(), text)


class _Parser:
    def __init__(self, text: str, now: ReferenceTime) -> None:
        self._text = text
        self._values = ValueParser(text, now)
        self._tokens = tokens(text)
        self._at = 0
        self._terms = 0
        # Opening parentheses whose group is being parsed
        self._open: list[Token] = []

    def terms(self) -> tuple[Term, ...]:
        """Parse the whole text into its top-level terms, all of which must hold."""
        if not self._tokens:
            return ()
        whole = self._or()
        return whole.terms if isinstance(whole, And) else (whole,)

    def _or(self) -> Term:
        """Parse terms with ``OR`` between them, up to a closing parenthesis or the end."""
        parts = [self._and()]
        while (token := self._peek()) is not None and token.is_sign("OR"):
            self._at += 1
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _and(self) -> Term:
        """Parse terms that stand side by side."""
        parts: list[Term] = []
        while (token := self._peek()) is not None and token.kind != "close" and not token.is_sign("OR"):
            if token.is_sign("AND"):
                self._at += 1
                if not parts or not self._begins_term():
                    raise self._error(token, "AND must be between two terms", 'quote it to search for the word: "AND"')
                continue
            parts.append(self._unary())
        if not parts:
            raise self._missing()
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _begins_term(self) -> bool:
        token = self._peek()
        return token is not None and token.kind != "close" and not (token.is_sign("OR") or token.is_sign("AND"))

    def _missing(self) -> QueryError:
        before = self._tokens[self._at - 1] if self._at else None
        hint = 'quote it to search for the word: "OR"'
        if before is not None and before.is_sign("OR"):
            return self._error(before, "expected a term after OR", hint)
        token = self._peek()
        if token is not None and token.is_sign("OR"):
            return self._error(token, "expected a term before OR", hint)
        if self._open:
            return self._error(self._open[-1], "empty parentheses", "quote it to search for the text")
        return self._error(token, "expected a term here")

    def _unary(self) -> Term:
        """Parse a term or a group, and the negations before it."""
        negated = False
        first = self._tokens[self._at]
        while (token := self._peek()) is not None and (token.kind == "negation" or token.is_sign("NOT")):
            negated = not negated
            self._at += 1
        if token is None or token.kind == "close" or token.is_sign("OR") or token.is_sign("AND"):
            raise self._error(first, "expected a term after the negation", "quote it to search for the word")
        term = self._group() if token.kind == "open" else self._term()
        return Not(term) if negated else term

    def _group(self) -> Term:
        opening = self._tokens[self._at]
        if len(self._open) == MAX_DEPTH:
            raise self._error(opening, f"parentheses can be nested at most {MAX_DEPTH} levels deep")
        self._open.append(opening)
        self._at += 1
        inner = self._or()
        closing = self._peek()
        if closing is None:
            raise self._error(opening, "unclosed parenthesis", "quote it to search for the text")
        self._at += 1
        self._open.pop()
        return inner

    def _term(self) -> Term:
        token = self._tokens[self._at]
        self._at += 1
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise self._error(token, f"too many terms (maximum {MAX_TERMS})")
        match token.kind:
            case "field":
                return self._field(token)
            case "path":
                operator, values = self._comparison()
                items = tuple(self._values.of_path(operator, value) for value in values)
                return _signed(operator, PathTerm(compile_path(token.text), items))
            case "regex":
                return self._values.regex(token)
        if not token.text:
            raise self._error(token, "empty quotes")
        return Word(token.text)

    def _field(self, token: Token) -> Term:
        operator, values = self._comparison()
        name = token.text.lower()
        if name in (fields.SINCE, fields.UNTIL):
            return self._period(name, operator, values)
        field = fields.find(name)
        if field is None:
            nearest = fields.nearest(name)
            meant = f"did you mean {nearest!r}? " if nearest else ""
            raise self._error(token, f"unknown field {token.text!r}", f"{meant}quote it to search for the text")
        if field.name == "to" and any(value.kind == "word" and _ARROW in value.text for value in values):
            return _signed(operator, _any(tuple(self._transition(field, operator, value) for value in values)))
        items = tuple(self._values.of_field(field, operator, value) for value in values)
        if field.name == "is":
            return _signed(operator, _facts(items))
        return _signed(operator, FieldTerm(field.name, items))

    def _period(self, name: str, operator: Token, values: list[Token]) -> FieldTerm:
        """The term of ``since`` or ``until``: half-open, as the options of the command line are."""
        if operator.text not in (":", "="):
            raise self._error(
                operator, f"{name} does not support {operator.text}", f"examples: {name}:-15m, {name}:14:02"
            )
        if len(values) > 1:
            raise self._error(values[1], f"{name} takes a single time")
        at_ns = self._values.time(values[0])
        return FieldTerm("ts", (Range(low=at_ns) if name == fields.SINCE else Range(high=at_ns, is_below=True),))

    def _transition(self, field: fields.Field, operator: Token, value: Token) -> Term:
        """The term of ``open->disconnected``; a status without an arrow is the one after the transition."""
        before, arrow, after = value.text.partition(_ARROW)
        sides = [(fields.FIELDS["from"], before, 0), (field, after, len(before) + len(arrow))]
        if not arrow:
            sides = [(field, value.text, 0)]
        terms: list[Term] = []
        for side, text, offset in sides:
            if not text:
                what = "expected a status on both sides of ->"
                raise QueryError(self._text, value.column + offset, what, f"example: {field.example}")
            one = Token("word", text, value.column + offset)
            terms.append(FieldTerm(side.name, (self._values.of_field(side, operator, one),)))
        return And(tuple(terms)) if len(terms) > 1 else terms[0]

    def _comparison(self) -> tuple[Token, list[Token]]:
        """Take the operator and the values after a field or a path; the lexer guarantees that they are there."""
        operator = self._tokens[self._at]
        values = [self._tokens[self._at + 1]]
        self._at += 2
        while (comma := self._peek()) is not None and comma.kind == "comma":
            if len(values) == MAX_ITEMS:
                raise self._error(comma, f"too many values in the list (maximum {MAX_ITEMS})")
            values.append(self._tokens[self._at + 1])
            self._at += 2
        return operator, values

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _error(self, token: Token | None, what: str, hint: str = "") -> QueryError:
        return QueryError(self._text, len(self._text) if token is None else token.column, what, hint)


def _signed(operator: Token, term: Term) -> Term:
    return Not(term) if operator.text in _NEGATED else term


def _any(terms: tuple[Term, ...]) -> Term:
    return terms[0] if len(terms) == 1 else Or(terms)


def _facts(items: tuple[Item, ...]) -> Term:
    """The term of ``is:``: flags of incidents become terms on name and type, all others stay flags."""
    terms: list[Term] = []
    for item in items:
        incident = fields.INCIDENT_FLAGS.get(item.text.lower()) if isinstance(item, Exact) else None
        if incident is None:
            terms.append(FieldTerm("is", (item,)))
        else:
            named = FieldTerm("name", (Glob("incident.*"),))
            terms.append(And((named, FieldTerm("type", (Exact(incident),)))))
    return _any(tuple(terms))


class ValueParser:
    """Parses the values after operators: texts, globs, regular expressions, numbers with units, times, ranges.

    Every method raises ``QueryError`` with the column of the value.
    """

    def __init__(self, text: str, now: ReferenceTime) -> None:
        self._text = text
        self._now = now

    def of_field(self, field: Field, operator: Token, value: Token) -> Item:
        """Return the item that an operator and one value mean; a negation in the operator is the caller's."""
        sign = operator.text
        if sign not in TAKES[field.kind]:
            allowed = " ".join(TAKES[field.kind])
            what = f"{field.name} does not support {sign}"
            raise QueryError(self._text, operator.column, what, f"supported: {allowed}; example: {field.example}")
        if sign in ORDERED:
            return _in_doubles(self._bound(field.kind, sign, value))
        if sign in ("~", "!~"):
            return self._part(value)
        if value.kind == "regex":
            what = f"{field.name}{sign} does not support regular expressions"
            raise QueryError(
                self._text, value.column, what, f"use {field.name}~/…/, or quote it to search for the text"
            )
        if value.kind == "word" and value.text == ANY:
            return Glob(ANY)
        if field.kind in ("id", "number", "size", "duration", "time"):
            return _in_doubles(self._range(field.kind, value))
        if field.kind == "status" and value.kind == "word" and value.text[:1].isdigit() and ".." in value.text:
            return self._range("status", value)
        if field.kind == "status" and value.kind == "word" and (meant := _STATE_TERMS.get(value.text.lower())):
            hint = f'did you mean {meant}? quote it to search for this outcome: {field.name}:"{value.text}"'
            raise QueryError(self._text, value.column, f"{value.text} is a connection state", hint)
        return self._text_item(field, sign, value)

    def of_path(self, operator: Token, value: Token) -> Item:
        """Return the item for a path into JSON: numbers compare as numbers, all else as text."""
        sign = operator.text
        if sign in ORDERED:
            return self._bound("number", sign, value)
        if sign in ("~", "!~"):
            return self._part(value)
        if value.kind == "regex":
            hint = "use $.path~/…/, or quote it to search for the text"
            raise QueryError(self._text, value.column, f"{sign} does not support regular expressions", hint)
        if value.kind == "word" and sign == ":":
            low, dots, high = value.text.partition("..")
            if dots and (low or high) and all(_NUMBER.fullmatch(end) for end in (low, high) if end):
                return self._range("number", value)
            if is_glob(value.text):
                return self._glob(value)
        return Exact(value.text)

    def regex(self, token: Token) -> Regex:
        """Return a regular expression after checking that it compiles."""
        try:
            patterns.check(token.text)
        except ValueError as error:
            raise QueryError(self._text, token.column, str(error), "quote it to search for the text") from None
        return Regex(token.text, token.ignores_case)

    def time(self, value: Token) -> int:
        """Return the wall time that a value means, in nanoseconds."""
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
        what = f"invalid {field.name} {value.text!r}: expected {choices}"
        if len(choices) > 200:
            what = f"unknown {field.name} {value.text!r}"
        raise QueryError(self._text, value.column, what, f"example: {field.example}")

    def _glob(self, value: Token) -> Glob:
        if len(value.text) > MAX_GLOB_CHARS:
            raise QueryError(self._text, value.column, f"pattern too long (maximum {MAX_GLOB_CHARS:,} characters)")
        return Glob(value.text)

    def _part(self, value: Token) -> Item:
        if value.kind == "regex":
            return self.regex(value)
        if not value.text:
            raise QueryError(self._text, value.column, "empty quotes")
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
            what = f"empty range {value.text}"
            raise QueryError(self._text, value.column, what, "put the smaller value first")
        return Range(first, last)

    def _scalar(self, kind: Kind, text: str, value: Token) -> tuple[int | float, int]:
        """A number in the field's unit; for times also their precision in nanoseconds, else 0."""
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
        most = _MAX_NUMBER if kind == "number" else MAX_INT
        if abs(scaled) > most:
            raise QueryError(self._text, value.column, f"number too large (maximum {most})")
        return (int(scaled) if scaled == int(scaled) else scaled), 0

    def _refuse(self, kind: Kind, value: Token) -> NoReturn:
        noun = "number" if kind == "status" else kind
        what = f"invalid {noun} {value.text!r}"
        raise QueryError(self._text, value.column, what, _EXAMPLES[kind])


def _in_doubles(found: Range) -> Range:
    """Return a range whose bounds past 64 bits are floating-point numbers, as SQLite reads such numbers of ``meta``."""
    low, high = (
        float(bound) if isinstance(bound, int) and abs(bound) > MAX_INT else bound for bound in (found.low, found.high)
    )
    return Range(low, high, found.is_above, found.is_below)


_FACTORS: Mapping[Kind, Callable[[str], int | None]] = {
    "id": lambda unit: None if unit else 1,
    "number": lambda unit: None if unit else 1,
    "status": lambda unit: None if unit else 1,
    "size": lambda unit: SIZE_UNITS.get(unit or "b"),
    "duration": lambda unit: UNIT_NS.get(unit or "ms"),
}
