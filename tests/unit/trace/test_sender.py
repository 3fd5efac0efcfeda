"""Where a sender finds its store, and what it does when links end in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from wsmon.control.ingest import IngestAnswer, IngestGreeting
from wsmon.errors import WsmonError
from wsmon.trace import sender as sending
from wsmon.trace.buffer import LineBuffer
from wsmon.trace.sender import Sender

CAPACITY = 3


class FakeLink:
    """A recorder that takes so many lines, and acknowledges what the test lets it."""

    # Numbers of lines that any link was given
    sent: list[int]
    acked_before = 0
    is_there = True

    def __init__(self, _store: Path, _greeting: IngestGreeting) -> None:
        if not FakeLink.is_there:
            raise WsmonError("no recorder is running")
        self.is_sending = False
        self.has_ended = False

    def greeted_within(self, _wait_s: float) -> int:
        return FakeLink.acked_before

    def send(self, octets: bytes) -> None:
        FakeLink.sent += [int(line.split(b",")[0][7:]) for line in octets.splitlines()]

    def exchange(self, _wait_s: float) -> Sequence[IngestAnswer] | None:
        return None if len(FakeLink.sent) >= CAPACITY else ()

    def close(self) -> None:
        self.has_ended = True

    def abandon(self) -> None:
        self.close()


def test_what_is_not_acknowledged_goes_again_behind_the_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "RecorderLink", FakeLink)
    monkeypatch.setattr(sending, "FIRST_RETRY_S", 0.0)
    buffer = LineBuffer(100_000)
    sender = Sender(buffer, str(tmp_path / "store.db"), own=False, connection="", group="", spool_bytes=100_000)
    for _ in range(4):
        buffer.add(b'{"name":"x"}')
    FakeLink.sent, FakeLink.acked_before, FakeLink.is_there = [], 0, True
    sender._turn()
    assert (FakeLink.sent, sender.is_connected) == ([1, 2, 3, 4], False)
    FakeLink.sent, FakeLink.acked_before, FakeLink.is_there = [], 0, False
    sender._turn()
    assert (buffer.waiting, buffer.spooled, buffer.problem) == (0, 4, "no recorder is running")
    buffer.add(b'{"name":"x"}')
    FakeLink.acked_before, FakeLink.is_there = 2, True
    for _ in range(2):
        sender._retry_at_s = 0.0
        sender._turn()
    assert FakeLink.sent == [3, 4, 5]
    assert not sender.is_connected
    sender.abandon()


class DeafLink(FakeLink):
    """A recorder that is stopped: it answers nothing."""

    def greeted_within(self, _wait_s: float) -> int:
        return None  # type: ignore[return-value]


class StuckLink(FakeLink):
    """A recorder that is stopped after its greeting: it reads nothing."""

    def send(self, octets: bytes) -> None:
        self.is_sending = True

    def exchange(self, _wait_s: float) -> Sequence[IngestAnswer] | None:
        return ()


@pytest.mark.parametrize("kind", [DeafLink, StuckLink])
def test_while_a_recorder_is_stopped_events_wait_in_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[FakeLink]
) -> None:
    monkeypatch.setattr(sending, "RecorderLink", kind)
    monkeypatch.setattr(sending, "STUCK_S", 0.0)
    FakeLink.sent, FakeLink.acked_before, FakeLink.is_there = [], 0, True
    buffer = LineBuffer(100_000)
    sender = Sender(buffer, str(tmp_path / "store.db"), own=False, connection="", group="", spool_bytes=100_000)
    for _ in range(4):
        buffer.add(b'{"name":"x"}')
    for _ in range(2):
        sender._turn()
    assert (buffer.waiting, buffer.spooled, buffer.lost) == (0, 4, 0)
    sender.abandon()


def reports(folder: Path) -> list[int]:
    """The counts of ``trace.lost`` in the spool."""
    (path,) = folder.glob("spool/*")
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    return [line["meta"]["count"] for line in lines if line.get("name") == "trace.lost"]


@pytest.mark.parametrize("has_link", [False, True])
def test_what_finds_no_room_at_the_end_is_counted_in_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_link: bool
) -> None:
    monkeypatch.setattr(sending, "RecorderLink", StuckLink)
    FakeLink.sent, FakeLink.acked_before, FakeLink.is_there = [], 0, has_link
    buffer = LineBuffer(100_000)
    sender = Sender(buffer, str(tmp_path / "store.db"), own=False, connection="", group="", spool_bytes=1_000)
    for number in range(200):
        buffer.add(b'{"name":"x%d"}' % number)
    buffer.lose("an event was too long")
    sender.begin_end(0.0)
    sender._finish()
    sender.join(0.0)
    assert buffer.waiting == 0
    assert buffer.spooled + buffer.lost == 201
    assert 0 < buffer.spooled < 100
    assert reports(tmp_path) == [buffer.lost]


class RefusingLink(FakeLink):
    """A recorder that refuses events without a known name, and stores the others."""

    told: list[dict[str, object]]

    def send(self, octets: bytes) -> None:
        RefusingLink.told += map(msgspec.json.decode, octets.splitlines())

    def exchange(self, _wait_s: float) -> Sequence[IngestAnswer] | None:
        told, RefusingLink.told = RefusingLink.told, []
        FakeLink.sent += [int(str(line["seq"])) for line in told if line["name"] == "trace.lost"]
        faults = [IngestAnswer(line=1, error="name: reserved") for line in told if line["name"] == "self.x"]
        return [*faults, IngestAnswer(acked=int(str(told[-1]["seq"])))] if told else []


def test_what_the_recorder_refuses_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "RecorderLink", RefusingLink)
    FakeLink.sent, FakeLink.acked_before, FakeLink.is_there, RefusingLink.told = [], 0, True, []
    buffer = LineBuffer(100_000)
    sender = Sender(buffer, str(tmp_path / "store.db"), own=False, connection="", group="", spool_bytes=1_000)
    for name in (b"self.x", b"a", b"self.x"):
        buffer.add(b'{"name":"%b"}' % name)
    sender._turn()
    assert buffer.has_work
    lines: list[bytes] = []
    monkeypatch.setattr(RefusingLink, "send", lambda _self, octets: lines.append(octets))
    sender._turn()
    report = msgspec.json.decode(lines[0])
    assert report == {
        "seq": 4,
        "name": "trace.lost",
        "reason": "the recorder refused an event: name: reserved",
        "meta": {"count": 2},
    }
    sender.abandon()


def test_a_loss_without_any_line_is_reported_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "RecorderLink", FakeLink)
    FakeLink.is_there = False
    buffer = LineBuffer(100_000)
    sender = Sender(buffer, str(tmp_path / "store.db"), own=False, connection="", group="", spool_bytes=1_000)
    buffer.lose("an event was too long")
    sender.begin_end(0.0)
    sender._finish()
    sender.join(0.0)
    assert reports(tmp_path) == [1]
