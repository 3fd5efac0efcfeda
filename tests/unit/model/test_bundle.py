"""What users read about a bundle."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from tests.support.builders import event, loss, stall
from wsmon.model.bundle import (
    SCHEMA,
    Bundle,
    BundledEvents,
    BundledIncident,
    BundledRun,
    BundleManifest,
    BundlePeriod,
    BundleVersions,
    ManifestSettings,
    decode_manifest,
    describe,
    file_name,
    origin,
    period,
    since_ns,
    title,
)

STALL = BundledIncident(id=12, kind="stall", connection="orders", opened="2026-11-30T14:02:24.000000Z")
MANIFEST = BundleManifest(
    schema=SCHEMA,
    made="2026-11-30T14:04:00.000000Z",
    made_by="recorder",
    host="prod-1",
    store_id="ab12",
    incidents=(STALL,),
    more_incidents=0,
    not_bundled=0,
    losses=(),
    period=BundlePeriod(
        since="2026-11-30T14:01:24.000000Z", until="2026-11-30T14:03:24.000000Z", before_s=60, after_s=60
    ),
    events=BundledEvents(count=100, first_id=1, last_id=200, earlier=3),
    runs=(BundledRun(run=1, version="0.1.0", started="2026-11-30T10:00:00.000000Z", configuration="orders.toml"),),
    versions=BundleVersions(wsmon="0.1.0", python="3.11", sqlite="3.40", platform="Linux"),
    configuration=ManifestSettings(source="recorder", values={}),
)


def test_its_texts() -> None:
    assert title(MANIFEST) == "stall of orders"
    assert origin(MANIFEST) == "prod-1 (orders.toml)"
    assert period(MANIFEST, UTC) == "2026-11-30 14:01:24 to 14:03:24"
    assert since_ns(MANIFEST) == 1_796_047_284 * 10**9
    assert datetime.fromtimestamp(since_ns(MANIFEST) / 1e9, UTC).isoformat() == "2026-11-30T14:01:24+00:00"
    assert describe(MANIFEST).startswith("bundle: stall of orders (#12), from prod-1 (orders.toml), 2026-11-30 ")


def test_several_incidents_an_unknown_configuration_and_two_days() -> None:
    other = msgspec.structs.replace(
        MANIFEST,
        incidents=(msgspec.structs.replace(STALL, connection=""), STALL),
        more_incidents=998,
        runs=(),
        period=BundlePeriod(
            since="2026-11-30T23:59:00Z",
            until="2026-12-01T00:01:00Z",
            before_s=60,
            after_s=60,
            before_cut_short=True,
            after_cut_short="the recorder was stopped 1.0 s after the last incident opened",
        ),
    )
    assert title(other) == "stall of wsmon, and 999 more"
    assert (origin(other), period(other, UTC)) == ("prod-1", "2026-11-30 23:59:00 to 2026-12-01 00:01:00")
    missing = f"; the recording had nothing older; {other.period.after_cut_short}"
    assert describe(other).endswith(f"from prod-1, {period(other)}{missing}")


def test_the_notice_says_whether_the_file_was_altered() -> None:
    assert Bundle(MANIFEST, is_unaltered=True).notice.endswith("; the file is unaltered")
    assert Bundle(MANIFEST, is_unaltered=False).notice.endswith("; THE FILE WAS ALTERED after it was written")


def test_a_manifest_is_read_back_and_unknown_keys_of_a_later_version_are_no_error() -> None:
    text = msgspec.json.encode(MANIFEST).decode()
    assert decode_manifest(text) == MANIFEST
    assert decode_manifest(text.replace('"host"', '"later": [1], "host"')) == MANIFEST


@pytest.mark.parametrize(
    "change",
    [
        ('"incidents":[{', '"incidents":[],"x":[{'),
        ("14:01:24", "24:61:00"),
        ("2026-11-30T14:01", "9999-12-31T23:59"),
        ("14:03:24.000000Z", "14:03:24"),
        ('"host"', '"guest"'),
        ('"stall"', '"st\\u001ball"'),
        ('"orders"', '"or/ders"'),
    ],
)
def test_one_that_says_too_little_is_refused(change: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"incident|hour|invalid time|missing"):
        decode_manifest(msgspec.json.encode(MANIFEST).decode().replace(*change))


def test_a_file_name_says_what_it_is_about_and_is_harmless() -> None:
    assert file_name(msgspec.structs.replace(stall(1, "orders"), id=12)) == "stall-orders-12.wsmon"
    assert file_name(msgspec.structs.replace(loss(1, "a.b"), id=7)) == "disconnect-a.b-7.wsmon"
    rule = msgspec.structs.replace(event("incident.opened", 1, "", type="rule:big/../x"), id=3)
    assert file_name(rule) == "rule-big-..-x-wsmon-3.wsmon"
