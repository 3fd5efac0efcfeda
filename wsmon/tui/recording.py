"""Whether somebody records, since when, and what to say about it: pure state over what each tick sees."""

from __future__ import annotations

from dataclasses import dataclass, field

from wsmon.model import format as fmt
from wsmon.model.snapshot import Health, StoreBounds
from wsmon.tui.panes.header import Recording

GRACE_NS = 2_000_000_000
# a viewer is connected to a recorder within half a second; only then silence means something
WARNING_NS = 12_000_000_000
# how long warnings of the start are shown


@dataclass(slots=True)
class RecorderWatch:
    """Sees the recorder come and go."""

    opened_ns: int
    # wall time at which the screen was opened
    start_command: str
    warnings: tuple[str, ...] = ()
    banner: str = ""
    # said all the time
    has_control: bool = True
    run_started_ns: int | None = None
    changes: str = ""
    # what differs between the configuration on disk and the recorder's; empty = nothing
    trouble: str = ""
    # why the store cannot be read at the moment
    look_faults: tuple[str, ...] = ()
    # what is wrong with themes
    _gone_ns: int | None = field(default=None, init=False)
    _has_answered: bool = field(default=False, init=False)
    _now_ns: int = field(default=0, init=False)

    def see(self, health: Health | None, now_ns: int) -> None:
        """Take notice of a sample, or of its absence."""
        self._now_ns = now_ns
        if health is not None:
            self._gone_ns, self._has_answered = None, True
        elif self._gone_ns is None:
            self._gone_ns = now_ns

    @property
    def is_on(self) -> bool:
        """Whether a recorder answers."""
        return self.has_control and self._gone_ns is None

    @property
    def is_awaited(self) -> bool:
        """Whether it is too early to say that none answers: the screen has just been opened."""
        is_early = self._now_ns - self.opened_ns <= GRACE_NS
        return self.has_control and not self.is_on and not self._has_answered and is_early

    def recording(self) -> Recording:
        """For the header."""
        return Recording(self.is_on, self.run_started_ns if self.is_on else self._gone_ns, is_awaited=self.is_awaited)

    def sentence(self, health: Health | None, bounds: StoreBounds, now_ns: int) -> str:
        """The worst that must not be overlooked; empty = all is well."""
        if self.trouble:
            return f"the store cannot be read: {self.trouble}"
        if health is not None and health.warning:
            return health.warning
        if self.has_control and self._gone_ns is not None and now_ns - self.opened_ns > GRACE_NS:
            last = f"last event #{fmt.count(bounds.last_id)}" if bounds.last_id else "nothing was recorded"
            since = fmt.moment(self._gone_ns, now_ns)
            return f"no recorder since {since}, {last}; start one: {self.start_command}"
        if self.banner:
            return self.banner
        if self.changes:
            return f"{self.changes}; L reloads it"
        if self.look_faults:
            return self.look_faults[0]
        if self.warnings and now_ns - self.opened_ns < WARNING_NS:
            number = int((now_ns - self.opened_ns) * len(self.warnings) // WARNING_NS)
            return self.warnings[max(0, min(number, len(self.warnings) - 1))]
        return ""
