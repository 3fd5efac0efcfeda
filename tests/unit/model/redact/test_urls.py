"""URLs lose their credentials and keep every other byte."""

from __future__ import annotations

import pytest

from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.urls import mask_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("wss://host/path?x=1", "wss://host/path?x=1"),
        ("wss://user:pass@host:8443/p", "wss://[FILTERED]@host:8443/p"),
        ("wss://token@host", "wss://[FILTERED]@host"),
        ("wss://u:p@[::1]:80/", "wss://[FILTERED]@[::1]:80/"),
        ("wss://[::1]:80/@x", "wss://[::1]:80/@x"),
        ("wss://u:a@b@host/", "wss://[FILTERED]@host/"),
        ("wss://u:pa/ss@host/", "wss://[FILTERED]@host/"),
        ("wss://u:pa#ss@host/", "wss://[FILTERED]@host/"),
        ("user:pass@host/x", "[FILTERED]@host/x"),
        ("ws://h/?token=abc&vsn=2.0.0#f", "ws://h/?token=[FILTERED]&vsn=2.0.0#f"),
        ("ws://h/?a=%20b&API_KEY=x%3D&c", "ws://h/?a=%20b&API_KEY=[FILTERED]&c"),
        ("ws://h/?token=", "ws://h/?token="),
        ("ws://h/?sig=a;hash=b;key=c;jwt=d", "ws://h/?sig=[FILTERED];hash=[FILTERED];key=[FILTERED];jwt=[FILTERED]"),
        ("ws://h/#access_token=abc&state=x", "ws://h/#access_token=[FILTERED]&state=x"),
        ("/ws?token=abc", "/ws?token=[FILTERED]"),
        ("ws://h/?q=a=b&sort_key=x", "ws://h/?q=a=b&sort_key=x"),
        ("", ""),
        ("not a url", "not a url"),
    ],
)
def test_a_url_is_masked(url: str, expected: str) -> None:
    assert mask_url(url) == expected
    assert mask_url(expected) == expected


def test_a_redactor_adds_its_names_and_secrets() -> None:
    redactor = Redactor(query=["room"], allow=["key"], secrets=["s3cr3t-path"])
    assert (
        redactor.url("ws://h/s3cr3t-path?room=a&key=b&token=c")
        == "ws://h/[FILTERED]?room=[FILTERED]&key=b&token=[FILTERED]"
    )
