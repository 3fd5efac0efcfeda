"""The sentence above the connections list."""

from __future__ import annotations

import pytest

from tests.support.builders import T0_NS, at_ns, loss, refused, row
from wsmon.model.snapshot import ConnectionRow
from wsmon.tui.panes.connections import title_sentences

TOKEN = loss(-3, reason="policy violation: token expired")


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (
            row("bouncer", "reconnecting", failing_since_ns=at_ns(-49), problem=TOKEN),
            (
                "bouncer: down 49 s · “policy violation: token expired”, 1008 by peer",
                "bouncer: “policy violation: token expired”, 1008 by peer",
            ),
        ),
        (
            row("forbidden", "error", failing_since_ns=at_ns(-3720), problem=refused(error="403 Forbidden")),
            ("forbidden: down 1h02m · 403 Forbidden", "forbidden: 403 Forbidden"),
        ),
        (
            row("silent", stalled_since_ns=at_ns(-41), expect_every_s=5.0),
            ("silent: stalled 41 s · no data; expected every 5 s", "silent: no data; expected every 5 s"),
        ),
        (row("ticker", since_s=-9.8), ("ticker: open 9.8 s",)),
        (
            row("quiet", since_s=-9.8, profile="standard"),
            ("quiet: open 9.8 s · standard: messages are counted, not kept", "quiet: open 9.8 s"),
        ),
        (row("paid", since_s=-9.8, profile="financial"), ("paid: open 9.8 s",)),
        (row("legacy", "initialized", enabled=False), ("legacy: off",)),
    ],
)
def test_it_says_since_when_and_why_and_the_cause_alone_where_it_is_tight(
    each: ConnectionRow, expected: tuple[str, ...]
) -> None:
    assert title_sentences(each, T0_NS) == expected


def test_one_that_is_well_again_says_what_its_last_trouble_was() -> None:
    (whole, cause) = title_sentences(row("coinbase", since_s=-60, problem=TOKEN, failing_since_ns=at_ns(-99)), T0_NS)

    assert whole.startswith("coinbase: open 1m · last: “policy violation: token expired”, 1008 by peer, ")
    assert cause.startswith("coinbase: last: ")


def test_foreign_text_is_clean() -> None:
    hostile = row("bouncer", "reconnecting", problem=loss(reason="[/b]\x1b[31m\u202e"))

    assert all(text.isprintable() for text in title_sentences(hostile, T0_NS))
