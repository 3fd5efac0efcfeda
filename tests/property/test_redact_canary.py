"""No canary survives under a credential key, and no other byte changes."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.redact.redactor import Redactor

CANARY = "CANARY-7f3a"
REDACTOR = Redactor()
WITH_SECRET = Redactor(secrets=(CANARY,))

CREDENTIAL_KEYS = (
    "token", "access_token", "clientSecret", "PASSWORD", "api_key", "x-auth-token", "otp", "Set-Cookie", "privateKey",
    "pass", "apisecret", "listenKey", "sid", "session_id", "pin", "X-CSRF-Token",
)  # fmt: skip
credential_keys = st.sampled_from(CREDENTIAL_KEYS)
harmless_keys = st.sampled_from(
    ["className", "tokenId", "token0", "hasPassword", "side", "sort_key", "n", "é", 'qu"ote', "back\\slash", ""]
)
harmless_text = st.text(max_size=12) | st.sampled_from(
    ['"', "\\", '\\"', "{", "}]", "[FILTERED]", "token", "a:b", "€\u2028"]
)
harmless = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | harmless_text
secret_values = st.one_of(
    st.just(CANARY),
    st.builds(lambda before, after: before + CANARY + after, harmless_text, harmless_text),
    st.lists(harmless | st.just(CANARY), max_size=3),
    st.dictionaries(harmless_keys, harmless | st.just(CANARY), max_size=3),
)
documents = st.recursive(
    harmless,
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(harmless_keys, children, max_size=4)
        | st.builds(
            lambda key, value, others: {**others, key: value},
            credential_keys,
            secret_values,
            st.dictionaries(harmless_keys, children, max_size=3),
        )
    ),
    max_leaves=12,
)
nestings = st.integers(0, 3)
styles = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 2]), "sort_keys": st.just(False)}
)


def is_evidence(value: Any) -> bool:
    """Whether a value says that there is no credential."""
    return value is None or value == "" or isinstance(value, bool)


def expected(value: Any) -> Any:
    """The document as it should come out: the reference that parses."""
    match value:
        case dict():
            return {
                key: "[FILTERED]" if key in CREDENTIAL_KEYS and not is_evidence(held) else expected(held)
                for key, held in value.items()
            }
        case list():
            return [expected(held) for held in value]
        case _:
            return value


def nested(value: Any, depth: int, style: dict[str, Any]) -> str:
    text = json.dumps(value, **style)
    for _ in range(depth):
        text = json.dumps({"d": text, "n": 1}, **style)
    return text


def html_safe(text: str) -> str:
    """As serialisers write that keep HTML signs out: every inner quote and ampersand is an escape."""
    return re.sub(r'(?<!\\)\\"', r"\\u0022", text).replace("&", r"\u0026")


@given(documents, nestings, styles)
def test_a_document_keeps_everything_but_its_credentials(document: Any, depth: int, style: dict[str, Any]) -> None:
    payload = nested(document, depth, style).encode()
    redacted, _ = REDACTOR.payload(payload)
    assert redacted == nested(expected(document), depth, style).encode()
    assert REDACTOR.payload(redacted) == (redacted, False)


@given(documents, nestings, styles)
def test_unicode_escapes_hide_nothing(document: Any, depth: int, style: dict[str, Any]) -> None:
    text = html_safe(nested(document, depth, style))
    redacted = REDACTOR.payload(text.encode())[0]
    assert CANARY.encode() not in redacted
    json.loads(redacted)


@given(documents, st.integers(0, 2), styles, st.integers(0, 400))
def test_a_cut_document_never_leaks(document: Any, depth: int, style: dict[str, Any], size: int) -> None:
    payload = nested(document, depth, style).encode()[:size]
    redacted = REDACTOR.payload(payload)[0]
    assert CANARY.encode() not in redacted
    assert REDACTOR.payload(redacted) == (redacted, False)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_a_secret_value_is_masked_in_any_surroundings(before: bytes, after: bytes) -> None:
    payload = before + CANARY.encode() + after
    assert CANARY.encode() not in WITH_SECRET.payload(payload)[0]
    encoded = base64.b64encode(payload)
    decoded = re.sub(rb"\[FILTERED\]", b"", WITH_SECRET.payload(encoded)[0])
    assert CANARY.encode() not in base64.b64decode(
        decoded + b"=" * (-len(decoded) % 4) if len(decoded) % 4 != 1 else b""
    )


fragments = st.sampled_from(
    [b"token", b'"', b"\\", b":", b"=", b"[", b"{", b"}", b"]", b",", b" ", b"'", b"\\u0022", b"\\u0074oken",
     b"Bearer ", b"://", b"@", b"&", b"?", b"%3D", b"Cookie", b"\n", b"x1", b"[FILTERED]", b"signature", b"api_key",
     b"eyJabcdef.a.b", b"\xff", b"\\u005c"]
)  # fmt: skip


nasty_text = st.lists(
    st.sampled_from(
        ["token", "password", "Cookie", "Authorization", ":", "=", ": ", "[", "{", "}", '"', "'", "\\", "\n", ",", " ",
         "é", "Bearer ", "wss://", "u:p@h", "?", "&", "/", "%3D", "\\n", "x1", "[FILTERED]", "signature", "eyJa.a.b"]
    ),
    max_size=10,
).map("".join)  # fmt: skip
nasty_documents = st.recursive(
    nasty_text | st.integers(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(nasty_text, children, max_size=3),
)


@given(nasty_documents, nestings, styles)
def test_a_valid_document_stays_valid(document: Any, depth: int, style: dict[str, Any]) -> None:
    """The message itself, however much nonsense its strings hold; what a string holds is text, not a document."""
    redacted, _ = REDACTOR.payload(nested(document, depth, style).encode())
    json.loads(redacted)


@given(
    st.sampled_from(
        ["token=", "password: ", "api_key = ", "Authorization: Bearer ", "Cookie: ", "secret='", '"otp": "', "wss://u:"]
    ),
    nasty_text,
    nestings,
    styles,
)
def test_a_credential_in_a_text_is_masked_wherever_the_text_stands(
    key: str, before: str, depth: int, style: dict[str, Any]
) -> None:
    suffix = "@h/" if key.startswith("wss") else ""
    for text in (
        before + " " + key + CANARY + suffix,
        nested({"m": before + " " + key + CANARY + suffix}, depth, style),
    ):
        redacted = REDACTOR.payload(text.encode())[0]
        assert CANARY.encode() not in redacted
        assert REDACTOR.payload(redacted) == (redacted, False)


@given(st.lists(fragments, max_size=14).map(b"".join) | st.binary(max_size=80))
def test_any_bytes_are_taken_and_redacting_twice_is_redacting_once(payload: bytes) -> None:
    redacted, changed = REDACTOR.payload(payload)
    assert changed == (redacted != payload)
    assert REDACTOR.payload(redacted) == (redacted, False)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_taken(text: str) -> None:
    once = (REDACTOR.text(text), REDACTOR.url(text), REDACTOR.subprotocol(text), REDACTOR.headers([(text, text)]))
    assert REDACTOR.text(once[0]) == once[0]
    assert REDACTOR.url(once[1]) == once[1]
    assert REDACTOR.subprotocol(once[2]) == once[2]
    assert REDACTOR.headers(once[3]) == once[3]


# What stands right before a bare key in a line of a log
control_characters = st.sampled_from(
    ["\n", "\t", "\r", "\b", "\f", "\x1b", "\x00", "\x0b", "😀", '"', "'", "/", ">", " "]
)
bare_keys = st.sampled_from(["token", "password", "pass", "sid", "pin", "api_key", "sessionId", "listenKey", "secret"])


@given(harmless_text, control_characters, bare_keys, st.sampled_from(["=", ": "]), nestings, styles)
def test_a_bare_key_behind_any_character_is_one_however_that_is_escaped(
    before: str, character: str, key: str, sign: str, depth: int, style: dict[str, Any]
) -> None:
    text = f"{before}line{character}{key}{sign}{CANARY}"
    escapes = "".join(f"\\u{unit:04x}" for unit in memoryview(character.encode("utf-16-le")).cast("H"))
    for payload in (
        nested({"m": text}, depth, style),
        json.dumps({"m": 0}).replace("0", f'"x{escapes}{key}{sign}{CANARY}"'),
    ):
        redacted, _ = REDACTOR.payload(payload.encode())
        assert CANARY.encode() not in redacted
        json.loads(redacted)


def percent(text: str) -> str:
    return quote(text, safe="")


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "percent": percent,
    "percent twice": lambda text: percent(percent(text)),
    "base64": in_base64,
    "base64 twice": lambda text: in_base64(in_base64(text)),
    "base64 in a URL": lambda text: percent(in_base64(text)),
    "json": lambda text: json.dumps(text)[1:-1],
    "json twice": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
}
SECRET = 'cänary/7f3a+b&c="d e'
WITH_CODED_SECRET = Redactor(secrets=(SECRET,))


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=9), st.integers(0, 1))
def test_a_configured_secret_is_masked_in_every_encoding(encode: Callable[[str], str], around: str, depth: int) -> None:
    encoded = encode(SECRET)
    # Base64 depends on what stands before; the other encodings do not
    for payload in (nested({"m": f"{around} {encoded} {around}"}, depth, {}), f"{around}={encoded}&{around}"):
        redacted, changed = WITH_CODED_SECRET.payload(payload.encode())
        assert changed
        middle = encoded[len(encoded) // 4 : -len(encoded) // 4]
        if payload[:1] == "{":
            json.loads(WITH_CODED_SECRET.payload(nested({"m": encoded}, depth, {}).encode())[0])
        assert middle.encode() not in redacted


@given(st.text(max_size=9), st.text(max_size=9))
def test_a_configured_secret_is_masked_in_base64_of_base64_wherever_it_begins(before: str, after: str) -> None:
    once = in_base64(before + SECRET + after)
    for outer in ("", "x", "xy"):
        twice = base64.b64encode((outer + once).encode())
        left = WITH_CODED_SECRET.payload(twice)[0]
        assert b"[FILTERED]" in left
        assert in_base64(SECRET)[8:16].encode() not in base64.b64decode(
            left.partition(b"[")[0][: len(left) // 4 * 4] + b"==="
        )


def packed(value: Any) -> bytes:
    return msgspec.msgpack.encode(value)


@given(documents)
def test_a_document_in_messagepack_stays_one_and_keeps_everything_but_its_credentials(document: Any) -> None:
    small = st_shrunk(document)
    redacted, _ = REDACTOR.payload(packed({"é\x80": small}))
    assert msgspec.msgpack.decode(redacted) == {"é\x80": expected(small)}
    for held in (small, [True, {"token": packed(small)}, small], {"token": msgspec.msgpack.Ext(7, CANARY.encode())}):
        redacted, _ = REDACTOR.payload(packed({"é\x80": held, "type": "token", "token": f"a {CANARY} password"}))
        assert CANARY.encode() not in redacted
        assert msgspec.msgpack.decode(redacted).keys() == {"é\x80", "type", "token"}


def st_shrunk(value: Any) -> Any:
    """The document without numbers that MessagePack has not."""
    match value:
        case dict():
            return {key: st_shrunk(held) for key, held in value.items()}
        case list():
            return [st_shrunk(held) for held in value]
        case int() if not -(2**63) <= value < 2**64:
            return 0
    return value


plain_text = st.text(st.characters(categories=["L", "N", "P", "Z"], exclude_characters=":=%<>@&"), max_size=20).filter(
    lambda text: not any(word in text.lower() for word in ("pass", "token", "auth", "basic", "bearer", "oper "))
)
plain_documents = st.recursive(
    st.none() | st.booleans() | st.integers() | plain_text,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(harmless_keys, children, max_size=4),
    max_leaves=20,
)


@given(plain_documents, nestings, styles)
def test_a_message_without_suspicious_keys_stays_as_it_is(document: Any, depth: int, style: dict[str, Any]) -> None:
    payload = nested(document, depth, style).encode()
    assert REDACTOR.payload(payload) == (payload, False)
    assert REDACTOR.payload(packed({"a": payload})) == (packed({"a": payload}), False)
