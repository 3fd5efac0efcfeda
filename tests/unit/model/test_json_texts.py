"""JSON texts of frames that are not one text by RFC 8259."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.json_texts import MAX_TEXTS, is_sound, json_texts, repairing


@pytest.mark.parametrize(
    ("payload", "texts"),
    [
        (b'{"a":1}\n{"a":2}\r\n', (b'{"a":1}', b'{"a":2}')),
        (b'{"a":1}\0{"a":2}\0', (b'{"a":1}', b'{"a":2}')),
        (b'{"type":6}\x1e{"type":1}\x1e', (b'{"type":6}', b'{"type":1}')),
        (b'{"a":1}{"a":2} {"a":3}', (b'{"a":1}', b'{"a":2}', b'{"a":3}')),
        (b'{\n"a":1\n}\n{\n"a":2\n}', (b'{\n"a":1\n}', b'{\n"a":2\n}')),
        (b'{"a":"}{"}\n[{"a":"\\"]"}]', (b'{"a":"}{"}', b'[{"a":"\\"]"}]')),
        (b'\xef\xbb\xbf{"a":1}', (b'{"a":1}',)),
        (b'{"a":1}\0', (b'{"a":1}',)),
        (b'{"a":NaN,"b":[-Infinity,Infinity]}', (b'{"a":null,"b":[null,null]}',)),
        (b'{"a":"NaN \\" -Infinity","b":NaN}', (b'{"a":"NaN \\" -Infinity","b":null}',)),
        (b'{"a":"\\ud83d"}', (b'{"a":"\\ufffd"}',)),
        (b'{"a":"\\udc00\\ud83dA"}', (b'{"a":"\\ufffd\\ufffdA"}',)),
        (b'{"a":"\\ud83d\\ude00 \\\\ud83d","b":NaN}', (b'{"a":"\\ud83d\\ude00 \\\\ud83d","b":null}',)),
        (b'{"a":NaN}\n{"a":2}', (b'{"a":null}', b'{"a":2}')),
        (b'{"a":1}\n{"a":\n{"a":3}', (b'{"a":1}', b'{"a":', b'{"a":3}')),
        (b"", ()),
        (b"hello", ()),
        (b"NaN", ()),
        (b'{"a":', ()),
        (b'{"a":1} more', ()),
        (b"{nonsense}\n{more}", ()),
        (b"[" * 100_000, ()),
        (b'{"a":"' + b'\\"' * 100_000, ()),
        (b'{"a":NaN' + b'"' * 100_000, ()),
    ],
)
def test_p2_the_texts_of_a_frame_are_found(payload: bytes, texts: tuple[bytes, ...]) -> None:
    assert json_texts(payload) == texts


def test_texts_are_bounded() -> None:
    assert len(json_texts(b"{}" * (2 * MAX_TEXTS))) == MAX_TEXTS + 1


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["NaN", "\ud83d", '"', "}\n{"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
CONTAINERS = st.lists(VALUES, max_size=3) | st.dictionaries(st.text(), VALUES, max_size=3)


@given(st.lists(CONTAINERS, min_size=1, max_size=5), st.sampled_from(["\n", "\r\n", "\0", "\x1e", ""]))
def test_p2_whatever_python_writes_is_found_and_sound(values: list[object], separator: str) -> None:
    texts = json_texts(separator.join(map(json.dumps, values)).encode())
    assert len(texts) == len(values)
    assert all(map(is_sound, texts))


@given(st.binary(max_size=200) | st.text(alphabet='{}[]"\\:,1NaInfityud8\n\0', max_size=60).map(str.encode))
def test_no_payload_makes_it_raise(payload: bytes) -> None:
    json_texts(payload)


def test_a_decoder_that_repairs_raises_what_it_cannot_repair() -> None:
    decode = repairing(msgspec.json.Decoder(dict[str, int | None]).decode)
    assert decode(b'{"a":NaN}') == {"a": None}
    for broken in (b'{"a":', b'{"a":1}\n{"a":2}', b"", b'{"a":"x"}'):
        with pytest.raises(msgspec.DecodeError):
            decode(broken)


@pytest.mark.parametrize("value", [b"NaN", b"-Infinity", b'"\\ud800"'])
def test_a_payload_with_too_many_values_to_repair_stays_unread(value: bytes) -> None:
    payload = b"[" + b",".join([value] * 4_000) + b"]"
    assert len(json_texts(payload)) == 1
    assert json_texts(payload.replace(b"[", b"[" + value + b",", 1)) == ()
