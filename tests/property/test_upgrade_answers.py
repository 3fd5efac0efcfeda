"""The answer to an upgrade has the same outcome wherever its bytes are cut, and no bytes break the reader."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wsmon.engine.upgrade import (
    BadUpgradeError,
    NotHttpError,
    StrayResponse,
    Upgrade,
    UpgradeReader,
    UpgradeRefusedError,
)

LINE_ENDS = st.sampled_from([b"\r\n", b"\n"])
STATUS_LINES = st.sampled_from(
    [
        b"HTTP/1.1 101 Switching Protocols",
        b"HTTP/1.1 101",
        b"HTTP/1.0 101 x",
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 103 Early Hints",
        b"HTTP/1.1 401 Unauthorized",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 999",
        b"HTTP/1.1 oops",
        b"http/1.1 200 OK",
        b"+OK",
    ]
)
HEADERS = st.lists(
    st.sampled_from(
        [
            b"Upgrade: websocket",
            b"Content-Length: 5",
            b"Content-Length: 20000",
            b"Content-Encoding: gzip",
            b"Transfer-Encoding: chunked",
            b" folded",
            b"no header",
            b"X: \xff\x00",
        ]
    ),
    max_size=4,
)


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """One response head, well-formed or not."""
    lines = [draw(STATUS_LINES), *draw(HEADERS), b""]
    return b"".join(line + draw(LINE_ENDS) for line in lines)


BODIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"5\r\nhello\r\n0\r\n\r\n", b"\x81\x05hello", b"x" * 10_000]),
)
STREAMS = st.one_of(
    st.binary(max_size=100),
    st.builds(lambda parts, body: b"".join(parts) + body, st.lists(heads(), min_size=1, max_size=3), BODIES),
)


def outcome_of(pieces: list[bytes]) -> tuple[object, ...]:
    """What the pieces come to, and the bytes that follow an upgrade."""
    reader = UpgradeReader()
    left = list(pieces)
    outcome: object = None
    while left and outcome is None:
        outcome = reader.feed(left.pop(0))
    outcome = outcome or reader.finish()
    match outcome:
        case Upgrade():
            return outcome.head, outcome.interim, outcome.rest + b"".join(left)
        case UpgradeRefusedError():
            return outcome.head, outcome.body
        case BadUpgradeError():
            return BadUpgradeError, outcome.head
        case NotHttpError():
            return NotHttpError, outcome.first
    return type(outcome), getattr(outcome, "first", b"")


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """The stream in pieces."""
    bounds = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(bounds)]


@given(STREAMS, st.lists(st.integers(0, 20_000), max_size=6))
def test_h2_the_outcome_does_not_depend_on_where_the_bytes_are_cut(stream: bytes, places: list[int]) -> None:
    assert outcome_of(cut(stream, places)) == outcome_of([stream])


@given(heads(), st.binary(max_size=40))
def test_h2_byte_by_byte_is_the_same(head: bytes, body: bytes) -> None:
    stream = head + body
    assert outcome_of([stream[at : at + 1] for at in range(len(stream))]) == outcome_of([stream])


@given(STREAMS, st.lists(st.integers(0, 20_000), max_size=6))
def test_h5_a_stray_response_is_the_same_wherever_it_is_cut(stream: bytes, places: list[int]) -> None:
    def fault_of(pieces: list[bytes]) -> tuple[object, ...]:
        reader = StrayResponse()
        fault = next((fault for piece in pieces if (fault := reader.feed(piece)) is not None), None) or reader.finish()
        return fault.head, fault.body

    assert fault_of(cut(b"HTTP/" + stream, places)) == fault_of([b"HTTP/" + stream])
