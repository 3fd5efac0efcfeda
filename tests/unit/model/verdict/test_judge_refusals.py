"""Whole verdicts on refused upgrades: what the answer states, and lists of possibilities that nobody stated."""

from __future__ import annotations

import pytest

from tests.support.builders import refused
from tests.support.verdicts import alone
from wsmon.model.events import Verdict

LIMIT = "a connection limit was reached, perhaps across all clients"
OPEN_FEWER = (
    "open fewer connections, look for other clients with these credentials or from this address, and compare with "
    "the service's limits"
)
NOBODY_TOOK_IT = (
    "no backend accepted the request, it is overloaded itself, or it is configured to respond this way, as for "
    "maintenance"
)
EXPIRED = "a credential in the request has expired or been revoked"


def answer(status: int, body: str = "", *headers: tuple[str, str]) -> Verdict:
    """The verdict on an upgrade that was refused so."""
    sent = [list(each) for each in headers]
    meta = {"attempt": 2, "open": False, "body": body, "response_headers": sent, "offered_subprotocols": ["x"]}
    return alone(refused(status=status, meta=meta))


@pytest.mark.parametrize(
    "text",
    ["Maximum concurrent connections (10) exceeded for this API key", "Connection limit of 5 exceeded",
     "You have exceeded the maximum of 10 concurrent connections", "connection limit (5/5) reached for key abc",
     "only 3 concurrent connections are allowed per account", "You already have 5 open connections",
     "Connection quota exceeded: 20/20 connections for key k_91f", "Session limit reached: 3 of 3"],
)  # fmt: skip
@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_on_connections_with_its_number_is_none_on_frequency(status: int, text: str) -> None:
    verdict = answer(status, text)
    said = f"the server answered HTTP {status}; response body: “{text}”; {LIMIT}"
    assert (verdict.cause, verdict.next, verdict.certainty) == (said, OPEN_FEWER, "stated")


def test_429_alone_is_about_frequency_or_number() -> None:
    verdict = answer(429)
    assert verdict.cause == (
        "the server answered HTTP 429; the server's limit on connection rate or connection count was reached"
    )
    assert verdict.next == (
        "connect less often: raise reconnect.initial; open fewer connections, and look for other clients with these "
        "credentials"
    )


def test_a_body_that_is_not_understood_hides_no_challenge_that_is() -> None:
    challenge = 'Bearer error="invalid_token", error_description="The access token expired"'
    verdict = answer(401, '{"message":"T-4711 outdated"}', ("WWW-Authenticate", challenge))
    assert verdict.cause == (
        "the server answered HTTP 401; response body: “T-4711 outdated”; it asks for credentials (WWW-Authenticate: "
        f"{challenge}); {EXPIRED}"
    )
    assert (verdict.next, verdict.certainty) == (
        "renew the credential named in the response and check when it expires",
        "stated",
    )


def test_a_challenge_that_is_not_understood_hides_no_body_that_is() -> None:
    verdict = answer(401, '{"message":"The incoming token has expired"}', ("WWW-Authenticate", 'Bearer realm="x"'))
    assert verdict.cause.endswith(f"; {EXPIRED}")
    assert verdict.certainty == "stated"


@pytest.mark.parametrize(
    "text",
    ["exchange is under maintenance", "The matching engine is currently down for scheduled maintenance",
     "trading is halted for maintenance",
     "Matching engine upgrade in progress, back at 04:00 UTC", "We are under maintenance"],
)  # fmt: skip
def test_maintenance_of_any_subject_is_stated(text: str) -> None:
    verdict = answer(503, f'{{"error":"{text}"}}')
    assert verdict.cause == f"the server answered HTTP 503; response body: “{text}”; the server is under maintenance"
    assert verdict.next == "no action needed until it ends; if it lasts, ask the server operator"
    assert verdict.certainty == "stated"


@pytest.mark.parametrize("text", ["the database is under maintenance", "the exchange is no longer under maintenance"])
def test_maintenance_of_something_else_or_over_is_not(text: str) -> None:
    assert answer(503, text).certainty == "inferred"


def test_a_page_of_an_application_is_a_list_of_possibilities() -> None:
    verdict = answer(
        200, '<!doctype html><html><body><div id="root"></div></body></html>', ("Content-Type", "text/html")
    )
    assert verdict.cause == (
        "the server answered HTTP 200; a web page was returned instead of a WebSocket: possibly the host or path is "
        "wrong, a proxy or CDN in front of the server does not forward Upgrade, or (mostly without TLS) it is the "
        "login page of a network"
    )
    assert verdict.next == (
        "check the host and path of the URL, and whether the proxy in front of the server forwards Upgrade and "
        "Connection; open the URL in a browser on this machine (https:// for wss://) to see the page"
    )
    assert verdict.certainty == "inferred"


@pytest.mark.parametrize("status", [200, 302, 403, 405, 426, 503])
def test_nobody_states_what_a_bare_status_leaves_open(status: int) -> None:
    headers = [("Location", "https://else.test/x")] if status == 302 else []
    assert answer(status, "", *headers).certainty == "inferred"


def test_a_gateway_of_aws_that_names_itself_is_told() -> None:
    headers = (("x-amzn-ErrorType", "ForbiddenException"), ("Content-Type", "application/json"))
    verdict = answer(403, '{"message":"Forbidden"}', *headers)
    assert verdict.cause == (
        "the server answered HTTP 403; AWS (API Gateway, or a service like it) itself responded (X-Amzn-Errortype: "
        "ForbiddenException); the server does not allow this: possibly rights, Origin, address or country, a firewall "
        "in front of it, or host and path of the URL"
    )
    assert verdict.next == (
        "check what the credentials are allowed to do, the Origin header, host and path of the URL, and whether this "
        "address may connect"
    )
    assert verdict.certainty == "inferred"


@pytest.mark.parametrize(
    ("status", "cause", "step"),
    [
        (
            503,
            f"likely {NOBODY_TOOK_IT}",
            "check whether its backend is running, or ask the service operator",
        ),
        (
            403,
            "likely one of its rules rejected the request, so it never reached the service",
            "ask the service operator about its rules",
        ),
    ],
)
def test_what_a_status_of_a_gateway_means_is_likely_and_stated_by_nobody(status: int, cause: str, step: str) -> None:
    verdict = answer(status, "", ("Server", "awselb/2.0"))
    itself = "the AWS load balancer (ALB) itself responded (Server: awselb/2.0)"
    assert verdict.cause == f"the server answered HTTP {status}; {itself}; {cause}"
    assert (verdict.next, verdict.certainty) == (step, "inferred")


@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_of_cloudflare_is_met_by_dialling_less(status: int) -> None:
    verdict = answer(status, "error code: 1015", ("Server", "cloudflare"), ("CF-RAY", "8a1-FRA"))
    assert verdict.cause.endswith("; its request limit was reached, so it never reached the service")
    assert verdict.next == (
        "connect less often: raise reconnect.initial, and open fewer connections at a time; if it persists, ask the "
        "service operator to allow this client, and name CF-RAY 8a1-FRA"
    )


def test_a_key_for_other_addresses_is_no_wrong_key() -> None:
    text = "API key is restricted to 203.0.113.0/24"
    verdict = answer(401, f'{{"code":"key_ip_mismatch","message":"{text}"}}', ("Content-Type", "application/json"))
    assert verdict.cause == (
        f"the server answered HTTP 401; response body: “{text}”; "
        "the credential is only valid for other client addresses"
    )
    assert verdict.next == (
        "find out which public address this machine connects from (VPN, proxy), and compare it with the addresses that "
        "the key is allowed from"
    )
    assert verdict.certainty == "stated"
