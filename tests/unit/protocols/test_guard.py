"""Protocols of plugins: whatever their functions raise or return, nothing breaks and nothing leaks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import msgspec
import pytest

from tests.support.builders import message
from wsmon.model.events import Direction, Opcode
from wsmon.protocols.base import (
    UNREAD,
    Anatomy,
    ClientOptions,
    Decoded,
    HandshakeUrl,
    Happening,
    MessageSample,
    Part,
    Protocol,
    ProtocolClient,
    ProtocolEnvelope,
)
from wsmon.protocols.guard import UnfitError, guarded, unavailable, with_plugins
from wsmon.protocols.registry import PROTOCOLS

SECRET = "s3cr3t-of-a-message"
URL = HandshakeUrl("h", "/p", {})
SAMPLE = MessageSample("in", "text", b"x")


class HouseState:
    """Counts."""

    def at(self, now_ns: int) -> None: ...

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        return (Happening("heartbeat.failure", "heartbeat"),)


def decode(_direction: Direction, _opcode: Opcode, payload: bytes, _state: HouseState) -> Decoded:
    return Decoded(payload.decode(), "topic", happenings=(Happening("error.occurred", error_type="x", error="y"),))


WHOLE = Protocol(
    "house",
    HouseState,
    decode,
    read_plain=PROTOCOLS["raw"].read_plain,
    next_state=lambda state: state,
    prepare=lambda _state, _options, _url: None,
    subprotocols=("House",),
    offered_subprotocols=("house",),
    recognise_url=lambda _url: "by its URL",
    recognise=lambda _sample: "by a message",
    may_begin=lambda _payload: True,
    handshake=lambda _has_credentials, _status: (Happening("auth.completed", "auth"),),
    dissect=lambda _event, payload: Anatomy("House", (("a", "b"),), payload),
    split=lambda _direction, opcode, payload, _state: [Part(opcode, payload[:1]), Part(opcode, payload[1:])],
    new_masks=lambda _state: {"in": lambda _opcode, payload: (payload.replace(b"key", b"***"), b"key" in payload)},
    client=ProtocolClient(
        lambda _options, _state: ("hello",),
        lambda _decoded, _options, _state: (b"answer",),
        lambda _now_ns, _options, _state: ("due",),
        lambda _state: True,
    ),
    close_codes={4000: "gone"},
)
# What each function answers where the plugin fails
HARMLESS: dict[str, object] = {
    "prepare": None, "recognise_url": "", "recognise": "", "may_begin": False, "handshake": (), "dissect": None,
    "split": None, "client.opening": (), "client.answer": (), "client.due": (), "client.is_silent": False,
    "state.at": None, "state.overdue": (),
}  # fmt: skip


class Failures:
    """What was reported."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, str]] = []

    def __call__(self, name: str, function: str, why: str) -> None:
        self.found.append((name, function, why))


def calls(protocol: Protocol[Any]) -> dict[str, Callable[[], object]]:
    """A call of each function of a protocol, by its name."""
    state = protocol.new_state()
    client = protocol.client
    assert client is not None
    assert protocol.may_begin is not None
    assert protocol.dissect is not None
    assert protocol.split is not None
    may_begin, dissect, split = protocol.may_begin, protocol.dissect, protocol.split
    options = ClientOptions()
    return {
        "prepare": lambda: protocol.prepare(state, options, URL),
        "recognise_url": lambda: protocol.recognise_url(URL),
        "recognise": lambda: protocol.recognise(SAMPLE),
        "may_begin": lambda: may_begin(b"x"),
        "handshake": lambda: protocol.handshake(False, 101),
        "dissect": lambda: dissect(message("x"), b"x"),
        "split": lambda: split("in", "text", b"xy", state),
        "client.opening": lambda: client.opening(options, state),
        "client.answer": lambda: client.answer(UNREAD, options, state),
        "client.due": lambda: client.due(1, options, state),
        "client.is_silent": lambda: client.is_silent(state),
        "state.at": lambda: state.at(1),
        "state.overdue": lambda: state.overdue(1),
    }


def broken(function: str, does: Callable[..., Any]) -> Protocol[Any]:
    """The whole protocol with one function replaced."""
    where, _, inner = function.partition(".")
    if where == "state":
        state = HouseState()
        setattr(state, inner, does)
        return replace(WHOLE, new_state=lambda: state)
    if where == "client":
        assert WHOLE.client is not None
        return replace(WHOLE, client=replace(WHOLE.client, **{inner: does}))
    changes: dict[str, Any] = {function: does}
    return replace(WHOLE, **changes)


def raises(*_arguments: object) -> object:
    raise LookupError(SECRET)


def exits(*_arguments: object) -> object:
    sys.exit(SECRET)


def answers_rubbish(*_arguments: object) -> object:
    return object()


def test_what_works_works_as_without_the_guard() -> None:
    failures = Failures()
    protocol = guarded(WHOLE, failures)
    state = protocol.new_state()
    assert protocol.decode("in", "text", b"t", state) == decode("in", "text", b"t", HouseState())
    assert {name: call() for name, call in calls(protocol).items()} == {
        name: call() for name, call in calls(WHOLE).items()
    }
    assert protocol.new_masks(state)["in"]("text", b"a key") == (b"a ***", True)
    assert (protocol.subprotocols, protocol.offered_subprotocols) == (("house",), ("house",))
    assert (protocol.close_codes, protocol.read_plain) == ({4000: "gone"}, None)
    assert protocol.next_state is not None
    assert protocol.next_state(state).inner is state.inner
    assert failures.found == []


def test_every_attribute_of_a_protocol_is_guarded() -> None:
    left = guarded(Protocol("house", HouseState, decode), Failures())
    assert {field.name for field in fields(Protocol) if getattr(left, field.name) is None} == {
        "read_plain", "next_state", "may_begin", "dissect", "split", "envelope", "client",
    }  # fmt: skip


@pytest.mark.parametrize("does", [raises, exits, answers_rubbish])
@pytest.mark.parametrize("function", HARMLESS)
def test_a_function_that_fails_does_no_harm(function: str, does: Callable[..., object]) -> None:
    failures = Failures()
    protocol = guarded(broken(function, does), failures)
    answer = calls(protocol)[function]()
    if does is answers_rubbish and function in ("prepare", "may_begin", "client.is_silent", "state.at"):
        # Whatever they return has a meaning
        return
    assert answer == HARMLESS[function]
    assert [(name, of) for name, of, _ in failures.found] == [("house", function)]
    assert SECRET not in failures.found[0][2]


@pytest.mark.parametrize("does", [raises, exits, answers_rubbish])
def test_a_mask_that_fails_withholds_the_message(does: Callable[..., Any]) -> None:
    failures = Failures()
    makers: list[Callable[..., Any]] = [lambda _state: {"in": does}, does, lambda _state: {"up": does}]
    for new_masks in makers:
        protocol = guarded(replace(WHOLE, new_masks=new_masks), failures)
        mask = protocol.new_masks(protocol.new_state())["in"]
        assert mask("text", SECRET.encode()) == (b"[FILTERED]", True)
    assert {function for _, function, _ in failures.found} == {"mask", "new_masks"}
    assert all(SECRET not in why for _, _, why in failures.found)


@pytest.mark.parametrize("does", [raises, exits])
def test_without_a_state_nothing_is_read_and_nothing_stored(does: Callable[..., Any]) -> None:
    failures = Failures()
    protocol = guarded(replace(WHOLE, new_state=does), failures)
    state = protocol.new_state()
    assert protocol.decode("in", "text", b"t", state) == UNREAD
    for direction in ("in", "out"):
        assert protocol.new_masks(state)[direction]("text", b"t") == (b"[FILTERED]", True)
    answered = {name: call() for name, call in calls(protocol).items()}
    kept = {"recognise_url": "by its URL", "recognise": "by a message", "may_begin": True}
    assert {name: answer for name, answer in answered.items() if answer != HARMLESS[name]} == {
        **kept, "handshake": WHOLE.handshake(False, 101), "dissect": Anatomy("House", (("a", "b"),), b"x"),
    }  # fmt: skip


def bad(**changes: Any) -> Decoded:
    """A message with one happening that cannot be stored."""
    return Decoded(happenings=(msgspec.structs.replace(Happening("error.occurred", error_type="x"), **changes),))


@pytest.mark.parametrize(
    "decoded",
    [
        None,
        Decoded(type=5),  # type: ignore[arg-type]  # as plugins without a type check do
        Decoded(topic="\ud800"),
        Decoded(meta={"a": object()}),  # type: ignore[dict-item]
        Decoded(meta=[1]),  # type: ignore[arg-type]
        Decoded(happenings=[]),  # type: ignore[arg-type]
        Decoded(happenings=(3,)),  # type: ignore[arg-type]
        bad(name="self.run.ended"),
        bad(name="connection.closed"),
        bad(name="nonsense"),
        bad(operation="nonsense"),
        bad(phase="nonsense"),
        bad(status=2**63),
        bad(at_ns=2**63),
        bad(duration_ns=1.5),
        bad(error="\udfff"),
        bad(meta={1: object()}),
    ],
)
def test_a_result_that_cannot_be_stored_is_an_error(decoded: Decoded) -> None:
    protocol = guarded(replace(WHOLE, decode=lambda *_arguments: decoded), Failures())
    with pytest.raises(UnfitError):
        protocol.decode("in", "text", b"t", protocol.new_state())


@pytest.mark.parametrize("does", [raises, exits])
def test_an_error_of_a_decoder_says_where_it_was_and_nothing_of_the_message(does: Callable[..., Any]) -> None:
    protocol = guarded(replace(WHOLE, decode=does), Failures())
    with pytest.raises(UnfitError, match=r"^(LookupError|SystemExit) at test_guard\.py:\d+$"):
        protocol.decode("in", "text", b"t", protocol.new_state())


def test_long_texts_of_a_plugin_are_cut() -> None:
    long = "x" * 1_000
    happening = Happening("error.occurred", key=long, type=long, status=long, reason=long, error_type=long, error=long)
    protocol = guarded(replace(WHOLE, decode=lambda *_: Decoded(long, long, long, happenings=(happening,))), Failures())
    decoded = protocol.decode("in", "text", b"t", protocol.new_state())
    (found,) = decoded.happenings
    assert [len(text) for text in (decoded.type, decoded.topic, decoded.ref, found.key, found.error_type)] == [200] * 5
    assert (len(found.reason), len(found.error), len(str(found.status))) == (500, 500, 200)


def test_plugins_come_first_and_what_cannot_be_used_has_a_stand_in() -> None:
    failures = Failures()
    odd = replace(WHOLE, name="odd", subprotocols="text")  # type: ignore[arg-type]
    nested = replace(WHOLE, name="nested", envelope=ProtocolEnvelope(lambda text: text, lambda _decoded: True))
    protocols = with_plugins({"house": WHOLE, "odd": odd, "nested": nested}, ["gone"], failures)
    assert list(protocols) == ["house", "odd", "nested", "gone", *PROTOCOLS]
    assert failures.found == [
        ("odd", "the value", "expected tuple, got str"),
        ("nested", "the value", "an envelope, which no plugin can have"),
    ]
    for name in ("odd", "gone"):
        state = protocols[name].new_state()
        assert protocols[name].decode("in", "text", b"t", state) == UNREAD
        assert protocols[name].new_masks(state)["in"]("text", b"t") == (b"[FILTERED]", True)


def test_a_stand_in_recognises_nothing() -> None:
    protocol = unavailable("gone")
    assert (protocol.recognise(SAMPLE), protocol.recognise_url(URL), protocol.client) == ("", "", None)
    protocol.new_state().at(1)
    assert protocol.new_state().overdue(1) == ()
