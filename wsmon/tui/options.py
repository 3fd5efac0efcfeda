"""What the command that starts the screen hands to it: values, and the few things the screen cannot do by itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeAlias

from wsmon.query.ast import EVERYTHING, Query

Outcome = Literal["detached", "stopped"]
# what ``WsmonApp.run()`` returns: the recorder goes on, or was told to end (and has answered)

ExportFormat = Literal["jsonl", "json", "csv"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = ("jsonl", "json", "csv")

Listen: TypeAlias = Callable[[Callable[[], None]], Coroutine[Any, Any, None]]
# stays connected to the recorder until cancelled; calls its argument after each commit and change of health

NO_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AppOptions:
    """What is known before the screen starts."""

    name: str
    # of the configuration, as the header shows it: "orders.toml"
    store: Path
    start_command: str = "wsmon"
    # what a person types to start the recorder again
    export_folder: Path = Path()
    theme: str = "wsmon-dark"
    user_themes: Path | None = None
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NO_KEYS)
    # action id → keys of the user's keymap
    warnings: tuple[str, ...] = ()
    # shown for a while at the start: keys without effect and the like
    banner: str = ""
    # shown all the time: a recorder of another version, a store opened as a copy
    is_remote: bool = False
    # over SSH: repaints less often
    has_no_color: bool = False


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """Which events go where."""

    format: ExportFormat
    target: Path
    query: Query = EVERYTHING
    first_id: int = 0
    last_id: int | None = None
    # closed range of ids; None = the newest at the start
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far an export is."""

    written: int
    # events
    seen: int
    # events looked at
    total: int
    # events to look at
    size_bytes: int = 0


class Exporter(Protocol):
    """Writes events to a file; called in a thread of its own, opens its own view of the store."""

    def __call__(
        self, order: ExportOrder, report: Callable[[ExportProgress], None], is_cancelled: Callable[[], bool]
    ) -> ExportProgress:
        """Write the file in one piece or not at all; return what was written.

        ``report`` is called now and then, from the thread. Raises ``FileExistsError`` where the target is there and may
        not be overwritten, ``InterruptedError`` after ``is_cancelled`` became true, ``WsmonError`` and ``OSError``
        otherwise.
        """
        ...
