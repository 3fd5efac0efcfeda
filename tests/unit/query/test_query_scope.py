"""What a query says about connections alone."""

from __future__ import annotations

import pytest

from tests.queries import query as parse
from wsmon.query.ast import Word
from wsmon.query.scope import allows, first_other_term


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
    assert first_other_term(parse("conn:a -conn:b")) is None
    assert first_other_term(parse("conn:a word dir:in")) == Word("word")
