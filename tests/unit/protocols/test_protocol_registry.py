"""The table of protocols: whole, of one shape, and what those that may speak say when."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from wsmon.config.specs import ProtocolName
from wsmon.model.redact.masking import Sensitive
from wsmon.protocols.base import ClientOptions, Decoded, Happening
from wsmon.protocols.registry import ADAPTERS

OPTIONS = ClientOptions(
    (Sensitive("trades.BTC"),), {"client_id": Sensitive("me"), "client_secret": Sensitive("hush", "***")}, answers=True
)
SILENT = ("stomp", "nexus")


def methods(messages: tuple[str | bytes, ...]) -> list[str]:
    """The methods of JSON-RPC requests."""
    return [json.loads(message)["method"] for message in messages]


def test_every_protocol_that_can_be_configured_is_there() -> None:
    assert set(ADAPTERS) == set(get_args(ProtocolName)) - {"auto"}


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_new_session_has_nothing_due(name: ProtocolName) -> None:
    adapter = ADAPTERS[name]
    state = adapter.new_state()
    state.at(0)
    assert (state.overdue(2**62), adapter.due(2**62, ClientOptions(), state)) == ((), ())
    assert isinstance(adapter.decode("in", "text", b"", state), Decoded)


@pytest.mark.parametrize("name", SILENT)
def test_some_protocols_never_speak(name: ProtocolName) -> None:
    adapter = ADAPTERS[name]
    state = adapter.new_state()
    assert adapter.opening(OPTIONS, state) == ()
    assert adapter.answer(Decoded("ping"), OPTIONS, state) == ()


def test_stomp_and_mqtt_mask_what_they_alone_can_find() -> None:
    assert {name for name, adapter in ADAPTERS.items() if adapter.new_mask} == {"stomp", "mqtt"}
    new_mask = ADAPTERS["stomp"].new_mask
    assert new_mask is not None
    assert new_mask()("text", b"CONNECT\npasscode:hush\n\n\0") == (b"CONNECT\npasscode:[FILTERED]\n\n\0", True)


def test_nexus_alone_carries_over_what_it_took() -> None:
    assert {name for name, adapter in ADAPTERS.items() if adapter.next_state} == {"nexus"}
    adapter = ADAPTERS["nexus"]
    state = adapter.new_state()
    adapter.decode("in", "text", b'{"id":7,"traceId":"a","kind":"log","message":"m"}', state)
    assert adapter.next_state is not None
    assert adapter.next_state(state).last_id == 7


def test_deribit_authenticates_before_it_subscribes() -> None:
    adapter = ADAPTERS["deribit"]
    state = adapter.new_state()
    (auth,) = adapter.opening(OPTIONS, state)
    assert methods((auth,)) == ["public/auth"]
    adapter.decode("out", "text", str(auth).encode(), state)
    grant = {"access_token": "a", "refresh_token": "r", "expires_in": 100, "token_type": "bearer"}
    reply = json.dumps({"jsonrpc": "2.0", "id": json.loads(auth)["id"], "result": grant}).encode()
    assert methods(adapter.answer(adapter.decode("in", "text", reply, state), OPTIONS, state)) == ["private/subscribe"]
    assert methods(adapter.due(81 * 10**9, OPTIONS, state)) == ["public/auth"]


def test_deribit_subscribes_to_public_channels_where_it_may_not_authenticate() -> None:
    adapter = ADAPTERS["deribit"]
    state = adapter.new_state()
    assert methods(adapter.opening(ClientOptions(OPTIONS.topics), state)) == ["public/subscribe"]
    (auth,) = adapter.opening(OPTIONS, state)
    adapter.decode("out", "text", str(auth).encode(), state)
    refusal = {"jsonrpc": "2.0", "id": json.loads(auth)["id"], "error": {"code": 13004, "message": "no"}}
    decoded = adapter.decode("in", "text", json.dumps(refusal).encode(), state)
    assert methods(adapter.answer(decoded, OPTIONS, state)) == ["public/subscribe"]


def test_deribit_answers_a_test_request() -> None:
    adapter = ADAPTERS["deribit"]
    state = adapter.new_state()
    asked = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'
    assert methods(adapter.answer(adapter.decode("in", "text", asked, state), OPTIONS, state)) == ["public/test"]


def test_json_says_what_the_configuration_spells_out() -> None:
    adapter = ADAPTERS["json"]
    state = adapter.new_state()
    login = '{"op":"login"}'
    assert adapter.opening(ClientOptions(auth={"send": Sensitive(login)}, answers=True), state) == (login,)
    assert adapter.answer(adapter.decode("in", "text", b'{"type":"ping"}', state), OPTIONS, state) != ()
    assert adapter.answer(adapter.decode("in", "text", b'{"type":"tick"}', state), OPTIONS, state) == ()


@pytest.mark.parametrize(
    ("name", "topic", "message"),
    [
        ("raw", "any text", "any text"),
        ("json", "trades", '{"type":"subscribe","channel":"trades"}'),
        ("json", '{"op":"subscribe","args":["a"]}', '{"op":"subscribe","args":["a"]}'),
        ("jsonrpc", "newHeads", '{"jsonrpc":"2.0","id":ID,"method":"eth_subscribe","params":["newHeads"]}'),
        ("jsonrpc", '["logs",{"a":1}]', '{"jsonrpc":"2.0","id":ID,"method":"eth_subscribe","params":["logs",{"a":1}]}'),
        ("jsonrpc", "[odd", '{"jsonrpc":"2.0","id":ID,"method":"eth_subscribe","params":["[odd"]}'),
        ("jsonrpc", '{"id":5,"method":"sub"}', '{"id":5,"method":"sub"}'),
        ("deribit", "a.raw", '{"jsonrpc":"2.0","id":ID,"method":"public/subscribe","params":{"channels":["a.raw"]}}'),
        ("phoenix", "room:a", '["wsmon-1","wsmon-1","room:a","phx_join",{}]'),
        ("graphql-ws", "subscription { a }", '{"type":"connection_init"}'),
    ],
)
def test_a_topic_is_asked_for_as_the_protocol_does(name: ProtocolName, topic: str, message: str) -> None:
    adapter = ADAPTERS[name]
    state = adapter.new_state()
    (said,) = adapter.opening(ClientOptions((Sensitive(topic),)), state)
    own_id = str(json.loads(said)["id"]) if "ID" in message else ""
    assert said == message.replace("ID", own_id)


@pytest.mark.parametrize("name", ["raw", "json", "jsonrpc"])
def test_topics_wait_for_an_authentication_whose_end_can_be_told(name: ProtocolName) -> None:
    adapter = ADAPTERS[name]
    state = adapter.new_state()
    auth = {"send": Sensitive('{"op":"auth"}'), "success": Sensitive("welcome")}
    options = ClientOptions((Sensitive('{"op":"subscribe"}'),), auth, answers=True)
    granted = Decoded(happenings=(Happening("auth.completed", "auth", "end", status="ok"),))
    assert adapter.opening(options, state) == ('{"op":"auth"}',)
    assert adapter.answer(Decoded("other"), options, state) == ()
    assert adapter.answer(granted, options, state) == ('{"op":"subscribe"}',)


@pytest.mark.parametrize("name", ADAPTERS)
def test_without_leave_to_answer_heartbeats_stay_unanswered(name: ProtocolName) -> None:
    adapter = ADAPTERS[name]
    state = adapter.new_state()
    for ping in (b'{"type":"ping"}', b"2", b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'):
        decoded = adapter.decode("in", "text", ping, state)
        assert adapter.answer(decoded, ClientOptions((Sensitive("/a"),)), state) == ()
    assert adapter.due(2**62, ClientOptions((Sensitive("/a"),)), state) == ()


def test_json_renews_a_grant_at_80_percent_of_its_life() -> None:
    adapter = ADAPTERS["json"]
    state = adapter.new_state()
    auth = {"send": Sensitive('{"type":"auth"}'), "refresh": Sensitive('{"type":"refresh"}')}
    options = ClientOptions(auth=auth, answers=True)
    adapter.decode("out", "text", b'{"type":"auth"}', state)
    adapter.decode("in", "text", b'{"type":"auth_success","expires_in":100}', state)
    assert adapter.due(79 * 10**9, options, state) == ()
    assert adapter.due(80 * 10**9, options, state) == ('{"type":"refresh"}',)
    assert adapter.due(81 * 10**9, options, state) == ()
