"""Waterfall dialog: the spans of a session or of its trace, one under the other in time."""

from __future__ import annotations

from collections.abc import Callable

from textual.binding import Binding
from textual.widget import Widget

from wsmon.model import units as fmt
from wsmon.model.spans import Span, WaterfallRow, waterfall
from wsmon.model.units import MS_NS
from wsmon.tui.cell_text import cell_text
from wsmon.tui.dialogs.base import Dialog
from wsmon.tui.text import Line, Role, StyledText, clip, left, right
from wsmon.tui.widgets.text_view import ScrollPane

# Levels of nesting; deeper spans are not indented further
MAX_INDENT = 6
NAME_LIMIT = 200
TIME_WIDTH = 10
LEAST_BAR = 8
ROLE_OF_STATUS: dict[str, Role] = {
    "ok": "status-open", "error": "status-loss", "abandoned": "status-stalled", "orphan": "dim", "open": "text",
}  # fmt: skip

SpanRequest = Callable[[bool, Callable[[tuple[Span, ...]], None]], None]
"""Requests the spans of the trace (True) or of the session, and passes them to a function."""


class WaterfallDialog(Dialog[None]):
    """The spans of a session in a list that scrolls; a key shows those of the whole trace."""

    BINDINGS = [  # noqa: RUF012 (Textual's declaration)
        Binding("escape,q,enter", "cancel", "close"),
        Binding("t,W", "trace", "whole trace"),
    ]
    HINT = (("j k", "key-name"), (" scroll  ", "dim"), ("t", "key-name"), (" switch session/trace  ", "dim"),
            ("Esc", "key-name"), (" close", "dim"))  # fmt: skip

    def __init__(self, subject: str, spans: tuple[Span, ...], limit: int, ask: SpanRequest | None = None) -> None:
        """``limit`` is how many spans were requested: with as many, the title says that there may be more.

        ``subject`` is a session, or without ``ask`` a trace outside of sessions.
        """
        super().__init__()
        self._subject = subject
        self._spans = spans
        self._limit = limit
        self._ask = ask
        self._is_of_trace = ask is None
        self._list = ScrollPane(id="waterfall")
        self.title = self._heading()

    def content(self) -> tuple[Widget, ...]:
        """Return the list."""
        if self._ask is None:
            # No session to go back to
            self.hint(*self.HINT[:2], *self.HINT[4:])
        return (self._list,)

    def on_resize(self) -> None:
        """Draw bars at the new scale."""
        self.call_after_refresh(self._draw)

    def action_trace(self) -> None:
        """Show all sessions of the trace, or the one session."""
        if self._ask is None:
            return
        is_of_trace = not self._is_of_trace

        def take(spans: tuple[Span, ...]) -> None:
            self._is_of_trace, self._spans = is_of_trace, spans
            self._title_line.draw(((self._heading(), "strong"),))
            self._draw()
            self._list.scroll_to(y=0, animate=False, force=True)

        self._ask(is_of_trace, take)

    def _heading(self) -> str:
        number = len(self._spans)
        which = "newest" if self._is_of_trace else "first"
        more = f", the {which} {fmt.count(self._limit)} are shown" if number >= self._limit else ""
        what = self._subject
        if self._is_of_trace and self._ask is not None:
            what = f"Trace of {what[:1].lower()}{what[1:]}"
        return f"{what}: {fmt.count(number)} {'span' if number == 1 else 'spans'}{more}"

    def _draw(self) -> None:
        self._list.draw(waterfall_lines(self._spans, self._list.width))


def waterfall_lines(spans: tuple[Span, ...], width: int, *, ascii_only: bool = False) -> tuple[Line, ...]:
    """Return a line for each span by its start, with a bar on the scale of all, and a line for its error."""
    bars = waterfall(spans)
    end_ns = max((bar.offset_ns + (bar.span.duration_ns or 0) for bar in bars), default=0)
    name_width = max(10, min(36, width // 3))
    lines: list[Line] = []
    for bar in bars:
        lines.append(_line(bar, max(1, end_ns), name_width, width, ascii_only=ascii_only))
        problem = cell_text(bar.span.error or bar.span.error_type, NAME_LIMIT, ascii_only=ascii_only)
        if problem:
            indent = "  " * (min(bar.depth, MAX_INDENT) + 1)
            lines.append(((clip(indent + problem, width, ">" if ascii_only else "…"), "problem"),))
    return tuple(lines)


def _line(bar: WaterfallRow, whole_ns: int, name_width: int, width: int, *, ascii_only: bool) -> Line:
    span = bar.span
    indent = "  " * min(bar.depth, MAX_INDENT)
    label = span.operation if span.name in ("", span.operation) else f"{span.operation} {span.name}"
    role = ROLE_OF_STATUS[span.status]
    took = fmt.NONE if span.duration_ns is None else fmt.milliseconds(span.duration_ns / MS_NS)
    start = f"+{fmt.milliseconds(bar.offset_ns / MS_NS)}"
    texts: list[StyledText] = [
        (left(indent + cell_text(label, NAME_LIMIT, ascii_only=ascii_only), name_width), "text"),
        (right(start, TIME_WIDTH + 1), "dim"),
        (right(took, TIME_WIDTH) + " ", role),
    ]
    room = width - name_width - 2 * TIME_WIDTH - 2
    if room >= LEAST_BAR:
        before = min(room - 1, bar.offset_ns * room // whole_ns)
        cells = min(room - before, max(1, (span.duration_ns or 0) * room // whole_ns))
        texts.append((" " * before + ("=" if ascii_only else "━") * cells, role))
    return tuple(texts)
