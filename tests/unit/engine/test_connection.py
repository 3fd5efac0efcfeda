"""What a new configuration changes in a running session, and the redactors that connections share."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.support.engines import NEVER_AGAIN, accept, against, hang_up_when_closed, meta_of
from wsmon.config.specs import CaptureSpec, ConnectionSpec
from wsmon.engine.connection import describe_changes, keeps_session
from wsmon.model.redact.masking import Sensitive

SPEC = ConnectionSpec("feed", Sensitive("ws://a"))


def test_profile_and_capture_need_no_new_session() -> None:
    assert keeps_session(SPEC, SPEC)
    assert keeps_session(SPEC, replace(SPEC, profile="standard", capture=CaptureSpec(control_frames=False)))
    assert not keeps_session(SPEC, replace(SPEC, profile="standard", group="other"))


def test_what_is_looked_for_needs_no_new_session_and_is_told() -> None:
    quiet = replace(SPEC, silence=("slow", "types"), expect_every_s=60)
    assert keeps_session(SPEC, quiet)
    assert describe_changes(SPEC, quiet) == (
        "silence slow, types, expect_every 0 s → 60 s",
        {"silence": ["slow", "types"], "expect_every_s": 60},
    )
    assert describe_changes(quiet, replace(SPEC, expect_every_s=60)) == ("silence nothing", {"silence": []})


def test_nothing_changed_says_nothing() -> None:
    assert describe_changes(SPEC, replace(SPEC, group="other")) == ("", {})


def test_a_profile_is_told_with_the_one_before() -> None:
    assert describe_changes(SPEC, replace(SPEC, profile="standard")) == (
        "profile detailed → standard",
        {"profile": "standard", "before": "detailed"},
    )


def test_capture_is_told_key_by_key() -> None:
    after = replace(SPEC, profile="financial", capture=CaptureSpec(payload_limit_bytes=0, control_frames=False))
    assert describe_changes(SPEC, after) == (
        "profile detailed → financial, capture.payload_limit 65536 → 0, capture.control_frames true → false",
        {
            "profile": "financial",
            "before": "detailed",
            "capture": {"payload_limit_bytes": 0, "control_frames": False},
        },
    )


def test_thresholds_need_no_new_session_and_are_told() -> None:
    strict = replace(SPEC, kpi={"connection_time_ms": 300.0})
    assert keeps_session(SPEC, strict)
    assert describe_changes(SPEC, strict) == ("kpi connection_time_ms 300", {"kpi": {"connection_time_ms": 300.0}})
    assert describe_changes(strict, SPEC) == ("kpi as in the profile", {"kpi": {}})


async def test_the_first_session_is_no_success_of_a_reconnect() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Accept, and wait for the end."""
        await accept(reader, writer)
        await hang_up_when_closed(reader, writer)

    async with against(greet) as engine:
        await engine.sink.wait("connection.completed")
    assert "connection.reconnect.success" not in engine.sink.names()


async def test_the_next_attempt_is_told_with_its_delay_and_time() -> None:
    async def refuse(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        """Hang up at once."""

    async with against(refuse) as engine:
        told = meta_of(await engine.sink.wait("connection.reconnect.attempt"))
        delay_ns = round(NEVER_AGAIN.initial_s * 1_000_000_000)
        assert told["delay_ms"] == delay_ns / 1_000_000
        # From a moment before the event
        attempt = engine.sink.named("connection.reconnect.attempt")[0]
        assert 0 <= attempt.ts_ns + delay_ns - told["next_attempt_ns"] < 1_000_000_000


def test_leave_to_send_by_hand_needs_no_new_session_and_is_told() -> None:
    open_handed = replace(SPEC, allow_send=True)
    assert keeps_session(SPEC, open_handed)
    assert describe_changes(SPEC, open_handed) == ("allow_send false → true", {"allow_send": True})
