"""What ``wsmon search`` prints: matches as lines or JSON, page by page, how many, or as they are recorded."""

from __future__ import annotations

import shutil
import sys
import time
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from datetime import UTC

from wsmon.cli.terminal import SearchLine, binary_stdout, say, shown_time
from wsmon.clock import SystemClock
from wsmon.errors import StoreError
from wsmon.model import units as fmt
from wsmon.model.ends import why
from wsmon.model.events import Event
from wsmon.model.ranges import Ranking, SearchProgress
from wsmon.model.sanitize import decode, sanitize
from wsmon.model.statuses import LABELS
from wsmon.model.units import SECOND_NS
from wsmon.ports import FollowedView, StoreView
from wsmon.query.ast import Query
from wsmon.query.predicate import unsatisfiable

# Events printed to a terminal when no limit is given.
TERMINAL_LIMIT = 100

# Events in memory at once, with a payload of up to 64 KiB each.
PAGE_EVENTS = 200

# How often --follow checks whether something was committed.
FOLLOW_POLL_S = 0.1

# How long a store may be unreadable while its recorder makes a new one in its place.
RENEWAL_S = 5.0

# Characters of a message in a pipe: enough to grep; --json has all of it.
CONTENT_CHARS = 2_000
NAME_CHARS = 16
# More, where the name of the recording stands before that of the connection
RECORDING_CHARS = 8
KIND_CHARS = 18

_ARROWS = {"in": "↓", "out": "↑", "": "·"}

Format = Callable[[Event], bytes]
# Told the first id that is missing, and the oldest one that is kept
SayTruncated = Callable[[int, int], None]


def print_matches(
    view: FollowedView,
    query: Query,
    period: tuple[int, int],
    limit: int | None,
    line: Format,
    *,
    newest_first: bool,
    utc: bool,
) -> None:
    """Print the matches with ids in ``period``; on a terminal at most ``TERMINAL_LIMIT`` where ``limit`` is None."""
    first_id, last_id = period
    progress = SearchLine(UTC if utc else None, newest_first=newest_first, clock=SystemClock())
    search = view.search(query, first_id, last_id, newest_first=newest_first)
    if limit is None and sys.stdout.isatty():
        limit = TERMINAL_LIMIT
    printed = _print_pages(search, view, line, limit, progress) if limit != 0 else 0
    _explain_end(query, printed, limit, max(0, last_id - first_id + 1))


def print_ranked(
    view: FollowedView,
    query: Query,
    period: tuple[int, int],
    limit: int | None,
    line: Format,
    ranking: Ranking,
) -> None:
    """Print the slowest or largest matches with ids in ``period``; ``TERMINAL_LIMIT`` where ``limit`` is None."""
    first_id, last_id = period
    limit = TERMINAL_LIMIT if limit is None else limit
    ids: tuple[int, ...] = ()
    if limit:
        progress = SearchLine(None, newest_first=True, clock=SystemClock())
        with closing(view.top(query.within(first_id, last_id), ranking, limit)) as search, progress:
            for found in search:
                ids = found.ids
                progress.say(f"looked at {found.searched:,} events")
    for start in range(0, len(ids), PAGE_EVENTS):
        page = ids[start : start + PAGE_EVENTS]
        by_id = {event.id: event for event in view.events_by_id(page)}
        write([by_id[event_id] for event_id in page if event_id in by_id], line)
    _explain_end(query, len(ids), limit, max(0, last_id - first_id + 1))


def _print_pages(
    search: Generator[SearchProgress], view: StoreView, line: Format, limit: int | None, progress: SearchLine
) -> int:
    """Print matches as they are found, a page at a time, in the order of the search; return how many."""
    printed = 0
    with closing(search), progress:
        for searched in search:
            ids = searched.ids[::-1] if progress.newest_first else searched.ids
            for page in _pages(ids if limit is None else ids[: limit - printed]):
                events = view.events_by_id(page)
                progress.clear()
                write(events, line)
                printed += len(page)
            if printed == limit:
                break
            progress.show(searched, printed)
    return printed


def _pages(ids: array[int]) -> Iterator[tuple[int, ...]]:
    return (tuple(ids[start : start + PAGE_EVENTS]) for start in range(0, len(ids), PAGE_EVENTS))


def _explain_end(query: Query, printed: int, limit: int | None, event_count: int) -> None:
    """Print on a terminal why there is no match, or that there may be more than was printed."""
    if not sys.stdout.isatty() or not sys.stderr.isatty():
        return
    if not printed:
        never = unsatisfiable(query)
        say(f"no match in {event_count:,} events{never and f': {never}'}")
    elif limit is not None and printed == limit:
        say(f"showing the first {limit:,} matches; use --limit for more")


def count_matches(view: FollowedView, query: Query, period: tuple[int, int], limit: int | None, *, utc: bool) -> int:
    """Return how many events with ids in ``period`` match, at most ``limit``."""
    found = 0
    progress = SearchLine(UTC if utc else None, newest_first=True, clock=SystemClock())
    with closing(view.search(query, *period, newest_first=True)) as search, progress:
        for searched in search:
            found += len(searched.ids)
            if limit is not None and found >= limit:
                found = limit
                break
            progress.show(searched, found)
    return found


def start_of_follow(view: FollowedView, since_ns: int | None, since_id: int | None) -> int:
    """Return the id after which to follow: that of ``--since-id``, of a time, or the newest one."""
    last_id = view.bounds().last_id
    if since_id is not None:
        if since_id > last_id:
            say(f"wsmon: there is no event {since_id} yet: following after {last_id}, the newest")
        return since_id
    return last_id if since_ns is None else view.id_at(since_ns) - 1


def resumed(period: tuple[int, int], since_id: int, say_truncated: SayTruncated) -> tuple[int, int]:
    """Return the part of a closed range of ids after ``since_id``, and say where its beginning is no longer kept."""
    oldest_id, last_id = period
    first_id = max(0, since_id) + 1
    if first_id < oldest_id:
        say_truncated(first_id, oldest_id)
    return max(first_id, oldest_id), last_id


def follow(
    view: FollowedView, query: Query, after_id: int, limit: int | None, line: Format, say_truncated: SayTruncated
) -> None:
    """Print matches after an id, and as they are committed, until ``limit`` were printed.

    Goes on over restarts of the recorder, and in the new store that a recorder makes in place of a damaged one.
    """
    from wsmon.feed import Feed

    feed = Feed(view, after_id, query)
    version = -1
    left = limit
    clock = SystemClock()
    failed_ns = 0
    while left is None or left > 0:
        try:
            if version == (newest := view.data_version()):
                time.sleep(FOLLOW_POLL_S)
                continue
            expected_id = feed.cursor + 1
            page = feed.poll(PAGE_EVENTS if left is None else min(left, PAGE_EVENTS))
        except StoreError:
            failed_ns = failed_ns or clock.mono_ns()
            if clock.mono_ns() - failed_ns > RENEWAL_S * SECOND_NS:
                raise
            time.sleep(FOLLOW_POLL_S)
            continue
        failed_ns = 0
        if page.truncated is not None:
            say_truncated(expected_id, page.truncated)
        write(page.events, line)
        left = None if left is None else left - len(page.events)
        if not page.is_behind:
            version = newest
        elif not page.events and page.truncated is None:
            # The new store has no run yet
            time.sleep(FOLLOW_POLL_S)


def truncation(*, is_json: bool) -> SayTruncated:
    """Return how events that are no longer kept are said: on stderr, and in JSON as a line without ``id``."""

    def say_truncated(expected_id: int, oldest_id: int) -> None:
        if is_json:
            stdout = binary_stdout()
            stdout.write(b'{"truncated":true,"oldest_id":%d}\n' % oldest_id)
            stdout.flush()
        if oldest_id < expected_id:
            say(f"wsmon: the store was replaced by a new one: continuing with event {oldest_id}")
        else:
            missing = (
                f"event {expected_id} is"
                if oldest_id - expected_id == 1
                else (f"events {expected_id} to {oldest_id - 1} are")
            )
            say(f"wsmon: truncated: {missing} no longer in the store, continuing with event {oldest_id}")

    return say_truncated


def as_json(own_event: Callable[[Event], Event] | None = None) -> Format:
    """Return the format of lines of JSON; ``own_event`` returns an event as its recording has it."""
    # Imported now: lines for people need none of it.
    from wsmon.export.jsonl import event_json

    return lambda event: event_json(own_event(event) if own_event else event) + b"\n"


def as_text(*, utc: bool) -> Format:
    """Return the format of lines for people; they are cut to the width of the terminal where stdout is one."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    encoding, errors = sys.stdout.encoding, sys.stdout.errors or "replace"

    def line(event: Event) -> bytes:
        return f"{event_line(event, width, utc=utc)}\n".encode(encoding, errors)

    return line


def event_line(event: Event, width: int | None, *, utc: bool) -> str:
    """Return time, connection, direction, kind, content and size; ``width`` in characters, None = no limit."""
    name_chars = NAME_CHARS + (RECORDING_CHARS if event.source.recording else 0)
    name = sanitize(event.source.connection or f"{event.source.recording}/wsmon".lstrip("/"), name_chars)
    size = "" if event.size is None else fmt.size(event.size)
    arrow = "✕" if event.is_problem else _ARROWS[event.direction]
    kind = sanitize(_kind(event), KIND_CHARS)
    head = f"{shown_time(event.ts_ns, UTC if utc else None)}  {name:<{name_chars}}  {arrow} {kind:<{KIND_CHARS}}"
    room = CONTENT_CHARS if width is None else max(0, width - len(head) - len(size) - 3)
    content = _content(event, room) if room else ""
    if not size:
        return f"{head}  {content}".rstrip()
    gap = 1 if width is None else max(1, width - len(head) - 2 - len(content) - len(size))
    return f"{head}  {content}{' ' * gap}{size}"


def write(events: Iterable[Event], line: Format) -> None:
    """Print events, and flush, so that the reader sees them at once."""
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
