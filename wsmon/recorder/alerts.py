"""Alerts: notable events of a recording, sent as JSON to the command and the webhook of the configuration.

In: committed notable events, from the writer. Out: alert documents (docs/alerts.md) through a bounded queue per channel
(``alert_channels``), so that a channel that hangs delays only itself. What came of each is an event
``self.alert.delivered`` or ``self.alert.failed``, of which the statistics make the KPI ``error_to_alert_ms``.
The rules of the user are in ``alert_rules``; viewers ring the bell and notify the desktop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec

from wsmon.config.specs import AlertSpec
from wsmon.export.jsonl import EventDocument, event_document, rfc3339
from wsmon.model.block import Committed
from wsmon.model.events import Event, Json, Meta
from wsmon.model.profiles import AlertDeduplicator, Notable, alert_summary
from wsmon.model.redact.masking import mask_secrets
from wsmon.model.sanitize import escape_json, sanitize
from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock
from wsmon.recorder.alert_channels import AlertChannel, AlertFailedError, CommandChannel, WebhookChannel
from wsmon.recorder.alert_rules import RuleWatch
from wsmon.recorder.run import EmitSelfEvent, ReportFault
from wsmon.recorder.sink_guard import SinkGuard

# Alerts that wait for one channel; a flood of more is of no use to a person
PLACES = 64
# Deliveries of one channel at a time: while one hangs the next may succeed, and an alert should arrive within 5 s
AT_A_TIME = 4
# How long a failure is shown where no later alert succeeds
WARNED_NS = 600 * SECOND_NS
# Of alert documents (docs/alerts.md)
SCHEMA = "wsmon.alert/1"
# Length of the sentence of an alert
TEXT_LIMIT_CHARS = 500
ERROR_TYPE = "alert"

_LOG = logging.getLogger("wsmon.alerts")


class AlertDispatcher:
    """Decides which events become alerts, and hands them to both channels. Use it on the event loop."""

    def __init__(
        self,
        origin: AlertOrigin,
        emit: EmitSelfEvent,
        clock: Clock,
        watch: Callable[[Callable[[str], None], ReportFault], RuleWatch],
        guard: SinkGuard,
        descriptors: int | None = None,
    ) -> None:
        """``watch`` makes the watch of the user's rules; it gets functions that report the end of a rule, and a fault.

        ``descriptors`` is the limit on open files that commands get; None for that of the recorder.
        """
        self._origin = origin
        self._emit = emit
        self._clock = clock
        self._announced = AlertDeduplicator()
        self._command = ChannelQueue("command", clock, self._report, self._delivered)
        self._webhook = ChannelQueue("webhook", clock, self._report, self._delivered)
        self._guard = guard
        self._rules = watch(self._report_rule, guard.failed)
        self._descriptors = descriptors
        self._spec = AlertSpec()
        self._secrets: tuple[str, ...] = ()

    def configure(self, spec: AlertSpec, secrets: tuple[str, ...]) -> None:
        """Use these channels from now on; a channel that stays the same keeps its warning."""
        before, self._spec, self._secrets = self._spec, spec, secrets
        if spec.command != before.command:
            mask = partial(mask_secrets, secrets=secrets)
            made = CommandChannel(spec.command, mask, descriptors=self._descriptors) if spec.command else None
            self._command.use(made)
        if spec.webhook != before.webhook:
            self._webhook.use(WebhookChannel(spec.webhook, self._clock) if spec.webhook else None)
        self._rules.configure(spec.rules)

    @property
    def rings(self) -> bool:
        """Whether viewers ring the bell."""
        return self._spec.bell

    @property
    def notifies(self) -> bool:
        """Whether viewers notify the desktop."""
        return self._spec.desktop

    @property
    def warning(self) -> str:
        """The failure of a channel or a rule, as a sentence; empty where there is none."""
        return mask_secrets(self._command.warning or self._webhook.warning or self._rules.warning, self._secrets)

    def take(self, notable: Sequence[Notable]) -> None:
        """Send an alert for each of these committed events that was not announced before."""
        for each in notable:
            try:
                if self._announced.is_new(each.event):
                    alert = Alert(each.event, alert_json(each.event, self._origin), each.since_mono_ns)
                    self._command.put(alert)
                    self._webhook.put(alert)
            except Exception as error:  # noqa: BLE001 - an error of ours costs one alert
                self._guard.failed("alerts", error)

    def hold(self, committed: Sequence[Committed]) -> None:
        """Take what was committed, for the rules of the user; from the writer's thread."""
        self._rules.hold(committed)

    async def run(self) -> None:
        """Watch rules and deliver until cancelled; waiting alerts are lost then, and a running command is killed."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._guard.keep("alert rules", self._rules.run), name="alert rules")
            for queue in (self._command, self._webhook):
                name = f"alerts by {queue.name}"
                group.create_task(self._guard.keep(name, queue.run), name=name)

    def _report_rule(self, why: str) -> None:
        why = mask_secrets(why, self._secrets)
        self._emit("self.alert.failed", status="error", reason=why, error_type=ERROR_TYPE, error=why)

    def _delivered(self, channel: str, alert: Alert) -> None:
        event = alert.event
        self._emit(
            "self.alert.delivered",
            reason=alert_summary(event),
            duration_ns=max(0, self._clock.mono_ns() - alert.since_mono_ns),
            meta={"way": channel, "connections": {event.source.connection: 1}, "evidence": [event.id]},
        )

    def _report(self, failure: AlertFailure) -> None:
        error = mask_secrets(failure.why, self._secrets)
        about = failure.event
        what = alert_summary(about) if about else f"{failure.lost:,} alerts"
        evidence: list[Json] = [about.id] if about else []
        connections: Meta = dict(failure.connections)
        meta: Meta = {"way": failure.channel, "lost": failure.lost, "connections": connections, "evidence": evidence}
        self._emit(
            "self.alert.failed",
            status="error",
            reason=f"{error}; not delivered: {what}",
            error_type=ERROR_TYPE,
            error=error,
            meta=meta,
        )


class ChannelQueue:
    """Alerts that wait for one channel, which may be replaced, or absent, while the queue runs."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        report: Callable[[AlertFailure], None],
        delivered: Callable[[str, Alert], None],
    ) -> None:
        """``report`` gets every failure, and ``delivered`` every alert that was delivered, with the name."""
        self.name = name
        self._clock = clock
        self._report = report
        self._delivered = delivered
        self._channel: AlertChannel | None = None
        self._waiting: asyncio.Queue[Alert] = asyncio.Queue(PLACES)
        # Alerts that found no place since the last report of it, by connection
        self._overflown: Counter[str] = Counter()
        # Failures in a row
        self._failed = 0
        self._why = ""
        self._failed_mono_ns = 0

    @property
    def warning(self) -> str:
        """The newest failure, as a sentence; empty where a later alert succeeded, or where it is ten minutes old."""
        if not self._failed or self._clock.mono_ns() - self._failed_mono_ns > WARNED_NS:
            return ""
        number = "an alert was" if self._failed == 1 else f"{self._failed:,} alerts were"
        return f"{number} not delivered: {self._why}"

    def use(self, channel: AlertChannel | None) -> None:
        """Deliver to ``channel`` from now on, waiting alerts included; discard them where it is None."""
        self._channel = channel
        self._failed = 0

    def put(self, alert: Alert) -> None:
        """Queue an alert; never wait. Count it as lost where the queue is full."""
        if self._channel is None:
            return
        try:
            self._waiting.put_nowait(alert)
        except asyncio.QueueFull:
            self._overflown[alert.event.source.connection] += 1
            self._note(1, f"{PLACES} alerts are already waiting for the {self.name}")

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(AT_A_TIME):
                group.create_task(self._work(), name=f"alerts by {self.name} {number}")

    async def _work(self) -> None:
        while True:
            alert = await self._waiting.get()
            if self._channel is not None:
                await self._deliver(self._channel, alert)
            if self._overflown:
                lost, self._overflown = self._overflown, Counter()
                why = f"{PLACES} others were already waiting"
                self._report(AlertFailure(self.name, why, None, lost.total(), lost))

    async def _deliver(self, channel: AlertChannel, alert: Alert) -> None:
        try:
            await channel.deliver(alert.body)
        except AlertFailedError as error:
            why = str(error)
        except Exception:  # noqa: BLE001 - the border of the worker: an error of ours ends no recording
            _LOG.exception("bug in the alerts by %s", self.name)
            why = "a wsmon bug; see recorder.log"
        else:
            if channel is self._channel:
                self._failed = 0
            self._delivered(self.name, alert)
            return
        if channel is self._channel:
            self._note(1, why)
        self._report(AlertFailure(self.name, why, alert.event, 1, {alert.event.source.connection: 1}))

    def _note(self, number: int, why: str) -> None:
        self._failed += number
        self._why = why
        self._failed_mono_ns = self._clock.mono_ns()


@dataclass(frozen=True, slots=True)
class Alert:
    """An event that is announced to the user outside the viewer."""

    event: Event
    body: bytes
    """The alert document as JSON."""
    since_mono_ns: int
    """Monotonic time of the error."""


@dataclass(frozen=True, slots=True)
class AlertFailure:
    """Alerts that were not delivered, and why."""

    channel: str
    why: str
    event: Event | None
    """None where several were lost because too many waited."""
    lost: int
    connections: Mapping[str, int] = field(default_factory=dict)
    """How many of them are about each connection."""


class AlertOrigin(msgspec.Struct, frozen=True):
    """The recording that an alert comes from."""

    host: str
    configuration: str
    store: str


class IncidentDocument(msgspec.Struct, frozen=True):
    """The incident of an alert."""

    id: int
    """Id of the event that opened it."""
    kind: str
    evidence: Json
    """Ids of the events that prove it."""
    silence: Json
    """The configuration that silences such incidents."""


class AlertDocument(msgspec.Struct, frozen=True):
    """An alert as JSON (docs/alerts.md); the order of the keys is part of the format."""

    schema: str
    text: str
    """One sentence; incoming webhooks of chat services show this key."""
    at: str
    connection: str
    kind: str
    """Kind of the incident, or type of the error."""
    origin: AlertOrigin
    incident: IncidentDocument | None
    """None for a critical error outside of incidents."""
    event: EventDocument


def alert_json(event: Event, origin: AlertOrigin) -> bytes:
    """Return the alert document about a notable event."""
    facts = event.meta or {}
    incident = (
        IncidentDocument(event.id, event.type, facts.get("evidence"), facts.get("silence"))
        if event.name == "incident.opened"
        else None
    )
    octets = msgspec.json.encode(
        AlertDocument(
            SCHEMA,
            sanitize(alert_summary(event), TEXT_LIMIT_CHARS),
            rfc3339(event.ts_ns),
            event.source.connection,
            event.type or event.error_type,
            origin,
            incident,
            event_document(event),
        )
    )
    # The command of the user may print it
    return escape_json(octets)
