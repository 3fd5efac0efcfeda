"""Kinds of incidents: those of the contract, with thresholds that agree, documented and known to queries."""

from __future__ import annotations

import re
from pathlib import Path

from wsmon.model.incident_kinds import INCIDENT_KINDS, NO_THRESHOLDS
from wsmon.query.fields import INCIDENT_FLAGS

ALERTS = Path(__file__).parents[3] / "docs" / "alerts.md"


def test_the_kinds_are_those_of_the_contract() -> None:
    assert {kind.name for kind in INCIDENT_KINDS} == {
        "stall", "storm", "gap", "duplicate", "reorder", "slow", "errors", "retries_exhausted", "auth", "subscription",
        "certificate", "peer_changed", "types", "backpressure", "shed",
    }  # fmt: skip


def test_flags_of_queries_stand_for_kinds() -> None:
    assert INCIDENT_FLAGS == {"stall": "stall", "storm": "storm", "gap": "gap", "dup": "duplicate", "slow": "slow"}


def test_every_kind_is_documented_with_its_thresholds_and_the_setting_that_avoids_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.*?) ?\| (.*?) ?\|$", ALERTS.read_text(), re.MULTILINE)
    documented = [(name, opens_when, *(cell.replace("`", "") for cell in others)) for name, opens_when, *others in rows]
    assert documented == [
        (
            kind.name,
            kind.describe(NO_THRESHOLDS),
            ", ".join(f"{each.name} = {each.written(each.default)}" for each in kind.thresholds),
            kind.avoided_by,
        )
        for kind in INCIDENT_KINDS
    ]


def test_every_kind_says_when_it_opens_and_what_its_thresholds_are() -> None:
    for kind in INCIDENT_KINDS:
        assert kind.opens_when
        assert all(each.doc.isprintable() and not each.doc.endswith(".") for each in kind.thresholds)
        names = [each.name for each in kind.thresholds]
        assert len(set(names)) == len(names)
        values = kind.in_force(NO_THRESHOLDS)
        assert all(not each.below or values[each.name] < values[each.below] for each in kind.thresholds)
