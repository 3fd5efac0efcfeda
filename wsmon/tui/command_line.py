"""The command lines that show elsewhere what the screen shows: ``search``, ``stats`` and ``export``. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsmon.export.jsonl import rfc3339
from wsmon.export.run import ExportRequest
from wsmon.model.ranges import Ranking
from wsmon.query.ast import Exact, FieldTerm, Query, Range
from wsmon.tui.panes.log_filter import QUIET_HEARTBEATS, LogScope
from wsmon.tui.panes.log_ranked import MOST_ROWS
from wsmon.tui.panes.statistics import LENGTHS_S, StatisticsSelection


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One command, quoted for a shell."""

    label: str
    """What on the screen it shows."""
    text: str


def of_log(stores: Sequence[str], scope: LogScope, ranking: Ranking | None = None) -> CommandLine:
    """Return the search that prints the rows of the log, in its order; ``stores`` are values of ``--store``."""
    order = [ranking, "--limit", str(MOST_ROWS)] if ranking is not None else ["asc"]
    return CommandLine("Log", _line(["search", *_stores(stores), "--order", *order], log_query(scope)))


def log_query(scope: LogScope) -> str:
    """Return the text of the query that finds what a scope shows."""
    text = "" if scope.is_in_context else scope.query.text
    if not scope.hides_heartbeats:
        return text
    before = f"({text}) " if " OR " in text else f"{text} " if text else ""
    return f"{before}-name:{','.join(QUIET_HEARTBEATS)}"


def of_event(store: Path, event_id: int) -> CommandLine:
    """Return the search that prints one event."""
    return CommandLine(f"Event #{event_id}", _line(["search", "--store", str(store), "--json"], f"id:{event_id}"))


def of_statistics(store: Path, connection: str, selection: StatisticsSelection) -> CommandLine:
    """Return the command that prints the statistics of the connection and the period that are chosen."""
    words = ["stats", "--store", str(store)]
    words += ["--connection", connection] if connection else []
    length_s = LENGTHS_S[selection.at]
    # An option with a value that begins with a minus
    words += [f"--since=-{length_s}s"] if length_s else []
    return CommandLine("Statistics", _line(words))


def of_timeline(stores: Sequence[str], since_ns: int, until_ns: int) -> CommandLine:
    """Return the search that prints what happened to the connections in the period of the timeline."""
    words = ["search", *_stores(stores), "--since", rfc3339(since_ns), "--until", rfc3339(until_ns)]
    return CommandLine("Timeline", _line([*words, "--order", "asc"], "kind:connection,incident"))


def of_export(stores: Sequence[str], request: ExportRequest) -> CommandLine:
    """Return the export that was made last."""
    target = str(request.target) if isinstance(request.target, Path) else "-"
    words = ["export", *_stores(stores), "--format", request.format, "--output", target]
    words += ["--incident", str(request.incident), "--around", f"{request.margin_s:g}s"] if request.incident else []
    return CommandLine("Last export", _line(words, query_text(request.query)))


def _stores(stores: Sequence[str]) -> list[str]:
    return [word for store in stores for word in ("--store", store)]


def query_text(query: Query) -> str:
    """Return a query as it is typed; those that the screen makes itself have another text, or none."""
    parts: list[str] = []
    is_typed = False
    for term in query.terms:
        match term:
            case FieldTerm("id", (Range(low, high),)):
                parts.append(f"id:{low}..{high}")
            case FieldTerm("ts", (Range(int(low), int(high)),)):
                parts.append(f"ts:{rfc3339(low)}..{rfc3339(high)}")
            case FieldTerm("connection", (Exact(name),)):
                parts.append(f"conn:{name}")
            case _:
                is_typed = True
    return query.text if is_typed or not parts else " ".join(parts)


def _line(words: Iterable[str], query: str = "") -> str:
    asked = (["--"] if query.startswith("-") else []) + ([query] if query else [])
    return shlex.join(["wsmon", *words, *asked])
