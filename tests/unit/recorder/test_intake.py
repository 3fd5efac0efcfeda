"""Lines that applications report as events: names, times, what is masked, what is refused."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.support.builders import MONO_0_NS, SECOND_NS, T0_NS
from tests.support.fake_ports import FakeClock
from tests.support.recordings import specs
from wsmon.config.specs import Configuration
from wsmon.model.events import Event, Source
from wsmon.model.redact.masking import MASK
from wsmon.recorder.intake import MOST_CONNECTIONS, Intake, Reporting, decode_line

CONFIGURATION = Configuration(None, "digest", specs("orders", "orders.app"), secrets=("kr4ken-s3cret",))


def intake() -> Intake:
    one = Intake(FakeClock(), "boot-1")
    one.configure(CONFIGURATION)
    return one


def read(reporting: Reporting | None = None, /, **keys: object) -> Event:
    line = json.dumps({"name": "trace.log", **keys}).encode()
    return intake().event(decode_line(line), reporting or Reporting())


def greeted(**keys: object) -> Reporting:
    reporting = Reporting()
    reporting.greet(json.dumps({"ingest": {"client": "0" * 16, **keys}}).encode())
    return reporting


def test_a_line_with_a_name_alone_happens_now_on_the_connection_app() -> None:
    assert read() == Event(Source("app"), "trace.log", T0_NS, MONO_0_NS, size=0)


def test_a_name_that_wsmon_has_not_is_an_event_of_the_application() -> None:
    event = read(name="order.placed", type="express", meta={"id": 7})
    assert event == Event(
        Source("app"), "trace.log", T0_NS, MONO_0_NS, size=0, type="order.placed", meta={"id": 7, "type": "express"}
    )


def test_a_transition_is_a_lifecycle_event() -> None:
    event = read(name="connection.completed", from_status="connecting", to_status="websocket_connected", status=101)
    assert event == Event(
        Source("app"), "connection.completed", T0_NS, MONO_0_NS, status=101,
        from_status="connecting", to_status="websocket_connected", meta={"illegal": True},
    )  # fmt: skip


def test_a_greeting_names_the_connection_of_lines_that_name_none() -> None:
    reporting = greeted(connection="shop", group="web")
    first, second = read(reporting), read(reporting, type="x")
    assert first.source == Source("shop", "web")
    assert second.source is first.source
    assert read(reporting, connection="cart", trace_id="t-1").source == Source("cart", "web", "t-1")


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("shop/checkout über", "shop-checkout-ber"),
        ("...", "app"),
        ("trades", "trades"),
        # Names of the configuration stay with its connections
        ("orders", "orders.app2"),
    ],
)
def test_names_are_made_valid_and_take_none_of_the_configuration(named: str, expected: str) -> None:
    assert read(connection=named).source.connection == expected


def test_a_configured_name_of_full_length_gets_a_suffix_too() -> None:
    one = Intake(FakeClock(), "")
    longest = "n" * 64
    one.configure(dataclasses.replace(CONFIGURATION, connections=specs(longest, "n" * 60 + ".app")))
    event = one.event(decode_line(json.dumps({"name": "x", "connection": longest}).encode()), Reporting())
    assert event.source.connection == "n" * 59 + ".app2"


def test_applications_name_no_more_connections_than_a_screen_can_show() -> None:
    one = intake()
    lines = [decode_line(json.dumps({"name": "x", "connection": f"c{n}"}).encode()) for n in range(MOST_CONNECTIONS)]
    for line in lines:
        one.event(line, Reporting())
    with pytest.raises(ValueError, match="connection: applications have already used 1,000 names in this run"):
        one.event(decode_line(b'{"name": "x", "connection": "one-more"}'), Reporting())
    one.event(lines[0], Reporting())


AGO_S = 100


@pytest.mark.parametrize(
    ("boot", "mono_ns", "expected"),
    [
        # Without a monotonic time it follows from the wall time
        ("boot-1", None, MONO_0_NS - AGO_S * SECOND_NS),
        # Of the same boot it is kept, whatever the wall clock says
        ("boot-1", MONO_0_NS - 7, MONO_0_NS - 7),
        ("boot-0", MONO_0_NS - 7, MONO_0_NS - AGO_S * SECOND_NS),
        ("boot-1", MONO_0_NS + 7, MONO_0_NS - AGO_S * SECOND_NS),
        # Not told: it is kept where it fits the wall time
        ("", MONO_0_NS - AGO_S * SECOND_NS + 5, MONO_0_NS - AGO_S * SECOND_NS + 5),
        ("", MONO_0_NS - 7, MONO_0_NS - AGO_S * SECOND_NS),
    ],
)
def test_a_monotonic_time_counts_where_it_is_of_this_boot(boot: str, mono_ns: int | None, expected: int) -> None:
    event = read(greeted(boot=boot), ts_ns=T0_NS - AGO_S * SECOND_NS, mono_ns=mono_ns)
    assert (event.ts_ns, event.mono_ns) == (T0_NS - AGO_S * SECOND_NS, expected)


def test_credentials_are_masked_wherever_they_stand() -> None:
    event = read(
        name="message.received", direction="in", opcode="text", payload='{"password": "hunter2", "qty": 1}',
        reason="login with kr4ken-s3cret failed", error="Authorization: Bearer abcdefghij",
        type="t", topic="kr4ken-s3cret",
        meta={"api_key": "k", "request_headers": [["X-Api-Key", "k"], ["Accept", "*/*"]], "a": {"b": "kr4ken-s3cret"}},
    )  # fmt: skip
    assert event.payload == b'{"password": "[FILTERED]", "qty": 1}'
    assert (event.redacted, event.size) == (True, 33)
    assert (event.reason, event.topic) == (f"login with {MASK} failed", MASK)
    assert event.error == f"Authorization: Bearer {MASK}"
    assert event.meta == {
        "api_key": MASK,
        "request_headers": [["X-Api-Key", MASK], ["Accept", "*/*"]],
        "a": {"b": MASK},
    }


def test_a_long_payload_is_cut_between_characters_and_keeps_its_size() -> None:
    text = "é" * 40_000
    event = read(name="message.sent", direction="out", opcode="text", payload=f"x{text}")
    assert event.payload is not None
    assert (event.payload.decode(), event.truncated, event.size) == ("x" + "é" * 32_767, True, 80_001)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"ts": 1}', "Object missing required field `name`"),
        ('{"name": "x", "colour": 1}', "Object contains unknown field `colour`"),
        ('{"name": 7}', r"Expected `str`, got `int` - at `\$.name`"),
        ('{"name": "x", "to_status": "up"}', r"Invalid enum value 'up' - at `\$.to_status`"),
        ('{"name": "x"', "truncated"),
        ("[1]", "Expected `object`, got `array`"),
        ('{"name": "x", "id": 7}', "id: assigned by the recorder, leave it out"),
        ('{"name": "x", "run": 1}', "run: assigned by the recorder, leave it out"),
        (
            '{"name": "x", "verdict": {"by": "us", "code": "", "cause": "", "next": ""}}',
            "verdict: assigned by",
        ),
        ('{"name": "self.run.ended"}', "name: 'self.run.ended' is reserved for wsmon's own events"),
        ('{"name": "incident.opened"}', "name: 'incident.opened' is reserved for wsmon's own events"),
        ('{"name": "connection.started", "size": 7}', "size: not allowed for connection.started"),
        ('{"name": "x", "ts": "2031-01-01T00:00:00Z"}', "ts: in the future, according to the clock of this machine"),
        ('{"name": "x", "ts": "soon"}', "`ts` must be an RFC 3339 string"),
        (json.dumps({"name": "x", "trace_id": "t" * 129}), "trace_id: an id has at most 128 printable characters"),
        (json.dumps({"name": "x", "span_id": "a\nb"}), "span_id: an id has at most 128 printable characters"),
        ('{"name": "x", "duration_ms": -1}', r"`duration_ms` must be between 0 and \d+ \(got -1\)"),
    ],
)
def test_a_line_that_is_no_event_is_refused_with_its_key(line: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        intake().event(decode_line(line.encode()), Reporting())


@pytest.mark.parametrize("client", ["", "0123456789abcde", "0123456789abcdeX", "0" * 65])
def test_the_id_of_a_client_is_random_hex(client: str) -> None:
    with pytest.raises(ValueError, match="client"):
        greeted(client=client)
    assert greeted(client="0" * 16).greeting is not None


class TwoProcesses:
    """Two processes that report a connection under one name."""

    def __init__(self) -> None:
        self.intake = intake()
        self.one, self.other = greeted(client="1" * 16), greeted(client="2" * 16)

    def up(self, reporting: Reporting, connection: str = "feed") -> str:
        return self.say(reporting, connection, name="connection.completed", to_status="websocket_connected")

    def down(self, reporting: Reporting, connection: str = "feed") -> str:
        return self.say(reporting, connection, name="connection.disconnected", to_status="disconnected")

    def say(self, reporting: Reporting, connection: str = "feed", **keys: object) -> str:
        """Report an event, and return the name of its connection."""
        line = json.dumps({"name": "trace.log", "connection": connection, **keys}).encode()
        return self.intake.event(decode_line(line), reporting).source.connection


def test_two_processes_with_one_name_have_a_row_each_while_both_are_connected() -> None:
    two = TwoProcesses()
    assert [two.up(two.one), two.say(two.other), two.up(two.other), two.say(two.other), two.say(two.one)] == [
        "feed", "feed", "feed-2", "feed-2", "feed",
    ]  # fmt: skip
    assert (two.down(two.one), two.up(two.one), two.down(two.other)) == ("feed", "feed", "feed-2")
    # One process alone says itself which rows it has
    assert (two.up(two.one), two.up(two.one, "feed-3"), two.up(two.other, "feed-3")) == ("feed", "feed-3", "feed-3-2")


def test_a_name_is_free_once_its_connection_or_its_process_has_ended() -> None:
    two = TwoProcesses()
    two.up(two.one)
    two.down(two.one)
    assert two.up(two.other) == "feed"
    two.intake.release(two.other)
    assert two.up(two.one) == "feed"
    two.up(two.other)
    two.intake.release(two.other)
    two.intake.release(two.one)
    assert two.up(two.other) == "feed"


def test_a_process_that_comes_back_on_another_stream_keeps_its_names() -> None:
    two = TwoProcesses()
    two.up(two.one)
    two.up(two.other)
    assert (two.up(greeted(client="2" * 16)), two.up(greeted(client="1" * 16))) == ("feed-2", "feed")
    nameless = Reporting()
    assert (two.up(nameless), two.say(nameless), two.up(Reporting())) == ("feed-3", "feed-3", "feed-4")


def test_a_second_row_of_a_long_name_has_a_name_too() -> None:
    two = TwoProcesses()
    two.up(two.one, "x" * 64)
    assert two.up(two.other, "x" * 64) == "x" * 62 + "-2"
