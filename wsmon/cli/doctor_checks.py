"""The checks of ``wsmon doctor``: pure functions from facts to a graded line with advice.

Configuration, SQLite and store, permissions, machine (disk, clock, logout), terminal.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from wsmon.config.load import Loaded
from wsmon.control.losses import LossNote
from wsmon.errors import ConfigError
from wsmon.model import units as fmt
from wsmon.model.units import SECOND_NS
from wsmon.store.integrity import IntegrityReport, Version, faults_of
from wsmon.tui.terminal.capabilities import Multiplexer

Grade = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The outcome of one check: a grade, what was seen, and what to do about it."""

    check: str
    """What was looked at, in one word."""
    grade: Grade
    fact: str
    advice: str = ""
    """Empty where nothing is wrong."""


def ok(check: str, fact: str) -> Diagnosis:
    """Return the diagnosis of something that is as it should be."""
    return Diagnosis(check, "ok", fact)


def warn(check: str, fact: str, advice: str) -> Diagnosis:
    """Return the diagnosis of something that works, but not well or not for long."""
    return Diagnosis(check, "warn", fact, advice)


def fail(check: str, fact: str, advice: str) -> Diagnosis:
    """Return the diagnosis of something that does not work."""
    return Diagnosis(check, "fail", fact, advice)


def has_failed(diagnoses: Iterable[Diagnosis]) -> bool:
    """Return whether something does not work."""
    return any(one.grade == "fail" for one in diagnoses)


def judge_loaded(loaded: Loaded) -> Diagnosis:
    """Judge a configuration that can be used: its connections, and what in it has no effect."""
    configuration = loaded.configuration
    enabled = sum(one.enabled for one in configuration.connections)
    fact = f"{configuration.path}: {len(configuration.connections)} connections, {enabled} enabled"
    if loaded.warnings:
        more = f" (and {len(loaded.warnings) - 1} more)" if len(loaded.warnings) > 1 else ""
        return warn("configuration", fact, f"{loaded.warnings[0]}{more}; `wsmon check` says all")
    return ok("configuration", fact)


def judge_broken(error: ConfigError) -> Diagnosis:
    """Judge a configuration that cannot be used."""
    more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
    return fail("configuration", f"{error.problems[0]}{more}", "`wsmon check` says all, with their lines")


NONE_FOUND = ok("configuration", "none here; `wsmon check --example` writes one to start from")


# Four times the size that the recorder cuts its write-ahead log to.
LARGE_LOG_BYTES = 256 * 1024 * 1024


def judge_sqlite(version: Version) -> Iterator[Diagnosis]:
    """Judge the SQLite library: a line for each known fault of its version."""
    name = f"SQLite {'.'.join(map(str, version))}"
    faults = faults_of(version)
    if not faults:
        yield ok("sqlite", f"{name} has no known fault")
    for fault in faults:
        repaired = ".".join(map(str, fault.fixed))
        yield warn(
            "sqlite",
            f"{name} has the fault {fault.name} ({fault.source})",
            f"{fault.meaning}; {repaired} has it no more",
        )


def judge_marks(*, is_installed: bool, is_compiled: bool) -> Diagnosis:
    """Judge the optional helper of the search index."""
    if is_installed and not is_compiled:
        return warn(
            "search index",
            "wsmon-marks is of another version, and not used",
            "install the one of this wsmon: the recorder spends less time on the index with it",
        )
    return ok("search index", "made in C, by wsmon-marks" if is_compiled else "made in Python, without wsmon-marks")


def judge_store(path: Path, found: IntegrityReport, size_bytes: int) -> Iterator[Diagnosis]:
    """Judge the pages, ids and write-ahead log of a store."""
    kept = found.last_id - found.oldest_id + 1 - found.missing_ids if found.oldest_id else 0
    yield ok("store", f"{path}: {fmt.count(kept)} events, {fmt.size(size_bytes)}")
    yield _damage(path, found)
    yield _ids(found)
    if found.log_bytes > LARGE_LOG_BYTES:
        yield warn(
            "log",
            f"the write-ahead log has {fmt.size(found.log_bytes)}",
            "a reader holds it back: end viewers and exports that hang; it shrinks when the recorder ends",
        )
    else:
        yield ok("log", f"write-ahead log of {fmt.size(found.log_bytes)}")


def _damage(path: Path, found: IntegrityReport) -> Diagnosis:
    if found.damage:
        more = f" (and {len(found.damage) - 1} more)" if len(found.damage) > 1 else ""
        return fail(
            "integrity",
            f"{found.damage[0]}{more}",
            f"record into a new store; `wsmon export --store {path} --format jsonl` saves what can be read, "
            "and `wsmon import` makes a store of it",
        )
    if not found.is_complete:
        return warn("integrity", "no damage found, but not everything was looked at in time", "try when less goes on")
    return ok("integrity", "pages, indexes and references are whole")


def _ids(found: IntegrityReport) -> Diagnosis:
    if found.has_strays:
        return fail(
            "ids",
            f"there are events outside of {found.oldest_id}..{found.last_id}",
            "another program wrote to the store: record into a new one",
        )
    if not found.missing_ids:
        return ok("ids", f"{found.oldest_id}..{found.last_id} without a hole" if found.last_id else "no event yet")
    holes = f"{fmt.count(found.missing_ids)} ids of {found.oldest_id}..{found.last_id} are missing"
    if found.is_excerpt:
        return ok("ids", f"{holes}: the store is a part of another one")
    return fail(
        "ids",
        f"{holes}, the first is {found.first_missing_id}",
        "events were removed by another program: what the store proves has a gap there",
    )


OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Owned:
    """A file or folder that should be the user's own."""

    path: Path
    mode: int
    """Permission bits."""
    is_ours: bool
    """Owned by the user that runs the check."""

    @classmethod
    def of(cls, path: Path, uid: int) -> Owned | None:
        """Return the owner and mode of a path; None where it does not exist."""
        try:
            found = path.lstat()
        except FileNotFoundError:
            return None
        return cls(path, stat.S_IMODE(found.st_mode), found.st_uid == uid)


def judge_configuration_file(file: Owned, *, has_secrets: bool) -> Diagnosis:
    """Judge whether other users can read the secrets in a configuration, or change it."""
    if file.mode & OTHERS_WRITE:
        return fail(
            "secrets",
            f"others can change {file.path} ({file.mode:04o})",
            f"`chmod 600 {file.path}`: what it sends, and to whom, is theirs to say",
        )
    if has_secrets and file.mode & OTHERS_READ:
        return fail(
            "secrets",
            f"{file.path} holds secrets, and others can read it ({file.mode:04o})",
            f"`chmod 600 {file.path}`, or take them from ${{secret:NAME}} or ${{file:PATH}}",
        )
    holds = "holds secrets that only you can read" if has_secrets else "holds no secret"
    return ok("secrets", f"{file.path} {holds} ({file.mode:04o})")


def judge_recording(store: Owned, folder: Owned) -> Diagnosis:
    """Judge whether other users can read or change the recording, and whether this user can write it."""
    for one in (store, folder):
        if not one.is_ours:
            return warn("permissions", f"{one.path} belongs to another user", "record as that user, or use --store")
        if one.mode & OTHERS_WRITE:
            return fail(
                "permissions",
                f"others can change {one.path} ({one.mode:04o})",
                f"`chmod go-w {one.path}`: what the store proves is theirs to say",
            )
    if store.mode & OTHERS_READ:
        return warn(
            "permissions",
            f"others can read {store.path} ({store.mode:04o})",
            f"`chmod 600 {store.path}`: it holds what was said on your connections",
        )
    return ok("permissions", f"the store is yours alone ({store.mode:04o})")


def judge_runtime_folder(folder: Owned | None, sockets: tuple[Owned, ...]) -> Diagnosis:
    """Judge whether the control sockets are reachable for this user alone."""
    if folder is None:
        return ok("socket", "no recorder has run since the login")
    if not folder.is_ours or folder.mode & 0o077:
        return fail(
            "socket",
            f"the folder of the control sockets {folder.path} is not yours alone ({folder.mode:04o})",
            f"remove it, or `chmod 700 {folder.path}` if you made it: no recorder starts there",
        )
    if open_ones := [one for one in sockets if one.mode & 0o077]:
        return fail(
            "socket",
            f"others may use {open_ones[0].path} ({open_ones[0].mode:04o})",
            f"`chmod 600 {open_ones[0].path}`, then stop the recorder and start it again",
        )
    return ok("socket", f"{folder.path} is yours alone")


# The write-ahead log may need as much.
LEAST_FREE_BYTES = 64 * 1024 * 1024
LOW_FREE_BYTES = 512 * 1024 * 1024

# 2025-01-01: a clock before that was never set.
EARLIEST_NS = 1_735_689_600 * SECOND_NS

# By which the newest event may be ahead of a clock that was just adjusted.
AHEAD_NS = 2 * SECOND_NS

_KILLS = re.compile(r"^\s*KillUserProcesses\s*=\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_YES = ("yes", "true", "on", "1")


def judge_space(folder: Path, free_bytes: int, used_bytes: int, limit_bytes: int) -> Diagnosis:
    """Judge the room on the disk for what the store may still grow by; ``limit_bytes`` is its retention, 0 = none."""
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
    """Facts about the wall clock."""

    wall_ns: int
    is_synchronised: bool | None
    """None = the kernel does not say."""
    newest_event_ns: int | None
    """None = the store has no event."""
    steps: int
    """Steps of the clock recorded in the last day."""


def judge_clock(facts: ClockFacts) -> Diagnosis:
    """Judge whether times in the store can be trusted."""
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


def judge_losses(shed: int, note: LossNote | None = None) -> Diagnosis:
    """Judge whether the disk took everything in the last day.

    ``shed``: how often an event tells of something that was not kept; ``note``: what no event tells of yet.
    """
    if note is not None:
        at = f"{datetime.fromtimestamp(note.ended_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"
        return fail(
            "losses",
            f"{fmt.count(note.count)} events were not kept when the recorder ended at {at}: {note.reason}",
            "the next recorder of this store records it as self.lost",
        )
    if not shed:
        return ok("losses", "everything received in the last day was kept")
    times = "once" if shed == 1 else f"{shed} times"
    return warn(
        "losses",
        f"{times} in the last day the disk did not take what was received",
        "`wsmon search event:self.shed,self.lost` says when and how much; the disk was full or too slow",
    )


def judge_logout(logind: str, is_lingering: bool) -> Diagnosis:
    """Judge whether a logout ends a recorder; ``logind`` is the text of its configuration, or empty."""
    # The last setting applies.
    settings = _KILLS.findall(logind)
    if settings and settings[-1].lower() in _YES and not is_lingering:
        return warn(
            "logout",
            "logind ends what runs when you log out (KillUserProcesses)",
            "`loginctl enable-linger`, or the systemd unit (`wsmon unit`)",
        )
    return ok("logout", "a recorder outlives the login")


LEAST_COLUMNS, LEAST_LINES = 40, 12
USABLE_COLUMNS, USABLE_LINES = 80, 24

# Terminals that take no text for the clipboard, by TERM_PROGRAM or TERM.
NO_OSC_52 = {"Apple_Terminal": "Terminal.app", "linux": "the console"}


@dataclass(frozen=True, slots=True)
class TerminalFacts:
    """Facts about the terminal."""

    is_terminal: bool
    term: str = ""
    """The variable TERM."""
    program: str = ""
    """The variable TERM_PROGRAM."""
    color_term: str = ""
    """The variable COLORTERM."""
    has_no_color: bool = False
    """The variable NO_COLOR is set."""
    encoding: str = "utf-8"
    """The encoding of the locale, as Python names it."""
    columns: int = USABLE_COLUMNS
    lines: int = USABLE_LINES
    inside: Multiplexer = ""
    tmux: dict[str, str] = field(default_factory=dict)
    """Options of tmux; empty where it does not say."""


def judge_terminal(facts: TerminalFacts) -> Iterator[Diagnosis]:
    """Judge the terminal: four lines, or one where there is no terminal."""
    if not facts.is_terminal:
        yield ok("terminal", "none here; `wsmon record`, `search`, `stats` and `export` need none")
        return
    yield _kind(facts)
    yield _colors(facts)
    yield _characters(facts)
    yield _clipboard(facts)


def _kind(facts: TerminalFacts) -> Diagnosis:
    if facts.term in ("", "dumb", "unknown"):
        named = f"TERM is {facts.term}" if facts.term else "TERM is not set"
        return fail("terminal", named, "no screen can be drawn: set it to what the terminal is (xterm-256color)")
    size = f"{facts.term}, {facts.columns}×{facts.lines}"
    if facts.columns < LEAST_COLUMNS or facts.lines < LEAST_LINES:
        return warn("terminal", size, f"make it {USABLE_COLUMNS}×{USABLE_LINES} or larger to see all panes")
    return ok("terminal", size)


def _colors(facts: TerminalFacts) -> Diagnosis:
    if facts.has_no_color:
        return ok("colours", "none: NO_COLOR is set")
    if facts.color_term in ("truecolor", "24bit"):
        return ok("colours", "16 million")
    if "256color" in facts.term or facts.term.endswith("-direct"):
        return ok("colours", "256; COLORTERM=truecolor would give all of them where the terminal can")
    return warn("colours", f"{facts.term} has few", "set TERM to xterm-256color where the terminal can")


def _characters(facts: TerminalFacts) -> Diagnosis:
    if facts.encoding.lower().replace("-", "") == "utf8":
        return ok("characters", "UTF-8")
    return warn(
        "characters", f"the locale is {facts.encoding}", "lines are drawn in ASCII: set LANG to one that ends in .UTF-8"
    )


def _clipboard(facts: TerminalFacts) -> Diagnosis:
    name = NO_OSC_52.get(facts.program) or NO_OSC_52.get(facts.term)
    if name:
        return warn("clipboard", f"{name} takes no text from programs (OSC 52)", "`x` writes a file instead")
    if facts.inside != "tmux":
        through = f" through {facts.inside}" if facts.inside else ""
        return ok("clipboard", f"OSC 52{through}, where the terminal allows it")
    if not facts.tmux:
        return warn("clipboard", "tmux does not say what it passes on", "`tmux set -g set-clipboard on`")
    if facts.tmux.get("set-clipboard") == "on":
        return ok("clipboard", "OSC 52 through tmux (set-clipboard on)")
    if facts.tmux.get("allow-passthrough") in ("on", "all"):
        return ok("clipboard", "OSC 52 through tmux (allow-passthrough on)")
    return warn("clipboard", "tmux passes nothing on to the clipboard", "`tmux set -g set-clipboard on`")
