"""The alerts that wait for one way: bounded, some at a time, so that a way that hangs delays only itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from wsmon.config.specs import AlertSpec
from wsmon.export.jsonl import EventDocument, event_document, rfc3339
from wsmon.model.events import Event, Json, Meta
from wsmon.model.profiles import AlertDeduplicator, alert_summary
from wsmon.model.redact.masking import mask_secrets
from wsmon.model.sanitize import sanitize
from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock
from wsmon.recorder.alert_channels import AlertChannel, AlertFailedError, CommandChannel, WebhookChannel
from wsmon.recorder.alert_rules import RuleWatch
from wsmon.recorder.run import EmitSelfEvent

# Alerts that wait; more at once are a flood that nobody reads
PLACES = 64
# A way that hangs for one alert may work for the next, which is to be told within 5 s
AT_A_TIME = 4
# How long a failure is shown where no alert comes that could succeed
WARNED_NS = 600 * SECOND_NS

_LOG = logging.getLogger("wsmon.alerts")


@dataclass(frozen=True, slots=True)
class Alert:
    """What is told."""

    event: Event
    body: bytes
    """Its JSON."""


@dataclass(frozen=True, slots=True)
class AlertFailure:
    """What was not told, and why."""

    way: str
    why: str
    event: Event | None
    """None where several were lost because too many waited."""
    lost: int


class ChannelQueue:
    """Delivers by a way that may change, or not be there, while it runs."""

    def __init__(self, name: str, clock: Clock, report: Callable[[AlertFailure], None]) -> None:
        """``report`` gets what failed."""
        self.name = name
        self._clock = clock
        self._report = report
        self._way: AlertChannel | None = None
        self._waiting: asyncio.Queue[Alert] = asyncio.Queue(PLACES)
        self._overflown = 0
        # alerts that found no place, since that was reported
        self._failed = 0
        # in a row
        self._why = ""
        self._failed_mono_ns = 0

    @property
    def warning(self) -> str:
        """What is wrong with it; empty while the newest alert got through, or failed long ago."""
        if not self._failed or self._clock.mono_ns() - self._failed_mono_ns > WARNED_NS:
            return ""
        number = "an alert was" if self._failed == 1 else f"{self._failed:,} alerts were"
        return f"{number} not delivered: {self._why}"

    def use(self, way: AlertChannel | None) -> None:
        """Deliver by ``way`` from now on; alerts that wait go there too, or nowhere."""
        self._way = way
        self._failed = 0

    def put(self, alert: Alert) -> None:
        """Take an alert; never waits."""
        if self._way is None:
            return
        try:
            self._waiting.put_nowait(alert)
        except asyncio.QueueFull:
            self._overflown += 1
            self._note(1, f"{PLACES} alerts wait for the {self.name}")

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(AT_A_TIME):
                group.create_task(self._work(), name=f"alerts by {self.name} {number}")

    async def _work(self) -> None:
        while True:
            alert = await self._waiting.get()
            if self._way is not None:
                await self._deliver(self._way, alert)
            if self._overflown:
                lost, self._overflown = self._overflown, 0
                self._report(AlertFailure(self.name, f"{PLACES} others waited already", None, lost))

    async def _deliver(self, way: AlertChannel, alert: Alert) -> None:
        try:
            await way.deliver(alert.body)
        except AlertFailedError as error:
            why = str(error)
        except Exception:  # noqa: BLE001 - the border of the worker: a mistake of ours ends no recording
            _LOG.exception("a mistake in the alerts by %s", self.name)
            why = "a mistake in wsmon; recorder.log has its place"
        else:
            if way is self._way:
                self._failed = 0
            return
        if way is self._way:
            self._note(1, why)
        self._report(AlertFailure(self.name, why, alert.event, 1))

    def _note(self, number: int, why: str) -> None:
        self._failed += number
        self._why = why
        self._failed_mono_ns = self._clock.mono_ns()


# An alert as one JSON object (docs/alerts.md): what commands and webhooks get.

SCHEMA = "wsmon.alert/1"
# Characters of the line for people
TEXT_LIMIT = 500


class AlertOrigin(msgspec.Struct, frozen=True):
    """Which recording an alert comes from."""

    host: str
    configuration: str
    store: str


class IncidentDocument(msgspec.Struct, frozen=True):
    """What a detector found."""

    id: int
    """Of the event that opened it."""
    kind: str
    evidence: Json
    """Ids of the events that prove it."""
    silence: Json
    """How not to hear of such incidents."""


class AlertDocument(msgspec.Struct, frozen=True):
    """The keys of the contract, in their order."""

    schema: str
    text: str
    """One line for people; the key that chat services' incoming webhooks show."""
    at: str
    connection: str
    kind: str
    """Of the incident, or type of the error."""
    origin: AlertOrigin
    incident: IncidentDocument | None
    """None for a critical error that is no incident."""
    event: EventDocument


def alert_json(event: Event, origin: AlertOrigin) -> bytes:
    """The alert about a notable event."""
    facts = event.meta or {}
    incident = (
        IncidentDocument(event.id, event.type, facts.get("evidence"), facts.get("silence"))
        if event.name == "incident.opened"
        else None
    )
    return msgspec.json.encode(
        AlertDocument(
            SCHEMA,
            sanitize(alert_summary(event), TEXT_LIMIT),
            rfc3339(event.ts_ns),
            event.source.connection,
            event.type or event.error_type,
            origin,
            incident,
            event_document(event),
        )
    )


# Tells people what a recording finds, by the ways of the configuration; what fails is an event, and stops nothing.

ERROR_TYPE = "alert"


class AlertDispatcher:
    """Belongs to the event loop; the bell and the desktop are the viewers' part."""

    def __init__(
        self,
        origin: AlertOrigin,
        emit: EmitSelfEvent,
        clock: Clock,
        watch: Callable[[Callable[[str], None]], RuleWatch],
    ) -> None:
        """``watch`` makes what looks for the user's rules; it is given where to report that one of them ended."""
        self._origin = origin
        self._emit = emit
        self._clock = clock
        self._announced = AlertDeduplicator()
        self._command = ChannelQueue("command", clock, self._report)
        self._webhook = ChannelQueue("webhook", clock, self._report)
        self._rules = watch(self._report_rule)
        self._spec = AlertSpec()
        self._secrets: tuple[str, ...] = ()

    def configure(self, spec: AlertSpec, secrets: tuple[str, ...]) -> None:
        """Tell by these ways from now on; a way that stays the same keeps its warning."""
        before, self._spec, self._secrets = self._spec, spec, secrets
        if spec.command != before.command:
            mask = partial(mask_secrets, secrets=secrets)
            self._command.use(CommandChannel(spec.command, mask) if spec.command else None)
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
        """What is wrong with the ways or the rules; empty = they work."""
        return mask_secrets(self._command.warning or self._webhook.warning or self._rules.warning, self._secrets)

    def take(self, notable: Sequence[Event]) -> None:
        """Tell what of these committed events is news."""
        for event in notable:
            if self._announced.is_new(event):
                alert = Alert(event, alert_json(event, self._origin))
                self._command.put(alert)
                self._webhook.put(alert)

    async def run(self) -> None:
        """Look for rules and deliver until cancelled; what waits then is not told, a command under way is killed."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rules.run(), name="alert rules")
            for lane in (self._command, self._webhook):
                group.create_task(lane.run(), name=f"alerts by {lane.name}")

    def _report_rule(self, why: str) -> None:
        why = mask_secrets(why, self._secrets)
        self._emit("self.alert.failed", status="error", reason=why, error_type=ERROR_TYPE, error=why)

    def _report(self, failure: AlertFailure) -> None:
        error = mask_secrets(failure.why, self._secrets)
        about = failure.event
        what = alert_summary(about) if about else f"{failure.lost:,} alerts"
        meta: Meta = {"way": failure.way, "lost": failure.lost, "evidence": [about.id] if about else []}
        self._emit(
            "self.alert.failed",
            status="error",
            reason=f"{error}; not delivered: {what}",
            error_type=ERROR_TYPE,
            error=error,
            meta=meta,
        )
