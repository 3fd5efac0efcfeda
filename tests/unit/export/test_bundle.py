"""What a bundle holds of a recording, and what its manifest says."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import at_ns, event, message, stall
from tests.support.bundles import CLOSED_S, LOST_S, OPENED_S, SETTINGS, bundled, incident_store
from tests.support.recordings import FixedClock
from tests.support.stores import stored_events
from wsmon.errors import UsageError, WsmonError
from wsmon.export.jsonl import rfc3339
from wsmon.model.bundle import BundledEvents, BundledIncident, BundlePeriod
from wsmon.store.reader import Reader


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A store that is only read, and its incident."""
    return incident_store(tmp_path_factory.mktemp("recording") / "store.db")


BY_RECORDER = {"made_by": "recorder"}


def rows(path: Path) -> list[str]:
    """Payload, or name, of each event."""
    return [(each.payload or each.name.encode()).decode() for each in stored_events(path)]


def test_it_has_the_connection_and_wsmon_around_the_incident_and_how_the_session_began(
    recording: tuple[Path, int], tmp_path: Path
) -> None:
    store, incident = recording
    report = bundled(store, target := tmp_path / "b.wsmon", incident)
    assert rows(target) == [
        *("connection.started", "connection.open", "connection.completed"),
        *("nova 80", "nova 90", "self.backpressure", "nova 100", "incident.opened"),
        *("nova 110", "incident.closed", "nova 120"),
    ]
    manifest = report.manifest
    assert manifest.incidents == (
        BundledIncident(
            id=incident,
            kind="stall",
            connection="nova",
            opened=rfc3339(at_ns(OPENED_S)),
            closed=rfc3339(at_ns(CLOSED_S)),
            sentence="no data for 41 s",
            evidence=(3, 4),
        ),
    )
    assert manifest.period == BundlePeriod(
        since=rfc3339(at_ns(OPENED_S - 25)), until=rfc3339(at_ns(CLOSED_S + 15) + 1), before_s=25.0, after_s=15.0
    )
    assert manifest.events == BundledEvents(count=11, first_id=manifest.events.first_id, last_id=31, earlier=3)
    assert (manifest.host, manifest.made_by, manifest.configuration) == ("prod-1", "command", SETTINGS)
    assert manifest.versions.python == sys.version.split()[0]
    assert ([run.run for run in manifest.runs], manifest.losses) == ([1], ())
    assert report.size_bytes == target.stat().st_size


def test_losses_of_the_period_are_named_with_their_verdicts(recording: tuple[Path, int], tmp_path: Path) -> None:
    store, incident = recording
    (found,) = bundled(store, tmp_path / "b.wsmon", incident, after_s=30).manifest.losses
    assert (found.connection, found.at, found.verdict.by) == ("nova", rfc3339(at_ns(LOST_S)), "peer")


def test_a_loss_has_a_bundle_too(recording: tuple[Path, int], tmp_path: Path) -> None:
    store, _ = recording
    (lost,) = (each for each in stored_events(store) if each.name == "connection.disconnected")
    manifest = bundled(store, tmp_path / "b.wsmon", lost.id).manifest
    assert (manifest.incidents[0].kind, manifest.period.until) == ("disconnect", rfc3339(at_ns(LOST_S + 15) + 1))
    assert lost.verdict is not None
    assert manifest.incidents[0].sentence == lost.verdict.cause


@pytest.mark.parametrize(
    ("now_s", "fields", "said"),
    [
        (
            105,
            {**BY_RECORDER, "is_stopping": True},
            "the recorder was stopped 5.0 s after the last incident opened, so 10",
        ),
        (112, {}, "it was made 2.0 s after the last incident ended, so 13.0 s of the time after it are missing"),
        (
            112,
            {**BY_RECORDER, "until_ns": at_ns(112)},
            "it was made 12.0 s after the last incident opened, so 3.0 s of",
        ),
        (115, {**BY_RECORDER, "until_ns": at_ns(115)}, ""),
        (300, {"after_s": 120.0}, "the recording ended 90.0 s after the last incident ended, so 30.0 s of"),
        (200, {}, ""),
    ],
)
def test_time_that_is_missing_after_the_incident_is_said(
    recording: tuple[Path, int], tmp_path: Path, now_s: float, fields: dict[str, Any], said: str
) -> None:
    store, incident = recording
    report = bundled(store, tmp_path / "b.wsmon", incident, now_s=now_s, **fields)
    assert report.manifest.period.after_cut_short.startswith(said)
    assert bool(report.manifest.period.after_cut_short) is bool(said)


def test_a_recording_that_begins_later_is_said(recording: tuple[Path, int], tmp_path: Path) -> None:
    store, incident = recording
    assert bundled(store, tmp_path / "b.wsmon", incident, before_s=500).manifest.period.before_cut_short
    assert not bundled(store, tmp_path / "c.wsmon", incident).manifest.period.before_cut_short


def test_events_that_retention_deletes_meanwhile_are_missing_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, incident = incident_store(tmp_path / "store.db")
    monkeypatch.setattr("wsmon.export.selection.PAGE_EVENTS", 2)

    def prune() -> None:
        with closing(sqlite3.connect(store)) as connection, connection:
            connection.execute("DELETE FROM event WHERE id < ?", (incident,))
            connection.execute("UPDATE meta SET value = ? WHERE key = 'oldest_id'", (incident,))

    report = bundled(store, tmp_path / "b.wsmon", incident, hook=prune)
    assert report.manifest.period.before_cut_short
    # Two were copied before
    assert rows(tmp_path / "b.wsmon")[3:] == [
        "nova 80",
        "nova 90",
        *("incident.opened", "nova 110"),
        "incident.closed",
        "nova 120",
    ]
    with closing(Reader(tmp_path / "b.wsmon", FixedClock())) as reader:
        found = reader.bundle()
        assert found is not None
        assert found.is_unaltered


def test_one_that_would_be_too_large_has_less_of_the_time_around(tmp_path: Path) -> None:
    busy = [message("x" * 2_000, 90 + number / 20, "nova") for number in range(400)]
    store, incident = incident_store(tmp_path / "store.db", *busy)
    whole = bundled(store, tmp_path / "whole.wsmon", incident)
    report = bundled(store, tmp_path / "b.wsmon", incident, limit_bytes=whole.size_bytes * 2 // 3)
    period = report.manifest.period
    assert report.size_bytes <= whole.size_bytes * 2 // 3
    assert period.size_cut_short.startswith("shortened to ")
    assert (period.before_s, period.after_cut_short) == (25.0, "")
    assert whole.manifest.period.since < period.since < rfc3339(at_ns(OPENED_S)) < period.until
    assert sorted(path.name for path in tmp_path.glob("*.wsmon")) == ["b.wsmon", "whole.wsmon"]


def test_several_incidents_are_in_one_bundle_of_the_recorder_and_those_gone_are_left_out(tmp_path: Path) -> None:
    store, incident = incident_store(tmp_path / "store.db", stall(120, "other"))
    (other,) = (each.id for each in stored_events(store) if each.name == "incident.opened" and each.id != incident)
    report = bundled(
        store, tmp_path / "b.wsmon", incident, other, 9_999, until_ns=at_ns(125), more_incidents=7, made_by="recorder"
    )
    assert [each.connection for each in report.manifest.incidents] == ["nova", "other"]
    assert report.manifest.more_incidents == 7
    assert {each.source.connection for each in stored_events(tmp_path / "b.wsmon")} == {"", "nova", "other"}


def test_what_cannot_be_bundled_is_refused_and_leaves_nothing(recording: tuple[Path, int], tmp_path: Path) -> None:
    store, incident = recording
    target = tmp_path / "out" / "b.wsmon"
    target.parent.mkdir()
    with pytest.raises(UsageError, match="there is no event 9999"):
        bundled(store, target, 9_999)
    with pytest.raises(UsageError, match="event 2 is not an incident"):
        bundled(store, target, 2)
    with pytest.raises(WsmonError, match=rf"bundle of incident {incident} would be larger than bundle\.size, 1kB"):
        bundled(store, target, incident, limit_bytes=1_000)
    with pytest.raises(UsageError, match="not the name of a bundle"):
        bundled(store, target.with_suffix(".db"), incident)
    assert list(target.parent.iterdir()) == []


def test_an_incident_of_wsmon_itself_takes_all_connections(tmp_path: Path) -> None:
    store, _ = incident_store(
        tmp_path / "store.db", event("incident.opened", 150, "", type="backpressure", reason="slow")
    )
    (own,) = (each.id for each in stored_events(store) if each.type == "backpressure")
    report = bundled(store, tmp_path / "b.wsmon", own)
    assert {each.source.connection for each in stored_events(tmp_path / "b.wsmon")} == {"nova", "other", ""}
    assert report.manifest.incidents[0].connection == ""


def test_of_an_incident_that_goes_on_everything_up_to_now_is_in_it(tmp_path: Path) -> None:
    store, _ = incident_store(tmp_path / "store.db", stall(150, "other"))
    goes_on = max(each.id for each in stored_events(store) if each.name == "incident.opened")
    period = bundled(store, tmp_path / "b.wsmon", goes_on, now_s=180).manifest.period
    assert (period.until, period.after_cut_short) == (
        rfc3339(at_ns(180)),
        "the last incident was still open when it was made",
    )
