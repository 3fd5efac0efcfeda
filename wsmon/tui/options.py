"""What the command line gives to the screen: options, and functions for what the screen cannot do by itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from wsmon.config.config_file import ConfigFile
from wsmon.export.run import ExportReport, ExportRequest, Progress
from wsmon.model.bundle import BundleManifest

# What ``WsmonApp.run()`` returns: the recorder goes on, or was stopped and has answered.
Outcome = Literal["detached", "stopped"]

# Writes a file; is called on a thread of its own, and opens its own view of the store.
Exporter: TypeAlias = Callable[[ExportRequest, Progress], ExportReport]

# Stays connected to the recorder until cancelled; calls its argument after each commit and each change of health.
Listen: TypeAlias = Callable[[Callable[[], None]], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class AppOptions:
    """Values that are known before the screen starts."""

    name: str
    """The name of the configuration in the header: "orders.toml"."""
    store: Path
    start_command: str = "wsmon"
    """What the user types to start the recorder again."""
    export_folder: Path = Path()
    recordings: Mapping[str, Path] = field(default_factory=dict)
    """Where several recordings are shown as one: their stores by name. ``store`` is the first one then."""
    theme: str = "wsmon-dark"
    user_themes: Path | None = None
    store_id: str = ""
    """Identifies the store that ids of events belong to."""
    memory: Path | None = None
    """The file that keeps how the screen was left; None = that is not kept."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Action id → keys of the user's keymap."""
    keys_file: str = ""
    """The file that ``keys`` are written in; empty = none."""
    key_lines: Mapping[str, int] = field(default_factory=dict)
    """Action id → line in that file."""
    config: ConfigFile | None = None
    """The file that the recorder reads; None = there is none: URLs, standard input, the demo, an import."""
    warnings: tuple[str, ...] = ()
    """Shown for a while at the start: configuration without effect and the like."""
    idle_limit_s: float | None = None
    """How long the recorder goes on without a viewer; None = until it is stopped."""
    introduction: tuple[str, ...] = ()
    """What the recording is about, the longest text first; shown for a while at the start."""
    banner: str = ""
    """Shown all the time: a recorder of another version, a store opened as a copy."""
    bundle: BundleManifest | None = None
    """What the incident bundle is about that is shown; None = it is a recording."""
    is_remote: bool = False
    """Over SSH, where the screen is painted less often."""
    has_no_color: bool = False
    is_ascii: bool = False
    """Whether the terminal shows ASCII only."""
    is_theme_asked: bool = False
    is_ascii_asked: bool = False
    """Whether it is from the command line: what was chosen on the screen before does not count then."""
