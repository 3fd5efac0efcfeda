"""What is told at its first sign: giving up, refused logins, lost subscriptions, certificates, other peers."""

from __future__ import annotations

import pytest

from tests.support.builders import dialled, event, loss, usable
from tests.support.detectors import NAME, Watching, fact, told
from wsmon.model.detectors.peer import CertificateDetector, PeerDetector
from wsmon.model.detectors.reconnects import AuthDetector, RetriesDetector
from wsmon.model.detectors.silence import SubscriptionDetector
from wsmon.model.events import Event, EventName


def refused(after_s: float, status: int) -> Event:
    return event(
        "connection.disconnected", after_s, NAME, to_status="disconnected", status=status, error_type="http_status"
    )


def auth(name: EventName, after_s: float, **fields: object) -> Event:
    return event(name, after_s, NAME, **fields)


def topic(name: EventName, of: str, after_s: float = 0, **fields: object) -> Event:
    return event(name, after_s, NAME, topic=of, **fields)


def opened(after_s: float, **tls: str) -> Event:
    return event("connection.open", after_s, NAME, to_status="connected", meta={"peer": "192.0.2.7:443", "tls": tls})


def test_giving_up_is_told_until_somebody_dials_anew() -> None:
    watching = Watching(RetriesDetector())
    watching.see(event("connection.transition", 0, NAME, to_status="error", meta={"attempts": 1}, error="no such name"))
    assert watching.check_until(0, 60, 10) == [("opened", "gave up: no such name")]
    watching.see(dialled(60, NAME, from_status="error"))
    assert watching.check_until(60, 61) == [("closed", "dialled anew")]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_upgrade_is_a_login_refused(status: int) -> None:
    watching = Watching(AuthDetector())
    watching.see(refused(0, status), refused(60, status))
    assert watching.check_until(60, 61) == [("opened", f"the upgrade was refused with {status}")]
    watching.see(usable(120, NAME))
    assert watching.check_until(120, 121) == [("closed", "accepted")]


def test_other_refusals_are_not() -> None:
    watching = Watching(AuthDetector())
    watching.see(*(refused(0, status) for status in (400, 404, 407, 426, 429, 503)))
    assert watching.check(1) == ()


def test_a_login_that_failed_ends_with_one_that_works_and_not_with_a_socket() -> None:
    watching = Watching(AuthDetector())
    watching.see(auth("auth.failed", 0, error="invalid_credentials", error_type="auth"))
    assert watching.check_until(0, 1) == [("opened", "login failed: invalid_credentials")]
    watching.see(usable(5, NAME))
    assert watching.check(5) == ()
    watching.see(auth("auth.completed", 6))
    assert watching.check_until(6, 7) == [("closed", "logged in")]


def test_a_login_that_a_loss_broke_off_was_not_refused() -> None:
    watching = Watching(AuthDetector())
    watching.see(auth("auth.failed", 0, error_type="disconnected"))
    assert watching.check(1) == ()


def test_closing_the_connection_ends_a_refused_login() -> None:
    watching = Watching(AuthDetector())
    watching.see(refused(0, 401))
    watching.check(0)
    watching.see(loss(5, NAME, to_status="closed"))
    assert watching.check_until(5, 6) == [("closed", "closed")]


def test_lost_subscriptions_are_one_incident_until_all_are_back() -> None:
    watching = Watching(SubscriptionDetector())
    watching.see(*(topic("subscription.lost", name, reason="not restored") for name in "abcde"))
    (found,) = watching.check(1)
    assert found.reason == "5 subscriptions lost: a, b, c and 2 more (not restored)"
    assert (fact(found, "topics"), fact(found, "evidence")) == (["a", "b", "c", "d", "e"], [1, 2, 3, 4, 5])
    watching.see(*(topic("subscription.restored", name) for name in "abcd"))
    assert watching.check(2) == ()
    watching.see(topic("subscription.unsubscribe.completed", "e"))
    assert told(watching.check(3)) == [("closed", "all are back")]


def test_a_refused_subscription_is_lost_and_one_broken_off_is_not() -> None:
    watching = Watching(SubscriptionDetector())
    watching.see(topic("subscription.subscribe.completed", "a", error_type="disconnected"))
    assert watching.check(1) == ()
    watching.see(topic("subscription.subscribe.completed", "a", error_type="refused", error="no such channel"))
    assert told(watching.check(2)) == [("opened", "1 subscription lost: a (no such channel)")]
    watching.see(topic("subscription.subscribe.completed", "a"))
    assert told(watching.check(3)) == [("closed", "all are back")]


def test_what_is_lost_and_back_between_two_looks_is_nothing() -> None:
    watching = Watching(SubscriptionDetector())
    watching.see(topic("subscription.lost", "a"), topic("subscription.restored", "a"))
    assert watching.check(1) == ()


def test_lost_subscriptions_of_a_connection_that_is_closed_are_nobodys() -> None:
    watching = Watching(SubscriptionDetector())
    watching.see(topic("subscription.lost", "a"))
    watching.check(1)
    watching.see(loss(2, NAME, to_status="closed"))
    assert watching.check_until(2, 9) == [("closed", "the connection ended")]


def test_a_certificate_is_told_two_weeks_before_it_expires_and_ends_with_a_new_one() -> None:
    watching = Watching(CertificateDetector())
    watching.see(opened(0, expires="2026-01-20T14:02:24Z"))  # ten days after the builders' time
    (found,) = watching.check(0)
    assert found.reason == "the peer's certificate expires in 10 days, on 2026-01-20T14:02:24Z"
    watching.see(opened(10, expires="2026-01-20T14:02:24Z"))
    assert watching.check_until(10, 60, 5) == []
    watching.see(opened(60, expires="2026-04-20T14:02:24Z"))
    assert watching.check_until(60, 61) == [("closed", "renewed until 2026-04-20T14:02:24Z")]


def test_a_session_that_lasts_sees_its_certificate_expire() -> None:
    watching = Watching(CertificateDetector())
    watching.see(opened(0, expires="2026-01-24T15:02:24Z"))
    day_s = 86_400
    assert watching.check(0) == ()
    assert watching.check_until(3_601, 3_601) == [
        ("opened", "the peer's certificate expires in 13 days, on 2026-01-24T15:02:24Z")
    ]
    assert watching.check_until(15 * day_s, 15 * day_s) == []


def test_a_peer_that_is_not_verified_has_no_date() -> None:
    watching = Watching(CertificateDetector())
    watching.see(opened(0), opened(1, expires="soon"), event("connection.open", 2, NAME, meta={}))
    assert watching.check(3) == ()


def served_by(after_s: float, server: str, subprotocol: str = "v1") -> Event:
    return usable(after_s, NAME, meta={"subprotocol": subprotocol, "response_headers": [["Server", server]]})


def test_another_server_is_told_once_and_known_then() -> None:
    watching = Watching(PeerDetector())
    watching.see(served_by(0, "nginx/1.25"), served_by(10, "nginx/1.25"))
    assert watching.check_until(0, 10, 5) == []
    watching.see(served_by(20, "cloudflare", "v2"))
    assert watching.check_until(20, 21) == [
        ("opened", "Server header nginx/1.25 → cloudflare, subprotocol v1 → v2"),
        ("closed", "known from here on"),
    ]
    watching.see(served_by(30, "nginx/1.25"), served_by(40, "cloudflare", "v2"))
    assert watching.check_until(40, 41) == []
    assert fact(watching.found[0], "evidence") == [2, 3]


def test_another_certificate_is_told_with_the_address_and_another_address_alone_is_not() -> None:
    watching = Watching(PeerDetector())
    watching.see(opened(0, issuer="CN=R3"))
    moved = event("connection.open", 5, NAME, meta={"peer": "192.0.2.8:443", "tls": {"issuer": "CN=R3"}})
    watching.see(moved)
    assert watching.check_until(5, 6) == []
    watching.see(opened(10, issuer="CN=Corporate proxy"))
    watching.check(10)
    assert [found.reason for found in watching.found] == ["certificate issuer CN=R3 → CN=Corporate proxy"]
    assert fact(watching.found[0], "peer") == "192.0.2.7:443"
