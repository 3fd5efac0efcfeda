"""PluginProtocols and PluginDecoders: those of a recorder, its own and plugins; failures of plugins become events."""

from __future__ import annotations

from typing import Any, Final, get_args

from wsmon import plugins
from wsmon.config.specs import BuiltInProtocol, ProtocolName
from wsmon.decoders.base import Decoder
from wsmon.decoders.registry import DECODERS
from wsmon.model.sanitize import sanitize
from wsmon.protocols.base import Protocol
from wsmon.protocols.guard import unavailable, with_plugins
from wsmon.recorder.run import EmitSelfEvent

ERROR_TYPE: Final = "plugin"
# Of the text of an exception at import
TEXT_LIMIT_CHARS: Final = 300


class PluginProtocols(dict[ProtocolName, Protocol[Any]]):
    """All protocols by their names. A name that is missing may be of a plugin that was installed since the start."""

    def __init__(self) -> None:
        """Import the plugins; their failures are events once ``report_to`` is called."""
        super().__init__()
        self._emit: EmitSelfEvent | None = None
        # Failures before that
        self._unreported: list[tuple[str, str, str]] = []
        # What was reported: a function may fail with every message
        self._reported: set[tuple[str, str]] = set()
        self._load()

    def __missing__(self, name: ProtocolName) -> Protocol[Any]:
        """Look for the plugin again; one that is not there stores no message either."""
        self._load()
        return self.setdefault(name, unavailable(name))

    def report_to(self, emit: EmitSelfEvent) -> None:
        """Emit an event for each failure until now, and from now on for the first of each function of a plugin."""
        self._emit = emit
        unreported, self._unreported = self._unreported, []
        for failure in unreported:
            self._report(*failure)

    def _load(self) -> None:
        # Imported modules stay as they are until the next start
        loaded = plugins.load("wsmon.protocols", Protocol, get_args(BuiltInProtocol))
        for failure in loaded.failures:
            self._failed(failure.plugin.name, "import", sanitize(str(failure), TEXT_LIMIT_CHARS))
        self.update(with_plugins(loaded.values, [each.plugin.name for each in loaded.failures], self._failed))

    def _failed(self, plugin: str, function: str, why: str) -> None:
        if (plugin, function) in self._reported:
            return
        self._reported.add((plugin, function))
        if self._emit is None:
            self._unreported.append((plugin, function, why))
        else:
            self._report(plugin, function, why)

    def _report(self, plugin: str, function: str, why: str) -> None:
        if self._emit is not None:
            what = (
                "could not be loaded; its messages are not stored" if function == "import" else f"failed in {function}"
            )
            self._emit(
                "self.plugin.failed",
                status="error",
                reason=f"protocol {plugin} {what}",
                error_type=ERROR_TYPE,
                error=why,
                meta={"plugin": plugin, "function": function},
            )


class PluginDecoders(dict[str, Decoder[Any]]):
    """All decoders by their names. A name that is missing may be of a plugin that was installed since the start.

    What a plugin does wrong with a message is an event of that session.
    """

    def __init__(self) -> None:
        """Import the plugins; their failures are events once ``report_to`` is called."""
        super().__init__(DECODERS)
        self._emit: EmitSelfEvent | None = None
        # Name of a plugin -> why it could not be loaded
        self._failures: dict[str, str] = {}
        self._load()

    def __missing__(self, name: str) -> Decoder[Any]:
        """Look for the plugin again; raises ``KeyError`` where it is not there."""
        self._load()
        if name not in self:
            raise KeyError(name)
        return self[name]

    def report_to(self, emit: EmitSelfEvent) -> None:
        """Emit an event for each failure until now, and from now on."""
        self._emit = emit
        for name, why in self._failures.items():
            self._report(emit, name, why)

    def _load(self) -> None:
        loaded = plugins.load("wsmon.decoders", Decoder, DECODERS)
        self.update(loaded.values)
        for failure in loaded.failures:
            name, why = failure.plugin.name, sanitize(str(failure), TEXT_LIMIT_CHARS)
            if self._failures.setdefault(name, why) is why and self._emit is not None:
                self._report(self._emit, name, why)

    def _report(self, emit: EmitSelfEvent, name: str, why: str) -> None:
        emit(
            "self.plugin.failed",
            status="error",
            reason=f"decoder {name} could not be loaded; its messages are recorded as they come",
            error_type=ERROR_TYPE,
            error=why,
            meta={"plugin": name, "function": "import"},
        )
