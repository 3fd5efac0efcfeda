"""Whether a recorder runs, since when, and the sentence of the banner about it: pure state, updated every second."""

from __future__ import annotations

from dataclasses import dataclass, field

from wsmon.model import units as fmt
from wsmon.model.bundle import BundleManifest
from wsmon.model.ranges import StoreBounds
from wsmon.model.snapshot import Health
from wsmon.tui.panes.bars import Recording

# A viewer connects to a recorder within half a second; only after that a missing answer means that there is none.
GRACE_NS = 2_000_000_000
# How long warnings about the start are shown, together
WARNING_NS = 12_000_000_000
# With an event as young as this when the screen opens, a recorder may be about to answer.
FRESH_NS = 10_000_000_000


@dataclass(slots=True)
class RecorderStatus:
    """What is known about the recorder of a store."""

    opened_ns: int
    """Wall time at which the screen was opened."""
    start_command: str
    warnings: tuple[str, ...] = ()
    banner: str = ""
    """Shown all the time; empty = none."""
    has_control: bool = True
    run_started_ns: int | None = None
    is_imported: bool = False
    """Whether no recorder wrote the store: it was imported."""
    bundle: BundleManifest | None = None
    """Of the incident bundle that is shown; None = it is a recording."""
    changes: str = ""
    """What differs between the configuration on disk and the recorder's; empty = nothing."""
    trouble: str = ""
    """Why the store cannot be read at the moment."""
    look_faults: tuple[str, ...] = ()
    """What is wrong with themes, a sentence each."""
    _gone_ns: int | None = field(default=None, init=False)
    _now_ns: int = field(default=0, init=False)
    _was_on: bool = field(default=False, init=False)
    """Whether a recorder has ever answered."""
    _found: tuple[int, int] | None = field(default=None, init=False)
    """Id and wall time of the newest event when the screen was opened; None = not known."""

    def see(self, health: Health | None, now_ns: int) -> None:
        """Note the last sample of the recorder's health; None = it does not answer."""
        self._now_ns = now_ns
        if health is not None:
            self._gone_ns, self._was_on = None, True
        elif self._gone_ns is None:
            self._gone_ns = now_ns

    def find(self, last_id: int, at_ns: int) -> None:
        """Note the newest event that was there when the screen was opened."""
        self._found = (last_id, at_ns)

    def shown_ns(self, bounds: StoreBounds, now_ns: int) -> int:
        """Return the wall time that panes are about: now, or the end of the recording where no recorder runs.

        A store that grows has a recorder, even where that does not answer.
        """
        if self.is_on:
            return now_ns
        if self._was_on or self._found is None:
            return self._gone_ns if self._was_on and self._gone_ns is not None else now_ns
        last_id, at_ns = self._found
        return now_ns if self._is_early(at_ns, now_ns) or bounds.last_id != last_id else min(at_ns, now_ns)

    @property
    def is_on(self) -> bool:
        """Whether a recorder answers."""
        return self.has_control and self._gone_ns is None

    @property
    def is_awaited(self) -> bool:
        """Whether it is too early to conclude that no recorder runs: the screen has just been opened."""
        at_ns = self._found[1] if self._found is not None else self.opened_ns
        return self.has_control and not self.is_on and not self._was_on and self._is_early(at_ns, self._now_ns)

    def _is_early(self, at_ns: int, now_ns: int) -> bool:
        """Whether a recorder that wrote an event at that time may still be about to answer."""
        return now_ns - self.opened_ns <= GRACE_NS and self.opened_ns - at_ns < FRESH_NS

    def recording(self, bounds: StoreBounds) -> Recording:
        """Return what the header shows about the recorder."""
        is_over = self._is_over(bounds) and not self.is_awaited
        return Recording(
            self.is_on,
            self.run_started_ns if self.is_on else self._since_ns,
            is_awaited=self.is_awaited,
            is_over=is_over,
            is_imported=is_over and self.is_imported,
            bundle=self.bundle,
        )

    def _is_over(self, bounds: StoreBounds) -> bool:
        """Whether the recording had ended before the screen was opened: a store that grows has a recorder."""
        return not self.is_on and not self._was_on and self._found is not None and self._found[0] == bounds.last_id

    @property
    def _since_ns(self) -> int | None:
        """Since when no recorder runs; a recording that was over before ended with its newest event."""
        return self._gone_ns if self._was_on or self._found is None else self._found[1]

    def sentence(self, health: Health | None, bounds: StoreBounds, now_ns: int) -> str:
        """Return the sentence of the banner, the worst problem first; empty = all is well."""
        if self.trouble:
            return f"cannot read the recording: {self.trouble}"
        if health is not None and health.warning:
            return health.warning
        since_ns = self._since_ns
        # A recording that had ended before says so in the header: nothing is wrong with it
        if self.has_control and not self.is_on and self._was_on and since_ns is not None:
            last = f"last event #{fmt.count(bounds.last_id)}" if bounds.last_id else "no events"
            return f"Recording stopped {fmt.moment(since_ns, now_ns)} ({last}). Restart with `{self.start_command}`."
        if self.banner:
            return self.banner
        if self.changes:
            return f"{self.changes}: L reloads it"
        if self.look_faults:
            return self.look_faults[0]
        if self.warnings and now_ns - self.opened_ns < WARNING_NS:
            number = int((now_ns - self.opened_ns) * len(self.warnings) // WARNING_NS)
            return self.warnings[max(0, min(number, len(self.warnings) - 1))]
        return ""
