"""What a step of the tour is: keys, their actions, and what the screen shows afterwards and did not show before."""

from __future__ import annotations

from dataclasses import dataclass

from wsmon.tui.actions import ACTIONS, TEXTUAL_NAMES

TMUX = {
    "enter": "Enter", "escape": "Escape", "tab": "Tab", "shift+tab": "BTab", "space": "Space",
    "up": "Up", "down": "Down", "left": "Left",
    "right": "Right", "home": "Home", "end": "End", "pageup": "PPage", "pagedown": "NPage",
}  # fmt: skip
SIGNS = {name: sign for sign, name in TEXTUAL_NAMES.items()}


@dataclass(frozen=True, slots=True)
class Step:
    """Press keys; ``shows`` is on the screen then, and was not before; ``hides`` was, and is not then."""

    keys: tuple[str, ...]
    """Tmux's names, pressed one after the other."""
    shows: str = ""
    """A regular expression over the whole screen."""
    hides: str = ""
    actions: tuple[str, ...] = ()
    """The ids of the actions that the keys are for, one a key; "-" or none at all = keys that are no action's."""
    types: str = ""
    """A text, after the keys."""
    at_most: int = 1
    """How often the keys are pressed until it shows."""
    spoils: str = ""
    """What another program writes over the screen, before the keys."""
    says: str = ""
    """What a picture of it shows; empty = no picture is taken."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """Steps that belong together; each chapter begins where the one before ended."""

    name: str
    steps: tuple[Step, ...]
    is_short: bool = False
    """Also walked where the screen is small."""


def press(keys: str, actions: str = "", shows: str = "", *, hides: str = "", says: str = "") -> Step:
    """A step of keys and their actions, blanks between them."""
    return Step(tuple(keys.split()), shows, hides, tuple(actions.split()), says=says)


def write(text: str, shows: str, *, says: str = "") -> Step:
    """A step in which one types."""
    return Step((), shows, types=text, says=says)


def key(name: str) -> str:
    """tmux's name of a key that the table of actions calls ``name``."""
    if name.startswith("ctrl+"):
        return f"C-{name.removeprefix('ctrl+')}"
    return TMUX.get(name) or SIGNS.get(name) or name


def keys_of_the_table() -> frozenset[tuple[str, str]]:
    """Every action with every one of its keys; those without a key are run by their name."""
    return frozenset((action.id, key(name)) for action in ACTIONS for name in action.keys or ("Enter",))
