"""The user's keys: laid over the table of actions, and checked, because Textual takes every mistake in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from textual.keys import Keys, format_key

from wsmon.config.kinds import FaultError
from wsmon.config.load import key_name
from wsmon.errors import Problem
from wsmon.tui.actions import ACTIONS, BY_ID, Action

NEVER = frozenset({"ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m", "ctrl+left_square_bracket"})
# terminals send them for backspace, tab, enter and escape
NAMES = {
    "/": "slash", ":": "colon", "?": "question_mark", "+": "plus", "-": "minus", "=": "equals_sign", ".": "full_stop",
    ",": "comma", "<": "less_than_sign", ">": "greater_than_sign", " ": "space", "!": "exclamation_mark",
    "*": "asterisk",
    "{": "left_curly_bracket", "}": "right_curly_bracket", "[": "left_square_bracket", "]": "right_square_bracket",
    "#": "number_sign", "@": "at", "$": "dollar_sign", "%": "percent_sign", "^": "circumflex_accent", "&": "ampersand",
    "_": "underscore", "'": "apostrophe", '"': "quotation_mark", ";": "semicolon", "|": "vertical_line", "~": "tilde",
    "\\": "backslash", "`": "grave_accent", "(": "left_parenthesis", ")": "right_parenthesis",
}  # fmt: skip
WORDS = {
    "enter": "Enter", "escape": "Esc", "tab": "Tab", "space": "Space", "home": "Home", "end": "End",
    "pagedown": "PgDn", "pageup": "PgUp", "delete": "Del", "insert": "Ins", "backspace": "Backspace",
}  # fmt: skip


KEY_NAMES = frozenset({key.value.split("+")[-1] for key in Keys} | set(NAMES.values()))
NO_LINES: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Keymap:
    """Which keys do what, and what is wrong with the user's wishes."""

    keys: Mapping[str, tuple[str, ...]]
    # action id → keys in force, Textual's names
    changed: Mapping[str, str]
    # action id → keys, as ``App.set_keymap`` takes them; the user's only
    problems: tuple[Problem, ...]
    # what they are about has no effect


def lay_over(wishes: Mapping[str, tuple[str, ...]], file: str = "", lines: Mapping[str, int] = NO_LINES) -> Keymap:
    """The table's keys with the user's over them; a wish that cannot be is left out and explained.

    ``file`` and ``lines`` (by action id) say where the wishes are written.
    """
    keys = {action.id: action.keys for action in ACTIONS}
    problems: list[Problem] = []
    changed: dict[str, str] = {}
    for action_id, wanted in wishes.items():
        named = tuple(normal(key) for key in wanted)
        fault = _fault(action_id, named, keys, wishes)
        if fault is not None:
            at = key_name(("keys", action_id))
            problems.append(Problem(file or "keymap", lines.get(action_id, 0), at, fault.what, "", fault.hint))
            continue
        keys[action_id] = named
        changed[action_id] = ",".join(named)
    return Keymap(keys, changed, tuple(problems))


def normal(key: str) -> str:
    """Textual's name of a key: ``/`` is ``slash``, ``^d`` is ``ctrl+d``."""
    if len(key) == 2 and key[0] == "^":
        return f"ctrl+{key[1].lower()}"
    return NAMES.get(key, key)


def display(key: str) -> str:
    """A key as people write it: ``/``, ``^d``, ``Enter``."""
    if key.startswith("ctrl+"):
        return f"^{display(key.removeprefix('ctrl+'))}"
    if key.startswith("shift+"):
        return f"Shift-{display(key.removeprefix('shift+'))}"
    sign = next((sign for sign, name in NAMES.items() if name == key and sign != " "), "")
    if sign:
        return sign
    return WORDS.get(key) or format_key(key)


def _fault(
    action_id: str, wanted: tuple[str, ...], keys: Mapping[str, tuple[str, ...]], wishes: Mapping[str, tuple[str, ...]]
) -> FaultError | None:
    """What is wrong with a wish."""
    if action_id not in BY_ID:
        near = get_close_matches(action_id, BY_ID, 1)
        return FaultError("there is no such action", f"did you mean {near[0]}?" if near else "? shows all actions")
    for key in wanted:
        if key in NEVER:
            return FaultError(f"terminals cannot send {display(key)} as a key of its own", "take another key")
        if not _is_key(key):
            return FaultError(f"there is no key {key}", "write it as f, F, ^f, f5, enter, or left")
        other = _holder(key, BY_ID[action_id], keys, wishes)
        if other is not None:
            hint = f"give {other.id} another one too, or take another key"
            return FaultError(f"{display(key)} is taken by {other.id} ({other.label})", hint)
    return None


def _is_key(name: str) -> bool:
    """Whether a terminal sends such a key: a character, or one of Textual's names, with or without modifiers."""
    plain = name.split("+")[-1] if name != "+" else "plus"
    return len(plain) == 1 or plain in KEY_NAMES


def _holder(
    key: str, action: Action, keys: Mapping[str, tuple[str, ...]], wishes: Mapping[str, tuple[str, ...]]
) -> Action | None:
    """The other action that answers a key in the same place, unless the user moves it away."""
    for other in ACTIONS:
        in_the_same_place = (
            other.scope == action.scope
            or "app" in (other.scope, action.scope)
            or "move"
            in (
                other.scope,
                action.scope,
            )
        )
        if other.id == action.id or key not in keys[other.id] or not in_the_same_place:
            continue
        moved = tuple(normal(each) for each in wishes.get(other.id, ()))
        if not moved or key in moved:
            return other
    return None
