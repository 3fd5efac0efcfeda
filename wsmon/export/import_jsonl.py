"""Import of JSON Lines: events as ``export --format jsonl`` writes them, with their ids and runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from wsmon.export.event_line import LARGEST, EventLine, event_name, event_of_line, wall_ns_of
from wsmon.export.import_session import Fault, Incoming, Line, connection_name, line_problem
from wsmon.model.events import Event, Source
from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.text_cleaner import TextCleaner

_line_decoder = msgspec.json.Decoder(EventLine)


def jsonl_events(lines: Iterable[Line]) -> Iterator[Incoming]:
    """Iterate over the events of lines; a line that cannot be read is a fault, and the next one is read.

    Ids and runs must ascend, as in every store; otherwise the line is a fault. A missing id, run or monotonic time
    follows from the line before. What is a credential is masked, as it is when wsmon records.
    """
    before: Event | None = None
    cleaner = TextCleaner(Redactor())
    for number, line in enumerate(lines, 1):
        if isinstance(line, Fault):
            yield line
            continue
        if not line.strip():
            continue
        try:
            before = _event_of_line(_line_decoder.decode(line), before)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            yield Fault(number, line_problem(error, EventLine))
        else:
            yield cleaner.clean_event(before)


def _event_of_line(line: EventLine, before: Event | None) -> Event:
    name = event_name(line)
    if name is None:
        raise ValueError(f"`name` must be an event name of wsmon (got {line.name!r})")
    if line.recording:
        raise ValueError("`recording`: lines of several recordings are not one recording; export each and import them")
    event_id, run = _place(line, before)
    ts_ns, mono_ns = _times(line, before)
    return event_of_line(line, _source(line, run, before), name, ts_ns, mono_ns, event_id)


def _place(line: EventLine, before: Event | None) -> tuple[int, int]:
    """Id and run, which must follow those of the line before."""
    last_id, last_run = (before.id, before.source.run) if before else (0, 1)
    event_id = last_id + 1 if line.id is None else line.id
    if not last_id < event_id <= LARGEST:
        raise ValueError(f"`id` must be greater than {last_id}, the one before (got {event_id})")
    run = line.run or last_run
    if run < last_run:
        raise ValueError(f"`run` must not be less than {last_run}, the one before (got {run})")
    return event_id, run


def _source(line: EventLine, run: int, before: Event | None) -> Source:
    """The source of the line before if it is equal, so that the events of a session share one value."""
    source = Source(line.connection, line.group, line.trace_id, line.connection_id, run)
    if before is not None and before.source == source:
        return before.source
    # A name of wsmon stays as it is; another one could not be typed, or would move the cursor
    return msgspec.structs.replace(
        source,
        connection=connection_name(line.connection, "unnamed") if line.connection else "",
        group=connection_name(line.group, "unnamed") if line.group else "",
    )


def _times(line: EventLine, before: Event | None) -> tuple[int, int]:
    ts_ns = wall_ns_of(line)
    if ts_ns is None:
        raise ValueError("`ts` is missing")
    if line.mono_ns is not None:
        return ts_ns, line.mono_ns
    mono_ns = 0 if before is None else before.mono_ns + max(0, ts_ns - before.ts_ns)
    if mono_ns > LARGEST:
        raise ValueError("`ts` is too far from the time before")
    return ts_ns, mono_ns
