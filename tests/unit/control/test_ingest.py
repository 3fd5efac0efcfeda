"""Messages of applications: what tells them from viewers, and what they are answered."""

from __future__ import annotations

import pytest

from wsmon.control.ingest import Ack, IngestAnswer, LineFault, decode_answer, encode_ingest, is_from_application
from wsmon.control.messages import Hello, encode
from wsmon.errors import WsmonError


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"name": "x", "type": "hello"}', True),
        (b'{"name": null}', True),
        (b'{"ingest": {}}', True),
        (encode(Hello(1, "0.1.0", 10, 3, 2, 10)), False),
        (b'{"colour": 1}', False),
        (b"", False),
        (b"GET / HTTP/1.1", False),
        (b"[" * 100_000, False),
    ],
)
def test_an_application_begins_with_an_event_or_a_greeting(line: bytes, expected: bool) -> None:
    assert is_from_application(line) == expected


@pytest.mark.parametrize(
    ("message", "line", "answer"),
    [
        (Ack(7), b'{"acked":7}\n', IngestAnswer(acked=7)),
        (LineFault(3, "no"), b'{"line":3,"error":"no"}\n', IngestAnswer(line=3, error="no")),
        (LineFault(3, "no", 9), b'{"line":3,"error":"no","seq":9}\n', IngestAnswer(line=3, error="no", seq=9)),
    ],
)
def test_an_answer_is_one_line(message: Ack | LineFault, line: bytes, answer: IngestAnswer) -> None:
    assert encode_ingest(message) == line
    assert decode_answer(line) == answer


def test_the_hello_of_a_recorder_is_an_answer_too() -> None:
    assert decode_answer(encode(Hello(1, "0.1.0", 10, 3, 2, 10))) == IngestAnswer(type="hello")
    with pytest.raises(WsmonError, match="not a recorder response"):
        decode_answer(b"HTTP/1.1 400 Bad Request")
