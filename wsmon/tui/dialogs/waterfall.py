"""Waterfall dialog: the spans of a session or of its trace, one under the other in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

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
# Of "running 59m59s"
RUNNING_WIDTH = 15
LEAST_BAR = 8
# Between two looks at spans that are under way; a look that takes long is followed by a longer rest
LOOK_S = 1.0
REST = 10
ROLE_OF_STATUS: dict[str, Role] = {
    "ok": "status-open", "error": "status-loss", "abandoned": "status-stalled", "orphan": "dim", "open": "text",
}  # fmt: skip

SpanRequest = Callable[[bool, Callable[[tuple[Span, ...]], None]], None]
"""Requests the spans of the trace (True) or of the session, and passes them to a function."""
Present = Callable[[], int | None]
"""Returns the wall time, in nanoseconds; None where nothing is under way, because no recorder runs."""


class WaterfallDialog(Dialog[None]):
    """The spans of a session in a list that scrolls; a key shows those of the whole trace."""

    BINDINGS = [  # noqa: RUF012 (Textual's declaration)
        Binding("escape,q,enter", "cancel", "close"),
        Binding("t,W", "trace", "whole trace"),
    ]
    HINT = (("j k", "key-name"), (" scroll  ", "dim"), ("t", "key-name"), (" switch session/trace  ", "dim"),
            ("Esc", "key-name"), (" close", "dim"))  # fmt: skip

    def __init__(
        self,
        subject: str,
        spans: tuple[Span, ...],
        limit: int,
        ask: SpanRequest,
        present: Present,
        *,
        has_session: bool = True,
    ) -> None:
        """``limit`` is how many spans were requested: with as many, the title says that there may be more.

        ``subject`` is a session, or without ``has_session`` a trace outside of sessions.
        """
        super().__init__()
        self._subject = subject
        self._spans = spans
        self._limit = limit
        self._ask = ask
        self._present = present
        self._has_session = has_session
        self._is_of_trace = not has_session
        """Whether the spans shown are those of the trace."""
        self._wants_trace = not has_session
        """Whether those wanted last are: the answer is still to come where they differ."""
        self._list = ScrollPane(id="waterfall")
        self.title = self._heading()

    def content(self) -> tuple[Widget, ...]:
        """Return the list."""
        if not self._has_session:
            # No session to go back to
            self.hint(*self.HINT[:2], *self.HINT[4:])
        return (self._list,)

    def on_mount(self) -> None:
        """Follow what is under way."""
        self._next_look = self.set_timer(LOOK_S, self._look)

    def on_resize(self) -> None:
        """Draw bars at the new scale."""
        self.call_after_refresh(self._draw)

    def action_trace(self) -> None:
        """Show all sessions of the trace, or the one session."""
        if not self._has_session:
            return
        self._wants_trace = wants_trace = not self._wants_trace

        def take(spans: tuple[Span, ...]) -> None:
            # The key may have been pressed again meanwhile
            if self._wants_trace == wants_trace:
                self._is_of_trace = wants_trace
                self._take(spans, LOOK_S)
                self._list.scroll_to(y=0, animate=False, force=True)

        self._ask(wants_trace, take)

    def _look(self) -> None:
        """Read the spans again while one of them is under way."""
        if self._present() is None or not any(span.status == "open" for span in self._spans):
            return
        # A question now would replace that of the key, whose answer is followed by the next look
        if self._wants_trace != self._is_of_trace:
            return
        is_of_trace = self._is_of_trace
        loop = asyncio.get_running_loop()
        asked_s = loop.time()

        def take(spans: tuple[Span, ...]) -> None:
            # The key may have been pressed meanwhile
            if self._wants_trace == is_of_trace:
                self._take(spans, max(LOOK_S, (loop.time() - asked_s) * REST))

        self._ask(is_of_trace, take)

    def _take(self, spans: tuple[Span, ...], rest_s: float) -> None:
        if not self.is_running:
            return
        self._spans = spans
        self._title_line.draw(((self._heading(), "strong"),))
        self._draw()
        self._next_look.stop()
        self._next_look = self.set_timer(rest_s, self._look)

    def _heading(self) -> str:
        number = len(self._spans)
        which = "newest" if self._is_of_trace else "first"
        more = f", the {which} {fmt.count(self._limit)} are shown" if number >= self._limit else ""
        what = self._subject
        if self._is_of_trace and self._has_session:
            what = f"Trace of {what[:1].lower()}{what[1:]}"
        running = sum(span.status == "open" for span in self._spans) if self._present() is not None else 0
        under_way = f", {fmt.count(running)} running" if running else ""
        return f"{what}: {fmt.count(number)} {'span' if number == 1 else 'spans'}{under_way}{more}"

    def _draw(self) -> None:
        self._list.draw(waterfall_lines(self._spans, self._list.width, self._present()))


def waterfall_lines(
    spans: tuple[Span, ...], width: int, now_ns: int | None = None, *, ascii_only: bool = False
) -> tuple[Line, ...]:
    """Return a line for each span by its start, with a bar on the scale of all, and a line for its error.

    ``now_ns`` is the wall time up to which spans without an end are drawn, as running; None: they run no more.
    """
    bars = waterfall(spans)
    took_width = RUNNING_WIDTH if any(bar.span.status == "open" for bar in bars) else TIME_WIDTH
    scale = _Scale(
        now_ns,
        max(1, max((bar.offset_ns + (_took_ns(bar.span, now_ns) or 0) for bar in bars), default=0)),
        max(10, min(36, width // 3)),
        took_width,
        width,
        ascii_only,
    )
    lines: list[Line] = []
    for bar in bars:
        lines.append(_line(bar, scale))
        problem = cell_text(bar.span.error or bar.span.error_type, NAME_LIMIT, ascii_only=ascii_only)
        if problem:
            indent = "  " * (min(bar.depth, MAX_INDENT) + 1)
            lines.append(((clip(indent + problem, width, ">" if ascii_only else "…"), "problem"),))
    return tuple(lines)


class _Scale(NamedTuple):
    """What the lines of a waterfall have in common."""

    now_ns: int | None
    whole_ns: int
    name_width: int
    took_width: int
    width: int
    is_ascii: bool


def _took_ns(span: Span, now_ns: int | None) -> int | None:
    """The duration of a span; of one that is under way, up to now."""
    if span.duration_ns is None and is_running(span) and now_ns is not None:
        return max(0, now_ns - span.start_ns)
    return span.duration_ns


def is_running(span: Span) -> bool:
    """Return whether a span has begun, and nothing says that its end will not be recorded."""
    return span.status == "open" and not span.error


def _line(bar: WaterfallRow, scale: _Scale) -> Line:
    span = bar.span
    indent = "  " * min(bar.depth, MAX_INDENT)
    label = span.operation if span.name in ("", span.operation) else f"{span.operation} {span.name}"
    role = ROLE_OF_STATUS[span.status]
    took_ns = _took_ns(span, scale.now_ns)
    if span.status == "open":
        took = "not ended" if took_ns is None else f"running {fmt.duration(took_ns)}"
    else:
        took = fmt.NONE if took_ns is None else fmt.milliseconds(took_ns / MS_NS)
    start = f"+{fmt.milliseconds(bar.offset_ns / MS_NS)}"
    texts: list[StyledText] = [
        (left(indent + cell_text(label, NAME_LIMIT, ascii_only=scale.is_ascii), scale.name_width), "text"),
        (right(start, TIME_WIDTH + 1), "dim"),
        (right(took, scale.took_width) + " ", role),
    ]
    room = scale.width - scale.name_width - TIME_WIDTH - scale.took_width - 2
    if room >= LEAST_BAR:
        before = min(room - 1, bar.offset_ns * room // scale.whole_ns)
        cells = min(room - before, max(1, (took_ns or 0) * room // scale.whole_ns))
        # The bar of what has not ended is open: dashed
        full, dashed = ("=", "-") if scale.is_ascii else ("━", "╍")
        texts.append((" " * before + (dashed if span.status == "open" else full) * cells, role))
    return tuple(texts)
