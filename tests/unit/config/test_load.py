"""What a configuration file means, and how its mistakes are named."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from wsmon.config.load import MAX_FILE_BYTES, Loaded, load, load_content
from wsmon.config.specs import (
    BundleSpec,
    CaptureSpec,
    Configuration,
    ConnectionSpec,
    MessageCondition,
    MessagesSpec,
    OtlpSpec,
    PingSpec,
    ReconnectSpec,
    RedactSpec,
    RetentionSpec,
    TlsSpec,
)
from wsmon.errors import ConfigError
from wsmon.model.redact.masking import Sensitive

Load = Callable[..., Loaded]


Problems = Callable[..., list[str]]


ONE = '[[connection]]\nname = "a"\nurl = "wss://h/p"\n'


def only(loaded: Loaded) -> ConnectionSpec:
    (connection,) = loaded.configuration.connections
    return connection


def test_two_keys_make_a_connection_and_the_rest_is_default(loaded: Load, tmp_path: Path) -> None:
    configuration = loaded(ONE).configuration
    assert configuration == Configuration(
        path=tmp_path / "wsmon.toml",
        digest=sha256(ONE.encode()).hexdigest(),
        connections=(ConnectionSpec(name="a", url=Sensitive("wss://h/p")),),
    )


def test_every_kind_of_value_reaches_its_field(loaded: Load, tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).touch()
    configuration = loaded(
        """
        [wsmon]
        store = "data/x.db"
        theme = "night"
        retention = { age = "2d", size = "1GiB" }
        [keys]
        "log.search" = "slash,ctrl+f"
        log.next = ["n"]
        [[connection]]
        name = "orders.eu-1_x"
        url = "ws://[::1]:8080/a?b=c"
        group = "prices"
        enabled = false
        protocol = "raw"
        headers = { X-One = "1", Host = "other" }
        subprotocols = ["v2.x", "v1"]
        origin = "https://example.com"
        compression = false
        max_message = 4096
        open_timeout = 1.5
        close_timeout = "500ms"
        ping = { interval = 0, timeout = "1m" }
        expect_every = "5s"
        trace_id = "order 4711/é"
        proxy = "socks5h://proxy:1080"
        tls = { verify = false, ca = "ca.pem", cert = "cert.pem", key = "key.pem", server_name = "other.example" }
        reconnect = { initial = "2s", max = "2s", factor = 1, jitter = 0, max_attempts = 5, stable_after = 0 }
        send = ["one", ""]
        capture = { payloads = false, payload_limit = 0, control_frames = false }
        redact = { keys = ["pin"], patterns = ['\\d{16}'], headers = ["X-A"], query = ["q"], allow = ["token"] }
        redirects = "none"
        """
    ).configuration
    assert configuration.store == tmp_path / "data/x.db"
    assert configuration.theme == "night"
    assert configuration.retention == RetentionSpec(age_s=172_800.0, size_bytes=2**30)
    assert configuration.keys == (("log.search", ("slash", "ctrl+f")), ("log.next", ("n",)))
    assert configuration.connections == (
        ConnectionSpec(
            name="orders.eu-1_x",
            url=Sensitive("ws://[::1]:8080/a?b=c"),
            group="prices",
            enabled=False,
            protocol="raw",
            headers=(("X-One", Sensitive("1")), ("Host", Sensitive("other"))),
            subprotocols=(Sensitive("v2.x"), Sensitive("v1")),
            origin=Sensitive("https://example.com"),
            compression=False,
            max_message_bytes=4096,
            open_timeout_s=1.5,
            close_timeout_s=0.5,
            ping=PingSpec(interval_s=0.0, timeout_s=60.0),
            expect_every_s=5.0,
            trace_id="order 4711/é",
            proxy=Sensitive("socks5h://proxy:1080"),
            tls=TlsSpec(
                verify=False,
                ca=tmp_path / "ca.pem",
                cert=tmp_path / "cert.pem",
                key=tmp_path / "key.pem",
                server_name="other.example",
            ),
            reconnect=ReconnectSpec(
                initial_s=2.0, max_s=2.0, factor=1.0, jitter=0.0, max_attempts=5, stable_after_s=0.0
            ),
            send=(Sensitive("one"), Sensitive("")),
            capture=CaptureSpec(payloads=False, payload_limit_bytes=0, control_frames=False),
            redact=RedactSpec(keys=("pin",), patterns=(r"\d{16}",), headers=("X-A",), query=("q",), allow=("token",)),
            redirects="none",
        ),
    )


def test_defaults_apply_to_all_and_tables_merge_key_by_key(loaded: Load) -> None:
    configuration = loaded(
        """
        [wsmon]
        profile = "detailed"
        [defaults]
        open_timeout = "3s"
        ping.timeout = "7s"
        headers = { X-Shared = "s", X-Mine = "no" }
        send = ["hello"]
        [[connection]]
        name = "a"
        url = "ws://a"
        [[connection]]
        name = "b"
        url = "ws://b"
        open_timeout = "4s"
        ping.interval = "1s"
        headers = { x-mine = "yes" }
        send = []
        """
    ).configuration
    first, second = configuration.connections
    assert (first.open_timeout_s, first.ping, first.send) == (3.0, PingSpec(20.0, 7.0), (Sensitive("hello"),))
    assert first.headers == (("X-Shared", Sensitive("s")), ("X-Mine", Sensitive("no")))
    assert (second.open_timeout_s, second.ping, second.send) == (4.0, PingSpec(1.0, 7.0), ())
    assert second.headers == (("X-Shared", Sensitive("s")), ("x-mine", Sensitive("yes")))


def test_a_connection_takes_its_profile_from_the_nearest_table(loaded: Load) -> None:
    text = (
        '[wsmon]\nprofile = "standard"\n' + ONE + '[[connection]]\nname = "b"\nurl = "ws://b"\nprofile = "financial"\n'
    )
    assert [one.profile for one in loaded(text).configuration.connections] == ["standard", "financial"]
    text = '[defaults]\nprofile = "lightweight"\n' + text
    assert [one.profile for one in loaded(text).configuration.connections] == ["lightweight", "financial"]


def test_a_syntax_error_comes_alone(problems: Problems) -> None:
    assert problems("[wsmon]\nthem = 1\nstore = \n") == [
        "wsmon.toml:3: invalid TOML. invalid value, column 9",
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a = 1\n\xff", ":2: not UTF-8 text (byte 6)"),
        (b'a = "\x00"', ":1: invalid TOML. illegal character '\\x00', column 6"),
        (b"a = " + b"[" * 100_000, ": nested too deeply"),
        (b"a = " + b"9" * 5_000, ": contains an impossible number or date"),
        (b"#" * (MAX_FILE_BYTES + 1), ": cannot be read: it is larger than 4096 KiB"),
    ],
)
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert str(caught.value) == f"{file}{problem}"


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    reasons = {
        tmp_path / "missing": "no such file or directory",
        tmp_path: "it is a folder",
        tmp_path / "pipe": "it is not a regular file",
        loop: "too many levels of symbolic links",
    }
    for path, why in reasons.items():
        with pytest.raises(ConfigError) as caught:
            load(path, {})
        assert str(caught.value) == f"{path}: cannot be read: {why}"


def test_a_byte_order_mark_is_no_mistake(loaded: Load) -> None:
    assert only(loaded("\ufeff" + ONE)).name == "a"


def test_paths_are_relative_to_the_real_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "x.toml"
    real.write_text('[wsmon]\nstore = "x.db"\n' + ONE)
    link = tmp_path / "link.toml"
    link.symlink_to(real)
    configuration = load(link, {}).configuration
    assert (configuration.path, configuration.store) == (real, tmp_path / "real" / "x.db")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1: connection: no connections defined. add a [[connection]]"]),
        ("connection = []\n", ["1: connection: no connections defined. add a [[connection]]"]),
        ("[keys]\n", ["1: connection: no connections defined. add a [[connection]]"]),
        ("[connection]\nname = 'a'\n", ["1: connection: expected a list of tables, got a table. use [["]),
        ("\nconnection = [1]\n", ["2: connection[0]: expected a table, got a number (1)"]),
        ("[[connection]]\n", ["1: connection[0].name: is required", "1: connection[0].url: is required"]),
        (ONE + ONE, ["5: connection[1].name: duplicate connection name (a). already used by connection[0]"]),
        ("url = 'ws://h'\n" + ONE, ["1: url: unknown table. it belongs in [["]),
        (ONE + "[default]\n", ["4: default: unknown table. did you mean [defaults]?"]),
        (ONE + "[x]\n", ["4: x: unknown table. valid tables: [wsmon], [keys],"]),
        (ONE + "[wsmon]\nheaders = {}\n", ["5: wsmon.headers: unknown key. it belongs in [["]),
        (ONE + "[wsmon]\nretention.age = 0\n", ["5: wsmon.retention.age: must be at least 1m (0)"]),
        (ONE + "[wsmon]\nstore = '.'\n", ["5: wsmon.store: path is a folder"]),
        (ONE + "[wsmon]\nstore = 'wsmon.toml/x.db'\n", ["5: wsmon.store: parent is not a folder"]),
        (ONE + "[wsmon]\ntheme = ''\n", ["5: wsmon.theme: must not be empty"]),
        (ONE + "[wsmon]\nalerts.rules.big = '$.q>'\n", ["5: wsmon.alerts.rules.big: invalid query: expected a value"]),
        (ONE + "[wsmon]\nalerts.rules.a = '( )'\n", ["5: wsmon.alerts.rules.a: invalid query: "]),
        (ONE + "[wsmon]\nalerts.rules.a = ' '\n", ["5: wsmon.alerts.rules.a: query matches everything"]),
        (ONE + "[wsmon]\nalerts.rules.a = 'note:x'\n", ["5: wsmon.alerts.rules.a: query uses bookmarks or notes"]),
        (ONE + "[wsmon]\nalerts.rules.a = 'x OR -recording:eu'\n", ["5: wsmon.alerts.rules.a: query uses recording:"]),
        (ONE + "[wsmon]\nbundle.kinds = ['strom']\n", ["5: wsmon.bundle.kinds[0]: unknown incident kind (strom). did"]),
        (ONE + "[wsmon]\nbundle.kinds = ['rule:']\n", ["5: wsmon.bundle.kinds[0]: invalid name"]),
        (ONE + "[wsmon]\nbundle.kinds = ['rule:x']\n", ["5: wsmon.bundle.kinds: alerts.rules has no rule 'x'"]),
        (ONE + "[wsmon]\nbundle = { keep = 0, after = '2h' }\n", ["5: wsmon.bundle.keep: ", "5: wsmon.bundle.after: "]),
        (ONE + "[wsmon]\nalerts.rules.'a b' = 'x'\n", ['5: wsmon.alerts.rules."a b": invalid name']),
        (ONE + "[wsmon]\nprometheus = 'x'\n", ['5: wsmon.prometheus: expected HOST:PORT (x). e.g. "127.0.0.1:9464"']),
        (ONE + "[wsmon]\notlp = 'ws://h'\n", ["5: wsmon.otlp: scheme must be http or https (ws://h)."]),
        (
            ONE + "[wsmon]\notlp_signals = ['traces']\n",
            ["5: wsmon.otlp_signals[0]: invalid value: expected one of spans, metrics, logs, messages (traces)"],
        ),
        (
            ONE + "[wsmon]\notlp_headers = { Content-Type = 'x' }\n",
            ['5: wsmon.otlp_headers.Content-Type: header is part of the request. wsmon sets this header'],
        ),
        (ONE + "[defaults]\nname = 'b'\n", ["5: defaults.name: not allowed in [defaults]"]),
        ("[defaults]\nreconnect.max = '10ms'\n" + ONE, ["2: defaults.reconnect.max: reconnect.max is"]),
        (ONE + "[keys]\na = 1\n", ["5: keys.a: expected a string, got a number (1)"]),
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


def test_bundles_are_configured_by_kinds_of_incidents_and_rules(loaded: Load) -> None:
    bundle = "bundle = { kinds = ['stall', 'rule:big'], before = '5m', size = '1MiB' }"
    assert loaded(f"[wsmon]\n{bundle}\nalerts.rules.big = '$.q>1'\n{ONE}").configuration.bundle == BundleSpec(
        ("stall", "rule:big"), 300.0, 60.0, 20, 2**20
    )
    assert loaded(ONE).configuration.bundle == BundleSpec()


def test_thresholds_of_detectors_are_read_by_kind(loaded: Load) -> None:
    text = '[wsmon]\ndetectors.storm = { opens = 8, within = "5m" }\n[wsmon.detectors.errors]\nshare = 0.05\n' + ONE
    assert loaded(text).configuration.detectors == {"storm": {"opens": 8, "within": 300.0}, "errors": {"share": 0.05}}


def test_thresholds_that_cannot_be_used_are_named(problems: Problems) -> None:
    text = """
        [wsmon.detectors]
        strom = { opens = 8 }
        storm = { opens = "8", wihtin = "5m", within = 0 }
        errors = { opens = 5, closes = 5 }
        slow = 4
        certificate = { before = "0s" }
        """
    assert problems(text + ONE) == [
        'wsmon.toml:3: wsmon.detectors.strom: unknown key. did you mean "storm"?',
        "wsmon.toml:4: wsmon.detectors.storm.opens: expected a whole number, got a string (8)",
        'wsmon.toml:4: wsmon.detectors.storm.wihtin: unknown key. did you mean "within"?',
        "wsmon.toml:4: wsmon.detectors.storm.within: must be at least 1ms (0)",
        (
            "wsmon.toml:5: wsmon.detectors.errors: closes must be less than opens (5 ≥ 5). "
            "otherwise the incident would open and close repeatedly"
        ),
        (
            "wsmon.toml:6: wsmon.detectors.slow: expected a table, got a number (4). "
            "valid keys: times, rtt, reply, rtt_margin, reply_margin"
        ),
        "wsmon.toml:7: wsmon.detectors.certificate.before: must be at least 1ms (0s)",
    ]


def test_a_plugin_with_the_name_of_a_built_in_decoder_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "clash-2.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: clash\nVersion: 2.1\n")
    (info / "entry_points.txt").write_text("[wsmon.decoders]\ngzip = clash:DECODER\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        load_content(b'[[connection]]\nname = "a"\nurl = "ws://h/"\n', tmp_path / "wsmon.toml", {})
    assert str(caught.value) == (
        f"{tmp_path}/wsmon.toml:1: the package clash 2.1 has a decoder gzip, which is the name of a built-in one. "
        "uninstall one of the two"
    )


def test_the_messages_of_a_private_protocol_are_described(loaded: Load) -> None:
    text = """protocol = "json"
answer = true
messages = { type = ["$.event", "$[1]"], ref = "$.id", replies = "$.re", error = { "$.event" = "error" } }
auth = { send = "hello", success = { "$.event" = "login", "$.code" = [0, 200] }, failure = "denied" }
[connection.heartbeat]
reply_to = [{ "$.op" = "ping" }, { "^PING" = "PING" }]
"""
    spec = only(loaded(ONE + text))
    assert spec.messages == MessagesSpec(
        ("$.event", "$[1]"), ref=("$.id",), replies=("$.re",), error=MessageCondition(((("$.event", ("error",)),),))
    )
    assert spec.auth["success"] == MessageCondition(((("$.event", ("login",)), ("$.code", (0, 200))),))
    assert str(spec.auth["failure"]) == "[FILTERED]"
    assert spec.heartbeat.reply_to == MessageCondition(((("$.op", ("ping",)),), (("^PING", ("PING",)),)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('messages = { typ = "$.a" }', 'messages.typ: unknown key. did you mean "type"?'),
        ('messages.type = "$a"', "messages.type: invalid path: 'a' is not a valid step of a path"),
        ("messages.type = 5", "messages.type: expected a string, got a number (5)"),
        (
            'messages.type = ["$.a", "("]',
            "messages.type[1]: invalid regular expression: missing ) at position 1 (()",
        ),
        ('messages.type = { "$.a" = 1 }', "messages.type: expected a string, got a table"),
        ("messages.error = {}", 'messages.error: empty condition. e.g. { "$.event" = "login" }'),
        ('messages.error = { "$a" = 1 }', 'messages.error."$a": invalid path'),
        ('messages.error = { "$.a" = [] }', 'messages.error."$.a": must not be empty'),
        ('messages.error = { "$.a" = 2020-01-01 }', 'messages.error."$.a": expected a string, a number, true or false'),
        ('messages.error = { "$.a" = { b = 1 } }', 'messages.error."$.a": expected a string, a number, true or false'),
        ('messages.error = { "$.a" = ["x", inf] }', 'messages.error."$.a"[1]: must be a finite number'),
        ('messages.error = [{ "$.a" = 1 }, "$.b"]', "messages.error[1]: expected a table, got a string ($.b)"),
        ('heartbeat.expect = { "(" = 1 }', 'heartbeat.expect."(": invalid regular expression'),
        ('auth = { success = { "$." = 1 } }', 'auth.success."$.": invalid path'),
        ('auth = { send = { "$.a" = 1 } }', "auth: expected a string or a number, got a table (send). only success"),
        ('heartbeat.expect = { "$.a" = "${secret:TOKEN}" }', 'heartbeat.expect."$.a": secrets are not allowed here'),
    ],
)
def test_what_is_wrong_with_places_and_conditions(problems: Problems, text: str, problem: str) -> None:
    (found,) = problems(ONE + text, TOKEN="a-long-token")
    assert found.startswith(f"wsmon.toml:4: connection[0].{problem}")


def test_the_protocol_of_a_plugin_is_a_name_and_suggested(
    loaded: Load, problems: Problems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "house-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[wsmon.protocols]\nbarline = house:PROTOCOL\n")
    assert problems(ONE + 'protocol = "barline"')[0].startswith("wsmon.toml:4: connection[0].protocol: invalid value")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert only(loaded(ONE + 'protocol = "barline"')).protocol == "barline"
    (found,) = problems(ONE + 'protocol = "bar-lin"')
    assert ", barline (bar-lin)" in found
    assert found.endswith('did you mean "barline"?')


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ('"auto"', ("auto",)),
        ('"none"', ()),
        ("[]", ()),
        ('"gzip"', ("gzip",)),
        ('["base64", "zlib"]', ("base64", "zlib")),
        ('["gzip", "gzip"]', ("gzip", "gzip")),
    ],
)
def test_decoders_are_a_word_or_a_chain(tmp_path: Path, value: str, names: tuple[str, ...]) -> None:
    text = f'[[connection]]\nname = "a"\nurl = "ws://h/"\ndecode = {value}\n'
    loaded = load_content(text.encode(), tmp_path / "wsmon.toml", {})
    assert loaded.configuration.connections[0].decode == names


def test_decoders_that_cannot_be_used_are_named_with_the_nearest(problems: Problems) -> None:
    steps = "gzip, zlib, deflate, zlib-stream, base64, msgpack, zstd"
    expected, alone = f"expected one of {steps}", f"expected one of auto, none, {steps}"
    found = problems(
        """
        [[connection]]
        name = "a"
        url = "ws://h/"
        decode = "gzpi"
        [[connection]]
        name = "b"
        url = "ws://h/"
        decode = ["base64", "messagepack", "auto", 5]
        [[connection]]
        name = "c"
        url = "ws://h/"
        decode = ["gzip", "gzip", "gzip", "gzip", "gzip"]
        [[connection]]
        name = "d"
        url = "ws://h/"
        decode = true
        [[connection]]
        name = "e"
        url = "ws://h/"
        decode = "Auto"
        """
    )
    assert found == [
        f'wsmon.toml:5: connection[0].decode: invalid value: {alone} (gzpi). did you mean "gzip"?',
        f'wsmon.toml:9: connection[1].decode[1]: invalid value: {expected} (messagepack). did you mean "msgpack"?',
        f"wsmon.toml:9: connection[1].decode[2]: invalid value: {expected} (auto)",
        f"wsmon.toml:9: connection[1].decode[3]: {expected}, got a number (5)",
        "wsmon.toml:13: connection[2].decode: too many: 5. use at most 4",
        "wsmon.toml:17: connection[3].decode: expected a list, got a boolean",
        f'wsmon.toml:21: connection[4].decode: invalid value: {alone} (Auto). did you mean "auto"?',
    ]


RELAY = """
[[relay]]
name = "app"
listen = "127.0.0.1:9000"
routes = [{ path = "/", upstream = "wss://h/f?token=long-enough-key" }, { path = "/b", upstream = "ws://u:pw-long@b" }]
"""


def test_a_relay_takes_the_defaults_of_connections_that_make_sense_for_it(loaded: Load) -> None:
    text = (
        """
[defaults]
open_timeout = "3s"
answer = true
send = ["hi"]
redact.keys = ["pin"]
"""
        + RELAY
        + """fail = "closed"
headers.Authorization = "Bearer ${secret:TOKEN}"
protocol = "json"
"""
    )
    configuration = loaded(text, TOKEN="t0ken-of-the-relay").configuration
    (relay,) = configuration.relays
    assert relay.connection == ConnectionSpec(
        "app",
        Sensitive("wss://h/f?token=long-enough-key", "wss://h/f?token=[FILTERED]"),
        protocol="json",
        headers=(("Authorization", Sensitive("Bearer t0ken-of-the-relay", "Bearer [FILTERED]")),),
        open_timeout_s=3.0,
        redact=RedactSpec(keys=("pin",)),
    )
    assert (relay.listen, relay.fail, relay.listen_any) == ("127.0.0.1:9000", "closed", False)
    assert [(route.path, route.upstream.masked) for route in relay.routes] == [
        ("/", "wss://h/f?token=[FILTERED]"),
        ("/b", "ws://[FILTERED]@b"),
    ]
    assert {"long-enough-key", "t0ken-of-the-relay"} <= set(configuration.secrets)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[relay]]\nname = "a"', "wsmon.toml:1: relay[0].listen: is required"),
        (f'{RELAY}\nurl = "ws://h"', "wsmon.toml:7: relay[0].url: unknown key. servers are set in routes"),
        (
            f"{RELAY}\nping.interval = 1",
            "wsmon.toml:7: relay[0].ping: unknown key. not for a relay: it passes on what the application sends",
        ),
        (
            f'{RELAY}\nheaders.sec-websocket-protocol = "v2"',
            (
                "wsmon.toml:7: relay[0].headers.sec-websocket-protocol: header belongs to the handshake."
                " the application sets this header"
            ),
        ),
        (f'{RELAY}\nfial = "open"', 'wsmon.toml:7: relay[0].fial: unknown key. did you mean "fail"?'),
        (
            RELAY.replace("127.0.0.1", "0.0.0.0"),
            (
                "wsmon.toml:4: relay[0].listen: other machines could connect (0.0.0.0:9000)."
                " set listen_any = true (--listen-any) to allow that, or listen on 127.0.0.1"
            ),
        ),
        (
            f'[wsmon]\nprometheus = ":9000"\n{RELAY}',
            "wsmon.toml:6: relay[0].listen: is the address of prometheus, too (127.0.0.1:9000). use another port",
        ),
        (
            RELAY + RELAY.replace('"app"', '"other"'),
            "wsmon.toml:9: relay[1].listen: is the address of relay app, too (127.0.0.1:9000). use another port",
        ),
        (
            f'[[connection]]\nname = "app"\nurl = "ws://h"\n{RELAY}',
            "wsmon.toml:6: relay[0].name: duplicate connection name (app). already used by connection[0]",
        ),
        (
            RELAY.replace('path = "/b"', 'path = "/"'),
            "wsmon.toml:5: relay[0].routes[1].path: duplicate (/)",
        ),
        (
            RELAY.replace('path = "/b"', 'path = "b"'),
            'wsmon.toml:5: relay[0].routes[1].path: must start with / (b). e.g. "/feed"',
        ),
        (
            RELAY.replace('path = "/b"', 'path = "/b?x"'),
            (
                "wsmon.toml:5: relay[0].routes[1].path: must be a path, without a query (/b?x)."
                " the query of an application is passed on"
            ),
        ),
        (RELAY.replace('path = "/b", ', ""), "wsmon.toml:5: relay[0].routes[1].path: is required"),
        (
            RELAY.replace("wss://h/f?token=long-enough-key", "ws://localhost:9000/x"),
            "wsmon.toml:5: relay[0].routes[0].upstream: points at this relay. name the server",
        ),
        (
            RELAY.replace("wss://h/f?token=long-enough-key", "https://h"),
            "wsmon.toml:5: relay[0].routes[0].upstream: scheme must be ws or wss (https://h). use wss://",
        ),
        (
            '[[relay]]\nname = "a"\nlisten = ":1"\nroutes = []',
            'wsmon.toml:4: relay[0].routes: no route. e.g. [{ path = "/", upstream = "wss://host/path" }]',
        ),
        ("[relay]\nlisten = 1", "wsmon.toml:1: relay: expected a list of tables, got a table. use [[relay]]"),
    ],
)
def test_what_is_wrong_with_a_relay_is_named_with_its_line(problems: Problems, text: str, problem: str) -> None:
    assert problem in problems(text)


def test_keys_for_sending_have_no_effect_in_a_relay(loaded: Load) -> None:
    warnings = [str(warning) for warning in loaded(f"{RELAY}\nanswer = true\nallow_send = false").warnings]
    assert [warning.partition("relay[0]")[2] for warning in warnings] == [
        ".answer: has no effect in a relay (true). a relay sends nothing of its own"
    ]
