"""Manifest of an incident bundle: what the file is about, where and how it was made, and its texts for users.

A bundle is a store of the events around one or several incidents, with the manifest in its table ``meta``
(docs/bundles.md). The keys are public; readers accept unknown ones.
"""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple

import msgspec

from wsmon.model.events import Event, Verdict
from wsmon.model.sanitize import is_connection_name

SCHEMA: Final = "wsmon.bundle/1"
SUFFIX: Final = ".wsmon"
# Kind of a loss, which is no incident of a detector but may have a bundle, too
DISCONNECT: Final = "disconnect"


class BundledIncident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An incident, or a loss, that a bundle is about."""

    id: int
    """Id of the event that opened it, or of the loss."""
    kind: str
    connection: str
    """Empty: of the recorder itself."""
    opened: str
    """RFC 3339, UTC, as all times here."""
    closed: str = ""
    """Empty: it was open when the bundle was made, or is a loss."""
    sentence: str = ""
    evidence: tuple[int, ...] = ()
    """Ids of events that prove it; those that were kept are in the bundle."""


class BundledLoss(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A loss within the bundle, and its verdict."""

    id: int
    at: str
    connection: str
    verdict: Verdict


class RecordedRun(NamedTuple):
    """A run of the recorder, as a store has it."""

    run: int
    version: str
    started_ns: int
    configuration: str
    """Real path, or the URLs of the command line."""
    digest: str


class BundledRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run of the recorder that wrote the events."""

    run: int
    version: str
    """Of wsmon."""
    started: str
    configuration: str = ""
    """The name of its file; empty where it came from the command line."""
    digest: str = ""
    """SHA-256 of that file."""


class BundlePeriod(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The time that a bundle covers, and what is missing of the time asked for."""

    since: str
    until: str
    before_s: float
    """Asked for, before the first incident opened."""
    after_s: float
    """Asked for: after the last one closed, or, by a recorder, after it opened."""
    before_cut_short: bool = False
    """The recording had no older events: it began later, or retention deleted them."""
    after_cut_short: str = ""
    """Why the time after is shorter; empty: it is not."""
    size_cut_short: str = ""
    """Why the time before and after is shorter, where the bundle would have been too large; empty: it is not."""


class BundledEvents(msgspec.Struct, frozen=True, kw_only=True):
    """The events of a bundle."""

    count: int
    first_id: int
    """The ids of the recording in the period; events of other connections are left out."""
    last_id: int
    earlier: int
    """How many of them happened before the period: evidence, and how its sessions began."""


class BundleVersions(msgspec.Struct, frozen=True, kw_only=True):
    """Versions of what made a bundle."""

    wsmon: str
    python: str
    sqlite: str
    platform: str


class ManifestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings without secrets; those at their defaults are left out."""

    source: str
    """``recorder``: those in force; ``file``: those of the unchanged configuration; ``recording``: the few that a
    recording has."""
    values: dict[str, Any]


class BundleOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a recorder writes to the standard input of the process that makes a bundle."""

    incidents: tuple[int, ...]
    target: str
    before_s: float
    after_s: float
    until_ns: int
    """Wall time."""
    is_stopping: bool
    more_incidents: int
    not_bundled: int
    limit_bytes: int
    settings: ManifestSettings


class BundleManifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a bundle that its events do not say."""

    schema: str
    made: str
    made_by: str
    """``recorder``, or ``command``: by hand."""
    host: str
    store_id: str
    """Of the recording that the events are from."""
    incidents: tuple[BundledIncident, ...]
    more_incidents: int
    """Further incidents that opened meanwhile and are not listed."""
    not_bundled: int
    """Incidents for which no bundle was written since the last one: the same kind and connection had one shortly
    before."""
    losses: tuple[BundledLoss, ...]
    """The newest within the period."""
    period: BundlePeriod
    events: BundledEvents
    runs: tuple[BundledRun, ...]
    versions: BundleVersions
    configuration: ManifestSettings


class Bundle(NamedTuple):
    """The manifest of a bundle, and whether its file is as it was written."""

    manifest: BundleManifest
    is_unaltered: bool

    @property
    def notice(self) -> str:
        """The sentence for users who open it."""
        state = "the file is unaltered" if self.is_unaltered else ALTERED
        return f"{describe(self.manifest)}; {state}"


ALTERED: Final = "THE FILE WAS ALTERED after it was written"


def decode_manifest(text: str) -> BundleManifest:
    """Return the manifest that a text holds; raises ``ValueError`` where it is none."""
    manifest = msgspec.json.decode(text, type=BundleManifest)
    if not manifest.incidents:
        raise ValueError("the manifest names no incident")
    for each in manifest.incidents:
        if not _KIND.fullmatch(each.kind) or not (each.connection == "" or is_connection_name(each.connection)):
            raise ValueError("the manifest names an incident as wsmon does not")
    for time in (manifest.period.since, manifest.period.until):
        at = datetime.fromisoformat(time)
        # Others cannot be shown in every zone, or are not those of a clock
        if at.tzinfo is None or not 1970 < at.year < 2262:
            raise ValueError("the manifest has an invalid time")
    return manifest


_KIND: Final = re.compile(r"[a-z_]{1,64}|rule:[A-Za-z0-9._-]{1,64}")
_ODD: Final = re.compile(r"[^A-Za-z0-9._-]+")


def file_name(opened: Event) -> str:
    """Return a name for the bundle of an incident or a loss: ``stall-orders-1234.wsmon``."""
    kind = opened.type if opened.name == "incident.opened" else DISCONNECT
    parts = (kind, opened.source.connection or "wsmon", str(opened.id))
    return "-".join(_ODD.sub("-", part) for part in parts) + SUFFIX


def title(manifest: BundleManifest) -> str:
    """Return what a bundle is about: ``stall of orders, and 2 more``."""
    first = manifest.incidents[0]
    others = len(manifest.incidents) - 1 + manifest.more_incidents
    more = f", and {others:,} more" if others else ""
    return f"{first.kind} of {first.connection or 'wsmon'}{more}"


def origin(manifest: BundleManifest) -> str:
    """Return where a bundle was recorded: host, and configuration where there was a file of it."""
    names = [run.configuration for run in manifest.runs if run.configuration]
    return f"{manifest.host} ({names[-1]})" if names else manifest.host


def period(manifest: BundleManifest, zone: tzinfo | None = None) -> str:
    """Return the time that a bundle covers, in local time where no zone is given."""
    since, until = (
        datetime.fromisoformat(each).astimezone(zone) for each in (manifest.period.since, manifest.period.until)
    )
    end = until.strftime("%H:%M:%S" if until.date() == since.date() else "%Y-%m-%d %H:%M:%S")
    return f"{since:%Y-%m-%d %H:%M:%S} to {end}"


def since_ns(manifest: BundleManifest) -> int:
    """Return the wall time at which the period of a bundle begins; what a bundle has of before it is context."""
    return round(datetime.fromisoformat(manifest.period.since).timestamp() * 1e6) * 1_000


def describe(manifest: BundleManifest) -> str:
    """Return a bundle in a sentence: what it is about, from where, and which time it covers."""
    missing = ["the recording had nothing older"] if manifest.period.before_cut_short else []
    missing += filter(None, (manifest.period.after_cut_short, manifest.period.size_cut_short))
    cut = "".join(f"; {each}" for each in missing)
    number = manifest.incidents[0].id
    return f"bundle: {title(manifest)} (#{number}), from {origin(manifest)}, {period(manifest)}{cut}"
