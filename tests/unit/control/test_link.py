"""The link of an application: only to a recorder of its user, with what the recorder has of it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.applications import CLIENT, ListeningRecorder
from tests.support.tracing import arrived
from wsmon.control import link as links
from wsmon.control.ingest import IngestAnswer, IngestGreeting
from wsmon.control.link import RecorderLink
from wsmon.control.lock import LockInfo, StoreLock
from wsmon.errors import WsmonError

GREETING = IngestGreeting(CLIENT)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def until_acked(link: RecorderLink, seq: int) -> None:
    ends_s = time.monotonic() + 20
    acked = 0
    while acked < seq:
        assert time.monotonic() < ends_s
        for answer in link.exchange(0.1) or ():
            acked = answer.acked or acked


def test_lines_are_sent_and_acknowledged_and_the_next_link_knows(store: Path) -> None:
    with ListeningRecorder(store):
        link = RecorderLink(store, GREETING)
        assert link.greeted_within(20) == 0
        link.send(b"".join(b'{"seq":%d,"name":"e%d"}\n' % (seq, seq) for seq in range(1, 5_001)))
        until_acked(link, 5_000)
        assert not link.is_sending
        link.close()
        again = RecorderLink(store, GREETING)
        assert again.greeted_within(20) == 5_000
    assert list(ended(again)) == [None]
    again.close()
    assert arrived(store) == [f"e{seq}" for seq in range(1, 5_001)]


def ended(link: RecorderLink) -> Iterator[Sequence[IngestAnswer] | None]:
    """The last answer of a link whose recorder has ended."""
    answers: Sequence[IngestAnswer] | None = ()
    while answers is not None:
        answers = link.exchange(0.1)
    yield answers


def test_there_is_no_link_without_a_recorder(store: Path) -> None:
    with pytest.raises(WsmonError, match="no recorder is running on"):
        RecorderLink(store, GREETING)


@contextmanager
def listening(store: Path, folder: Path, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """A process that holds the store, and is no recorder of today."""
    path = folder / "r.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0o600)
        server.listen()
        thread = threading.Thread(target=lambda: serve(server.accept()[0]))
        thread.start()
        with StoreLock(store, LockInfo(1, "0.0.1", 9, 1, "old", str(store), str(path), 0, "")):
            yield
        thread.join()


def test_a_recorder_that_takes_no_events_is_named_as_such(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "ANSWER_S", 0.2)
    answers = [b"", b'{"type":"hello"}\n', b'{"line":1,"error":"no"}\n', b"HTTP/1.1 400\n"]
    problems = [
        "did not answer within 0.2 s: it is stopped, or too busy",
        "it may be an older version",
        "does not accept events: no",
        "it may be an older version",
    ]
    for number, (answer, problem) in enumerate(zip(answers, problems, strict=True)):
        folder = tmp_path / str(number)
        folder.mkdir()

        def serve(connection: socket.socket, answer: bytes = answer) -> None:
            with connection:
                connection.sendall(answer)
                while connection.recv(4_096):
                    pass

        with listening(store, folder, serve):
            link = RecorderLink(store, GREETING)
            assert answer or link.greeted_within(0) is None
            with pytest.raises(WsmonError, match=problem):
                link.greeted_within(20)
            link.close()
