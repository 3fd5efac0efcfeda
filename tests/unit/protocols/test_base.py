"""What protocols share: samples of messages, options of a client, names that are cut, errors of decoding."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Literal, get_args, get_origin

import msgspec
import pytest

from wsmon.model.redact.masking import Sensitive
from wsmon.protocols import base
from wsmon.protocols.base import (
    MAX_NAME_CHARS,
    UNDECODABLE,
    UNREAD,
    ClientOptions,
    Decoded,
    HandshakeUrl,
    MessageSample,
    Protocol,
    ProtocolClient,
    cut,
    text_of,
    unreadable,
)
from wsmon.protocols.raw import RawState, decode


@pytest.mark.parametrize(
    ("payload", "members", "items"),
    [
        (b' {"a":1}', {"a": 1}, []),
        (b"\n[1,2]", {}, [1, 2]),
        (b"{}", {}, []),
        (b'{"a":', {}, []),
        (b"[" * 100_000, {}, []),
        (b'"text"', {}, []),
        (b"", {}, []),
    ],
)
def test_a_sample_is_an_object_or_an_array_or_neither(
    payload: bytes, members: dict[str, object], items: list[object]
) -> None:
    sample = MessageSample("in", "text", payload)
    assert (sample.members, sample.items) == (members, items)
    assert (sample.json is None) == (payload not in (b' {"a":1}', b"\n[1,2]", b"{}"))


def test_a_url_has_the_first_value_of_a_parameter() -> None:
    url = HandshakeUrl("h", "/p", {"EIO": ["4", "3"]})
    assert (url.parameter("EIO"), url.parameter("vsn")) == ("4", "")


def test_options_reveal_each_topic_once_and_show_no_credential() -> None:
    topics = tuple(Sensitive(topic, "[FILTERED]") for topic in ("a", "b", "a"))
    options = ClientOptions(topics, {"token": Sensitive("hush", "[FILTERED]"), "version": 5})
    assert options.reveal_topics() == ("a", "b")
    assert options.reveal_auth() == {"token": "hush", "version": 5}
    assert "hush" not in repr(options)


def test_a_protocol_needs_no_more_than_a_name_a_state_and_a_decoder() -> None:
    protocol = Protocol("raw", RawState, decode)
    sample, url = MessageSample("in", "text", b"x"), HandshakeUrl("h", "/", {})
    assert (protocol.recognise(sample), protocol.recognise_url(url), protocol.handshake(True, 101)) == ("", "", ())
    assert (protocol.client, protocol.dissect, protocol.next_state, protocol.may_begin) == (None, None, None, None)
    assert (dict(protocol.new_masks(protocol.new_state())), dict(protocol.close_codes)) == ({}, {})


def test_a_client_without_functions_sends_nothing() -> None:
    client: ProtocolClient[RawState] = ProtocolClient()
    options, state = ClientOptions(), RawState()
    assert (client.opening(options, state), client.answer(UNREAD, options, state)) == ((), ())
    assert (client.due(0, options, state), client.is_silent(state)) == ((), False)


@pytest.mark.parametrize("length", [0, 1, MAX_NAME_CHARS, MAX_NAME_CHARS + 1, 10_000])
def test_a_name_is_cut_to_its_limit(length: int) -> None:
    name = cut("x" * length)
    assert len(name) == min(length, MAX_NAME_CHARS)
    assert name.endswith("…") == (length > MAX_NAME_CHARS)


class Shape(msgspec.Struct):
    a: int


@pytest.mark.parametrize(
    ("payload", "error_type"),
    [(b'{"a":"x"}', "morse"), (b'{"a"', "json"), (b"\xff", "json")],
)
def test_malformed_json_is_told_from_another_shape(payload: bytes, error_type: str) -> None:
    with pytest.raises(UNDECODABLE) as raised:
        msgspec.json.decode(payload, type=Shape)
    assert unreadable(raised.value, "morse") == Decoded(error_type=error_type, error=str(raised.value))


def test_nesting_past_the_limit_is_no_json() -> None:
    with pytest.raises(UNDECODABLE) as raised:
        msgspec.json.decode(b"[" * 100_000)
    assert unreadable(raised.value, "morse") == Decoded(error_type="json", error="nested too deep")


# What plugins are written against: an attribute that goes or changes its place breaks them
PUBLIC: dict[str, tuple[str, ...]] = {
    "MAX_NAME_CHARS": (),
    "UNDECODABLE": (),
    "UNREAD": (),
    "Anatomy": ("name", "parts", "body"),
    "ClientOptions": ("topics", "auth", "subprotocol", "answers", "is_measured", "reveal_topics", "reveal_auth"),
    "Decoded": ("type", "topic", "ref", "error_type", "error", "happenings", "meta", "texts"),
    "HandshakeUrl": ("host", "path", "query", "parse", "parameter"),
    "Happening": (
        "name", "operation", "phase", "key", "type", "topic", "ref", "status", "reason", "error_type", "error", "meta",
        "at_ns", "duration_ns", "span_id", "parent_id",
    ),
    "Mask": (),
    "MessageSample": ("direction", "opcode", "payload", "json", "members", "items"),
    "Operation": ("", "subscribe", "unsubscribe", "auth", "refresh", "request", "heartbeat", "trace"),
    "Outbox": (),
    "Part": (
        "opcode", "payload", "is_partial", "before", "earlier_bytes", "error", "is_hidden", "encoding", "size",
    ),
    "Phase": ("", "start", "end", "whole"),
    "Protocol": (
        "name", "new_state", "decode", "read_plain", "next_state", "prepare", "subprotocols", "offered_subprotocols",
        "recognise_url", "recognise", "may_begin", "handshake", "dissect", "split", "envelope", "has_binary",
        "new_masks", "client", "close_codes",
    ),
    "ProtocolClient": ("opening", "answer", "due", "is_silent"),
    "ProtocolState": ("at", "overdue"),
    "cut": ("name",),
}  # fmt: skip


def attributes(name: str) -> tuple[str, ...]:
    """The fields of a record in their order and its methods, the values of a Literal, the arguments of a function."""
    value = getattr(base, name)
    if inspect.isfunction(value):
        return tuple(inspect.signature(value).parameters)
    if not inspect.isclass(value):
        return get_args(value) if get_origin(value) is Literal else ()
    found: list[str] = []
    if issubclass(value, msgspec.Struct):
        found = [*value.__struct_fields__]
    elif dataclasses.is_dataclass(value):
        found = [field.name for field in dataclasses.fields(value)]
    elif issubclass(value, MessageSample):
        found = [*inspect.signature(value).parameters]
    elif issubclass(value, tuple):
        found = [*value._fields]  # type: ignore[attr-defined]  # a NamedTuple
    found += [each for each in vars(value) if not each.startswith("_") and each not in found]
    return tuple(found)


def test_what_plugins_may_use_stays() -> None:
    assert {name: attributes(name) for name in base.__all__} == PUBLIC


def test_the_page_about_plugins_explains_every_public_name() -> None:
    page = (Path(__file__).parents[3] / "docs" / "plugins.md").read_text("utf-8")
    missing = [name for name in PUBLIC if f"`{name}`" not in page]
    attributes = [each for name in ("Protocol", "ProtocolClient", "ProtocolState") for each in PUBLIC[name]]
    assert missing + [each for each in attributes if f"`{each}`" not in page] == []


def test_a_plugin_may_name_the_type_of_its_state() -> None:
    client = ProtocolClient[RawState]()
    assert Protocol[RawState]("x", RawState, decode, client=client).client is client


@pytest.mark.parametrize(("value", "text"), [("a", "a"), ("", ""), (None, ""), (1, ""), (True, ""), (["a"], "")])
def test_a_value_that_is_no_text_counts_as_an_empty_one(value: object, text: str) -> None:
    assert text_of(value) == text
