"""What upgrades that an HTTP response refused mean."""

from __future__ import annotations

import pytest

from tests.support.builders import refused
from tests.support.verdicts import alone


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, "not a WebSocket endpoint"),
        (301, "does not say where to"),
        (400, "does not accept the request as an upgrade"),
        (401, "wants credentials"),
        (403, "does not allow this"),
        (404, "nothing at this path"),
        (405, "no WebSocket endpoint"),
        (407, "a proxy wants credentials"),
        (408, "waited too long"),
        (410, "was removed"),
        (418, "does not accept the request"),
        (421, "does not serve the host"),
        (426, "removed the Upgrade header"),
        (429, "limits how often"),
        (451, "legal reasons"),
        (500, "an error of its own"),
        (501, "does not speak WebSocket"),
        (502, "a gateway before the server got no proper answer"),
        (503, "overloaded or under maintenance"),
        (504, "waited for it in vain"),
        (511, "wants a login"),
        (599, "failed"),
    ],
)
def test_a_refused_upgrade(status: int, words: str) -> None:
    verdict = alone(refused(status=status))
    assert (verdict.by, verdict.code.split()[:2]) == ("refusal", ["HTTP", str(status)])
    assert verdict.cause.startswith(f"the server answered HTTP {status}; ")
    assert words in verdict.cause


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (" 120 ", "wsmon waits 2m, as the server asks (Retry-After: 120); "),
        ("Sat, 10 Jan 2026 14:03:24 GMT", "wsmon waits 1m, as the server asks (Retry-After: Sat, 10 Jan 2026 14:0"),
        ("99999999999999", "wsmon waits 1h00m, its longest, of what the server asks (Retry-After: 99999999999999); "),
        ("soon", ""),
        ("0", ""),
        ("Wed, 21 Oct 2015 07:28:00 GMT", ""),
    ],
)
def test_what_a_server_asks_us_to_wait_is_told_as_far_as_we_do(status: int, asked: str, told: str) -> None:
    meta = {"attempt": 1, "open": False, "response_headers": [["retry-after", asked]]}
    step = alone(refused(status=status, meta=meta)).next
    assert (step.startswith(told), "Retry-After" in step) == (True, bool(told))


@pytest.mark.parametrize(
    "meta",
    [
        {"response_headers": [["Content-Type", "text/html; charset=utf-8"]]},
        {"body": "\n<!DOCTYPE html><title>Welcome to the hotel</title>"},
    ],
)
def test_a_web_page_instead_of_an_upgrade_is_a_captive_portal(meta: dict[str, object]) -> None:
    assert "the login page of a network" in alone(refused(status=200, meta=meta)).cause


def test_a_redirect_that_is_not_allowed_is_a_refusal() -> None:
    verdict = alone(refused(status=None, error_type="redirect_refused", error="redirected to https://else.test/"))
    assert verdict.cause.startswith("redirected to https://else.test/; the service has moved")
    assert verdict.next.startswith("use that address as the URL")


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (None, "more than 10 redirects", "sends us in circles"),
        (None, "redirect to ws://a.test/ refused. It would leave TLS", "wsmon never follows there"),
        (None, "redirect to no WebSocket URL: ftp://a.test/", "cannot be used"),
        (302, "302 Found: the server refused the upgrade", "does not say where to"),
        (304, "304 Not Modified: the server refused the upgrade", "a cache answered"),
    ],
)
def test_a_redirect_that_leads_nowhere(status: int | None, error: str, words: str) -> None:
    kind = "redirect_refused" if status is None else "http_status"
    verdict = alone(refused(status=status, error_type=kind, error=error))
    assert words in verdict.cause
    assert "allow it" not in verdict.next
