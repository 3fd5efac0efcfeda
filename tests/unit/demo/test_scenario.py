"""Scenario files: what each key means, the errors of mistakes, and scenarios at other rates."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.support.peers import SCENARIOS
from wsmon.config.specs import ConnectionSpec, PingSpec, ReconnectSpec
from wsmon.demo.scenario import DEMO_SCENARIOS, Scenario, demo_scenarios, introduction, load_scenario, parse_scenario
from wsmon.demo.steps import (
    Abort,
    Accept,
    Close,
    Cycle,
    DelayPongs,
    Drop,
    DurationRange,
    Echo,
    Freeze,
    Garble,
    Handshake,
    Hang,
    HexBytes,
    IgnorePings,
    Ping,
    Raw,
    Receive,
    Redirect,
    Refuse,
    Repeat,
    Send,
    Silence,
    Sizes,
    Step,
    Templates,
    Wait,
)
from wsmon.demo.template import Count, RandomChoice, Turn, Uniform, Walk
from wsmon.errors import ConfigError, Problem, WsmonError
from wsmon.model.redact.masking import Sensitive

FF = HexBytes(b"\xff")
A = Templates.parse("a")
KINDS = "send, raw, ping, wait, silence, receive, freeze, echo, ignore_pings, delay_pongs"
ALL_STEPS = f"{KINDS}, close, drop, abort, repeat, cycle"
NAMES_HINT = "use one of pad, seq, session, time_ms, or $$ for a dollar sign"
TWO_S = DurationRange((2.0, 2.0))


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
        state = { turn = ["only"] }
        number = { count = 7, skip_every = 2, repeat_every = 3, swap_every = 5 }
    """
    assert parse_scenario("s", text).values == (
        ("price", Walk(100.0, 0.5, 1)),
        ("qty", Uniform((-1.0, 2.5), 2)),
        ("side", RandomChoice(("buy", "sell"))),
        ("state", Turn(("only",))),
        ("number", Count(7, skip_every=2, repeat_every=3, swap_every=5)),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'delay = "1s"\nsubprotocols = ["a", "b"]\nheaders = { X = "1" }\ncompression = true',
            Accept(DurationRange((1.0, 1.0)), {"X": "1"}, ("a", "b"), True),
        ),
        (
            'do = "refuse"\nstatus = 503\nphrase = "No"\nheaders = { Retry-After = "1" }\nbody = "ü"',
            Refuse(503, "No", {"Retry-After": "1"}, "ü"),
        ),
        (
            'do = "refuse"\nbody_hex = "ff 00"\ndelay = ["1s", "2s"]',
            Refuse(body_hex=HexBytes(b"\xff\0"), delay_s=DurationRange((1.0, 2.0))),
        ),
        ('do = "redirect"\nlocation = "/x"', Redirect("/x", 302)),
        ('do = "garble"\nhex = "ff"', Garble(hex=FF)),
        ('do = "garble"\ntext = "hi"', Garble("hi")),
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
        ('do = "send"\ntext = "a"', Send(A)),
        ('do = "send"\ntext = "a"\nrate = 5\njitter = 0.5', Send(A, rate_per_s=5.0, jitter=0.5)),
        (
            'do = "send"\ntext = ["a", "b"]\nfor = "2s"\ncount = 9\nfragments = 3',
            Send(Templates.parse(["a", "b"]), count=9, duration_s=TWO_S, fragments=3),
        ),
        ('do = "send"\nhex = "ff"\nas = "text"', Send(hex=FF, frame_type="text")),
        ('do = "send"\nhex = "ff"\nas = 3', Send(hex=FF, frame_type=3)),
        ('do = "send"\nsize = ["1KiB", 7]', Send(sizes_bytes=Sizes((1024, 7)))),
        (
            'do = "send"\ntext = "$pad"\nas = "binary"\nsize = 9',
            Send(Templates.parse("$pad"), frame_type="binary", sizes_bytes=Sizes((9,))),
        ),
        ('do = "raw"\nhex = "ff"', Raw(hex=FF)),
        ('do = "raw"\ntext = "x"', Raw("x")),
        ('do = "ping"\ntext = "x"', Ping("x")),
        ('do = "wait"\nfor = ["1s", "3s"]', Wait(DurationRange((1.0, 3.0)))),
        ('do = "silence"', Silence(None)),
        ('do = "silence"\nfor = 2', Silence(TWO_S)),
        ('do = "receive"\ncount = 2', Receive(2)),
        ('do = "freeze"', Freeze(None)),
        ('do = "freeze"\nfor = 2', Freeze(TWO_S)),
        ('do = "echo"', Echo()),
        ('do = "ignore_pings"', IgnorePings()),
        ('do = "delay_pongs"\nfor = "100ms"', DelayPongs(DurationRange((0.1, 0.1)))),
        ('do = "close"', Close(None)),
        ('do = "close"\ncode = 4000\nreason = "ü"', Close(4000, "ü")),
        ('do = "close"\ncode = 4000\nreason_hex = "ff"', Close(4000, reason_hex=FF)),
        ('do = "drop"', Drop()),
        ('do = "abort"', Abort()),
        ('do = "repeat"\nsteps = [{ do = "drop" }]', Repeat((Drop(),), None)),
        ('do = "repeat"\ntimes = 2\nsteps = [{ do = "drop" }]', Repeat((Drop(),), 2)),
        ('do = "cycle"\nsteps = [{ do = "drop" }, { do = "abort" }]', Cycle((Drop(), Abort()))),
    ],
)
def test_every_kind_of_step(text: str, expected: Step) -> None:
    assert steps(f"[[step]]\n{text}") == (expected,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "s: not TOML: Invalid value (at end of document)"),
        ("tilte = 1", "s: contains unknown field `tilte`. did you mean 'title'?"),
        ("title = 1", "s: title: Expected `str`, got `int`"),
        ("step = 1", "s: step: Expected `array`, got `int`"),
        ("step = [1]", "s: step[0]: Expected `object`, got `int`"),
        ("handshake = 1", "s: handshake: Expected `array`, got `int`"),
        ("handshake = [1]", "s: handshake[0]: Expected `object`, got `int`"),
        ("values = 1", "s: values: Expected `object`, got `int`"),
        ("[values]\nx = { }", "s: values.x: no kind of value. use one of walk, between, choice, turn, count"),
        ("[values]\nx = { turn = [] }", "s: values.x.turn: Expected `array` of length >= 1"),
        ("[values]\nx = { turn = [1] }", "s: values.x.turn[0]: Expected `str`, got `int`"),
        (
            "[values]\nx = { walk = 1, stop = 1 }",
            "s: values.x: contains unknown field `stop`. did you mean 'step'?",
        ),
        ("[values]\nx = { between = [2, 1] }", "s: values.x: between is [2.0, 1.0]. put the smaller number first"),
        ("[values]\nx = { walk = -1 }", "s: values.x.walk: Expected `float` >= 0.0"),
        ("[values]\nx = { count = 1, skip_every = -1 }", "s: values.x.skip_every: Expected `int` >= 0"),
        (
            '[[handshake]]\ndo = "x"',
            "s: handshake[0].do: Invalid value 'x'. use one of accept, refuse, redirect, garble, hang",
        ),
        ('[[handshake]]\ndo = "redirect"', "s: handshake[0]: missing required field `location`"),
        ("[[handshake]]\ncompression = 1", "s: handshake[0].compression: Expected `bool`, got `int`"),
        ("[[handshake]]\nheaders = { X = 1 }", "s: handshake[0].headers[...]: Expected `str`, got `int`"),
        ('[[handshake]]\ndo = "refuse"\nstatus = 600', "s: handshake[0].status: Expected `int` <= 599"),
        ('[[handshake]]\ndo = "hang"\nx = 1', "s: handshake[0]: contains unknown field `x`. leave it out"),
        (
            '[[step]]\ndo = "drop"\n[[step]]\ndo = "send"\ntext = "a"\nrat = 5',
            "s: step[1]: contains unknown field `rat`. did you mean 'rate'?",
        ),
        (
            '[[step]]\ndo = "close"\nxyz = 5',
            "s: step[0]: contains unknown field `xyz`. use code, reason, reason_hex",
        ),
        (
            "[[step]]\ncount = 1",
            f"s: step[0]: missing required field `do`. use one of {ALL_STEPS}",
        ),
        (
            '[[step]]\ndo = "send"\ntext = "$nope"',
            f"s: step[0].text: unknown value $nope. {NAMES_HINT}",
        ),
        (
            '[[step]]\ndo = "repeat"\nsteps = [{ do = "send", text = "$nope" }]',
            f"s: step[0].steps[0].text: unknown value $nope. {NAMES_HINT}",
        ),
        ('[[step]]\ndo = "send"\ntext = "$pad$pad"\nsize = 1', "s: step[0].text: a text can have only one $pad"),
        (
            '[[step]]\ndo = "send"\ntext = []',
            "s: step[0].text: expected text, got []. use a string or a list of strings",
        ),
        (
            '[[step]]\ndo = "send"\ntext = ["a", 1]',
            "s: step[0].text: expected text, got ['a', 1]. use a string or a list of strings",
        ),
        (
            '[[step]]\ndo = "send"\ntext = "a"\nsize = 1',
            "s: step[0]: size and what it is for belong together. give text with $pad, or size alone",
        ),
        (
            '[[step]]\ndo = "send"\ntext = "a"\nas = "pong"',
            's: step[0].as: Invalid enum value \'pong\'. use "text", "binary" or an opcode in 0 … 15',
        ),
        (
            '[[step]]\ndo = "send"\ntext = "a"\nas = 16',
            's: step[0].as: Expected `int` <= 15. use "text", "binary" or an opcode in 0 … 15',
        ),
        (
            '[[step]]\ndo = "send"\nhex = "f"',
            "s: step[0].hex: 'f' is not hexadecimal. write two digits for each byte",
        ),
        ('[[step]]\ndo = "send"\nhex = 255', "s: step[0].hex: 255 is not hexadecimal. write two digits for each byte"),
        ('[[step]]\ndo = "send"\ntext = "a"\njitter = 2', "s: step[0].jitter: Expected `float` <= 1.0"),
        ('[[step]]\ndo = "wait"', "s: step[0]: missing required field `for`"),
        (
            '[[step]]\ndo = "wait"\nfor = ["2s", "1s"]',
            "s: step[0].for: invalid range ['2s', '1s']. put the shorter duration first",
        ),
        (
            '[[step]]\ndo = "wait"\nfor = ["2s"]',
            's: step[0].for: invalid duration [\'2s\']. use one ("500ms") or two (["1s", "3s"])',
        ),
        ('[[step]]\ndo = "close"\nreason = "x"', "s: step[0]: a close reason needs a code. add code = …"),
        (
            f'[[step]]\ndo = "close"\ncode = 1000\nreason = "{"x" * 124}"',
            "s: step[0]: the reason has 124 bytes. a close frame holds 123 bytes of reason",
        ),
        (
            '[[step]]\ndo = "repeat"\nsteps = [{ do = "drop" }, { do = "close", code = true }]',
            "s: step[0].steps[1].code: Expected `int | null`, got `bool`",
        ),
        ('[[step]]\ndo = "cycle"', "s: step[0]: missing required field `steps`"),
        ('[[step]]\ndo = "cycle"\nsteps = []', "s: step[0].steps: Expected `array` of length >= 1"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(WsmonError) as caught:
        parse_scenario("s", text)
    assert str(caught.value) == message


def test_a_wrong_unit_is_explained_as_in_the_configuration() -> None:
    with pytest.raises(WsmonError, match=r'^s: step\[0\]\.for: invalid duration: unknown unit "parsec" .*\. use a'):
        steps('[[step]]\ndo = "wait"\nfor = "2parsec"')


def test_an_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "feed.toml"
    path.write_text('[[step]]\ndo = "pause"\n')
    with pytest.raises(WsmonError) as caught:
        load_scenario(path)
    assert str(caught.value).startswith(f"{path}: step[0].do: Invalid value 'pause'. use one of send, raw, ")


def test_a_wrong_connection_key_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_scenario("s", '[connection]\nexpect_evry = "2s"')
    problem = Problem("scenario s", 0, "connection[0].expect_evry", "unknown key", hint='did you mean "expect_every"?')
    assert caught.value.problems == (problem,)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WsmonError, match=r"cannot read scenario .*gone\.toml: .*No such file"):
        load_scenario(tmp_path / "gone.toml")


def test_the_shipped_scenarios_come_in_the_order_of_the_demonstration() -> None:
    assert tuple(scenario.name for scenario in demo_scenarios()) == DEMO_SCENARIOS


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_scenario_of_the_tests_can_be_read(path: Path) -> None:
    assert load_scenario(path).name == path.stem


SEND = Send(rate_per_s=1.0, duration_s=DurationRange((1.0, 2.0)), sizes_bytes=Sizes((9, 10)))


def scenario_of(*steps: Step) -> Scenario:
    return Scenario("s", (Accept(),), steps)


def test_every_send_gets_the_new_rate_count_and_size() -> None:
    other = msgspec.structs.replace(SEND, texts=Templates.parse("x$pad"))
    given = scenario_of(SEND, Repeat((Cycle((other, Drop())),), 2))

    def changed(send: Send) -> Send:
        return msgspec.structs.replace(send, rate_per_s=50.0, count=3, duration_s=None, sizes_bytes=Sizes((200,)))

    expected = scenario_of(changed(SEND), Repeat((Cycle((changed(other), Drop())),), 2))
    assert given.with_(rate=50.0, count=3, size_bytes=200) == expected


def test_what_is_not_named_stays() -> None:
    assert scenario_of(SEND).with_(rate=7.0) == scenario_of(msgspec.structs.replace(SEND, rate_per_s=7.0))
    assert scenario_of(SEND).with_() == scenario_of(SEND)


def test_one_message_stays_one_message_at_another_rate() -> None:
    assert scenario_of(Send(A)).with_(rate=7.0) == scenario_of(Send(A, rate_per_s=7.0, count=1))


def test_the_demonstration_is_introduced_by_what_its_connections_show() -> None:
    texts = introduction(demo_scenarios())
    assert texts == (
        (
            "demo: bouncer, login and forbidden are refused; slow, orderbook, silent and dropper misbehave; "
            "ticker, chat and binary are healthy. e: newest problem, ?: keys"
        ),
        (
            "demo: refused: bouncer, login, forbidden; misbehaving: slow, orderbook, silent, dropper; "
            "healthy: ticker, chat, binary"
        ),
        "demo: 3 are refused; 4 misbehave; 3 are healthy. e: newest problem, ?: keys",
        "demo: 3 refused, 4 misbehaving, 3 healthy",
    )
    # A blank stands before it in the footer
    assert [max(len(text) for text in texts if len(text) < columns) for columns in (120, 80)] == [118, 75]


def test_what_an_introduction_has_nothing_to_say_about_is_left_out() -> None:
    scenarios = [parse_scenario("a", 'outcome = "healthy"'), parse_scenario("b", "")]
    assert introduction(scenarios)[1] == "demo: healthy: a"
