"""Incident bundles: one file with the events around incidents, and a manifest that says what they are.

The events are selected and copied as an export to SQLite does it (``run.part_of_store``). The recorder has bundles
written by ``wsmon bundle``, in a process of its own (recorder/bundles.py).
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

import wsmon
from wsmon.errors import UsageError, WsmonError
from wsmon.export.jsonl import rfc3339
from wsmon.export.run import (
    ExportReport,
    ExportRequest,
    IncidentSelection,
    Progress,
    ignore_progress,
    part_of_store,
    scope_of_incident,
    selection_of,
)
from wsmon.export.selection import Selection
from wsmon.export.sink import whole_path
from wsmon.model.bundle import (
    DISCONNECT,
    SCHEMA,
    SUFFIX,
    BundledEvents,
    BundledIncident,
    BundledLoss,
    BundledRun,
    BundleManifest,
    BundlePeriod,
    BundleVersions,
    ManifestSettings,
)
from wsmon.model.events import Event
from wsmon.model.units import SECOND_NS, format_duration, format_size
from wsmon.ports import CopyableStore, StoreView
from wsmon.query.ast import Exact, FieldTerm, Or, Query, Range, Term

# Of the losses in a period, for the manifest; the newest say what happened
MOST_LOSSES: Final = 20
# Events that prove incidents and happened before the period
MOST_EVIDENCE: Final = 200
# Of the beginning of a session: its dial, its handshake, its subscriptions
MOST_BEGINNING: Final = 50
_LOST = FieldTerm("name", (Exact("connection.disconnected"),))
_OF_RECORDER = FieldTerm("kind", (Exact("self"),))
# Of a bundle with less and less time around the incidents, until it is not larger than its limit
TRIES: Final = 3
# Traffic differs from moment to moment, and is often densest where something happens
SAFETY: Final = 0.8
# How sessions began: transitions of the connection, subscriptions and logins, without secrets as all of it
_BEGINNING = FieldTerm("kind", (Exact("connection"), Exact("subscription"), Exact("auth")))


@dataclass(frozen=True, slots=True)
class BundleRequest:
    """What a bundle is about, and where it goes."""

    incidents: tuple[int, ...]
    """Ids of events that opened incidents, or of losses."""
    target: Path
    before_s: float
    after_s: float
    made_by: Literal["recorder", "command"]
    made_ns: int
    """Wall time; the period ends then at the latest."""
    host: str
    settings: ManifestSettings
    until_ns: int | None = None
    """The end of the period, wall time; None = ``after_s`` after the end of the last incident."""
    is_stopping: bool = False
    """Whether the recorder stops, and the period ends with it."""
    more_incidents: int = 0
    not_bundled: int = 0
    limit_bytes: int | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class BundleReport:
    """A bundle that was written."""

    manifest: BundleManifest
    size_bytes: int
    seal: str


def write_bundle(request: BundleRequest, view: CopyableStore, progress: Progress = ignore_progress) -> BundleReport:
    """Write a bundle, which is there whole or not at all; of one that would be too large, less of the time around.

    Raises ``UsageError`` where none of the events is an incident (of those that a command names: where one is not),
    ``WsmonError`` where even a short time is larger than the limit or the disk is full, and what ``run.run_export``
    raises.
    """
    if request.target.suffix != SUFFIX:
        raise UsageError(f"{request.target.name} is not the name of a bundle", f"it ends with {SUFFIX}")
    scopes = _scopes(request, view)
    share = 1.0
    for _ in range(TRIES):
        try:
            return _write(request, view, scopes, share, progress)
        except _TooLargeError as error:
            share *= SAFETY * error.share
    assert request.limit_bytes is not None
    raise WsmonError(
        f"the bundle of incident {scopes[0].opened.id} would be larger than bundle.size, "
        f"{format_size(request.limit_bytes)}",
        "raise bundle.size, or shorten bundle.before and bundle.after",
    )


class _TooLargeError(Exception):
    """The bundle would be larger than its limit."""

    def __init__(self, share: float) -> None:
        """``share`` of its events had the size of the limit."""
        super().__init__()
        self.share = share


def _write(
    request: BundleRequest, view: CopyableStore, scopes: tuple[IncidentSelection, ...], share: float, progress: Progress
) -> BundleReport:
    """Write a bundle with a share of the time before and after."""
    recorded_ns = view.period()[1]
    period = _period(request, scopes, recorded_ns, share)
    names = tuple(dict.fromkeys(scope.opened.source.connection for scope in scopes))
    selection = selection_of(
        ExportRequest("sqlite", request.target, _query(names), since_ns=period[0], until_ns=period[1]), view
    )
    with whole_path(request.target, overwrite=request.overwrite) as part:
        log = part.with_name(f"{part.name}-wal")
        # Older events are not kept, or were deleted by retention before they were copied
        is_cut = selection.first_id <= view.bounds().oldest_id
        copied = 0

        def step(seen: int, written: int) -> None:
            nonlocal is_cut, copied
            is_cut = is_cut or view.bounds().oldest_id > selection.first_id + copied
            copied = seen
            size_bytes = sum(each.stat().st_size for each in (part, log) if each.exists())
            _check_size(request, size_bytes, seen / max(1, selection.ids))
            if not progress(ExportReport(seen, selection.ids, written, size_bytes)):
                raise InterruptedError("the bundle was ended")

        earlier = _earlier(view, scopes, selection)
        part_of_store(view, part, selection, step, earlier)
        manifest = _manifest(request, view, scopes, (*period, recorded_ns, share), selection, earlier, is_cut=is_cut)
        seal = view.seal(part, msgspec.json.encode(manifest).decode())
        size_bytes = part.stat().st_size
        # With the index of the search, which comes last
        _check_size(request, size_bytes, 1.0)
    return BundleReport(manifest, size_bytes, seal)


def _check_size(request: BundleRequest, size_bytes: int, share: float) -> None:
    """Raise ``_TooLargeError`` where a file with a share of the events is larger than the limit."""
    if request.limit_bytes is not None and size_bytes > request.limit_bytes:
        raise _TooLargeError(share * request.limit_bytes / size_bytes)


def _scopes(request: BundleRequest, view: StoreView) -> tuple[IncidentSelection, ...]:
    """The incidents that are still kept; raises ``UsageError`` where none is, or one is not that the user named."""
    scopes: dict[int, IncidentSelection] = {}
    fault: UsageError | None = None
    for each in request.incidents:
        try:
            scope = scope_of_incident(view, each, 0)
        except UsageError as error:
            fault = fault or error
        else:
            scopes.setdefault(scope.opened.id, scope)
    if not scopes or (fault is not None and request.made_by == "command"):
        raise fault or UsageError("no incident is named", "use --incident ID")
    return tuple(scopes.values())


def _period(
    request: BundleRequest, scopes: tuple[IncidentSelection, ...], recorded_ns: int, share: float
) -> tuple[int, int]:
    """Beginning and end of the period, wall times, the end not included; of the time around, a share."""
    opened_ns = [scope.opened.ts_ns for scope in scopes]
    since_ns = min(opened_ns) - round(share * request.before_s * SECOND_NS)
    # The end of what was recorded is now where the recorder still runs
    until_ns = min(request.made_ns, recorded_ns + 1, _wanted_end(request, scopes))
    if share < 1:
        # Also of an incident that lasts
        until_ns = min(until_ns, max(opened_ns) + round(share * request.after_s * SECOND_NS) + 1)
    return since_ns, until_ns


def _wanted_end(request: BundleRequest, scopes: tuple[IncidentSelection, ...]) -> int:
    ends = [_end_of(scope) for scope in scopes]
    last_ns = max((end for end in ends if end is not None), default=0)
    if request.until_ns is not None:
        return request.until_ns
    # An incident that goes on: up to now
    return request.made_ns if None in ends else last_ns + round(request.after_s * SECOND_NS) + 1


def _end_of(scope: IncidentSelection) -> int | None:
    """Wall time at which an incident ended, or a loss happened; None = it goes on."""
    if scope.closed is not None:
        return scope.closed.ts_ns
    return scope.opened.ts_ns if scope.opened.name != "incident.opened" else None


def _query(names: tuple[str, ...]) -> Query:
    """Events of the connections, and of the recorder itself: that may be at fault; all where an incident is of it."""
    if "" in names:
        return Query()
    connections = FieldTerm("connection", tuple(Exact(name) for name in names))
    return Query((Or((connections, _OF_RECORDER)),))


def _earlier(view: StoreView, scopes: tuple[IncidentSelection, ...], selection: Selection) -> tuple[Event, ...]:
    """Events before the period: the evidence of incidents, and how the sessions of the period began."""
    first_id = selection.first_id
    ids = {each for scope in scopes for each in _evidence(scope) if each < first_id}
    events = {event.id: event for event in view.events_by_id(tuple(sorted(ids)[-MOST_EVIDENCE:]))}
    for session in dict.fromkeys(scope.opened.source.connection_id for scope in scopes):
        if session:
            of_session = Query((FieldTerm("session", (Exact(session),)), _BEGINNING))
            events |= {event.id: event for event in view.events_before(first_id, MOST_BEGINNING, of_session)}
    return tuple(events[each] for each in sorted(events))


def _evidence(scope: IncidentSelection) -> Iterator[int]:
    for event in (scope.opened, scope.closed):
        if event is None:
            continue
        found = (event.meta or {}).get("evidence")
        yield from (each for each in found if isinstance(each, int)) if isinstance(found, list | tuple) else ()
        yield from event.verdict.evidence if event.verdict is not None else ()


def _manifest(
    request: BundleRequest,
    view: CopyableStore,
    scopes: tuple[IncidentSelection, ...],
    times: tuple[int, int, int, float],
    selection: Selection,
    earlier: tuple[Event, ...],
    *,
    is_cut: bool,
) -> BundleManifest:
    """``times``: beginning and end of the period, end of the recording, share of the time that was asked for."""
    since_ns, until_ns, recorded_ns, share = times
    return BundleManifest(
        schema=SCHEMA,
        made=rfc3339(request.made_ns),
        made_by=request.made_by,
        host=request.host,
        store_id=view.store_id,
        incidents=tuple(_bundled(scope) for scope in scopes),
        more_incidents=request.more_incidents,
        not_bundled=request.not_bundled,
        losses=_losses(view, selection),
        period=BundlePeriod(
            since=rfc3339(since_ns),
            until=rfc3339(until_ns),
            before_s=request.before_s,
            after_s=request.after_s,
            before_cut_short=is_cut,
            after_cut_short=_cut_short(request, scopes, until_ns, recorded_ns) if share == 1 else "",
            size_cut_short=_shortened(request, share),
        ),
        events=BundledEvents(
            count=selection.written + len(earlier),
            first_id=selection.first_id,
            last_id=selection.last_id,
            earlier=len(earlier),
        ),
        runs=tuple(
            BundledRun(
                run=run.run,
                version=run.version,
                started=rfc3339(run.started_ns),
                configuration=Path(run.configuration).name if run.configuration.startswith("/") else "",
                digest=run.digest,
            )
            for run in view.runs()
            if run.run in {scope.opened.source.run for scope in scopes}
        ),
        versions=BundleVersions(
            wsmon=wsmon.__version__,
            python=platform.python_version(),
            sqlite=view.sqlite_version,
            platform=platform.platform(terse=True),
        ),
        configuration=request.settings,
    )


def _bundled(scope: IncidentSelection) -> BundledIncident:
    opened = scope.opened
    is_incident = opened.name == "incident.opened"
    return BundledIncident(
        id=opened.id,
        kind=opened.type if is_incident else DISCONNECT,
        connection=opened.source.connection,
        opened=rfc3339(opened.ts_ns),
        closed=rfc3339(scope.closed.ts_ns) if scope.closed is not None else "",
        sentence=opened.reason if is_incident or opened.verdict is None else opened.verdict.cause,
        evidence=tuple(dict.fromkeys(_evidence(scope))),
    )


def _losses(view: StoreView, selection: Selection) -> tuple[BundledLoss, ...]:
    terms: tuple[Term, ...] = (
        *selection.query.terms,
        _LOST,
        FieldTerm("id", (Range(selection.first_id, selection.last_id),)),
    )
    found = view.events_before(selection.last_id + 1, MOST_LOSSES, Query(terms))
    return tuple(
        BundledLoss(id=event.id, at=rfc3339(event.ts_ns), connection=event.source.connection, verdict=event.verdict)
        for event in reversed(found)
        if event.verdict is not None
    )


def _shortened(request: BundleRequest, share: float) -> str:
    """Why there is less time around the incidents; empty where there is not."""
    if share == 1 or request.limit_bytes is None:
        return ""
    before, after = (format_duration(round(share * each, 1)) for each in (request.before_s, request.after_s))
    size = format_size(request.limit_bytes)
    return f"shortened to {before} before and {after} after: the whole would be larger than bundle.size, {size}"


def _cut_short(request: BundleRequest, scopes: tuple[IncidentSelection, ...], until_ns: int, recorded_ns: int) -> str:
    """Why there is less time after the last incident than asked for; empty where there is not."""
    why = "the recording ended" if until_ns > recorded_ns else "it was made"
    if request.is_stopping:
        why = "the recorder was stopped"
    if request.made_by == "recorder":
        # It waits for the time after an incident opened: it may last for days
        last_ns, place = max(scope.opened.ts_ns for scope in scopes), "opened"
    else:
        ends = [_end_of(scope) for scope in scopes]
        if None in ends:
            return f"the last incident was still open when {why}"
        last_ns, place = max(end for end in ends if end is not None), "ended"
    kept_s = max(0.0, (until_ns - last_ns) / SECOND_NS)
    if kept_s >= request.after_s:
        return ""
    missing_s = request.after_s - kept_s
    return (
        f"{why} {kept_s:.1f} s after the last incident {place}, so {missing_s:.1f} s of the time after it are missing"
    )
