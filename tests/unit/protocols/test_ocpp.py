"""OCPP-J: calls of both sides with their answers; tokens and passwords masked."""

from __future__ import annotations

import json

import pytest

from wsmon.model.events import Direction
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import UNREAD, Decoded, MessageSample
from wsmon.protocols.calls import WAIT_S, CallState
from wsmon.protocols.jsonrpc_messages import MAX_BYTES
from wsmon.protocols.ocpp import PROTOCOL, decode, mask

SECRET = "cAnArY-x7Q9zz"


def read(state: CallState, direction: Direction, *items: object) -> Decoded:
    """The message, decoded."""
    return decode(direction, "text", json.dumps(items).encode(), state)


def told(decoded: Decoded) -> list[tuple[str, str, str]]:
    """What happened: name, status, error."""
    return [(happening.name, str(happening.status or ""), happening.error) for happening in decoded.happenings]


def test_a_call_is_answered_by_its_id_with_a_result_or_an_error() -> None:
    state = CallState()
    asked = read(state, "out", 2, "19", "StatusNotification", {"connectorId": 1})
    assert (asked.type, asked.ref, told(asked)) == ("StatusNotification", "19", [("message.process.started", "", "")])
    done = read(state, "in", 3, "19", {})
    assert (done.type, told(done)) == ("StatusNotification", [("message.process.completed", "ok", "")])
    read(state, "out", 2, "21", "Nope", {})
    refused = read(state, "in", 4, "21", "NotSupported", "Requested Action is not known", {"cause": "x"})
    assert (refused.type, [each.error_type for each in refused.happenings]) == ("Nope", ["NotSupported"] * 2)
    assert told(refused)[0] == ("message.process.completed", "error", "Requested Action is not known")


def test_both_sides_may_use_one_id_at_a_time() -> None:
    state = CallState()
    read(state, "out", 2, "1", "DataTransfer", {"vendorId": "v"})
    assert read(state, "in", 2, "1", "Reset", {"type": "Soft"}).happenings[0].name == "message.process.started"
    assert told(read(state, "out", 2, "1", "Twice", {})) == [("error.occurred", "", "id 1 is already in flight")]
    assert read(state, "in", 3, "1", {"status": "Accepted"}).type == "DataTransfer"
    answered = read(state, "out", 3, "1", {"status": "Accepted"})
    assert (answered.type, answered.happenings[0].meta) == ("Reset", {"status": "Accepted"})
    assert len(state.calls) == 0


def test_a_heartbeat_is_one_and_late_where_it_is_not_answered() -> None:
    state = CallState()
    assert told(read(state, "out", 2, "1", "Heartbeat", {})) == [("heartbeat.sent", "", "")]
    assert told(read(state, "in", 3, "1", {"currentTime": "2026-01-01T00:00:00Z"})) == [
        ("heartbeat.responded", "ok", "")
    ]
    read(state, "out", 2, "2", "Heartbeat", {})
    assert [each.name for each in state.overdue(int(WAIT_S) * SECOND_NS)] == ["heartbeat.timeout"]


@pytest.mark.parametrize(
    ("status", "happenings"),
    [
        ("Accepted", [("message.process.completed", "ok", "")]),
        ("Pending", [("message.process.completed", "ok", "")]),
        (
            "Rejected",
            [
                (
                    "message.process.completed",
                    "error",
                    "the management system rejected the charging station; next try in 90 s",
                ),
                ("error.occurred", "", "the management system rejected the charging station; next try in 90 s"),
            ],
        ),
    ],
)
def test_a_boot_is_accepted_pending_or_rejected(status: str, happenings: list[tuple[str, str, str]]) -> None:
    state = CallState()
    read(state, "out", 2, "1", "BootNotification", {"reason": "PowerUp"})
    decoded = read(state, "in", 3, "1", {"status": status, "interval": 90, "currentTime": "x"})
    assert told(decoded) == happenings
    assert decoded.happenings[0].meta == {"status": status}


def test_what_2_1_adds_is_read() -> None:
    state = CallState()
    assert read(state, "out", 6, "7", "NotifyPeriodicEventStream", {}) == Decoded("NotifyPeriodicEventStream", "", "7")
    failed = read(state, "out", 5, "1", "FormatViolation", "no status", {})
    assert (failed.type, told(failed)) == ("CALLRESULTERROR", [("error.occurred", "", "no status")])


def test_answers_to_nothing_are_said() -> None:
    state = CallState()
    assert [each.error_type for each in read(state, "in", 3, "x", {}).happenings] == ["unmatched"]
    assert [each.error_type for each in read(state, "in", 4, "x", "InternalError", "", {}).happenings] == [
        "unmatched",
        "InternalError",
    ]


@pytest.mark.parametrize(
    "items",
    [
        (2, "1", "Authorize", {"idTag": SECRET}),
        (2, "1", "Authorize", {"idToken": {"idToken": SECRET, "type": "KeyCode"}}),
        (3, "1", {"idTagInfo": {"status": "Accepted", "parentIdTag": SECRET}}),
        (2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}),
        (3, "1", {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": SECRET}]}),
        (
            2,
            "1",
            "SetVariables",
            {
                "setVariableData": [
                    {"component": {"name": "A"}, "variable": {"name": "HeartbeatInterval"}, "attributeValue": "60"},
                    {"attributeValue": SECRET, "component": {"name": "A"}, "variable": {"name": "BasicAuthPassword"}},
                ]
            },
        ),
        (
            3,
            "1",
            {"getVariableResult": [{"variable": {"name": "BasicAuthPassword"}, "attributeValue": SECRET, "x": SECRET}]},
        ),
    ],
)
def test_tokens_and_passwords_are_masked_and_nothing_else(items: tuple[object, ...]) -> None:
    payload = json.dumps(items).encode()
    masked, is_masked = mask("text", payload)
    assert (is_masked, SECRET.encode() in masked) == (True, False)
    assert masked.count(b"[FILTERED]") == payload.count(SECRET.encode())
    assert json.loads(masked)[:2] == list(items[:2])
    for kept in (b"Accepted", b"HeartbeatInterval", b"60"):
        assert (kept in masked) == (kept in payload)


def test_of_equal_settings_each_is_masked_and_of_a_long_message_every_value() -> None:
    setting = {"variable": {"name": "Password"}, "attributeValue": SECRET}
    masked, _ = mask("text", json.dumps((2, "1", "SetVariables", {"setVariableData": [setting] * 2})).encode())
    assert (masked.count(b"[FILTERED]"), SECRET.encode() in masked) == (2, False)
    # Past the budget of redaction the rest is masked as a whole
    masked, _ = mask("text", json.dumps((2, "1", "SetVariables", {"setVariableData": [setting] * 1_000})).encode())
    assert SECRET.encode() not in masked
    assert decode("in", "text", b" " * (MAX_BYTES + 1), CallState()).error_type == "too_large"


def test_no_error_repeats_a_token() -> None:
    state = CallState()
    read(state, "out", 2, "1", "StartTransaction", {"idTag": SECRET})
    refused = read(state, "in", 4, "1", "InternalError", f"tag {SECRET} is locked", {})
    assert refused.happenings[0].error == "tag [FILTERED] is locked"


@pytest.mark.parametrize(
    "payload", [b"{}", b"[]", b"[9]", b'[2,"1"]', b'[22,"1","A",{}]', b'["2","1","A",{}]', b'[3,"1"]', b"[2,", b"2"]
)
def test_what_is_no_message_of_it_is_said(payload: bytes) -> None:
    state = CallState()
    assert decode("in", "text", payload, state).error_type in ("ocpp", "json")
    assert (decode("in", "ping", payload, state), mask("ping", payload)) == (UNREAD, (payload, False))


def test_an_array_alone_does_not_show_it() -> None:
    assert PROTOCOL.recognise(MessageSample("in", "text", b'[2,"1","Heartbeat",{}]')) == ""
