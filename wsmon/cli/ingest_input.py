"""Standard input of ``wsmon ingest``: lines are numbered, handed to a link, and counted when they are committed."""

from __future__ import annotations

import os
import select
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

import wsmon
from wsmon.cli.terminal import say
from wsmon.config.load import load
from wsmon.config.locate import find_config
from wsmon.config.specs import Configuration
from wsmon.control.ingest import INGEST_LINE_BYTES, IngestAnswer, IngestGreeting
from wsmon.control.link import ANSWER_S, Link, RecorderLink
from wsmon.control.lock import holder
from wsmon.errors import UsageError, WsmonError
from wsmon.export.event_line import EventLine
from wsmon.export.import_session import line_problem
from wsmon.model.sanitize import sanitize
from wsmon.trace.location import locate_store

READ_BYTES: Final = 64 * 1024
# How long a wait for answers may be before standard input is looked at again
LOOK_S: Final = 0.05
# Lines that are sent and not acknowledged: of a store that takes nothing, no more are read
MOST_UNACKED: Final = 20_000
# With room for the number
LONGEST_LINE_BYTES: Final = INGEST_LINE_BYTES - 64
# Refused lines that are named; more are counted
MOST_NAMED: Final = 20
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])


def ingest_stdin(store: Path | None, connection: str, group: str, environ: Mapping[str, str] = os.environ) -> int:
    """Store the lines of standard input; return how many were refused. They are named on stderr.

    Raises ``WsmonError`` where the store cannot be written, or the recorder ends before all is committed.
    """
    path = _store(store, environ)
    boot = _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.exists() else ""
    greeting = IngestGreeting(os.urandom(8).hex(), os.getpid(), wsmon.__version__, connection, group, boot)
    link = _link(path, greeting, environ)
    try:
        intake = _Input(link)
        intake.run()
    finally:
        link.close()
    noun = "event" if intake.stored == 1 else "events"
    refused = f", {intake.refused:,} refused" if intake.refused else ""
    say(f"stored {intake.stored:,} {noun} in {path}{refused}")
    return intake.refused


def _store(store: Path | None, environ: Mapping[str, str]) -> Path:
    try:
        return locate_store(os.fspath(store) if store else "", environ, Path.cwd())
    except UsageError as error:
        raise UsageError(error.what, "specify a store with --store") from error


def _link(store: Path, greeting: IngestGreeting, environ: Mapping[str, str]) -> Link:
    """The recorder of a store, or the store itself where none is running."""
    if holder(store) is not None:
        link = RecorderLink(store, greeting)
        try:
            link.greeted_within(ANSWER_S)
        except WsmonError:
            link.close()
            raise
        return link
    # Imported now: a recorder has them
    from wsmon.recorder.local_store import LocalStore

    return LocalStore(store, greeting, _configuration(environ))


def _configuration(environ: Mapping[str, str]) -> Configuration | None:
    """The configuration here, whose secrets are masked; None where there is none."""
    try:
        path = find_config(None, environ, Path.cwd())
    except UsageError:
        return None
    return load(path, environ).configuration


class _Input:
    """Standard input on its way through a link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lines = 0
        self.refused = 0
        self.stored = 0
        # Sent and not acknowledged; each has the number of its line
        self._unacked: deque[int] = deque()
        # Of those, refused: they are acknowledged, too
        self._faulty: set[int] = set()

    def run(self) -> None:
        """Send all lines, and wait until they are committed."""
        for chunk in self._chunks():
            self._link.send(b"".join(self._numbered(line) for line in chunk))
            self._take(0.0)
        while self._unacked or self._link.is_sending:
            self._take(1.0)

    def _chunks(self) -> Iterator[list[bytes]]:
        """Yield lines as they come; answers are taken while none come."""
        fd = sys.stdin.fileno()
        rest = b""
        while True:
            while len(self._unacked) > MOST_UNACKED or self._link.is_sending:
                self._take(1.0)
            # Nothing may be readable for long
            if not select.select([fd], [], [], LOOK_S)[0]:
                self._take(0.0)
                continue
            chunk = os.read(fd, READ_BYTES)
            *lines, rest = (rest + chunk).split(b"\n")
            if not chunk:
                yield [rest] if rest else []
                return
            # Enough of it to be refused
            rest = rest[: LONGEST_LINE_BYTES + 1]
            yield lines

    def _numbered(self, line: bytes) -> bytes:
        """The line with its number, or nothing where it is empty or no object."""
        self._lines += 1
        if not line.strip():
            return b""
        if len(line) > LONGEST_LINE_BYTES:
            self._refuse(self._lines, f"a line has at most {LONGEST_LINE_BYTES:,} bytes")
            return b""
        try:
            keys = _objects.decode(line)
        except (ValueError, OverflowError, RecursionError) as error:
            self._refuse(self._lines, line_problem(error, EventLine))
            return b""
        if "seq" in keys:
            self._refuse(self._lines, "seq: lines from standard input are numbered by wsmon")
            return b""
        self._unacked.append(self._lines)
        body = line.strip()[1:]
        return b'{"seq":%d%b%b\n' % (self._lines, b"," if keys else b"", body)

    def _take(self, wait_s: float) -> None:
        answers = self._link.exchange(wait_s)
        if answers is None:
            raise WsmonError(
                f"the recorder stopped before {len(self._unacked):,} lines were stored",
                f"the first of them is line {self._unacked[0]:,}" if self._unacked else "",
            )
        for answer in answers:
            self._take_answer(answer)

    def _take_answer(self, answer: IngestAnswer) -> None:
        if answer.error:
            self._faulty.add(answer.seq)
            self._refuse(answer.seq, answer.error)
        while answer.acked is not None and self._unacked and self._unacked[0] <= answer.acked:
            line = self._unacked.popleft()
            self.stored += line not in self._faulty
            self._faulty.discard(line)

    def _refuse(self, line: int, problem: str) -> None:
        self.refused += 1
        if self.refused <= MOST_NAMED:
            say(f"line {line:,}: {sanitize(problem)}")
        elif self.refused == MOST_NAMED + 1:
            say("…")
