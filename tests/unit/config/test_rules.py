"""Rules between the keys of a connection: what does not go together, or has no effect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from wsmon.config.load import Loaded
from wsmon.config.specs import BuiltInProtocol
from wsmon.errors import ConfigError

Load = Callable[..., Loaded]


ONE = '[[connection]]\nname = "a"\nurl = "wss://h/p"\n'


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        (
            "subscribe = ['x']\nprotocol = 'nexus'",
            ":4: connection[0].subscribe: has no effect with this protocol (nexus)",
        ),
        ("answer = true\nprotocol = 'nexus'", ":4: connection[0].answer: has no effect with this protocol (nexus)"),
        ("auth = { send = 'x' }", ":4: connection[0].auth: has no effect without answer = true"),
        (
            "messages.type = '$.a'",
            ":4: connection[0].messages.type: has no effect with this protocol (auto). set protocol",
        ),
        (
            "messages.error = '$.a'\nprotocol = 'mqtt'",
            ":4: connection[0].messages.error: has no effect with this protocol (mqtt)",
        ),
        (
            "messages.replies = '$.a'\nprotocol = 'raw'",
            ":4: connection[0].messages.replies: has no effect without messages.ref",
        ),
        (
            "messages.topic_id = '$.a'\nprotocol = 'json'",
            ":4: connection[0].messages.topic_id: has no effect without messages.topic",
        ),
        (
            "messages.error_text = '$.a'\nprotocol = 'json'",
            ":4: connection[0].messages.error_text: has no effect without a condition in messages.error",
        ),
        (
            "capture.raw = true\ndecode = 'none'",
            ":4: connection[0].capture.raw: has no effect where nothing is decoded",
        ),
        (
            "capture.raw = true\nprotocol = 'raw'",
            ":4: connection[0].capture.raw: has no effect where nothing is decoded",
        ),
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


@pytest.mark.parametrize("life", ["'10s'", "'1h30m'", "10", "0.5"])
def test_p1_the_life_of_a_grant_is_a_duration(loaded: Load, life: str) -> None:
    text = f"answer = true\nauth = {{ send = 'x', expires_in = {life} }}"
    assert loaded(ONE + text).warnings == ()


@pytest.mark.parametrize("life", ["'soon'", "''", "'0'", "'10'", "0", "-1"])
def test_p1_what_is_no_duration_is_no_life_of_a_grant(loaded: Load, life: str) -> None:
    with pytest.raises(ConfigError, match=r"auth: expires_in must be a duration above 0"):
        loaded(ONE + f"answer = true\nauth = {{ send = 'x', expires_in = {life} }}")


@pytest.mark.parametrize("protocol", get_args(BuiltInProtocol))
def test_every_protocol_has_an_effect(loaded: Load, protocol: str) -> None:
    assert loaded(f"{ONE}protocol = '{protocol}'").warnings == ()


def test_what_does_nothing_together_among_the_defaults_is_warned_about_for_each_connection(loaded: Load) -> None:
    text = "[defaults]\nheartbeat.expect = 'x'\n" + ONE + ONE.replace('"a"', '"b"')
    assert {(warning.line, warning.key) for warning in loaded(text).warnings} == {(2, "defaults.heartbeat.expect")}


LISTEN = 'otlp_listen = "127.0.0.1:4318"\n'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('otlp_listen = "0.0.0.0:4318"', ":2: wsmon.otlp_listen: without a token, it can only listen on this machine"),
        ('otlp_listen = "box.example:4318"', ":2: wsmon.otlp_listen: without a token"),
        (LISTEN + 'otlp = "http://127.0.0.1:4318"', ":3: wsmon.otlp: points at otlp_listen"),
        (LISTEN + 'otlp = "http://localhost:4318/v1"', ":3: wsmon.otlp: points at otlp_listen"),
        (LISTEN + 'otlp = "http://[::1]:4318"', ":3: wsmon.otlp: points at otlp_listen"),
        ('otlp_listen = ":80"\notlp = "http://127.0.0.1"', ":3: wsmon.otlp: points at otlp_listen"),
        ('otlp_listen = "0.0.0.0:1"\notlp_listen_token = "t"\notlp = "http://localhost:1"', ":4: wsmon.otlp: points"),
        (LISTEN + 'prometheus = ":4318"', ":2: wsmon.otlp_listen: is the address of prometheus, too"),
        (LISTEN + 'otlp_listen_token = "two words"', ":3: wsmon.otlp_listen_token: invalid token"),
    ],
)
def test_where_otlp_is_listened_to(loaded: Load, tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(f"[wsmon]\n{text}\n{ONE}")
    assert str(error.value).startswith(f"{tmp_path}/wsmon.toml{fault}")


@pytest.mark.parametrize(
    "text",
    [
        'otlp_listen = "[::1]:4318"',
        'otlp_listen = "localhost:4318"\notlp = "http://collector.example:4318"\nprometheus = ":9464"',
        'otlp_listen = "0.0.0.0:4318"\notlp_listen_token = "t0ken"',
        LISTEN + 'otlp = "http://127.0.0.1:4319"',
    ],
)
def test_addresses_that_go_together(loaded: Load, text: str) -> None:
    assert loaded(f"[wsmon]\n{text}\n{ONE}").warnings == ()


def test_a_token_is_a_secret_though_it_is_written_out(loaded: Load) -> None:
    configuration = loaded(f'[wsmon]\n{LISTEN}otlp_listen_token = "abcdefgh-1"\n{ONE}').configuration
    assert configuration.secrets == ("abcdefgh-1",)
    assert "abcdefgh" not in repr(configuration)


def test_zstd_without_its_library_is_warned_about(loaded: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{ONE}decode = ['base64', 'zstd']"
    assert loaded(text).warnings == ()
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    (warning,) = loaded(text).warnings
    assert str(warning).endswith(":4: connection[0].decode: zstd is not installed. run pip install 'wsmon[zstd]'")


# Made up
KEY = "9aa3d95b3bc440fa88ea12eaa4456161"
LOOKS_LIKE = "part of the path looks like a credential; it is masked"
MOVE = "move it to an environment variable and write ${secret:NAME} in its place"
EXEMPT = "if it is an ID, add it to redact.allow"


def test_a_credential_in_a_path_is_noted_with_how_to_move_it(loaded: Load, tmp_path: Path) -> None:
    whole = loaded(
        f"""
[wsmon]
alerts.webhook = "https://hooks.slack.com/services/T000/B000/XXXX"
[[connection]]
name = "written-out"
url = "wss://u:{KEY}@h/v3/{KEY}?x=1"
[[connection]]
name = "moved"
url = "wss://h/v3/${{secret:KEY}}"
[[connection]]
name = "exempt"
url = "wss://h/v3/{KEY}"
redact.allow = ["{KEY}"]
[[relay]]
name = "relayed"
listen = "127.0.0.1:9000"
routes = [{{ path = "/", upstream = "wss://h/" }}, {{ path = "/x", upstream = "wss://h/bot12:abcdefgh" }}]
""",
        KEY=KEY,
    )
    file = f"{tmp_path}/wsmon.toml"
    assert [str(note) for note in whole.notes] == [
        f"{file}:3: wsmon.alerts.webhook: {LOOKS_LIKE} (https://hooks.slack.com/services/T000/B000/[FILTERED]). {MOVE}",
        f"{file}:6: connection[0].url: {LOOKS_LIKE} (wss://[FILTERED]@h/v3/[FILTERED]?x=1). {MOVE}; {EXEMPT}",
        f"{file}:17: relay[0].routes[1].upstream: {LOOKS_LIKE} (wss://h/bot12:[FILTERED]). {MOVE}; {EXEMPT}",
    ]
    assert whole.warnings == ()
    assert {KEY, "abcdefgh"} <= set(whole.configuration.secrets)
