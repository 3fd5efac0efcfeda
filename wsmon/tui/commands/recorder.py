"""Actions that ask something of the recorder, and ways to leave it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from wsmon.errors import WsmonError
from wsmon.model.statuses import OPEN
from wsmon.tui.screen import MonitorScreen


def reconnect(screen: MonitorScreen) -> None:
    """Dial the connection under the cursor anew; asks where that ends a session."""
    state, control = screen.connections.current, screen.backing.control
    if state is None or control is None:
        screen.say("no recorder answers: nothing can be reconnected", "caution")
        return
    if not state.spec.enabled:
        screen.say(f"{state.name} is off in the configuration", "caution")
        return
    act = partial(_tell, screen, lambda: control.reconnect(state.name), f"dialling {state.name}")
    if state.status != OPEN:
        act()
        return
    from wsmon.tui.dialogs.base import reconnect_dialog

    screen.app.push_screen(reconnect_dialog(state.name), lambda answer: act() if answer == "yes" else None)


def disable(screen: MonitorScreen) -> None:
    """Close the connection under the cursor, or open it again."""
    state, control = screen.connections.current, screen.backing.control
    if state is None or control is None:
        screen.say("no recorder answers: nothing can be disabled", "caution")
        return
    if state.status == "closed" or not state.spec.enabled:
        _tell(screen, lambda: control.enable(state.name), f"opening {state.name}")
        return
    from wsmon.tui.dialogs.base import disable_dialog

    act = partial(_tell, screen, lambda: control.disable(state.name), f"{state.name} is closed; D opens it again")
    screen.app.push_screen(disable_dialog(state.name), lambda answer: act() if answer == "yes" else None)


def reload(screen: MonitorScreen) -> None:
    """Let the recorder read its configuration again."""
    control = screen.backing.control
    if control is None:
        screen.say("no recorder answers: nothing to reload", "caution")
    else:
        _tell(screen, control.reload, "reloaded")


def leave(screen: MonitorScreen) -> None:
    """Ask how."""
    from wsmon.tui.dialogs.base import quit_dialog

    control = screen.backing.control
    can_stop = control is not None and (screen.recorder.is_on or screen.recorder.is_awaited)

    def close(answer: str | None) -> None:
        if answer == "detach":
            detach(screen)
        elif answer == "stop" and control is not None:
            _tell(screen, control.stop, "stopped", then=lambda: screen.app.exit("stopped"))

    screen.app.push_screen(quit_dialog(can_stop=can_stop), close)


def detach(screen: MonitorScreen) -> None:
    """Leave; the recorder goes on."""
    screen.app.exit("detached")


def _tell(
    screen: MonitorScreen,
    order: Callable[[], Coroutine[Any, Any, str | None]],
    done: str,
    then: Callable[[], None] | None = None,
) -> None:
    """Send an order, and say what came of it: the recorder's own sentence, if it has one."""

    async def send() -> None:
        try:
            answer = await order()
        except WsmonError as error:
            screen.say(str(error), "problem")
            return
        screen.say(answer or done)
        if then is not None:
            then()

    screen.run_worker(send(), name="order", group="orders")
