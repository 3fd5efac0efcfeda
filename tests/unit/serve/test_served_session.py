"""What of a recorded connection is served: its sessions and refusals in their order, ends, and replies by request."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.builders import dialled, loss, message, refused, usable
from tests.support.recordings import FixedClock
from tests.support.served import written
from tests.support.session_events import FIRST, SECOND, THIRD, of, opening
from wsmon.errors import UsageError
from wsmon.model.events import Event
from wsmon.serve.faults import ServedEnd
from wsmon.serve.request_pairing import PairedRequest
from wsmon.serve.served_session import ServedConnection, ServedRefusal, ServedSession, messages_of, served_connections
from wsmon.serve.wire_messages import ServedCounts
from wsmon.store.reader import Reader


def surveyed(folder: Path, events: Sequence[Event], *, first_id: int = 1) -> tuple[ServedConnection, list[bytes]]:
    """The connection of a recording, and what its first session sends by itself."""
    with closing(Reader(written(folder, events, "nova"), FixedClock())) as view:
        (served,) = served_connections(view, first_id, view.bounds().last_id)
        pages = messages_of(view, served.sessions[0], first_id)
        return served, [each.payload for page in pages for each in page]


def test_sessions_and_refusals_come_in_their_order(tmp_path: Path) -> None:
    events = [
        *of(FIRST, *opening(1), message("a", 2, "nova"), loss(3, "nova", code=1012, reason="restart")),
        *of(SECOND, dialled(4, "nova", 2), refused(4.1, "nova", 503)),
        *of(THIRD, *opening(5), message("b", 6, "nova")),
    ]
    served, sent = surveyed(tmp_path, events)
    first, refusal, last = served.steps
    assert isinstance(first, ServedSession)
    assert isinstance(last, ServedSession)
    assert refusal == ServedRefusal(503, (("Content-Type", "text/plain"),), "no key")
    assert (first.end, last.end) == (
        ServedEnd("close", 1012, "restart"),
        ServedEnd("close", 1001, "the recording ends here"),
    )
    assert (first.subprotocol, first.is_compressed, served.counts) == ("v1.stream", True, ServedCounts(messages=2))
    assert sent == [b"a"]


@pytest.mark.parametrize(
    ("ended", "end"),
    [
        (loss(3, "nova", code=None, by="peer", reason=""), ServedEnd("close")),
        (loss(3, "nova", code=1005, by="peer", reason=""), ServedEnd("close")),
        (loss(3, "nova", code=None, by="network", reason="", error_type="eof"), ServedEnd("eof")),
        (loss(3, "nova", code=None, by="network", reason="", error_type="reset"), ServedEnd("reset")),
        (loss(3, "nova", code=None, by="heartbeat", reason="", error_type="timeout"), ServedEnd("eof")),
        (loss(3, "nova", code=1000, by="us", reason="stopped"), ServedEnd("close", 1001, "the recording ends here")),
    ],
)
def test_the_end_is_that_of_the_server(tmp_path: Path, ended: Event, end: ServedEnd) -> None:
    served, _ = surveyed(tmp_path, of(FIRST, *opening(1), ended))
    assert served.sessions[0].end == end


def test_replies_wait_for_their_request(tmp_path: Path) -> None:
    events = of(
        FIRST,
        *opening(1),
        message('{"id":1,"method":"get","params":["a"]}', 2, "nova", direction="out"),
        message('{"id":2,"method":"get","params":["b"]}', 2, "nova", direction="out"),
        message('{"id":2,"result":"b"}', 2.5, "nova"),
        message('{"method":"tick"}', 2.6, "nova"),
        message('{"id":1,"result":"a"}', 3, "nova"),
        message('{"id":9,"result":"of no request"}', 3, "nova"),
    )
    served, sent = surveyed(tmp_path, events)
    session = served.sessions[0]
    assert sent == [b'{"method":"tick"}', b'{"id":9,"result":"of no request"}']
    asked: dict[tuple[str, bytes | None], int] = {}

    def delay_s(kind: str, arguments: bytes) -> float | None:
        reply = session.reply(PairedRequest(b"7", kind, arguments), asked)
        return None if reply is None else reply.delay_ns / 1e9

    # By the same parameters; by the method alone, in the order of the replies, and the last one again
    assert [delay_s("get", b'["a"]'), delay_s("get", b'["b"]'), delay_s("put", b"")] == [1.0, 0.5, None]
    assert [delay_s("get", b'["c"]') for _ in range(3)] == [0.5, 1.0, 1.0]


def test_a_session_of_before_is_played_from_where_the_selection_begins(tmp_path: Path) -> None:
    events = of(FIRST, *opening(1), message("a", 2, "nova"), message("b", 3, "nova"), loss(4, "nova"))
    served, sent = surveyed(tmp_path, events, first_id=5)
    assert sent == [b"b"]
    session = served.sessions[0]
    assert session.end_ns - session.start_ns == 1_000_000_000


def test_nothing_to_serve_is_an_error(tmp_path: Path) -> None:
    with closing(Reader(written(tmp_path, of(FIRST, dialled(1, "nova")), "nova"), FixedClock())) as view:
        with pytest.raises(UsageError, match="the recording has no session to serve"):
            served_connections(view, 1, 10)
        with pytest.raises(UsageError, match="no session of orders"):
            served_connections(view, 1, 10, "orders")


def test_subprotocols_that_were_not_negotiated_are_none(tmp_path: Path) -> None:
    opened = usable(1, "nova", meta={})
    served, _ = surveyed(tmp_path, of(FIRST, dialled(0.5, "nova"), opened))
    assert (served.sessions[0].subprotocol, served.sessions[0].is_compressed) == ("", False)
