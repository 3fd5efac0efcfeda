"""Dialog about a connection: its login and token, its subscriptions, its upgrade, and the way to its log."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import SESSION, T0_NS, at_ns, event, row, source
from tests.support.screen_harness import ROOMY, stage, until
from wsmon.model.events import Event
from wsmon.model.snapshot import RelayedRoute
from wsmon.model.subscriptions import TopicState
from wsmon.tui.dialogs.connection_detail import (
    ConnectionDialog,
    ConnectionFacts,
    fact_lines,
    login_lines,
    state_lines,
    topic_lines,
)
from wsmon.tui.screen import MonitorScreen
from wsmon.tui.text import Line, width_of


def facts(**fields: object) -> ConnectionFacts:
    whole: dict[str, object] = {
        "row": row("orders", since_s=-600),
        "opened": None,
        "started": None,
        "protocol": None,
        "login": None,
        "granted": None,
        "topics": (),
        "statistics": None,
        "at_ns": T0_NS,
    }
    return ConnectionFacts(**whole | fields)  # type: ignore[arg-type]


def said(*lines: Line) -> list[str]:
    return [" ".join("".join(text for text, _ in line).split()) for line in lines]


def granted(after_s: float, *, session: str = SESSION, **fields: object) -> Event:
    found = event("auth.completed", after_s, "orders", **fields)
    return msgspec.structs.replace(found, source=source("orders", session=session))


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        (None, ["Login none seen"]),
        (
            granted(-600, meta={"expires_in_s": 900}),
            ["Login logged in, login at 13:52:24", "Token expires at 14:07:24, in 5m"],
        ),
        (
            granted(-600, meta={"expires_in_s": 300}),
            ["Login logged in, login at 13:52:24", "Token expired at 13:57:24, 5m ago, and was not renewed"],
        ),
        (granted(-600), ["Login logged in, login at 13:52:24", "Token the peer gave no expiry"]),
        (
            granted(-600, session="another"),
            ["Login not logged in; the last login was at 13:52:24, in a session that has ended"],
        ),
    ],
)
def test_the_login_and_the_expiry_of_its_token(login: Event | None, expected: list[str]) -> None:
    assert said(*login_lines(facts(login=login, granted=login))) == expected


def test_a_login_that_was_refused_or_not_answered() -> None:
    refused = event("auth.failed", -5, "orders", error="token revoked", error_type="auth_failed")
    sent = event("auth.started", -5, "orders")
    assert [said(*login_lines(facts(login=each))) for each in (refused, sent)] == [
        ["Login login failed at 14:02:19: token revoked"],
        ["Login login sent at 14:02:19, 5.0 s ago, no answer"],
    ]


def test_subscriptions_are_listed_lost_ones_first() -> None:
    topics = (TopicState("a", "active", at_ns(-60)), TopicState("b", "lost", at_ns(-2)), TopicState("c", "pending", 0))
    lines = said(*topic_lines(facts(topics=topics)))
    assert lines[0] == "Subscriptions 1 active · 1 pending · 1 lost"
    assert [line.split()[0] for line in lines[1:]] == ["lost", "pending", "active"]
    assert lines[1] == "lost since 14:02:22 b"


def test_it_says_how_it_was_opened_at_any_width() -> None:
    opened = event(
        "connection.completed",
        -600,
        "orders",
        status=101,
        meta={
            "subprotocol": "wamp.2.json",
            "extensions": ["permessage-deflate"],
            "request_headers": [["Host", "x.example"]],
            "response_headers": [["Server", "\x1b[31mred"]],
        },
    )
    detected = event("connection.protocol", -590, "orders", type="json", reason="json: 8 of 8 messages are JSON")
    for width in (40, 76, 120, 200):
        lines = fact_lines(facts(opened=opened, protocol=detected), width)
        assert all(width_of(line) <= width for line in lines)
        text = "\n".join(said(*lines))
        assert all(word in text for word in ("wamp.2.json", "permessage-deflate", "Host: x.example", "HTTP 101"))
        assert "\x1b" not in text
    assert "Protocol json (detected: 8 of 8 messages are JSON)" in said(*fact_lines(facts(protocol=detected), 76))


def test_a_relayed_connection_names_the_urls_of_both_sides_and_its_application() -> None:
    routes = (
        RelayedRoute("ws://127.0.0.1:9000/", "wss://h/feed"),
        RelayedRoute("ws://127.0.0.1:9000/orders", "wss://i"),
    )
    opened = event("connection.completed", -600, "app", status=101, meta={"application": "127.0.0.1:51234"})
    started = event("connection.started", -600, "app", meta={"url": "wss://h/feed/eu"})
    known = facts(row=row("app", relay=routes), opened=opened, started=started)
    lines = said(*state_lines(known, ascii_only=False))
    at = lines.index("Relay between an application and a server")
    assert lines[at + 1 : at + 5] == [
        "App URL ws://127.0.0.1:9000/",
        "Server URL wss://h/feed",
        "App URL ws://127.0.0.1:9000/orders",
        "Server URL wss://i",
    ]
    assert {"Session URL wss://h/feed/eu", "Application 127.0.0.1:51234"} < set(lines)
    # Of another session than the present one
    earlier = msgspec.structs.replace(started, source=source("app", session="1" * 16))
    known = facts(row=row("app", relay=routes), opened=opened, started=earlier)
    assert not any(line.startswith("Session URL") for line in said(*state_lines(known, ascii_only=False)))
    assert not any(line.startswith("URL") for line in lines)


async def test_enter_opens_it_and_enter_again_shows_the_log_of_the_connection() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "j", "j", "enter")
        await until(pilot, lambda: isinstance(on.app.screen, ConnectionDialog))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(on.app.screen, MonitorScreen))
        assert on.screen.panes.log.search_query.text == "conn:binance-spot"


async def test_subscriptions_in_the_palette_shows_the_ledger() -> None:
    on = stage()
    on.store.topics_answer = tuple(TopicState(f"t{number:02}", "active", T0_NS) for number in range(80))
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "colon", *"subscriptions", "enter")
        await until(pilot, lambda: isinstance(on.app.screen, ConnectionDialog))
        shown = on.app.screen.query_one("#connection-detail")
        await until(pilot, lambda: shown.scroll_offset.y > 0)
