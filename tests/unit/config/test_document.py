"""Mistakes in a document as a whole, and keys that are right but without effect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from wsmon.config.load import Loaded
from wsmon.config.specs import OtlpSpec, ProtocolName
from wsmon.model.redact.masking import Sensitive

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]

ONE = '[[connection]]\nname = "a"\nurl = "wss://h/p"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1: connection: is missing: there is nothing to watch. add [[connection]]"]),
        ("connection = []\n", ["1: connection: is missing: there is nothing to watch. add [[connection]]"]),
        ("[connection]\nname = 'a'\n", ["1: connection: is a table where a list of tables is expected. write [["]),
        ("\nconnection = [1]\n", ["2: connection[0]: is a number where a table is expected (1)"]),
        ("[[connection]]\n", ["1: connection[0].name: is missing", "1: connection[0].url: is missing"]),
        (ONE + ONE, ["5: connection[1].name: is the name of two connections (a). connection[0] has it already"]),
        ("url = 'ws://h'\n" + ONE, ["1: url: is no table of the configuration. it belongs into [["]),
        (ONE + "[default]\n", ["4: default: is no table of the configuration. did you mean [defaults]?"]),
        (ONE + "[x]\n", ["4: x: is no table of the configuration. the tables are [wsmon], [keys],"]),
        (ONE + "[wsmon]\nheaders = {}\n", ["5: wsmon.headers: is no key of this table. it belongs into [["]),
        (ONE + "[wsmon]\nretention.age = 0\n", ["5: wsmon.retention.age: is less than 1m (0)"]),
        (ONE + "[wsmon]\nstore = '.'\n", ["5: wsmon.store: is a folder"]),
        (ONE + "[wsmon]\nstore = 'wsmon.toml/x.db'\n", ["5: wsmon.store: lies below something that is no folder"]),
        (ONE + "[wsmon]\ntheme = ''\n", ["5: wsmon.theme: is empty"]),
        (ONE + "[wsmon]\nalerts.rules.big = '$.q>'\n", ["5: wsmon.alerts.rules.big: is no query: a value is"]),
        (ONE + "[wsmon]\nalerts.rules.a = '( )'\n", ["5: wsmon.alerts.rules.a: is no query: "]),
        (ONE + "[wsmon]\nalerts.rules.a = ' '\n", ["5: wsmon.alerts.rules.a: asks for everything"]),
        (ONE + "[wsmon]\nalerts.rules.a = 'note:x'\n", ["5: wsmon.alerts.rules.a: asks for marks or notes"]),
        (ONE + "[wsmon]\nalerts.rules.'a b' = 'x'\n", ['5: wsmon.alerts.rules."a b": has characters that a name may']),
        (ONE + "[wsmon]\nprometheus = 'x'\n", ['5: wsmon.prometheus: is no HOST:PORT (x). such as "127.0.0.1:9464"']),
        (ONE + "[wsmon]\notlp = 'ws://h'\n", ["5: wsmon.otlp: has a scheme that is not http or https (ws://h)."]),
        (
            ONE + "[wsmon]\notlp_signals = ['traces']\n",
            ["5: wsmon.otlp_signals[0]: is not one of spans, metrics, logs (traces)"],
        ),
        (
            ONE + "[wsmon]\notlp_headers = { Content-Type = 'x' }\n",
            ['5: wsmon.otlp_headers.Content-Type: is a header of the request itself. wsmon sets it'],
        ),
        (ONE + "[defaults]\nname = 'b'\n", ["5: defaults.name: cannot be a default"]),
        ("[defaults]\nreconnect.max = '10ms'\n" + ONE, ["2: defaults.reconnect.max: the longest delay is"]),
        (ONE + "[keys]\na = 1\n", ["5: keys.a: is a number where a text is expected (1)"]),
        (ONE + "[keys]\na = 'x y'\n", ["5: keys.a: contains a space or a control character (x y)."]),
        (ONE + "[keys]\n" + ".".join("a" * 500) + " = 'x'\n", ["5: keys.a.a"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_document_is_named_with_its_line(
    problems: Problems, text: str, expected: list[str]
) -> None:
    found = problems(text)
    assert len(found) == len(expected)
    for problem, beginning in zip(found, expected, strict=True):
        assert problem.startswith(f"wsmon.toml:{beginning}")


def test_all_problems_come_at_once_in_the_order_of_their_lines(problems: Problems) -> None:
    text = "[wsmon]\nthem = 1\n[[connection]]\nurl = 'http://h'\nname = 'a b'\n[defaults]\nping.interval = -1\n[zzz]\n"
    assert [problem.split(": ")[0] + " " + problem.split(": ")[1] for problem in problems(text)] == [
        "wsmon.toml:2 wsmon.them",
        "wsmon.toml:4 connection[0].url",
        "wsmon.toml:5 connection[0].name",
        "wsmon.toml:7 defaults.ping.interval",
        "wsmon.toml:8 zzz",
    ]


def test_a_wrong_default_is_said_once_and_not_for_every_connection(problems: Problems) -> None:
    text = "[defaults]\nreconnect.jitter = 3\nreconnect.max = '10ms'\n" + ONE + ONE.replace('"a"', '"b"')
    assert len(problems(text)) == 2


def test_what_is_sent_to_a_collector(loaded: Load) -> None:
    text = '[wsmon]\notlp = "http://h:4318"\notlp_headers = { X-Scope = "me" }\notlp_signals = ["logs", "spans"]\n'
    assert loaded(text + ONE).configuration.otlp == OtlpSpec(
        Sensitive("http://h:4318"), (("X-Scope", Sensitive("me")),), ("logs", "spans")
    )
    assert loaded(ONE).configuration.otlp == OtlpSpec()


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        (
            "subscribe = ['x']\nprotocol = 'stomp'",
            ":4: connection[0].subscribe: has no effect with this protocol (stomp)",
        ),
        ("answer = true\nprotocol = 'nexus'", ":4: connection[0].answer: has no effect with this protocol (nexus)"),
        ("auth = { send = 'x' }", ":4: connection[0].auth: has no effect without answer = true"),
        ("heartbeat.expect = 'x'", ":4: connection[0].heartbeat.expect: has no effect without heartbeat.send"),
        ("heartbeat.answer = 'x'", ":4: connection[0].heartbeat.answer: has no effect without heartbeat.reply_to"),
    ],
)
def test_keys_that_do_nothing_together_are_warned_about(loaded: Load, tmp_path: Path, text: str, warned: str) -> None:
    (warning,) = loaded(ONE + text).warnings
    assert str(warning).startswith(f"{tmp_path}/wsmon.toml{warned}")


@pytest.mark.parametrize(
    "text",
    [
        "profile = 'financial'",
        "profile = 'lightweight'",
        "protocol = 'raw'",
        "subscribe = []",
        "auth = {}",
        "heartbeat.every = '0.5m'",
        "kpi = {}",
    ],
)
def test_a_key_at_its_default_needs_no_warning(loaded: Load, text: str) -> None:
    assert loaded(ONE + text).warnings == ()


@pytest.mark.parametrize("protocol", get_args(ProtocolName))
def test_every_protocol_has_an_effect(loaded: Load, protocol: str) -> None:
    assert loaded(f"{ONE}protocol = '{protocol}'").warnings == ()


def test_what_does_nothing_together_among_the_defaults_is_warned_about_for_each_connection(loaded: Load) -> None:
    text = "[defaults]\nheartbeat.expect = 'x'\n" + ONE + ONE.replace('"a"', '"b"')
    assert {(warning.line, warning.key) for warning in loaded(text).warnings} == {(2, "defaults.heartbeat.expect")}
