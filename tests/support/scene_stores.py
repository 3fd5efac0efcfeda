"""What the store of a stage holds for pictures: a situation each, put over the one of ``stages``."""

from __future__ import annotations

import json
from dataclasses import replace
from math import sin

import msgspec

from tests.support.builders import (
    SECOND_NS,
    at_ns,
    dialled,
    event,
    lane,
    loss,
    message,
    pong,
    refused,
    row,
    source,
    span,
    stall,
    usable,
)
from tests.support.fake_ports import FakeNotes
from tests.support.screen_harness import Stage, with_incidents
from wsmon.errors import WsmonError
from wsmon.model.events import Event, Verdict
from wsmon.model.notes import NotesPage, SavedView
from wsmon.model.snapshot import Health, OpenIncident
from wsmon.model.statistics import Density, MessageType, Percentiles, Trend, kpis
from wsmon.model.statuses import OPEN, Status
from wsmon.model.timeline import Incident

HOSTILE = "[/b]\x1b[31m\x1b]0;x\x07\x9b\u202e é红茶"
WEEK_S = 7 * 86_400
VERDICT = Verdict(
    "peer",
    "1008 policy violation",
    "“rate limit: 5 connections”, 1008, closed by peer; the last 9 sessions all dropped within 5 s of opening",
    "dial less often: reconnect.initial of 30 s or more",
)
BOOK = {
    "ch": "book",
    "bids": [[97120.5, 1.25], [97120, 3]],
    "asks": [],
    "meta": {"seq": 17, "venue": "spot", "is_final": False, "note": "grün 日本"},
}
SPANS = (
    span("a", "", "session", "", 0, 4200),
    span("b", "a", "dns", "", 0, 3),
    span("c", "a", "tcp", "", 3, 11),
    span("d", "a", "tls", "", 14, 160),
    span("e", "a", "upgrade", "", 174, 38),
    span("f", "a", "subscribe", "book.BTC-PERPETUAL.100ms", 220, 61),
    span("g", "a", "request", "private/get_positions", 300, 1900, "error", error="not authorised: token expired"),
    span("h", "a", "request", "public/get_time", 2500, 12),
    span("i", "a", "request", "public/ticker", 3000, None, "open"),
)


def lively(on: Stage) -> None:
    """Half an hour of traffic, and what was found in it."""
    with_incidents(on)
    on.store.density_answer = Density(
        at_ns(-1900),
        10 * SECOND_NS,
        tuple(number * 7 % 40 + number // 4 for number in range(190)),
        tuple(int(number in (160, 170)) for number in range(190)),
    )


def empty(on: Stage) -> None:
    """A recorder that has just begun: connections that were never open, and no event yet."""
    on.store.forget()
    on.store.connections = tuple(row(each.state.name, "initialized") for each in on.store.connections)
    on.store.statistics_answer, on.store.messages_per_s = None, ()


def many(on: Stage) -> None:
    """Forty connections of some groups, one of them with a long name in another script."""
    named = ["feed-with-quite-a-long-name-of-market-data-in-frankfurt", "börse-東京-相場"]
    names = [*named, *(f"feed-{number:02}" for number in range(38))]
    on.store.connections += tuple(row(name, messages_per_s=12.0, last_message_ns=at_ns(-1)) for name in names)
    on.store.lanes_answer += tuple(lane(name, [(-1800, OPEN)], 0) for name in names)


def troubled(on: Stage) -> None:
    """A dozen connections of four groups on the timeline, with losses, stalls and incidents."""
    lively(on)
    gap = Incident(at_ns(-900), at_ns(-700), 400, "gap", "3 missing messages: BTC 5-7")
    storm = Incident(at_ns(-300), at_ns(0), 401, "storm", "17 sessions in 2 minutes look like a storm", is_open=True)
    deribit: list[tuple[float, Status]] = [
        (-1900.0, OPEN), (-300.0, "disconnected"), (-280.0, "reconnecting"), (-250.0, OPEN), (-45.0, "disconnected"),
    ]  # fmt: skip
    kraken: list[tuple[float, Status]] = [(-1900, OPEN), (-1500, "disconnected"), (-1480, OPEN)]
    judged = msgspec.structs.replace(loss(-45), verdict=VERDICT)
    judged_id = on.store.add(judged).last_id
    on.store.lanes_answer = (
        replace(lane("deribit", deribit, 0, losses=[-300], group="desk", first_id=judged_id - 4), incidents=(storm,)),
        lane("kraken-book", kraken, 0, losses=[-1500], stalls=[(-60, 0)], group="desk"),
        lane("binance-spot", [(-1900, OPEN)], 0, group="desk"),
        lane("coinbase", [(-1300, "connecting"), (-1270, OPEN), (-500, "closed")], 0, group="desk"),
        lane("legacy", [(-900, "connecting"), (-880, "error")], 0, group="desk"),
        replace(lane("feed-00", [(-1900, OPEN)], 0, group="books"), incidents=(gap,)),
        *(
            lane(f"feed-{number:02}", [(-1900, OPEN)], 0, group=("books", "trades", "account")[number % 3])
            for number in range(1, 7)
        ),
    )


def weeks(on: Stage) -> None:
    """Three months of a connection that is lost each Monday, of a new one, and of one that was switched off."""
    mondays = [-WEEK_S * number - 400_000.0 for number in range(12, 0, -1)]
    on.store.lanes_answer = (
        lane("old", [(-13.0 * WEEK_S, OPEN)], 0, losses=mondays, incidents=[(-8.0 * WEEK_S, -7.0 * WEEK_S)]),
        lane("new", [(-2.0 * WEEK_S, OPEN)], 0, stalls=[(-400_000, -100_000)]),
        lane("off", [(-13.0 * WEEK_S, OPEN), (-5.0 * WEEK_S, "closed")], 0),
    )


def measured(on: Stage) -> None:
    """Statistics with everything in them."""
    statistics = on.store.statistics_answer
    assert statistics is not None
    judged = tuple(replace(each, kpis=kpis(each)) for each in statistics.connections)
    on.store.statistics_answer = replace(statistics, connections=judged)
    on.store.trend_answer = _fed


def _fed(nothing: Trend) -> Trend:
    """A trend of a feed that came up a while ago, and has a slow hour."""
    n = len(nothing.messages)
    late = range(n // 5, n)
    rates = {i: round((1500 + 1400 * sin(i / 7)) * nothing.bucket_ns / SECOND_NS) for i in late}
    trips = {i: Percentiles(12 + 2 * sin(i / 5), 19 + 3 * sin(i / 4), 30 + 14 * sin(i / 3)) for i in late}
    return replace(
        nothing,
        messages=tuple(rates.get(i) for i in range(n)),
        rtt_ms=tuple(trips.get(i) for i in range(n)),
        sizes={64: 12, 128: 400_000, 256: 7_100_000, 512: 800_000, 4096: 9_000, 65536: 3},
        types=(
            MessageType("trade", 7_500_000, 211.0, at_ns(0)),
            MessageType("depthUpdate", 700_000, 3_200.0, at_ns(-1)),
            MessageType("kline", 3_000, None, at_ns(-60)),
        ),
        bytes=tuple(rates[i] * 300 if i in rates else None for i in range(n)),
        heartbeats=tuple(1 if i in rates else None for i in range(n)),
        missed=tuple(0 if i in rates else None for i in range(n)),
    )


def odd(on: Stage) -> None:
    """Messages that are cut, masked, large, binary or without their payload, and a loss."""
    on.store.add(
        message('{"e":"trade","s":"BTCUSDT","big":"' + "x" * 300, 1, type="trade", truncated=True, size=70_000),
        message('{"op":"auth","token":"[FILTERED]"}', 2, "coinbase", direction="out", type="auth", redacted=True),
        message("x" * 66_000, 3, "kraken-book"),
        message(b"\x08\x96\x01binary", 4, "coinbase", redacted=True, truncated=True),
        event("message.received", 5, "coinbase", direction="in", opcode="text", size=900, type="l2update"),
        loss(6),
    )


def assorted() -> tuple[Event, ...]:
    """One of each kind, some of it hostile; ids are not given."""
    return (
        message('{"e":"depthUpdate"}' * 99, 0.21, type="depthUpdate"),
        pong(0.3),
        stall(0.4),
        message(b"\x08\x96\x01\x12\x07testing", 0.45, "binary-feed"),
        refused(0.5, "legacy"),
        message('{"op":"subscribe","args":["trades"]}', 0.6, "coinbase", direction="out"),
        usable(0.7, "coinbase"),
        message(HOSTILE * 9, 0.8, "hostile"),
    )


def mixed(on: Stage) -> None:
    """A bit of everything, some of it hostile."""
    on.store.add(
        *assorted(),
        loss(0.85, "hostile", reason=HOSTILE, error=HOSTILE),
        event("self.run.started", 0.9, ""),
        event("heartbeat.timeout", 1.0, size=0, error="no pong in 20 s"),
    )


def explained(on: Stage) -> None:
    """A loss with its verdict as the newest event."""
    on.store.add(msgspec.structs.replace(loss(1), verdict=VERDICT))


def booked(on: Stage) -> None:
    """A message of nested JSON as the newest event."""
    on.store.add(message(json.dumps(BOOK), 1, type="book", topic="BTC", redacted=True))


def binary(on: Stage) -> None:
    """A binary message as the newest event."""
    on.store.add(message(bytes(range(256)) + b"testing \xe2\x98\x83", 1, "coinbase"))


def shaken(on: Stage) -> None:
    """A session that began in sight, with a message."""
    session = source("coinbase", session="a" * 16)
    on.store.add(
        *(
            msgspec.structs.replace(each, source=session)
            for each in (dialled(1.0, "coinbase"), usable(1.2, "coinbase"), message(after_s=1.5))
        )
    )


def spanned(on: Stage) -> None:
    """Spans of a session."""
    on.store.spans_answer = SPANS


def notes() -> FakeNotes:
    """A view and searches of before."""
    view = SavedView("slow trades", "conn:binance-* type:trade lat>250ms since:-15m")
    return FakeNotes(NotesPage(views=(view,), searches=("conn:deribit is:problem", "lat>250ms")))


def unrecorded(on: Stage) -> None:
    """Nobody records."""
    on.control.health_now = None
    on.clock.advance(5)


def ill(on: Stage) -> None:
    """A disk that is full, and a commit that took long."""
    on.control.health_now = Health(
        commit_lag_ms=1900.0, events_shed=1204, warning="disk full: 1,204 messages not kept; 12 MiB left on /state"
    )


def unreadable(on: Stage) -> None:
    """A store that cannot be read any more."""

    def fail(_at_ns: int) -> object:
        raise WsmonError("disk I/O error")

    on.store.snapshot = fail  # type: ignore[method-assign, assignment]  # the fault under test
    on.store.add(message())


def notified(on: Stage) -> None:
    """An incident that has just opened."""
    on.store.incidents = (OpenIncident(10_000, "gap", "3 missing messages: BTC 5-7, of book.BTC-PERPETUAL", "deribit"),)
    on.app.wake()
    on.clock.advance(1)
