"""A mistake of the recording is reported to it once, and never reaches the traffic."""

from __future__ import annotations

from tests.support.relays import FakeListener
from wsmon.relay.listener import ListenerGuard


class TestListenerGuard:
    def test_after_a_mistake_nothing_is_told_but_the_end(self) -> None:
        listener = FakeListener(on_bytes=ZeroDivisionError())
        guard = ListenerGuard(listener)
        guard.tell(listener.on_eof, "application")
        guard.tell(listener.on_bytes, "server", b"a")
        guard.tell(listener.on_bytes, "server", b"b")
        guard.tell(listener.on_eof, "server")
        assert guard.end() == "closed"
        assert listener.calls == [
            ("on_eof", "application"),
            ("on_bytes", "server", b"a"),
            ("on_mistake", "ZeroDivisionError"),
            ("end",),
        ]

    def test_a_mistake_at_the_end_is_reported(self) -> None:
        listener = FakeListener(end=ZeroDivisionError())
        assert ListenerGuard(listener).end() == "disconnected"
        assert listener.names == ["end", "on_mistake"]

    def test_a_mistake_in_the_report_of_one_stays_here(self) -> None:
        listener = FakeListener(on_eof=ZeroDivisionError(), on_mistake=ValueError(), end=ZeroDivisionError())
        guard = ListenerGuard(listener)
        guard.tell(listener.on_eof, "server")
        assert guard.end() == "disconnected"
        assert listener.names == ["on_eof", "on_mistake", "end"]
