"""Lanes cut into cells of equal time: the worst that happened in a cell is what it shows.

A loss of a millisecond is thus seen at any zoom, in exactly the cell of its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from wsmon.model.statuses import Status
from wsmon.model.timeline import Lane, Stretch

CellKind = Literal[
    "none", "open", "incident", "closed", "connecting", "stalled", "gave_up", "opened", "loss", "loss_opened"
]
KINDS: tuple[CellKind, ...] = get_args(CellKind)
# from the least to the worst; "opened" is the beginning of an incident, seen whatever the status was, also with a loss

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
    """A half-open time in cells of (nearly) equal length; a cell is at least a nanosecond."""

    since_ns: int
    until_ns: int
    cells: int

    def __post_init__(self) -> None:
        if self.cells < 1 or self.until_ns - self.since_ns < self.cells:
            raise ValueError(f"{self.cells} cells do not fit into {self.until_ns - self.since_ns} ns")

    def start_of(self, cell: int) -> int:
        """When a cell begins; of the cell after the last one: when the period ends."""
        return self.since_ns + cell * (self.until_ns - self.since_ns) // self.cells

    def cell_of(self, at_ns: int) -> int:
        """The cell of a time: outside the period less than 0, or ``cells`` and more."""
        return ((at_ns - self.since_ns + 1) * self.cells - 1) // (self.until_ns - self.since_ns)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a cell of a lane stands for."""

    kind: CellKind
    at_ns: int
    # when it began
    event_id: int
    # 0 where it began before the oldest event kept
    losses: int
    # in the cell; the reading is about the last of them
    incident: str = ""
    # kind of the newest one that touches the cell; empty = none does


def lane_cells(lane: Lane, period: Period) -> tuple[CellKind, ...]:
    """One kind a cell; where no recorder ran it is ``none``."""
    ranks = [0] * period.cells
    for stretch in lane.stretches:
        _raise(ranks, period, stretch.start_ns, stretch.end_ns, _RANK[_KIND_OF[stretch.status]])
    for incident in lane.incidents:
        _raise(ranks, period, incident.start_ns, incident.end_ns, _RANK["incident"])
        _raise(ranks, period, incident.start_ns, incident.start_ns, _RANK["opened"])
    for stall in lane.stalls:
        _raise(ranks, period, stall.start_ns, stall.end_ns, _RANK["stalled"])
    for loss in lane.losses:
        _raise(ranks, period, loss.at_ns, loss.at_ns, _RANK["loss"])
    for incident in lane.incidents:
        cell = period.cell_of(incident.start_ns)
        if 0 <= cell < period.cells and ranks[cell] == _RANK["loss"]:
            ranks[cell] = _RANK["loss_opened"]
    return tuple(KINDS[rank] for rank in ranks)


def read_cell(lane: Lane, start_ns: int, end_ns: int) -> Reading | None:
    """What happened in a half-open time: its last loss, else an incident that began, a stall, or the worst that was."""
    incidents = [each for each in lane.incidents if _touches(each.start_ns, each.end_ns, start_ns, end_ns)]
    incident = incidents[-1] if incidents else None
    kind = incident.kind if incident is not None else ""
    opened = [each for each in incidents if start_ns <= each.start_ns]
    losses = [loss for loss in lane.losses if start_ns <= loss.at_ns < end_ns]
    if losses:
        seen: CellKind = "loss_opened" if opened else "loss"
        return Reading(seen, losses[-1].at_ns, losses[-1].event_id, len(losses), kind)
    if opened:
        return Reading("opened", opened[-1].start_ns, opened[-1].event_id, 0, opened[-1].kind)
    worst = max(
        (each for each in lane.stretches if _touches(each.start_ns, each.end_ns, start_ns, end_ns)),
        key=_rank,
        default=None,
    )
    if worst is None or _rank(worst) < _RANK["stalled"]:
        for stall in reversed(lane.stalls):
            if _touches(stall.start_ns, stall.end_ns, start_ns, end_ns):
                return Reading("stalled", stall.start_ns, stall.event_id, 0, kind)
    if incident is not None and (worst is None or _rank(worst) < _RANK["incident"]):
        return Reading("incident", incident.start_ns, incident.event_id, 0, kind)
    return None if worst is None else Reading(_KIND_OF[worst.status], worst.start_ns, worst.event_id, 0, kind)


def spread(counts: Sequence[int], since_ns: int, bucket_ns: int, period: Period) -> tuple[float, ...]:
    """Counts of equal buckets shared out to the cells they overlap, in proportion."""
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
    """Let the cells that a half-open time touches (an instant touches one) be at least as bad."""
    if start_ns >= period.until_ns or max(end_ns, start_ns + 1) <= period.since_ns:
        return
    first = max(0, period.cell_of(start_ns))
    last = min(period.cells - 1, period.cell_of(max(start_ns, end_ns - 1)))
    for cell in range(first, last + 1):
        if ranks[cell] < rank:
            ranks[cell] = rank


def _touches(start_ns: int, end_ns: int, since_ns: int, until_ns: int) -> bool:
    return start_ns < until_ns and max(end_ns, start_ns + 1) > since_ns


def _rank(stretch: Stretch) -> int:
    return _RANK[_KIND_OF[stretch.status]]
