"""No bytes, in any state, make a classifier of the JSON family raise, or end what never began.

Hypothesis chooses conversations and shrinks them; most of the 100,000 messages come from a seeded generator, which
makes them a hundred times as fast.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.events import Direction, Opcode
from wsmon.protocols.base import MAX_NAME_CHARS, Happening, Protocol
from wsmon.protocols.registry import PROTOCOLS

# A conversation; each of the four classifiers reads all of them: 100,000 messages
MESSAGES = 250
FAR_NS = 10**19
PAUSES_NS = (0, 1, 10**6, 10**9, 10**9, 10**9, 2 * 10**9, 4 * 10**10)
DIRECTIONS: tuple[Direction, ...] = ("in", "out")
OPCODES: tuple[Opcode, ...] = ("text", "text", "text", "text", "binary", "ping", "close", "")
KEYS = (
    "jsonrpc", "id", "method", "params", "result", "error", "usDiff", "type", "op", "event", "action", "channel",
    "channels", "topic", "args", "arg", "success", "code", "reason", "message", "req_id", "subscription", "name",
    "subscription_id", "access_token", "refresh_token", "expires_in", "expires_at", "grant_type", "interval", "scope",
)  # fmt: skip
WORDS = (
    "2.0", "public/auth", "public/test", "public/subscribe", "private/unsubscribe_all", "public/set_heartbeat",
    "public/disable_heartbeat", "private/logout", "private/enable_cancel_on_disconnect", "heartbeat", "test_request",
    "refresh_token", "client_credentials", "eth_subscribe", "eth_unsubscribe", "subscription", "subscribe",
    "subscribed", "unsubscribe", "unsubscribed", "auth", "auth_success", "auth_error", "refresh", "ping", "pong",
    "PING", "error", "success", "ok", "reply", "a", "b", "",
)  # fmt: skip
SCALARS = (*WORDS, 0, 1, 2, -1, 10, 900, 1.5, 10**30, -(10**400), 1e308, True, False, None, "x" * 500, "\x00é€\ud800")
IDS = (1, 2, "1", "a", None, 1.5, [1], "y" * 300)
ODD = (
    b"", b"[" * 5_000, b'{"params":' * 3_000, b"\xff", b"ping", b"pong", b"null", b" {}", b"\n[{}]",
    b'{"method":"\xed\xa0\x80"}', b'{"id":1,"result":\xff}', b'{"id":"\\ud800","result":1}',
)  # fmt: skip

SENSIBLE: tuple[dict[str, object], ...] = (
    {"id": 1, "method": "public/auth", "params": {"grant_type": "refresh_token"}},
    {"id": 1, "result": {"access_token": "t", "refresh_token": "r", "expires_in": 60, "scope": "session:x"}},
    {"id": 2, "method": "public/subscribe", "params": {"channels": ["a", "b"]}},
    {"id": 2, "result": ["a"], "usDiff": 5},
    {"id": 2, "method": "public/set_heartbeat", "params": {"interval": 10}},
    {"id": 2, "method": "private/enable_cancel_on_disconnect"},
    {"id": 2, "result": "ok"},
    {"method": "heartbeat", "params": {"type": "test_request"}},
    {"method": "public/test"},
    {"id": 1, "method": "eth_subscribe", "params": ["newHeads"]},
    {"id": 1, "result": "0x1"},
    {"id": 1, "method": "eth_unsubscribe", "params": ["0x1"]},
    {"id": 1, "error": {"code": -32601, "message": "no"}},
    {"type": "subscribe", "channels": ["a", "b", "c"]},
    {"type": "subscribed", "channel": "b"},
    {"type": "subscribed", "channels": ["a"]},
    {"type": "subscribe", "id": 1, "topic": "a"},
    {"type": "subscription", "id": 1, "result": "error", "error": "no"},
    {"op": "auth", "id": 2, "args": ["key", "secret"]},
    {"op": "auth", "success": False},
    {"type": "auth_success", "expires_in": 60},
    {"op": "ping", "id": 1},
    {"op": "pong", "id": 1},
)


JSON_FAMILY = [PROTOCOLS[name] for name in ("raw", "json", "jsonrpc", "deribit")]


class Ledger:
    """What is open, as the notes tell it: every end had a start, and no start comes twice."""

    def __init__(self) -> None:
        self.open: set[tuple[str, str]] = set()

    def enter(self, happenings: tuple[Happening, ...]) -> None:
        for happening in happenings:
            assert max(len(happening.type), len(happening.topic), len(happening.ref)) <= MAX_NAME_CHARS
            assert max(len(happening.key), len(happening.error), len(happening.error_type)) <= 3 * MAX_NAME_CHARS
            msgspec.json.encode(happening)
            pair = (happening.operation, happening.key)
            if happening.phase == "start":
                assert pair not in self.open
                self.open.add(pair)
            elif happening.phase == "end" and happening.error_type != "unmatched":
                self.open.remove(pair)


def converse(protocol: Protocol[Any], conversation: list[tuple[Direction, Opcode, bytes, int]]) -> None:
    """Read all messages, then wait for all that is due: nothing may stay open."""
    state = protocol.new_state()
    ledger = Ledger()
    now_ns = 0
    for direction, opcode, payload, pause_ns in conversation:
        now_ns += pause_ns
        ledger.enter(state.overdue(now_ns))
        state.at(now_ns)
        decoded = protocol.decode(direction, opcode, payload, state)
        assert max(len(decoded.type), len(decoded.topic), len(decoded.ref)) <= MAX_NAME_CHARS
        ledger.enter(decoded.happenings)
    ledger.enter(state.overdue(FAR_NS))
    assert ledger.open == set()
    assert state.overdue(2 * FAR_NS) == ()


def value(random: Random, depth: int = 2) -> object:
    roll = random.random()
    if depth and roll < 0.2:
        return [value(random, depth - 1) for _ in range(random.randrange(4))]
    if depth and roll < 0.4:
        return {random.choice(KEYS): value(random, depth - 1) for _ in range(random.randrange(4))}
    return random.choice(SCALARS)


def document(random: Random) -> object:
    match random.randrange(12):
        case 0:
            return {"id": random.choice(IDS), "method": random.choice(WORDS), "params": value(random)}
        case 1:
            return {"id": random.choice(IDS), "result": value(random), "usDiff": value(random, 0)}
        case 2:
            return {"id": random.choice(IDS), "error": value(random)}
        case 3:
            return {random.choice(("type", "op", "method")): random.choice(WORDS), random.choice(KEYS): value(random)}
        case 4:
            return {random.choice(KEYS): value(random) for _ in range(random.randrange(8))}
        case 5 | 6 | 7 | 8 | 9:
            return random.choice(SENSIBLE)
    return [document(random) for _ in range(random.randrange(3))] if random.random() < 0.5 else value(random)


def payload(random: Random) -> bytes:
    whole = json.dumps(document(random), ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    match random.randrange(20):
        case 0:
            return random.choice(ODD)
        case 1:
            return random.randbytes(random.randrange(40))
        case 2:
            return whole[: random.randrange(len(whole) + 1)] + random.randbytes(random.randrange(3))
        case 3:
            at = random.randrange(len(whole) + 1)
            return whole[:at] + random.randbytes(1) + whole[at + 1 :]
    return whole


@given(st.integers(0, 2**64))
def test_conversations_never_raise_and_every_start_ends_once(seed: int) -> None:
    random = Random(seed)
    conversation = [
        (random.choice(DIRECTIONS), random.choice(OPCODES), payload(random), random.choice(PAUSES_NS))
        for _ in range(MESSAGES)
    ]
    for protocol in JSON_FAMILY:
        converse(protocol, conversation)


documents = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)
payloads = documents.map(lambda held: json.dumps(held).encode()) | st.binary(max_size=60)
messages = st.tuples(st.sampled_from(DIRECTIONS), st.sampled_from(OPCODES), payloads, st.sampled_from(PAUSES_NS))


@given(st.lists(messages, max_size=8))
def test_short_conversations_too(conversation: list[tuple[Direction, Opcode, bytes, int]]) -> None:
    for protocol in JSON_FAMILY:
        converse(protocol, conversation)


@pytest.mark.parametrize("protocol", JSON_FAMILY)
def test_what_a_session_remembers_is_bounded(protocol: Protocol[Any]) -> None:
    """Ten times as many calls as may be in flight, each with a long id and credentials of its own."""
    state = protocol.new_state()
    ledger = Ledger()
    for number in range(40_000):
        call = (
            f'{{"id":"{number:0>300}","method":"public/auth","op":"subscribe","params":{{"token":"tok{number:0>9}"}}}}'
        )
        ledger.enter(protocol.decode("out", "text", call.encode(), state).happenings)
        assert len(ledger.open) <= 4_096
    ledger.enter(state.overdue(FAR_NS))
    assert ledger.open == set()
