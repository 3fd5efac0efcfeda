"""Verdicts as the store gives them: events are judged in order, each with the history before it; builders of ends."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.support.builders import event, loss, refused
from wsmon.model.events import CloseBy, Event, Verdict
from wsmon.model.verdict.history import Histories, History
from wsmon.model.verdict.judge import judge
from wsmon.model.verdict.last_words import LastMessages


class VerdictHarness:
    """Numbers events from 1 on, judges each, and adds it to the history of its connection."""

    def __init__(self) -> None:
        self.histories = Histories()
        self.last_id = 0
        self._said: dict[str, LastMessages] = {}

    def judge(self, *events: Event) -> Verdict | None:
        """Take events; return the verdict on the last one."""
        verdict = None
        for each in events:
            self.last_id += 1
            connection = each.source.connection
            said = self._said.get(connection)
            if each.name == "connection.started":
                self._said.pop(connection, None)
            elif each.name == "message.received":
                self._said[connection] = LastMessages.after(said, each)
            elif each.name == "message.sent" and said is not None:
                self._said[connection] = said._replace(sent_ns=each.mono_ns)
            verdict = judge(each, self.histories.of(connection), self._said.get(connection))
            self.histories.observe(msgspec.structs.replace(each, id=self.last_id))
        return verdict

    def verdict(self, *events: Event) -> Verdict:
        """Take events; return the verdict on the last one, which must have one."""
        verdict = self.judge(*events)
        assert verdict is not None
        return verdict


def alone(event: Event) -> Verdict:
    """Return the verdict on an event without a history."""
    verdict = judge(event, History())
    assert verdict is not None
    return verdict


def attempt(error_type: str, error: str, by: CloseBy = "network") -> Event:
    """Build a dial that failed before an HTTP answer."""
    return refused(status=None, error_type=error_type, error=error, close_by=by, meta={"attempt": 2, "open": False})


def broken(error_type: str, error: str = "it broke", by: CloseBy = "network", **fields: Any) -> Event:
    """Build the end of an open connection without a close frame of the peer."""
    return loss(code=None, by=by, reason="", open_s=90.0, error_type=error_type, error=error, **fields)


def silent(last_in_ms: float | None) -> Event:
    """Build the end of an open connection that our heartbeat gave up, 20 s after its ping."""
    ages = {} if last_in_ms is None else {"last_in_ms": last_in_ms}
    said = "closed by wsmon: no pong for 20 s"
    meta = {"attempt": 1, "open": True, "last_out_ms": 20_000.0, **ages}
    return loss(21, code=1011, by="heartbeat", reason="", error_type="heartbeat_timeout", error=said, meta=meta)


def missed() -> Event:
    """Build the event of the ping that was not answered."""
    return event(
        "heartbeat.timeout",
        21,
        "deribit",
        size=0,
        duration_ns=20_000_000_000,
        error_type="heartbeat_timeout",
        error="no",
    )
