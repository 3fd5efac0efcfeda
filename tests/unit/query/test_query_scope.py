"""What a query says about connections alone."""

from __future__ import annotations

import pytest

from tests.support.builders import at_ns
from tests.support.queries import query as parse
from wsmon.query.predicate import allows, is_about_connections, split_period


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
    assert [name for name in ("orders", "trades", "") if allows(parse(text), name)] == allowed


def test_other_terms_are_found() -> None:
    assert is_about_connections(parse("conn:a -conn:b"))
    assert not is_about_connections(parse("conn:a word dir:in"))


def test_a_period_is_what_all_bounds_have_in_common_and_other_terms_keep_their_times() -> None:
    asked = parse("since:2026-01-10T14:00:00Z until:2026-01-10T15:00:00Z conn:a ts>=2026-01-10T14:30:00Z -since:today")
    rest, since_ns, until_ns = split_period(asked)
    assert (since_ns, until_ns) == (at_ns(1656), at_ns(3456))
    assert (len(rest.terms), rest.text) == (2, asked.text)
    assert split_period(parse("conn:a"))[1:] == (None, None)
