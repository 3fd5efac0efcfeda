"""The subscription ledger: the table of seeds 1.4, and what a reconnect makes of it."""

from __future__ import annotations

import pytest

from wsmon.model.subscriptions import HISTORY, Subscription, SubscriptionChange, SubscriptionLedger, Subscriptions
from wsmon.protocols.base import Happening

SECOND = 1_000_000_000
A, B = "trades.BTC", "trades.ETH"


def asked(topic: str = A) -> Happening:
    return Happening("subscription.subscribe.started", "subscribe", "start", topic, topic=topic)


def confirmed(topic: str = A) -> Happening:
    return Happening("subscription.subscribe.completed", "subscribe", "end", topic, topic=topic, status="ok")


def refused(topic: str = A, error_type: str = "not_confirmed", reason: str = "") -> Happening:
    return Happening(
        "subscription.subscribe.completed", "subscribe", "end", topic, topic=topic,
        status="error", error_type=error_type, reason=reason,
    )  # fmt: skip


def left(topic: str = A, status: str = "ok") -> Happening:
    return Happening("subscription.unsubscribe.completed", "unsubscribe", "end", topic, topic=topic, status=status)


class Book:
    """A ledger, in seconds."""

    def __init__(self, *, limit: int = 100) -> None:
        self.ledger = SubscriptionLedger(limit=limit)

    def tell(self, at_s: float, *happenings: Happening) -> tuple[SubscriptionChange, ...]:
        return tuple(
            change for happening in happenings for change in self.ledger.apply(happening, round(at_s * SECOND))
        )

    def began(self, at_s: float) -> None:
        self.ledger.session_began(round(at_s * SECOND))

    def ended(self, at_s: float) -> None:
        self.ledger.session_ended(round(at_s * SECOND))

    def expire(self, at_s: float) -> tuple[SubscriptionChange, ...]:
        return self.ledger.expire(round(at_s * SECOND))

    def shows(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        shown = self.ledger.snapshot()
        return shown.active, shown.pending, shown.lost

    def status(self, topic: str = A) -> str:
        known = self.ledger.subscription(topic)
        return known.status if known else ""


@pytest.fixture
def book() -> Book:
    return Book()


NONE: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("happenings", "status", "shown"),
    [
        ([asked()], "requested", (NONE, (A,), NONE)),
        ([asked(), confirmed()], "confirmed", ((A,), NONE, NONE)),
        ([asked(), refused()], "failed", (NONE, NONE, NONE)),
        ([asked(), refused(error_type="timeout")], "expired", (NONE, NONE, NONE)),
        ([asked(), refused(error_type="timeout"), confirmed()], "confirmed", ((A,), NONE, NONE)),
        ([asked(), confirmed(), left()], "unsubscribed", (NONE, NONE, NONE)),
        ([asked(), confirmed(), left(status="error")], "confirmed", ((A,), NONE, NONE)),
        ([asked(), left()], "unsubscribed", (NONE, NONE, NONE)),
        ([asked(), confirmed(), asked()], "confirmed", ((A,), NONE, NONE)),
        ([asked(), confirmed(), asked(), refused()], "confirmed", ((A,), NONE, NONE)),
        ([asked(), refused(), asked(), confirmed()], "confirmed", ((A,), NONE, NONE)),
        ([asked(), confirmed(), confirmed()], "confirmed", ((A,), NONE, NONE)),
        ([asked(), confirmed(), left(), refused()], "unsubscribed", (NONE, NONE, NONE)),
    ],
)
def test_a_topic_follows_what_the_protocol_says(
    book: Book, happenings: list[Happening], status: str, shown: tuple[tuple[str, ...], ...]
) -> None:
    assert book.tell(0, *happenings) == ()
    assert (book.status(), book.shows()) == (status, shown)


@pytest.mark.parametrize(
    "happening",
    [
        confirmed(),
        refused(),
        left(),
        Happening("subscription.lost", topic=A),
        Happening("subscription.restored", topic=A),
        Happening("message.received", topic=A),
        asked(""),
        Happening("subscription.subscribe.completed", "subscribe", "end", "1", topic=A, error_type="unmatched"),
    ],
)
def test_what_concerns_no_topic_that_was_asked_for_changes_nothing(book: Book, happening: Happening) -> None:
    assert book.tell(0, happening) == ()
    assert book.ledger.snapshot() == Subscriptions()
    assert book.status() == ""


def test_confirmations_without_a_request_change_nothing(book: Book) -> None:
    assert book.tell(0, confirmed(), confirmed(B)) == ()
    assert (book.ledger.snapshot(), book.status()) == (Subscriptions(), "")


def test_an_end_that_belongs_to_nothing_fails_no_topic(book: Book) -> None:
    unmatched = Happening("subscription.subscribe.completed", "subscribe", "end", "1", topic=A, error_type="unmatched")
    book.tell(0, asked(), unmatched)
    assert book.status() == "requested"


def test_a_partial_confirmation_leaves_the_rest_failed(book: Book) -> None:
    book.tell(0, asked(A), asked(B), confirmed(A), refused(B))
    assert (book.status(A), book.status(B), book.shows()) == ("confirmed", "failed", ((A,), NONE, NONE))


def test_a_request_expires_after_thirty_seconds(book: Book) -> None:
    book.tell(10, asked())
    assert (book.expire(39.9), book.status()) == ((), "requested")
    assert (book.expire(40), book.status()) == ((), "expired")


def test_asking_again_gives_it_time_again(book: Book) -> None:
    book.tell(10, asked())
    book.tell(30, asked())
    book.expire(45)
    assert book.status() == "requested"
    book.expire(60)
    assert book.ledger.subscription(A) == Subscription(
        A, "expired", 60 * SECOND, 2, "not confirmed in time",
        history=(("requested", 10 * SECOND), ("requested", 30 * SECOND), ("expired", 60 * SECOND)),
    )  # fmt: skip


def test_the_end_of_a_session_fails_what_was_only_asked_for(book: Book) -> None:
    book.tell(0, asked(A), confirmed(A), asked(B))
    book.ended(5)
    assert (book.shows(), book.status(B)) == ((NONE, (A,), NONE), "failed")


def test_what_is_confirmed_again_after_a_reconnect_is_restored(book: Book) -> None:
    book.tell(0, asked(), confirmed())
    book.ended(5)
    book.began(8)
    book.tell(8, asked())
    assert book.tell(9, confirmed()) == (SubscriptionChange("subscription.restored", A, "", 4 * SECOND),)
    assert (book.shows(), book.status(), book.expire(100)) == (((A,), NONE, NONE), "restored", ())


def test_what_is_not_confirmed_again_within_the_expiry_is_lost(book: Book) -> None:
    book.tell(0, asked(A), asked(B), confirmed(A), confirmed(B))
    book.ended(5)
    book.began(8)
    book.tell(9, asked(A), confirmed(A))
    assert book.expire(37.9) == ()
    assert book.expire(38) == (SubscriptionChange("subscription.lost", B, "not confirmed again after a reconnect"),)
    assert book.shows() == ((A,), NONE, (B,))
    assert book.expire(100) == ()


def test_a_message_long_after_tells_what_was_lost_meanwhile(book: Book) -> None:
    book.tell(0, asked(), confirmed())
    book.ended(5)
    book.began(8)
    changes = book.tell(60, confirmed())
    assert [(change.name, change.topic) for change in changes] == [
        ("subscription.lost", A),
        ("subscription.restored", A),
    ]


def test_what_is_refused_after_a_reconnect_is_lost(book: Book) -> None:
    book.tell(0, asked(), confirmed())
    book.ended(5)
    book.began(8)
    assert book.tell(9, asked(), refused(reason="unauthorized")) == (
        SubscriptionChange("subscription.lost", A, "unauthorized"),
    )
    assert book.shows() == (NONE, NONE, (A,))


def test_a_connection_that_stays_down_loses_nothing_yet(book: Book) -> None:
    book.tell(0, asked(), confirmed())
    book.ended(5)
    assert (book.expire(1_000), book.shows()) == ((), (NONE, (A,), NONE))


def test_a_session_that_dies_before_the_expiry_gives_the_next_one_its_time(book: Book) -> None:
    book.tell(0, asked(), confirmed())
    for start in (10, 20):
        book.ended(start - 5)
        book.began(start)
    assert book.expire(49.9) == ()
    assert [change.name for change in book.expire(50)] == ["subscription.lost"]


def test_what_the_protocol_calls_lost_is_lost_and_told_by_its_own_note_alone(book: Book) -> None:
    book.tell(0, asked(), confirmed())
    assert book.tell(5, Happening("subscription.lost", topic=A, reason="channel_crash")) == ()
    assert book.shows() == (NONE, NONE, (A,))
    assert book.tell(6, asked()) == ()
    assert book.tell(7, confirmed()) == (SubscriptionChange("subscription.restored", A, "", 2 * SECOND),)


def test_what_was_lost_stays_lost_over_sessions_until_it_is_left(book: Book) -> None:
    book.tell(0, asked(), confirmed(), Happening("subscription.lost", topic=A))
    book.ended(5)
    book.began(8)
    assert book.shows() == (NONE, NONE, (A,))
    book.tell(9, left())
    assert (book.shows(), book.status()) == ((NONE, NONE, NONE), "unsubscribed")


def test_topics_are_bounded_and_what_is_over_goes_first() -> None:
    book = Book(limit=3)
    book.tell(0, asked("over"), refused("over"))
    book.tell(1, *(asked(name) for name in ("a", "b", "c")))
    assert (book.shows()[1], book.status("over")) == (("a", "b", "c"), "")
    book.tell(2, asked("d"))
    assert book.shows()[1] == ("b", "c", "d")
    assert book.expire(100) == ()


def test_the_history_of_a_topic_is_short(book: Book) -> None:
    for second in range(20):
        book.tell(second, asked(), confirmed(), left())
    known = book.ledger.subscription(A)
    assert known is not None
    assert (len(known.history), known.history[-1]) == (HISTORY, ("unsubscribed", 19 * SECOND))
