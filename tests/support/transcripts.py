"""Sessions that were recorded with real servers (``tests/corpora/transcripts``), and the way of frames into events."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.support.engines import RecordingSink, spec
from tests.support.fake_ports import FakeClock
from wsmon.engine.frame_scan import DataOpcode
from wsmon.engine.frames import FramePath
from wsmon.engine.messages import capture_of, message_path
from wsmon.engine.protocol_session import CarriedState
from wsmon.engine.reporter import Reporter
from wsmon.engine.ticker import Ticker
from wsmon.model.events import Direction, Event, Source
from wsmon.model.redact.redactor import Redactor

FOLDER = Path(__file__).parents[1] / "corpora" / "transcripts"
_HANDSHAKE = re.compile(r"# URL (\S+)")
_SUBPROTOCOL = re.compile(r"# 101, subprotocol (?:None|'([^']*)')")
_FRAME = re.compile(r" *[\d.]+ ([<>]) (text|binary|close) +(text-of-bytes |hex )?(.*)")


class Sent(NamedTuple):
    """A data frame, as it crossed the socket."""

    direction: Direction
    opcode: DataOpcode
    payload: bytes


class Transcript(NamedTuple):
    """A session."""

    url: str
    subprotocol: str
    frames: tuple[Sent, ...]


@functools.cache
def transcripts() -> dict[str, Transcript]:
    """All of them, by name."""
    return {path.stem: _parsed(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.txt"))}


def _parsed(text: str) -> Transcript:
    url, named = _HANDSHAKE.search(text), _SUBPROTOCOL.search(text)
    assert url is not None
    assert named is not None
    frames = []
    for line in text.splitlines():
        found = _FRAME.fullmatch(line)
        if found is None:
            assert line.startswith("#"), line
            continue
        way, opcode, form, content = found.groups()
        if opcode == "close":
            continue
        if form == "hex ":
            payload = bytes.fromhex(content)
        else:
            payload = content.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")
        frames.append(Sent("out" if way == ">" else "in", "text" if opcode == "text" else "binary", payload))
    return Transcript(url[1], named[1] or "", tuple(frames))


async def recorded(
    frames: Sequence[Sent], url: str = "ws://127.0.0.1/", subprotocol: str = "", **fields: Any
) -> list[Event]:
    """The events of a session with these messages, of ``auto`` unless the fields of the connection say otherwise."""
    sink, clock = RecordingSink(), FakeClock()
    source = Source("feed", "", "t" * 32, "c" * 16)
    of = spec(1, **{"protocol": "auto", **fields})
    redactor = Redactor()
    messages = message_path(
        of, Reporter(source, redactor, sink, clock), sink, clock, Ticker(asyncio.get_running_loop()), CarriedState(),
        Random(7).randbytes,
    )  # fmt: skip
    path = FramePath(source, capture_of(of), redactor, sink, clock, lambda: None, messages)
    if messages is not None:
        messages.begin(url, subprotocol)
        messages.start(path.now())
    for direction, opcode, payload in frames:
        if direction == "in":
            path.on_message(opcode, payload, len(payload) + 2, 1)
        else:
            path.on_sent(opcode, payload, len(payload) + 6)
    if messages is not None:
        messages.end(path.now())
    return sink.events
