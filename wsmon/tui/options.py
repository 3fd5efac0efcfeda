"""What the command that starts the screen hands to it: values, and the few things the screen cannot do by itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from wsmon.export.run import ExportReport, ExportRequest, Progress

# What ``WsmonApp.run()`` returns: the recorder goes on, or was told to end (and has answered)
Outcome = Literal["detached", "stopped"]

# Writes a file; called in a thread of its own, opens its own view of the store
Exporter: TypeAlias = Callable[[ExportRequest, Progress], ExportReport]

# Stays connected to the recorder until cancelled; calls its argument after each commit and change of health
Listen: TypeAlias = Callable[[Callable[[], None]], Coroutine[Any, Any, None]]

NO_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AppOptions:
    """What is known before the screen starts."""

    name: str
    """Of the configuration, as the header shows it: "orders.toml"."""
    store: Path
    start_command: str = "wsmon"
    """What a person types to start the recorder again."""
    export_folder: Path = Path()
    theme: str = "wsmon-dark"
    user_themes: Path | None = None
    store_id: str = ""
    """Ids of events mean something in this store only."""
    memory: Path | None = None
    """The file that remembers how the screen was left; None = nothing is remembered."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NO_KEYS)
    """Action id → keys of the user's keymap."""
    keys_file: str = ""
    """Where they are written; empty = nowhere."""
    key_lines: Mapping[str, int] = field(default_factory=dict)
    """Action id → line in that file."""
    warnings: tuple[str, ...] = ()
    """Shown for a while at the start: keys without effect and the like."""
    banner: str = ""
    """Shown all the time: a recorder of another version, a store opened as a copy."""
    is_remote: bool = False
    """Over SSH: repaints less often."""
    has_no_color: bool = False
    is_ascii: bool = False
    """Whether the terminal shows ASCII only."""
    is_theme_asked: bool = False
    is_ascii_asked: bool = False
    """On the command line: what was chosen on the screen before does not count."""
