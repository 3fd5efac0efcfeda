"""Queries as texts, by chance: every field with every operator it takes, with values that stand in the events."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from tests.support.queries import NOW_NS
from wsmon.model.events import Event
from wsmon.model.notes import Bookmark
from wsmon.query.fields import FIELDS, OPERATORS, TAKES, Field, Operator, verdict_text
from wsmon.query.notes import tags
from wsmon.query.parser import MAX_INT

NOTES = ("", "asked the Vendor #vendor", "see #ticket-17, 10%", "é#x")
PATHS = ("$.type", "$.qty", "$.p", "$.tags", "$.tags[0]", "$.tags[-1]", '$.deep."x y"', "$[0].type", "$")
TIMES = ("14:02", "14:02:24", "-30s", "-1m", "today", "2026-01-10T14:02:24.5Z")
ORDERED = (">", ">=", "<", "<=")
UNITS = {"size": ("b", "kb", "kib", "mib"), "duration": ("us", "ms", "s", "m")}


def marked(events: Sequence[Event], rolls: random.Random) -> tuple[Bookmark, ...]:
    """Some of the events with a bookmark, some of these with a note."""
    some = rolls.sample(list(events), k=len(events) // 3)
    return tuple(Bookmark(event, NOW_NS - rolls.randint(0, 90) * 10**9, rolls.choice(NOTES)) for event in some)


def comparisons() -> Iterator[tuple[Field, Operator]]:
    """Every field with every operator that it takes."""
    return ((field, operator) for field in FIELDS.values() for operator in OPERATORS if operator in TAKES[field.kind])


def field_text(field: Field, operator: Operator, event: Event, rolls: random.Random) -> str:
    """A comparison with a field, under one of its names, of what an event has there or of something near."""
    values = [_value(field, operator, event, rolls) for _ in range(rolls.choice((1, 1, 1, 2, 3)))]
    only = values[:1] if operator in ORDERED else values
    return f"{rolls.choice((field.name, *field.aliases))}{operator}{','.join(only)}"


def other_text(event: Event, rolls: random.Random) -> str:
    """A term that is no comparison with a field."""
    match rolls.randrange(6):
        case 0:
            before, after = rolls.choices(FIELDS["to"].choices, k=2)
            before, after = event.from_status or before, event.to_status or after
            return f"{rolls.choice(('state:', 'to=', 'state!='))}{before}->{after}"
        case 1:
            return f"{rolls.choice(('since:', 'until:'))}{rolls.choice(TIMES)}"
        case 2:
            operator = rolls.choice(OPERATORS)
            return f"{rolls.choice(PATHS)}{operator}{_path_value(operator, rolls)}"
        case 3:
            return rolls.choice(("/tra?d/", r"/\d{3,}/i", "/^A/", "/(a|é)b?$/i", "/dns|timeout/"))
        case 4:
            return _quoted(_part(_payload(event) or event.name, rolls))
    return rolls.choice(("trade", "connection", "dns", "a", "wsmon", event.type.split(" ")[0] or "b"))


def query_text(events: Sequence[Event], rolls: random.Random) -> str:
    """Some terms, side by side or as alternatives, negated or not, in parentheses or not."""
    texts = [_term(rolls.choice(events), rolls) for _ in range(rolls.randint(1, 3))]
    if len(texts) > 1 and rolls.random() < 0.4:
        texts[:2] = [f"{rolls.choice(('', '-', 'NOT '))}({texts[0]} {rolls.choice(('', 'AND', 'OR'))} {texts[1]})"]
    return rolls.choice((" ", " OR ")).join(texts)


def _term(event: Event, rolls: random.Random) -> str:
    if rolls.random() < 0.3:
        return rolls.choice(("", "-", "!")) + other_text(event, rolls)
    return rolls.choice(("", "", "-", "NOT ")) + field_text(*rolls.choice(tuple(comparisons())), event, rolls)


def _value(field: Field, operator: Operator, event: Event, rolls: random.Random) -> str:
    if field.kind in ("id", "number", "size", "duration", "time"):
        return _number(field, operator, event, rolls)
    if field.choices and operator in (":", "=", "!="):
        return rolls.choice((*field.choices, "open" if field.name in ("from", "to") else field.choices[0].upper()))
    if operator in ORDERED:
        return rolls.choice(("101", "400", "404.5"))
    text = _text(field, event, rolls)
    if operator in ("~", "!~"):
        return rolls.choice((_quoted(_part(text, rolls)), "/a|o/i", r"/^\w/", "/k$/", r"/é|\d{2}/"))
    return rolls.choice((_quoted(text), _quoted(text.swapcase()), '""', "*", "*a*", "?*", "[*", "x-*"))


def _text(field: Field, event: Event, rolls: random.Random) -> str:
    match field.name:
        case "verdict":
            return verdict_text(event.verdict) or "peer"
        case "note":
            return rolls.choice(NOTES)
        case "tag":
            return rolls.choice([tag for note in NOTES for tag in tags(note)])
    return str(field.read(event) or rolls.choice(("a", "trade", "ok")))


def _number(field: Field, operator: Operator, event: Event, rolls: random.Random) -> str:
    if operator not in ORDERED and rolls.random() < 0.2:
        return "*"
    value = None if field.is_of_notes else field.read(event)
    near = int(value) if isinstance(value, int | float) else 7
    if field.kind == "time":
        low, high = _moment(0), _moment(near)
        one = rolls.choice((high, *TIMES))
    else:
        unit = rolls.choice(UNITS.get(field.kind, ("",)))
        low, high = (f"{number}{unit}" for number in sorted((near % 10**8, rolls.choice((0, 10, 1006)))))
        one = rolls.choice((low, high, str(min(near, MAX_INT))))
    return one if operator in ORDERED else rolls.choice((one, one, f"{low}..", f"..{high}", f"{low}..{high}"))


def _moment(ts_ns: int) -> str:
    return datetime.fromtimestamp(ts_ns / 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _path_value(operator: Operator, rolls: random.Random) -> str:
    if operator in ORDERED:
        return rolls.choice(("7", "-0.5", "97120.5"))
    if operator in ("~", "!~"):
        return rolls.choice(("ra", '"a"', "/^T/i", r"/\d/"))
    return rolls.choice(("*", "trade", "10", "1..10", "tr?de", "null", "true", "a,b", "97120.50", '"a"'))


def _payload(event: Event) -> str:
    return "" if event.payload is None else event.payload.decode("utf-8", "surrogateescape")


def _part(text: str, rolls: random.Random) -> str:
    first = rolls.randrange(max(1, len(text) - 1))
    return text[first : first + rolls.choice((1, 2, 5, 30))] or "a"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
