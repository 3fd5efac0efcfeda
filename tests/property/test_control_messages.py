"""Whatever comes over the control socket is a message or an error in a sentence; what is sent is read again."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from wsmon.control.messages import Command, Hello, Message, Reply, Sample, Wake, decode, encode
from wsmon.errors import WsmonError

NUMBERS = st.integers(0, 2**53)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Hello, NUMBERS, st.text(), *(NUMBERS,) * 4, st.text()),
    st.builds(Wake, NUMBERS),
    st.builds(
        Sample, NUMBERS, NUMBERS, st.floats(0, 1e12), NUMBERS, st.booleans(), st.text(), st.text(), st.booleans()
    ),
    st.builds(Command, NUMBERS, st.sampled_from(["reconnect", "disable", "enable", "reload", "stop"]), st.text()),
    st.builds(Reply, NUMBERS, st.booleans(), st.text()),
)
NAMES = st.sampled_from(["type", "ref", "action", "connection", "last_id", "hello", "command", "stop", "reply"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


def read(line: bytes) -> Message | None:
    """The message of a line; None where it is refused with a sentence."""
    try:
        return decode(line)
    except WsmonError:
        return None


@given(MESSAGES)
def test_a_message_is_one_line_and_reads_as_itself(message: Message) -> None:
    line = encode(message)
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
    assert decode(line) == message


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_line_is_a_message_or_refused(line: bytes) -> None:
    message = read(line)
    assert message is None or decode(encode(message)) == message


@given(MESSAGES, st.data())
def test_a_message_that_was_damaged_is_a_message_or_refused(message: Message, data: st.DataObject) -> None:
    line = bytearray(encode(message))
    for place in data.draw(st.lists(st.integers(0, len(line) - 1), min_size=1, max_size=3)):
        line[place] = data.draw(st.integers(0, 255))
    read(bytes(line))
