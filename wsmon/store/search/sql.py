"""Conditions on values of a row, in SQL that folds as ``query/fold.py`` does; never NULL, so that they can be negated.

LIKE folds ASCII alone and is the fastest (12 million rows a second where ``instr(lower())`` does 3). But LIKE ends at a
NUL and reads bytes that are not UTF-8 in its own way; there ``instr`` answers, which does neither. ``length`` ends at a
NUL too: a text that has as many characters as bytes has none.

SQLite leaves out what cannot matter of AND and OR where they decide on a row, but not where they make a value, as
within CASE: there is none around them here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wsmon.query.ast import Contains, Exact, Glob, Item, PathTerm, Range, Regex, Word
from wsmon.query.fold import fold
from wsmon.query.glob import ANY
from wsmon.query.predicate import item_fits
from wsmon.query.required import required_texts
from wsmon.store.codec import Value
from wsmon.store.search.functions import LEAF, Leaf

Number = Callable[[Leaf], int]
# the number of a leaf, for the function LEAF

_MOST_LIKE_BYTES = 20_000
# SQLite takes patterns up to 50,000 bytes; escaping at most doubles one
_LIKE_SIGNS = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})
_GLOB_SIGNS = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\", "*": "%", "?": "_"})
_ODD = "length({column}) <> length(CAST({column} AS BLOB))"
_LIKE_TEXT = rf"""({{column}} LIKE ? ESCAPE '\' OR ({_ODD} AND instr(lower({{column}}), ?)))"""
_LIKE_PAYLOAD = rf"""((payload LIKE ? ESCAPE '\' AND typeof(payload) = 'text')
    OR ((typeof(payload) = 'blob' OR {_ODD.format(column="payload")}) AND instr(lower(payload), ?)))"""
_BYTES_IN = "instr(CAST(lower({column}) AS BLOB), ?)"
_PAYLOAD = "payload"
_OF_MESSAGES = ("type", "topic")
# that protocols read in most messages


@dataclass(frozen=True, slots=True)
class Sql:
    """A condition and its parameters."""

    text: str
    parameters: tuple[Value, ...] = ()


NEVER = Sql("0")
ALWAYS = Sql("1")


def any_of(parts: Iterable[Sql]) -> Sql:
    """One of the conditions holds."""
    possible = [part for part in parts if part != NEVER]
    if ALWAYS in possible:
        return ALWAYS
    return _joined(possible, " OR ") if possible else NEVER


def all_of(parts: Iterable[Sql]) -> Sql:
    """All of the conditions hold."""
    needed = [part for part in parts if part != ALWAYS]
    if NEVER in needed:
        return NEVER
    return _joined(needed, " AND ") if needed else ALWAYS


def opposite(sql: Sql) -> Sql:
    """The condition does not hold."""
    if sql in (NEVER, ALWAYS):
        return ALWAYS if sql == NEVER else NEVER
    return Sql(f"NOT ({sql.text})", sql.parameters)


def text_fits(column: str, item: Item, number: Number) -> Sql:
    """Whether a text of the row, NULL where it is empty, is what an item of a term asks for."""
    match item:
        case Exact(text):
            return Sql(f"CAST(lower(coalesce({column}, '')) AS BLOB) = ?", (fold(text),))
        case Glob(pattern):
            return _glob(column, pattern, number)
        case Contains(text):
            if not text:
                return ALWAYS
            part = _contains(column, fold(text))
            return Sql(f"({part.text} IS TRUE)", part.parameters)
        case Regex():
            return _empty_too(item, _finds(item, column, number(item)), column)
        case Range():
            return NEVER


def number_fits(column: str, item: Item, number: Number) -> Sql:
    """A number of the row, or NULL; what is no range is a question about its text."""
    if not isinstance(item, Range):
        return text_fits(f"CAST({column} AS TEXT)", item, number)
    bounds: list[Sql] = []
    if item.low is not None:
        bounds.append(Sql(f"{column} {'>' if item.is_above else '>='} ?", (item.low,)))
    if item.high is not None:
        bounds.append(Sql(f"{column} {'<' if item.is_below else '<='} ?", (item.high,)))
    whole = all_of(bounds) if bounds else Sql(f"{column} IS NOT NULL")
    return Sql(f"({whole.text} IS TRUE)", whole.parameters)  # IS binds weaker than a comparison


def word(found: Word, columns: tuple[str, ...]) -> Sql:
    """Whether a text stands in the payload or in one of the columns."""
    needle = fold(found.text)
    of_messages = [_contains(column, needle) for column in columns if column in _OF_MESSAGES]
    rare = [column for column in columns if column not in _OF_MESSAGES]
    # asked once whether there is any, since messages mostly have none
    one_of = any_of(_contains(column, needle) for column in rare)
    guarded = Sql(f"(coalesce({', '.join(rare)}) IS NOT NULL AND {one_of.text})", one_of.parameters)
    whole = any_of((_contains(_PAYLOAD, needle), *of_messages, guarded))
    return Sql(f"({whole.text} IS TRUE)", whole.parameters)


def regex(found: Regex, columns: tuple[str, ...], number: Number) -> Sql:
    """Whether a regular expression finds something in the payload or in one of the columns.

    Asked only where one of the texts is without which it finds nothing.
    """
    call = Sql(f"{LEAF}({number(found)}, {', '.join((_PAYLOAD, *columns))})")
    required = required_texts(found)
    return all_of((any_of(word(Word(text), columns) for text in required), call)) if required else call


def path(term: PathTerm, number: Number) -> Sql:
    """Whether a JSON payload has one of the values at a path.

    A payload without the name of the last member is not looked into; one with a backslash may spell it otherwise.
    """
    call = f"{LEAF}({number(term)}, payload)"
    names = [step for step in term.path if isinstance(step, str) and step]
    if not names or not names[-1].isascii():
        return Sql(f"(payload IS NOT NULL AND {call})")
    return Sql(rf"((instr(payload, ?) OR instr(payload, '\')) IS TRUE AND {call})", (names[-1],))


def _glob(column: str, pattern: str, number: Number) -> Sql:
    if pattern == ANY:
        return Sql(f"coalesce({column}, '') <> ''")
    glob = Glob(pattern)
    call = f"{LEAF}({number(glob)}, {column})"
    if column == _PAYLOAD or not (pattern.isprintable() and pattern.isascii()):
        return _empty_too(glob, Sql(f"coalesce({call}, 0)"), column)
    like = rf"CASE WHEN instr({column}, char(0)) THEN {call} ELSE {column} LIKE ? ESCAPE '\' END"
    return _empty_too(glob, Sql(f"coalesce({like}, 0)", (pattern.translate(_GLOB_SIGNS),)), column)


def _finds(pattern: Regex, column: str, leaf: int) -> Sql:
    """Whether a pattern finds something, asked only where one of the texts is without which it finds nothing."""
    call = Sql(f"({column} IS NOT NULL AND {LEAF}({leaf}, {column}))")
    if not (required := required_texts(pattern)):
        return call
    there = any_of(_contains(column, fold(text)) for text in required)
    return Sql(f"({there.text} IS TRUE AND {call.text})", there.parameters)


def _empty_too(item: Glob | Regex, sql: Sql, column: str) -> Sql:
    """The same, where what fits the empty text fits a row that has none."""
    return any_of((sql, Sql(f"{column} IS NULL"))) if item_fits(item, "") else sql


def _contains(column: str, needle: bytes) -> Sql:
    try:
        folded = needle.decode()
    except UnicodeDecodeError:
        folded = ""
    if not folded or "\0" in folded or len(needle) > _MOST_LIKE_BYTES:
        return Sql(_BYTES_IN.format(column=column), (needle,))
    pattern = f"%{folded.translate(_LIKE_SIGNS)}%"
    if column == _PAYLOAD:
        return Sql(_LIKE_PAYLOAD, (pattern, folded))
    return Sql(_LIKE_TEXT.format(column=column), (pattern, folded))


def _joined(parts: list[Sql], by: str) -> Sql:
    if len(parts) == 1:
        return parts[0]
    text = by.join(part.text for part in parts)
    return Sql(f"({text})", tuple(parameter for part in parts for parameter in part.parameters))
