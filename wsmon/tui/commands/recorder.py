"""Commands to the recorder: reconnect, disable, reload; and the ways to leave the screen."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from wsmon.errors import WsmonError
from wsmon.model.snapshot import ConnectionState
from wsmon.model.statuses import OPEN
from wsmon.tui.commands.selection import subject_of
from wsmon.tui.screen import Command, MonitorScreen


def reconnect(screen: MonitorScreen) -> None:
    """Reconnect the connection of the subject; asks first where that ends a session."""
    control = screen.services.control
    if control is None:
        screen.say("recorder not running: can't reconnect", "caution")
        return
    if (state := _own_connection(screen)) is None:
        return
    if not state.spec.enabled:
        screen.say(f"{state.name} is disabled in the configuration (enabled = false)", "caution")
        return
    act = partial(_send, screen, lambda: control.reconnect(state.name), f"reconnecting {state.name}…")
    if state.status != OPEN:
        act()
        return
    # Dialogs are imported when they are opened: that saves time at the start.
    from wsmon.tui.dialogs.base import reconnect_dialog

    screen.app.push_screen(reconnect_dialog(state.name), lambda answer: act() if answer == "yes" else None)


def disable(screen: MonitorScreen) -> None:
    """Close the connection of the subject, or open it again."""
    control = screen.services.control
    if control is None:
        screen.say("recorder not running: can't disable", "caution")
        return
    if (state := _own_connection(screen)) is None:
        return
    if state.status == "closed" or not state.spec.enabled:
        _send(screen, lambda: control.enable(state.name), f"enabling {state.name}…")
        return
    from wsmon.tui.dialogs.base import disable_dialog

    act = partial(_send, screen, lambda: control.disable(state.name), f"{state.name} disabled; press D to re-enable")
    screen.app.push_screen(disable_dialog(state.name), lambda answer: act() if answer == "yes" else None)


def send(screen: MonitorScreen) -> None:
    """Ask for a text, and have it sent to the peer of the subject's connection."""
    control = screen.services.control
    if control is None or screen.services.health is None:
        screen.say("recorder not running: can't send", "caution")
        return
    if (state := _own_connection(screen)) is None:
        return
    if not state.spec.allow_send:
        has_file = screen.services.options.config is not None
        how = (
            "set allow_send = true in the configuration (^e to edit)" if has_file else "restart with `wsmon URL --send`"
        )
        screen.say(f"manual sending is disabled for {state.name}; {how}", "caution")
        return
    if state.status != OPEN:
        screen.say(f"{state.name} is not open: can't send", "caution")
        return
    from wsmon.tui.dialogs.send import SendDialog

    history = screen.sent
    dialog = SendDialog(state.name, state.spec.protocol, history.texts)

    async def deliver(typed: str, *, is_kept: bool) -> str:
        done = await control.send(state.name, dialog.message)
        # Of a file the history has the path, and of a text what the recorder masked
        kept = typed if typed.startswith("@") else done.kept
        trouble = history.add(kept) if is_kept and kept else ""
        return f"{done.sentence}; {trouble}" if trouble else done.sentence

    def close(text: str | None) -> None:
        if text is not None:
            # A blank in front says that the history is not to keep it
            _send(screen, lambda: deliver(text, is_kept=not text.startswith(" ")), "sent")

    screen.app.push_screen(dialog, close)


def _connection(screen: MonitorScreen) -> ConnectionState | None:
    """Return the connection of the subject; None, and a sentence in the footer, where it has none."""
    subject = subject_of(screen)
    if subject.row is not None:
        return subject.row.state
    if subject.connection:
        screen.say(f"{subject.connection} is no longer in the configuration", "caution")
    elif not subject.is_trouble:
        screen.say("no connection under the cursor", "caution")
    return None


def _own_connection(screen: MonitorScreen) -> ConnectionState | None:
    """Return the connection of the subject; None, and a sentence in the footer, where wsmon does not dial it."""
    state = _connection(screen)
    if state is None or (state.spec.url and not state.spec.relay):
        return state
    what = "relayed" if state.spec.relay else "reported by an application"
    screen.say(f"{state.name} is {what}: wsmon cannot open it, close it or send on it", "caution")
    return None


def reload(screen: MonitorScreen) -> None:
    """Have the recorder read its configuration again."""
    control = screen.services.control
    if control is None:
        screen.say("recorder not running: can't reload", "caution")
    else:
        _send(screen, control.reload, "configuration reloaded")


def leave(screen: MonitorScreen) -> None:
    """Ask whether to detach or to stop the recorder; where none runs, exit."""
    from wsmon.tui.dialogs.base import quit_dialog

    control = screen.services.control
    if not _is_recorded(screen):
        screen.app.exit("detached")
        return

    def close(answer: str | None) -> None:
        if answer == "detach":
            screen.app.exit("detached")
        elif answer == "stop" and control is not None:
            _send(screen, control.stop, "stopped", then=lambda: screen.app.exit("stopped"))

    screen.app.push_screen(quit_dialog(), close)


def detach(screen: MonitorScreen) -> None:
    """Exit, after a question that says that the recorder goes on; where none runs, exit."""
    from wsmon.tui.dialogs.base import detach_dialog

    def close(answer: str | None) -> None:
        if answer == "detach":
            screen.app.exit("detached")

    if _is_recorded(screen):
        screen.app.push_screen(detach_dialog(screen.services.options.idle_limit_s), close)
    else:
        screen.app.exit("detached")


def _is_recorded(screen: MonitorScreen) -> bool:
    """Whether a recorder runs, or may be about to answer."""
    return screen.services.control is not None and (screen.recorder.is_on or screen.recorder.is_awaited)


def _send(
    screen: MonitorScreen,
    command: Callable[[], Coroutine[Any, Any, str | None]],
    done: str,
    then: Callable[[], None] | None = None,
) -> None:
    """Send a command, and show its result: the recorder's own sentence, if it has one."""

    async def send() -> None:
        try:
            answer = await command()
        except WsmonError as error:
            screen.say(str(error), "problem")
            return
        screen.say(answer or done)
        if then is not None:
            then()

    screen.run_worker(send(), name="order", group="orders")


COMMANDS: dict[str, Command] = {
    "connection.reconnect": reconnect,
    "connection.disable": disable,
    "connection.send": send,
    "app.reload": reload,
    "app.quit": leave,
    "app.detach": detach,
}
