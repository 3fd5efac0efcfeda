"""Certificates about to expire, and peers that are not the ones seen before."""

from __future__ import annotations

from tests.support.builders import event, usable
from tests.support.detectors import NAME, DetectorHarness, fact
from wsmon.model.detectors.peer import CertificateDetector, PeerDetector
from wsmon.model.events import Event


def opened(after_s: float, **tls: str) -> Event:
    return event("connection.open", after_s, NAME, to_status="connected", meta={"peer": "192.0.2.7:443", "tls": tls})


def test_a_certificate_is_told_two_weeks_before_it_expires_and_ends_with_a_new_one() -> None:
    harness = DetectorHarness(CertificateDetector())
    harness.see(opened(0, expires="2026-01-20T14:02:24Z"))  # ten days after the builders' time
    (found,) = harness.check(0)
    assert found.reason == "the peer's certificate expires in 10 days, on 2026-01-20T14:02:24Z"
    harness.see(opened(10, expires="2026-01-20T14:02:24Z"))
    assert harness.check_until(10, 60, 5) == []
    harness.see(opened(60, expires="2026-04-20T14:02:24Z"))
    assert harness.check_until(60, 61) == [("closed", "renewed until 2026-04-20T14:02:24Z")]


def test_a_session_that_lasts_sees_its_certificate_expire() -> None:
    harness = DetectorHarness(CertificateDetector())
    harness.see(opened(0, expires="2026-01-24T15:02:24Z"))
    day_s = 86_400
    assert harness.check(0) == ()
    assert harness.check_until(3_601, 3_601) == [
        ("opened", "the peer's certificate expires in 13 days, on 2026-01-24T15:02:24Z")
    ]
    assert harness.check_until(15 * day_s, 15 * day_s) == []


def test_a_certificate_has_expired_from_its_last_moment_on() -> None:
    harness = DetectorHarness(CertificateDetector())
    harness.see(opened(0, expires="2026-01-10T14:02:24Z"))
    (found,) = harness.check(0)
    assert found.reason == "the peer's certificate expired on 2026-01-10T14:02:24Z"


def test_a_peer_that_is_not_verified_has_no_date() -> None:
    harness = DetectorHarness(CertificateDetector())
    harness.see(opened(0), opened(1, expires="soon"), event("connection.open", 2, NAME, meta={}))
    assert harness.check(3) == ()


def served_by(after_s: float, server: str, subprotocol: str = "v1") -> Event:
    return usable(after_s, NAME, meta={"subprotocol": subprotocol, "response_headers": [["Server", server]]})


def test_another_server_is_told_once_and_known_then() -> None:
    harness = DetectorHarness(PeerDetector())
    harness.see(served_by(0, "nginx/1.25"), served_by(10, "nginx/1.25"))
    assert harness.check_until(0, 10, 5) == []
    harness.see(served_by(20, "cloudflare", "v2"))
    assert harness.check_until(20, 21) == [
        ("opened", "Server header nginx/1.25 → cloudflare, subprotocol v1 → v2"),
        ("closed", "now treated as known"),
    ]
    harness.see(served_by(30, "nginx/1.25"), served_by(40, "cloudflare", "v2"))
    assert harness.check_until(40, 41) == []
    assert fact(harness.found[0], "evidence") == [2, 3]


def test_another_certificate_is_told_with_the_address_and_another_address_alone_is_not() -> None:
    harness = DetectorHarness(PeerDetector())
    harness.see(opened(0, issuer="CN=R3"))
    moved = event("connection.open", 5, NAME, meta={"peer": "192.0.2.8:443", "tls": {"issuer": "CN=R3"}})
    harness.see(moved)
    assert harness.check_until(5, 6) == []
    harness.see(opened(10, issuer="CN=Corporate proxy"))
    harness.check(10)
    assert [found.reason for found in harness.found] == ["certificate issuer CN=R3 → CN=Corporate proxy"]
    assert fact(harness.found[0], "peer") == "192.0.2.7:443"
