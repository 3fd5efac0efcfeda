"""What is remembered of a connection for the verdict on its next end."""

from __future__ import annotations

import pytest

from tests.support.builders import dialled, event, loss, usable
from tests.support.verdicts import broken, silent
from wsmon.model.events import Event, EventName
from wsmon.model.verdict.history import EndWay, Histories, History, way_of_end

FEED = "deribit"


def after(*events: Event) -> History:
    histories = Histories()
    for each in (dialled(0, FEED), usable(1, FEED), *events):
        histories.observe(each)
    return histories.of(FEED)


def failed_login(error_type: str = "refused") -> Event:
    return event("auth.failed", 2, FEED, direction="in", error_type=error_type, error="wrong password")


def test_a_login_that_the_peer_refused_is_remembered_until_one_succeeds() -> None:
    refused, accepted = after(failed_login()), after(failed_login(), event("auth.completed", 3, FEED))
    assert refused.refusal is not None
    assert (refused.refusal.text, accepted.refusal) == ("wrong password", None)


@pytest.mark.parametrize("error_type", ["timeout", "disconnected", "replaced"])
def test_what_wsmon_concludes_is_no_word_of_the_peer(error_type: str) -> None:
    history = after(failed_login(error_type))
    assert (history.refusal, history.complaint) == (None, None)


@pytest.mark.parametrize("error_type", ["decode_refused", "decode_lost", "decode_damaged", "decode_missing"])
def test_a_payload_that_was_not_decoded_is_no_complaint_of_the_peer(error_type: str) -> None:
    history = after(event("error.occurred", 2, FEED, direction="in", error_type=error_type, error="gzip: too large"))
    assert history.complaint is None


@pytest.mark.parametrize(
    ("name", "direction", "is_complaint"),
    [("error.occurred", "in", True), ("error.occurred", "", False), ("error.occurred", "out", False)],
)
def test_an_error_in_a_message_of_the_peer_is_a_complaint(name: EventName, direction: str, is_complaint: bool) -> None:
    history = after(event(name, 2, FEED, direction=direction, error_type="malformed_packet", error="malformed packet"))
    assert (history.complaint is not None) is is_complaint


def test_a_heartbeat_of_the_peer_is_unanswered_until_we_answer_it() -> None:
    ping = event("heartbeat.received", 2, FEED, direction="in", size=0)
    pong = event("heartbeat.responded", 3, FEED, direction="out", size=0)
    frame = event("heartbeat.responded", 3, FEED, direction="out", opcode="pong", size=4)
    assert [after(ping, ping).unanswered_count, after(ping, pong).unanswered_count] == [2, 0]
    assert (after(ping, frame).unanswered is not None, after(ping, pong).unanswered) == (True, None)


def test_a_heartbeat_of_a_protocol_that_wants_no_answer_is_not_unanswered() -> None:
    opened_by = event("connection.completed", 1, FEED, meta={"protocol": "stomp"})
    assert after(opened_by, event("heartbeat.received", 2, FEED, direction="in", size=0)).unanswered is None


def test_a_new_session_starts_without_the_precursors_of_the_last() -> None:
    history = after(failed_login(), event("heartbeat.received", 2, FEED, size=0), loss(3, FEED), dialled(4, FEED))
    assert (history.refusal, history.complaint, history.unanswered, history.server) == (None, None, None, "")


def test_the_host_knows_which_of_its_connections_are_open() -> None:
    histories = Histories()
    for name in ("a", "b", "c"):
        histories.observe(dialled(0, name))
        histories.observe(usable(1, name))
    histories.observe(loss(2, "b"))
    histories.observe(dialled(3, "c", meta={"url": "wss://elsewhere.example.net/"}))
    assert histories.of("a").host.open == {"a"}
    assert [(each.connection, each.way) for each in histories.of("a").host.losses] == [
        ("b", EndWay(1008, "rate limit: # connections", ""))
    ]


@pytest.mark.parametrize(
    ("ended", "way"),
    [
        (loss(code=1008, reason="limit: 5"), EndWay(1008, "limit: #", "")),
        (broken("eof"), EndWay(None, "", "eof")),
        (broken("reset"), EndWay(None, "", "reset")),
        (broken("tls"), None),
        (broken("tls", by="peer"), None),
        (broken("tcp_timeout"), None),
        (broken("tcp_unreachable"), None),
        (broken("protocol", by="us"), None),
        (silent(41_000.0), None),
        (broken("eof", meta={"suspended_ms": 6_000.0}), None),
        (broken("eof", meta={"suspended_ms": 300.0}), EndWay(None, "", "eof")),
    ],
)
def test_only_what_the_other_side_did_is_a_way_to_end(ended: Event, way: EndWay | None) -> None:
    assert way_of_end(ended) == way


def test_an_error_that_answers_a_request_is_no_complaint_about_the_connection() -> None:
    answered = event("error.occurred", 2, FEED, direction="in", ref="7", error_type="-32000", error="unknown symbol")
    history = after(answered)
    assert (history.complaint, history.answer is not None) == (None, True)
