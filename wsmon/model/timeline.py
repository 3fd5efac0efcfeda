"""The timeline of connections: status segments, losses and incidents over a period, and their division into cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, get_args

from wsmon.model.statuses import Status


@dataclass(frozen=True, slots=True)
class StatusSegment:
    """A half-open range of wall time in which the status did not change; may begin before the requested period."""

    start_ns: int
    end_ns: int
    status: Status
    event_id: int
    """The transition that began it; 0 where that is older than the oldest event kept."""


@dataclass(frozen=True, slots=True)
class LossMark:
    """A loss or a failed attempt, with those that followed closely."""

    at_ns: int
    event_id: int
    count: int = 1
    """Losses in the same cell of the requested resolution, this one included."""


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident from its beginning to its end."""

    start_ns: int
    end_ns: int
    """For an open incident: the time until which it is known to last."""
    event_id: int
    kind: str
    sentence: str = ""
    is_open: bool = False
    count: int = 1
    """Incidents of the same kind that began in the same cell, this one included; it lasts as long as the longest."""


@dataclass(frozen=True, slots=True)
class LaneTitle:
    """The connection that a lane belongs to."""

    connection: str
    group: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One connection in the timeline; times in which no recorder ran are in no segment."""

    connection: str
    group: str
    segments: tuple[StatusSegment, ...]
    losses: tuple[LossMark, ...]
    incidents: tuple[Incident, ...] = ()
    """In the order in which they began."""


@dataclass(frozen=True, slots=True)
class TimelineProblem:
    """A place in the timeline to jump to: a loss, a failed attempt, or the beginning of an incident."""

    connection: str
    at_ns: int
    event_id: int


def merged(name: str, lanes: Sequence[Lane]) -> Lane:
    """Merge lanes into one, whose cells show the worst of any of them."""
    if len(lanes) == 1:
        return lanes[0]
    return Lane(
        name,
        name,
        tuple(each for lane in lanes for each in lane.segments),
        tuple(sorted((each for lane in lanes for each in lane.losses), key=lambda mark: mark.at_ns)),
        tuple(sorted((each for lane in lanes for each in lane.incidents), key=lambda incident: incident.start_ns)),
    )


# A cell shows the worst that happened in its time, so that a loss of a millisecond is visible at any zoom
CellKind = Literal[
    "none", "open", "incident", "closed", "connecting", "stalled", "gave_up", "opened", "loss", "loss_opened"
]
# From the least to the worst; "opened" is the beginning of an incident, which is visible whatever the status is
KINDS: tuple[CellKind, ...] = get_args(CellKind)

# The kind of incident that has a cell kind of its own while it lasts
STALL = "stall"
_INCIDENT_KINDS: frozenset[CellKind] = frozenset({"incident", "opened", "stalled"})
_RANK: Mapping[CellKind, int] = MappingProxyType({kind: rank for rank, kind in enumerate(KINDS)})
_KIND_OF: Mapping[Status, CellKind] = MappingProxyType(
    {
        "initialized": "connecting",
        "connecting": "connecting",
        "connected": "connecting",
        "websocket_connected": "open",
        "disconnected": "connecting",
        "reconnecting": "connecting",
        "error": "gave_up",
        "closed": "closed",
    }
)


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open range of time in cells of (nearly) equal length; a cell is at least a nanosecond."""

    since_ns: int
    until_ns: int
    cells: int

    def __post_init__(self) -> None:
        if self.cells < 1 or self.until_ns - self.since_ns < self.cells:
            raise ValueError(f"{self.cells} cells do not fit into {self.until_ns - self.since_ns} ns")

    def start_of(self, cell: int) -> int:
        """Return the start of a cell; for the cell after the last one, the end of the period."""
        return self.since_ns + cell * (self.until_ns - self.since_ns) // self.cells

    def cell_of(self, at_ns: int) -> int:
        """Return the cell of a time; outside the period it is less than 0, or ``cells`` and more."""
        return ((at_ns - self.since_ns + 1) * self.cells - 1) // (self.until_ns - self.since_ns)


@dataclass(frozen=True, slots=True)
class CellReading:
    """What the cursor shows about a cell: the worst that happened in it, and where it began."""

    connection: str
    kind: CellKind
    at_ns: int
    """Start of what the reading is about."""
    event_id: int
    """0 where that is older than the oldest event kept."""
    losses: int = 0
    """Losses and failed attempts in the cell; if there are any, the reading is about the first of them."""
    incidents: tuple[Incident, ...] = ()
    """Incidents that overlap the cell, in the order in which they began."""
    elsewhere: int = 0
    """Other connections of the group that have a problem in the same cell."""

    @property
    def incident(self) -> Incident | None:
        """The incident that the reading is about; else the newest one of the cell; None where it has none."""
        own = next((each for each in self.incidents if each.event_id == self.event_id), None)
        return own or (self.incidents[-1] if self.incidents else None)

    @property
    def is_incident(self) -> bool:
        """Whether the reading is about an incident, not about a status or a loss."""
        return self.kind in _INCIDENT_KINDS


def lane_cells(lane: Lane, period: Period) -> tuple[CellKind, ...]:
    """Return the kind of each cell; ``none`` where no recorder ran."""
    ranks = [0] * period.cells
    for segment in lane.segments:
        _raise(ranks, period, segment.start_ns, segment.end_ns, _segment_rank(segment))
    opened = [each for each in lane.incidents if each.kind != STALL]
    for incident in opened:
        _raise(ranks, period, incident.start_ns, incident.end_ns, _RANK["incident"])
        _raise(ranks, period, incident.start_ns, incident.start_ns, _RANK["opened"])
    for incident in lane.incidents:
        if incident.kind == STALL:
            _raise(ranks, period, incident.start_ns, incident.end_ns, _RANK["stalled"])
    for loss in lane.losses:
        _raise(ranks, period, loss.at_ns, loss.at_ns, _RANK["loss"])
    for incident in opened:
        cell = period.cell_of(incident.start_ns)
        if 0 <= cell < period.cells and ranks[cell] == _RANK["loss"]:
            ranks[cell] = _RANK["loss_opened"]
    return tuple(KINDS[rank] for rank in ranks)


def read_cell(lane: Lane, start_ns: int, end_ns: int) -> CellReading | None:
    """Read a half-open range of time: its first loss, else an incident that began, else the worst state in it."""
    incidents = tuple(each for each in lane.incidents if _overlaps(each.start_ns, each.end_ns, start_ns, end_ns))
    opened = [each for each in incidents if each.kind != STALL and start_ns <= each.start_ns]
    losses = [loss for loss in lane.losses if start_ns <= loss.at_ns < end_ns]
    if losses:
        kind: CellKind = "loss_opened" if opened else "loss"
        first, count = losses[0], sum(loss.count for loss in losses)
        return CellReading(lane.connection, kind, first.at_ns, first.event_id, count, incidents)
    if opened:
        return CellReading(lane.connection, "opened", opened[0].start_ns, opened[0].event_id, 0, incidents)
    worst = max(
        (each for each in lane.segments if _overlaps(each.start_ns, each.end_ns, start_ns, end_ns)),
        key=_segment_rank,
        default=None,
    )
    rank = 0 if worst is None else _segment_rank(worst)
    for incident in sorted(incidents, key=lambda each: each.kind != STALL):
        of_incident: CellKind = "stalled" if incident.kind == STALL else "incident"
        if rank < _RANK[of_incident]:
            return CellReading(lane.connection, of_incident, incident.start_ns, incident.event_id, 0, incidents)
    if worst is None:
        return None
    return CellReading(lane.connection, _KIND_OF[worst.status], worst.start_ns, worst.event_id, 0, incidents)


def read_cells(lanes: Sequence[Lane], start_ns: int, end_ns: int) -> CellReading | None:
    """Read the same range for several connections; return the worst reading, of equals the first."""
    readings = [reading for lane in lanes if (reading := read_cell(lane, start_ns, end_ns)) is not None]
    if not readings:
        return None
    worst = max(readings, key=lambda reading: _RANK[reading.kind])
    troubled = sum(1 for lane in lanes if first_problem(lane, start_ns, end_ns) is not None)
    is_troubled = first_problem(next(lane for lane in lanes if lane.connection == worst.connection), start_ns, end_ns)
    return replace(worst, elsewhere=troubled - (is_troubled is not None))


def first_problem(lane: Lane, start_ns: int, end_ns: int) -> TimelineProblem | None:
    """Return the first loss, failed attempt or beginning of an incident in a half-open range of time."""
    begun = [(each.at_ns, each.event_id) for each in lane.losses]
    begun += [(each.start_ns, each.event_id) for each in lane.incidents]
    within = [each for each in begun if start_ns <= each[0] < end_ns]
    return TimelineProblem(lane.connection, *min(within)) if within else None


def spread(counts: Sequence[int], since_ns: int, bucket_ns: int, period: Period) -> tuple[float, ...]:
    """Distribute the counts of equal buckets over the cells that they overlap, in proportion."""
    cells = [0.0] * period.cells
    for number, amount in enumerate(counts):
        if not amount:
            continue
        start_ns, end_ns = since_ns + number * bucket_ns, since_ns + (number + 1) * bucket_ns
        first = max(0, period.cell_of(start_ns))
        for cell in range(first, min(period.cells - 1, period.cell_of(end_ns - 1)) + 1):
            overlap = min(end_ns, period.start_of(cell + 1)) - max(start_ns, period.start_of(cell))
            cells[cell] += amount * overlap / bucket_ns
    return tuple(cells)


def _raise(ranks: list[int], period: Period, start_ns: int, end_ns: int, rank: int) -> None:
    """Raise the rank of the cells that a half-open range overlaps; an instant overlaps one."""
    if start_ns >= period.until_ns or max(end_ns, start_ns + 1) <= period.since_ns:
        return
    first = max(0, period.cell_of(start_ns))
    last = min(period.cells - 1, period.cell_of(max(start_ns, end_ns - 1)))
    for cell in range(first, last + 1):
        if ranks[cell] < rank:
            ranks[cell] = rank


def _overlaps(start_ns: int, end_ns: int, since_ns: int, until_ns: int) -> bool:
    return start_ns < until_ns and max(end_ns, start_ns + 1) > since_ns


def _segment_rank(segment: StatusSegment) -> int:
    return _RANK[_KIND_OF[segment.status]]
