"""Sequence numbers, keys and times of sending read out of messages, and latency against the fastest message."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.events import Json
from wsmon.model.measures import (
    MAX_KEY_CHARS,
    WINDOW_S,
    LatencyBaseline,
    MeasuredText,
    MessageMeasures,
    sequence_numbers,
)

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
        (b'{"data":{"seq":99999999999999999999999}}', {"seq": 99999999999999999999999, "key": ""}),
        (b'{"data":{"seq":9223372036854775809}}', {"seq": 2**63 + 1, "key": ""}),
        (b'{"data":{"seq":"10000000000000000049"}}', {"seq": 10**19 + 49, "key": ""}),
        (b'{"data":{"seq":' + b"1" * 41 + b"}}", {}),
        # A floating-point number that stands for several whole ones
        (b'{"data":{"seq":1e19}}', {}),
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
@pytest.mark.parametrize("unit", ["auto", "ms", "iso"])
def test_what_is_no_time_has_no_latency(sent: bytes, unit: str) -> None:
    assert MessageMeasures(latency="$.T", unit=unit).read(b'{"T":%s}' % sent, AT_NS) == {}


@pytest.mark.parametrize(
    "sent",
    [
        "1768053744.2", '"1768053744.2"', "1768053744200", '"1768053744200"', "1768053744200000", "1768053744200000000",
        '"2026-01-10T14:02:24.2Z"', '"2026-01-10T14:02:24.200000000Z"', '"2026-01-10t14:02:24.2z"',
        '"2026-01-10 14:02:24.2"', '"2026-01-10T15:02:24.2+01:00"', '"20260110T140224.2Z"',
    ],
)  # fmt: skip
def test_p3_the_unit_of_a_time_is_guessed_by_its_size_or_form(sent: str) -> None:
    found = MessageMeasures(latency="$.T").read(b'{"T":%s}' % sent.encode(), AT_NS)
    assert found == {"latency_ms": pytest.approx(50, abs=0.01)}


@pytest.mark.parametrize("sent", [b"42", b"-1768053744", b"946684799", b"1e30", b'"2026-01-10"', b'"14:02:24"'])
def test_what_is_no_time_of_this_century_is_not_guessed(sent: bytes) -> None:
    assert MessageMeasures(latency="$.T").read(b'{"T":%s}' % sent, AT_NS) == {}


def test_a_time_that_cannot_be_read_is_reported_once_a_session() -> None:
    measures = MessageMeasures(latency="$.T")
    measures.read(b'{"T":null}', AT_NS)
    measures.read(b"{}", AT_NS)
    assert measures.problem == ""
    measures.read(b'{"T":"now"}', AT_NS)
    assert measures.problem.startswith("'now' at $.T is not a send time (latency.unit = auto); ")
    measures.problem = ""
    measures.read(b'{"T":"later"}', AT_NS)
    assert measures.problem == ""


Found = tuple[str, int | None, int | None, str]


def numbers(measures: MessageMeasures, document: bytes, **about: Any) -> list[Found]:
    """Return key, last, first and mark of the sequence numbers in a message, as they come back out of its ``meta``."""
    meta = measures.read(document, AT_NS, **about)
    return [(each.key, each.last, each.first, each.mark) for each in sequence_numbers(meta)]


def test_p2_each_text_of_a_frame_has_its_number() -> None:
    measures = MessageMeasures("$.seq", "$.s")
    frame = b'{"seq":1,"s":"A"}\n{"seq":7,"s":"B"}\n{"other":1}'
    assert numbers(measures, frame) == [("A", 1, None, ""), ("B", 7, None, "")]
    assert measures.read(frame, AT_NS)["seq"] == 7
    assert numbers(measures, b'[{"seq":2,"s":"A"},{"seq":3,"s":"A"}]') == [("A", 2, None, ""), ("A", 3, None, "")]
    texts = [MeasuredText(b'{"seq":4,"s":"A"}'), MeasuredText(b'{"seq":4,"s":"A"}', is_heartbeat=True)]
    assert numbers(measures, b"...", texts=texts) == [("A", 4, None, ""), ("A", 4, None, "heartbeat")]


@pytest.mark.parametrize(
    "document",
    [b'{"seq":5,"p":NaN}', b'{"seq":5,"p":"\\ud83d"}', b'\xef\xbb\xbf{"seq":5}', b'{"seq":5}\0', b'{"seq":5}\n'],
)
def test_p2_a_text_that_json_does_not_allow_has_its_number(document: bytes) -> None:
    assert numbers(MessageMeasures("$.seq"), document) == [("", 5, None, "")]


def test_p2_a_text_that_cannot_be_read_is_marked() -> None:
    measures = MessageMeasures("$.seq")
    assert numbers(measures, b'{"seq":5,"p":') == [("", 1, None, "unread")]
    assert numbers(measures, b'{"seq":4}\n{"seq":\n{"seq":6}') == [
        ("", 4, None, ""), ("", 6, None, ""), ("", 1, None, "unread"),
    ]  # fmt: skip
    assert numbers(measures, b"ping") == numbers(measures, b"\x00\xff") == numbers(measures, b'{"p":1}') == []


def test_p3_only_messages_of_the_types_count() -> None:
    measures = MessageMeasures("$.seq", types=["update", "book"], restart=["snapshot"])
    document = b'{"seq":5}'
    assert numbers(measures, document, type_="update") == [("", 5, None, "")]
    assert numbers(measures, document, type_="other", topic="book") == [("", 5, None, "")]
    assert numbers(measures, document, type_="heartbeat", is_heartbeat=True) == []
    assert numbers(measures, document, type_="snapshot") == [("", 5, None, "restart")]
    assert numbers(measures, b"{}", type_="snapshot") == [("", None, None, "restart")]
    assert measures.read(b"{}", AT_NS, "snapshot") == {"seq_is": "restart"}


def test_p3_a_heartbeat_is_marked() -> None:
    measures = MessageMeasures("$.seq")
    assert numbers(measures, b'{"seq":5}', is_heartbeat=True) == [("", 5, None, "heartbeat")]


@pytest.mark.parametrize("path", ["$.u", "$.U", "$.U..$.u"])
def test_p3_a_message_may_cover_a_range(path: str) -> None:
    assert numbers(MessageMeasures(path), b'{"U":11,"u":20}') == [("", 20, 11, "")]


def test_p3_a_range_may_be_a_list_or_name_the_number_before_it() -> None:
    assert numbers(MessageMeasures("$.seq"), b'{"seq":[11,20]}') == [("", 20, 11, "")]
    assert numbers(MessageMeasures("$.d.u"), b'{"d":{"U":15,"u":20,"pu":10}}') == [("", 20, 11, "")]
    chained = MessageMeasures("$.data[0].seqId")
    assert numbers(chained, b'{"data":[{"seqId":20,"prevSeqId":10}]}') == [("", 20, 11, "")]
    assert numbers(chained, b'{"data":[{"seqId":20,"prevSeqId":20}]}') == [("", 20, 21, "heartbeat")]
    assert numbers(chained, b'{"data":[{"seqId":20,"prevSeqId":-1}]}') == [("", 20, None, "restart")]
    assert numbers(MessageMeasures("$.change_id"), b'{"change_id":5}') == [("", 5, None, "restart")]


@pytest.mark.parametrize(
    "meta", [{}, {"seq": "7"}, {"seq": None}, {"seqs": 7}, {"seqs": [7, [], ["a"]]}, {"seq": 7, "seq_is": "odd"}]
)
def test_meta_of_other_shapes_has_no_numbers(meta: dict[str, Json]) -> None:
    assert sequence_numbers(meta) == ()


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


@pytest.mark.parametrize(
    "document",
    [
        b'{"seq":7,"s":"BTC","T":1768053744200}',
        b'{"seq":"7","s":5,"T":"1768053744200"}',
        b'{"seq":7.0,"T":null}',
        b'{"seq":true,"s":"BTC"}',
        b'{"s":"BTC","T":1768053744.2}',
        b'{"seq":7,"s":"BTC","T":NaN}',
        b'{"seq":7}\n{"seq":8}',
        b'[{"seq":7}]',
        b"[1]",
        b"{",
        b"",
    ],
)
@pytest.mark.parametrize("type_", ["", "tick", "snapshot", "other"])
@pytest.mark.parametrize("is_heartbeat", [False, True])
def test_members_read_at_once_are_those_read_one_by_one(document: bytes, type_: str, is_heartbeat: bool) -> None:
    for types, restart in (((), ()), (("tick",), ()), (("tick",), ("snapshot",))):
        at_once = MessageMeasures("$.seq", "$.s", "$.T", types=types, restart=restart)
        # With a path of two steps, each value is read by itself
        one_by_one = MessageMeasures("$.seq", "$.s", '$."T"[-9]', types=types, restart=restart)
        found = at_once.read(document, AT_NS, type_, is_heartbeat=is_heartbeat)
        found.pop("latency_ms", None)
        assert found == one_by_one.read(document, AT_NS, type_, is_heartbeat=is_heartbeat)
