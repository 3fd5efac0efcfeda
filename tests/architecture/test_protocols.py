"""A protocol is one value: the configuration and the registry name the same ones, and a value is all that one needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest

import wsmon.protocols
from tests.support.builders import message
from tests.support.fake_ports import FakeClock
from tests.support.schedulers import Scheduler
from wsmon.config.specs import LISTEN_ONLY, BuiltInProtocol, ConnectionSpec, ProtocolName
from wsmon.engine.protocol_session import CarriedState, ProtocolSession
from wsmon.engine.ticker import Ticker
from wsmon.model.events import Direction, Event, Opcode
from wsmon.model.redact.masking import Sensitive
from wsmon.protocols import named
from wsmon.protocols.base import (
    UNREAD,
    Anatomy,
    ClientOptions,
    Decoded,
    HandshakeUrl,
    Happening,
    MessageSample,
    Outbox,
    Protocol,
    ProtocolClient,
)
from wsmon.protocols.detect import ProtocolDetector
from wsmon.protocols.registry import PROTOCOLS, dissect


def test_every_name_of_the_configuration_is_a_row_of_the_registry_and_no_other() -> None:
    assert {*PROTOCOLS, "auto"} == set(get_args(BuiltInProtocol))
    assert all(name == protocol.name for name, protocol in PROTOCOLS.items())


def test_every_module_that_defines_a_protocol_is_a_row_of_the_registry() -> None:
    (folder,) = wsmon.protocols.__path__
    modules = [import_module(f"wsmon.protocols.{path.stem}") for path in Path(folder).glob("[!_]*.py")]
    defined = [module.PROTOCOL for module in modules if hasattr(module, "PROTOCOL")]
    assert {protocol.name for protocol in (*defined, *named.PROTOCOLS)} == set(PROTOCOLS)


def test_the_configuration_warns_of_the_protocols_that_have_no_client() -> None:
    assert {name for name, protocol in PROTOCOLS.items() if protocol.client is None} == LISTEN_ONLY


def test_no_two_protocols_claim_one_subprotocol() -> None:
    claimed = [subprotocol for protocol in PROTOCOLS.values() for subprotocol in protocol.subprotocols]
    assert len(claimed) == len(set(claimed))
    assert all(subprotocol == subprotocol.lower() for subprotocol in claimed)


class MorseState:
    """Counts what it decodes."""

    def __init__(self) -> None:
        self.count = 0

    def at(self, now_ns: int) -> None: ...

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        return ()


def decode(_direction: Direction, opcode: Opcode, payload: bytes, state: MorseState) -> Decoded:
    if opcode != "text":
        return UNREAD
    state.count += 1
    return Decoded("signal", payload.decode().partition(" ")[0], str(state.count))


def recognise_url(url: HandshakeUrl) -> str:
    return "the path is /morse" if url.path == "/morse" else ""


def recognise(sample: MessageSample) -> str:
    return "a message is CQ" if sample.payload.startswith(b"CQ ") else ""


def take_apart(event: Event, payload: bytes) -> Anatomy | None:
    if event.type != "signal" or not payload.startswith(event.topic.encode()):
        return None
    return Anatomy("Morse", (("Sign", event.topic), ("Empty", "")), payload.partition(b" ")[2])


def mask(_opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    return payload.replace(b"key", b"***"), b"key" in payload


def opening(options: ClientOptions, _state: MorseState) -> Outbox:
    return tuple(f"CQ {topic}" for topic in options.reveal_topics())


NAME: ProtocolName = "morse"
MORSE = Protocol(
    NAME,
    MorseState,
    decode,
    subprotocols=("morse",),
    recognise_url=recognise_url,
    recognise=recognise,
    dissect=take_apart,
    new_masks=lambda _state: {"out": mask},
    client=ProtocolClient(opening),
    close_codes={4000: "silent key"},
)
WITH_MORSE: Mapping[ProtocolName, Protocol[Any]] = {**PROTOCOLS, NAME: MORSE}


def session(protocol: ProtocolName) -> ProtocolSession:
    """The session of a connection that asks for one topic."""
    spec = replace(ConnectionSpec("feed", Sensitive("ws://a/")), protocol=protocol, subscribe=(Sensitive("DE"),))
    return ProtocolSession(
        spec, Ticker(Scheduler()), FakeClock(), CarriedState(), lambda _happenings, _at: None, WITH_MORSE
    )


@pytest.mark.parametrize(
    ("url", "subprotocol", "why"),
    [
        ("ws://h/", "Morse", "the subprotocol is morse"),
        ("ws://h/morse/", "", "the path is /morse"),
        ("ws://h/", "", ""),
    ],
)
def test_a_new_protocol_is_recognised_by_its_handshake(url: str, subprotocol: str, why: str) -> None:
    detector = ProtocolDetector(WITH_MORSE.values())
    assert (detector.of_handshake(url, subprotocol), detector.why) == (NAME if why else "", why)


def test_a_new_protocol_is_recognised_by_its_messages() -> None:
    detector = ProtocolDetector(WITH_MORSE.values())
    assert (detector.of_frame("in", "text", b"CQ CQ"), detector.why) == (NAME, "a message is CQ")


def test_a_new_protocol_is_decoded_and_masked_in_a_session_that_found_it() -> None:
    found = session("auto")
    assert found.begin("ws://h/", "morse") == {"protocol": NAME, "protocol_why": "the subprotocol is morse"}
    assert found.opening() == ("CQ DE",)
    assert found.read("in", "text", b"CQ hello", 1) == Decoded("signal", "CQ", "1")
    assert (found.masks_received, found.mask("out", "text", b"key")) == (False, (b"***", True))
    assert (found.code_meaning(4000), found.code_meaning(4001)) == ("silent key", "")


def test_a_message_of_a_new_protocol_is_dissected() -> None:
    stored = message("CQ hello", type="signal", topic="CQ")
    assert dissect(stored, WITH_MORSE) == Anatomy("Morse", (("Sign", "CQ"),), b"hello")
    assert dissect(stored) is None


PAGE = Path(__file__).parents[2] / "docs" / "protocols.md"


def rows() -> dict[str, list[str]]:
    """The cells behind the name of each row of the table of protocols."""
    lines = (line.strip("| ").split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `"))
    return {cells[0].strip("`"): cells[1:] for cells in lines}


def test_the_table_of_the_documentation_has_a_row_for_every_protocol() -> None:
    assert rows().keys() == PROTOCOLS.keys()
    assert {name: len(cells) for name, cells in rows().items()} == dict.fromkeys(PROTOCOLS, 5)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_documentation_says_of_a_protocol_what_its_value_does(name: ProtocolName) -> None:
    protocol = PROTOCOLS[name]
    detected, understood, *client = rows()[name]
    assert [each for each in protocol.subprotocols if f"`{each}`" not in detected] == []
    assert detected not in ("", "–")
    assert understood not in ("", "–")
    # What wsmon only listens to has nothing to say about subscriptions, credentials and answers
    assert (client == ["–", "–", "–"]) == (protocol.client is None)
