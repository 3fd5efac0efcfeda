"""Notes become events: paired, timed, cleaned, and closed with their session."""

from __future__ import annotations

from tests.support.engines import RecordingSink
from wsmon.engine.messages import MessageEvents
from wsmon.model.events import Event, Source
from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.text_cleaner import TextCleaner
from wsmon.model.spans import Instant
from wsmon.model.subscriptions import SubscriptionLedger
from wsmon.protocols.base import Happening

SOURCE = Source("feed", connection_id="00f067aa0ba902b7")
SECRET = "hunter2hunter2"
SECOND_NS = 1_000_000_000
SPAN = "0101010101010101"


class Rig:
    """Message events whose ids and times are known."""

    def __init__(self, ledger: SubscriptionLedger | None = None) -> None:
        self.sink = RecordingSink()
        self.ledger = ledger or SubscriptionLedger()
        cleaner = TextCleaner(Redactor(secrets=(SECRET,)))
        self.events = MessageEvents(SOURCE, self.sink, cleaner, self.ledger, lambda size: b"\x01" * size)

    def tell(self, *happenings: Happening, at_s: int = 0) -> None:
        self.events.emit(happenings, "in", at(at_s))

    def said(self) -> list[tuple[str, str, int | str | None, int | None, str]]:
        """Name, topic, status, duration in seconds and error type of each event."""
        return [
            (
                event.name,
                event.topic,
                event.status,
                None if event.duration_ns is None else event.duration_ns // SECOND_NS,
                event.error_type,
            )
            for event in self.sink.events
        ]


def at(after_s: int) -> Instant:
    """So many seconds after the beginning."""
    return Instant(1_000 * SECOND_NS + after_s * SECOND_NS, after_s * SECOND_NS)


def asked(topic: str, key: str = "1") -> Happening:
    """A subscription is asked for."""
    return Happening("subscription.subscribe.started", "subscribe", "start", key, topic=topic)


def answered(topic: str, key: str = "1", error_type: str = "") -> Happening:
    """It is answered."""
    status = "error" if error_type else "ok"
    return Happening(
        "subscription.subscribe.completed", "subscribe", "end", key, topic=topic, status=status, error_type=error_type
    )


def test_the_end_of_a_request_says_how_long_it_took() -> None:
    rig = Rig()
    rig.tell(Happening("message.process.started", "request", "start", "7", "sum", ref="7"))
    rig.tell(Happening("message.process.completed", "request", "end", "7", "sum", ref="7", status="ok"), at_s=3)
    assert rig.sink.events == [
        Event(
            SOURCE,
            "message.process.completed",
            *at(3),
            "in",
            size=0,
            type="sum",
            ref="7",
            duration_ns=3 * SECOND_NS,
            status="ok",
            span_id=SPAN,
            parent_id=SOURCE.connection_id,
        )
    ]


def test_what_never_ended_ends_with_the_session() -> None:
    rig = Rig()
    rig.tell(
        asked("trades"),
        Happening("message.process.started", "request", "start", "7", "sum"),
        Happening("auth.refresh.started", "refresh", "start", "8"),
        Happening("trace.request.start", "trace", "start", "9"),
    )
    before = len(rig.sink.events)
    rig.events.end(at(4))
    assert rig.said()[before:] == [
        ("subscription.subscribe.completed", "trades", "error", 4, "disconnected"),
        ("message.process.completed", "", "error", 4, "disconnected"),
        ("auth.failed", "", "error", 4, "disconnected"),
    ]
    assert rig.sink.events[-1].meta == {"refresh": True}


def test_what_is_unanswered_when_we_stop_is_no_failure() -> None:
    rig = Rig()
    rig.tell(
        asked("trades"),
        Happening("message.process.started", "request", "start", "7", "sum"),
        Happening("auth.started", "auth", "start", "8"),
        Happening("heartbeat.received", "heartbeat", "start", "9"),
    )
    before = len(rig.sink.events)
    rig.events.end(at(4), is_ours=True)
    assert rig.said()[before:] == [
        ("subscription.subscribe.completed", "trades", "abandoned", 4, ""),
        ("message.process.completed", "", "abandoned", 4, ""),
    ]


def test_db_13_three_requests_in_flight_fail_with_the_session_and_none_is_left() -> None:
    rig = Rig()
    for key in "123":
        rig.tell(Happening("message.process.started", "request", "start", key, "public/get_time", ref=key))
    rig.events.end(at(2))
    assert rig.said() == [("message.process.completed", "", "error", 2, "disconnected")] * 3
    rig.events.end(at(3))
    assert len(rig.said()) == 3


def test_a_second_start_under_one_key_abandons_the_first() -> None:
    rig = Rig()
    rig.tell(asked("a"))
    rig.tell(asked("b"), at_s=2)
    assert rig.said() == [
        ("subscription.subscribe.started", "a", None, None, ""),
        ("subscription.subscribe.completed", "a", "abandoned", 2, "restarted"),
        ("subscription.subscribe.started", "b", None, None, ""),
    ]


def test_an_end_without_a_start_has_no_duration() -> None:
    rig = Rig()
    rig.tell(
        Happening("message.process.completed", "request", "end", "9", error_type="unmatched", error="nobody asked")
    )
    assert rig.said() == [("message.process.completed", "", "orphan", None, "unmatched")]


def test_what_the_peer_measured_counts() -> None:
    rig = Rig()
    rig.tell(
        Happening("trace.request.end", "trace", "whole", "t", duration_ns=5 * SECOND_NS, at_ns=900 * SECOND_NS), at_s=1
    )
    (event,) = rig.sink.events
    assert (event.duration_ns, event.ts_ns, event.meta) == (5 * SECOND_NS, at(1).ts_ns, {"at_ns": 900 * SECOND_NS})


def test_a_subscription_that_comes_back_was_away() -> None:
    rig = Rig()
    rig.events.begin(at(0))
    rig.tell(asked("trades"), answered("trades"))
    rig.events.end(at(10))
    again = Rig(rig.ledger)
    again.events.begin(at(12))
    again.tell(asked("trades"), answered("trades"), at_s=15)
    assert again.said()[1:] == [
        ("subscription.subscribe.completed", "trades", "ok", 0, ""),
        ("subscription.restored", "trades", None, 5, ""),
    ]


def test_a_subscription_that_does_not_come_back_is_lost_once() -> None:
    rig = Rig()
    rig.events.begin(at(0))
    rig.tell(asked("trades"), answered("trades"))
    rig.events.end(at(10))
    again = Rig(rig.ledger)
    again.events.begin(at(12))
    for after_s in (41, 43, 44):
        again.events.emit_overdue((), at(after_s))
    assert again.said() == [("subscription.lost", "trades", None, None, "")]


def test_what_is_overdue_is_told() -> None:
    rig = Rig()
    rig.events.emit_overdue((Happening("heartbeat.timeout", error_type="timeout", error="no answer"),), at(3))
    assert rig.said() == [("heartbeat.timeout", "", None, None, "timeout")]


def test_no_text_of_a_note_holds_a_secret() -> None:
    rig = Rig()
    rig.tell(
        Happening(
            "error.occurred",
            type=SECRET,
            topic=SECRET,
            ref=SECRET,
            status=SECRET,
            reason=SECRET,
            error_type=SECRET,
            error=SECRET,
            meta={"said": [SECRET]},
        ),
        asked(SECRET),
    )
    rig.events.end(at(1))
    assert len(rig.sink.events) == 3
    assert SECRET not in rig.sink.text()


def test_d2_answers_that_may_have_waited_while_wsmon_did_not_read_are_marked() -> None:
    rig = Rig()
    rig.tell(*(Happening("message.process.started", "request", "start", key, "sum") for key in "12"))
    rig.events.read_late(6 * SECOND_NS, 7 * SECOND_NS)
    rig.tell(Happening("message.process.completed", "request", "end", "1", "sum", status="ok"), at_s=7)
    rig.tell(Happening("message.process.completed", "request", "end", "2", "sum", status="ok"), at_s=8)
    # Asked after wsmon read again
    rig.tell(Happening("message.process.started", "request", "start", "3", "sum"), at_s=8)
    rig.events.read_late(8 * SECOND_NS, 10 * SECOND_NS)
    rig.tell(Happening("message.process.completed", "request", "end", "3", "sum", status="ok"), at_s=9)
    rig.tell(Happening("trace.request.end", duration_ns=5 * SECOND_NS), at_s=9)
    assert [(event.duration_ns, event.meta) for event in rig.sink.events] == [
        (7 * SECOND_NS, {"read_late": True}),
        (8 * SECOND_NS, None),
        (SECOND_NS, None),
        (5 * SECOND_NS, None),
    ]
