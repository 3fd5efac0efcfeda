"""What ``wsmon compare`` prints: two sides beside each other, as a table or as JSON, and what limits the comparison."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, tzinfo

import click

from wsmon.cli.comparison import ComparisonReport, SideReport
from wsmon.cli.terminal import home_path, shown_time, zone_text
from wsmon.export.jsonl import connection_document, rfc3339
from wsmon.model import units as fmt
from wsmon.model.json_path import path_text
from wsmon.model.message_matching import SideMatches
from wsmon.model.sanitize import escape_json, sanitize
from wsmon.model.statistics import NO_TARGET, ConnectionStatistics, Kpi, Summary
from wsmon.model.units import MS_NS, SECOND_NS

SCHEMA = "wsmon.compare/1"
NAME_CHARS = 40
# Verdicts of a side that the table lists; JSON has more
MOST_VERDICT_LINES = 5
_DECIMALS = 3
_SHARE_DECIMALS = 6
# Milliseconds below which a lead is shown to the microsecond
_FINE_MS = 10

Pair = tuple[str, str]


def print_json(found: ComparisonReport) -> None:
    """Print the comparison as one object."""
    text = json.dumps(document(found), ensure_ascii=False)
    click.echo(escape_json(text.encode("utf-8", "backslashreplace")))


def print_table(found: ComparisonReport, *, utc: bool) -> None:
    """Print the comparison as a table."""
    for line in table(found, UTC if utc else None):
        click.echo(line)


def document(found: ComparisonReport) -> dict[str, object]:
    """Return the comparison as one object for JSON; docs/compare.md documents the keys."""
    matching = found.matching
    return {
        "schema": SCHEMA,
        "key": [path_text(path) for path in found.request.key],
        "filter": found.request.query.text,
        "window_ms": found.request.window_ns / MS_NS,
        "clock": _clock(found),
        "recorded_together_s": round(found.common_s, _DECIMALS),
        "matches": {
            "count": matching.a.matched,
            "measured": matching.measured,
            "same_time": matching.same_time,
            "keys_forgotten": matching.forgotten,
        },
        "a": _side_document(found, found.a, matching.a, found.b),
        "b": _side_document(found, found.b, matching.b, found.a),
        "remarks": list(remarks(found)),
    }


def _side_document(found: ComparisonReport, side: SideReport, of: SideMatches, other: SideReport) -> dict[str, object]:
    rate = side.messages_per_s
    return {
        "store": str(side.side.view.path),
        "connection": side.side.connection,
        "since": rfc3339(side.since_ns),
        "until": rfc3339(side.until_ns),
        "recorded_s": round(side.recorded_s, _DECIMALS),
        "recording_gaps": side.recording_gaps,
        "messages_per_s": None if rate is None else round(rate, _DECIMALS),
        "messages": {
            "not_stored": side.not_stored,
            "masked": side.kept.masked,
            "cut": side.kept.cut,
            "no_payload": side.kept.no_payload,
            "no_key": side.kept.no_key,
            "compared": side.kept.compared,
            "matched": of.matched,
            "only": of.only,
            "only_at_least": _least_only(of, other),
            "only_while_other_disconnected": of.while_down,
            "more_often": of.more_often,
            "near_edge": of.near_edge,
            "other_not_recorded": of.not_recorded,
            "key_forgotten": of.crowded,
            "late": of.late,
            "repeated": of.repeated,
        },
        "first": {
            "count": of.first,
            "share": _rounded_share(of.first, found.matching.measured),
            "lead_ms": _lead_document(of),
        },
        "only_examples": [each.event_id for each in of.examples],
        "verdicts": [
            {
                "by": each.by,
                "code": each.code,
                "cause": each.cause,
                "certainty": each.certainty,
                "count": each.count,
                "first_id": each.event_id,
            }
            for each in side.verdicts
        ],
        "statistics": connection_document(side.statistics),
    }


def _lead_document(of: SideMatches) -> dict[str, object]:
    summary = of.lead_ms
    if summary is None:
        return {}
    figures = {name: round(getattr(summary, name), _SHARE_DECIMALS) for name in ("mean", "p50", "p95", "p99", "max")}
    return {"count": summary.count, **figures, "max_ids": list(of.max_lead_ids)}


def _rounded_share(part: int, whole: int) -> float | None:
    return round(part / whole, _SHARE_DECIMALS) if whole else None


def _clock(found: ComparisonReport) -> str:
    if found.request.is_from_start:
        return "wall_from_start"
    return "monotonic" if found.is_monotonic else "wall"


def table(found: ComparisonReport, zone: tzinfo | None = None) -> Iterator[str]:
    """Yield the lines: the sides, how they were compared, the figures beside each other, verdicts, and remarks."""
    for name, side in (("A", found.a), ("B", found.b)):
        yield f"{name}  {_title(side, zone)}"
    yield ""
    yield _how(found)
    yield ""
    rows = [("", ("A", "B")), *_message_rows(found), *_lead_rows(found), *_statistics_rows(found)]
    label_width = max(len(label) for label, _ in rows)
    widths = [max(len(pair[side]) for _, pair in rows) for side in (0, 1)]
    for label, (a, b) in rows:
        yield f"{label:<{label_width}}  {a:>{widths[0]}}  {b:>{widths[1]}}".rstrip()
    yield from _verdict_lines(found)
    yield from _example_lines(found)
    said = tuple(remarks(found))
    if said:
        yield ""
        yield from (f"- {sentence}" for sentence in said)


def _title(side: SideReport, zone: tzinfo | None) -> str:
    since, until = (shown_time(at_ns, zone)[:-4] for at_ns in (side.since_ns, side.until_ns))
    recording = sanitize(side.side.recording, NAME_CHARS)
    where = f"{side.side.connection} in {recording}, {home_path(side.side.view.path)}"
    return f"{where}: {since} – {until} ({zone_text(is_utc=zone is UTC)})"


def _how(found: ComparisonReport) -> str:
    request = found.request
    window = fmt.format_duration(request.window_ns / SECOND_NS)
    by = ", ".join(path_text(path) for path in request.key) or "payload"
    of = f" that match {sanitize(request.query.text)}" if request.query.text else ""
    return f"Received messages{of}, matched by {sanitize(by)}, at most {window} apart."


def _message_rows(found: ComparisonReport) -> Iterator[tuple[str, Pair]]:
    a, b = found.a, found.b
    yield "recorded for", _pair(a, b, lambda side: fmt.duration(round(side.recorded_s * SECOND_NS)))
    yield "messages received", _pair(a, b, lambda side: fmt.count(side.statistics.messages.received))
    yield "  per second of recording", _pair(a, b, _rate)
    labels: tuple[tuple[str, Callable[[SideReport], int | None]], ...] = (
        ("  not stored", lambda side: side.not_stored),
        ("  payload not stored", lambda side: side.kept.no_payload),
        ("  masked, not compared", lambda side: side.kept.masked),
        ("  cut, not compared", lambda side: side.kept.cut),
        ("  no key, not compared", lambda side: side.kept.no_key),
    )
    for label, read in labels:
        if read(a) or read(b):
            yield label, _pair(a, b, lambda side, read=read: _known(read(side)))  # type: ignore[misc]
    yield "messages compared", _pair(a, b, lambda side: fmt.count(side.kept.compared))
    pair = found.matching.a, found.matching.b
    yield "matched", _counts(pair, lambda of: of.matched)
    yield "only on this side", (_only(pair[0], b), _only(pair[1], a))
    if any(of.while_down for of in pair):
        yield "  while the other was not connected", _counts(pair, lambda of: of.while_down)
    rest: tuple[tuple[str, Callable[[SideMatches], int]], ...] = (
        ("more often than on the other side", lambda of: of.more_often),
        ("undecided: near an edge of the recording", lambda of: of.near_edge),
        ("undecided: other side not recorded", lambda of: of.not_recorded),
        ("undecided: too many keys in the window", lambda of: of.crowded),
        ("not compared: out of order", lambda of: of.late),
        ("repeated on this side", lambda of: of.repeated),
    )
    for label, of_side in rest:
        if any(of_side(of) for of in pair):
            yield label, _counts(pair, of_side)


def _least_only(of: SideMatches, other: SideReport) -> int | None:
    """How many messages the other side surely lacks: what could not be compared there may be any of the others."""
    return None if other.uncompared is None else max(0, of.only - other.uncompared)


def _only(of: SideMatches, other: SideReport) -> str:
    least = _least_only(of, other)
    if least == of.only:
        return fmt.count(of.only)
    return f"{'0' if least is None else fmt.count(least)} to {fmt.count(of.only)}"


def _lead_rows(found: ComparisonReport) -> Iterator[tuple[str, Pair]]:
    matching = found.matching
    pair = matching.a, matching.b
    if not matching.measured:
        return
    yield "first", _counts(pair, lambda of: of.first)
    yield "  share", _counts_text(pair, lambda of: fmt.percent(of.first / matching.measured))
    if matching.same_time:
        same = fmt.count(matching.same_time)
        yield "  at the same time", (same, same)
    summaries = matching.a.lead_ms, matching.b.lead_ms
    for name in ("p50", "p95", "p99", "max"):
        yield f"  lead {name}", (_lead(summaries[0], name), _lead(summaries[1], name))


def _statistics_rows(found: ComparisonReport) -> Iterator[tuple[str, Pair]]:
    """Yield the statistics of the whole connections, whatever the filter is."""
    a, b = found.a.statistics, found.b.statistics
    figures: tuple[tuple[str, Callable[[ConnectionStatistics], str]], ...] = (
        ("bytes received", lambda of: fmt.size(of.bytes.received)),
        ("sessions", lambda of: fmt.count(of.sessions)),
        ("reconnects", lambda of: fmt.count(of.reconnection_count)),
        ("rtt p50", lambda of: fmt.NONE if of.rtt_ms is None else fmt.milliseconds(of.rtt_ms.p50)),
        ("rtt p99", lambda of: fmt.NONE if of.rtt_ms is None else fmt.milliseconds(of.rtt_ms.p99)),
    )
    for label, read in figures:
        yield label, (read(a), read(b))
    counted: tuple[tuple[str, Callable[[ConnectionStatistics], Mapping[str, int]]], ...] = (
        ("sequence numbers", lambda of: of.sequence),
        ("incidents", lambda of: of.incidents),
        ("errors", lambda of: of.errors),
        ("close code", lambda of: of.close_codes),
    )
    for label, counts in counted:
        for key in sorted(counts(a).keys() | counts(b).keys()):
            shown = f"{label}: {sanitize(key, NAME_CHARS)}"
            yield shown, (fmt.count(counts(a).get(key, 0)), fmt.count(counts(b).get(key, 0)))
    for kpi_a, kpi_b in zip(a.kpis, b.kpis, strict=True):
        if any(kpi.value is not None or kpi.ok is False for kpi in (kpi_a, kpi_b)):
            yield kpi_a.name, (_kpi(kpi_a), _kpi(kpi_b))


def _kpi(kpi: Kpi) -> str:
    """The value of a KPI, and that it misses its target, or why that cannot be judged."""
    shown = fmt.NONE if kpi.value is None else fmt.figure(kpi.value, kpi.unit)
    if kpi.ok is False:
        return f"{shown} (misses its target{f': {kpi.why}' if kpi.why else ''})"
    return f"{shown} ({kpi.why})" if kpi.value is not None and kpi.why not in ("", NO_TARGET) else shown


def _verdict_lines(found: ComparisonReport) -> Iterator[str]:
    for name, side in (("A", found.a), ("B", found.b)):
        if side.verdicts:
            yield ""
            yield f"{name}: sessions that ended and attempts that failed"
        for each in side.verdicts[:MOST_VERDICT_LINES]:
            what = sanitize(f"{each.code or each.by}: {each.cause}")
            yield f"  {each.count:,} × {what} (first: id:{each.event_id})"
        if len(side.verdicts) > MOST_VERDICT_LINES:
            yield f"  and {len(side.verdicts) - MOST_VERDICT_LINES:,} more; --json lists them"


def _example_lines(found: ComparisonReport) -> Iterator[str]:
    lines: list[str] = []
    for name, side, of in (("A", found.a, found.matching.a), ("B", found.b, found.matching.b)):
        where = sanitize(shlex.quote(str(side.side.view.path)))
        if of.examples:
            ids = ",".join(str(each.event_id) for each in of.examples)
            lines.append(f"only in {name}, e.g.: wsmon search --store {where} id:{ids}")
        if of.first:
            ids = " and ".join(f"{event_id}" for event_id in of.max_lead_ids)
            lines.append(f"greatest lead of {name}: events {ids} (A and B)")
    if lines:
        yield ""
        yield from lines


def remarks(found: ComparisonReport) -> Iterator[str]:
    """Yield what limits the comparison, each as a sentence."""
    request = found.request
    window = fmt.format_duration(request.window_ns / SECOND_NS)
    if request.is_from_start:
        yield "Times are measured from the start of each period, with the wall clock."
    elif found.is_monotonic:
        yield "Times are those of the monotonic clock of one recorder: they are comparable."
    else:
        yield "Times are wall times of two recorders: leads include the difference between their clocks."
    yield (
        f"Messages more than {window} apart do not match, and count as only on one side; "
        f"within {window} of an edge or a gap of the recording they are undecided."
    )
    common = fmt.duration(round(found.common_s * SECOND_NS))
    if not found.common_s:
        if request.is_from_start:
            yield "A and B have no recorded time in common, measured from the start of each period."
        else:
            yield "A and B were not recorded at the same time: compare periods, e.g. feed@yesterday feed@today."
    elif found.common_s * SECOND_NS <= 2 * request.window_ns:
        yield f"A and B were recorded together for {common}, not longer than two windows: try a shorter --window."
    if found.matching.a.repeated or found.matching.b.repeated:
        yield f"Keys that come more than once on a side within {window} are counted, but their lead is not measured."
    if found.matching.forgotten:
        yield (
            f"{found.matching.forgotten:,} keys were forgotten before {window} had passed, because there were too "
            "many: try a shorter --window."
        )
    yield from _side_remarks("A", "B", found.a, found)
    yield from _side_remarks("B", "A", found.b, found)


def _side_remarks(name: str, other: str, side: SideReport, found: ComparisonReport) -> Iterator[str]:
    uncompared = side.kept.not_compared + (side.not_stored or 0)
    if uncompared:
        noun = "message" if uncompared == 1 else "messages"
        yield f"{name} has {uncompared:,} {noun} that cannot be compared: what is only on {other} may be among them."
    if side.side.view.is_excerpt:
        yield f"{name} is an export, an import or a bundle, which may have only a part of the messages."
    if side.statistics.shed_messages:
        yield f"{name} lost {side.statistics.shed_messages:,} messages while the store could not be written."
    if side.not_stored is None:
        yield f"How many messages of {name} were not stored is not known for this period."
    if side.recording_gaps:
        times = "once" if side.recording_gaps == 1 else f"{side.recording_gaps:,} times"
        yield f"The recording of {name} was interrupted {times}."
    if side.is_pruned:
        yield f"Older events of the period of {name} have been deleted to stay within the retention."
    if side.unlisted_verdicts:
        kinds = f"{len(side.verdicts):,} kinds of verdicts of {name} are listed"
        yield f"{kinds}; {side.unlisted_verdicts:,} further ends have others."
    if side.clock_steps:
        times = "once" if side.clock_steps == 1 else f"{side.clock_steps:,} times"
        what = "the edges of the period are off by the step" if found.is_monotonic else "leads include the step"
        yield f"The wall clock of {name} was set {times}: {what}."


def _pair(a: SideReport, b: SideReport, read: Callable[[SideReport], str]) -> Pair:
    return read(a), read(b)


def _counts(pair: tuple[SideMatches, SideMatches], read: Callable[[SideMatches], int | None]) -> Pair:
    return _counts_text(pair, lambda of: _known(read(of)))


def _counts_text(pair: tuple[SideMatches, SideMatches], read: Callable[[SideMatches], str]) -> Pair:
    return read(pair[0]), read(pair[1])


def _known(count: int | None) -> str:
    return fmt.NONE if count is None else fmt.count(count)


def _rate(side: SideReport) -> str:
    return fmt.NONE if side.messages_per_s is None else fmt.rate(side.messages_per_s)


def _lead(summary: Summary | None, name: str) -> str:
    if summary is None:
        return fmt.NONE
    value: float = getattr(summary, name)
    return f"{value:.3f} ms" if value < _FINE_MS else fmt.milliseconds(value)
