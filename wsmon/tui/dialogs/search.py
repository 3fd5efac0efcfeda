"""The search line: filters while one types, says what it does not understand, and keeps the last that it did."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.timer import Timer
from textual.widgets import Input

from wsmon.errors import QueryError
from wsmon.model.sanitize import sanitize
from wsmon.query.ast import EVERYTHING, Query
from wsmon.query.fields import completion
from wsmon.query.parser import ReferenceTime, parse
from wsmon.tui.text import StyledText
from wsmon.tui.widgets.text_view import TextLine, WrappedText

# Between the last letter and the search: shorter than a thought, longer than a typed word's gaps
PAUSE_S = 0.15
HINT: tuple[StyledText, ...] = (
    (" words ", "dim"), ("conn:", "key-name"), ("x ", "dim"), ("is:", "key-name"), ("problem ", "dim"),
    ("$.a>", "key-name"), ("9 ", "dim"),
    ("/re/", "key-name"),
    ("  →", "key-name"), (" fill", "dim"), ("  ↑", "key-name"), (" before", "dim"),
    ("  Enter", "key-name"), (" keep", "dim"), ("  Esc", "key-name"),
    (" clear", "dim"),
)  # fmt: skip


class _Completion(Suggester):
    """Completes the name of a field, or a value of one that has few."""

    async def get_suggestion(self, value: str) -> str | None:
        """The whole line; ``None`` where nothing fits."""
        return completion(value) or None


class SearchDialog(ModalScreen[Query], inherit_bindings=False):
    """Two lines at the bottom; answers the query that is to stay."""

    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("escape", "clear", "clear"),
        Binding("up", "recall(1)", "older search"),
        Binding("down", "recall(-1)", "newer search"),
    ]

    def __init__(
        self,
        text: str,
        apply: Callable[[Query], None],
        now_ns: Callable[[], int],
        searches: tuple[str, ...] = (),
        halt: Callable[[], None] = lambda: None,
    ) -> None:
        """``text`` is the query now; ``apply`` is called with each one that can be understood.

        ``searches`` is what was searched for before, newest first; ``halt`` is called as soon as the query under way is
        no longer the one that is wanted.
        """
        super().__init__()
        self._text = text
        self._line = Input(text, compact=True, id="search-input", select_on_focus=False, suggester=_Completion())
        self._note = WrappedText(id="search-note")
        self._apply = apply
        self._halt = halt
        self._now_ns = now_ns
        self._valid: Query | None = None
        self._timer: Timer | None = None
        self._recalled = ("" if text in searches[:1] else text, *searches)
        # with what is typed first
        self._at = 1 if text in searches[:1] else 0

    def compose(self) -> ComposeResult:
        """The line, and what is wrong with it."""
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
        """Typing replaces the query there was; an arrow key begins to change it."""
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

    def action_clear(self) -> None:
        """Everything again."""
        self._stop_timer()
        self.dismiss(EVERYTHING)

    def action_recall(self, older: int) -> None:
        """A search of before, instead of what stands there."""
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
        """Whether it is a query; says what is wrong where it is none, and keeps the last one that was."""
        try:
            self._valid = parse(text, ReferenceTime(self._now_ns()))
        except QueryError as error:
            hint = f" · {error.hint}" if error.hint else ""
            self._note.draw(((f" column {error.column + 1}: {sanitize(error.what + hint)}", "problem"),))
            return False
        self._note.draw(HINT)
        return True
