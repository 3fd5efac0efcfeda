"""Connection: one configured connection, as one session after another, with the retry between them.

In: commands (reconnect, disable, enable, a new configuration) from the ``Supervisor`` (engine/supervisor.py). Out:
sessions (engine/session.py), and the lifecycle events between them: reconnect attempts, giving up, closed. What a
failure means and how long to wait is decided in engine/retry.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from typing import Literal

from wsmon.config.specs import ConnectionSpec
from wsmon.engine.protocol_session import CarriedState
from wsmon.engine.reporter import Reporter
from wsmon.engine.retry import Failure, internal, least_delay, next_delay_s
from wsmon.engine.services import EngineServices
from wsmon.engine.session import Session, SessionResult
from wsmon.engine.standstill import Standstill
from wsmon.engine.tap import CloseDeadline
from wsmon.errors import WsmonError
from wsmon.model.events import Json, Source, connection_id, trace_id
from wsmon.model.profiles import PROFILES
from wsmon.model.redact.redactor import Redactor
from wsmon.model.units import MS_NS, SECOND_NS

# up: keep a session; down: disabled; gone: no longer in the configuration, or the recorder stops
DesiredState = Literal["up", "down", "gone"]


class Connection:
    """Keeps one connection in its desired state. Commands may be called at any time, on the event loop.

    Attempts of a series are counted from 1. A session that was open for ``stable_after`` starts a new series, and so
    does the session after a command.
    """

    def __init__(self, spec: ConnectionSpec, secrets: tuple[str, ...], services: EngineServices) -> None:
        self.spec = spec
        self._services = services
        random = services.random
        self._trace_id = spec.trace_id or trace_id(random.randbytes(16))
        # Of the configuration; a session may mask more
        self._redactor = self._redactor_of(secrets)
        self._reporter = Reporter(self._source(), self._redactor, services.sink, services.clock)
        self._carried = CarriedState()
        self._desired: DesiredState = "up" if spec.enabled else "down"
        # Set by every command
        self._woken = asyncio.Event()
        # A command ended the session, or the wait for the next one, which is due at once
        self._is_restarting = False
        # None: ``close_timeout`` of the configuration
        self._close_deadline: CloseDeadline | None = None
        # Of the last command
        self._end_reason = ""
        self._session: Session | None = None
        # Number of the next session in its series, and the delay before it
        self._attempt = 1
        self._delay_s = 0.0
        self._has_given_up = False
        # Monotonic; None where it never was usable
        self._usable_until_ns: int | None = None
        # Sessions dialled since it was usable last
        self._tries = 0
        # A session was lost, or did not open, and none has been usable since
        self._has_failed = False

    def reconnect(self) -> None:
        """Dial anew, now; do nothing while a dial is under way or already due."""
        is_dialling = self._session is not None and self._reporter.status != "websocket_connected"
        if self._desired == "gone" or self._is_restarting or (is_dialling and self._desired == "up"):
            return
        self._desired = "up"
        self._restart("reconnect requested")

    def disable(self) -> None:
        """Close, and stay closed until ``enable``."""
        if self._desired == "up":
            self._desired = "down"
            self._is_restarting = False
            self._end_session("disabled")

    def enable(self) -> None:
        """Open a connection that was disabled."""
        if self._desired == "down":
            self._desired = "up"
            self._restart("enabled")

    def check_send(self) -> None:
        """Raise ``WsmonError`` where the user may not send, or the connection is not open."""
        name = self.spec.name
        if not self.spec.allow_send:
            raise WsmonError(f"manual sending is disabled for {name}", "set allow_send = true on the connection")
        if self._session is None or not self._session.is_open:
            raise WsmonError(f"not sent to {name}: it is not open")

    def send(self, message: str | bytes) -> None:
        """Send a message of the user; raises ``WsmonError`` where that is not allowed, or it is not open."""
        self.check_send()
        if not message:
            raise WsmonError("no text to send")
        refusal = "it is not open" if self._session is None else self._session.send_by_hand(message)
        if refusal:
            raise WsmonError(f"not sent to {self.spec.name}: {refusal}")

    def masked(self, text: str) -> str:
        """Return a text as the recording of this connection shows it."""
        return self._reporter.redactor.payload(text.encode("utf-8", "replace"))[0].decode("utf-8", "replace")

    def reconfigure(self, spec: ConnectionSpec, secrets: tuple[str, ...]) -> None:
        """Continue with another configuration, in a new session."""
        self._adopt(spec)
        if spec.trace_id:
            self._trace_id = spec.trace_id
        self._redactor = self._reporter.redactor = self._redactor_of(secrets)
        self._reporter.base = self._source()
        if self._session is None:
            self._reporter.source = self._reporter.base
        self._desired = "up" if spec.enabled else "down"
        self._restart("configuration changed")

    def use_profile(self, spec: ConnectionSpec, secrets: tuple[str, ...]) -> str:
        """Take over a configuration that ``keeps_session``; return what changed, in a few words."""
        sentence = self._adopt(spec)
        self.use_secrets(secrets)
        return sentence

    def use_secrets(self, secrets: tuple[str, ...]) -> None:
        """Mask other values from now on; the session goes on."""
        self._redactor = self._reporter.redactor = self._redactor_of(secrets)
        if self._session is not None:
            self._session.use_redactor(self._redactor)

    def end(self, reason: str, deadline: CloseDeadline | None = None) -> None:
        """Close for good; ``run`` returns when that is done. ``deadline`` replaces ``close_timeout``."""
        self._desired = "gone"
        self._close_deadline = deadline
        self._end_session(reason)

    def resume_reading(self) -> None:
        """Read from the socket again: the sink has room."""
        if self._session is not None:
            self._session.resume_reading()

    def stood_still(self, standstill: Standstill) -> None:
        """Judge no peer by a time in which the recorder stood still, which is over now."""
        if self._session is not None:
            self._session.stood_still(standstill)

    async def run(self) -> None:
        """Keep the connection in its desired state until ``end``."""
        while await self._is_due():
            try:
                await self._run_session()
            except Exception as error:  # noqa: BLE001 - the border: an error of ours stops this connection, no other
                failure = internal(error)
                self._give_up(failure.error_type, failure.error)
        self._rest()

    async def _run_session(self) -> None:
        try:
            end = await self._begin_session().run()
        finally:
            self._session = None
            self._reporter.source = self._reporter.base
        self._follow_up(end)

    async def _is_due(self) -> bool:
        """Wait until a session is due; return False when none will be."""
        while True:
            self._woken.clear()
            if self._desired == "gone":
                return False
            if self._is_restarting:
                self._is_restarting = False
                self._start_series()
                return True
            if self._desired == "down":
                self._rest()
                await self._woken.wait()
            elif self._has_given_up:
                await self._woken.wait()
            elif self._delay_s <= 0 or not await self._is_woken_within(self._delay_s):
                return True

    async def _is_woken_within(self, delay_s: float) -> bool:
        try:
            async with asyncio.timeout(delay_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True

    def _begin_session(self) -> Session:
        services = self._services
        reporter = self._reporter
        self._tries += 1
        reporter.source = self._source(connection_id(services.random.randbytes(8)))
        reporter.redactor = self._redactor
        self._session = Session(
            self.spec,
            reporter,
            services,
            self._carried,
            self._attempt,
            self._report_success,
        )
        return self._session

    def _report_success(self) -> None:
        """Emit ``connection.reconnect.success`` where something had failed before: the session is usable."""
        if self._has_failed:
            since_ns = self._usable_until_ns
            self._reporter.emit(
                "connection.reconnect.success",
                meta={"attempts": self._tries},
                duration_ns=None if since_ns is None else self._services.clock.mono_ns() - since_ns,
            )
        self._tries = 0
        self._has_failed = False

    def _follow_up(self, end: SessionResult) -> None:
        """Decide on the next session after one ended."""
        if end.open_ns is not None:
            self._usable_until_ns = self._services.clock.mono_ns()
            if end.open_ns >= self.spec.reconnect.stable_after_s * SECOND_NS:
                self._attempt = 1
        if self._desired != "up" or self._is_restarting:
            return
        self._has_failed = True
        retry = self.spec.reconnect
        if end.failure is not None and end.failure.retry == "no":
            self._give_up(end.failure.error_type, end.failure.error)
        elif retry.max_attempts and self._attempt > retry.max_attempts:
            self._give_up("retries_exhausted", f"gave up after {retry.max_attempts} retries")
        else:
            self._schedule(end.failure)

    def _schedule(self, failure: Failure | None) -> None:
        """Emit when the next attempt follows, and wait for it."""
        clock = self._services.clock
        wall_ns = clock.wall_ns()
        self._delay_s = next_delay_s(self.spec.reconnect, self._attempt, self._services.random.random())
        least_s, reason = (0.0, "") if failure is None else least_delay(failure, wall_ns / SECOND_NS)
        if self._delay_s >= least_s:
            reason = ""
        self._delay_s = max(self._delay_s, least_s)
        self._attempt += 1
        delay_ns = int(self._delay_s * SECOND_NS)
        meta: dict[str, Json] = {
            "attempt": self._attempt,
            "delay_ms": round(delay_ns / MS_NS, 3),
            "next_attempt_ns": wall_ns + delay_ns,
        }
        self._reporter.emit("connection.reconnect.attempt", "reconnecting", meta, reason=reason)

    def _give_up(self, error_type: str, error: str) -> None:
        self._has_given_up = True
        self._reporter.emit(
            "connection.transition", "error", {"attempts": self._tries}, error_type=error_type, error=error
        )

    def _rest(self) -> None:
        """Emit ``closed``, unless it never was enabled or has given up; being disabled is not an outage."""
        self._has_failed = False
        if self._reporter.status not in ("initialized", "closed", "error"):
            meta = {"attempts": self._tries}
            self._reporter.emit("connection.transition", "closed", meta, close_by="us", reason=self._end_reason)

    def _adopt(self, spec: ConnectionSpec) -> str:
        """Take over a configuration; where other rows are kept from now on, an event marks the place among them."""
        before, self.spec = self.spec, spec
        sentence, meta = describe_changes(before, spec)
        if sentence:
            self._reporter.emit("self.config.reloaded", meta=meta, reason=sentence)
            if self._session is not None:
                self._session.use_capture(spec)
        return sentence

    def _redactor_of(self, secrets: tuple[str, ...]) -> Redactor:
        filters_metadata = PROFILES[self.spec.profile].filters_metadata
        return self._services.redactors.get(self.spec.redact, secrets, filters_metadata=filters_metadata)

    def _start_series(self) -> None:
        self._attempt = 1
        self._delay_s = 0.0
        self._has_given_up = False

    def _restart(self, reason: str) -> None:
        self._is_restarting = self._desired == "up"
        self._end_session(reason)

    def _end_session(self, reason: str) -> None:
        self._end_reason = reason
        if self._session is not None:
            self._session.close(reason, self._close_deadline or CloseDeadline(self.spec.close_timeout_s))
        self._woken.set()

    def _source(self, session_id: str = "") -> Source:
        return Source(self.spec.name, self.spec.group, self._trace_id, session_id)


def keeps_session(before: ConnectionSpec, after: ConnectionSpec) -> bool:
    """Whether two configurations differ in nothing but profile, capture, detection, thresholds and ``allow_send``."""
    same = replace(before, profile=after.profile, capture=after.capture)
    same = replace(same, silence=after.silence, expect_every_s=after.expect_every_s, kpi=after.kpi)
    return replace(same, allow_send=after.allow_send) == after


def describe_changes(before: ConnectionSpec, after: ConnectionSpec) -> tuple[str, dict[str, Json]]:
    """Return what changed of what ``keeps_session`` allows: a sentence (empty: nothing), and ``meta`` of its event.

    ``{"profile": …, "before": …}`` where the profile changed, ``{"capture": {key: value}}`` where capture did,
    ``{"silence": […]}``, ``{"expect_every_s": …}``, ``{"kpi": {name: threshold}}`` and ``{"allow_send": …}`` where
    these did.
    """
    changes: list[str] = []
    meta: dict[str, Json] = {}
    if before.profile != after.profile:
        changes.append(f"profile {before.profile} → {after.profile}")
        meta |= {"profile": after.profile, "before": before.profile}
    changed: dict[str, Json] = {}
    for field in fields(after.capture):
        old, new = getattr(before.capture, field.name), getattr(after.capture, field.name)
        if old != new:
            changes.append(f"capture.{field.name.removesuffix('_bytes')} {_toml(old)} → {_toml(new)}")
            changed[field.name] = new
    if changed:
        meta["capture"] = changed
    if before.silence != after.silence:
        changes.append(f"silence {', '.join(after.silence) or 'nothing'}")
        meta["silence"] = list(after.silence)
    if before.expect_every_s != after.expect_every_s:
        changes.append(f"expect_every {before.expect_every_s:g} s → {after.expect_every_s:g} s")
        meta["expect_every_s"] = after.expect_every_s
    if before.kpi != after.kpi:
        changes.append(
            f"kpi {', '.join(f'{name} {value:g}' for name, value in after.kpi.items()) or 'as in the profile'}"
        )
        meta["kpi"] = dict(after.kpi)
    if before.allow_send != after.allow_send:
        changes.append(f"allow_send {_toml(before.allow_send)} → {_toml(after.allow_send)}")
        meta["allow_send"] = after.allow_send
    return ", ".join(changes), meta


def _toml(value: bool | int) -> str:
    return str(value).lower()
