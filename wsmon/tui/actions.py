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
    "Search & navigate",
    "Copy & export",
    "Quit",
    "Panes",
    "Move",
    "Log",
    "Detail",
    "Timeline",
    "Statistics",
    "Connections",
    "General",
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

    @property
    def call(self) -> str:
        """The action string of its binding: the name of a method without ``action_``, and its arguments."""
        if self.scope == "app":
            return f"act('{self.id}')"
        if self.scope in ("move", "timeline"):
            return f"{self.scope}('{self.id.partition('.')[2]}')"
        return self.id.replace(".", "_")


ACTIONS: tuple[Action, ...] = (
    Action("log.search", ("slash",), "search", "Search; in the detail pane, find text.", "Search & navigate"),
    Action("choose", ("enter",), "open", "Open the row under the cursor.", "Move", "choose"),
    Action(
        "log.problem_next",
        ("e",),
        "next problem",
        "Next problem (the newest, while following).",
        "Search & navigate",
    ),
    Action("log.problem_previous", ("E",), "previous problem", "Previous problem.", "Search & navigate"),
    Action(
        "log.evidence",
        ("w",),
        "evidence",
        "Jump to trigger or last message, and back.",
        "Search & navigate",
    ),
    Action("log.next", ("n",), "next match", "Next search match.", "Search & navigate"),
    Action("log.previous", ("N",), "previous match", "Previous search match.", "Search & navigate"),
    Action(
        "log.context", ("ctrl+f",), "filter/highlight", "Show only matches, or highlight them.", "Search & navigate"
    ),
    Action("log.trace_next", ("o",), "next related", "Next event with same ref, span, session.", "Search & navigate"),
    Action(
        "log.trace_previous",
        ("O",),
        "previous related",
        "Previous event with same ref or session.",
        "Search & navigate",
    ),
    Action(
        "log.session_previous",
        ("left_curly_bracket",),
        "previous session",
        "Previous session on this connection.",
        "Search & navigate",
    ),
    Action(
        "log.session_next",
        ("right_curly_bracket",),
        "next session",
        "Next session on this connection.",
        "Search & navigate",
    ),
    Action("session.handshake", ("K",), "handshake", "Headers, timing and TLS of this session.", "Search & navigate"),
    Action("session.spans", ("W",), "waterfall", "Timing waterfall of this session.", "Search & navigate"),
    Action("log.go_to", ("t",), "go to", "Go to a time or an event: 14:02, #1234.", "Search & navigate"),
    Action("log.views", ("v",), "views", "Open a saved view, or save this search.", "Search & navigate"),
    Action("log.rate", ("i",), "rate", "Event rate of matches or events like this.", "Search & navigate"),
    Action("log.mark", ("m",), "mark", "Mark or unmark the event.", "Log"),
    Action("log.note", ("M",), "note", "Add a note to the event (marks it).", "Log"),
    Action("log.mark_next", ("u",), "next mark", "Next marked event.", "Log"),
    Action("log.mark_previous", ("U",), "previous mark", "Previous marked event.", "Log"),
    Action("log.compare", ("C",), "compare", "Compare with the last marked event.", "Log"),
    Action("log.follow", ("F",), "follow", "Follow new events.", "Log"),
    Action("log.pause", ("p",), "pause", "Pause or resume the log.", "Log"),
    Action("log.heartbeats", ("h",), "heartbeats", "Hide or show heartbeats.", "Log"),
    Action(
        "log.times",
        ("T",),
        "time mode",
        "Cycle time display: clock, elapsed, delta.",
        "Log",
    ),
    Action("log.sort", ("s",), "sort", "Sort the log by time, duration or size.", "Log", "log"),
    Action("log.columns", ("c",), "columns", "Choose the columns of the log.", "Log"),
    Action("move.down", ("j", "down"), "down", "Line down.", "Move", "move"),
    Action("move.up", ("k", "up"), "up", "Line up.", "Move", "move"),
    Action("move.page_down", ("space", "pagedown"), "page down", "Page down.", "Move", "move"),
    Action("move.page_up", ("b", "pageup"), "page up", "Page up.", "Move", "move"),
    Action("move.half_down", ("ctrl+d",), "half page down", "Half a page down.", "Move", "move"),
    Action("move.half_up", ("ctrl+u",), "half page up", "Half a page up.", "Move", "move"),
    Action("move.top", ("g", "home"), "top", "First line.", "Move", "move"),
    Action("move.bottom", ("G", "end"), "bottom", "Last line; in the log: follow.", "Move", "move"),
    Action("detail.only", ("equals_sign",), "filter for", "Show only this value.", "Detail", "detail"),
    Action("detail.without", ("exclamation_mark",), "filter out", "Exclude this value.", "Detail", "detail"),
    Action("detail.form", ("f",), "payload view", "Payload view: JSON / text / hex.", "Detail", "detail"),
    Action("detail.fold", ("minus",), "collapse all", "Collapse all; Enter toggles one.", "Detail", "detail"),
    Action("detail.unfold", ("plus",), "expand all", "Expand all.", "Detail", "detail"),
    Action("detail.level_less", ("less_than_sign",), "collapse level", "Collapse one level.", "Detail", "detail"),
    Action("detail.level_more", ("greater_than_sign",), "expand level", "Expand one level.", "Detail", "detail"),
    Action("timeline.left", ("left",), "left", "Move the cursor left.", "Timeline", "timeline"),
    Action("timeline.right", ("right",), "right", "Move the cursor right.", "Timeline", "timeline"),
    Action(
        "timeline.zoom_in", ("plus", "equals_sign"), "zoom in", "Zoom in: a shorter period.", "Timeline", "timeline"
    ),
    Action("timeline.zoom_out", ("minus",), "zoom out", "Zoom out: a longer period.", "Timeline", "timeline"),
    Action("timeline.pan_left", ("less_than_sign",), "pan left", "Pan left (earlier).", "Timeline", "timeline"),
    Action(
        "timeline.pan_right",
        ("greater_than_sign",),
        "pan right",
        "Pan right (later).",
        "Timeline",
        "timeline",
    ),
    Action("timeline.fit", ("0",), "fit", "Fit this run; again: the whole recording.", "Timeline", "timeline"),
    Action("timeline.now", ("full_stop",), "live", "Follow live at the same zoom.", "Timeline", "timeline"),
    Action("timeline.groups", ("l",), "group lanes", "One lane per group / per connection.", "Timeline", "timeline"),
    Action("statistics.shorter", ("plus", "equals_sign"), "shorter", "Shorter period.", "Statistics", "statistics"),
    Action("statistics.longer", ("minus",), "longer", "Longer period.", "Statistics", "statistics"),
    Action(
        "statistics.everything", ("0",), "all", "Toggle between last hour and everything.", "Statistics", "statistics"
    ),
    Action("statistics.beside", ("B",), "compare", "Compare with another connection.", "Statistics", "statistics"),
    Action("pane.connections", ("1",), "connections", "Go to connections.", "Panes"),
    Action("pane.timeline", ("2",), "timeline", "Go to the timeline.", "Panes"),
    Action("pane.statistics", ("3",), "statistics", "Go to statistics.", "Panes"),
    Action("pane.log", ("4",), "log", "Go to the log.", "Panes"),
    Action("pane.detail", ("5",), "detail", "Go to the detail pane.", "Panes"),
    Action("pane.next", ("tab",), "next pane", "Next pane.", "Panes"),
    Action("pane.previous", ("shift+tab",), "previous pane", "Previous pane.", "Panes"),
    Action("pane.zoom", ("z",), "maximize", "Maximize / restore this pane.", "Panes"),
    Action("pane.back", ("escape",), "back", "Restore pane, close detail, clear search.", "Panes"),
    Action("connection.reconnect", ("R",), "reconnect", "Reconnect now.", "Connections"),
    Action("connection.disable", ("D",), "disable", "Disable or re-enable the connection.", "Connections"),
    Action("connection.detail", (), "connection info", "Show URL, login, subscriptions and KPIs.", "Connections"),
    Action("connection.subscriptions", (), "subscriptions", "Active, pending and lost subscriptions.", "Connections"),
    Action("connection.send", ("a",), "send", "Send a message (needs allow_send).", "Connections"),
    Action(
        "connections.sort", ("s",), "sort", "Sort: severity, name, rate, last message, …", "Connections", "connections"
    ),
    Action("connections.filter", ("f",), "filter names", "Filter the list by name.", "Connections", "connections"),
    Action(
        "connections.fold",
        ("minus",),
        "collapse group",
        "Collapse this group; press again for all.",
        "Connections",
        "connections",
    ),
    Action(
        "connections.unfold",
        ("plus",),
        "expand group",
        "Expand this group; press again for all.",
        "Connections",
        "connections",
    ),
    Action("alert.add", ("A",), "alert", "Alert on this search or events like this.", "Connections"),
    Action("incident.silence", ("S",), "silence", "Silence this incident kind here.", "Connections"),
    Action("copy.value", ("y",), "copy", "Copy the payload, value or URL.", "Copy & export"),
    Action("copy.event", ("Y",), "copy event", "Copy the event as JSON, or a value's path.", "Copy & export"),
    Action("copy.file", (), "copy to file", "Save to a file instead of the clipboard.", "Copy & export"),
    Action("log.pipe", ("vertical_line",), "pipe", "Pipe events as JSON Lines to a command.", "Copy & export"),
    Action("app.cli", (), "cli", "Show the equivalent wsmon command.", "Copy & export"),
    Action("app.text", (), "text", "Show the rows as text that you can select.", "Copy & export"),
    Action("export.open", ("x",), "export", "Export events to a file.", "Copy & export"),
    Action("export.repeat", ("X",), "export again", "Repeat the last export.", "Copy & export"),
    Action("app.detach", ("d",), "detach", "Quit the viewer and keep recording.", "Quit"),
    Action("app.help", ("question_mark",), "help", "Show keys, symbols and the search language.", "General"),
    Action("app.palette", ("colon", "ctrl+p"), "commands", "Find a command by name.", "General"),
    Action("app.reload", ("L",), "reload", "Reload the configuration.", "General"),
    Action("app.edit", ("ctrl+e",), "edit config", "Edit the config in $EDITOR, then reload it.", "General"),
    Action("app.redraw", ("ctrl+l",), "redraw", "Redraw the screen.", "General"),
    Action("app.theme", ("ctrl+t",), "theme", "Choose the colour theme.", "General"),
    Action("app.ascii", (), "ASCII", "Toggle ASCII / Unicode.", "General"),
    Action("app.utc", (), "UTC", "Toggle UTC / local time.", "General"),
    Action("app.suspend", ("ctrl+z",), "suspend", "Back to the shell (`fg` to resume).", "Quit"),
    Action("app.quit", ("q", "ctrl+c"), "quit", "Quit: detach, or stop the recorder.", "Quit"),
)

# Other words that users try in the palette and in the help, by action id
SYNONYMS: Mapping[str, str] = MappingProxyType({
    "log.search": "filter grep find query",
    "choose": "enter select details",
    "log.problem_next": "error incident failure disconnect",
    "log.problem_previous": "error incident failure disconnect",
    "log.evidence": "why cause proof disconnect",
    "log.next": "find again",
    "log.previous": "find back",
    "log.context": "surrounding unfilter",
    "log.trace_next": "correlate request reply related",
    "log.trace_previous": "correlate request reply related",
    "session.handshake": "upgrade http request response cookies certificate",
    "session.spans": "spans latency duration slow trace",
    "log.go_to": "jump date timestamp line id",
    "log.views": "saved preset bookmark problems messages",
    "log.mark": "bookmark star flag pin",
    "log.note": "comment annotate bookmark",
    "log.mark_next": "bookmark",
    "log.mark_previous": "bookmark",
    "log.compare": "diff difference",
    "log.follow": "tail live resume latest",
    "log.pause": "stop freeze hold tail",
    "log.heartbeats": "keepalive filter",
    "log.times": "timestamps elapsed delta relative settings",
    "log.sort": "order duration size slow biggest",
    "log.rate": "histogram count frequency chart per minute second graph statistics",
    "log.columns": "fields hide show settings",
    "move.page_down": "scroll",
    "move.page_up": "scroll",
    "move.half_down": "scroll",
    "move.half_up": "scroll",
    "move.top": "beginning start oldest",
    "move.bottom": "end newest",
    "detail.only": "only include equals search",
    "detail.without": "exclude not without search",
    "detail.form": "raw decode bytes format",
    "detail.fold": "fold",
    "detail.unfold": "unfold",
    "detail.level_less": "fold",
    "detail.level_more": "unfold",
    "timeline.left": "earlier",
    "timeline.right": "later",
    "timeline.zoom_in": "closer",
    "timeline.zoom_out": "wider",
    "timeline.pan_left": "back earlier",
    "timeline.pan_right": "forward later",
    "timeline.fit": "all everything",
    "timeline.now": "now follow tail",
    "timeline.groups": "fold",
    "statistics.shorter": "zoom in range",
    "statistics.longer": "zoom out range",
    "statistics.everything": "everything range",
    "statistics.beside": "beside diff",
    "pane.connections": "list hosts",
    "pane.timeline": "history chart",
    "pane.statistics": "metrics stats kpi graphs latency",
    "pane.log": "events messages",
    "pane.detail": "inspect payload",
    "pane.next": "focus switch",
    "pane.previous": "focus switch",
    "pane.zoom": "fullscreen enlarge",
    "pane.back": "escape cancel reset unfilter",
    "connection.reconnect": "redial retry restart connect",
    "connection.disable": "stop close disconnect off enable",
    "connection.detail": "details inspect token",
    "connection.subscriptions": "subs channels ledger",
    "connection.send": "resend write message type",
    "connections.sort": "order",
    "connections.filter": "search find",
    "connections.fold": "fold",
    "connections.unfold": "unfold",
    "alert.add": "notify notification rule bell webhook",
    "incident.silence": "mute ignore detector suppress",
    "copy.value": "clipboard yank",
    "copy.event": "clipboard yank",
    "copy.file": "save",
    "log.pipe": "jq shell json",
    "app.cli": "command shell script",
    "app.text": "plain selection mouse",
    "export.open": "save download dump write har csv json report share",
    "export.repeat": "save",
    "app.detach": "exit leave close background",
    "app.help": "shortcuts manual legend",
    "app.palette": "menu actions",
    "app.reload": "settings config refresh",
    "app.edit": "settings configuration editor preferences",
    "app.redraw": "refresh repaint",
    "app.theme": "colours settings dark light appearance",
    "app.ascii": "characters font settings",
    "app.suspend": "background",
    "app.quit": "exit leave close end",
    "app.utc": "timezone zone gmt clock settings",
})  # fmt: skip

# The keys that the footer shows for each pane, the most important first: where room is scarce, the last ones go
FOOTER: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "connections": (
        "choose", "connection.reconnect", "log.evidence", "connections.sort", "connections.filter",
        "connection.disable", "session.handshake", "export.open", "log.search", "pane.zoom",
    ),
    "timeline": (
        "choose", "log.problem_next", "timeline.zoom_in", "timeline.zoom_out", "timeline.fit", "timeline.now",
        "log.evidence", "export.open", "log.search", "pane.zoom",
    ),
    "statistics": (
        "choose", "statistics.shorter", "statistics.longer", "statistics.everything", "statistics.beside",
        "export.open", "log.search", "pane.zoom",
    ),
    "log": (
        "log.search", "choose", "log.problem_next", "log.evidence", "export.open", "log.mark", "log.compare",
        "session.handshake", "pane.zoom",
    ),
    "detail": (
        "copy.value", "detail.only", "detail.without", "log.search", "detail.form", "log.evidence", "export.open",
        "pane.zoom",
    ),
})  # fmt: skip
# Shown in the footer of every pane, at its end; at any width at least the first of them
FOOTER_END = ("app.quit", "app.help", "app.palette", "app.detach")

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
        return FaultError("unknown action", f'did you mean "{near[0]}"?' if near else "? shows all actions")
    for key in wanted:
        if key in UNSENDABLE:
            return FaultError(f"terminals can't send {key_label(key)} as a separate key", "choose another key")
        if not _is_key(key):
            return FaultError(f"unknown key {key}", "write keys as f, F, ^f, f5, enter or left")
        other = _holder(key, BY_ID[action_id], keys, entries)
        if other is not None:
            hint = f"rebind {other.id} too, or choose another key"
            return FaultError(f"{key_label(key)} is already bound to {other.id} ({other.label})", hint)
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
