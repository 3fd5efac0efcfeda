"""What the operator wants of a running recorder: commands of the control socket, and SIGHUP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wsmon.config.specs import Configuration
from wsmon.control.messages import Command
from wsmon.engine.supervisor import Supervisor
from wsmon.errors import ConfigError, WsmonError
from wsmon.model.events import RECORDER, Event
from wsmon.ports import Clock, EventSink
from wsmon.recorder.assignment import Assignment
from wsmon.store.writer import Writer


class Operator:
    """Carries commands out and answers each with a sentence."""

    def __init__(
        self,
        assignment: Assignment,
        configuration: Configuration,
        supervisor: Supervisor,
        writer: Writer,
        sink: EventSink,
        clock: Clock,
        stop: Callable[[], None],
    ) -> None:
        self._reload_configuration = assignment.reload
        self._configuration = configuration
        self._supervisor = supervisor
        self._writer = writer
        self._sink = sink
        self._clock = clock
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
                self._note("error", error=str(error))
                raise
            self._writer.configure(configuration.connections)
            changes = await self._supervisor.apply(configuration.connections, configuration.secrets)
            self._configuration = configuration
            sentence = str(changes)
            self._note("ok", reason=sentence)
            return sentence

    def _note(self, status: str, reason: str = "", error: str = "") -> None:
        self._sink.emit(
            Event(
                RECORDER,
                "self.config.reloaded",
                self._clock.wall_ns(),
                self._clock.mono_ns(),
                status=status,
                reason=reason,
                error=error,
                error_type="configuration" if error else "",
            )
        )
