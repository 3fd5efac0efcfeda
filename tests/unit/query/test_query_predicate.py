"""Which events a query matches."""

from __future__ import annotations

import msgspec
import pytest

from tests.builders import event, loss, message, numbered
from wsmon.query.parser import parse
from wsmon.query.predicate import matches

TRADE = message('{"e":"trade","s":"BTCUSDT"}', connection="Binance-Spot")
LOSS = loss(connection="deribit", reason="Rate limit")
STARTED = event("self.run.started", connection="")
BINARY = message(b"\xff\x00Zebra\xc3", connection="kraken", direction="out")
REFUSED = event("error.occurred", connection="kraken", error_type="http_status", error="the server answered HTTP 403")
EVENTS = numbered((TRADE, LOSS, STARTED, BINARY, REFUSED))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("btcusdt", [1]),
        ("TRADE btc", [1]),
        ("trade zebra", []),
        ('"rate limit"', [2]),
        ("DERIBIT", [2]),
        ("zebra", [4]),
        ("disconnected", [2]),
        ("403", [5]),
        ("http_status", [5]),
        ("-trade", [2, 3, 4, 5]),
        ("conn:binance-spot", [1]),
        ("conn:binance", []),
        ("conn:*a*", [1, 4, 5]),
        ("conn:*", [1, 2, 4, 5]),
        ("-conn:*", [3]),
        ("conn:KRAKEN,deribit", [2, 4, 5]),
        ("conn:?eribit", [2]),
        ('conn:"*"', []),
        ("name:message.*", [1, 4]),
        ("name:connection.disconnected,error.*", [2, 5]),
        ("dir:in", [1]),
        ("dir:in,out", [1, 4]),
        ("dir:*", [1, 4]),
        ("-dir:*", [2, 3, 5]),
        ("id:2", [2]),
        ("id:2..3,5", [2, 3, 5]),
        ("id:4..", [4, 5]),
        ("-id:..4", [5]),
        ("conn:kraken -zebra", [5]),
    ],
)
def test_a_query_matches_these_events(text: str, ids: list[int]) -> None:
    query = parse(text)
    assert [each.id for each in EVENTS if matches(query, each)] == ids


def test_only_ascii_letters_lose_their_case() -> None:
    umlaut = message("ÄRGER")
    assert matches(parse("ÄrgeR"), umlaut)
    assert not matches(parse("ärger"), umlaut)


def test_bytes_that_the_command_line_could_not_decode_are_found() -> None:
    assert matches(parse("\udcff"), BINARY)
    assert not matches(parse("\ud800"), BINARY)


def test_the_type_and_the_topic_are_searched() -> None:
    typed = msgspec.structs.replace(TRADE, payload=None, type="depthUpdate", topic="room:42")
    assert [matches(parse(text), typed) for text in ("depthupdate", "room:42".join('""'), "trade")] == [
        True,
        True,
        False,
    ]
