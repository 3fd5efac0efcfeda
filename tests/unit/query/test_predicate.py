"""The query predicate: events, values, globs, connections, periods, and queries that cannot match."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import at_ns, event, loss, message, numbered
from tests.support.queries import query as parse
from wsmon.query.predicate import (
    allows_connection,
    glob_match,
    is_about_connections,
    matches,
    split_period,
    unsatisfiable,
)

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
        ("zebra OR btc", [1, 4]),
        ("conn:kraken (zebra OR 403)", [4, 5]),
        ("-(conn:kraken OR trade)", [2, 3]),
        ("/BTC\\w+/", [1]),
        ("/btc/", []),
        ("/btc/i", [1]),
        ("/^Rate/ OR /^http_/", [2, 5]),
        ("$.e:trade", [1]),
        ("$.e:TR*", [1]),
        ("$.p>97000", []),
        ("$.s~btc", [1]),
        ("-$.e:*", [2, 3, 4, 5]),
        ("kind:message", [1, 4]),
        ("text:trade", [1]),
        ("reason:limit", [2]),
        ('reason="rate limit"', [2]),
        ("size>=7", [1, 4]),
        ("size:*", [1, 4]),
        ("code:1000..1999", [2]),
        ("by:peer", [2]),
        ("to:disconnected", [2]),
        ("state:open->disconnected", [2]),
        ("is:problem", [2, 5]),
        ("error_type:http*", [5]),
        ("op:binary", [4]),
        ("since:-1s until:2026-01-10T14:03Z", [1, 2, 3, 4, 5]),
        ("since:2026-01-10T14:03Z", []),
        ("trace:4BF9*", [1, 2, 4, 5]),
        ("session:00f067aa0ba902b7", [1, 2, 4, 5]),
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


@pytest.mark.parametrize(("duration_ns", "expected"), [(100_000_000, False), (100_000_001, True)])
def test_tg_12_slower_than_100_ms_begins_above_100_ms(duration_ns: int, expected: bool) -> None:
    reply = event("message.process.completed", size=0, duration_ns=duration_ns)
    assert matches(parse("lat>100ms"), reply) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("*", "", True),
        ("?", "", False),
        ("a*c", "ABBC", True),
        ("a*c", "abcd", False),
        ("*b?", "abab1", True),
        ("a[b]", "a[b]", True),
        ("a[b]", "ab", False),
        ("[!a]*", "[!a]b", True),
        ("[!a]*", "b", False),
        ("k", "\u212a", False),
        ("?", "\n", True),
        ("a.c", "abc", False),
        ("**a**", "a", True),
    ],
)
def test_a_text_fits_its_pattern(pattern: str, text: str, expected: bool) -> None:
    assert glob_match(pattern, text) is expected


@given(st.text("ab[]*?", max_size=8), st.text("abA[]", max_size=12))
def test_patterns_mean_what_a_regular_expression_says(pattern: str, text: str) -> None:
    meant = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    assert glob_match(pattern, text) is bool(re.fullmatch(meant, text, re.IGNORECASE | re.DOTALL))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("*a" * 400, "a" * 399 + "b" * 5_000), ("*?" * 499 + "b", "a" * 65_536), (f"*{'a' * 998}b", "a" * 65_536)],
)
def test_no_pattern_takes_more_than_the_product_of_both_lengths(pattern: str, text: str) -> None:
    assert not glob_match(pattern, text)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("", ["orders", "trades", ""]),
        ("conn:ORDERS", ["orders"]),
        ("conn:*", ["orders", "trades"]),
        ("-conn:orders", ["trades", ""]),
        ("conn:*r* -conn:tr*", ["orders"]),
        ("conn:orders OR conn:trades -conn:t*", ["orders"]),
        ("conn:orders OR word", ["orders", "trades", ""]),
        ("-(conn:orders OR conn:trades)", [""]),
        ("anything dir:in -name:x* id:7", ["orders", "trades", ""]),
    ],
)
def test_terms_on_connections_choose_among_them(text: str, allowed: list[str]) -> None:
    assert [name for name in ("orders", "trades", "") if allows_connection(parse(text), name)] == allowed


def test_other_terms_are_found() -> None:
    assert is_about_connections(parse("conn:a -conn:b"))
    assert not is_about_connections(parse("conn:a word dir:in"))


def test_a_period_is_what_all_bounds_have_in_common_and_other_terms_keep_their_times() -> None:
    asked = parse("since:2026-01-10T14:00:00Z until:2026-01-10T15:00:00Z conn:a ts>=2026-01-10T14:30:00Z -since:today")
    rest, since_ns, until_ns = split_period(asked)
    assert (since_ns, until_ns) == (at_ns(1656), at_ns(3456))
    assert (len(rest.terms), rest.text) == (2, asked.text)
    assert split_period(parse("conn:a"))[1:] == (None, None)


OPEN_IS_FOLLOWED = "open can only be followed by disconnected, error or closed"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("state:open->reconnecting", OPEN_IS_FOLLOWED),
        ("conn:a from:open to:reconnecting size>1", OPEN_IS_FOLLOWED),
        ("state:closed->disconnected", "closed can only be followed by connecting or error"),
        ("state:open->disconnected", ""),
        ("state:open->*", ""),
        ("state:reconnecting", ""),
        ("-state:open->reconnecting", ""),
        ("state:open->reconnecting OR is:problem", ""),
        ("", ""),
    ],
)
def test_a_transition_that_connections_do_not_make_is_explained(text: str, why: str) -> None:
    assert unsatisfiable(parse(text)) == why
