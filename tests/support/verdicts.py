"""Verdicts as the store comes to them: events of connections are judged one after the other, and then remembered."""

from __future__ import annotations

import msgspec

from wsmon.model.events import Event, Verdict
from wsmon.model.verdict import Histories, History, judge


class Court:
    """Gives ids from 1 on, judges, and remembers."""

    def __init__(self) -> None:
        self.histories = Histories()
        self.last_id = 0

    def judge(self, *events: Event) -> Verdict | None:
        """See the events; the verdict on the last one."""
        verdict = None
        for event in events:
            self.last_id += 1
            verdict = judge(event, self.histories.of(event.source.connection))
            self.histories.observe(msgspec.structs.replace(event, id=self.last_id))
        return verdict

    def verdict(self, *events: Event) -> Verdict:
        """The verdict on the last event, which has one."""
        verdict = self.judge(*events)
        assert verdict is not None
        return verdict


def alone(event: Event) -> Verdict:
    """The verdict on an event without a history."""
    verdict = judge(event, History())
    assert verdict is not None
    return verdict
