"""OCPP-J 1.6 to 2.1: calls of a charging station and of its management system, each with its result or error.

Ids count for each direction by themselves. Identification tokens (``idTag``, ``idToken``) authorise whoever shows them,
so that they are masked like passwords.
Sources: OCPP 1.6-J section 4, OCPP 2.1 part 4 section 4; the messages of their part 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from wsmon.model.events import Direction, Opcode
from wsmon.model.json_texts import repairing
from wsmon.model.redact.masking import ByteRange, mask_ranges
from wsmon.model.redact.names import is_credential_key
from wsmon.model.redact.redactor import Redactor
from wsmon.protocols.base import UNDECODABLE, UNREAD, Decoded, Happening, Protocol, cut, text_of, unreadable
from wsmon.protocols.calls import Call, CallState, completed, duplicate, failed, unmatched
from wsmon.protocols.jsonrpc_messages import MAX_BYTES, NOTHING, id_key, id_ref, too_large

_CALL, _RESULT, _ERROR, _RESULT_ERROR, _SEND = 2, 3, 4, 5, 6
_NAMES: Mapping[int, str] = MappingProxyType(
    {_CALL: "CALL", _RESULT: "CALLRESULT", _ERROR: "CALLERROR", _RESULT_ERROR: "CALLRESULTERROR", _SEND: "SEND"}
)
_HEARTBEAT, _BOOT = "Heartbeat", "BootNotification"
# A longer wait for the next BootNotification is not believed
_YEAR_S = 366 * 86_400


class _Answer(msgspec.Struct, gc=False):
    status: Any = None
    interval: Any = None


class _Items(msgspec.Struct, array_like=True, gc=False):
    """The items of a message; what follows them means nothing."""

    kind: msgspec.Raw
    id: msgspec.Raw
    third: msgspec.Raw
    fourth: msgspec.Raw = NOTHING


_decode_items = repairing(msgspec.json.Decoder(_Items).decode)
_decode_answer = msgspec.json.Decoder(_Answer).decode


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: CallState) -> Decoded:
    """Decode one whole message."""
    if opcode not in ("text", "binary") or not direction:
        return UNREAD
    if len(payload) > MAX_BYTES:
        return too_large(len(payload))
    try:
        kind, items = _read_items(payload)
        ref = id_ref(items.id)
        if kind in (_CALL, _SEND):
            return _read_call(direction, payload, items, ref, state)
        return _read_answer(kind, direction, items, ref, state)
    except UNDECODABLE as error:
        return unreadable(error, "ocpp")


def _read_items(payload: bytes) -> tuple[int, _Items]:
    items = _decode_items(payload)
    number = bytes(items.kind)
    kind = int(number) if number.isdigit() and len(number) == 1 else 0
    if kind not in _NAMES or (kind != _RESULT and not items.fourth):
        raise msgspec.ValidationError("an array that is no message of OCPP-J")
    return kind, items


def _read_call(direction: Direction, payload: bytes, items: _Items, ref: str, state: CallState) -> Decoded:
    action = id_ref(items.third)
    # Nothing answers a SEND
    if bytes(items.kind) == b"6":
        return Decoded(action, "", ref)
    # Each direction has ids of its own
    key = f"{direction} {id_key(items.id)}"
    if key in state.calls:
        return Decoded(action, "", ref, happenings=(duplicate("request", action, ref),))
    if len(payload) <= _LONG_BYTES and mask("text", payload)[1]:
        state.credentials.remember(msgspec.json.decode(items.fourth), is_auth=True)
    call = Call(
        "heartbeat" if action == _HEARTBEAT else "request",
        key, state.now_ns, action, ref, by_peer=direction == "in",
    )  # fmt: skip
    return Decoded(action, "", ref, happenings=state.calls.begin(call))


def _read_answer(kind: int, direction: Direction, items: _Items, ref: str, state: CallState) -> Decoded:
    name = _NAMES[kind]
    # The caller itself answers a result that it cannot read, with an error that has the id of its call
    if kind == _RESULT_ERROR:
        error_type, error = _fault(items, state)
        return Decoded(name, "", ref, happenings=(_occurred(name, ref, error_type, error),))
    key = f"{'in' if direction == 'out' else 'out'} {id_key(items.id)}"
    call = state.calls.end(key)
    if kind == _ERROR:
        error_type, error = _fault(items, state)
        if call is not None:
            return Decoded(call.type, "", ref, happenings=failed(call, error_type, error))
        happenings = (unmatched("request", key, name, ref=ref), _occurred(name, ref, error_type, error))
        return Decoded(name, "", ref, happenings=happenings)
    if call is None:
        return Decoded(name, "", ref, happenings=(unmatched("request", key, name, ref=ref),))
    answer = _decode_answer(items.third)
    status = cut(text_of(answer.status))
    meta = {"status": status} if status else None
    if call.type == _BOOT and status == "Rejected":
        wait_s = answer.interval
        again = f"; next try in {wait_s} s" if isinstance(wait_s, int) and 0 < wait_s < _YEAR_S else ""
        rejection = failed(call, "rejected", f"the management system rejected the charging station{again}", meta)
        return Decoded(call.type, "", ref, happenings=rejection)
    return Decoded(call.type, "", ref, happenings=completed(call, meta))


def _fault(items: _Items, state: CallState) -> tuple[str, str]:
    """Return code and text of an error."""
    code = state.credentials.mask(id_ref(items.third)) or "error"
    text = msgspec.json.decode(items.fourth)
    return cut(code), state.credentials.mask(text if isinstance(text, str) and text else code)


def _occurred(type_: str, ref: str, error_type: str, error: str) -> Happening:
    return Happening("error.occurred", type=type_, ref=ref, error_type=error_type, error=error)


# Identification tokens, and what is a credential in any protocol; what is known about a token is none
_REDACTOR = Redactor(keys=("idTag", "parentIdTag"), allow=("idTagInfo",))
# Messages of stations have some kilobytes. In a longer one every value of a variable is masked, without a look at names
_LONG_BYTES = 32 * 1024
_ATTRIBUTE_VALUE = re.compile(rb'"attributeValue"\s*+:\s*+"((?:[^"\\]|\\.)*+)', re.DOTALL)
# Names of lists of variables, whose names stand in an object of their own
_VARIABLES = ("setVariableData", "getVariableResult")


class _Variable(msgspec.Struct, gc=False):
    name: Any = None


class _VariableData(msgspec.Struct, gc=False):
    variable: _Variable = msgspec.field(default_factory=_Variable)
    attributeValue: msgspec.Raw = msgspec.Raw()  # noqa: N815 - the name in the message


_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_variable = msgspec.json.Decoder(_VariableData).decode


def _secret_variables(payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the settings of 2.x in a message that hold a credential, such as BasicAuthPassword, and their values."""
    try:
        items = _decode_items(payload)
        # A call has its content in the fourth place, a result in the third
        content = next((raw for raw in (items.fourth, items.third) if bytes(raw)[:1] == b"{"), b"{}")
        members = _decode_members(content)
        for data in (data for name in _VARIABLES if name in members for data in _decode_list(members[name])):
            setting = _decode_variable(data)
            name, value = setting.variable.name, bytes(setting.attributeValue)
            if isinstance(name, str) and is_credential_key(name) and value[:1] == b'"' and len(value) > 2:
                yield bytes(data), value
    except UNDECODABLE:
        # What comes before is masked; the rest is no message that a station reads
        return


def _variable_ranges(payload: bytes) -> Iterator[ByteRange]:
    if len(payload) > _LONG_BYTES:
        yield from (ByteRange(*found.span(1)) for found in _ATTRIBUTE_VALUE.finditer(payload) if found[1])
        return
    place = 0
    for data, value in _secret_variables(payload):
        begin = payload.find(data, place)
        # A text that was repaired to be read stands there in another form
        if begin < 0:
            continue
        place = begin + len(data)
        start = payload.find(value, begin, place)
        while start >= 0:
            # Without the quotes
            yield ByteRange(start + 1, start + len(value) - 1)
            start = payload.find(value, start + len(value), place)


def mask(opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    """Return the message with identification tokens and passwords masked, and whether there were any."""
    if opcode not in ("text", "binary"):
        return payload, False
    masked = mask_ranges(payload, _variable_ranges(payload)) if b"ariable" in payload else payload
    masked, _ = _REDACTOR.payload(masked)
    return masked, masked != payload


PROTOCOL = Protocol(
    "ocpp",
    CallState,
    decode,
    subprotocols=("ocpp1.6", "ocpp2.0", "ocpp2.0.1", "ocpp2.1"),
    offered_subprotocols=("ocpp2.1", "ocpp2.0.1", "ocpp1.6"),
    new_masks=lambda _state: {"in": mask, "out": mask},
)
