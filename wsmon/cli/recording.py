"""What a headless recorder says on stderr: what happens to its connections, a line each.

Nobody waits for whoever reads it: a pipe that is full, or a terminal that is held, delays its own lines alone.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from datetime import datetime
from types import TracebackType
from typing import Self

from wsmon.cli.log_file import LogFile
from wsmon.model.events import Event
from wsmon.model.sanitize import sanitize
from wsmon.model.statuses import LABELS
from wsmon.model.verdict import why

LINE_CHARS = 200
STDERR_FD = 2
# written to directly: a thread that is stuck in sys.stderr would hold its lock when the interpreter ends
LINES_WAITING = 1_000
# what a reader may be behind; older ones are dropped, and counted
END_S = 0.2
# how long the last lines may take


class Talk(logging.Handler):
    """Lines on stderr, written by a thread of their own; a reader that went away silences it.

    While it is entered, warnings of the program's own loggers are told as well.
    """

    def __init__(self, *, is_quiet: bool, fd: int = STDERR_FD) -> None:
        """``is_quiet``: warnings and errors only."""
        super().__init__(logging.WARNING)
        self._is_quiet = is_quiet
        self._fd = fd
        self._log: LogFile | None = None
        # where the lines end up, if that is a file of the recorder's own
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._is_ending = False
        self._changed = threading.Condition()
        # guards the three above
        self._thread = threading.Thread(target=self._write, name="talk", daemon=True)
        # daemon: it may be stuck in a write for ever

    def __enter__(self) -> Self:
        self._thread.start()
        logging.getLogger().addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        logging.getLogger().removeHandler(self)
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        self._thread.join(END_S)
        self.close()

    def keep_small(self, log: LogFile) -> None:
        """Rotate this log when it has grown, in case it is where the lines go."""
        self._log = log

    def say(self, text: str) -> None:
        """One line, however the text came about."""
        if not self._is_quiet:
            self._put(sanitize(text, LINE_CHARS))

    def tell(self, event: Event) -> None:
        """A problem, or a status that lasts; other events are in the store."""
        if not self._is_quiet and (event.is_problem or event.to_status not in (None, "connecting", "connected")):
            at = datetime.fromtimestamp(event.ts_ns / 1e9).astimezone().strftime("%H:%M:%S")
            self.say(f"{at}  {event.source.connection:<16}  {_sentence(event)}")

    def emit(self, record: logging.LogRecord) -> None:
        """A warning or an error, with its traceback where it has one."""
        for line in self.format(record).splitlines():
            self._put(sanitize(line, LINE_CHARS))

    def _put(self, line: str) -> None:
        with self._changed:
            if len(self._lines) == LINES_WAITING:
                self._lines.popleft()
                self._dropped += 1
            self._lines.append(line)
            self._changed.notify()

    def _write(self) -> None:
        try:
            while text := self._take():
                octets = text.encode()
                while octets:
                    octets = octets[os.write(self._fd, octets) :]
                self._rotate()
        except OSError:
            self._is_quiet = True  # nobody is left to be told

    def _rotate(self) -> None:
        if self._log is None:
            return
        try:
            self._log.rotate(self._fd)
        except OSError as error:
            self._log = None  # a log that grows is better than none
            self._put(f"the log is not rotated any more: {error}")

    def _take(self) -> str:
        """What waits; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._is_ending)
            lines = [f"({self._dropped:,} lines left out)"] if self._dropped else []
            lines += self._lines
            self._lines.clear()
            self._dropped = 0
        return "".join(f"{line}\n" for line in lines)


def _sentence(event: Event) -> str:
    if event.is_problem:
        return why(event) or event.reason or event.error or event.name
    if event.name == "connection.reconnect.attempt" and event.meta:
        said = f"reconnecting, attempt {event.meta.get('attempt')} in {_seconds(event.meta.get('delay_ms'))} s"
        return f"{said}, {event.reason}" if event.reason else said
    return LABELS[event.to_status] if event.to_status else event.name


def _seconds(delay_ms: object) -> str:
    return f"{delay_ms / 1000:.1f}" if isinstance(delay_ms, int | float) else "?"
