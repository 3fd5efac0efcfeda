"""Lines of the key figures: value, threshold, samples, and how much of the budget is left. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor

from wsmon.model import units as fmt
from wsmon.model.statistics import Kpi
from wsmon.tui.palette import Line, Meaning
from wsmon.tui.text import left, right

WORDS = {
    "connection_success_rate": "dials succeeded",
    "connection_time_ms": "time to connect",
    "reconnection_success_rate": "outages ended",
    "reconnection_time_ms": "time to reconnect",
    "processing_time_ms": "time to reply",
    "message_error_rate": "messages failed",
}
NAME, VALUE, MARK, THRESHOLD, COUNT, BUDGET = 17, 9, 2, 10, 10, 9
# cells of the columns; where there is no room for the last ones they are left out
OK, BREACHED, UNKNOWN = "✓", "✕", " "


def kpi_lines(kpis: Sequence[Kpi], width: int) -> Iterator[Line]:
    """A heading and a line each; a breach stands out."""
    heading = (
        left("key figures", NAME), right("is", VALUE), " " * MARK, right("has to be", THRESHOLD),
        right("samples", COUNT), right("budget", BUDGET),
    )  # fmt: skip
    shown = next((n for n in (6, 5, 4) if width >= sum((NAME, VALUE, MARK, THRESHOLD, COUNT, BUDGET)[:n])), 3)
    yield (("".join(heading[:shown]), "dim"),)
    for kpi in kpis:
        yield _line(kpi)[:shown]


def _line(kpi: Kpi) -> Line:
    meaning: Meaning = "dim" if kpi.ok is None else "status-open" if kpi.ok else "problem"
    value = fmt.NOT_MEASURED if kpi.value is None else _amount(kpi.value, kpi)
    mark = UNKNOWN if kpi.ok is None else OK if kpi.ok else BREACHED
    threshold = f"{'>' if kpi.is_floor else '<'} {_amount(kpi.threshold, kpi)}"
    return (
        (left(WORDS.get(kpi.name, kpi.name), NAME), "text"),
        (right(value, VALUE), meaning),
        (f" {mark}", meaning),
        (right(threshold, THRESHOLD), "dim"),
        (right(fmt.count(kpi.samples) if kpi.samples else fmt.NONE, COUNT), "dim"),
        (right(_budget(kpi), BUDGET), "problem" if kpi.ok is False else "dim"),
    )


def _amount(value: float, kpi: Kpi) -> str:
    return _share(value) if kpi.is_share else fmt.milliseconds(value)


def _share(value: float) -> str:
    """As many digits as thresholds have: 99.9 %, 0.01 %; what is not zero never reads as zero."""
    text = f"{value * 100:.3f}".rstrip("0").rstrip(".")
    return "< 0.001 %" if value > 0 and text == "0" else f"{text} %"


def _budget(kpi: Kpi) -> str:
    if kpi.budget_left is None:
        return ""
    return "used up" if kpi.budget_left < 0 else f"{floor(kpi.budget_left * 100)} %"
