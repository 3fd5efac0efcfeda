"""No bytes, in any state, make the classifiers of Phoenix and nexus raise, keep too much, or end what never began.

Hypothesis chooses bytes and shrinks them; most of the 100,000 messages come from a seeded generator of conversations
that are nearly right, which walks the states.
"""

from __future__ import annotations

import json
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.phoenix_frames import push, text_of_version_1
from tests.support.thoroughness import times
from wsmon.model.events import Direction, Opcode
from wsmon.protocols import nexus, phoenix
from wsmon.protocols.base import MAX_NAME_CHARS, Decoded, Happening
from wsmon.protocols.phoenix_codec import Frame, decode_binary, decode_text, encode_text
from wsmon.protocols.phoenix_state import PhoenixState

CONVERSATIONS = 250
# Of each protocol: 100,000 together
MESSAGES = 200
FAR_NS = 10**19
PAUSES_NS = (0, 1, 10**6, 10**9, 10**10, 4 * 10**10)
DIRECTIONS: tuple[Direction, ...] = ("in", "out", "in", "out", "")
OPCODES: tuple[Opcode, ...] = ("text", "text", "text", "text", "binary", "ping", "close", "")
CANARY = "canary-4711-secret"


def phoenix_frame(rolls: Random) -> bytes:
    """A frame that might be one; join params hold a secret, and replies repeat it."""
    ref = rolls.choice(["1", "2", "3", None, 4, "9" * 300])
    join_ref = rolls.choice(["1", "2", ref, ref, None])
    topic = rolls.choice(["room:a", "room:b", "phoenix", "", "t" * 300])
    event = rolls.choice(
        ["phx_join", "phx_join", "phx_leave", "phx_reply", "phx_reply", "phx_reply", "phx_error", "phx_close",
         "heartbeat", "presence_diff", "new_msg", "e" * 300]
    )  # fmt: skip
    if event == "phx_join":
        payload: object = {"token": CANARY, "deep": {"pin": [CANARY]}}
    else:
        payload = rolls.choice(
            [
                {"status": "ok", "response": {}},
                {"status": "ok", "response": {}},
                {"status": "error", "response": {"reason": "unmatched topic"}},
                {"status": "error", "response": {"reason": "x" * 2_000}},
                {"status": 5, "response": [1]},
                {"reason": "channel_crash"},
                [], None, 1e308, "\ud800",
            ]
        )  # fmt: skip
    frame: object = [join_ref, ref, topic, event, payload]
    if rolls.random() < 0.2:
        frame = {"topic": topic, "event": event, "payload": payload, "ref": ref}
    return json.dumps(frame).encode()


def nexus_report(rolls: Random) -> bytes:
    """A report that might be one."""
    report: dict[str, object] = {
        "id": rolls.choice([rolls.randint(1, 40), rolls.randint(1, 4_000), 2**63 - 1, 0, "1", 1.5]),
        "traceId": rolls.choice(["t", "u", "x" * 300, 5]),
        "kind": rolls.choice(["request.start", "request.end", "span.start", "span.end", "downstream", "log", "?"]),
        "timestamp": rolls.choice(["2026-04-22T10:00:00Z", "2026-04-23T10:00:00.5Z", "0001-01-01T00:00:00Z", "never"]),
    }
    extra: dict[str, object] = {
        "spanId": rolls.choice(["00f067aa0ba902b7", "x" * 300]),
        "durationMs": rolls.choice([0, 5, -1, 1.5, 10**30, None]),
        "status": rolls.choice([200, 500, -1, 2**70]),
        "error": rolls.choice(["", "nope", "y" * 5_000, f"postgres://u:{CANARY}@db/x"]),
        "meta": rolls.choice([{"a": 1}, {"token": CANARY}, {str(key): [key] for key in range(99)}, [1], None, 10**400]),
        "path": f"/x?token={CANARY}",
    }
    report |= {key: value for key, value in extra.items() if rolls.random() < 0.3}
    return json.dumps(report).encode()


ODD = (
    b"",
    b"[" * 5_000,
    b'{"meta":' * 3_000,
    b"\xff",
    b"null",
    b" {}",
    b"\n[]",
    b'[null,null,"\xff","",0]',
    b'{"id":1',
)


def damaged(rolls: Random, payload: bytes) -> bytes:
    """The message as it is, mostly; sometimes cut, stirred, or another."""
    roll = rolls.random()
    if roll < 0.9:
        return payload
    if roll < 0.93:
        return payload[: rolls.randint(0, len(payload))]
    if roll < 0.96:
        at = rolls.randrange(len(payload))
        return payload[:at] + rolls.randbytes(2) + payload[at + 1 :]
    return rolls.choice(ODD) if roll < 0.98 else rolls.randbytes(rolls.randint(0, 40))


class Books:
    """What began and has not ended, as whoever makes spans of the notes sees it."""

    def __init__(self) -> None:
        self.open: set[tuple[str, str]] = set()

    def enter(self, happenings: tuple[Happening, ...]) -> None:
        """Nothing begins twice, and every end ends what began, unless the note says that it does not."""
        for happening in happenings:
            place = (happening.operation, happening.key)
            if happening.phase == "start":
                assert place not in self.open, happening
                self.open.add(place)
            elif happening.phase == "end" and happening.error_type != "unmatched_reply":
                assert place in self.open, happening
                self.open.remove(place)


def check(decoded: Decoded) -> None:
    """What holds of every reading."""
    assert max(len(decoded.type), len(decoded.topic), len(decoded.ref)) <= MAX_NAME_CHARS
    for happening in decoded.happenings:
        assert max(len(happening.type), len(happening.topic), len(happening.ref)) <= MAX_NAME_CHARS
        assert len(msgspec.json.encode(happening)) < 40_000
        assert bool(happening.phase) <= bool(happening.operation and happening.key), happening
    assert CANARY not in repr(decoded)
    assert bool(decoded.error_type) <= (not decoded.happenings)


@pytest.mark.parametrize("seed", range(5))
def test_phoenix_conversations_keep_their_books(seed: int) -> None:
    rolls = Random(seed)
    unreadable = ended = 0
    for _ in range(CONVERSATIONS // 5):
        state, books, now_ns = PhoenixState(), Books(), 0
        for _ in range(MESSAGES):
            now_ns += rolls.choice(PAUSES_NS)
            state.at(now_ns)
            decoded = phoenix.decode(
                rolls.choice(DIRECTIONS), rolls.choice(OPCODES), damaged(rolls, phoenix_frame(rolls)), state
            )
            check(decoded)
            books.enter(decoded.happenings)
            unreadable += bool(decoded.error_type)
            ended += any(happening.phase == "end" for happening in decoded.happenings)
            if rolls.random() < 0.05:
                books.enter(state.overdue(now_ns))
        books.enter(state.overdue(FAR_NS))
        assert (state.overdue(FAR_NS), books.open) == ((), set())
    assert min(unreadable, ended) > CONVERSATIONS * MESSAGES / 5 / 100  # both ways are walked


@pytest.mark.parametrize("seed", range(5))
def test_nexus_takes_every_id_at_most_once(seed: int) -> None:
    rolls = Random(seed)
    taken = duplicates = 0
    for _ in range(CONVERSATIONS // 5):
        state = nexus.NexusState(rolls.choice([0, 0, 30]), rolls.choice([0, 10**18]))
        ids: set[object] = set()
        for _ in range(MESSAGES):
            decoded = nexus.decode(
                rolls.choice(DIRECTIONS), rolls.choice(OPCODES), damaged(rolls, nexus_report(rolls)), state
            )
            check(decoded)
            duplicates += bool(decoded.meta and "duplicate" in decoded.meta)
            if any(happening.error_type == "feed_restarted" for happening in decoded.happenings):
                ids.clear()
            if decoded.meta and "duplicate" not in decoded.meta:
                assert decoded.meta["id"] not in ids
                ids.add(decoded.meta["id"])
                taken += 1
            state.overdue(rolls.choice(PAUSES_NS))
        assert state.missing >= 0
    assert min(taken, duplicates) > CONVERSATIONS / 5


@settings(max_examples=times(300))
@given(st.lists(st.tuples(st.sampled_from(DIRECTIONS), st.sampled_from(OPCODES), st.binary(max_size=60)), max_size=8))
def test_no_bytes_raise(messages: list[tuple[Direction, Opcode, bytes]]) -> None:
    phoenix_state, nexus_state = PhoenixState(), nexus.NexusState()
    for direction, opcode, payload in messages:
        check(phoenix.decode(direction, opcode, payload, phoenix_state))
        check(nexus.decode(direction, opcode, payload, nexus_state))
    phoenix_state.overdue(FAR_NS)
    nexus_state.overdue(FAR_NS)


FIELDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(FIELDS, FIELDS, FIELDS, FIELDS, st.binary(max_size=40))
def test_a_binary_push_survives_the_round_trip(join_ref: str, ref: str, topic: str, event: str, data: bytes) -> None:
    frame = Frame(join_ref, ref, topic, event, data, is_binary=True)
    assert decode_binary("out", push(frame)) == frame


@given(FIELDS, FIELDS, FIELDS, FIELDS, st.sampled_from([1, 2]))
def test_a_text_frame_survives_the_round_trip(join_ref: str, ref: str, topic: str, event: str, version: int) -> None:
    frame = Frame(join_ref, ref, topic, event, b'{"a":[1]}')
    encode = encode_text if version == 2 else text_of_version_1
    assert decode_text(encode(frame)) == frame
