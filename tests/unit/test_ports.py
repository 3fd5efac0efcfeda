"""Every port has an implementation whose methods take the same parameters, with the same defaults.

mypy checks types where an implementation is passed on; this finds a renamed parameter or another default, which callers
of the port would meet only at runtime.
"""

from __future__ import annotations

import inspect

import pytest

from tests.support.fake_ports import FakeView
from wsmon import ports
from wsmon.bus import Bus
from wsmon.clock import SystemClock
from wsmon.control.client import RecorderClient
from wsmon.model.detectors.sequence import SequenceDetector
from wsmon.store.notes import NotesFile
from wsmon.store.reader import Reader

IMPLEMENTATIONS: list[tuple[type, type]] = [
    (ports.Clock, SystemClock),
    (ports.EventSink, Bus),
    (ports.Detector, SequenceDetector),
    (ports.StoreView, Reader),
    (ports.StoreView, FakeView),
    (ports.CopyableStore, Reader),
    (ports.Notes, NotesFile),
    (ports.RecorderControl, RecorderClient),
]
CASES = [
    (port, implementation, name)
    for port, implementation in IMPLEMENTATIONS
    for name, member in inspect.getmembers(port, inspect.isfunction)
    if not name.startswith("_")
]


@pytest.mark.parametrize(("port", "implementation", "name"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_a_method_of_a_port_is_implemented_with_its_parameters(port: type, implementation: type, name: str) -> None:
    if implementation is SystemClock:
        # The clock's methods are those of the time module, which have no Python signature
        assert isinstance(getattr(SystemClock, name)(), int)
        return
    assert parameters(implementation, name) == parameters(port, name)


def parameters(of: type, name: str) -> list[tuple[str, object, object]]:
    """Name, kind and default of each parameter of a method."""
    signature = inspect.signature(getattr(of, name))
    return [(each.name, each.kind, each.default) for each in signature.parameters.values()]
