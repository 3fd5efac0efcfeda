"""Generate the tables of the reference from the tables that wsmon itself reads.

    python docs/generate.py

A page has the text between ``<!-- NAME -->`` and ``<!-- /NAME -->`` replaced by what the function of that name in
``PARTS`` returns. ``tests/unit/test_reference.py`` fails where a page was not generated again after a change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from wsmon.config.example import to_toml
from wsmon.config.kinds import (
    AnyKind,
    ChainOf,
    ConditionOr,
    DurationKind,
    FlagKind,
    KeyMap,
    ListOf,
    NumberKind,
    OneOf,
    OneOrMore,
    RowsOf,
    SizeKind,
    TableOf,
    TablesOf,
)
from wsmon.config.schema import CONNECTION, RELAY, WSMON, ConfigKey
from wsmon.demo.scenario import demo_scenarios
from wsmon.model.events import EVENT_MEANINGS
from wsmon.model.incident_kinds import INCIDENT_KINDS, IncidentKind
from wsmon.model.profiles import ProfileName
from wsmon.model.statistics import ConnectionStatistics, Flow, Heartbeats, Kpi, kpis
from wsmon.model.statuses import LABELS, MEANINGS, STATUSES
from wsmon.model.units import format_duration, format_size
from wsmon.query.fields import FIELDS, FLAG_MEANINGS, GRAMMAR, TAKES

DOCS = Path(__file__).parent
_PART = re.compile(r"<!-- (?P<name>[\w-]+) -->\n.*?<!-- /(?P=name) -->", re.DOTALL)


def generated(page: str) -> str:
    """Return a page with all its generated parts as they are now."""
    return _PART.sub(lambda found: f"<!-- {found['name']} -->\n{PARTS[found['name']]()}<!-- /{found['name']} -->", page)


def table(*columns: str, rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def code(text: str) -> str:
    """Return a text as code; in a table, a bar would end the cell."""
    return f"`{text}`"


def grammar() -> str:
    """The forms of a query."""
    return table("form", "matches", rows=((code(form), meaning) for form, meaning in GRAMMAR))


def fields() -> str:
    """Every field with its operators."""

    def row(name: str) -> tuple[str, ...]:
        field = FIELDS[name]  # type: ignore[index] # the keys of the same table
        names = " ".join(map(code, (field.name, *field.aliases)))
        return names, field.meaning, " ".join(map(code, TAKES[field.kind])), code(field.example)

    return table("field", "what it is", "operators", "example", rows=map(row, FIELDS))


def flags() -> str:
    """What may stand behind ``is:``."""
    return table("flag", "matches", rows=((code(flag), meaning) for flag, meaning in FLAG_MEANINGS.items()))


def event_names() -> str:
    """All names of events, and what they mean."""
    return table("name", "meaning", rows=((code(name), meaning) for name, meaning in EVENT_MEANINGS.items()))


def statuses() -> str:
    """All connection states, as the screen and queries name them, and what they mean."""
    rows = ((code(LABELS[status]), code(status), MEANINGS[status]) for status in STATUSES)
    return table("state", "long name", "meaning", rows=rows)


def incidents() -> str:
    """A section for each kind of incident."""
    return "".join(line for kind in INCIDENT_KINDS for line in _incident(kind))


def wsmon_keys() -> str:
    """The keys of ``[wsmon]``."""
    return _keys(WSMON)


def connection_keys() -> str:
    """The keys of ``[[connection]]``."""
    return _keys(CONNECTION)


def relay_keys() -> str:
    """The keys of ``[[relay]]``."""
    return _keys(RELAY)


def kpi_targets() -> str:
    """The targets of the KPIs by profile."""
    rows = zip(kpis(unmeasured("detailed")), kpis(unmeasured("financial")), strict=True)
    return table(
        "KPI",
        "target",
        "profile `financial`",
        rows=((code(kpi.name), _target(kpi), _target(financial)) for kpi, financial in rows),
    )


def demo_connections() -> str:
    """The connections of the demo."""
    return table(
        "connection", "what its server does", rows=((code(each.name), each.title) for each in demo_scenarios())
    )


PARTS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "grammar": grammar,
        "fields": fields,
        "flags": flags,
        "event-names": event_names,
        "statuses": statuses,
        "incidents": incidents,
        "wsmon-keys": wsmon_keys,
        "connection-keys": connection_keys,
        "relay-keys": relay_keys,
        "kpi-targets": kpi_targets,
        "demo-connections": demo_connections,
    }
)


def _incident(kind: IncidentKind) -> Iterator[str]:
    yield f"### {kind.name}\n\n"
    query = f"is:{kind.query_flag}" if kind.query_flag else f"type:{kind.name}"
    yield f"Opens when {kind.describe({})}.\n\n"
    yield f"Find: {code(f'{query}')}. Mute: {_silence(kind)}.\n\n"
    if kind.thresholds:
        rows = (
            (code(f"detectors.{kind.name}.{each.name}"), each.written(each.default), each.doc)
            for each in kind.thresholds
        )
        yield table("threshold", "default", "what it is", rows=rows)
        yield "\n"


def _silence(kind: IncidentKind) -> str:
    own = code(f'silence = ["{kind.name}"]')
    return f"{kind.avoided_by}, or {own}" if kind.avoided_by else own


def _keys(keys: Iterable[ConfigKey]) -> str:
    return table(
        "key",
        "value",
        "default",
        "meaning",
        rows=((code(key.path), _value(key.kind), _default(key), key.doc) for key in keys),
    )


def _default(key: ConfigKey) -> str:
    if key.needed:
        return "(required)"
    return code(to_toml(key.default)) if key.default not in ("", [], {}) else ""


def _value(kind: AnyKind) -> str:
    match kind:
        case FlagKind():
            return "`true` or `false`"
        case ChainOf(item=item, words=words):
            return f"{_value(item)}, or several in a list; {' '.join(map(code, words))}"
        case OneOf(words=words):
            return " ".join(map(code, words))
        case NumberKind(minimum=least, maximum=most, whole=whole):
            return f"{'whole number' if whole else 'number'}, {least:,.10g} to {most:,.10g}"
        case DurationKind(minimum_s=least, maximum_s=most):
            return f"duration, {format_duration(least)} to {format_duration(most)}"
        case SizeKind(minimum_bytes=least, maximum_bytes=most):
            return f"size, {format_size(least)} to {format_size(most)}"
        case ListOf(item=item):
            return f"list: {_value(item)}"
        case OneOrMore(item=item):
            return f"{_value(item)}, or list: {_value(item)}"
        case ConditionOr(other=other):
            return f"{_value(other)}, or condition"
        case TableOf(item=item):
            return f"table: name = {_value(item)}"
        case TablesOf():
            return "tables"
        case RowsOf(keys=keys):
            return f"list of tables: {', '.join(keys)}"
        case KeyMap():
            return "table"
        case _:
            return "text"


def unmeasured(profile: ProfileName) -> ConnectionStatistics:
    """The statistics of a connection of which nothing is known."""
    times = (None, None, None)
    durations = (None, None, None)
    return ConnectionStatistics(
        "", "", "", "closed", False, profile, "", 0, 0, 0, None, 0.0, 0.0, None, *times, *durations, None,
        Flow(), Flow(), Flow(), Heartbeats(), {}, {}, {},
    )  # fmt: skip


def _target(kpi: Kpi) -> str:
    if kpi.threshold is None:
        return "none"
    value = f"{kpi.threshold * 100:g} %" if kpi.unit == "share" else f"{kpi.threshold:,g} ms"
    return f"{'>' if kpi.is_floor else '<'} {value}"


def _listed(words: Iterable[str]) -> str:
    return f"{_in_line(words)}\n"


def _in_line(words: Iterable[str]) -> str:
    return ", ".join(map(code, words))


def main() -> None:
    """Write all pages that have changed."""
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text("utf-8")
        if (new := generated(page)) != page:
            path.write_text(new, "utf-8")


if __name__ == "__main__":
    main()
