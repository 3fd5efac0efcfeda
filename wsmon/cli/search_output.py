"""Events on stdout: one a line, for people or as JSON."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable
from datetime import UTC

from wsmon.cli.terminal import binary_stdout
from wsmon.cli.times import shown_time
from wsmon.export.jsonl import event_json
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.sanitize import decode, sanitize
from wsmon.model.statuses import LABELS
from wsmon.model.verdict import why

CONTENT_CHARS = 2_000
# of a message in a pipe: enough to grep; --json has all of it
NAME_CHARS = 16
KIND_CHARS = 18

_ARROWS = {"in": "↓", "out": "↑", "": "·"}

Format = Callable[[Event], bytes]


def as_json(event: Event) -> bytes:
    """A line of JSON."""
    return event_json(event) + b"\n"


def as_text(*, utc: bool) -> Format:
    """How events become lines for people; cut to the width of the terminal where stdout is one."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    encoding = sys.stdout.encoding

    def line(event: Event) -> bytes:
        return f"{event_line(event, width, utc=utc)}\n".encode(encoding, "replace")

    return line


def event_line(event: Event, width: int | None, *, utc: bool) -> str:
    """When, where, which way, what, and how much; ``width`` in characters, ``None`` for as long as it gets."""
    name = sanitize(event.source.connection or "wsmon", NAME_CHARS)
    size = "" if event.size is None else fmt.size(event.size)
    arrow = "✕" if event.is_problem else _ARROWS[event.direction]
    kind = sanitize(_kind(event), KIND_CHARS)
    head = f"{shown_time(event.ts_ns, UTC if utc else None)}  {name:<{NAME_CHARS}}  {arrow} {kind:<{KIND_CHARS}}"
    room = CONTENT_CHARS if width is None else max(0, width - len(head) - len(size) - 3)
    content = _content(event, room) if room else ""
    if not size:
        return f"{head}  {content}".rstrip()
    gap = 1 if width is None else max(1, width - len(head) - 2 - len(content) - len(size))
    return f"{head}  {content}{' ' * gap}{size}"


def write(events: Iterable[Event], line: Format) -> None:
    """Print events, and let whoever reads see them at once."""
    stdout = binary_stdout()
    stdout.write(b"".join(map(line, events)))
    stdout.flush()


def _kind(event: Event) -> str:
    if event.to_status is not None:
        return LABELS[event.to_status]
    if event.type:
        return event.type
    return event.opcode if event.category == "message" else event.name


def _content(event: Event, limit: int) -> str:
    if event.payload is not None and event.category == "message":
        return decode(event.payload, limit)
    return sanitize(why(event) or event.error or event.reason or event.error_type, limit)
