"""URLs lose their credentials and keep every other byte."""

from __future__ import annotations

import random
import string

import pytest

from tests.support.marked import split_marked
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


# A listenKey as in the documentation of Binance; a key of Infura, made up
LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
HEX = "9aa3d95b3bc440fa88ea12eaa4456161"


@pytest.mark.parametrize(
    "marked",
    [
        f"wss://stream.binance.com:9443/ws/⟦{LISTEN_KEY}⟧",
        f"wss://stream.binance.com:9443/ws/⟦{LISTEN_KEY}⟧?timeUnit=MICROSECOND",
        "wss://eth-mainnet.g.alchemy.com/v2/⟦AbC1EfGh2jKlMn0pQrStU9WxYz01234a⟧",
        f"wss://mainnet.infura.io/ws/v3/⟦{HEX}⟧",
        f"wss://mainnet.infura.io/ws/v3/⟦{HEX.upper()}⟧/",
        "wss://h/socket/⟦eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def-12345⟧",
        "wss://h/bot123456:⟦AAE-secret⟧/stream",
        "wss://h/bot123456%3A⟦AAE-secret⟧/stream",
        "https://hooks.slack.com/services/T000/B000/⟦XXXX⟧",
        "https://discord.com/api/webhooks/123456/⟦abcdEFGH_ij-kl⟧",
        f"wss://h/x/⟦{HEX}%2Babc%3D⟧/y",
        f"wss://h/x;jsessionid=⟦{HEX}⟧",
        f"wss://h/x/${{⟦{HEX}⟧}}/y",
        f"wss://h/x/⟦{HEX}⟧:y",
        # The segment before, or the name in the segment, says what it is
        "wss://h/access_token/⟦abc-123-def-4567⟧",
        "wss://h/ticket/⟦550e8400-e29b-41d4-a716-446655440000⟧/x",
        "wss://h/token=⟦abc⟧/x",
        "wss://h/token=null/x",
        "wss://h/token/refresh",
        "wss://h/hash/0x" + "a1" * 20,
        # Without a name
        f"wss://h/p?⟦{LISTEN_KEY}⟧",
        f"wss://h/p?x=1&⟦{LISTEN_KEY}⟧",
        f"wss://h/p#⟦{LISTEN_KEY}⟧",
        f"wss://h/p?stream={LISTEN_KEY}",
        # No tokens
        "wss://h/feed/550e8400-e29b-41d4-a716-446655440000",
        "wss://h/feed-550e8400-e29b-41d4-a716-446655440000.v2",
        "wss://h/address/0x" + "a1" * 20,
        "wss://h/tx/0x" + "a1" * 32,
        "wss://h/my-very-long-channel-name-2024-orders-eu",
        "wss://h/MarketDataStreamForCustomersInEurope",
        "wss://h/com.example.trading.marketdata.v2.Service",
        "wss://h/20261130T112425123456Z/20261130112425123456202611301124",
        f"wss://h/{HEX[:31]}",
        f"wss://{HEX}.example/x",
        "wss://h/robot123456:abcdefgh/services/T000/B000/a b",
        "wss://h/webhooks/list/abcdefgh",
    ],
)
def test_tokens_in_a_path_are_masked(marked: str) -> None:
    url, expected = split_marked(marked)
    redactor = Redactor()
    assert (mask_url(url), redactor.url(url)) == (expected, expected)
    assert (mask_url(expected), redactor.url(expected)) == (expected, expected)


@pytest.mark.parametrize(
    "marked",
    [
        f"redirect to another origin refused: wss://h/ws/⟦{LISTEN_KEY}⟧. redirects",
        f"(https://h/ws/⟦{LISTEN_KEY}⟧), https://h/ws/⟦{HEX}⟧",
        f'{{"u":"https:\\/\\/h\\/ws\\/⟦{LISTEN_KEY}⟧"}}',
        "https:\\/\\/h\\/services\\/T000\\/B000\\/⟦XXXX⟧",
        f"build {HEX} of ws",
        f"Cannot GET /ws/⟦{LISTEN_KEY}⟧",
        "cannot open wss://h/bot12:⟦AAE-abcdef12⟧: refused",
        f'"GET /v3/⟦{HEX}⟧?x=1 HTTP/1.1" 404; FORGET /ws/{HEX}, /ws/{HEX}',
    ],
)
def test_a_sentence_has_no_tokens_of_paths_and_a_message_keeps_its_ids(marked: str) -> None:
    text, expected = split_marked(marked)
    redactor = Redactor()
    assert redactor.text(text) == expected
    assert redactor.text(expected) == expected
    assert redactor.payload(text.encode()) == (text.encode(), False)


def test_headers_with_addresses_have_no_tokens_of_paths() -> None:
    redactor = Redactor()
    headers = [
        (name, f"/ws/{HEX}?a=b") for name in ("Location", "Content-Location", "referer", "X-Original-URI", "ETag")
    ]
    assert redactor.headers([*headers, ("Link", f"<https://h/{HEX}>; rel=x")]) == (
        ("Location", "/ws/[FILTERED]?a=b"),
        ("Content-Location", "/ws/[FILTERED]?a=b"),
        ("referer", "/ws/[FILTERED]?a=b"),
        ("X-Original-URI", "/ws/[FILTERED]?a=b"),
        ("ETag", f"/ws/{HEX}?a=b"),
        ("Link", "<https://h/[FILTERED]>; rel=x"),
    )


def test_the_user_exempts_a_segment() -> None:
    redactor = Redactor(allow=[LISTEN_KEY, "bot123456:AAE-secret"])
    for url in (f"wss://h/ws/{LISTEN_KEY}", "wss://h/bot123456:AAE-secret/stream"):
        assert (redactor.url(url), redactor.text(url)) == (url, url)
    assert redactor.url(f"wss://h/ws/{HEX}") == "wss://h/ws/[FILTERED]"


ALPHABETS = {
    "base62": string.ascii_letters + string.digits,
    "base64url": string.ascii_letters + string.digits + "-_",
    "base36": string.ascii_lowercase + string.digits,
    "base32": string.ascii_uppercase + "234567",
    "hex": "0123456789abcdef",
}


@pytest.mark.parametrize(("alphabet", "missed"), [(*item,) for item in zip(ALPHABETS, (10, 12, 4, 50, 1), strict=True)])
def test_random_segments_are_found_by_how_letters_and_digits_alternate(alphabet: str, missed: int) -> None:
    chance = random.Random(alphabet)
    texts = ["".join(chance.choices(ALPHABETS[alphabet], k=32)) for _ in range(2_000)]
    assert sum(mask_url(f"wss://h/{text}/x") != "wss://h/[FILTERED]/x" for text in texts) <= missed * 2
