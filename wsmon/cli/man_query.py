"""The manual page wsmon-query(7), made from the tables of the search language that parser and help read, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wsmon.cli.roff import DATE, argument, escaped
from wsmon.model.events import EVENT_MEANINGS
from wsmon.model.statuses import LABELS, MEANINGS, STATUSES, Status
from wsmon.query.fields import FIELDS, FLAG_MEANINGS, GRAMMAR, TAKES, Field

_DESCRIPTION = (
    "This language filters the log (/) and selects events for search, stats, assert, export and alert rules.",
    "In the shell, quote queries that contain spaces, quotes, $, *, >, < or !.",
)
_TIMES = (
    ("14:02   14:02:24", "Time of day: the most recent occurrence. Local time, or UTC with --utc."),
    ("-15m   -2.5h", "Relative to now; units us, ms, s, m, h, d."),
    ("today   yesterday   2026-01-10", "Start of the day."),
    ("2026-01-10T14:02:24Z   2026-01-10 14:02:24+01:00", "RFC 3339; local time if the offset is omitted."),
    (
        "Nov 17 10:00:01   17/Nov/2026:10:00:00 +0000   2026-11-17 10:00:00,123",
        "Timestamps from other logs (syslog, nginx, ...); no quotes needed inside the query.",
    ),
    ("1768053744   1768053744118", "Unix time in s, ms, µs or ns."),
)
_EXAMPLES = (
    ("wsmon search 'is:problem since:-15m'", "Problems in the last 15 minutes."),
    ("wsmon search 'conn:orders type:trade $.qty>=10'", "Messages filtered by a JSON field."),
    ("wsmon search 'state:open->disconnected -by:us'", "Disconnects not initiated by wsmon."),
    ("wsmon stats --by 1m 'type:trade'", "Trades per minute."),
)


def query_page(version: str) -> str:
    """Return the page in the macros of man(7)."""
    return "".join(f"{line}\n" for line in _lines(version))


def _lines(version: str) -> Iterator[str]:
    yield f'.TH WSMON\\-QUERY 7 {DATE} "wsmon {escaped(version)}" "Miscellaneous Information"'
    yield ".SH NAME"
    yield "wsmon\\-query \\- wsmon search language"
    yield ".SH DESCRIPTION"
    for number, paragraph in enumerate(_DESCRIPTION):
        yield from ((".PP",) if number else ())
        yield escaped(paragraph)
    yield ".SH FORMS"
    yield from _terms(GRAMMAR)
    yield ".SH TIMES"
    yield from _terms(_TIMES)
    yield ".SH FIELDS"
    for field in FIELDS.values():
        yield from _field(field)
    yield ".SH SEARCH FLAGS"
    yield from _terms((f"is:{flag}", meaning) for flag, meaning in FLAG_MEANINGS.items())
    yield ".SH CONNECTION STATES"
    yield escaped("Values of state:, from: and to:.")
    yield from _terms((_status_names(status), f"{MEANINGS[status]}.") for status in STATUSES)
    yield ".SH EVENT NAMES"
    yield escaped("Values of the name: field. The kind: field matches the part before the first dot.")
    yield from _terms((name, f"{meaning}.") for name, meaning in EVENT_MEANINGS.items())
    yield ".SH EXAMPLES"
    yield from _terms(_EXAMPLES)
    yield ".SH SEE ALSO"
    yield ".BR wsmon (1)"


def _field(field: Field) -> Iterator[str]:
    names = ", ".join((field.name, *field.aliases))
    operators = " ".join(TAKES[field.kind])
    yield from (".TP", f".B {escaped(names)}", escaped(f"{field.meaning}; operators {operators}"))
    yield ".br"
    yield escaped(f"example: {field.example}")


def _status_names(status: Status) -> str:
    """A status as the screen and queries call it, and its long name where that differs."""
    return ", ".join(dict.fromkeys((LABELS[status], status)))


def _terms(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, text in rows:
        yield from (".TP", f".B {argument(term)}", escaped(text))
