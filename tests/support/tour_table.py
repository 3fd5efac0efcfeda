"""The steps of the tour, in their order: what is pressed, for which action, and what proves that it was done.

The first chapter is for a user who wants to know which connection is broken, why, and what was said before.
"""

from __future__ import annotations

from dataclasses import replace

from tests.support.processes import WSMON
from tests.support.tour_steps import Chapter, press, write

STORY = Chapter(
    "story",
    (
        press("1", "pane.connections", r"━ 1 Connections ━━ .*orders(.*\n)+.*401", says="the list, the worst on top"),
        press("Enter", "choose", r"Connection orders, as of", says="all about it"),
        press("Enter", "", r"4 Log ─.*conn:orders", says="its log, at its trouble"),
        press("4", "pane.log", r"━ 4 Log ━"),
        press(
            "5", "pane.detail", r"━ 5 Detail ━(.*\n)+.*Last said +notice #\d+", says="why, since when, what was said"
        ),
        press(
            "4 E 5", "pane.log log.problem_previous pane.detail", r"Loss of orders(.*\n)+.*Last said", says="the loss"
        ),
        press("w", "log.evidence", r"Type +notice", says="the last message before the loss"),
        press("4", "pane.log", r"━ 4 Log ━"),
        press("Escape", "pane.back", hides=r"4 Log .*conn:orders"),
    ),
    is_short=True,
)
MOVING = Chapter(
    "moving",
    (
        press("/", "log.search", r"\n /\s*\n"),
        write("conn:orders type:order", r"4 Log .*\b60\b.*conn:orders t", says="a search narrows while one types"),
        press("Enter", "", hides=r"\n / conn:orders type:order"),
        press("g", "move.top", r"Ref +1\b"),
        press("j", "move.down", r"Ref +2\b"),
        press("Down", "move.down", r"Ref +3\b"),
        press("k", "move.up", r"Ref +2\b"),
        press("Up", "move.up", r"Ref +1\b"),
        press("C-d", "move.half_down", r"Ref +1[0-3]\b"),
        press("C-u", "move.half_up", r"Ref +1\b"),
        press("Space", "move.page_down", r"Ref +2[0-5]\b"),
        press("b", "move.page_up", r"Ref +1\b"),
        press("NPage", "move.page_down", r"Ref +2[0-5]\b"),
        press("PPage", "move.page_up", r"Ref +1\b"),
        press("G", "move.bottom", r"4 Log .*following"),
        press("Home", "move.top", r"Ref +1\b"),
        press("End", "move.bottom", r"4 Log .*following"),
    ),
)
FINDING = Chapter(
    "finding",
    (
        press("g n", "move.top log.next", r"Ref +2\b"),
        press("N", "log.previous", r"Ref +1\b"),
        press("C-f", "log.context", r"▸orders", says="matches among everything else"),
        press("n", "log.next", r"Ref +2\b"),
        press("C-f", "log.context", hides=r"▸orders"),
        press("Escape", "pane.back", hides=r"4 Log .*conn:orders t"),
        press("}", "log.session_next", r"Attempt +2\b"),
        press("}", "log.session_next", r"Attempt +3\b"),
        press("{", "log.session_previous", r"Attempt +2\b"),
        press("o", "log.trace_next", r"TCP up: orders"),
        press("O", "log.trace_previous", r"Connecting: orders"),
        press("W", "session.spans", r"Session [0-9a-f]{16}: \d+ spans", says="what took how long"),
        press("Escape", "", hides=r"Session [0-9a-f]{16}: \d+ spans"),
        press("K", "session.handshake", r"━ 5 Detail ━(.*\n)+.*Usable: orders", says="how the session began"),
        press("Escape", "pane.back", r"━ 4 Log ━"),
        press("t", "log.go_to", r"Go to\b"),
        write("#1", r"#1 "),
        press("Enter", "", r"self\.run\.started"),
        press("F", "log.follow", r"4 Log .*following"),
        press("e", "log.problem_next", r"4 Log .*paused"),
        press("w", "log.evidence", r"✕ Failed: orders", says="what proves the incident"),
        press("v", "log.views", r"Lifecycle +kind:connection", says="saved views"),
        press("Down Enter", "- -", r"4 Log .*is:problem", says="all problems, a line each"),
        press("Escape", "pane.back", hides=r"4 Log .*is:problem"),
    ),
)
WRITING = Chapter(
    "writing",
    (
        press("F", "log.follow", r"4 Log .*following"),
        press("p", "log.pause", r"4 Log .*paused"),
        press("p", "log.pause", r"4 Log .*following"),
        press("/", "log.search", r"\n /\s*\n"),
        write("conn:orders type:order", r"4 Log .*\b60\b.*conn:orders t"),
        press("Enter", "", hides=r"\n / conn:orders type:order"),
        press("g", "move.top", r"Ref +1\b"),
        press("m", "log.mark", r"◆orders"),
        press("j M", "move.down log.note", r"Note to event"),
        write("paid twice?", r"paid twice\?"),
        press("Enter", "", r"event #\d+: paid twice"),
        press("u", "log.mark_next", r"no newer mark"),
        press("U", "log.mark_previous", r"Ref +1\b"),
        press("u", "log.mark_next", r"note: paid twice"),
        press("U C", "log.mark_previous log.compare", r"│ .*#\d+.*#\d+", says="two orders compared"),
        press("Escape", "", hides=r"│ .*#\d+.*#\d+"),
        press("h", "log.heartbeats", r"hidden \(h\)|hiding"),
        press("h", "log.heartbeats", hides=r"hidden \(h\)|hiding"),
        press("T", "log.times", r"\+\d+\.\d{3} s.orders"),
        press("T T", "log.times log.times", r"\d\d:\d\d:\d\d\.\d{3}.orders"),
        press("c", "log.columns", r"\[x\] automatic", says="columns"),
        press("Escape", "", hides=r"\[x\] automatic"),
        press("y", "copy.value", r"sent the payload to the clipboard"),
        press("Y", "copy.event", r"sent event #\d+ as JSON"),
        press(":", "app.palette", r"part of a name"),
        write("copy to file", r"│ copy to file"),
        press("Enter", "copy.file", r"wrote the payload, [\d,]+ B, to"),
    ),
)
DETAIL = Chapter(
    "detail",
    (
        press("g 5", "move.top pane.detail", r"━ 5 Detail ━"),
        press("f", "detail.form", r'\{"type":"order","id":1,"status":"cr'),
        press("f f", "detail.form detail.form", r'"city": "Rome"', says="an order as JSON"),
        press("-", "detail.fold", r'"buyer": \{ 2 …'),
        press("+", "detail.unfold", r'"city": "Rome"'),
        press("<", "detail.level_less", r"\{ 2 …"),
        press(">", "detail.level_more", hides=r"\{ 2 …"),
        press("/", "log.search", r"Find in the detail"),
        write("created", r"│ created"),
        press("Enter", "", hides=r"Find in the detail"),
        press("=", "detail.only", r"\$\.status.*Esc in the log clears", says="only orders of this status"),
        press("!", "detail.without", r"-\$\.status.*Esc in the log clears"),
        press("Escape", "pane.back", r"━ 4 Log ━"),
        press("Escape", "pane.back", r"Ref +1\b", hides=r"4 Log .*conn:orders t"),
    ),
)
TIMELINE = Chapter(
    "timeline",
    (
        press("2", "pane.timeline", r"━ 2 Timeline ━", says="the timeline"),
        press("e", "log.problem_next", hides=r"\norders · connecting since"),
        replace(press("E", "log.problem_previous", r"\norders · .*disconnected: “token expired”"), at_most=3),
        press("Left", "timeline.left", r"\norders · (?!.*disconnected)"),
        press("Right", "timeline.right", r"\norders · .*disconnected: “token expired”"),
        press("+", "timeline.zoom_in", r"2 Timeline.* 0\.5 s a cell"),
        press("-", "timeline.zoom_out", r"2 Timeline.* 1 s a cell"),
        press("=", "timeline.zoom_in", r"2 Timeline.* 0\.5 s a cell"),
        press("<", "timeline.pan_left", r"no data: older than what is kept"),
        press(">", "timeline.pan_right", r"messages +[▁▂▃▄▅▆▇█]"),
        press("0", "timeline.fit", hides=r"held \(\. follows\)"),
        press("<", "timeline.pan_left", r"held \(\. follows\)"),
        press(".", "timeline.now", hides=r"held \(\. follows\)"),
        press("l", "timeline.groups", r"2 Timeline.* by group"),
        press("l", "timeline.groups", hides=r"by group"),
        press("E Enter", "log.problem_previous choose", r"━ 4 Log ━", says="the log at a problem of the timeline"),
    ),
    is_short=True,
)
STATISTICS = Chapter(
    "statistics",
    (
        press("3", "pane.statistics", r"━ 3 Statistics ━━ orders", says="statistics"),
        press("+", "statistics.shorter", r"3 Statistics .* last 15m"),
        press("-", "statistics.longer", r"3 Statistics .* last 1h"),
        press("=", "statistics.shorter", r"3 Statistics .* last 15m"),
        press("0", "statistics.everything", r"3 Statistics .* all that is kept"),
        press("B", "statistics.beside", r"beside \w+", says="two connections side by side"),
        press("B B B", "statistics.beside statistics.beside statistics.beside", hides=r"beside \w+"),
        press("z", "pane.zoom", hides=r"1 Connections", says="zoomed"),
        press("z", "pane.zoom", r"1 Connections"),
    ),
    is_short=True,
)
HANDING = Chapter(
    "handing",
    (
        press("4", "pane.log", r"━ 4 Log ━"),
        press("x", "export.open", r"Format +‹ jsonl ›", says="export"),
        press("Enter", "", r"wrote [\d,]+ events, .*jsonl"),
        press("y", "copy.value", hides=r"wrote [\d,]+ events, .*jsonl"),
        press("X", "export.repeat", r"wrote [\d,]+ events, .*jsonl"),
        press("?", "app.help", r"│ Keys", says="all keys"),
        press("G", "", r"Signs of the log", says="what the signs mean"),
        press("Escape", "", hides=r"Signs of the log"),
        press(":", "app.palette", r"part of a name", says="all commands by name"),
        press("Escape", "", hides=r"part of a name"),
        press("C-p", "app.palette", r"part of a name"),
        write("ascii", r"│ ascii"),
        press("Enter", "app.ascii", r"drawn in ASCII", says="ASCII alone"),
        press(": a s c i i Enter", "app.palette - - - - - app.ascii", r"drawn in Unicode"),
        press(":", "app.palette", r"part of a name"),
        write("theme", r"│ theme"),
        press("Enter", "app.theme", r"wsmon-light", says="themes"),
        press("Escape", "", hides=r"wsmon-light"),
        replace(press("C-l", "app.redraw", hides="wall: lunch"), spoils="wall: lunch"),
        press("Tab", "pane.next", r"━ [1235] "),
        press("BTab", "pane.previous", r"━ 4 Log ━"),
    ),
    is_short=True,
)
CONNECTIONS = Chapter(
    "connections",
    (
        press("1 s", "pane.connections connections.sort", r"━ 1 Connections ━━ by name, order held|by name"),
        press("s s s s", "connections.sort - - -", hides=r"━ 1 Connections ━━ by"),
        press(":", "app.palette", r"type to filter commands|part of a name"),
        write("subscriptions", r"│ subscriptions"),
        press("Enter", "connection.subscriptions", r"Subscriptions +(none seen|\d)", says="its topics"),
        press("Escape", "", hides=r"Subscriptions +(none seen|\d)"),
        press(":", "app.palette", r"type to filter commands|part of a name"),
        write("connection info", r"│ connection info"),
        press("Enter", "connection.detail", r"Connection \w+, as of"),
        press("Escape", "", hides=r"Connection \w+, as of"),
        press("f", "connections.filter", r"List connections with"),
        write("sens", r"names with sens: 1"),
        press("Enter", "", hides=r"List connections with"),
        press("Escape", "pane.back", hides=r"names with sens"),
        press("-", "connections.fold", r"no connection is in a group|[◌●⚠◐✕○] \w+ \(\d+\)"),
        press("+", "connections.unfold", r"no group is folded", hides=r"[◌●⚠◐✕○] \w+ \(\d+\)"),
        press("G", "move.bottom", r"━ 1 Connections ━━ .*sensors"),
        press("D", "connection.disable", r"will not be recorded"),
        press("y", "", r"sensors +closed", says="closed by hand"),
        press("D", "connection.disable", r"sensors +open"),
        press("R", "connection.reconnect", r"messages between are missed"),
        press("y", "", r"dialling sensors"),
    ),
    is_short=True,
)
LEAVING = Chapter(
    "leaving",
    (
        press("C-z", "app.suspend", r"Stopped"),
        write("sed -i s/plant/field/ wsmon.toml; fg\n", r"[━─] 1 Connections"),
        press("", "", r"\bL\b.*reload|reload.*\bL\b", says="the configuration has changed"),
        press("L", "app.reload", r"3 went on"),
        press("q", "app.quit", r"stop recording", says="leave: how?"),
        press("Escape", "", hides=r"stop recording"),
        press("d", "app.detach", r"the recorder goes on"),
        write(f"clear; {WSMON} attach\n", r"[━─] 1 Connections .*"),
        press("C-c", "app.quit", r"stop recording"),
        press("s", "", r"Recording stopped. View it with `wsmon open "),
    ),
    is_short=True,
)
CHAPTERS = (
    STORY, MOVING, FINDING, WRITING, DETAIL, TIMELINE, STATISTICS, HANDING, CONNECTIONS, LEAVING,
)  # fmt: skip
