"""What a headless recorder says on stderr: what happens to its connections, a line each."""

from __future__ import annotations

from datetime import datetime

import click

from wsmon.model.events import Event
from wsmon.model.sanitize import sanitize
from wsmon.model.statuses import LABELS
from wsmon.model.verdict import why

LINE_CHARS = 200


class Talk:
    """Lines on stderr; a terminal that went away silences it, and recording goes on."""

    def __init__(self, is_quiet: bool) -> None:
        self._is_quiet = is_quiet

    def say(self, text: str) -> None:
        """One line, however the text came about."""
        if self._is_quiet:
            return
        try:
            click.echo(sanitize(text, LINE_CHARS), err=True)
        except OSError:
            self._is_quiet = True  # nobody is left to be told

    def tell(self, event: Event) -> None:
        """A problem, or a status that lasts; other events are in the store."""
        if event.is_problem or event.to_status not in (None, "connecting", "connected"):
            at = datetime.fromtimestamp(event.ts_ns / 1e9).astimezone().strftime("%H:%M:%S")
            self.say(f"{at}  {event.source.connection:<16}  {_sentence(event)}")


def _sentence(event: Event) -> str:
    if event.is_problem:
        return why(event) or event.reason or event.error or event.name
    if event.name == "connection.reconnect.attempt" and event.meta:
        return f"reconnecting, attempt {event.meta.get('attempt')} in {_seconds(event.meta.get('delay_ms'))} s"
    return LABELS[event.to_status] if event.to_status else event.name


def _seconds(delay_ms: object) -> str:
    return f"{delay_ms / 1000:.1f}" if isinstance(delay_ms, int | float) else "?"
