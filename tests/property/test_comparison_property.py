"""Comparison against a brute-force computation: of times and keys, and of recordings."""

from __future__ import annotations

import math
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.builders import SECOND_NS, T0_NS, message
from tests.support.recordings import recorded
from tests.support.thoroughness import times
from wsmon.cli.compare_sides import Side
from wsmon.cli.comparison import CompareRequest, comparison_of
from wsmon.clock import SystemClock
from wsmon.model.events import Event
from wsmon.model.histogram import bucket_index, representative
from wsmon.model.json_path import compile_path
from wsmon.model.message_matching import (
    Arrival,
    Matching,
    MessageMatcher,
    Ranges,
    RecordedTimes,
    SideMatches,
    in_order,
    joined,
)
from wsmon.model.units import MS_NS
from wsmon.store.reader import Reader


@dataclass
class Expected:
    """What is expected of one side, or of both in ``leads``."""

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    leads_ns: list[int] = field(default_factory=list)


def covers(ranges: Ranges, first_ns: int, last_ns: int, margin_ns: int = 0) -> bool:
    return any(start + margin_ns <= first_ns and last_ns < end - margin_ns for start, end in ranges)


def brute_force(arrivals: Sequence[Arrival], window_ns: int, recorded_of: Sequence[RecordedTimes]) -> list[Expected]:
    """Compare every message with every other one of its key."""
    found = [Expected(), Expected()]
    by_key: dict[bytes, list[Arrival]] = defaultdict(list)
    for arrival in sorted(arrivals):
        found[arrival[1]].counts["messages"] += 1
        by_key[arrival[3]].append(arrival)
    for of_key in by_key.values():
        starts = [n for n, each in enumerate(of_key) if not n or each[0] - of_key[n - 1][0] > window_ns]
        for start, end in zip(starts, [*starts[1:], len(of_key)], strict=True):
            group = of_key[start:end]
            sides = [[each for each in group if each[1] == side] for side in (0, 1)]
            if len(sides[0]) == len(sides[1]) == 1:
                lead_ns = sides[1][0][0] - sides[0][0][0]
                found[0].counts["same_time"] += not lead_ns
                if lead_ns:
                    found[lead_ns < 0].leads_ns.append(abs(lead_ns))
            for side, of_side in enumerate(sides):
                counts, other = found[side].counts, recorded_of[1 - side]
                matched = min(map(len, sides))
                counts["matched"] += matched
                counts["repeated"] += len(of_side) if len(of_side) > 1 else 0
                rest, span = len(of_side) - matched, (group[0][0], group[-1][0])
                if not covers(other.recorded, *span):
                    counts["not_recorded"] += rest
                elif not covers(other.recorded, *span, window_ns):
                    counts["near_edge"] += rest
                elif sides[1 - side]:
                    counts["more_often"] += rest
                else:
                    counts["only"] += rest
                    if not covers(other.connected or (), span[0], span[0]):
                        counts["while_down"] += rest
    return found


def check(found: Matching, expected: Sequence[Expected]) -> None:
    for side, of in zip((found.a, found.b), expected, strict=True):
        named = ("messages", "matched", "more_often", "only", "near_edge", "not_recorded", "while_down", "repeated")
        assert {name: getattr(side, name) for name in named} == {name: of.counts[name] for name in named}
        assert (side.crowded, side.late) == (0, 0)
        assert side.messages == side.matched + side.more_often + side.only + side.near_edge + side.not_recorded
        assert len(side.examples) <= of.counts["only"]
        check_leads(side, sorted(of.leads_ns))
    assert found.same_time == expected[0].counts["same_time"]


def check_leads(side: SideMatches, leads_ns: list[int]) -> None:
    assert side.first == len(leads_ns)
    summary = side.lead_ms
    if summary is None:
        assert not leads_ns
        return
    assert summary.max == leads_ns[-1] / MS_NS
    assert math.isclose(summary.mean, sum(leads_ns) / len(leads_ns) / MS_NS)
    for name, fraction in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        nearest = leads_ns[max(1, math.ceil(fraction * len(leads_ns))) - 1] / MS_NS
        assert getattr(summary, name) == min(representative(bucket_index(nearest)), summary.max)


WINDOW_NS = 5
TIMES = st.integers(0, 120)
RANGES = st.lists(st.tuples(TIMES, st.integers(1, 80)), min_size=1, max_size=3).map(
    lambda found: joined((start, start + length) for start, length in found)
)
STREAM = st.lists(st.tuples(TIMES, st.integers(0, 12)), max_size=40).map(sorted)


@settings(max_examples=times(150))
@given(STREAM, STREAM, st.tuples(RANGES, RANGES), st.tuples(RANGES, RANGES), st.integers(1, 7), st.integers(1, 7))
def test_matching_is_what_comparing_every_message_with_every_other_one_finds(
    a: list[tuple[int, int]],
    b: list[tuple[int, int]],
    recorded_in: tuple[Ranges, Ranges],
    connected_in: tuple[Ranges, Ranges],
    size_a: int,
    size_b: int,
) -> None:
    streams = [
        [(at, side, number, b"%d" % key) for number, (at, key) in enumerate(stream)]
        for side, stream in enumerate((a, b))
    ]
    of_a, of_b = (RecordedTimes(*ranges) for ranges in zip(recorded_in, connected_in, strict=True))
    matcher = MessageMatcher(WINDOW_NS, of_a, of_b)
    pieces = [
        iter([stream[start : start + size] for start in range(0, len(stream), size)])
        for stream, size in zip(streams, (size_a, size_b), strict=True)
    ]
    for some in in_order(*pieces):
        matcher.feed(some)
    check(matcher.finish(), brute_force([*streams[0], *streams[1]], WINDOW_NS, (of_a, of_b)))


@dataclass(frozen=True)
class Sent:
    """A message of a synthetic feed, and what happened to it on its way into the recording."""

    at_ms: int
    key: int
    fate: str = "kept"


FATES = st.sampled_from(["kept"] * 8 + ["cut", "no payload", "masked", "no key", "piece"])
FEED = st.lists(st.builds(Sent, st.integers(0, 30_000), st.integers(0, 40), FATES), max_size=60)


def event_of(sent: Sent, connection: str) -> Event:
    payload = {"no key": b'{"n":1}', "masked": b'{"data":{"id":"[FILTERED]"}}'}.get(sent.fate)
    made = message(payload or f'{{"data":{{"id":{sent.key}}}}}', sent.at_ms / 1_000, connection)
    match sent.fate:
        case "cut":
            return replace(made, truncated=True)
        case "no payload":
            return replace(made, payload=None)
        case "masked":
            return replace(made, redacted=True)
        case "piece":
            return replace(made, meta={"partial": True})
    return made


@settings(max_examples=times(8))
@given(FEED, FEED, st.booleans())
def test_the_report_of_two_recordings_is_a_brute_force_computation(a: list[Sent], b: list[Sent], is_one: bool) -> None:
    """``is_one``: both connections are in one recording, else each has its own."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        feeds = {"a": a, "b": b}
        by_store = {"ab": ["a", "b"]} if is_one else {"a": ["a"], "b": ["b"]}
        sides = {}
        for store, names in by_store.items():
            sent = sorted(((each, name) for name in names for each in feeds[name]), key=lambda pair: pair[0].at_ms)
            path = recorded(Path(folder) / f"{store}.db", [event_of(*pair) for pair in sent], *names, end_s=31)
            for name in names:
                view = Reader(path, SystemClock())
                stack.callback(view.close)
                sides[name] = Side(view, store, name, None, None)
        request = CompareRequest(SECOND_NS, (compile_path("$.data.id"),))
        found = comparison_of(sides["a"], sides["b"], request, lambda _report: True)
    for report, feed in ((found.a, a), (found.b, b)):
        fates = {fate: len(list(each)) for fate, each in groupby(sorted(each.fate for each in feed))}
        kept = report.kept
        assert (kept.compared, kept.cut, kept.no_payload, kept.masked, kept.no_key, kept.pieces) == tuple(
            fates.get(fate, 0) for fate in ("kept", "cut", "no payload", "masked", "no key", "piece")
        )
        assert report.not_stored == 0
    arrivals = [
        (T0_NS + each.at_ms * MS_NS, side, number, str(each.key).encode())
        for side, feed in enumerate((a, b))
        for number, each in enumerate(feed)
        if each.fate == "kept"
    ]
    whole = [(T0_NS, T0_NS + 31 * SECOND_NS + 1)]
    # Of a connection that nothing was recorded of it is not known whether it was recorded
    in_time = [RecordedTimes(whole if feed else [], [(0, 2**62)]) for feed in (a, b)]
    expected = brute_force(arrivals, SECOND_NS, in_time)
    # No change of status is recorded
    assert (found.matching.a.while_down, found.matching.b.while_down) == (None, None)
    found.matching.a.while_down = found.matching.b.while_down = 0
    check(found.matching, expected)
