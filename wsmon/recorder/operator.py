"""What the operator wants of a running recorder: commands of the control socket, and SIGHUP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from wsmon.config.specs import Configuration
from wsmon.control.messages import Command
from wsmon.engine.supervisor import Changes, Supervisor
from wsmon.errors import ConfigError, WsmonError
from wsmon.recorder.alerts.alerting import Alerting
from wsmon.recorder.assignment import Assignment
from wsmon.recorder.monitoring.monitoring import Monitoring
from wsmon.recorder.run import EmitOwn
from wsmon.store.writer import Writer


class Operator:
    """Carries commands out and answers each with a sentence."""

    def __init__(
        self,
        assignment: Assignment,
        configuration: Configuration,
        supervisor: Supervisor,
        writer: Writer,
        alerting: Alerting,
        monitoring: Monitoring,
        emit: EmitOwn,
        stop: Callable[[], None],
    ) -> None:
        self._reload_configuration = assignment.reload
        self._configuration = configuration
        self._supervisor = supervisor
        self._writer = writer
        self._alerting = alerting
        self._monitoring = monitoring
        self._emit = partial(emit, "self.config.reloaded")
        self._stop = stop
        self._reloading = asyncio.Lock()
        # one reload at a time: the second sees what the first did

    @property
    def digest(self) -> str:
        """Of the configuration in force."""
        return self._configuration.digest

    async def execute(self, command: Command) -> str:
        """Do it; raises ``WsmonError`` with the reason where it cannot be done."""
        name = command.connection
        match command.action:
            case "stop":
                self._stop()
                return "the recorder is ending"
            case "reload":
                return await self.reload()
            case "reconnect":
                self._supervisor.reconnect(name)
                return f"{name}: connecting anew"
            case "disable":
                self._supervisor.disable(name)
                return f"{name}: off"
            case "enable":
                self._supervisor.enable(name)
                return f"{name}: connecting"

    async def reload(self) -> str:
        """Read the configuration again; only what changed is restarted. A broken file changes nothing."""
        if self._reload_configuration is None:
            raise WsmonError("this recording has no configuration file", "stop it and start another")
        async with self._reloading:
            try:
                configuration = await asyncio.to_thread(self._reload_configuration)
            except ConfigError as error:
                self._emit(status="error", error_type="configuration", error=str(error))
                raise
            self._writer.configure(configuration.connections, configuration.retention)
            self._alerting.configure(configuration.alerts, configuration.secrets)
            self._monitoring.configure(configuration)
            changes = self._supervisor.apply(configuration.connections, configuration.secrets)
            ways = ["alerts changed"] if configuration.alerts != self._configuration.alerts else []
            ways += ["monitoring changed"] if _monitors_otherwise(configuration, self._configuration) else []
            self._configuration = configuration
            sentence = _sentence(changes, ways)
            self._emit(status="ok", reason=sentence)
            return sentence


def _monitors_otherwise(one: Configuration, other: Configuration) -> bool:
    return (one.prometheus, one.otlp) != (other.prometheus, other.otlp)


def _sentence(changes: Changes, ways: Sequence[str]) -> str:
    parts = {"added": changes.added, "removed": changes.removed, "restarted": changes.changed}
    said = [f"{word} {', '.join(names)}" for word, names in parts.items() if names]
    adjusted: dict[str, list[str]] = {}
    for name, change in changes.adjusted:
        adjusted.setdefault(change, []).append(name)
    said += [f"{change} for {', '.join(names)}" for change, names in adjusted.items()]
    said += ways
    return f"{'; '.join(said) or 'nothing changed'}; {len(changes.unchanged) + len(changes.adjusted)} went on"
