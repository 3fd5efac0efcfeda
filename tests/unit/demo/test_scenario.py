"""Scenario files: what each key means, and what is said of a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.peers import SCENARIOS
from wsmon.config.specs import ConnectionSpec, PingSpec, ReconnectSpec
from wsmon.demo.scenario import DEMO_SCENARIOS, demo_scenarios, load_scenario, parse_scenario
from wsmon.demo.steps import (
    Abort,
    Accept,
    Between,
    Close,
    Cycle,
    DelayPongs,
    Drop,
    Echo,
    Fixed,
    Freeze,
    Garble,
    Handshake,
    Hang,
    IgnorePings,
    Numbered,
    Ping,
    Raw,
    Receive,
    Refuse,
    Repeat,
    Scenario,
    Send,
    Step,
    Wait,
)
from wsmon.demo.template import Choice, Count, Turn, Uniform, Walk, parse_template
from wsmon.errors import ConfigError, Problem, WsmonError
from wsmon.model.redact.masking import Sensitive


def steps(text: str) -> tuple[Step, ...]:
    return parse_scenario("s", text).steps


def handshakes(text: str) -> tuple[Handshake, ...]:
    return parse_scenario("s", text).handshakes


def test_an_empty_file_accepts_and_stays_open() -> None:
    parsed = parse_scenario("quiet", "")
    assert parsed == Scenario(
        name="quiet",
        handshakes=(Accept(),),
        connection=ConnectionSpec(name="quiet", url=Sensitive("")),
        digest="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    )


def test_connection_keys_are_those_of_the_configuration() -> None:
    text = """
        [connection]
        group = "feeds"
        expect_every = "2s"
        ping = { interval = "1s" }
        reconnect = { initial = "500ms", max = "3s" }
        subprotocols = ["a"]
        send = ["hello"]
    """
    assert parse_scenario("s", text).connection == ConnectionSpec(
        name="s",
        url=Sensitive(""),
        group="feeds",
        expect_every_s=2.0,
        ping=PingSpec(interval_s=1.0),
        reconnect=ReconnectSpec(initial_s=0.5, max_s=3.0),
        subprotocols=(Sensitive("a"),),
        send=(Sensitive("hello"),),
    )


def test_every_kind_of_value() -> None:
    text = """
        [values]
        price = { walk = 100, step = 0.5, digits = 1 }
        qty = { between = [-1, 2.5] }
        side = { choice = ["buy", "sell"] }
        state = { turn = "only" }
        number = { count = 7, skip_every = 2, repeat_every = 3, swap_every = 5 }
    """
    assert parse_scenario("s", text).values == (
        ("price", Walk(100.0, 0.5, 1)),
        ("qty", Uniform(-1.0, 2.5, 2)),
        ("side", Choice(("buy", "sell"))),
        ("state", Turn(("only",))),
        ("number", Count(7, skip_every=2, repeat_every=3, swap_every=5)),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'delay = "1s"\nsubprotocols = ["a", "b"]\nheaders = { X = "1" }\ncompression = true',
            Accept(Between(1.0, 1.0), (("X", "1"),), ("a", "b"), True),
        ),
        (
            'do = "refuse"\nstatus = 503\nphrase = "No"\nheaders = { Retry-After = "1" }\nbody = "ü"',
            Refuse(503, "No", (("Retry-After", "1"),), "ü".encode()),
        ),
        ('do = "refuse"\nbody_hex = "ff 00"\ndelay = ["1s", "2s"]', Refuse(403, "", (), b"\xff\0", Between(1.0, 2.0))),
        ('do = "redirect"\nlocation = "/x"', Refuse(302, "", (("Location", "/x"),))),
        ('do = "garble"\nhex = "00"', Garble(b"\0")),
        ('do = "garble"\ntext = "hi"', Garble(b"hi")),
        ('do = "hang"', Hang()),
    ],
)
def test_every_kind_of_handshake(text: str, expected: Handshake) -> None:
    assert handshakes(f"[[handshake]]\n{text}") == (expected,)


def test_handshakes_keep_their_order() -> None:
    text = '[[handshake]]\ndo = "refuse"\n[[handshake]]\ndo = "accept"'
    assert handshakes(text) == (Refuse(403), Accept())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('do = "send"\ntext = "a"', Send((parse_template("a"),), 1, count=1)),
        ('do = "send"\ntext = "a"\nrate = 5\njitter = 0.5', Send((parse_template("a"),), 1, 5.0, 0.5)),
        (
            'do = "send"\ntext = ["a", "b"]\nfor = "2s"\ncount = 9\nfragments = 3',
            Send((parse_template("a"), parse_template("b")), 1, 0.0, 0.0, 9, Between(2.0, 2.0), 3),
        ),
        ('do = "send"\nhex = "ff"\nas = "text"', Send((Fixed(b"\xff"),), 1, count=1)),
        ('do = "send"\nhex = "ff"\nas = 3', Send((Fixed(b"\xff"),), 3, count=1)),
        ('do = "send"\nsize = ["1KiB", 7]', Send((Numbered(),), 2, count=1, sizes_bytes=(1024, 7))),
        (
            'do = "send"\ntext = "$pad"\nas = "binary"\nsize = 9',
            Send((parse_template("$pad"),), 2, count=1, sizes_bytes=(9,)),
        ),
        ('do = "raw"\nhex = "01 02"', Raw(b"\1\2")),
        ('do = "raw"\ntext = "x"', Raw(b"x")),
        ('do = "ping"\ntext = "x"', Ping(b"x")),
        ('do = "wait"\nfor = ["1s", "3s"]', Wait(Between(1.0, 3.0))),
        ('do = "silence"', Wait(None)),
        ('do = "receive"\ncount = 2', Receive(2)),
        ('do = "freeze"', Freeze(None)),
        ('do = "freeze"\nfor = 2', Freeze(Between(2.0, 2.0))),
        ('do = "echo"', Echo()),
        ('do = "ignore_pings"', IgnorePings()),
        ('do = "delay_pongs"\nfor = "100ms"', DelayPongs(Between(0.1, 0.1))),
        ('do = "close"', Close(None)),
        ('do = "close"\ncode = 4000\nreason = "ü"', Close(4000, "ü".encode())),
        ('do = "close"\ncode = 4000\nreason_hex = "ff"', Close(4000, b"\xff")),
        ('do = "drop"', Drop()),
        ('do = "abort"', Abort()),
        ('do = "repeat"\nsteps = [{ do = "drop" }]', Repeat((Drop(),), None)),
        ('do = "repeat"\ntimes = 2\nsteps = { do = "drop" }', Repeat((Drop(),), 2)),
        ('do = "cycle"\nsteps = [{ do = "drop" }, { do = "abort" }]', Cycle((Drop(), Abort()))),
    ],
)
def test_every_kind_of_step(text: str, expected: Step) -> None:
    assert steps(f"[[step]]\n{text}") == (expected,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "s: not TOML: Invalid value (at end of document)"),
        ("tilte = 1", "s: unknown key 'tilte'. did you mean 'title'?"),
        ("title = 1", "s: title is 1. use a string"),
        ("step = 1", "s: step is 1. use a table or an array of tables"),
        ("values = 1", "s: values is 1. use a table"),
        ("[values]\nx = { }", "s: values: x: no kind of value. use walk, between, choice, turn or count"),
        ("[values]\nx = { turn = [] }", "s: values: x: turn is empty. list at least one text"),
        ("[values]\nx = { turn = [1] }", "s: values: x: turn is [1]. use a string or a list of strings"),
        (
            "[values]\nx = { between = [2, 1] }",
            "s: values: x: between is [2, 1]. use two numbers, the smaller one first",
        ),
        ("[values]\nx = { walk = -1 }", "s: values: x: walk is -1. use a number of at least 0"),
        (
            "[values]\nx = { count = 1, skip_every = -1 }",
            "s: values: x: skip_every is -1. use a whole number in 0 … 1000000000",
        ),
        (
            '[[handshake]]\ndo = "x"',
            "s: handshake 1: do is 'x'. use one of accept, refuse, redirect, garble, hang",
        ),
        ('[[handshake]]\ndo = "redirect"', "s: handshake 1: a redirect has no location. add location = …"),
        ("[[handshake]]\ncompression = 1", "s: handshake 1: compression is 1. use true or false"),
        ("[[handshake]]\nheaders = { X = 1 }", "s: handshake 1: headers is {'X': 1}. use a table of strings"),
        (
            '[[handshake]]\ndo = "refuse"\nstatus = 600',
            "s: handshake 1: status is 600. use a whole number in 200 … 599",
        ),
        (
            '[[step]]\ndo = "drop"\n[[step]]\ndo = "send"\ntext = "a"\nrat = 5',
            "s: step 2: unknown key 'rat'. did you mean 'rate'?",
        ),
        (
            '[[step]]\ndo = "send"\ntext = "$nope"',
            "s: step 1: unknown value $nope. use one of pad, seq, session, time_ms, or $$ for a dollar sign",
        ),
        ('[[step]]\ndo = "send"\ntext = "$pad$pad"\nsize = 1', "s: step 1: a text can have only one $pad"),
        ('[[step]]\ndo = "send"\ntext = []', "s: step 1: text is empty. list at least one text"),
        (
            '[[step]]\ndo = "send"\ntext = "a"\nsize = 1',
            "s: step 1: size and what it is for belong together. give text with $pad, or size alone",
        ),
        (
            '[[step]]\ndo = "send"\ntext = "a"\nas = "pong"',
            's: step 1: as is \'pong\'. use "text", "binary" or an opcode in 0 … 15',
        ),
        ('[[step]]\ndo = "send"\nhex = "f"', "s: step 1: hex is 'f'. write bytes in hexadecimal, two digits each"),
        (
            '[[step]]\ndo = "send"\ntext = "a"\njitter = 2',
            "s: step 1: jitter is 2. use a part of the gap between two messages, 0 to 1",
        ),
        ('[[step]]\ndo = "wait"', 's: step 1: wait has no duration. add for = "1s"; silence needs none'),
        (
            '[[step]]\ndo = "wait"\nfor = ["2s", "1s"]',
            "s: step 1: for is ['2s', '1s']. put the shorter duration first",
        ),
        ('[[step]]\ndo = "close"\nreason = "x"', "s: step 1: a close reason needs a code. add code = …"),
        (
            f'[[step]]\ndo = "close"\ncode = 1000\nreason = "{"x" * 124}"',
            "s: step 1: the reason has 124 bytes. a close frame holds 123 bytes of reason",
        ),
        (
            '[[step]]\ndo = "repeat"\nsteps = [{ do = "drop" }, { do = "close", code = true }]',
            "s: step 1: step 2: code is True. use a whole number in 0 … 65535",
        ),
        ('[[step]]\ndo = "cycle"', "s: step 1: cycle has no steps. add steps = [{ do = … }]"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(WsmonError) as caught:
        parse_scenario("s", text)
    assert str(caught.value) == message


def test_a_unit_that_is_none_is_explained_by_the_configurations_own_words() -> None:
    with pytest.raises(WsmonError, match=r"^s: step 1: for has a unit that is none of time.*\('2parsec'\)\. write a"):
        steps('[[step]]\ndo = "wait"\nfor = "2parsec"')


def test_a_wrong_connection_key_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_scenario("s", '[connection]\nexpect_evry = "2s"')
    problem = Problem(
        "scenario s", 0, "connection[0].expect_evry", "is no key of this table", hint="did you mean expect_every?"
    )
    assert caught.value.problems == (problem,)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WsmonError, match=r"cannot read scenario .*gone\.toml: .*No such file"):
        load_scenario(tmp_path / "gone.toml")


def test_the_shipped_scenarios_come_in_the_order_of_the_demonstration() -> None:
    assert tuple(scenario.name for scenario in demo_scenarios()) == DEMO_SCENARIOS


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_scenario_of_the_tests_can_be_read(path: Path) -> None:
    assert load_scenario(path).name == path.stem
