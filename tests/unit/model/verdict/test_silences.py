"""Silences before an end: what they suggest, and that none is named where frames went just before."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import dialled, event, loss, usable
from tests.support.verdicts import VerdictHarness, alone, broken

FEED = "deribit"


def test_a_long_silence_before_an_end_is_said_with_the_step_against_it() -> None:
    ages = {"attempt": 1, "open": True, "last_in_ms": 600_100.0, "last_out_ms": 600_100.0}
    verdict = alone(loss(code=1001, reason="", open_s=700, meta=ages))
    assert verdict.cause.endswith("; no traffic in either direction for 10m before: possibly an idle timeout")
    assert verdict.next.endswith("; if it was an idle timeout: set ping.interval below 300 s")
    cut = alone(broken("eof", meta={**ages, "last_in_ms": 60_000.0, "last_out_ms": 61_000.0}))
    assert cut.next == ("check the server log at this time; if it was an idle timeout: set ping.interval below 30 s")


@pytest.mark.parametrize("server", ["nginx/1.25.3", "h2o/2.2.5"])
def test_data_just_before_a_cut_rules_out_the_idle_limit_of_a_proxy(server: str) -> None:
    head = [["Upgrade", "websocket"], ["Server", server]]
    harness = VerdictHarness()
    harness.judge(dialled(0, FEED), usable(1, FEED, meta={"response_headers": head}))
    verdict = harness.verdict(broken("eof", after_s=90))
    assert "ends connections like this when" in verdict.cause
    assert "idle" not in f"{verdict.cause}; {verdict.next}"
    assert "silence" not in verdict.next


@pytest.mark.parametrize("recognised", [True, False])
def test_the_keepalive_of_mqtt_comes_before_pings_that_do_not_count_for_it(*, recognised: bool) -> None:
    harness, verdict = VerdictHarness(), None
    ages = {"attempt": 1, "open": True, "last_in_ms": 90_000.0, "last_out_ms": 90_100.0}
    for n in range(4):
        found = (event("connection.protocol", n * 400, FEED, type="mqtt"),) if recognised else ()
        up = usable(n * 400, FEED, meta={} if recognised else {"protocol": "mqtt"})
        end = broken("eof", after_s=n * 400 + 90.2, meta=ages)
        verdict = harness.verdict(
            dialled(n * 400, FEED), up, *found, msgspec.structs.replace(end, duration_ns=90_200_000_000)
        )
    assert verdict is not None
    assert verdict.cause.endswith(
        ": possibly a missed MQTT keep-alive, or an idle timeout on the network path or at the server"
    )
    assert verdict.next == (
        "first MQTT keep-alive, for which WebSocket pings do not count: with answer = true wsmon sends "
        "PINGREQ; then set ping.interval below 45 s; if that changes nothing, it is possibly a limit on connection "
        "lifetime"
    )
