"""Search dialog: filters the log while the user types, reports errors, and keeps the last valid query."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.suggester import Suggester
from textual.timer import Timer
from textual.widgets import Input

from wsmon.errors import QueryError
from wsmon.query.ast import EVERYTHING, Query
from wsmon.query.fields import completion
from wsmon.query.parser import ReferenceTime, parse
from wsmon.tui.cell_text import cell_text
from wsmon.tui.dialogs.base import Dialog
from wsmon.tui.text import Line
from wsmon.tui.widgets.text_view import TextLine, WrappedText

# Pause between the last letter and the search: longer than the gaps within a typed word
PAUSE_S = 0.15
# Shown while nothing is typed
EXAMPLE = "e.g. is:problem $.a>9"
HINT: Line = (
    (" →", "key-name"), (" complete", "dim"), ("  ↑", "key-name"), (" history", "dim"),
    ("  Enter", "key-name"), (" apply", "dim"), ("  ^y", "key-name"), (" apply, copy newest", "dim"),
    ("  Esc", "key-name"), (" clear", "dim"),
)  # fmt: skip


class _FieldSuggester(Suggester):
    """Completes the name of a field, or the value of a field that has few."""

    async def get_suggestion(self, value: str) -> str | None:
        """Return the whole line completed; None where nothing fits."""
        return completion(value) or None


class SearchDialog(Dialog[Query], inherit_bindings=False):
    """Two lines at the bottom of the screen; the result is the query that stays."""

    BINDINGS = [  # noqa: RUF012 (Textual's declaration)
        Binding("escape", "clear", "clear"),
        Binding("up", "recall(1)", "older search"),
        Binding("down", "recall(-1)", "newer search"),
        Binding("ctrl+y", "copy", "apply and copy"),
    ]
    HIDES_SCREEN = False

    def __init__(
        self,
        text: str,
        apply: Callable[[Query], None],
        now_ns: Callable[[], int],
        searches: tuple[str, ...] = (),
        halt: Callable[[], None] = lambda: None,
        copy: Callable[[Query], None] = lambda _query: None,
    ) -> None:
        """``text`` is the query now; ``apply`` is called with a valid one once typing has paused.

        The last valid query is applied also where the pause came after letters that made it an invalid one.
        ``searches`` are earlier searches, newest first; ``halt`` is called as soon as the search that is running is no
        longer wanted; ``copy`` copies a match of the query that stays.
        """
        super().__init__()
        self._text = text
        self._line = Input(
            text, EXAMPLE, compact=True, id="search-input", select_on_focus=False, suggester=_FieldSuggester()
        )
        self._note = WrappedText(id="search-note")
        self._apply = apply
        self._halt = halt
        self._copy = copy
        self._now_ns = now_ns
        self._valid: Query | None = None
        self._timer: Timer | None = None
        self._recalled = ("" if text in searches[:1] else text, *searches)
        """The text typed by the user, then earlier searches."""
        self._at = 1 if text in searches[:1] else 0

    def compose(self) -> ComposeResult:
        """Compose the line, and below it the hint or what is wrong."""
        self._line.cursor_blink = False
        with Vertical(id="search-box"):
            with Horizontal(id="search-line"):
                prompt = TextLine(id="search-prompt")
                prompt.draw(((" / ", "key-name"),))
                yield prompt
                yield self._line
            self._note.draw(HINT)
            yield self._note

    def on_mount(self) -> None:
        """Select the query: typing replaces it, an arrow key begins to edit it."""
        self._line.select_all()

    @on(Input.Changed, "#search-input")
    def _typed(self, event: Input.Changed) -> None:
        if event.value != self._text and self._understand(event.value):
            if self._timer is not None:
                self._timer.stop()
            self._halt()
            self._timer = self.set_timer(PAUSE_S, self._search)
        self._text = event.value

    @on(Input.Submitted, "#search-input")
    def _submitted(self, event: Input.Submitted) -> None:
        if self._understand(event.value) and self._valid is not None:
            self._stop_timer()
            self.dismiss(self._valid)

    def action_copy(self) -> None:
        """Keep the query, and copy the newest match."""
        if self._understand(self._line.value) and self._valid is not None:
            self._stop_timer()
            query = self._valid
            self.dismiss(query)
            self._copy(query)

    def action_clear(self) -> None:
        """Show all events again."""
        self._stop_timer()
        self.dismiss(EVERYTHING)

    def action_recall(self, older: int) -> None:
        """Put an older or newer search into the line."""
        at = self._at + older
        if 0 <= at < len(self._recalled):
            if self._at == 0:
                self._recalled = (self._line.value, *self._recalled[1:])
            self._at = at
            self._line.value = self._recalled[at]
            self._line.cursor_position = len(self._line.value)

    def _search(self) -> None:
        self._timer = None
        if self._valid is not None:
            self._apply(self._valid)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()

    def _understand(self, text: str) -> bool:
        """Return whether a text is a query; an invalid one is reported, and the last valid one is kept."""
        try:
            self._valid = parse(text, ReferenceTime(self._now_ns()))
        except QueryError as error:
            hint = f" · {error.hint}" if error.hint else ""
            self._note.draw(((f" column {error.column + 1}: {cell_text(error.what + hint)}", "problem"),))
            return False
        self._note.draw(HINT)
        return True
