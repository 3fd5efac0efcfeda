"""Reads a query: tokens in, terms out.

What the language will mean later (DESIGN.md, section 8) is refused today instead of searched for as text, so that
a saved query never changes its meaning.
"""

from __future__ import annotations

import re

from wsmon.errors import QueryError
from wsmon.query import fields
from wsmon.query.ast import Exact, FieldTerm, Glob, IdRange, Item, Not, Query, Term, Word
from wsmon.query.glob import ANY, is_glob
from wsmon.query.lexer import Token, tokens

MAX_TERMS = 100
# SQLite refuses expressions deeper than 1,000
MAX_ITEMS = 500
MAX_GLOB_CHARS = 1_000
# SQLite refuses patterns over 50,000 bytes; a character has up to four, and may be escaped
MAX_ID = 2**63 - 1

_LITERAL_STARTS = ("{", "[")
_RESERVED = re.compile(r"(OR)$|([()])|(\$[.\[])|(/.+/i?)$|[a-z_.]+(!=|!~|>=|<=|[=~<>]).")
_RANGE = re.compile(r"(\d*)\.\.(\d*)$|(\d+)$", re.ASCII)


def parse(text: str) -> Query:
    """The query that a text means; pasted JSON (it starts with ``{`` or ``[``) is one literal.

    Raises ``QueryError`` with the column, and with the nearest name for an unknown field.
    """
    if (literal := text.strip()).startswith(_LITERAL_STARTS):
        return Query((Word(literal),), text)
    return Query(_Parser(text).terms(), text)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._at = 0

    def terms(self) -> tuple[Term, ...]:
        """All terms of the text."""
        terms: list[Term] = []
        while (token := self._peek()) is not None:
            if len(terms) == MAX_TERMS:
                raise QueryError(self._text, token.column, f"a query has at most {MAX_TERMS} terms")
            term = self._unary()
            if term is not None:
                terms.append(term)
        return tuple(terms)

    def _unary(self) -> Term | None:
        """A term and what negates it; ``None`` for an ``AND``, which says what is so anyway."""
        negated = False
        negation: Token | None = None
        while (token := self._peek()) is not None and _is_negation(token):
            negated, negation = not negated, token
            self._at += 1
        if token is None:
            column = negation.column if negation else len(self._text)
            raise QueryError(self._text, column, "nothing follows that could be negated")
        self._at += 1
        if token.kind == "word" and token.text == "AND":
            if negation:
                raise QueryError(
                    self._text, token.column, "AND cannot be negated", 'as a word it goes in quotes: "AND"'
                )
            return None
        term = self._field(token) if token.kind == "field" else self._word(token)
        return Not(term) if negated else term

    def _word(self, token: Token) -> Word:
        if not token.text:
            raise QueryError(self._text, token.column, "there is no text between these quotes")
        if token.kind == "word" and (reserved := _RESERVED.match(token.text)):
            sign = next(group for group in reserved.groups() if group)
            raise QueryError(
                self._text, token.column, f"{sign!r} is not understood by this version", "as text it goes in quotes"
            )
        return Word(token.text)

    def _field(self, token: Token) -> FieldTerm:
        field = fields.find(token.text)
        if field is None:
            nearest = fields.nearest(token.text)
            meant = f"did you mean {nearest!r}? " if nearest else ""
            names = ", ".join(fields.FIELDS)
            hint = f"{meant}fields: {names}; as text it goes in quotes"
            raise QueryError(self._text, token.column, f"unknown field {token.text!r}", hint)
        items = [self._item(field)]
        while (comma := self._peek()) is not None and comma.kind == "comma":
            self._at += 1
            if len(items) == MAX_ITEMS:
                raise QueryError(self._text, comma.column, f"a list has at most {MAX_ITEMS} values")
            items.append(self._item(field))
        return FieldTerm(field.name, tuple(items))

    def _item(self, field: fields.Field) -> Item:
        token = self._tokens[self._at]
        self._at += 1
        if field.is_id and token.text != ANY:
            return self._id_range(token)
        if token.kind == "word" and is_glob(token.text):
            if len(token.text) > MAX_GLOB_CHARS:
                raise QueryError(self._text, token.column, f"a pattern has at most {MAX_GLOB_CHARS:,} characters")
            return IdRange(0, MAX_ID) if field.is_id else Glob(token.text)
        if field.choices and token.text.lower() not in field.choices:
            choices = " or ".join(field.choices)
            raise QueryError(self._text, token.column, f"{field.name} is {choices}, not {token.text!r}")
        return Exact(token.text)

    def _id_range(self, token: Token) -> IdRange:
        match = _RANGE.match(token.text)
        if match is None or match[0] == "..":
            what = f"{token.text!r} is neither an id nor a range of ids"
            raise QueryError(self._text, token.column, what, "as in id:7, id:10..20, id:10.. or id:7,9")
        if match[3]:
            first = last = self._id(token, match[3])
        else:
            first = self._id(token, match[1] or "0")
            last = self._id(token, match[2] or str(MAX_ID))
        if first > last:
            raise QueryError(self._text, token.column, f"the range {token.text} is empty", "the smaller id comes first")
        return IdRange(first, last)

    def _id(self, token: Token, digits: str) -> int:
        digits = digits.lstrip("0") or "0"
        if len(digits) > len(str(MAX_ID)) or (number := int(digits)) > MAX_ID:
            raise QueryError(self._text, token.column, f"no id is greater than {MAX_ID}")
        return number

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None


def _is_negation(token: Token) -> bool:
    return token.kind == "negation" or (token.kind == "word" and token.text == "NOT")
