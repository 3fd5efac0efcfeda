"""Events and queries of all kinds by chance, the foreign and the malformed among them."""

from __future__ import annotations

import random
from typing import get_args

import msgspec

from tests.support.builders import message, source
from tests.support.queries import NOW_NS
from wsmon.model.events import EVENT_NAMES, RECORDER, CloseBy, Event, Opcode
from wsmon.model.statuses import Status
from wsmon.query.ast import (
    And,
    Contains,
    Exact,
    FieldTerm,
    Glob,
    Ids,
    Item,
    Not,
    Or,
    PathTerm,
    Range,
    Regex,
    Term,
    Word,
)
from wsmon.query.fields import FIELDS, Field

EVENTS = 40
CONNECTIONS = ("a", "A.b", "ab_c", "x_y", "kraken-book")
BYTES = b"aAbB%_\\\x00\xc3\xa9\xc3\x89\xff\xef\xbf\xbd\xe9 *?["
CHARS = "aAbB%_\\\x00éÉ�\udcff\ud800 *?[İK"
LONG = "x" * 30_000
SESSIONS = ("00f067aa0ba902b7", "aaaaaaaaaaaaaaaa")


def foreign(rolls: random.Random) -> str:
    return "".join(rolls.choices(CHARS, k=rolls.randint(0, 4)))


def valid(rolls: random.Random) -> str:
    return foreign(rolls).encode("utf-8", "replace").decode()


DOCUMENTS = (
    b'{"type": "trade", "qty": 10, "p": "97120.5", "tags": ["a", 7, null], "deep": {"x y": true}}',
    b'{"type": "b", "qty": -0.5, "tags": []}',
    b'{"\\u0074ype": "TRADE", "qty": 1e400}',
    b'[{"type": "a"}, 3]',
    b'{"type": "\xff"}',
    b'{"type": ',
)
PATHS = (("type",), ("qty",), ("p",), ("tags",), ("tags", 0), ("deep", "x y"), (0, "type"), ())
NUMBERS = (0, 1, 7, 10, 1006, 5_000_000, 97_120.5, 2**62, -1)
PATTERNS = ("a", "^a", "A+b*", r"\d", "", "(?s).", "x.y", r"\x00", "é", "tra?d", r"ab\b", "q[x]*end")


def any_event(rolls: random.Random) -> Event:
    payload = rolls.choice(
        (
            None,
            bytes(rolls.choices(BYTES, k=rolls.randint(0, 6))),
            foreign(rolls).encode("utf-8", "replace"),
            b"q" + LONG.upper().encode() + b"\x00end",
            *DOCUMENTS,
        )
    )
    name = rolls.choice(EVENT_NAMES)
    made = message(
        payload or b"", direction=rolls.choice(("in", "out")), ts_ns=NOW_NS + rolls.randint(-2, 2) * 30 * 10**9
    )
    if not name.startswith(("message.", "heartbeat.")):
        made = msgspec.structs.replace(made, size=None, wire_size=None, direction="", opcode="")
    is_transition = rolls.random() < 0.3
    return msgspec.structs.replace(
        made,
        name=name,
        source=rolls.choice(
            (RECORDER, *(source(connection, session=rolls.choice(SESSIONS)) for connection in CONNECTIONS))
        ),
        payload=payload,
        opcode=rolls.choice(get_args(Opcode)),
        truncated=rolls.random() < 0.2,
        redacted=rolls.random() < 0.2,
        type=valid(rolls),
        topic=foreign(rolls),
        ref=valid(rolls),
        duration_ns=rolls.choice((None, 0, 5_000_000, 2**40)),
        status=rolls.choice((None, 101, 404, "ok", "error")),
        from_status=rolls.choice(get_args(Status)) if is_transition else None,
        to_status=rolls.choice(get_args(Status)) if is_transition else None,
        close_code=rolls.choice((None, 1000, 1006)),
        close_by=rolls.choice(get_args(CloseBy)),
        reason=valid(rolls) if name.startswith("incident.") else foreign(rolls),
        error_type=rolls.choice(("", "dns", "timeout", valid(rolls))),
        error=foreign(rolls),
        span_id=rolls.choice(("", *SESSIONS)),
        meta=rolls.choice(
            (
                None,
                {},
                {"seq": 7, "missing": 2.5, "latency_ms": 10**20},
                {"url": "ws://a", "seq": "7"},
                {"seq": True, "é": "x"},
            )
        ),
    )


def any_item(rolls: random.Random) -> Item:
    match rolls.randrange(5):
        case 0:
            return Exact(
                rolls.choice(
                    (foreign(rolls), "a", "trade", "10", "in", "ok", "null", "redacted", "websocket_connected")
                )
            )
        case 1:
            return Glob(
                rolls.choice(
                    ("*", "a*", "*b*", "??", "m*", "*" + foreign(rolls), "tr?de", "4*", "*\x00*", "*[*", "?[*", "*[a]*")
                )
            )
        case 2:
            return Contains(rolls.choice((foreign(rolls), "a", "ra", "o", LONG)))
        case 3:
            return Regex(rolls.choice(PATTERNS), rolls.random() < 0.5)
    low, high = sorted(rolls.choices(NUMBERS, k=2))
    bounds = rolls.choice(((low, high), (low, None), (None, high), (low, low)))
    return Range(bounds[0], bounds[1], rolls.random() < 0.3, rolls.random() < 0.3)


def any_term(rolls: random.Random, depth: int = 0) -> Term:
    kind = rolls.randrange(12 if depth < 3 else 9)
    if kind < 2:
        return Word(rolls.choice((foreign(rolls) or "a", foreign(rolls) or "\x00", "CONN", "xX", LONG, "\0end", "dns")))
    if kind == 2:
        return Regex(rolls.choice(PATTERNS), rolls.random() < 0.5)
    if kind == 3:
        return PathTerm(rolls.choice(PATHS), tuple(any_item(rolls) for _ in range(rolls.randint(1, 2))))
    if kind == 4:
        first = rolls.randint(0, EVENTS)
        ranges = (Range(first, first + rolls.randint(0, 9)), Range(rolls.randint(0, EVENTS), EVENTS))
        return FieldTerm("id", ranges[: rolls.randint(1, 2)])
    if kind == 5:
        bounds = sorted(NOW_NS + rolls.randint(-3, 3) * 20 * 10**9 for _ in range(2))
        return FieldTerm("ts", (Range(bounds[0], bounds[1], is_below=True),))
    if kind == 6 and rolls.random() < 0.3:
        return Ids(frozenset(rolls.choices(range(EVENTS + 2), k=rolls.randint(0, 6))))
    if kind < 9:
        field = rolls.choice(tuple(field for field in FIELDS.values() if not field.is_of_notes))
        return FieldTerm(field.name, tuple(_item_of(field, rolls) for _ in range(rolls.randint(1, 3))))
    if kind == 9:
        return Not(any_term(rolls, depth + 1))
    group = And if kind == 10 else Or
    return group(tuple(any_term(rolls, depth + 1) for _ in range(rolls.randint(1, 3))))


def _item_of(field: Field, rolls: random.Random) -> Item:
    """One that the parser could make of the field, half of the time one that may match."""
    if field.choices and rolls.random() < 0.5:
        return Exact(rolls.choice(field.choices).upper())
    item = any_item(rolls)
    while field.kind in ("id", "number", "size", "duration", "time") and not (
        isinstance(item, Range) or item == Glob("*")
    ):
        item = any_item(rolls)
    return item
