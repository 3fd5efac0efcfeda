"""Judges the machine that records: room on the disk, the clock, and whether a logout ends what runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from wsmon.cli.diagnosis.diagnosis import Diagnosis, fail, ok, warn
from wsmon.model import units as fmt
from wsmon.model.units import SECOND_NS

LEAST_FREE_BYTES = 64 * 1024 * 1024
# the write-ahead log may need as much
LOW_FREE_BYTES = 512 * 1024 * 1024
EARLIEST_NS = 1_735_689_600 * SECOND_NS
# 2025-01-01: a clock before that was never set
AHEAD_NS = 2 * SECOND_NS
# by which the newest event may be ahead of a clock that was just adjusted

_KILLS = re.compile(r"^\s*KillUserProcesses\s*=\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_YES = ("yes", "true", "on", "1")


def judge_space(folder: Path, free_bytes: int, used_bytes: int, limit_bytes: int) -> Diagnosis:
    """Room for what the store may still grow by; ``limit_bytes`` is its retention, 0 = none."""
    free = f"{fmt.size(free_bytes)} free in {folder}"
    if free_bytes < LEAST_FREE_BYTES:
        return fail("space", free, "recording stops when the disk is full: free some, or use --store")
    growth_bytes = max(0, limit_bytes - used_bytes)
    if limit_bytes and free_bytes < growth_bytes:
        return warn(
            "space",
            f"{free}, and the store may grow by {fmt.size(growth_bytes)}",
            "free some, or lower [wsmon] retention.size",
        )
    if free_bytes < LOW_FREE_BYTES:
        return warn("space", free, "free some, or use --store")
    return ok("space", free)


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """What is known of the wall clock."""

    wall_ns: int
    is_synchronised: bool | None
    # as the kernel says; None = it does not
    newest_event_ns: int | None
    # in the store
    steps: int
    # recorded in the last day


def judge_clock(facts: ClockFacts) -> Diagnosis:
    """Whether times in the store can be trusted."""
    at = f"{datetime.fromtimestamp(facts.wall_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if facts.wall_ns < EARLIEST_NS:
        return fail("clock", f"it is {at}", "the clock was never set: set it, or start a time service (chrony)")
    if facts.newest_event_ns is not None and facts.newest_event_ns > facts.wall_ns + AHEAD_NS:
        ahead = fmt.duration(facts.newest_event_ns - facts.wall_ns)
        return warn("clock", f"{at}, and the newest event is {ahead} ahead of it", "the clock was put back: check it")
    if facts.steps:
        times = "once" if facts.steps == 1 else f"{facts.steps} times"
        return warn(
            "clock",
            f"{at}; it stepped {times} in the last day",
            "`wsmon search event:self.clock.stepped` says when; durations are not affected",
        )
    if facts.is_synchronised is False:
        return warn("clock", f"{at}, not synchronised", "start a time service: times of two machines will not agree")
    return ok("clock", f"{at}, synchronised" if facts.is_synchronised else at)


def judge_losses(shed: int) -> Diagnosis:
    """Whether the disk took everything in the last day; ``shed``: how often something was not kept."""
    if not shed:
        return ok("losses", "everything received in the last day was kept")
    times = "once" if shed == 1 else f"{shed} times"
    return warn(
        "losses",
        f"{times} in the last day the disk did not take what was received",
        "`wsmon search event:self.shed` says when and how much; a fuller or slower disk than wsmon needs",
    )


def judge_logout(logind: str, is_lingering: bool) -> Diagnosis:
    """Whether a logout ends a recorder; ``logind`` is the text of its configuration, empty where there is none."""
    settings = _KILLS.findall(logind)  # the last one counts
    if settings and settings[-1].lower() in _YES and not is_lingering:
        return warn(
            "logout",
            "logind ends what runs when you log out (KillUserProcesses)",
            "`loginctl enable-linger`, or the systemd unit (`wsmon unit`)",
        )
    return ok("logout", "a recorder outlives the login")
