"""Sequence numbers, keys and times of sending read out of messages, and latency against the fastest message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.events import Json
from wsmon.model.measures import MAX_KEY_CHARS, WINDOW_S, LatencyBaseline, MessageMeasures

AT_NS = 1_768_053_744_250_000_000


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (b'{"data":{"seq":7,"s":"BTC"}}', {"seq": 7, "key": "BTC"}),
        (b'{"data":{"seq":"0042","s":5}}', {"seq": 42, "key": "5"}),
        (b'{"data":{"seq":7.0}}', {"seq": 7, "key": ""}),
        (b'{"data":{"seq":-3,"s":null}}', {"seq": -3, "key": ""}),
        (b'{"data":{"seq":true,"s":"BTC"}}', {}),
        (b'{"data":{"seq":7.5,"s":"BTC"}}', {}),
        (b'{"data":{"seq":"abc"}}', {}),
        (b'{"data":{"seq":99999999999999999999999}}', {}),
        (b'{"data":[7]}', {}),
        (b"\x00\xff", {}),
        (b"", {}),
    ],
)
def test_sequence_numbers_are_whole_and_keys_are_text(document: bytes, found: dict[str, Json]) -> None:
    assert MessageMeasures("$.data.seq", "$.data.s").read(document, AT_NS) == found


def test_without_a_path_to_a_key_there_is_one_sequence() -> None:
    assert MessageMeasures("$.seq").read(b'{"seq":7,"key":"BTC"}', AT_NS) == {"seq": 7}


def test_keys_are_cut() -> None:
    found = MessageMeasures("$[0]", "$[1]").read(b'[1,"%s"]' % (b"k" * 1_000), AT_NS)
    assert found == {"seq": 1, "key": "k" * MAX_KEY_CHARS}


@pytest.mark.parametrize(
    ("unit", "sent"),
    [("s", "1768053744.2"), ("ms", "1768053744200"), ("us", "1768053744200000"), ("ms", '"1768053744200"')],
)
def test_latency_is_counted_from_the_senders_time(unit: str, sent: str) -> None:
    found = MessageMeasures(latency="$.T", unit=unit).read(b'{"T":%s}' % sent.encode(), AT_NS)
    assert found == {"latency_ms": pytest.approx(50, abs=0.01)}


@pytest.mark.parametrize("sent", [b"null", b'"now"', b"true", b'"nan"', b'"inf"', b"1e999", b"[]"])
def test_what_is_no_time_has_no_latency(sent: bytes) -> None:
    assert MessageMeasures(latency="$.T").read(b'{"T":%s}' % sent, AT_NS) == {}


def test_it_says_whether_anything_is_asked_for() -> None:
    assert [bool(MessageMeasures()), bool(MessageMeasures("$.seq")), bool(MessageMeasures(latency="$.T"))] == [
        False,
        True,
        True,
    ]


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.floats() | st.integers() | st.text(), st.lists).map(repr).map(str.encode)
)
def test_no_message_makes_it_raise(document: bytes) -> None:
    MessageMeasures("$", "$[0]", "$", "ns").read(document, AT_NS)


@pytest.mark.parametrize("offset_ns", [0, -3_600_000_000_000, 250_000_000])
def test_the_offset_of_the_clocks_does_not_matter(offset_ns: int) -> None:
    fastest = LatencyBaseline()
    took_ns = [30, 20, 45, 10, 10, 70]
    found = [fastest.excess_ns(offset_ns + each, at_s) for at_s, each in enumerate(took_ns)]
    assert found == [0, 0, 25, 0, 0, 60]


def test_the_fastest_message_is_forgotten_after_some_minutes_so_that_drift_does_not_add_up() -> None:
    fastest = LatencyBaseline()
    fastest.excess_ns(100, 0)
    assert fastest.excess_ns(150, WINDOW_S - 10) == 50
    assert fastest.excess_ns(160, WINDOW_S) == 10


def test_memory_is_bounded_by_the_window() -> None:
    fastest = LatencyBaseline()
    assert all(fastest.excess_ns(at_s, at_s) <= WINDOW_S for at_s in range(10_000))
    assert len(fastest._least) <= WINDOW_S // 10 + 1
