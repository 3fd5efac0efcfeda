"""Credentials of a request, which a peer may repeat: those that are none, or words of messages, are left out."""

from __future__ import annotations

import base64

import pytest

from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.request_secrets import cookies, hidden_parts, request_secrets

LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
BASIC = base64.b64encode(b"me:pass:w0rd-x").decode()


@pytest.mark.parametrize(
    ("url", "headers", "expected"),
    [
        ("wss://h/trades?symbol=BTC-USDT", [("Origin", "https://app.example"), ("User-Agent", "app/1.0.0")], ()),
        (f"wss://h/ws/{LISTEN_KEY}?token=a%2Bb-0123456", [], (LISTEN_KEY, "a%2Bb-0123456", "a+b-0123456")),
        (f"/ws/{LISTEN_KEY}", [], (LISTEN_KEY,)),
        ("wss://me:pass%40w0rd@h/", [], ("me:pass%40w0rd", "me:pass@w0rd", "pass@w0rd")),
        ("wss://h/bot12:AAE-secret/x", [], ("AAE-secret",)),
        ("wss://h/", [("Authorization", "Bearer abc-0123456")], ("abc-0123456",)),
        ("wss://h/", [("Authorization", f"Basic {BASIC}")], (BASIC, "pass:w0rd-x")),
        ("wss://h/", [("x-api-key", "abc-0123456"), ("X-Csrf-Token", "def-0123456")], ("abc-0123456", "def-0123456")),
        # Words, and what is too short to be told from others
        ("wss://h/?token=anonymous", [("Authorization", "Bearer undefined"), ("X-Api-Key", "1234567")], ()),
        (
            "wss://h/",
            [("Cookie", f'pair=BTC-USDT-2026; my_session="abcdefgh-1"; _x={LISTEN_KEY}; sid=no; XSRF-TOKEN=t0k3n-01')],
            ("abcdefgh-1", LISTEN_KEY, "t0k3n-01"),
        ),
        ("wss://h/", [("Sec-WebSocket-Protocol", "v1,access_token,  s3cr3t-0123")], ("s3cr3t-0123",)),
        ("wss://h/", [("Sec-WebSocket-Protocol", "base64url.bearer.phx.s3cr3t-0123")], ("s3cr3t-0123",)),
    ],
)  # fmt: skip
def test_credentials_of_a_request(url: str, headers: list[tuple[str, str]], expected: tuple[str, ...]) -> None:
    assert request_secrets(Redactor(), url, headers) == expected


def test_what_is_masked_as_personal_is_no_credential() -> None:
    headers = [("X-User-Email", "me@example.com"), ("X-Own", "abc-0123456")]
    redactor = Redactor(headers=["X-Own"], filters_metadata=True)
    assert redactor.headers(headers) == (("X-User-Email", "[FILTERED]"), ("X-Own", "[FILTERED]"))
    assert request_secrets(redactor, "wss://h/", headers) == ("abc-0123456",)


@pytest.mark.parametrize("value", ["Basic !", "Basic QQ", "basic  eA==", "Basic"])
def test_a_header_without_a_password_has_none(value: str) -> None:
    assert request_secrets(Redactor(), "", [("Authorization", value)]) == ()


def test_the_parts_that_masks_hide() -> None:
    assert hidden_parts("a", "a") == ()
    assert hidden_parts("a.b:c", "[FILTERED].b:[FILTERED]") == ("a", "c")
    assert hidden_parts("a\nb", "a[FILTERED]") == ("\nb",)
    assert hidden_parts("a", "other") == ()


def test_the_values_of_a_cookie_header() -> None:
    assert [*cookies('sid=a=b; t="c"; d')] == [("sid", "a=b"), ("t", "c")]
