"""The rate of events over time: of which events, in which steps of time, and the lines of the chart. Pure.

``rate_choices`` lists what can be counted: the matches of a search, and events like the one under the cursor, by what
most messages name their subject with (a symbol, a topic, a channel).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import tzinfo

import msgspec

from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.json_path import path_text
from wsmon.model.ranges import MatchHistogram
from wsmon.model.timeline import Period
from wsmon.model.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from wsmon.ports import StoreView
from wsmon.query.ast import Query
from wsmon.tui.cell_text import cell_text
from wsmon.tui.charts import axis_line, cell_duration
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.text import Line, StyledText, clip, right

# Steps of time that the reader can divide by
STEPS_NS = tuple(
    step * unit
    for unit, steps in (
        (SECOND_NS, (1, 2, 5, 10, 15, 30)), (MINUTE_NS, (1, 2, 5, 10, 15, 30)), (HOUR_NS, (1, 2, 3, 6, 12)),
        (DAY_NS, (1, 2, 7, 14, 28, 91, 364)),
    )
    for step in steps
)  # fmt: skip
# Keys that name what a message is about, the likeliest first
SUBJECT_KEYS = (
    "symbol", "s", "sym", "pair", "instrument_name", "instrument", "instId", "inst_id", "product_id", "market",
    "ticker", "channel", "topic", "stream", "room", "device", "user",
)  # fmt: skip
# Bytes of a payload that is looked through for them, and characters of such a name
PAYLOAD_LIMIT = 64 * 1024
VALUE_LIMIT = 64
RATE_UNITS = ((SECOND_NS, "s"), (MINUTE_NS, "min"), (HOUR_NS, "h"))
# What a rate has at least in the unit that it is written in
LEAST_RATE = 0.1
# Cells for the numbers at the left
SCALE = 8
LABEL_LIMIT = 120


@dataclass(frozen=True, slots=True)
class RateChoice:
    """Events whose rate can be shown."""

    label: str
    text: str
    """The search that finds them; empty = all events."""
    query: Query | None = None
    """The same, where it is in force already; None = it is to be parsed."""


def rate_choices(search: Query, event: Event | None, connection: str = "") -> tuple[RateChoice, ...]:
    """Return what can be counted, the likeliest first.

    ``connection`` is the one in focus where no event is; empty = none.
    """
    found: list[RateChoice] = []
    if search:
        found.append(RateChoice(f"matches for {cell_text(search.text, LABEL_LIMIT)}", search.text, search))
    if event is not None:
        found += _like(event)
        connection = event.source.connection
    if connection:
        found.append(RateChoice(f"all events on {connection}", f"conn:{connection}"))
    found.append(RateChoice("all events", ""))
    return tuple({choice.text: choice for choice in reversed(found)}.values())[::-1]


def _like(event: Event) -> Iterator[RateChoice]:
    connection = event.source.connection
    terms = [f"conn:{connection}"] if connection else []
    if event.category != "message":
        text = " ".join([*terms, f"name:{event.name}", *([_equals("type", event.type)] if event.type else [])])
        what = cell_text(event.type, VALUE_LIMIT) or event.name
        yield RateChoice(_events_on(what, connection), text)
        return
    terms.append(f"dir:{event.direction}")
    if event.type:
        terms.append(_equals("type", event.type))
    what = cell_text(event.type, VALUE_LIMIT) or "messages"
    subjects = [(_equals("topic", event.topic), "topic", event.topic)] if event.topic else []
    subjects += [(_equals(path, value), path, value) for path, value in _named(event.payload or b"")]
    # A topic is mostly one of these values
    by_value = {subject[2]: subject for subject in reversed(subjects)}
    for term, path, value in reversed(by_value.values()):
        yield RateChoice(f"{_events_of(what)} with {path} {cell_text(value, VALUE_LIMIT)}", " ".join([*terms, term]))
    yield RateChoice(_events_on(what, connection), " ".join(terms))


def _events_on(what: str, connection: str) -> str:
    return f"{_events_of(what)} on {connection}" if connection else f"{_events_of(what)} from the recorder"


def _events_of(what: str) -> str:
    return what if what.endswith("messages") else f"{what} events"


def _named(payload: bytes) -> Iterator[tuple[str, str]]:
    """Yield paths and values of a JSON payload that name what it is about; also one level deeper."""
    if len(payload) > PAYLOAD_LIMIT:
        return
    try:
        decoded = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return
    if not isinstance(decoded, Mapping):
        return
    levels = [((), decoded), *(((key,), value) for key, value in decoded.items() if isinstance(value, Mapping))]
    for key in SUBJECT_KEYS:
        for path, members in levels:
            value = members.get(key)
            if isinstance(value, str) and 0 < len(value) <= VALUE_LIMIT:
                yield path_text((*path, key)), value


def _equals(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def run_histogram(view: StoreView, query: Query, columns: int) -> Iterator[MatchHistogram]:
    """Yield counts over everything recorded, then over the part in which the matches are, if that is much shorter."""
    since_ns, until_ns = view.period()
    whole = yield from _counted(view, query, since_ns, until_ns, columns)
    steps = [number for number, count in enumerate(whole.counts) if count] if whole is not None else []
    if whole is None or not steps or whole.step_ns == STEPS_NS[0]:
        return
    if (steps[-1] - steps[0] + 1) * 2 <= len(whole.counts):
        first_ns = whole.start_ns + steps[0] * whole.step_ns
        yield from _counted(view, query, first_ns, whole.start_ns + (steps[-1] + 1) * whole.step_ns - 1, columns)


def _counted(
    view: StoreView, query: Query, since_ns: int, until_ns: int, columns: int
) -> Generator[MatchHistogram, None, MatchHistogram | None]:
    columns = max(1, columns)
    step_ns = next((step for step in STEPS_NS if until_ns // step - since_ns // step < columns), STEPS_NS[-1])
    start_ns = since_ns // step_ns * step_ns
    steps = min(columns, until_ns // step_ns - since_ns // step_ns + 1)
    found = None
    # An iterator that is not closed would go on holding its read transaction
    with closing(view.histogram(query, start_ns, step_ns, steps)) as answers:
        for found in answers:
            yield found
    return found


def chart_lines(
    found: MatchHistogram, at: int, width: int, height: int, glyphs: Glyphs, zone: tzinfo | None
) -> tuple[Line, ...]:
    """Return bars of ``height`` lines with both axes, and the sentences about the step ``at`` and about all of them."""
    steps = len(found.counts)
    each = max(1, (width - SCALE) // steps)
    top = max(*found.counts, 1)
    levels = len(glyphs.blocks)
    lines: list[Line] = []
    for row in range(height - 1, -1, -1):
        scale = fmt.count(top) if row == height - 1 else "0" if row == 0 else ""
        texts: list[StyledText] = [(right(scale, SCALE - 1, glyphs.cut) + " ", "dim")]
        for step, count in enumerate(found.counts):
            eighths = -(-count * height * levels // top) - row * levels
            block = glyphs.blocks[min(eighths, levels) - 1] if eighths > 0 else " "
            texts.append((block * each, "caution" if step == at else "direction-in"))
        lines.append(tuple(texts))
    end_ns = found.start_ns + steps * found.step_ns
    marker = " " * (SCALE + at * each) + "^" * each
    lines.append(((marker, "caution"),))
    lines.append(((" " * SCALE + axis_line(Period(found.start_ns, end_ns, steps * each), zone), "dim"),))
    lines += [(), *(((clip(text, width, glyphs.cut), "text"),) for text in _sentences(found, at, glyphs, zone))]
    return tuple(lines)


def _sentences(found: MatchHistogram, at: int, glyphs: Glyphs, zone: tzinfo | None) -> Iterator[str]:
    start_ns = found.start_ns + at * found.step_ns
    day = fmt.moment(start_ns, found.start_ns + len(found.counts) * found.step_ns, zone)
    between = f" {glyphs.between} "
    count = found.counts[at]
    yield between.join((f"{day} + {cell_duration(found.step_ns)}", _events(count), _rates(count, found.step_ns)))
    total, span_ns = sum(found.counts), len(found.counts) * found.step_ns
    looked = f"{_events(found.searched)} searched" + ("" if found.is_complete else " so far")
    yield between.join((f"total {_events(total)}", f"mean {_rates(total, span_ns)}", looked))


def _rates(count: int, span_ns: int) -> str:
    """Return a rate in the shortest unit in which it is more than nothing, and in the next one."""
    rates = [(count * unit_ns / span_ns, name) for unit_ns, name in RATE_UNITS]
    shown = [f"{fmt.rate(rate)}/{name}" for rate, name in rates if rate >= LEAST_RATE][:2]
    return ", ".join(shown) or f"{fmt.rate(rates[-1][0])}/{RATE_UNITS[-1][1]}"


def _events(number: int) -> str:
    return f"{fmt.count(number)} {'event' if number == 1 else 'events'}"
