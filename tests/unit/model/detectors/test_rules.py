"""What a rule of the user's finds is an incident: one a connection, until there was nothing for five minutes."""

from __future__ import annotations

from tests.support.builders import at_ns, source
from tests.support.detectors import NAME, DetectorHarness, fact, incident_reasons, mono_ns
from wsmon.model.detectors.rules import RuleDetector, RuleMatch
from wsmon.model.events import Event

BIG = "type:order $.qty>100"


def match_of(event_id: int, connection: str = NAME, rule: str = "big") -> RuleMatch:
    return RuleMatch(rule, BIG, source(connection), event_id)


def harness() -> tuple[RuleDetector, DetectorHarness]:
    detector = RuleDetector()
    return detector, DetectorHarness(detector)


def test_the_first_sighting_opens_and_five_quiet_minutes_close() -> None:
    rules, on = harness()
    rules.report(match_of(7))
    on.check(0)
    rules.report(match_of(90))
    on.check(200)
    on.check(499)
    assert incident_reasons(on.found) == [("opened", f"rule 'big' matched: {BIG}")]
    on.check(500)
    assert incident_reasons(on.found)[1:] == [("closed", "no match for 5 minutes")]
    rules.report(match_of(95))
    on.check(501)
    assert on.found[0] == Event(
        source(NAME),
        "incident.opened",
        at_ns(0),
        mono_ns(0),
        id=0,
        type="rule:big",
        reason=f"rule 'big' matched: {BIG}",
        meta={"evidence": [7], "silence": "no alerts.rules.big", "rule": "big", "query": BIG},
    )
    assert fact(on.found[1], "incident") == 1
    assert fact(on.found[2], "evidence") == [95]


def test_two_rules_keep_their_incidents_apart() -> None:
    rules, on = harness()
    rules.report(match_of(7, rule="one"))
    rules.report(match_of(8, rule="two"))
    on.check(0)
    rules.keep_only(["two"])
    on.check(1)
    assert [(event.type, event.name, fact(event, "incident")) for event in on.found] == [
        ("rule:one", "incident.opened", None),
        ("rule:two", "incident.opened", None),
        ("rule:one", "incident.closed", 1),
    ]


def test_connections_outside_the_configuration_and_a_recorder_that_ends_open_nothing() -> None:
    rules, on = harness()
    rules.report(match_of(7, "another"))
    on.check(0)
    assert on.found == []
    rules.report(match_of(8))
    on.check(1)
    rules.end()
    rules.report(match_of(9))
    on.check(2)
    assert incident_reasons(on.found)[1:] == [("closed", "the recorder stopped")]


def test_a_connection_that_leaves_the_configuration_takes_its_incident_along() -> None:
    rules, on = harness()
    rules.report(match_of(7))
    on.check(0)
    on.expect(None)
    on.check(1)
    assert incident_reasons(on.found)[1:] == [("closed", "detector disabled")]
