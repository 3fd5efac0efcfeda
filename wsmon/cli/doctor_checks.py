"""The checks of ``wsmon doctor``: pure functions from facts to a graded line with advice.

Configuration, SQLite, plugins and store, permissions, machine (disk, clock, logout), terminal.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from wsmon.config.load import Loaded
from wsmon.control.losses import LossNote
from wsmon.errors import ConfigError
from wsmon.model import units as fmt
from wsmon.model.bundle import Bundle, describe
from wsmon.model.units import SECOND_NS
from wsmon.plugins import Plugin, PluginFailure
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
    relays = f", {len(configuration.relays)} relays" if configuration.relays else ""
    fact = f"{configuration.path}: {len(configuration.connections)} connections, {enabled} enabled{relays}"
    if loaded.warnings:
        more = f" (and {len(loaded.warnings) - 1} more)" if len(loaded.warnings) > 1 else ""
        return warn("configuration", fact, f"{loaded.warnings[0]}{more}; `wsmon check` lists all")
    return ok("configuration", fact)


def judge_broken(error: ConfigError) -> Diagnosis:
    """Judge a configuration that cannot be used."""
    more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
    return fail("configuration", f"{error.problems[0]}{more}", "`wsmon check` lists all errors with their lines")


NONE_FOUND = ok("configuration", "none found; `wsmon check --example` prints one to start from")


# Four times the size that the recorder cuts its write-ahead log to.
LARGE_LOG_BYTES = 256 * 1024 * 1024


def judge_sqlite(version: Version) -> Iterator[Diagnosis]:
    """Judge the SQLite library: a line for each known fault of its version."""
    name = f"SQLite {'.'.join(map(str, version))}"
    faults = faults_of(version)
    if not faults:
        yield ok("sqlite", f"{name}: no known bugs")
    for fault in faults:
        repaired = ".".join(map(str, fault.fixed))
        yield warn(
            "sqlite",
            f"{name} is affected by the {fault.name} bug ({fault.source})",
            f"{fault.meaning}; fixed in {repaired}",
        )


def judge_marks(*, is_installed: bool, is_compiled: bool) -> Diagnosis:
    """Judge the optional helper of the search index."""
    if is_installed and not is_compiled:
        return warn(
            "search index",
            "the installed wsmon-marks does not match this version and is not used",
            "install the matching version of wsmon-marks to speed up indexing",
        )
    return ok("search index", "built in C (wsmon-marks)" if is_compiled else "built in Python (no wsmon-marks)")


def judge_plugins(found: Sequence[Plugin], failures: Sequence[PluginFailure]) -> Iterator[Diagnosis]:
    """Judge the protocols and decoders that installed packages add; nothing where there are none."""
    broken = {(failure.plugin.group, failure.plugin.name) for failure in failures}
    works = [plugin for plugin in found if (plugin.group, plugin.name) not in broken]
    if works:
        kinds = {"wsmon.protocols": "protocol", "wsmon.decoders": "decoder"}
        yield ok("plugins", ", ".join(f"{kinds[each.group]} {each.name} ({each.package})" for each in works))
    for failure in failures:
        yield fail("plugins", str(failure), f"update {failure.plugin.package.partition(' ')[0]}, or uninstall it")


def judge_store(path: Path, found: IntegrityReport, size_bytes: int) -> Iterator[Diagnosis]:
    """Judge the pages, ids and write-ahead log of a store."""
    kept = found.last_id - found.oldest_id + 1 - found.missing_ids if found.oldest_id else 0
    yield ok("store", f"{path}: {fmt.count(kept)} events, {fmt.size(size_bytes)}")
    yield _damage(path, found)
    yield _ids(found)
    if found.log_bytes > LARGE_LOG_BYTES:
        yield warn(
            "log",
            f"the write-ahead log has grown to {fmt.size(found.log_bytes)}",
            "close viewers and exports that hang; the log is truncated when the recorder stops",
        )
    else:
        yield ok("log", f"write-ahead log {fmt.size(found.log_bytes)}")


def _damage(path: Path, found: IntegrityReport) -> Diagnosis:
    if found.damage:
        more = f" (and {len(found.damage) - 1} more)" if len(found.damage) > 1 else ""
        return fail(
            "integrity",
            f"{found.damage[0]}{more}",
            f"record into a new store; `wsmon export --store {path} --format jsonl` saves what is still readable, "
            "and `wsmon import` turns that into a store",
        )
    if not found.is_complete:
        return warn(
            "integrity",
            "no damage found, but the check timed out before it finished",
            "run it again when the system is less busy",
        )
    return ok("integrity", "pages, indexes and references OK")


def judge_bundle(bundle: Bundle) -> Diagnosis:
    """Judge whether the file of an incident bundle is as it was written; name what wrote it."""
    by = bundle.manifest.versions
    about = describe(bundle.manifest).removeprefix("bundle: ")
    fact = f"{about}; written by wsmon {by.wsmon}, Python {by.python}, SQLite {by.sqlite}"
    if bundle.is_unaltered:
        return ok("bundle", f"{fact}; unaltered")
    return fail("bundle", f"{fact}; ALTERED after it was written", "get the file again from where it was made")


def _ids(found: IntegrityReport) -> Diagnosis:
    if found.has_strays:
        return fail(
            "ids",
            f"found events outside the id range {found.oldest_id}–{found.last_id}",
            "another program wrote to this store; record into a new one",
        )
    if not found.missing_ids:
        return ok("ids", f"ids {found.oldest_id}–{found.last_id}, no gaps" if found.last_id else "no events yet")
    holes = f"{fmt.count(found.missing_ids)} ids missing in {found.oldest_id}–{found.last_id}"
    if found.is_excerpt:
        return ok("ids", f"{holes} (expected: the store is an excerpt of another one)")
    return fail(
        "ids",
        f"{holes}, starting at {found.first_missing_id}",
        "another program deleted events; the recording is incomplete there",
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
            f"{file.path} is writable by others ({file.mode:04o})",
            f"`chmod 600 {file.path}`; others could change what wsmon sends and where",
        )
    if has_secrets and file.mode & OTHERS_READ:
        return fail(
            "secrets",
            f"{file.path} contains secrets and is readable by others ({file.mode:04o})",
            f"`chmod 600 {file.path}`, or move the secrets to ${{secret:NAME}} or ${{file:PATH}}",
        )
    holds = "contains secrets, readable only by you" if has_secrets else "contains no secrets"
    return ok("secrets", f"{file.path} {holds} ({file.mode:04o})")


def judge_recording(store: Owned, folder: Owned) -> Diagnosis:
    """Judge whether other users can read or change the recording, and whether this user can write it."""
    for one in (store, folder):
        if not one.is_ours:
            return warn("permissions", f"{one.path} belongs to another user", "record as that user, or use --store")
        if one.mode & OTHERS_WRITE:
            return fail(
                "permissions",
                f"{one.path} is writable by others ({one.mode:04o})",
                f"`chmod go-w {one.path}`; others could alter the recording",
            )
    if store.mode & OTHERS_READ:
        return warn(
            "permissions",
            f"{store.path} is readable by others ({store.mode:04o})",
            f"`chmod 600 {store.path}`; it contains the messages of your connections",
        )
    return ok("permissions", f"store accessible only by you ({store.mode:04o})")


def judge_runtime_folder(folder: Owned | None, sockets: tuple[Owned, ...]) -> Diagnosis:
    """Judge whether the control sockets are reachable for this user alone."""
    if folder is None:
        return ok("socket", "no recorder has run since login")
    if not folder.is_ours or folder.mode & 0o077:
        return fail(
            "socket",
            f"the control socket folder {folder.path} is not private ({folder.mode:04o})",
            f"remove it, or `chmod 700 {folder.path}` if you created it; no recorder starts until then",
        )
    if open_ones := [one for one in sockets if one.mode & 0o077]:
        return fail(
            "socket",
            f"{open_ones[0].path} is accessible by others ({open_ones[0].mode:04o})",
            f"`chmod 600 {open_ones[0].path}`, then restart the recorder",
        )
    return ok("socket", f"{folder.path} is accessible only by you")


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
        return fail("space", free, "recording stops when the disk is full; free up space, or use --store")
    growth_bytes = max(0, limit_bytes - used_bytes)
    if limit_bytes and free_bytes < growth_bytes:
        return warn(
            "space",
            f"{free}, but the store may grow by {fmt.size(growth_bytes)}",
            "free up space, or lower [wsmon] retention.size",
        )
    if free_bytes < LOW_FREE_BYTES:
        return warn("space", free, "free up space, or use --store")
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
        return fail("clock", f"it is {at}", "the clock is not set; set it, or start a time service (chrony)")
    if facts.newest_event_ns is not None and facts.newest_event_ns > facts.wall_ns + AHEAD_NS:
        ahead = fmt.duration(facts.newest_event_ns - facts.wall_ns)
        return warn("clock", f"{at}; the newest event is {ahead} in the future", "the clock was set back; check it")
    if facts.steps:
        times = "once" if facts.steps == 1 else f"{facts.steps} times"
        return warn(
            "clock",
            f"{at}; the clock stepped {times} in the last day",
            "`wsmon search event:self.clock.stepped` shows when; durations are not affected",
        )
    if facts.is_synchronised is False:
        return warn(
            "clock",
            f"{at}, not synchronised",
            "start a time service to compare times across hosts",
        )
    return ok("clock", f"{at}, synchronised" if facts.is_synchronised else at)


def judge_losses(shed: int, note: LossNote | None = None) -> Diagnosis:
    """Judge whether the disk took everything in the last day.

    ``shed``: how often an event tells of something that was not kept; ``note``: what no event tells of yet.
    """
    if note is not None:
        at = f"{datetime.fromtimestamp(note.ended_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"
        return fail(
            "losses",
            f"{fmt.count(note.count)} events lost when the recorder stopped at {at}: {note.reason}",
            "the next recorder on this store records this as self.lost",
        )
    if not shed:
        return ok("losses", "no events lost in the last day")
    times = "once" if shed == 1 else f"{shed} times"
    return warn(
        "losses",
        f"events were dropped {times} in the last day (disk full or too slow)",
        "`wsmon search event:self.shed,self.lost` shows when and how many",
    )


def judge_logout(logind: str, is_lingering: bool) -> Diagnosis:
    """Judge whether a logout ends a recorder; ``logind`` is the text of its configuration, or empty."""
    # The last setting applies.
    settings = _KILLS.findall(logind)
    if settings and settings[-1].lower() in _YES and not is_lingering:
        return warn(
            "logout",
            "logind kills your processes at logout (KillUserProcesses=yes)",
            "`loginctl enable-linger`, or use a systemd unit (`wsmon unit`)",
        )
    return ok("logout", "recorders keep running after logout")


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
        yield ok("terminal", "not a terminal (fine for record, search, stats, export)")
        return
    yield _kind(facts)
    yield _colors(facts)
    yield _characters(facts)
    yield _clipboard(facts)


def _kind(facts: TerminalFacts) -> Diagnosis:
    if facts.term in ("", "dumb", "unknown"):
        named = f"TERM is {facts.term}" if facts.term else "TERM is not set"
        return fail("terminal", named, "the viewer cannot run; set TERM to your terminal type (xterm-256color)")
    size = f"{facts.term}, {facts.columns}×{facts.lines}"
    if facts.columns < LEAST_COLUMNS or facts.lines < LEAST_LINES:
        return warn("terminal", size, f"resize to {USABLE_COLUMNS}×{USABLE_LINES} or larger to see all panes")
    return ok("terminal", size)


def _colors(facts: TerminalFacts) -> Diagnosis:
    if facts.has_no_color:
        return ok("colours", "none: NO_COLOR is set")
    if facts.color_term in ("truecolor", "24bit"):
        return ok("colours", "16 million")
    if "256color" in facts.term or facts.term.endswith("-direct"):
        return ok("colours", "256; set COLORTERM=truecolor if the terminal supports it")
    return warn("colours", f"{facts.term} supports few", "set TERM to xterm-256color if the terminal supports it")


def _characters(facts: TerminalFacts) -> Diagnosis:
    if facts.encoding.lower().replace("-", "") == "utf8":
        return ok("characters", "UTF-8")
    return warn(
        "characters",
        f"the locale is {facts.encoding}",
        "lines are drawn in ASCII; set LANG to a UTF-8 locale",
    )


def _clipboard(facts: TerminalFacts) -> Diagnosis:
    name = NO_OSC_52.get(facts.program) or NO_OSC_52.get(facts.term)
    if name:
        return warn("clipboard", f"{name} does not support OSC 52", "export to a file (`x`) instead")
    if facts.inside != "tmux":
        through = f" through {facts.inside}" if facts.inside else ""
        return ok("clipboard", f"OSC 52{through}, if the terminal allows it")
    if not facts.tmux:
        return warn("clipboard", "could not read the tmux clipboard settings", "`tmux set -g set-clipboard on`")
    if facts.tmux.get("set-clipboard") == "on":
        return ok("clipboard", "OSC 52 through tmux (set-clipboard on)")
    if facts.tmux.get("allow-passthrough") in ("on", "all"):
        return ok("clipboard", "OSC 52 through tmux (allow-passthrough on)")
    return warn("clipboard", "tmux does not forward the clipboard", "`tmux set -g set-clipboard on`")
