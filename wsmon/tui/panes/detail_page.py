"""What the parts of the detail share: lines that know what they are about, and how they are written. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal, NamedTuple

from wsmon.model.sanitize import sanitize
from wsmon.tui.before import NOTHING, Before
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.json_view import UNFOLDED, Folding, JsonNode
from wsmon.tui.palette import Line
from wsmon.tui.panes.detail_fields import Field
from wsmon.tui.text import clip, left, wrap

VALUE_LIMIT = 4096
# characters of one field: a reason has 123 bytes at most, an error body 4 KiB
LABEL_WIDTH = 12
_IN_ASCII = str.maketrans({"“": '"', "”": '"', "→": "->", "–": "-", "×": "x"})

Form = Literal["decoded", "text", "hex"]
FORMS: tuple[Form, ...] = ("decoded", "text", "hex")
# of the payload


class Row(NamedTuple):
    """A line, and what it is about: a JSON value, or a field of the event."""

    line: Line
    node: JsonNode | None = None
    field: Field | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """How lines are written."""

    width: int
    zone: tzinfo | None
    # None = local time
    glyphs: Glyphs
    form: Form = "decoded"
    folding: Folding = UNFOLDED
    # of JSON
    before: Before = NOTHING
    # what came before the event

    def clean(self, text: str, limit: int = VALUE_LIMIT) -> str:
        """Foreign text, safe and on one line; our own quotes and arrows in ASCII where that is asked for."""
        if self.glyphs.is_ascii:
            text = text[: limit + 1].translate(_IN_ASCII)
        return sanitize(text, limit, ascii_only=self.glyphs.is_ascii)

    def note(self, text: str) -> Iterator[Row]:
        """A remark of ours."""
        return (Row(((line, "caution"),)) for line in wrap(text, self.width))


def field_rows(fields: Iterable[Field], page: Page) -> Iterator[Row]:
    """Labels in a column of their own; long values go on under themselves."""
    label_width = min(LABEL_WIDTH, page.width // 3)
    for field in fields:
        label = left(page.clean(field.label), label_width - 1, page.glyphs.cut) + " "
        for line in wrap(page.clean(field.value), page.width - label_width):
            yield Row(((label, "dim"), (line, field.meaning)), field=field)
            label = " " * label_width


def heading(title: str, page: Page) -> Iterator[Row]:
    """An empty line, and a title."""
    yield Row(())
    yield Row(((clip(title, page.width, page.glyphs.cut), "key-name"),))
