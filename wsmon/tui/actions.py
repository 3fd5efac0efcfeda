"""The table of actions, and the user's keymap over it: bindings, footer, help and palette are made from them.

To add a key of scope ``app``, add a row here, and to the module of ``commands`` that it belongs to a function and its
row of ``COMMANDS``. An action of another scope belongs to the panes that bind that scope, and runs a method of theirs:
``detail.fold`` is ``action_detail_fold()``. Of the scopes ``move`` and ``timeline``, one method takes all actions:
``move.down`` is ``action_move('down')``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal, assert_never

from textual.binding import Binding, BindingType
from textual.keys import Keys, format_key

from wsmon.config.kinds import FaultError
from wsmon.config.load import key_name
from wsmon.errors import Problem

Scope = Literal["app", "move", "choose", "detail", "log", "timeline", "statistics", "connections"]
Group = Literal[
    "Find", "Hand over", "Leave", "Panes", "Move", "Log", "Detail", "Timeline", "Statistics", "Connections", "wsmon"
]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that the user can do with a key, or by its name."""

    id: str
    keys: tuple[str, ...]
    """Textual's names of keys; the first one is shown. Empty = the action is in the palette only."""
    label: str
    """One or two words, for footer and palette."""
    help: str
    """A sentence."""
    group: Group
    scope: Scope = "app"
    in_footer: bool = False

    @property
    def call(self) -> str:
        """The action string of its binding: the name of a method without ``action_``, and its arguments."""
        if self.scope == "app":
            return f"act('{self.id}')"
        if self.scope in ("move", "timeline"):
            return f"{self.scope}('{self.id.partition('.')[2]}')"
        return self.id.replace(".", "_")


ACTIONS: tuple[Action, ...] = (
    Action("log.search", ("slash",), "search", "Filter the log; in the detail: find a text.", "Find", in_footer=True),
    Action("choose", ("enter",), "open", "Open what is under the cursor.", "Move", "choose", in_footer=True),
    Action("log.problem_next", ("e",), "problem", "Go to the next problem, or the newest.", "Find", in_footer=True),
    Action("log.problem_previous", ("E",), "previous problem", "Go to the problem before.", "Find"),
    Action("log.evidence", ("w",), "evidence", "Go to what proves it, or was said last.", "Find"),
    Action("log.next", ("n",), "next match", "Go to the next match of the search.", "Find"),
    Action("log.previous", ("N",), "previous match", "Go to the match before.", "Find"),
    Action("log.context", ("ctrl+f",), "context", "Only matches, or matches among all events.", "Find"),
    Action("log.trace_next", ("o",), "same trace", "Next event of this ref, span or session.", "Find"),
    Action("log.trace_previous", ("O",), "trace before", "The one before of this ref or session.", "Find"),
    Action("log.session_previous", ("left_curly_bracket",), "session before", "To the previous session.", "Find"),
    Action("log.session_next", ("right_curly_bracket",), "next session", "To the next session.", "Find"),
    Action("session.handshake", ("K",), "handshake", "How the event's session began.", "Find"),
    Action("session.spans", ("W",), "spans", "What took how long in the event's session.", "Find"),
    Action("log.go_to", ("t",), "go to", "Go to a time or an event: 14:02, #1234.", "Find"),
    Action("log.views", ("v",), "views", "Show a saved view, or save this search.", "Find"),
    Action("log.mark", ("m",), "mark", "Mark the event, or forget its mark.", "Log"),
    Action("log.note", ("M",), "note", "Write a note to the event; that marks it.", "Log"),
    Action("log.mark_next", ("u",), "next mark", "Go to the next event with a mark.", "Log"),
    Action("log.mark_previous", ("U",), "previous mark", "Go to the event with a mark before.", "Log"),
    Action("log.compare", ("C",), "compare", "Compare the event with the last marked one.", "Log"),
    Action("log.follow", ("F",), "follow", "Show new events as they come.", "Log"),
    Action("log.pause", ("p",), "pause", "Hold the log, or let it follow again.", "Log"),
    Action("log.heartbeats", ("h",), "heartbeats", "Hide or show pings and pongs in the log.", "Log"),
    Action("log.times", ("T",), "time mode", "Time of day, since open, between lines.", "Log"),
    Action("log.sort", ("s",), "sort", "Slowest or largest first, or by time.", "Log", "log"),
    Action("log.columns", ("c",), "columns", "Choose the columns of the log.", "Log"),
    Action("move.down", ("j", "down"), "down", "One line down.", "Move", "move"),
    Action("move.up", ("k", "up"), "up", "One line up.", "Move", "move"),
    Action("move.page_down", ("space", "pagedown"), "page down", "One page down.", "Move", "move"),
    Action("move.page_up", ("b", "pageup"), "page up", "One page up.", "Move", "move"),
    Action("move.half_down", ("ctrl+d",), "half down", "Half a page down.", "Move", "move"),
    Action("move.half_up", ("ctrl+u",), "half up", "Half a page up.", "Move", "move"),
    Action("move.top", ("g", "home"), "top", "To the first line.", "Move", "move"),
    Action("move.bottom", ("G", "end"), "bottom", "To the last line; in the log: follow.", "Move", "move"),
    Action("detail.only", ("equals_sign",), "only this", "Log: only events with this value.", "Detail", "detail"),
    Action("detail.without", ("exclamation_mark",), "not this", "Log: no event with this value.", "Detail", "detail"),
    Action("detail.form", ("f",), "form", "The payload decoded, as text, as bytes.", "Detail", "detail"),
    Action("detail.fold", ("minus",), "fold", "Fold what is nested; Enter folds one.", "Detail", "detail"),
    Action("detail.unfold", ("plus",), "unfold", "Unfold everything.", "Detail", "detail"),
    Action("detail.level_less", ("less_than_sign",), "level less", "Show a level less of JSON.", "Detail", "detail"),
    Action("detail.level_more", ("greater_than_sign",), "level more", "Show a level more.", "Detail", "detail"),
    Action("timeline.left", ("left",), "earlier", "Move the timeline's cursor to the left.", "Timeline", "timeline"),
    Action("timeline.right", ("right",), "later", "Move the timeline's cursor to the right.", "Timeline", "timeline"),
    Action("timeline.zoom_in", ("plus", "equals_sign"), "closer", "A shorter period.", "Timeline", "timeline"),
    Action("timeline.zoom_out", ("minus",), "wider", "A longer period.", "Timeline", "timeline"),
    Action("timeline.pan_left", ("less_than_sign",), "back", "Show the period before.", "Timeline", "timeline"),
    Action("timeline.pan_right", ("greater_than_sign",), "forth", "Show the period after.", "Timeline", "timeline"),
    Action("timeline.fit", ("0",), "fit", "Show this run; again: all that is kept.", "Timeline", "timeline"),
    Action("timeline.now", ("full_stop",), "now", "Follow the present at the same zoom.", "Timeline", "timeline"),
    Action("timeline.groups", ("l",), "groups", "A lane a group, or a lane a connection.", "Timeline", "timeline"),
    Action("statistics.shorter", ("plus", "equals_sign"), "shorter", "A shorter period.", "Statistics", "statistics"),
    Action("statistics.longer", ("minus",), "longer", "A longer period.", "Statistics", "statistics"),
    Action("statistics.everything", ("0",), "all", "Everything kept, or an hour.", "Statistics", "statistics"),
    Action("statistics.beside", ("B",), "beside", "Another connection beside it.", "Statistics", "statistics"),
    Action("pane.connections", ("1",), "connections", "Go to the connections.", "Panes"),
    Action("pane.timeline", ("2",), "timeline", "Go to the timeline.", "Panes"),
    Action("pane.statistics", ("3",), "statistics", "Go to the statistics.", "Panes"),
    Action("pane.log", ("4",), "log", "Go to the log.", "Panes"),
    Action("pane.detail", ("5",), "detail", "Go to the detail of the event.", "Panes"),
    Action("pane.next", ("tab",), "next pane", "Go to the next pane.", "Panes"),
    Action("pane.previous", ("shift+tab",), "previous pane", "Go to the pane before.", "Panes"),
    Action("pane.zoom", ("z",), "zoom", "The whole screen for this pane, or not.", "Panes", in_footer=True),
    Action("pane.back", ("escape",), "back", "Out of zoom, detail, filter, in this order.", "Panes"),
    Action("connection.reconnect", ("R",), "reconnect", "Dial the connection anew, now.", "Connections"),
    Action("connection.disable", ("D",), "disable", "Close the connection, or open it again.", "Connections"),
    Action("connection.detail", (), "connection info", "URL, headers, login, topics, KPIs.", "Connections"),
    Action("connection.subscriptions", (), "subscriptions", "Active, pending and lost topics.", "Connections"),
    Action("connection.send", ("a",), "send", "Send a text, where allow_send is set.", "Connections"),
    Action("connections.sort", ("s",), "sort", "By trouble, name, rate, last message, …", "Connections", "connections"),
    Action(
        "connections.filter",
        ("f",),
        "filter names",
        "List connections by part of a name.",
        "Connections",
        "connections",
    ),
    Action(
        "connections.fold",
        ("minus",),
        "fold group",
        "Fold this group; again: all groups.",
        "Connections",
        "connections",
    ),
    Action("connections.unfold", ("plus",), "unfold group", "Unfold this group, or all.", "Connections", "connections"),
    Action("alert.add", ("A",), "alert", "Alert on the search, or on such events.", "Connections"),
    Action("incident.silence", ("S",), "silence", "No more incidents of this kind here.", "Connections"),
    Action("copy.value", ("y",), "copy", "Copy payload, URL, or value in the detail.", "Hand over"),
    Action("copy.event", ("Y",), "copy event", "Copy the event, or the path of the value.", "Hand over"),
    Action("copy.file", (), "copy to file", "Write what `copy` would copy to a file.", "Hand over"),
    Action("log.pipe", ("vertical_line",), "pipe", "Events as JSON Lines into a shell command.", "Hand over"),
    Action("app.cli", (), "cli", "The same as a command line, to copy.", "Hand over"),
    Action("app.text", (), "text", "Rows as plain text, to select in.", "Hand over"),
    Action("export.open", ("x",), "export", "Write events to a file.", "Hand over", in_footer=True),
    Action("export.repeat", ("X",), "export again", "Repeat the last export.", "Hand over"),
    Action("app.detach", ("d",), "detach", "Leave; the recorder goes on.", "Leave", in_footer=True),
    Action("app.help", ("question_mark",), "help", "Show all keys.", "wsmon", in_footer=True),
    Action("app.palette", ("colon", "ctrl+p"), "commands", "Find an action by its name.", "wsmon", in_footer=True),
    Action("app.reload", ("L",), "reload", "Have the configuration read again.", "wsmon"),
    Action("app.edit", ("ctrl+e",), "edit config", "Open the file in $EDITOR, then reload.", "wsmon"),
    Action("app.redraw", ("ctrl+l",), "redraw", "Paint everything anew.", "wsmon"),
    Action("app.theme", (), "theme", "Choose the colours of the screen.", "wsmon"),
    Action("app.ascii", (), "ASCII", "Draw in ASCII alone, or in Unicode.", "wsmon"),
    Action("app.suspend", ("ctrl+z",), "suspend", "Back to the shell; `fg` returns.", "Leave"),
    Action("app.quit", ("q", "ctrl+c"), "quit", "Leave: detach, or stop the recorder.", "Leave", in_footer=True),
)

BY_ID = {action.id: action for action in ACTIONS}


def bindings(*scopes: Scope) -> list[BindingType]:
    """Return the bindings of the actions of these scopes, for ``BINDINGS`` of a screen or a pane."""
    return list(_bindings(action for action in ACTIONS if action.scope in scopes))


def _bindings(actions: Iterable[Action]) -> Iterable[Binding]:
    for action in actions:
        if action.keys:
            yield Binding(",".join(action.keys), action.call, action.label, id=action.id, tooltip=action.help)


Move = Literal["down", "up", "page_down", "page_up", "half_down", "half_up", "top", "bottom"]


def moved(move: Move, at: int, page: int, last: int) -> int:
    """Return where an action of the scope ``move`` puts a cursor that is on line ``at``.

    The result may be below 0 or above ``last``: the caller limits it to the lines that it has. ``page`` is a page in
    lines.
    """
    match move:
        case "down":
            return at + 1
        case "up":
            return at - 1
        case "page_down":
            return at + max(1, page)
        case "page_up":
            return at - max(1, page)
        case "half_down":
            return at + max(1, page // 2)
        case "half_up":
            return at - max(1, page // 2)
        case "top":
            return 0
        case "bottom":
            return last
        case _:
            assert_never(move)


# Terminals send these for backspace, tab, enter and escape.
UNSENDABLE = frozenset({"ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m", "ctrl+left_square_bracket"})
# Textual's names of keys by the characters that users write for them
TEXTUAL_NAMES = {
    "/": "slash", ":": "colon", "?": "question_mark", "+": "plus", "-": "minus", "=": "equals_sign", ".": "full_stop",
    ",": "comma", "<": "less_than_sign", ">": "greater_than_sign", " ": "space", "!": "exclamation_mark",
    "*": "asterisk",
    "{": "left_curly_bracket", "}": "right_curly_bracket", "[": "left_square_bracket", "]": "right_square_bracket",
    "#": "number_sign", "@": "at", "$": "dollar_sign", "%": "percent_sign", "^": "circumflex_accent", "&": "ampersand",
    "_": "underscore", "'": "apostrophe", '"': "quotation_mark", ";": "semicolon", "|": "vertical_line", "~": "tilde",
    "\\": "backslash", "`": "grave_accent", "(": "left_parenthesis", ")": "right_parenthesis",
}  # fmt: skip
# What users read for keys without a character, by Textual's names
KEY_LABELS = {
    "enter": "Enter", "escape": "Esc", "tab": "Tab", "space": "Space", "home": "Home", "end": "End",
    "pagedown": "PgDn", "pageup": "PgUp", "delete": "Del", "insert": "Ins", "backspace": "Backspace",
}  # fmt: skip
KEY_NAMES = frozenset({key.value.split("+")[-1] for key in Keys} | set(TEXTUAL_NAMES.values()))
NO_LINES: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Keymap:
    """The keys in force, and what is wrong with the user's keymap."""

    keys: Mapping[str, tuple[str, ...]]
    """Action id → keys in force, Textual's names."""
    changed: Mapping[str, str]
    """Action id → keys, as ``App.set_keymap`` takes them; only those that the user changed."""
    problems: tuple[Problem, ...]
    """What is wrong with entries; these have no effect."""


def merge_keymap(entries: Mapping[str, tuple[str, ...]], file: str = "", lines: Mapping[str, int] = NO_LINES) -> Keymap:
    """Return the keys of the table with the user's over them; an entry that cannot be is left out, with a problem.

    ``file`` and ``lines`` (by action id) are where the user has written the entries. Textual itself accepts every
    mistake in silence.
    """
    keys = {action.id: action.keys for action in ACTIONS}
    problems: list[Problem] = []
    changed: dict[str, str] = {}
    for action_id, wanted in entries.items():
        named = tuple(textual_key(key) for key in wanted)
        fault = _fault(action_id, named, keys, entries)
        if fault is not None:
            at = key_name(("keys", action_id))
            problems.append(Problem(file or "keymap", lines.get(action_id, 0), at, fault.what, "", fault.hint))
            continue
        keys[action_id] = named
        changed[action_id] = ",".join(named)
    return Keymap(keys, changed, tuple(problems))


def textual_key(key: str) -> str:
    """Return Textual's name of a key: ``/`` is ``slash``, ``^d`` is ``ctrl+d``."""
    if len(key) == 2 and key[0] == "^":
        return f"ctrl+{key[1].lower()}"
    return TEXTUAL_NAMES.get(key, key)


def key_label(key: str) -> str:
    """Return a key as users write it: ``/``, ``^d``, ``Enter``."""
    if key.startswith("ctrl+"):
        return f"^{key_label(key.removeprefix('ctrl+'))}"
    if key.startswith("shift+"):
        return f"Shift-{key_label(key.removeprefix('shift+'))}"
    sign = next((sign for sign, name in TEXTUAL_NAMES.items() if name == key and sign != " "), "")
    if sign:
        return sign
    return KEY_LABELS.get(key) or format_key(key)


def _fault(
    action_id: str, wanted: tuple[str, ...], keys: Mapping[str, tuple[str, ...]], entries: Mapping[str, tuple[str, ...]]
) -> FaultError | None:
    """Return what is wrong with an entry; None = nothing."""
    if action_id not in BY_ID:
        near = get_close_matches(action_id, BY_ID, 1)
        return FaultError("there is no such action", f"did you mean {near[0]}?" if near else "? shows all actions")
    for key in wanted:
        if key in UNSENDABLE:
            return FaultError(f"terminals cannot send {key_label(key)} as a key of its own", "take another key")
        if not _is_key(key):
            return FaultError(f"there is no key {key}", "write it as f, F, ^f, f5, enter, or left")
        other = _holder(key, BY_ID[action_id], keys, entries)
        if other is not None:
            hint = f"give {other.id} another one too, or take another key"
            return FaultError(f"{key_label(key)} is taken by {other.id} ({other.label})", hint)
    return None


def _is_key(name: str) -> bool:
    """Whether a terminal sends such a key: a character, or one of Textual's names, with or without modifiers."""
    plain = name.split("+")[-1] if name != "+" else "plus"
    return len(plain) == 1 or plain in KEY_NAMES


def _holder(
    key: str, action: Action, keys: Mapping[str, tuple[str, ...]], entries: Mapping[str, tuple[str, ...]]
) -> Action | None:
    """Return another action that has the key in the same place, unless the user gives that one other keys."""
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
        moved = tuple(textual_key(each) for each in entries.get(other.id, ()))
        if not moved or key in moved:
            return other
    return None
