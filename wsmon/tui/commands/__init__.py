"""The commands: a function of the screen for every action of scope ``app``.

Each module holds functions that belong together, and a table of them by action id. Keys, labels and help of an action
are its row in ``actions.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wsmon.tui.commands import (
    configuration,
    connections,
    display,
    export,
    log,
    navigation,
    notes,
    rate,
    recorder,
    shell,
)
from wsmon.tui.screen import Command

COMMANDS: Mapping[str, Command] = MappingProxyType(
    log.COMMANDS
    | connections.COMMANDS
    | navigation.COMMANDS
    | notes.COMMANDS
    | rate.COMMANDS
    | export.COMMANDS
    | recorder.COMMANDS
    | configuration.COMMANDS
    | shell.COMMANDS
    | display.COMMANDS
)
