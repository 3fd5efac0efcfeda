"""Tells people what a recording finds, by the ways of the configuration; what fails is an event, and stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from wsmon.config.specs import AlertSpec
from wsmon.model.alerts import Announced, summary
from wsmon.model.events import Event, Meta
from wsmon.model.redact.masking import mask_secrets
from wsmon.ports import Clock
from wsmon.recorder.alert_channels import CommandWay
from wsmon.recorder.alert_rules import RuleWatch
from wsmon.recorder.alerts.document import Origin, alert_json
from wsmon.recorder.alerts.lane import Alert, Failure, Lane
from wsmon.recorder.alerts.webhook import WebhookWay
from wsmon.recorder.run import EmitOwn

ERROR_TYPE = "alert"


class Alerting:
    """Belongs to the event loop; the bell and the desktop are the viewers' part."""

    def __init__(
        self, origin: Origin, emit: EmitOwn, clock: Clock, watch: Callable[[Callable[[str], None]], RuleWatch]
    ) -> None:
        """``watch`` makes what looks for the user's rules; it is given where to report that one of them ended."""
        self._origin = origin
        self._emit = emit
        self._clock = clock
        self._announced = Announced()
        self._command = Lane("command", clock, self._report)
        self._webhook = Lane("webhook", clock, self._report)
        self._rules = watch(self._report_rule)
        self._spec = AlertSpec()
        self._secrets: tuple[str, ...] = ()

    def configure(self, spec: AlertSpec, secrets: tuple[str, ...]) -> None:
        """Tell by these ways from now on; a way that stays the same keeps its warning."""
        before, self._spec, self._secrets = self._spec, spec, secrets
        if spec.command != before.command:
            mask = partial(mask_secrets, secrets=secrets)
            self._command.use(CommandWay(spec.command, mask) if spec.command else None)
        if spec.webhook != before.webhook:
            self._webhook.use(WebhookWay(spec.webhook, self._clock) if spec.webhook else None)
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
            if self._announced.is_news(event):
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

    def _report(self, failure: Failure) -> None:
        error = mask_secrets(failure.why, self._secrets)
        about = failure.event
        what = summary(about) if about else f"{failure.lost:,} alerts"
        meta: Meta = {"way": failure.way, "lost": failure.lost, "evidence": [about.id] if about else []}
        self._emit(
            "self.alert.failed",
            status="error",
            reason=f"{error}; not delivered: {what}",
            error_type=ERROR_TYPE,
            error=error,
            meta=meta,
        )
