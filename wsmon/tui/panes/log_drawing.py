"""How the log draws the rows in sight: they are read in one query, drawn once, and looked up from then on."""

from __future__ import annotations

from datetime import tzinfo
from itertools import islice

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from wsmon.errors import WsmonError
from wsmon.ports import StoreView
from wsmon.query.patterns import PatternTooSlowError
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.palette import Palette
from wsmon.tui.panes.log_cache import LogLines
from wsmon.tui.panes.log_line import LineStyle
from wsmon.tui.panes.log_status import InSight
from wsmon.tui.text import wrap
from wsmon.tui.widgets.row_list import RowList
from wsmon.tui.widgets.text_view import draw_line


class DrawnLog(RowList):
    """Rows that are events of a store."""

    def __init__(
        self,
        view: StoreView,
        *,
        zone: tzinfo | None = None,
        glyphs: Glyphs = UNICODE,
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """``view`` belongs to the thread of the screen; ``zone`` is the local one by default."""
        super().__init__(id=id)
        self._view = view
        self._lines = LogLines(view)
        self._lines.restyle(LineStyle(zone=zone, glyphs=glyphs))
        self._zone, self._glyphs = zone, glyphs
        self.status = ""
        # what stands on the first line where there are no rows
        self.in_sight = InSight()
        self._colors: tuple[Palette, Style] | None = None

    def say(self, note: str) -> None:
        """Tell the user a sentence."""
        raise NotImplementedError

    def notify_style_update(self) -> None:
        """Forget the colours, and what was drawn with them."""
        super().notify_style_update()
        self._colors = None
        self._lines.clear()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Read what is missing of the rows in sight, in one query, and draw."""
        self._lines.resize(self.page.width)
        top = self.scroll_offset.y + max(0, crop.y - self.gutter.top)
        last = min(top + crop.height, len(self.rows))
        ids = [self.rows.id_at(row) for row in range(top, last)]
        if ids:
            self._load(ids, self.rows.id_at(top - 1) if top else 0)
        self._count_in_sight()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """The line of a row, looked up."""
        palette, base = self._palette
        row = y + self.scroll_offset.y
        if row >= len(self.rows):
            said = list(islice(wrap(self.status, self.page.width), y, y + 1)) if not len(self.rows) else []
            return draw_line(tuple((line, "dim") for line in said), self.page.width, base, palette)
        event_id = self.rows.id_at(row)
        strip = self._lines.get(event_id) or Strip.blank(self.page.width)
        is_current = event_id == self.current_id
        return strip.apply_style(base + palette.cursor(self.has_focus) if is_current else base)

    def _count_in_sight(self) -> None:
        """Lines that leave something out are counted when they are drawn: only then are they read."""
        top = self.scroll_offset.y
        rows = range(top, min(top + self.page.height, len(self.rows)))
        found = self._lines.in_sight(self.rows.id_at(row) for row in rows)
        if found != self.in_sight:
            self.in_sight = found
            self.call_later(self.sight_changed)

    def sight_changed(self) -> None:
        """Other lines than before leave something out."""

    def _load(self, ids: list[int], above: int) -> None:
        try:
            try:
                self._lines.load(ids, above, self._palette[0])
            except PatternTooSlowError as error:  # highlighting has ended with it
                self.say(str(error))
                self._lines.load(ids, above, self._palette[0])
        except WsmonError as error:
            self.say(str(error))

    @property
    def _palette(self) -> tuple[Palette, Style]:
        if self._colors is None:
            self._colors = Palette(self.app.theme_variables), self.rich_style
        return self._colors
