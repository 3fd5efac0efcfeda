"""What recording a message costs: ``wsmon record`` as users start it, as a ratio to a loop that discards.

Both sides receive the same feed, frame by frame, and their whole processes are measured (``sides``). The recorder
receives, decodes, redacts, stores durably and builds its search index. Other programs that store messages are measured
in the same rounds. ``at rest`` is until the recorder does nothing more, its index built; ``to commit`` is until the
last message is committed. Rows that do not say which are at rest. ``standard`` is the profile that counts messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.benchmarks.feed import Load, running
from tests.benchmarks.sides import DEFAULT, DISCARD, PEER_SIDES, RAW, STANDARD, Cost, NotRunError, Side
from tests.benchmarks.table import Options, Row

ROUNDS = 7
UNIT = "µs a message"
MESSAGES, QUICK_MESSAGES = 100_000, 1_000
# Programs that take long: they are measured this often at most
PEER_ROUNDS = 3
# A paced feed lasts this long, so that a process is measured for longer than its clock's grain
PACED_S = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row: which side, and which of its costs."""

    name: str
    side: Side
    cost: Callable[[Cost], float] = lambda cost: cost.at_rest
    goal: float | None = None
    most_rounds: int = ROUNDS
    note: Callable[[Cost], str] = lambda _cost: ""


def _to_commit(cost: Cost) -> float:
    return cost.to_commit


def _indexed(cost: Cost) -> str:
    return f"{cost.indexed:.0%} indexed" if cost.indexed < 1 else ""


def scenarios(options: Options) -> Iterator[tuple[Load, tuple[Wanted, ...]]]:
    """Yield each load with the rows that are measured under it, in the order of the table."""
    count = options.amount(MESSAGES, QUICK_MESSAGES)
    for deflate in (False, True):
        kind = "deflate" if deflate else "plain"
        peers = (Wanted(f"{side.name}, {kind}", side, most_rounds=PEER_ROUNDS) for side in PEER_SIDES)
        yield (
            Load("mixed", count, deflate=deflate),
            (
                Wanted(f"default, {kind}, at rest", DEFAULT, goal=1.5 if deflate else 1.7, note=_indexed),
                Wanted(f"default, {kind}, to commit", DEFAULT, _to_commit),
                Wanted(f"raw, {kind}, at rest", RAW, note=_indexed),
                Wanted(f"raw, {kind}, to commit", RAW, _to_commit, goal=None if deflate else 1.0),
                Wanted(f"standard, {kind}", STANDARD),
                *peers,
            ),
        )
    for feed, share in (("100 B", 1.0), ("1 KiB", 0.5), ("10 KiB", 0.1), ("64 KiB", 0.02)):
        wanted = Wanted(f"default, {feed}", DEFAULT, note=_indexed)
        yield Load(feed, max(100, int(count * share))), (wanted,)
    for rate in (200, 2_000, 20_000):
        wanted = Wanted(f"default, {rate:,}/s, 10 connections", DEFAULT, note=_indexed)
        yield Load("mixed", min(MESSAGES, rate * options.amount(PACED_S, 1)), 10, rate), (wanted,)
    for connections in (1, 10, 100, 1_000):
        few = options.amount(connections, min(connections, 20))
        plural = "s" if connections > 1 else ""
        wanted = Wanted(f"default, 5,000/s, {connections:,} connection{plural}", DEFAULT, note=_indexed)
        yield Load("mixed", 5_000 * options.amount(PACED_S, 1), few, 5_000), (wanted,)


def rows(options: Options) -> Iterator[Row]:
    """Measure every wanted row."""
    for load, all_wanted in scenarios(options):
        if wanted := [each for each in all_wanted if options.wants(each.name)]:
            yield from _measured(load, wanted, options)


def _measured(load: Load, wanted: list[Wanted], options: Options) -> list[Row]:
    """Measure all sides in turn, round by round, the order reversed in every second one."""
    most: dict[Side, int] = {DISCARD: options.rounds_or(ROUNDS)}
    for each in wanted:
        most[each.side] = min(options.rounds_or(ROUNDS), max(most.get(each.side, 0), each.most_rounds))
    costs: dict[Side, dict[int, Cost]] = {side: {} for side in most}
    missing: dict[Side, str] = {}
    with running(load) as server:
        for number in range(max(most.values())):
            due = [side for side, rounds in most.items() if number < rounds and side not in missing]
            for side in reversed(due) if number % 2 else due:
                try:
                    costs[side][number] = side.measure(load, server, options)
                except NotRunError as error:
                    missing[side] = str(error)
    return [_row(each, costs[each.side], costs[DISCARD], missing.get(each.side, "")) for each in wanted]


def _row(wanted: Wanted, costs: dict[int, Cost], discarded: dict[int, Cost], why_not: str) -> Row:
    if why_not:
        return Row(wanted.name, UNIT, note=why_not)
    return Row(
        wanted.name,
        UNIT,
        tuple(wanted.cost(cost) for cost in costs.values()),
        DISCARD.name,
        tuple(discarded[number].at_rest for number in costs),
        wanted.goal,
        note=wanted.note(next(iter(costs.values()))),
    )
