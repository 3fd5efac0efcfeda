"""Protocols and decoders of plugins in a recorder: loaded at the start, their failures events, and looked for again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.engines import RecordingSink
from tests.support.fake_ports import FakeClock
from wsmon.decoders.registry import DECODERS
from wsmon.protocols.base import UNREAD, MessageSample
from wsmon.protocols.registry import PROTOCOLS
from wsmon.recorder.plugins import PluginDecoders, PluginProtocols
from wsmon.recorder.run import self_events

HOUSE = """
from wsmon.protocols.base import UNREAD, Protocol

class State:
    def at(self, now_ns): pass
    def overdue(self, now_ns): return ()

def recognise(sample):
    raise LookupError("s3cr3t")

HOUSE = Protocol("NAME", State, lambda *_: UNREAD, recognise=recognise)
"""


def install(folder: Path, name: str, module: str, group: str = "protocols") -> None:
    """Write a package with one protocol, or one decoder, into a folder."""
    package = f"wsmon_{name}"
    (folder / f"{package}.py").write_text(module.replace("NAME", name))
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[wsmon.{group}]\n{name} = {package}:HOUSE\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def told(protocols: PluginProtocols | PluginDecoders) -> RecordingSink:
    sink = RecordingSink()
    protocols.report_to(self_events(sink, FakeClock()))
    return sink


def test_without_plugins_the_protocols_are_those_of_wsmon() -> None:
    protocols = PluginProtocols()
    assert (dict(protocols), told(protocols).events) == (PROTOCOLS, [])


def test_a_function_that_fails_is_one_event_however_often_it_fails(site: Path) -> None:
    install(site, "barks", HOUSE)
    protocols = PluginProtocols()
    sample = MessageSample("in", "text", b"x")
    # Before and after there is a sink
    protocols["barks"].recognise(sample)
    sink = told(protocols)
    protocols["barks"].recognise(sample)
    (event,) = sink.events
    assert (event.name, event.status, event.error_type) == ("self.plugin.failed", "error", "plugin")
    assert event.reason == "protocol barks failed in recognise"
    assert event.error == "LookupError at wsmon_barks.py:9"
    assert event.meta == {"plugin": "barks", "function": "recognise"}
    assert event.is_problem


def test_a_plugin_that_cannot_be_imported_stores_no_message(site: Path) -> None:
    install(site, "meows", "1 / 0")
    protocols = PluginProtocols()
    (event,) = told(protocols).events
    assert event.reason == "protocol meows could not be loaded; its messages are not stored"
    assert event.error == "plugin meows (wsmon_meows 1.0): ZeroDivisionError: division by zero"
    state = protocols["meows"].new_state()
    assert protocols["meows"].decode("in", "text", b"x", state) == UNREAD
    assert protocols["meows"].new_masks(state)["in"]("text", b"x") == (b"[FILTERED]", True)


def test_a_plugin_that_is_installed_later_is_there_after_a_reload(site: Path) -> None:
    protocols = PluginProtocols()
    assert "quacks" not in protocols
    install(site, "quacks", HOUSE)
    assert protocols["quacks"].name == "quacks"
    assert list(protocols["quacks"].new_masks(protocols["quacks"].new_state())) == []


def test_one_that_is_gone_stores_no_message() -> None:
    gone = PluginProtocols()["gone"]
    assert gone.new_masks(gone.new_state())["out"]("text", b"x") == (b"[FILTERED]", True)


DECODER = """
from wsmon.decoders.base import Decoder
HOUSE = Decoder("NAME", lambda payload, state, room: payload[::-1])
"""


def test_without_plugins_the_decoders_are_those_of_wsmon() -> None:
    decoders = PluginDecoders()
    assert (dict(decoders), told(decoders).events) == (DECODERS, [])


def test_a_decoder_that_cannot_be_imported_is_an_event_once(site: Path) -> None:
    install(site, "croaks", "1 / 0", "decoders")
    decoders = PluginDecoders()
    sink = told(decoders)
    with pytest.raises(KeyError):
        decoders["croaks"]
    (event,) = sink.events
    assert (event.name, event.status, event.error_type) == ("self.plugin.failed", "error", "plugin")
    assert event.reason == "decoder croaks could not be loaded; its messages are recorded as they come"
    assert event.error == "plugin croaks (wsmon_croaks 1.0): ZeroDivisionError: division by zero"
    assert event.meta == {"plugin": "croaks", "function": "import"}


def test_a_decoder_that_is_installed_after_the_start_is_found(site: Path) -> None:
    decoders = PluginDecoders()
    sink = told(decoders)
    install(site, "ribbits", DECODER, "decoders")
    install(site, "squeaks", "1 / 0", "decoders")
    assert decoders["ribbits"].decode(b"abc", None, 3) == b"cba"
    assert [event.meta for event in sink.events] == [{"plugin": "squeaks", "function": "import"}]
