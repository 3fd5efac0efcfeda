"""Actions by name: type some letters, take one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wsmon.tui.actions import ACTIONS, Action
from wsmon.tui.dialogs.base import FinderDialog
from wsmon.tui.keymap import display
from wsmon.tui.palette import Span
from wsmon.tui.text import clip, left, right

LABEL_WIDTH, KEY_WIDTH = 17, 8
LEAST_HELP = 12
# cells; less of a sentence says nothing


class PaletteDialog(FinderDialog[Action]):
    """Answers an action."""

    TITLE = "Commands"
    NOTHING = "no action of that name"
    HINT = (("↑ ↓", "key-name"), (" choose  ", "dim"), ("Enter", "key-name"), (" run  ", "dim"),
            ("Esc", "key-name"), (" close", "dim"))  # fmt: skip

    def __init__(self, keys: Mapping[str, Sequence[str]]) -> None:
        """``keys``: action id → keys in force."""
        super().__init__("part of a name")
        self._keys = keys

    def find(self, text: str) -> tuple[Action, ...]:
        """Actions that the words of ``text`` occur in."""
        return find(text)

    def line(self, answer: Action, width: int) -> tuple[Span, ...]:
        """Name, what it does, key."""
        keys = self._keys.get(answer.id, ())
        room = max(0, width - LABEL_WIDTH - KEY_WIDTH - 2)
        said = clip(answer.help, room) if room >= LEAST_HELP else ""
        return (
            (f" {left(answer.label, LABEL_WIDTH)}", "text"),
            (left(said, room), "dim"),
            (right(f"{display(keys[0]) if keys else ''} ", KEY_WIDTH), "key-name"),
        )


def find(text: str) -> tuple[Action, ...]:
    """Actions that the words of ``text`` occur in: first those whose name begins with it."""
    words = text.lower().split()
    texts = {action: f"{action.label} {action.id} {action.help}".lower() for action in ACTIONS}
    found = [action for action, searched in texts.items() if all(word in searched for word in words)]
    return tuple(sorted(found, key=lambda action: not action.label.startswith(text.lower())))
