"""Messages in blocks are recorded exactly as one by one: by the engine, and in every table of a store."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import at_ns, dialled, loss, message, usable
from tests.support.engines import RecordingSink, spec
from tests.support.fake_ports import FakeClock
from tests.support.json_corpus import corpus
from tests.support.stores import recording
from tests.support.stores import spec as stored_spec
from tests.support.thoroughness import times
from wsmon.config.specs import CaptureSpec, ProtocolName
from wsmon.engine.frames import FramePath
from wsmon.engine.messages import capture_of, message_path
from wsmon.engine.protocol_session import CarriedState
from wsmon.engine.reporter import Reporter
from wsmon.engine.ticker import Ticker
from wsmon.model.block import Block, PlainColumns
from wsmon.model.events import Event, Source
from wsmon.model.profiles import ProfileName
from wsmon.model.redact.redactor import Redactor
from wsmon.store.codec import SqlValue

SOURCE = Source("feed", "", "t" * 32, "c" * 16)
# Long payloads cost time, and differ in nothing else
CORPUS = [entry.payload for entry in corpus() if entry.is_utf8 and len(entry.payload) <= 4_096]

NAMES = st.sampled_from(["trade", "ticker", "heartbeat", "ping", "pong", "error", "subscribed", "login", "", "é", "😀"])
VALUES = st.one_of(
    NAMES,
    st.integers(-5, 10**19),
    st.none(),
    st.booleans(),
    st.text(max_size=8),
    st.sampled_from(["https://a.example/?token=abc", "bearer abcdef", 'a"b\\c', "x" * 250, "\ud83d"]),
    st.lists(st.integers(0, 9), max_size=2),
    st.dictionaries(st.sampled_from(["channel", "code", "message", "name"]), NAMES, max_size=2),
)
KEYS = (
    *("type", "method", "e", "channel", "topic", "symbol", "s", "arg", "id", "ref", "req_id", "result", "error"),
    *("success", "code", "price", "token", "tokenId", "data", "channels", "reason"),
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5)
PAYLOADS = st.one_of(
    st.builds(lambda content, ascii_only: json.dumps(content, ensure_ascii=ascii_only), OBJECTS, st.booleans()).map(
        lambda text: text.encode("utf-8", "replace")
    ),
    st.sampled_from(CORPUS),
    st.sampled_from(
        [b"", b"ping", b" {}", b" " * 70 + b'{"type":"a"}', b"[]", b"{}{}", b'{"a":1}\n{"b":2}', b"nul", b"\0"]
    ),
)
PROTOCOLS: tuple[ProtocolName, ...] = ("raw", "json", "auto", "jsonrpc", "phoenix")


async def emitted(
    payloads: Sequence[bytes], sizes: Sequence[int], protocol: ProtocolName, capture: CaptureSpec, redactor: Redactor
) -> tuple[list[Event], list[Block]]:
    """The events of a session that receives payloads, so many at a time."""
    sink, clock = RecordingSink(), FakeClock()
    of = spec(1, protocol=protocol, capture=capture)
    reporter = Reporter(SOURCE, redactor, sink, clock)
    messages = message_path(
        of, reporter, sink, clock, Ticker(asyncio.get_running_loop()), CarriedState(), Random(7).randbytes
    )
    frames = FramePath(SOURCE, capture_of(of), redactor, sink, clock, lambda: None, messages)
    if messages is not None:
        messages.begin("ws://127.0.0.1/", "")
        messages.start(frames.now())
    at = 0
    for size in sizes:
        some = payloads[at : at + size]
        if some:
            frames.on_messages("text", some, [len(payload) + 2 for payload in some])
        at += size
    if messages is not None:
        messages.end(frames.now())
    return sink.events, sink.blocks


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(st.lists(PAYLOADS, max_size=30), st.data())
def test_messages_that_arrive_together_are_emitted_as_if_one_by_one(
    protocol: ProtocolName, payloads: list[bytes], data: st.DataObject
) -> None:
    capture = data.draw(
        st.sampled_from([CaptureSpec(), CaptureSpec(payload_limit_bytes=20), CaptureSpec(payloads=False)])
    )
    redactor = data.draw(
        st.sampled_from([Redactor(), Redactor(keys=("price",), secrets=("trade",)), Redactor(patterns=("tick",))])
    )
    sizes = data.draw(st.lists(st.integers(1, 12), min_size=30, max_size=30))
    single = asyncio.run(emitted(payloads, [1] * len(payloads), protocol, capture, redactor))
    together = asyncio.run(emitted(payloads, sizes, protocol, capture, redactor))
    assert together[0] == single[0]


def test_plain_messages_travel_in_blocks_and_the_others_around_them_by_themselves() -> None:
    plain = [b'{"type":"trade","id":%d,"symbol":"B"}' % number for number in range(1, 7)]
    odd = [b'{"token":"abc"}', b"{", b'{"type":"ping"}', b'{"a":"\\n"}']
    payloads = [*plain[:2], odd[0], plain[2], odd[1], odd[2], *plain[3:], odd[3]]
    events, blocks = asyncio.run(emitted(payloads, [len(payloads)], "json", CaptureSpec(), Redactor()))
    assert [[text.encode() for text in block.texts] for block in blocks] == [
        plain[:2],
        plain[2:3],
        [*plain[3:], odd[3]],
    ]
    assert blocks[0].columns == (["trade", "trade"], ["B", "B"], ["1", "2"])
    received = [event.payload for event in events if event.name == "message.received"]
    assert received == [*plain[:2], b'{"token":"[FILTERED]"}', plain[2], odd[1], odd[2], *plain[3:], odd[3]]


ROWS = (
    "event",
    "rollup",
    "rollup_dim",
    "rollup_metric",
    "session",
    "connection",
    "source",
    "meta",
    "transition",
    "incident",
)
TEXTS = st.sampled_from(["", "", "trade", "ticker", "é", "12"])
MESSAGES = st.lists(
    st.tuples(
        st.text(max_size=9).map(str.isascii).map(str) | st.sampled_from(['{"a":1}', "é😀", ""]), TEXTS, TEXTS, TEXTS
    ),
    min_size=1,
    max_size=9,
)


def block_of(rows: Sequence[tuple[str, str, str, str]], after_s: float, *, is_read: bool) -> Block:
    """Messages of one read, as a block."""
    first = message("", after_s, "feed")
    texts, types, topics, refs = (list(column) for column in zip(*rows, strict=True))
    sizes = [len(text.encode()) for text in texts]
    return Block(
        first.source,
        first.ts_ns,
        first.mono_ns,
        sizes,
        [size + 2 for size in sizes],
        texts,
        PlainColumns(types, topics, refs) if is_read else None,
        1_000 if is_read else None,
    )


@settings(max_examples=times(20))
@given(
    st.lists(st.tuples(MESSAGES, st.booleans()), min_size=1, max_size=6),
    st.sampled_from(["detailed", "standard", "lightweight"]),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_a_block_becomes_the_rows_and_counts_of_its_messages(
    reads: list[tuple[list[tuple[str, str, str, str]], bool]], profile: ProfileName, commits: list[bool]
) -> None:
    blocks = [block_of(rows, 0.4 * at, is_read=is_read) for at, (rows, is_read) in enumerate(reads)]
    assert stored([[block] for block in blocks], profile, commits) == stored(
        [list(block.events()) for block in blocks], profile, commits
    )


def stored(
    reads: Sequence[Sequence[Event | Block]], profile: ProfileName, commits: Sequence[bool]
) -> dict[str, list[tuple[SqlValue, ...]]]:
    """All rows of a store into which these were recorded."""
    with tempfile.TemporaryDirectory() as folder, recording(Path(folder) / "store.db") as one:
        one.fold.configure([replace(stored_spec("feed"), profile=profile)], at_ns(0))
        batch: list[Event | Block] = [dialled(0, "feed"), usable(0, "feed")]
        for at, (events, is_last) in enumerate(zip(reads, commits, strict=False)):
            batch += events
            if is_last:
                one.commit(*batch, now_s=0.4 * at)
                batch.clear()
        one.commit(*batch, loss(3, "feed"), now_s=3.5)
        found = {table: one.rows(f"SELECT * FROM {table}") for table in ROWS}
    return found | {"meta": [row for row in found["meta"] if row[0] in ("last_id", "oldest_id", "rolled_s")]}


def test_a_block_whose_payloads_are_not_kept_is_stored_without_them() -> None:
    block = msgspec.structs.replace(block_of([("a", "t", "", ""), ("bc", "", "u", "")], 0.1, is_read=True), texts=[])
    assert stored([[block]], "detailed", [True]) == stored([list(block.events())], "detailed", [True])
