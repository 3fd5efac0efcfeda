"""One connection: sessions one after the other, for as long as they are wanted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields, replace
from random import Random
from typing import Literal

from wsmon.config.specs import ConnectionSpec, RedactSpec
from wsmon.engine.dial import TlsContexts
from wsmon.engine.protocol_session import CarriedState
from wsmon.engine.reporter import Reporter
from wsmon.engine.retry import Failure, internal, least_delay, next_delay_s
from wsmon.engine.session import Session, SessionResult
from wsmon.engine.tap import CloseDeadline
from wsmon.model.events import Json, Source, connection_id, trace_id
from wsmon.model.profiles import PROFILES
from wsmon.model.redact import Redactor
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.ports import Clock, EventSink

# Compiled redactors, one for all connections that mask the same.


class Redactors:
    """The redactors of one supervisor; one takes 0.14 MB and 1.7 ms to make, and most connections share one."""

    def __init__(self) -> None:
        self._redactors: dict[tuple[RedactSpec, tuple[str, ...], bool], Redactor] = {}

    def get(self, spec: RedactSpec, secrets: tuple[str, ...], *, filters_metadata: bool) -> Redactor:
        """What masks ``secrets`` and what a configuration adds to the built-in lists."""
        key = (spec, secrets, filters_metadata)
        redactor = self._redactors.get(key)
        if redactor is None:
            redactor = self._redactors[key] = Redactor(
                keys=spec.keys,
                patterns=spec.patterns,
                headers=spec.headers,
                query=spec.query,
                allow=spec.allow,
                secrets=secrets,
                filters_metadata=filters_metadata,
            )
        return redactor

    def forget(self) -> None:
        """Secrets have changed: keep none that is no longer in use."""
        self._redactors.clear()


# What a new configuration of a connection changes about what is kept and looked for: no reason for a new session.


def keeps_session(before: ConnectionSpec, after: ConnectionSpec) -> bool:
    """Whether the two differ in nothing but profile, capture, what detectors look for, and thresholds."""
    same = replace(before, profile=after.profile, capture=after.capture)
    return replace(same, silence=after.silence, expect_every_s=after.expect_every_s, kpi=after.kpi) == after


def describe_changes(before: ConnectionSpec, after: ConnectionSpec) -> tuple[str, dict[str, Json]]:
    """What ``keeps_session`` lets change, as a sentence (empty: nothing), and as ``meta`` of the event that tells it.

    ``{"profile": …, "before": …}`` where the profile changed, ``{"capture": {key: value}}`` where capture did,
    ``{"silence": […]}``, ``{"expect_every_s": …}`` and ``{"kpi": {name: threshold}}`` where these did.
    """
    said: list[str] = []
    meta: dict[str, Json] = {}
    if before.profile != after.profile:
        said.append(f"profile {before.profile} → {after.profile}")
        meta |= {"profile": after.profile, "before": before.profile}
    changed: dict[str, Json] = {}
    for field in fields(after.capture):
        old, new = getattr(before.capture, field.name), getattr(after.capture, field.name)
        if old != new:
            said.append(f"capture.{field.name.removesuffix('_bytes')} {_toml(old)} → {_toml(new)}")
            changed[field.name] = new
    if changed:
        meta["capture"] = changed
    if before.silence != after.silence:
        said.append(f"silence {', '.join(after.silence) or 'nothing'}")
        meta["silence"] = list(after.silence)
    if before.expect_every_s != after.expect_every_s:
        said.append(f"expect_every {before.expect_every_s:g} s → {after.expect_every_s:g} s")
        meta["expect_every_s"] = after.expect_every_s
    if before.kpi != after.kpi:
        said.append(f"kpi {', '.join(f'{name} {value:g}' for name, value in after.kpi.items()) or 'as in the profile'}")
        meta["kpi"] = dict(after.kpi)
    return ", ".join(said), meta


def _toml(value: bool | int) -> str:
    return str(value).lower()


# gone: the connection is no longer in the configuration, or the recorder stops
DesiredState = Literal["up", "down", "gone"]


@dataclass(frozen=True, slots=True)
class EngineServices:
    """What all connections of a supervisor share."""

    sink: EventSink
    clock: Clock
    random: Random
    contexts: TlsContexts
    redactors: Redactors


class Connection:
    """Keeps one connection as it is wanted; commands may be given at any time, on the loop.

    Attempts of a series are counted from 1. A session that was open for ``stable_after`` is the first of a new
    series, and so is the session after a command.
    """

    def __init__(self, spec: ConnectionSpec, secrets: tuple[str, ...], surroundings: EngineServices) -> None:
        self.spec = spec
        self._surroundings = surroundings
        random = surroundings.random
        self._trace_id = spec.trace_id or trace_id(random.randbytes(16))
        self._reporter = Reporter(self._source(), self._redactor(secrets), surroundings.sink, surroundings.clock)
        self._memory = CarriedState()
        self._wanted: DesiredState = "up" if spec.enabled else "down"
        self._woken = asyncio.Event()
        # set by every command
        self._is_restarting = False
        # a command ended the session, or its wait; the next attempt is due at once
        self._patience: CloseDeadline | None = None
        # None = close_timeout
        self._end_reason = ""
        # of the last command
        self._session: Session | None = None
        self._attempt = 1
        # of the next session
        self._delay_s = 0.0
        # before it
        self._has_given_up = False
        self._usable_until_ns: int | None = None
        # monotonic; None where it never was usable
        self._tries = 0
        # sessions dialled since it was usable last
        # A session was lost, or did not open, and none has been usable since
        self._has_failed = False

    # commands

    def reconnect(self) -> None:
        """Dial anew, now; while a dial is under way, and while one is already due, it changes nothing."""
        is_dialling = self._session is not None and self._reporter.status != "websocket_connected"
        if self._wanted == "gone" or self._is_restarting or (is_dialling and self._wanted == "up"):
            return
        self._wanted = "up"
        self._restart("reconnect requested")

    def disable(self) -> None:
        """Close and stay closed."""
        if self._wanted == "up":
            self._wanted = "down"
            self._is_restarting = False
            self._end_session("disabled")

    def enable(self) -> None:
        """Open what was disabled."""
        if self._wanted == "down":
            self._wanted = "up"
            self._restart("enabled")

    def reconfigure(self, spec: ConnectionSpec, secrets: tuple[str, ...]) -> None:
        """Go on with another configuration, in a new session."""
        self._adopt(spec)
        if spec.trace_id:
            self._trace_id = spec.trace_id
        self._reporter.redactor = self._redactor(secrets)
        self._reporter.base = self._source()
        if self._session is None:
            self._reporter.source = self._reporter.base
        self._wanted = "up" if spec.enabled else "down"
        self._restart("configuration changed")

    def use_profile(self, spec: ConnectionSpec, secrets: tuple[str, ...]) -> str:
        """Keep other rows from now on, as a ``spec`` says that is the same in all else; the session goes on.

        Returns what changed, in a few words.
        """
        said = self._adopt(spec)
        self.use_secrets(secrets)
        return said

    def use_secrets(self, secrets: tuple[str, ...]) -> None:
        """Mask other values from now on; the session goes on."""
        self._reporter.redactor = self._redactor(secrets)
        if self._session is not None:
            self._session.use_redactor(self._reporter.redactor)

    def end(self, reason: str, patience: CloseDeadline | None = None) -> None:
        """Close for good; ``run`` returns when that is done. ``patience`` goes before ``close_timeout``."""
        self._wanted = "gone"
        self._patience = patience
        self._end_session(reason)

    def resume_reading(self) -> None:
        """The sink has room again."""
        if self._session is not None:
            self._session.resume_reading()

    # its life

    async def run(self) -> None:
        """Keep the connection as it is wanted until ``end``."""
        while await self._is_due():
            try:
                await self._run_session()
            except Exception as error:  # noqa: BLE001 - the border: our mistake stops this connection, no other
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
        """Wait until a session is due; False when none will be."""
        while True:
            self._woken.clear()
            if self._wanted == "gone":
                return False
            if self._is_restarting:
                self._is_restarting = False
                self._start_series()
                return True
            if self._wanted == "down":
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
        surroundings = self._surroundings
        reporter = self._reporter
        self._tries += 1
        reporter.source = self._source(connection_id(surroundings.random.randbytes(8)))
        self._session = Session(
            self.spec,
            reporter,
            surroundings.sink,
            surroundings.clock,
            surroundings.contexts,
            surroundings.random,
            self._memory,
            self._attempt,
            self._report_success,
        )
        return self._session

    def _report_success(self) -> None:
        """The session is usable: say so where something had failed before."""
        if self._has_failed:
            since_ns = self._usable_until_ns
            self._reporter.emit(
                "connection.reconnect.success",
                meta={"attempts": self._tries},
                duration_ns=None if since_ns is None else self._surroundings.clock.mono_ns() - since_ns,
            )
        self._tries = 0
        self._has_failed = False

    def _follow_up(self, end: SessionResult) -> None:
        """A session ended: decide on the next one."""
        if end.open_ns is not None:
            self._usable_until_ns = self._surroundings.clock.mono_ns()
            if end.open_ns >= self.spec.reconnect.stable_after_s * SECOND_NS:
                self._attempt = 1
        if self._wanted != "up" or self._is_restarting:
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
        """Another attempt, after a while."""
        clock = self._surroundings.clock
        wall_ns = clock.wall_ns()
        self._delay_s = next_delay_s(self.spec.reconnect, self._attempt, self._surroundings.random.random())
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
        """No session is wanted: closed, unless it never was on or has given up; that is no outage."""
        self._has_failed = False
        if self._reporter.status not in ("initialized", "closed", "error"):
            meta = {"attempts": self._tries}
            self._reporter.emit("connection.transition", "closed", meta, close_by="us", reason=self._end_reason)

    def _adopt(self, spec: ConnectionSpec) -> str:
        """Take over a configuration; where it keeps other rows, an event says so, between those before and after."""
        before, self.spec = self.spec, spec
        said, meta = describe_changes(before, spec)
        if said:
            self._reporter.emit("self.config.reloaded", meta=meta, reason=said)
            if self._session is not None:
                self._session.use_capture(spec)
        return said

    def _redactor(self, secrets: tuple[str, ...]) -> Redactor:
        filters_metadata = PROFILES[self.spec.profile].filters_metadata
        return self._surroundings.redactors.get(self.spec.redact, secrets, filters_metadata=filters_metadata)

    def _start_series(self) -> None:
        self._attempt = 1
        self._delay_s = 0.0
        self._has_given_up = False

    def _restart(self, reason: str) -> None:
        self._is_restarting = self._wanted == "up"
        self._end_session(reason)

    def _end_session(self, reason: str) -> None:
        self._end_reason = reason
        if self._session is not None:
            self._session.close(reason, self._patience or CloseDeadline(self.spec.close_timeout_s))
        self._woken.set()

    def _source(self, session_id: str = "") -> Source:
        return Source(self.spec.name, self.spec.group, self._trace_id, session_id)
