"""What ``wsmon compare`` compares: its arguments, as two sides, each a connection of a recording in a period.

``A`` and ``B`` are each ``[CONNECTION][@PERIOD]`` or ``STORE[@PERIOD]``; ``--store`` names the recording of both, or,
given twice, that of each.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wsmon.errors import UsageError
from wsmon.model.units import SECOND_NS
from wsmon.query.times import HINT, parse_time, precision_ns

if TYPE_CHECKING:
    from wsmon.query.parser import ReferenceTime
    from wsmon.store.reader import Reader

_RANGE = ".."
_EXAMPLES = (
    "e.g. `wsmon compare feed-a feed-b`, `wsmon compare feed@yesterday feed@today` or "
    "`wsmon compare --store a.db --store b.db feed`"
)
_SIDES = 2


@dataclass(frozen=True, slots=True)
class AskedSide:
    """One side as the command line names it."""

    store: str | None
    """None: the recording that a command without an argument takes."""
    connection: str
    """Empty: the only one of the recording."""
    since_ns: int | None
    until_ns: int | None


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison."""

    view: Reader
    recording: str
    """Its name for the user."""
    connection: str
    since_ns: int | None
    until_ns: int | None

    @property
    def period(self) -> tuple[int | None, int | None]:
        """Its period; None = open."""
        return self.since_ns, self.until_ns


def asked_sides(
    arguments: Sequence[str],
    stores: Sequence[str],
    period: tuple[int | None, int | None],
    now: ReferenceTime,
) -> tuple[AskedSide, AskedSide]:
    """Return the two sides that arguments name; ``period`` is for those without one of their own.

    Raises ``UsageError`` where there are not two, or a period is none.
    """
    if len(stores) > _SIDES:
        raise UsageError(f"{len(stores)} recordings given", f"two are compared, {_EXAMPLES}")
    if len(arguments) > _SIDES:
        raise UsageError(f"unexpected argument {arguments[_SIDES]!r}", f"two sides are compared, {_EXAMPLES}")
    if len(arguments) < _SIDES and len(stores) < _SIDES:
        raise UsageError("two sides are needed" if not arguments else "the second side is missing", _EXAMPLES)
    texts = [*arguments, *arguments, "", ""][:_SIDES] if len(arguments) < _SIDES else list(arguments)
    of_side = [*stores, *stores, None, None][:_SIDES]
    a, b = (
        _asked(text, store, period, now, may_be_store=not stores) for text, store in zip(texts, of_side, strict=True)
    )
    return a, b


def _asked(
    text: str, store: str | None, period: tuple[int | None, int | None], now: ReferenceTime, *, may_be_store: bool
) -> AskedSide:
    name, at, written = text, "", ""
    # The path of a file may have the sign as well
    if not (may_be_store and Path(text).is_file()):
        name, at, written = text.rpartition("@")
        if not at:
            name, written = written, ""
    try:
        since_ns, until_ns = _period(written, now) if at else period
    except UsageError as error:
        raise UsageError(f"{text}: {error.what}", error.hint) from None
    if until_ns is not None:
        # Whole seconds, outward, as statistics have them; what is to come is no part of a period
        until_ns = None if until_ns >= now.ts_ns else -(-until_ns // SECOND_NS) * SECOND_NS
    if since_ns is not None:
        since_ns = since_ns // SECOND_NS * SECOND_NS
    if since_ns is not None and (since_ns >= now.ts_ns or (until_ns is not None and since_ns >= until_ns)):
        what = f"{text}: the period is empty, or in the future" if at else "the period is empty, or in the future"
        raise UsageError(what, HINT)
    if may_be_store and _is_store(name):
        return AskedSide(name, "", since_ns, until_ns)
    return AskedSide(store, name, since_ns, until_ns)


def _is_store(name: str) -> bool:
    """Whether an argument is the path of a recording; no connection has a slash in its name."""
    return "/" in name or (bool(name) and Path(name).is_file())


def _period(text: str, now: ReferenceTime) -> tuple[int | None, int | None]:
    """Return the period that a text means: ``today``, ``-1h`` (until now), ``14:02`` (a minute), ``13:00..14:00``."""
    low, dots, high = text.partition(_RANGE)
    if dots and (low or high):
        return (parse_time(low, now.ts_ns, now.zone) if low else None), (
            parse_time(high, now.ts_ns, now.zone) if high else None
        )
    since_ns = parse_time(text, now.ts_ns, now.zone)
    if text.strip().startswith("-"):
        return since_ns, None
    if text.strip().lower() == "yesterday":
        # A day of 23 or 25 hours, too
        return since_ns, parse_time("today", now.ts_ns, now.zone)
    return since_ns, since_ns + precision_ns(text)


def found_side(asked: AskedSide, view: Reader, recording: str) -> Side:
    """Return the side with its connection looked up; raises ``UsageError`` where it is not in the recording."""
    side = Side(view, recording, asked.connection, asked.since_ns, asked.until_ns)
    if asked.connection and view.statistics(None, None, asked.connection).connections:
        return side
    names = [each.name for each in view.statistics(None, None).connections]
    if not asked.connection and len(names) == 1:
        return replace(side, connection=names[0])
    if asked.connection:
        near = difflib.get_close_matches(asked.connection, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"its connections: {', '.join(names) or 'none'}"
        raise UsageError(f"{recording} has no connection {asked.connection!r}", hint)
    listed = f"has {len(names)} connections: {', '.join(names)}" if names else "has no connection"
    raise UsageError(f"{recording} {listed}", "name one; of two recordings: --store A --store B CONNECTION")


def check_differ(a: Side, b: Side) -> None:
    """Raise ``UsageError`` where both sides are the same."""
    if (a.view.path, a.connection, a.since_ns, a.until_ns) == (b.view.path, b.connection, b.since_ns, b.until_ns):
        raise UsageError(f"A and B are both {a.connection} of {a.recording}", f"compare two, {_EXAMPLES}")
