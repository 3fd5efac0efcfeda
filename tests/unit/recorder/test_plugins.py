"""The protocols of plugins in a recorder: loaded at the start, their failures events, and looked for again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.engines import RecordingSink
from tests.support.fake_ports import FakeClock
from wsmon.protocols.base import UNREAD, MessageSample
from wsmon.protocols.registry import PROTOCOLS
from wsmon.recorder.plugins import PluginProtocols
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


def install(folder: Path, name: str, module: str) -> None:
    """Write a package with one protocol into a folder."""
    package = f"wsmon_{name}"
    (folder / f"{package}.py").write_text(module.replace("NAME", name))
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[wsmon.protocols]\n{name} = {package}:HOUSE\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def told(protocols: PluginProtocols) -> RecordingSink:
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
