"""Redaction takes work in proportion to the message, whatever the message is, and not more than its budget."""

from __future__ import annotations

import sys
from itertools import pairwise
from time import process_time
from types import FrameType
from typing import ClassVar

import pytest

from wsmon.model.redact import redactor as redactor_module
from wsmon.model.redact.masking import StepBudget
from wsmon.model.redact.redactor import Redactor

MIB = 1024 * 1024
KIB = 1024
# Linear is under 1 s, quadratic is minutes
LIMIT_S = 10.0
# Calls of functions, a tenth of a microsecond and more each: what 64 KiB may take, and what each further KiB may
LIMIT_CALLS = 80_000
CALLS_PER_KIB = 700

REDACTOR = Redactor(secrets=("canary-of-linear", "4815162342"))

HOSTILE = {
    "deep lists": b'{"token":' + b"[" * MIB,
    "deep lists without a key": b"[" * MIB,
    "one endless word": b"token" * (MIB // 5),
    "backslashes": b"\\" * MIB + b"token",
    "escaped quotes": b'{"token":' + b'"\\' * (MIB // 2),
    "strings in an object": b'"token":{' + b'"\\"' * (MIB // 3),
    "keys with open lists": b'"token":[}' * (MIB // 10),
    "texts with open lists": b'{"token: [' * (MIB // 10),
    "keys with open strings": b'"token":"\\' * (MIB // 10),
    "chained assignments": b"token=" * (MIB // 6),
    "keys in quotes": b'token="' * (MIB // 7),
    "single quotes": b"{'token':\"" * (MIB // 10),
    "escapes": b"\\u0074" * (MIB // 6),
    "escaped backslashes": b"\\u005c" * (MIB // 6),
    "signatures": b'{"signature":1}' * (MIB // 15),
    "schemes": b"://" * (MIB // 3),
    "broken authorities": b"://a:/" * (MIB // 6),
    "parameters": b"://" + b"?a" * (MIB // 2),
    "token shapes": b"eyJaaaaaaaa" * (MIB // 11) + b".",
    "bearers": b"bearer " * (MIB // 7),
    "spaces behind a key": b"token" + b" " * MIB,
    "header lines": b'{"x":"Cookie:a=\\"' + b'=\\"' * (MIB // 3),
    "headers in strings": b'{"authorization:\\"' * (MIB // 18),
    "percent signs": b"token%3D" * (MIB // 8),
    "parameters of credentials": b"https://h/?" + b"token=abcd&key=efgh&" * (MIB // 20),
    "urls with credentials": b"wss://a:b@c/?key=abcd " * (MIB // 22),
    "members": b"{" + b'"token":"a",' * (MIB // 12),
    "harmless members": b"[" + b'{"tokenId":1},' * (MIB // 14),
    "short strings": b"[" + b'"",' * (MIB // 3) + b'"token=x"]',
    "short strings and keys": b"[" + b'"","token=x",' * (MIB // 13),
    "numbers": b"[" + b"1," * (MIB // 2) + b'"4815162342"]',
    "secrets": b"4815162342 " * (MIB // 11),
    "secret numbers": b"[" + b"4815162342," * (MIB // 11),
    "signatures beside a key": b'{"api_key":1,' + b'"sig":"a",' * (MIB // 10),
    "private keys": b"-----BEGIN PRIVATE KEY-----\nAAAA" * (MIB // 32),
    "private keys in strings": b'["-----BEGIN PRIVATE KEY-----",' * (MIB // 31),
    "elements": b"<password>a</password>" * (MIB // 22),
    "open elements": b"<password>" * (MIB // 10),
    "names and values": b'{"name":"password","value":"x"},' * (MIB // 32),
    "names without values": b'{"name":"password",' * (MIB // 19),
    "logins": b'{"action":"auth","params":"KEY"}' * (MIB // 32),
    "arguments of a login": b'{"action":"auth","params":[' + b'"a",' * (MIB // 4) + b'"a"]}',
    "commands": b"PASS x\n" * (MIB // 7),
    "elements of SASL": b"<auth mechanism='PLAIN'>a</auth>" * (MIB // 31),
    "base64 of SASL": b"PLAIN AHVzZXIAU0VD " * (MIB // 19),
    "one base64 of SASL": b"PLAIN mechanism " + b"AHVz" * (MIB // 4),
    "MessagePack": b"\x81\xa8password\xa3abc" * (MIB // 14),
    "lists of MessagePack": b"\x81\xa8password\xdd\xff\xff\xff\xff" * (MIB // 15),
    "encoded JSON": b"%22token%22%3A%22abc%22%2C" * (MIB // 25),
    "codes": b"https://x/?code=abcdefgh&state=1 " * (MIB // 33),
    "masks": b"[FILTERED]" * (MIB // 10) + b"token=x",
    "brackets": b'{"token":' + b"[]" * (MIB // 2),
    "digits": b'{"token":' + b"1" * MIB,
    "words": b"token " * (MIB // 6),
    "words in quotes": b'"token" ' * (MIB // 8),
    "different keys": b"".join(b'"token%d":1,' % number for number in range(MIB // 14)),
    "different parameters": b"".join(b"https://h/?token%d=1 " % number for number in range(MIB // 22)),
    "different elements": b"".join(b"<token%d>" % number for number in range(MIB // 13)),
    "different strings of MessagePack": b"\x81" + b"".join(b"\xa9tok%06d" % number for number in range(MIB // 10)),
    "endless names": b"https://h/?" + b"a" * (MIB // 2) + b"=1&token=" + b"b" * (MIB // 2),
    "JSON in escapes": b'"' + rb"{\u0022token\u0022:\u0022a\u0022}," * (MIB // 36),
    "escapes of escapes": b'"' + rb"\u005cu005cu0074oken" * (MIB // 20),
    "lists of a login": b'{"action":"auth","params":["a"' * (MIB // 30),
    "types of logins": b'"auth"' * (MIB // 6),
}


@pytest.mark.parametrize("message", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_message_costs_linear_time(message: bytes) -> None:
    start_s = process_time()
    REDACTOR.payload(message)
    assert process_time() - start_s < LIMIT_S


def calls_of(message: bytes) -> int:
    """Count the calls of functions that redacting a message takes, those of C functions included."""
    count = 0

    def profile(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        REDACTOR.payload(message)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("message", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_message_takes_no_more_than_its_budget(message: bytes) -> None:
    sizes = [64 * KIB, 256 * KIB]
    calls = [calls_of(message[:size]) for size in sizes]
    assert calls[0] < LIMIT_CALLS
    assert [more - less < CALLS_PER_KIB * 192 for less, more in pairwise(calls)] == [True]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b'{"token":"a"}' * 2_000, b'{"token":"[FILTERED]"}'),
        (b"token=a&" * 4_000, b"token=[FILTERED]&"),
        (b"wss://a:b@c " * 4_000, b"wss://[FILTERED]@c "),
    ],
)
def test_past_the_budget_the_rest_is_masked_and_the_redactor_says_so(message: bytes, expected: bytes) -> None:
    redactor = Redactor()
    redacted, changed = redactor.payload(message)
    count = redacted.count(expected)
    assert (changed, redactor.is_over_budget) == (True, True)
    assert 100 < count < 2_000
    assert redacted.startswith(expected * count)
    assert redacted.endswith(b"[FILTERED]")
    assert len(redacted) < len(expected) * (count + 2)
    assert redactor.payload(b"token=a") == (b"token=[FILTERED]", True)
    assert not redactor.is_over_budget


class CountedBudget(StepBudget):
    """Keeps what it had, to see what was taken."""

    made: ClassVar[list[CountedBudget]] = []

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.had = self.left
        self.made.append(self)


def steps_of(message: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Redact a message; return the steps that it took, and those of one budget."""
    monkeypatch.setattr(redactor_module, "StepBudget", CountedBudget)
    monkeypatch.setattr(CountedBudget, "made", [])
    REDACTOR.payload(message)
    made = CountedBudget.made
    return sum(each.had - each.left for each in made), made[0].had if made else 0


def repeated(begin: bytes, unit: bytes, end: bytes = b"", size: int = MIB) -> bytes:
    return begin + unit * ((size - len(begin) - len(end)) // len(unit)) + end


LARGE = {
    "an order book": repeated(b'{"bids":[', b'["43210.50","0.00120"],', b"[]]}"),
    "trades": repeated(b"[", b'{"side":"buy","price":43210.5,"code":0},', b"1]"),
    "harmless keys": repeated(b"[", b'{"tokenId":1},', b"1]"),
    "some harmless keys": repeated(
        b"[", b'{"tokenId": 1, "token0": "a", "tokenName": "b", "hasPassword": false}, ', b"1]"
    ),
    "harmless keys in a string": repeated(b'{"data":"[', rb"{\"tokenId\":1,\"v\":2},", b'1]"}'),
    "URLs": repeated(b"[", b'"https://example.com/x.png",', b"1]"),
    "URLs with parameters": repeated(b"[", b'{"url":"https://example.com/x?w=1&h=2&z=3"},', b"1]"),
    "a page": repeated(
        b"<html>", b'<p><a href="https://example.com/p?id=1&amp;x=2" class="author">the password</a> and text</p>\n'
    ),
    "a log": repeated(b"", b"2026-01-01T00:00:00Z INFO https://example.com/api?page=2&size=10 passed, 200 in 12 ms\n"),
    "escapes of HTML": repeated(b'"', rb"\u003cp\u003esome text in it and more\u003c/p\u003e", b'"'),
    "escapes of other scripts": repeated(b'"', rb"\u0430", b'"'),
}


@pytest.mark.parametrize("size", [64 * KIB, MIB])
@pytest.mark.parametrize("kind", LARGE)
def test_a_large_message_without_credentials_stays_whole(kind: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    message = LARGE[kind][:size]
    steps, budget = steps_of(message, monkeypatch)
    assert steps <= budget
    assert REDACTOR.payload(message) == (message, False)


@pytest.mark.parametrize("message", HOSTILE.values(), ids=HOSTILE)
def test_all_rounds_together_take_two_budgets(message: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, budget = steps_of(message[: 64 * KIB], monkeypatch)
    # Whatever ends a budget was begun with steps left: a name, the closing of a list
    assert steps <= 2 * budget + 64 * KIB // 8


def test_a_pattern_that_takes_too_long_masks_the_message_whole() -> None:
    redactor = Redactor(patterns=(r"(a|aa)+$",))
    assert redactor.payload(b"a" * 100 + b"b") == (b"[FILTERED]", True)
    assert redactor.is_over_budget
    assert redactor.payload(b"xaaa") == (b"x[FILTERED]", True)
    assert not redactor.is_over_budget


def test_a_pattern_that_matches_everywhere_takes_no_more_than_its_budget() -> None:
    redactor = Redactor(patterns=("x",))
    assert redactor.payload(b"xy" * MIB) == (b"[FILTERED]", True)
    assert redactor.is_over_budget


PATHS = {
    "URLs": b"://x/ " * (MIB // 6),
    "URLs with a word": b"wss://host/a " * (MIB // 13),
    "one path": b"wss://host/" + b"a/" * (MIB // 2),
    "one segment": b"wss://host/" + b"a1" * (MIB // 2),
    "long segments": b"wss://host/" + (b"a1" * 256 + b"/") * (MIB // 513),
    "short tokens": b"wss://host/" + (b"a1" * 16 + b"/") * (MIB // 33),
    "names": b"wss://host/" + b"".join(b"token%d=/" % number for number in range(MIB // 13)),
    "names before values": b"wss://host/" + b"".join(b"%015d/" % number for number in range(MIB // 16)),
    "percent signs": b"wss://host/" + b"%2b" * (MIB // 3),
    "webhooks": b"wss://host/" + b"services/T0/B0/" * (MIB // 15),
    "requests": b"GET / " * (MIB // 6),
    "methods": b"GET " * (MIB // 4) + b"/",
    "escaped slashes": b"wss://host/" + b"\\/" * (MIB // 2),
}


@pytest.mark.parametrize("text", PATHS.values(), ids=PATHS)
def test_paths_in_a_text_take_no_more_than_its_budget(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redactor_module, "StepBudget", CountedBudget)
    monkeypatch.setattr(CountedBudget, "made", [])
    started_s = process_time()
    REDACTOR.text(text.decode())
    assert process_time() - started_s < LIMIT_S
    for each in CountedBudget.made:
        assert each.had - each.left <= each.had + MIB // 8
