"""When wsmon speaks a protocol whose messages the configuration spells out, or whose answers make a grant.

Without ``answer = true`` only what ``subscribe`` asks for is sent; with it, authentication comes first, and the topics
wait for its end where that can be told.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from wsmon.protocols import deribit, json, jsonrpc, raw
from wsmon.protocols.decoding import UNDECODABLE
from wsmon.protocols.reading import Reading
from wsmon.protocols.wanted import Wanted

Messages = tuple[str | bytes, ...]

_ETHEREUM = "eth_subscribe"
# what JSON-RPC feeds that are subscribed to by name mostly call it


def open_raw(wanted: Wanted, state: raw.State) -> Messages:  # noqa: ARG001 - as the others
    """Authentication and topics as they are."""
    return _auth(wanted) + (() if _waits(wanted) else wanted.reveal_topics())


def answer_raw(reading: Reading, wanted: Wanted, state: raw.State) -> Messages:  # noqa: ARG001 - as the others
    """The topics, once an authentication that is recognised is over."""
    return wanted.reveal_topics() if _waits(wanted) and _is_auth_over(reading) else ()


def open_json(wanted: Wanted, state: json.State) -> Messages:  # noqa: ARG001 - as the others
    """The authentication that the configuration spells out, and the subscriptions."""
    return _auth(wanted) + (() if _waits(wanted) else _json_subscriptions(wanted.reveal_topics()))


def answer_json(reading: Reading, wanted: Wanted, state: json.State) -> Messages:
    """Pongs; the subscriptions, once an authentication that is recognised is over."""
    pongs = json.answer(reading, state) if wanted.answers else ()
    waited = _waits(wanted) and _is_auth_over(reading)
    return pongs + (_json_subscriptions(wanted.reveal_topics()) if waited else ())


def due_json(now_ns: int, wanted: Wanted, state: json.State) -> Messages:
    """The refresh at 80 % of a life that the peer told."""
    auth = wanted.reveal_auth()
    refresh = auth.get("refresh")
    if not isinstance(refresh, str) or "expires_in" in auth or not state.grant.refresh_is_due(now_ns):
        return ()
    state.grant.end()
    return (refresh,)


def open_jsonrpc(wanted: Wanted, state: jsonrpc.State) -> Messages:
    """The authentication that the configuration spells out, and the subscriptions."""
    return _auth(wanted) + (() if _waits(wanted) else _rpc_subscriptions(wanted.reveal_topics(), state))


def answer_jsonrpc(reading: Reading, wanted: Wanted, state: jsonrpc.State) -> Messages:
    """The subscriptions, once an authentication that is recognised is over."""
    waited = _waits(wanted) and _is_auth_over(reading)
    return _rpc_subscriptions(wanted.reveal_topics(), state) if waited else ()


def open_deribit(wanted: Wanted, state: deribit.State) -> Messages:
    """The authentication; without one, the subscriptions at once."""
    auth = deribit.auth_messages(wanted.reveal_auth(), state) if wanted.answers else ()
    return auth or _deribit_subscriptions(wanted, state)


def answer_deribit(reading: Reading, wanted: Wanted, state: deribit.State) -> Messages:
    """Answers to test requests; the subscriptions once the authentication is over, public ones also if it failed."""
    if not wanted.answers:
        return ()
    return deribit.answer(reading, state) + (_deribit_subscriptions(wanted, state) if _is_auth_over(reading) else ())


def due_deribit(now_ns: int, wanted: Wanted, state: deribit.State) -> Messages:
    """The refresh at 80 % of the token's life."""
    return deribit.refresh_messages(now_ns, state) if wanted.answers else ()


def _is_auth_over(reading: Reading) -> bool:
    return any(note.operation == "auth" and note.phase == "end" for note in reading.notes)


def _auth(wanted: Wanted) -> Messages:
    """What ``auth.send`` says: no other way is common to all."""
    message = wanted.reveal_auth().get("send")
    return (message,) if isinstance(message, str) and message else ()


def _waits(wanted: Wanted) -> bool:
    """Whether the end of the authentication can be told."""
    return bool(_auth(wanted)) and "success" in wanted.auth


def _json_subscriptions(topics: Iterable[str]) -> Messages:
    """Objects and lists are sent as they are; other topics as WebSockex Nova's default adapter asks for them."""
    return tuple(
        topic if topic.lstrip()[:1] in ("{", "[") else _encode({"type": "subscribe", "channel": topic})
        for topic in topics
    )


def _rpc_subscriptions(topics: Iterable[str], state: jsonrpc.State) -> Messages:
    """Objects are sent as they are; a list is the params of ``eth_subscribe``, other topics are its first one."""
    messages: list[str] = []
    for topic in topics:
        start = topic.lstrip()[:1]
        if start == "{":
            messages.append(topic)
            continue
        params: object = [topic]
        if start == "[":
            try:
                params = msgspec.json.decode(topic)
            except UNDECODABLE:  # a name that begins like a list
                params = [topic]
        messages.append(_encode({"jsonrpc": "2.0", "id": state.own_id(), "method": _ETHEREUM, "params": params}))
    return tuple(messages)


def _deribit_subscriptions(wanted: Wanted, state: deribit.State) -> Messages:
    return deribit.subscribe_messages(wanted.reveal_topics(), state)


def _encode(message: dict[str, object]) -> str:
    return msgspec.json.encode(message).decode()
