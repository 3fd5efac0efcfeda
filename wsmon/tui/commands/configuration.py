"""Commands that change the configuration from the screen: an alert on a search, a silenced kind, the user's editor."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wsmon.config.checks import connection_name, rule
from wsmon.config.config_file import ConfigFile, ConfigText
from wsmon.config.edits import Edit, line_of_connection, with_rule, with_silence
from wsmon.config.kinds import FaultError
from wsmon.config.specs import AlertSpec
from wsmon.errors import WsmonError
from wsmon.model.incident_kinds import INCIDENT_KINDS, is_rule
from wsmon.tui.commands.export import copied
from wsmon.tui.commands.selection import subject_of
from wsmon.tui.screen import Command, MonitorScreen
from wsmon.tui.subject import Subject
from wsmon.tui.terminal.handover import run_program

if TYPE_CHECKING:
    from wsmon.tui.dialogs.config_edit import ConfigChange, ConfigWritten

# Characters of a name that is made of a query
NAME_CHARS = 32
# Errors of a file that are shown at once
PROBLEMS_SHOWN = 8
# Editors by the way in which they take a line: ``+12 FILE``, ``FILE:12``, ``--goto FILE:12``
PLUS_EDITORS = frozenset(
    {
        "vi", "vim", "nvim", "view", "gvim", "nvi", "elvis", "nano", "pico", "emacs", "emacsclient", "hx", "helix",
        "kak", "micro", "joe", "jed", "mg", "ne", "mcedit",
    }
)  # fmt: skip
COLON_EDITORS = frozenset({"subl", "zed"})
GOTO_EDITORS = frozenset({"code", "code-insiders", "codium", "vscodium", "cursor", "windsurf"})
_PLAIN_VALUE = re.compile(r"[\w./-]+")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9]+")
_KINDS = frozenset(kind.name for kind in INCIDENT_KINDS)


def alert(screen: MonitorScreen) -> None:
    """Make an alert rule of the search, or of the event under the cursor where nothing is searched."""
    # Dialogs are imported when they are opened: that saves time at the start.
    from wsmon.tui.dialogs.config_edit import ConfigChange

    query = screen.panes.log.search_query.text or query_of(subject_of(screen))
    if not query:
        screen.say("no search and no event under the cursor: / searches", "caution")
        return
    change = ConfigChange(
        "Alert on this search",
        (("Query", query), ("Effect", "opens one incident per connection; each closes after 5 min without a match")),
        lambda text, name: _with_rule(text, name, query),
        name=rule_name(query),
        describe=lambda read: (("Notifies", channels(read.alerts)),),
    )
    _open_dialog(screen, change, lambda edit: f"alert added ({_place(screen, edit)})")


def silence(screen: MonitorScreen) -> None:
    """Silence the kind of the incident under the cursor, else of one that is open there; the dialog names it."""
    from wsmon.tui.dialogs.config_edit import ConfigChange

    subject = subject_of(screen)
    incident = _incident_of(screen, subject)
    if incident is None:
        screen.say("no incident under the cursor: e goes to the newest problem", "caution")
        return
    kind, connection = incident
    if is_rule(kind):
        name = kind.partition(":")[2]
        screen.say(f"{kind} is one of your rules: remove alerts.rules.{name} (^e edits the configuration)", "caution")
        return
    if kind not in _KINDS or not connection:
        screen.say(
            f"{kind or 'this incident'} is about the recorder, not a connection: it can't be silenced", "caution"
        )
        return
    avoided_by = next(each.avoided_by for each in INCIDENT_KINDS if each.name == kind)
    change = ConfigChange(
        f"Silence {kind} for {connection}",
        (
            ("Effect", f"no more incidents and alerts of kind {kind} for {connection}; events are still recorded"),
            *((("Instead", avoided_by),) if avoided_by else ()),
        ),
        lambda text, _: with_silence(text, connection, kind),
        template=f'[[connection]]\nname = "{connection}"\n',
    )
    _open_dialog(screen, change, lambda edit: f"{kind} silenced for {connection} ({_place(screen, edit)})")


def edit(screen: MonitorScreen) -> None:
    """Open the configuration in the user's editor, at the connection under the cursor; check and reload it after."""
    file = screen.services.options.config
    if file is None:
        screen.say("no configuration file: this recording was started without one", "caution")
    else:
        screen.run_worker(_edit(screen, file, subject_of(screen).connection), name="editor", group="editor")


async def _edit(screen: MonitorScreen, file: ConfigFile, connection: str) -> None:
    services = screen.services
    try:
        before = (await asyncio.to_thread(file.read)).text
        command = editor_command(file.environ, file.path, line_of_connection(before, connection))
        status = await run_program(screen.app, services.pacer, command)
        read = await asyncio.to_thread(file.read)
    except WsmonError as error:
        screen.say(str(error), "problem")
        return
    ended = f"{command[0]} ended with status {status}; " if status else ""
    if read.problems and read.text != before:
        _show_problems(screen, file, connection, read)
    elif read.text == before:
        screen.say(f"{ended}{file.name} unchanged")
    else:
        _reload(screen, f"{ended}{file.name} changed")


def _show_problems(screen: MonitorScreen, file: ConfigFile, connection: str, read: ConfigText) -> None:
    """Show the errors of the edited file; the user edits it again, reloads anyway, or leaves it."""
    from wsmon.tui.dialogs.base import ConfirmDialog, ConfirmOption

    shown = [str(problem) for problem in read.problems[:PROBLEMS_SHOWN]]
    if len(read.problems) > PROBLEMS_SHOWN:
        shown.append(f"and {len(read.problems) - PROBLEMS_SHOWN} more: `wsmon check {file.name}` lists them")
    options = (
        ConfirmOption("e", "edit", "edit again", f"open {file.name} in the editor"),
        ConfirmOption("r", "reload", "reload anyway", "the recorder may have secrets that the viewer does not"),
        ConfirmOption("l", "leave", "leave", "the recorder keeps its configuration until the next reload"),
    )

    def close(answer: str | None) -> None:
        if answer == "edit":
            screen.run_worker(_edit(screen, file, connection), name="editor", group="editor")
        elif answer == "reload":
            _reload(screen, f"{file.name} changed")
        else:
            screen.say(f"{file.name} has errors and was not reloaded", "caution")

    title = f"{file.name} has {len(read.problems)} error{'s' if len(read.problems) > 1 else ''}"
    screen.app.push_screen(ConfirmDialog(title, "\n".join(shown), options), close)


def editor_command(environ: Mapping[str, str], path: Path, line: int) -> tuple[str, ...]:
    """Return the command of the user's editor for a line of a file: of ``$VISUAL``, else ``$EDITOR``, else vi.

    Raises ``WsmonError`` where the variable has quotes that do not end.
    """
    name, text = next(((name, text) for name in ("VISUAL", "EDITOR") if (text := environ.get(name, ""))), ("", "vi"))
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise WsmonError(f"${name} cannot be understood ({error})") from None
    words = words or ["vi"]
    program = Path(words[0]).name
    if program in GOTO_EDITORS:
        wait = [] if {"-w", "--wait"} & set(words) else ["--wait"]
        return (*words, *wait, "--goto", f"{path}:{line}")
    if program in COLON_EDITORS:
        return (*words, f"{path}:{line}")
    return (*words, f"+{line}", str(path)) if program in PLUS_EDITORS else (*words, str(path))


def _open_dialog(screen: MonitorScreen, change: ConfigChange, done: Callable[[Edit], str]) -> None:
    from wsmon.tui.dialogs.config_edit import ConfigEditDialog

    def close(written: ConfigWritten | None) -> None:
        if written is None:
            return
        if written.is_in_file:
            _reload(screen, done(written.edit))
        else:
            text = "\n".join(line for line in written.edit.lines if line.strip())
            screen.say(*copied(screen, f"{text}\n", "the TOML"))

    screen.app.push_screen(ConfigEditDialog(change, screen.services.options.config), close)


def _reload(screen: MonitorScreen, sentence: str) -> None:
    """Have the recorder read the configuration again, and say what was done and what changed."""
    control = screen.services.control
    if control is None or screen.services.health is None:
        screen.say(f"{sentence}; recorder not running: it takes effect at the next start")
        return

    async def reload() -> None:
        try:
            answer = await control.reload()
        except WsmonError as error:
            screen.say(f"{sentence}, but not reloaded: {error}", "problem")
        else:
            screen.say(f"{sentence}; reloaded: {answer}")

    screen.run_worker(reload(), name="order", group="orders")


def _place(screen: MonitorScreen, edit: Edit) -> str:
    file = screen.services.options.config
    return f"{file.name if file is not None else ''}:{edit.line}"


def _with_rule(text: str, name: str, query: str) -> Edit:
    """Return the edit that adds a rule; raises ``WsmonError`` for a name or a query that no rule can have."""
    if not name:
        raise WsmonError("type a name for the alert")
    for check, value in ((connection_name, name), (rule, query)):
        try:
            check(value)
        except FaultError as error:
            raise WsmonError(str(error)) from None
    return with_rule(text, name, query)


def rule_name(query: str) -> str:
    """Return a name for a rule: the words of its query, with hyphens."""
    return _NOT_IN_A_NAME.sub("-", query).strip("-").lower()[:NAME_CHARS].strip("-") or "rule"


def channels(alerts: AlertSpec | None) -> str:
    """Return the channels that alerts go to, as a list."""
    if alerts is None:
        return "not known: the file has errors (^e edits it)"
    command, webhook = alerts.command, urlsplit(alerts.webhook.masked)
    found = [
        "terminal bell" if alerts.bell else "",
        "desktop" if alerts.desktop else "",
        f"command {command[0].masked}" if command else "",
        f"webhook {webhook.hostname}" if webhook.hostname else "",
    ]
    return ", ".join(filter(None, found)) or "nothing: alerts.bell, desktop, command and webhook are off"


def query_of(subject: Subject) -> str:
    """Return a query for events like that of a subject: its connection, and its type or name; empty = for nothing."""
    event = subject.event
    if event is None:
        return f"conn:{subject.connection} is:problem" if subject.connection else ""
    terms = [_term("conn", event.source.connection)] if event.source.connection else []
    if event.category == "message" and event.type:
        terms.append(_term("type", event.type))
    elif event.error_type:
        terms.append(_term("error_type", event.error_type))
    else:
        terms.append(_term("name", event.name))
        terms += [f"code:{event.close_code}"] if event.close_code is not None else []
        terms += [_term("type", event.type)] if event.type else []
    return " ".join(terms)


def _term(name: str, value: str) -> str:
    if _PLAIN_VALUE.fullmatch(value):
        return f"{name}:{value}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def _incident_of(screen: MonitorScreen, subject: Subject) -> tuple[str, str] | None:
    """Return kind and connection of the incident of a subject: its event, or what is open on its connection.

    What belongs to no connection, as the recorder's own events, stands for all of them.
    """
    event = subject.event
    if event is not None and event.category == "incident":
        return event.type, event.source.connection
    is_any = not subject.connection
    found = [
        (each.kind, each.connection)
        for each in screen.snapshot.incidents
        if each.connection == subject.connection or (is_any and each.connection)
    ]
    # Of several the newest; those of the user's rules last, which cannot be silenced
    found.sort(key=lambda incident: incident[0] in _KINDS)
    return found[-1] if found else None


COMMANDS: dict[str, Command] = {
    "alert.add": alert,
    "incident.silence": silence,
    "app.edit": edit,
}
