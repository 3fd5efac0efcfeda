"""The table of protocols: whole, of one shape, and what those that may speak say when."""

from __future__ import annotations

import json

import pytest

from wsmon.config.specs import ProtocolName
from wsmon.model.redact.masking import Sensitive
from wsmon.protocols.base import ClientOptions, Decoded, Happening, ProtocolClient
from wsmon.protocols.registry import PROTOCOLS

OPTIONS = ClientOptions(
    (Sensitive("trades.BTC"),), {"client_id": Sensitive("me"), "client_secret": Sensitive("hush", "***")}, answers=True
)


def methods(messages: tuple[str | bytes, ...]) -> list[str]:
    """The methods of JSON-RPC requests."""
    return [json.loads(message)["method"] for message in messages]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_new_session_has_nothing_due(name: ProtocolName) -> None:
    protocol = PROTOCOLS[name]
    client = protocol.client or ProtocolClient()
    state = protocol.new_state()
    state.at(0)
    assert (state.overdue(2**62), client.due(2**62, ClientOptions(), state)) == ((), ())
    assert isinstance(protocol.decode("in", "text", b"", state), Decoded)


def test_stomp_and_mqtt_mask_both_directions_and_json_what_goes_out() -> None:
    masked = {name: set(protocol.new_masks()) for name, protocol in PROTOCOLS.items() if protocol.new_masks()}
    both = {"in", "out"}
    assert masked == {"mqtt": both, "stomp": both, "jsonrpc": {"out"}, "json": {"out"}}
    mask = PROTOCOLS["stomp"].new_masks()["in"]
    assert mask("text", b"CONNECT\npasscode:hush\n\n\0") == (b"CONNECT\npasscode:[FILTERED]\n\n\0", True)


def test_nexus_alone_carries_over_what_it_took() -> None:
    assert {name for name, protocol in PROTOCOLS.items() if protocol.next_state} == {"nexus"}
    protocol = PROTOCOLS["nexus"]
    state = protocol.new_state()
    protocol.decode("in", "text", b'{"id":7,"traceId":"a","kind":"log","message":"m"}', state)
    assert protocol.next_state is not None
    assert protocol.next_state(state).last_id == 7


def test_deribit_authenticates_before_it_subscribes() -> None:
    protocol = PROTOCOLS["deribit"]
    client = protocol.client or ProtocolClient()
    state = protocol.new_state()
    (auth,) = client.opening(OPTIONS, state)
    assert methods((auth,)) == ["public/auth"]
    protocol.decode("out", "text", str(auth).encode(), state)
    grant = {"access_token": "a", "refresh_token": "r", "expires_in": 100, "token_type": "bearer"}
    reply = json.dumps({"jsonrpc": "2.0", "id": json.loads(auth)["id"], "result": grant}).encode()
    assert methods(client.answer(protocol.decode("in", "text", reply, state), OPTIONS, state)) == ["private/subscribe"]
    assert methods(client.due(81 * 10**9, OPTIONS, state)) == ["public/auth"]


def test_deribit_subscribes_to_public_channels_where_it_may_not_authenticate() -> None:
    protocol = PROTOCOLS["deribit"]
    client = protocol.client or ProtocolClient()
    state = protocol.new_state()
    assert methods(client.opening(ClientOptions(OPTIONS.topics), state)) == ["public/subscribe"]
    (auth,) = client.opening(OPTIONS, state)
    protocol.decode("out", "text", str(auth).encode(), state)
    refusal = {"jsonrpc": "2.0", "id": json.loads(auth)["id"], "error": {"code": 13004, "message": "no"}}
    decoded = protocol.decode("in", "text", json.dumps(refusal).encode(), state)
    assert methods(client.answer(decoded, OPTIONS, state)) == ["public/subscribe"]


def test_deribit_answers_a_test_request() -> None:
    protocol = PROTOCOLS["deribit"]
    client = protocol.client or ProtocolClient()
    state = protocol.new_state()
    asked = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'
    assert methods(client.answer(protocol.decode("in", "text", asked, state), OPTIONS, state)) == ["public/test"]


def test_json_says_what_the_configuration_spells_out() -> None:
    protocol = PROTOCOLS["json"]
    client = protocol.client or ProtocolClient()
    state = protocol.new_state()
    login = '{"op":"login"}'
    assert client.opening(ClientOptions(auth={"send": Sensitive(login)}, answers=True), state) == (login,)
    assert client.answer(protocol.decode("in", "text", b'{"type":"ping"}', state), OPTIONS, state) != ()
    assert client.answer(protocol.decode("in", "text", b'{"type":"tick"}', state), OPTIONS, state) == ()


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
    protocol = PROTOCOLS[name]
    client = protocol.client or ProtocolClient()
    state = protocol.new_state()
    (said,) = client.opening(ClientOptions((Sensitive(topic),)), state)
    own_id = str(json.loads(said)["id"]) if "ID" in message else ""
    assert said == message.replace("ID", own_id)


@pytest.mark.parametrize("name", ["raw", "json", "jsonrpc"])
def test_topics_wait_for_an_authentication_whose_end_can_be_told(name: ProtocolName) -> None:
    protocol = PROTOCOLS[name]
    client = protocol.client or ProtocolClient()
    state = protocol.new_state()
    auth = {"send": Sensitive('{"op":"auth"}'), "success": Sensitive("welcome")}
    options = ClientOptions((Sensitive('{"op":"subscribe"}'),), auth, answers=True)
    granted = Decoded(happenings=(Happening("auth.completed", "auth", "end", status="ok"),))
    assert client.opening(options, state) == ('{"op":"auth"}',)
    assert client.answer(Decoded("other"), options, state) == ()
    assert client.answer(granted, options, state) == ('{"op":"subscribe"}',)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_without_leave_to_answer_heartbeats_stay_unanswered(name: ProtocolName) -> None:
    protocol = PROTOCOLS[name]
    client = protocol.client or ProtocolClient()
    state = protocol.new_state()
    for ping in (b'{"type":"ping"}', b"2", b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'):
        decoded = protocol.decode("in", "text", ping, state)
        assert client.answer(decoded, ClientOptions((Sensitive("/a"),)), state) == ()
    assert client.due(2**62, ClientOptions((Sensitive("/a"),)), state) == ()


def test_json_renews_a_grant_at_80_percent_of_its_life() -> None:
    protocol = PROTOCOLS["json"]
    client = protocol.client or ProtocolClient()
    state = protocol.new_state()
    auth = {"send": Sensitive('{"type":"auth"}'), "refresh": Sensitive('{"type":"refresh"}')}
    options = ClientOptions(auth=auth, answers=True)
    protocol.decode("out", "text", b'{"type":"auth"}', state)
    protocol.decode("in", "text", b'{"type":"auth_success","expires_in":100}', state)
    assert client.due(79 * 10**9, options, state) == ()
    assert client.due(80 * 10**9, options, state) == ('{"type":"refresh"}',)
    assert client.due(81 * 10**9, options, state) == ()
