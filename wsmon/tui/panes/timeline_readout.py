"""What is under the cursor of the timeline, as sentences: what happened, since when, why, and what to try. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import islice

from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.sanitize import sanitize
from wsmon.model.timeline import CellKind, CellReading, Incident, Period
from wsmon.model.units import SECOND_NS
from wsmon.model.verdict import why
from wsmon.tui.event_text import CLOSED_BY, describe
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.panes.log_line import time_of_day
from wsmon.tui.panes.timeline_ask import Moment
from wsmon.tui.panes.timeline_rows import LaneRow
from wsmon.tui.text import clip, wrap

NAME_LIMIT = 64
SENTENCE_LIMIT = 1_000
# characters of foreign text; more fits into no terminal
OWN_SIGNS = str.maketrans("“”‘’…–±", "\"\"''~-~")
# of wsmon's sentences, for terminals without them; what is foreign beside them is escaped
STATUS_WORDS: dict[CellKind, str] = {
    "open": "open",
    "connecting": "connecting",
    "closed": "closed by us",
    "gave_up": "gave up",
}


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes the sentences, in one time zone and with one set of signs."""

    zone: tzinfo | None
    glyphs: Glyphs

    def tell(self, row: LaneRow, reading: CellReading, event: Event | None, now_ns: int) -> str:
        """What a cell stands for; ``event`` is the one that the reading names, if it is kept."""
        name = row.name if not row.is_group else f"{row.name}: {reading.connection}"
        parts = [sanitize(name, NAME_LIMIT, ascii_only=self.glyphs.is_ascii)]
        if reading.losses:
            parts += self._loss(reading, event, now_ns)
        elif reading.is_incident and reading.incident is not None:
            parts += self._incident(reading.incident, now_ns)
        else:
            parts += self._status(reading, event, now_ns)
        if reading.elsewhere:
            parts.append(f"and {_many(reading.elsewhere, 'more connection')} of the group with problems")
        return self._joined(parts)

    def nothing(self, row: LaneRow, period: Period, cell: int, moment: Moment) -> str:
        """Why a cell is blank."""
        end_ns = period.start_of(cell + 1)
        reason = "no data: nothing was recorded of it here"
        if period.start_of(cell) > moment.now_ns:
            reason = "not yet"
        elif moment.oldest_ns and end_ns <= moment.oldest_ns:
            reason = "no data: older than what is kept"
        return self._joined([sanitize(row.name, NAME_LIMIT, ascii_only=self.glyphs.is_ascii), reason])

    def lines(self, text: str, width: int, count: int) -> list[str]:
        """A text in at most so many lines; what does not fit is cut, and that is seen."""
        found = list(islice(wrap(text, width), count + 1))
        if len(found) > count:
            found[-2:] = [clip(" ".join(found[-2:]), width, self.glyphs.cut)]
        return found[:count]

    def _loss(self, reading: CellReading, event: Event | None, now_ns: int) -> list[str]:
        at = self._when(reading.at_ns, now_ns)
        many = f"the first of {_many(reading.losses, 'loss')} here" if reading.losses > 1 else ""
        if event is None:
            parts = [f"{at} loss; its event is no longer kept", many]
        else:
            what = describe(event, ascii_only=self.glyphs.is_ascii).what
            by, cause = CLOSED_BY.get(event.close_by or "", ""), why(event)
            who = f" {by}" if by and by not in cause else ""  # most causes name who it was
            parts = [f"{at} {what}{who}" + (f": {self._foreign(cause)}" if cause else ""), many]
            parts.append(f"Try: {self._foreign(event.verdict.next)}" if event.verdict is not None else "")
        incident = reading.incident
        if incident is not None:
            parts.append(f"beside it {self._kind(incident)}: {self._foreign(incident.sentence)}")
        return parts

    def _incident(self, incident: Incident, now_ns: int) -> list[str]:
        lasted = max(0, min(incident.end_ns, now_ns) - incident.start_ns)
        since = f"{self._kind(incident)} since {self._when(incident.start_ns, now_ns)}"
        state = "not over" if incident.is_open else "over"
        many = f"{incident.count} of them begin here" if incident.count > 1 else ""
        return [f"{since}, {fmt.duration(lasted)}, {state}", self._foreign(incident.sentence), many, "w: evidence"]

    def _status(self, reading: CellReading, event: Event | None, now_ns: int) -> list[str]:
        said = describe(event, ascii_only=self.glyphs.is_ascii) if event is not None else None
        since = f"since {self._when(reading.at_ns, now_ns)}"
        before = " or before" if not reading.event_id else ""
        parts = [f"{STATUS_WORDS.get(reading.kind, reading.kind)} {since}{before}"]
        if said is not None and reading.kind != "open":
            parts.append(f"{said.what} {said.text}".rstrip())
        incident = reading.incident
        return parts if incident is None else [*parts, *self._incident(incident, now_ns)]

    def _when(self, at_ns: int, now_ns: int) -> str:
        """The time of day to the millisecond, with its date where that is not today's."""
        at, now = (datetime.fromtimestamp(each // SECOND_NS, self.zone) for each in (at_ns, now_ns))
        day = "" if at.date() == now.date() else at.strftime("%Y-%m-%d ")
        return day + time_of_day(at_ns, self.zone)

    def _kind(self, incident: Incident) -> str:
        return self._foreign(incident.kind.replace("_", " "))

    def _foreign(self, text: str) -> str:
        plain = text.translate(OWN_SIGNS) if self.glyphs.is_ascii else text
        return sanitize(plain, SENTENCE_LIMIT, ascii_only=self.glyphs.is_ascii)

    def _joined(self, parts: list[str]) -> str:
        return f" {self.glyphs.between} ".join(part for part in parts if part)


def _many(count: int, noun: str) -> str:
    plural = "losses" if noun == "loss" else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
