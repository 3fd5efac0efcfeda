"""Verdicts on their way into the store and out of it, and what is remembered across a restart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.builders import MONO_0_NS, SECOND_NS, T0_NS, dialled, event, loss, message, refused, source, usable
from tests.support.recordings import FixedClock
from tests.support.stores import Recording, spec, stored_events
from wsmon.model.detectors import all_detectors
from wsmon.model.detectors.base import NumberedMessage
from wsmon.model.events import Event, Meta, Verdict
from wsmon.store import incidents
from wsmon.store.reader import Reader

FEED = "feed"
SESSION = source(FEED).connection_id


def session(number: int) -> tuple[Event, ...]:
    """One that lasts as long as no other, and breaks 300 s after its login and 60 s after the last frame sent."""
    start_s, open_s = number * 2000.0, 400.0 + number * 90
    meta = {"attempt": 1, "open": True, "last_in_ms": 60_100.0, "last_out_ms": 60_000.0 + number}
    cut = loss(start_s + open_s, FEED, code=None, by="network", reason="", open_s=open_s, error_type="eof", meta=meta)
    return (
        dialled(start_s, FEED),
        usable(start_s + 1, FEED),
        event("auth.completed", start_s + open_s - 300, FEED),
        message("x", start_s + 2, FEED),
        cut,
    )


def failed(number: int) -> tuple[Event, ...]:
    """An attempt that the server refused for its rate."""
    return dialled(number, FEED, attempt=2), refused(number + 0.5, FEED, status=429)


def verdicts(path: Path) -> list[Verdict]:
    return [each.verdict for each in stored_events(path) if each.verdict is not None]


def record(path: Path, *runs: Sequence[Event]) -> Path:
    for number, events in enumerate(runs):
        recording = Recording(path, after_s=number * 10_000.0)
        recording.commit(*events)
        recording.end()
    return path


def in_a_row(sessions: Iterable[tuple[Event, ...]]) -> list[Event]:
    return [each for events in sessions for each in events]


def test_losses_and_failed_attempts_have_a_verdict_and_nothing_else_has(tmp_path: Path) -> None:
    path = record(tmp_path / "store.db", in_a_row([session(0), failed(900)]))
    assert [(each.name, each.verdict is not None) for each in stored_events(path)] == [
        ("connection.started", False),
        ("connection.completed", False),
        ("auth.completed", False),
        ("message.received", False),
        ("connection.disconnected", True),
        ("connection.started", False),
        ("connection.reconnect.failed", True),
    ]
    assert verdicts(path)[1] == Verdict(
        "refusal",
        "HTTP 429 Too Many Requests",
        "the server answered HTTP 429; response body: “no key”; HTTP 429 usually means: the server's limit on "
        "connection rate or connection count was reached",
        "connect less often: raise reconnect.initial; open fewer connections, and look for other clients with these "
        "credentials; read the response text first",
        evidence_text="no key",
        certainty="inferred",
    )


def test_evidence_is_the_ids_of_stored_events(tmp_path: Path) -> None:
    path = record(tmp_path / "store.db", in_a_row(session(number) for number in range(4)))
    found = verdicts(path)[-1]
    lost = [each.id for each in stored_events(path) if each.name == "connection.disconnected"]
    assert found.evidence == tuple(lost[:-1])
    assert found.cause == (
        "no close frame: connection lost (1006); the last 4 sessions all dropped 60.0 ± 0.0 s after the last frame in "
        "either direction: possibly an idle timeout on the network path or at the server"
    )


def test_a_restart_forgets_nothing_that_a_verdict_needs(tmp_path: Path) -> None:
    whole = [session(number) for number in range(25)]
    in_one = record(tmp_path / "one.db", in_a_row(whole))
    in_three = record(tmp_path / "three.db", in_a_row(whole[:2]), in_a_row(whole[2:24]), whole[24])
    assert verdicts(in_three) == verdicts(in_one)
    assert "the last 21 sessions all dropped 60.0 ± 0.0 s after the last frame" in verdicts(in_three)[-1].cause


def test_logins_and_failures_of_an_earlier_run_count(tmp_path: Path) -> None:
    quiet = [
        tuple(
            each if each.to_status != "disconnected" else loss(
                number * 2000 + 400 + number * 90, FEED, code=None, by="network", reason="", open_s=400 + number * 90
            )
            for each in session(number)
        )
        for number in range(3)
    ]  # fmt: skip
    logins = record(tmp_path / "logins.db", in_a_row(quiet[:2]), quiet[2])
    assert "the last 3 sessions all dropped 300.0 ± 0.0 s after the login" in verdicts(logins)[-1].cause
    refusals = record(tmp_path / "refusals.db", in_a_row([session(0), failed(900), failed(901)]), failed(902))
    assert verdicts(refusals)[-1].cause.endswith("; the last 3 attempts all reported a limit")


def test_failures_before_the_last_time_it_was_usable_are_over(tmp_path: Path) -> None:
    path = record(tmp_path / "store.db", in_a_row([failed(1), failed(2), session(3)]), failed(9000))
    assert verdicts(path)[-1].evidence == ()


@pytest.mark.parametrize("batches", [1, 4])
def test_the_last_words_of_the_peer_come_from_any_batch(tmp_path: Path, batches: int) -> None:
    said = [
        (dialled(0, FEED), usable(1, FEED)),
        (message('{"error":"wrong password"}', 9.0, FEED),),
        (message("bye for now", 9.5, FEED),),
        (loss(9.8, FEED, code=1000, reason=""),),
    ]
    recording = Recording(tmp_path / "store.db")
    for events in said if batches > 1 else [in_a_row(said)]:
        recording.commit(*events)
    recording.end()
    (verdict,) = verdicts(tmp_path / "store.db")
    assert (verdict.evidence_text, verdict.certainty) == ('{"error":"wrong password"}', "inferred")
    assert verdict.next == "check the credentials and what they are allowed to do"


def test_a_session_has_no_words_of_the_one_before(tmp_path: Path) -> None:
    other = source(FEED, session="11f067aa0ba902b7")
    events = [
        dialled(0, FEED), usable(1, FEED), message("error: boom", 1.5, FEED), loss(2, FEED, code=1000, reason=""),
        dialled(2.1, FEED, source=other), usable(2.2, FEED, source=other),
        loss(2.3, FEED, code=1000, reason="", source=other),
    ]  # fmt: skip
    first, second = verdicts(record(tmp_path / "store.db", events))
    assert (first.evidence_text, second.evidence_text) == ("error: boom", "")


def numbered(*numbers: int, after_s: float = 0.0) -> list[Event]:
    """Messages of the feed with these sequence numbers."""
    return [message("{}", after_s, FEED, meta={"seq": number}) for number in numbers]


def test_p3_the_running_count_is_in_the_open_incident_and_the_final_one_in_the_statistics(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    recording = Recording(path, all_detectors())
    recording.fold.configure((spec(FEED),), T0_NS)
    recording.commit(dialled(0, FEED), usable(1, FEED), *numbered(1, 3, after_s=2), now_s=2)
    recording.commit(now_s=4)
    sentences = "SELECT sentence FROM incident"
    assert recording.rows(sentences) == [("1 missing message: 2",)]
    recording.commit(*numbered(7, after_s=5), now_s=5)
    recording.commit(now_s=7)
    assert recording.rows(sentences) == [("4 missing messages: 2, 4-6",)]
    recording.fold.end_detection(T0_NS + 8 * SECOND_NS, MONO_0_NS + 8 * SECOND_NS)
    recording.write()
    assert recording.rows(sentences) == [("4 missing messages: 2, 4-6; the recorder stopped",)]
    recording.end(9)
    with closing(Reader(path, FixedClock(3600))) as reader:
        (of,) = reader.statistics(None, None).connections
    assert (of.incidents, of.sequence) == ({"gap": 1}, {"missing": 4})


def test_p3_numbers_of_several_texts_and_their_marks_reach_the_detector() -> None:
    meta: Meta = {"key": "A", "seqs": [["A", 5, 3, ""], ["A", 5, None, "heartbeat"], ["", 1, None, "unread"]]}
    assert list(incidents.numbered(7, message("{}", 0, FEED), meta)) == [
        NumberedMessage(7, SESSION, "A", 5, 3),
        NumberedMessage(7, SESSION, "A", 5, None, "heartbeat"),
        NumberedMessage(7, SESSION, "", 1, None, "unread"),
    ]
