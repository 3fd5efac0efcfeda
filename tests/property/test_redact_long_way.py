"""What ends redaction early, or leaves words out, changes no message: all searches of all bytes mask the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hypothesis import example, given
from hypothesis import strategies as st

from wsmon.model.redact.key_values import credential_ranges, has_code
from wsmon.model.redact.masking import ByteRange, StepBudget, mask_ranges
from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.shapes import shape_ranges
from wsmon.model.redact.siblings import login_ranges
from wsmon.model.redact.strings import JsonStrings, UnescapedText
from wsmon.model.redact.urls import whole_url_ranges

REDACTORS = (
    Redactor(),
    Redactor(secrets=("/api/canary", "4815162342", "a t\u00e9st secret"), keys=("account_id", "name")),
    Redactor(query=("w", "acc ount"), allow=("token",)),
)
# fmt: off
WORDS = (
    "token", "tokenId", "token0", "accessToken", "className", "hasPassword", "password", "author", "auth", "login",
    "signin", "session_id", "sid", "pin", "sig", "signature", "api_key", "code", "state", "grant_type", "redirect_uri",
    "key", "hash", "w", "account_id", "acc_ount", "name", "value", "op", "type", "params", "args", "mechanism",
    "bearer abc1", "Basic YTpi", "plain", "oauth:abcd", "PASS x", "AUTHENTICATE x", "x", "expires_in", "otp", "cookie",
    "authorization", "a t\u00e9st secret", "/api/canary", "4815162342", "eyJhbGciOiJ.abc.def", "AHVzZXIAU0VD",
    "-----BEGIN PRIVATE KEY-----", "<password>", "</password>", "<a:token x='1'>", "</a:token>", "&lt;token&gt;",
    "[5,\"abc\",{", "[FILTERED]", "123", "null",
)
SIGNS = (
    '"', ":", '":', '":"', '","', "=", "&", "?", ";", "%3D", "%26", "%22", "%22%3A%22", "://", "https://h/", "wss://a:b@",
    "@", "/", ":\\/\\/", "\\", '\\"', "\\u0022", "\\u0074", "\\u005c", "\\u005cu0074", "\\u00e9", "\\n", " ", "\n", ",",
    "{", "}", "[", "]", '{"', '"}', "<", ">", ".", "-", "\U0001f600", "\u00e9", "'", '": "', '"name":"', '"value":"',
    '"op":"', '"args":["',
)
# fmt: on
parts = st.lists(st.sampled_from(WORDS) | st.sampled_from(SIGNS), max_size=20).map("".join)
members = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from((*WORDS, *SIGNS))), max_size=8).map(
    lambda pairs: "{" + ",".join(f'"{key}":"{value}"' for key, value in pairs) + "}"
)


URL = re.compile(rb":(?:\\*/){2}(?=[^\s\"'<>\\])((?:[^\s\"'<>\\]|\\++/)*+)")


def url_ranges_one_by_one(text: bytes, redactor: Redactor, budget: StepBudget) -> Iterator[ByteRange]:
    for url in URL.finditer(text):
        content = url[1].rstrip(b").,}")
        for start, end, mask in whole_url_ranges(b"//" + content, redactor._rules.is_query, budget):
            yield ByteRange(url.start(1) + start - 2, url.start(1) + end - 2, mask)


def long_way_ranges(redactor: Redactor, payload: bytes) -> Iterator[ByteRange]:
    """Yield what is masked, without any of the searches that end redaction early."""
    budget = StepBudget(len(payload) + 10**6)
    unescaped = UnescapedText(payload, is_ascii=redactor._is_ascii)
    text, lowered, strings, rules = unescaped.text, unescaped.text.lower(), JsonStrings(), redactor._rules
    yield from redactor._value_ranges(payload, budget)
    for ranges in (
        credential_ranges(
            text, lowered, redactor._keys.hits(text, lowered, None), rules, budget, strings,
            None,
            is_text=True, is_original=unescaped.is_original, may_have_code=b"code" in lowered and has_code(lowered),
        ),
        url_ranges_one_by_one(text, redactor, budget),
        shape_ranges(text, lowered, budget, strings),
        login_ranges(text, lowered, budget, strings),
        redactor._value_ranges(text, budget),
    ):  # fmt: skip
        yield from (ByteRange(unescaped.original(start), unescaped.original(end), mask) for start, end, mask in ranges)


def masked_the_long_way(redactor: Redactor, payload: bytes) -> bytes:
    """Redact a message in rounds until nothing changes."""
    if not redactor.suspicious([payload]):
        return payload
    for _ in range(4):
        payload = mask_ranges(payload, list(long_way_ranges(redactor, payload)))
    return payload


@given(parts | members, st.sampled_from(REDACTORS))
@example('{"tokenId":"sale"}token":"abc"', REDACTORS[0])
@example("https://h/?a=?token=x&b@c", REDACTORS[0])
@example("PASS\tx AUTH", REDACTORS[0])
def test_a_message_is_masked_as_the_long_way_masks_it(text: str, redactor: Redactor) -> None:
    payload = text.encode()
    assert redactor.payload(payload)[0] == masked_the_long_way(redactor, payload)


@given(parts | members, st.integers(20, 60))
@example('"tokenId":1,\'', 20)
def test_a_key_that_a_long_message_repeats_changes_nothing_behind_it(text: str, count: int) -> None:
    begin = b"[" + b'{"tokenId":1,"token0":2},' * count
    payload = begin + b" " * 20_000 + text.encode() + b'{"tokenId":"sale"}' + text.encode()
    whole = REDACTORS[0].payload(payload)[0]
    assert whole == masked_the_long_way(REDACTORS[0], payload)
