"""``wsmon check`` as users and scripts meet it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wsmon.cli.check import check
from wsmon.config.example import example
from wsmon.config.locate import config_dir
from wsmon.errors import UsageError

GOOD = """\
[[connection]]
name = "orders"
url = "wss://user:password@host/path?token=abc"
group = "prices"
heartbeat.expect = "pong"
[[connection]]
name = "legacy-feed"
url = "ws://old"
enabled = false
"""
BAD = '[wsmon]\nthem = 1\n[[connection]]\nname = "a"\nurl = "http://u:password@h"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no configuration anywhere else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WSMON_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check, arguments)


def test_a_good_configuration_is_shown_as_a_table_and_its_warnings_beside_it(folder: Path) -> None:
    (folder / "wsmon.toml").write_text(GOOD)
    result = run()
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "name         group   enabled  url",
        "orders       prices  yes      wss://[FILTERED]@host/path?token=[FILTERED]",
        "legacy-feed  –       no       ws://old",
    ]
    expected = f"warning: {folder}/wsmon.toml:5: connection[0].heartbeat.expect: has no effect without heartbeat.send"
    assert result.stderr.splitlines() == [expected]


def test_all_mistakes_go_to_stderr_and_the_exit_code_is_2(folder: Path) -> None:
    (folder / "bad.toml").write_text(BAD)
    result = run("bad.toml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        'bad.toml:2: wsmon.them: unknown key. did you mean "theme"?',
        "bad.toml:5: connection[0].url: scheme must be ws or wss (http://[FILTERED]@h). use ws://",
    ]


def test_json_has_the_documented_shape(folder: Path) -> None:
    (folder / "good.toml").write_text(GOOD)
    (folder / "bad.toml").write_text(BAD)
    good, bad = run("good.toml", "--json"), run("bad.toml", "--json")
    assert (good.exit_code, bad.exit_code) == (0, 2)
    assert json.loads(good.stdout) == {
        "ok": True,
        "errors": [],
        "warnings": [
            {
                "file": "good.toml",
                "line": 5,
                "key": "connection[0].heartbeat.expect",
                "problem": "has no effect without heartbeat.send",
                "value": "",
                "hint": "",
            }
        ],
        "connections": [
            {
                "name": "orders",
                "url": "wss://[FILTERED]@host/path?token=[FILTERED]",
                "enabled": True,
                "group": "prices",
            },
            {"name": "legacy-feed", "url": "ws://old", "enabled": False, "group": ""},
        ],
        "relays": [],
    }
    report = json.loads(bad.stdout)
    assert (report["ok"], report["connections"], bad.stderr) == (False, [], "")
    assert report["errors"][1] == {
        "file": "bad.toml",
        "line": 5,
        "key": "connection[0].url",
        "problem": "scheme must be ws or wss",
        "value": "http://[FILTERED]@h",
        "hint": "use ws://",
    }


def test_relays_are_listed_with_the_urls_for_applications(folder: Path) -> None:
    (folder / "relay.toml").write_text(
        "[[relay]]\nname = 'app'\nlisten = '127.0.0.1:9000'\n"
        "routes = [{ path = '/', upstream = 'wss://h/feed' }, { path = '/o', upstream = 'wss://u:p@o' }]\n"
    )
    assert json.loads(run("relay.toml", "--json").stdout)["relays"] == [
        {
            "name": "app",
            "listen": "127.0.0.1:9000",
            "enabled": True,
            "group": "",
            "routes": [
                {"path": "/", "url": "ws://127.0.0.1:9000/", "upstream": "wss://h/feed"},
                {"path": "/o", "url": "ws://127.0.0.1:9000/o", "upstream": "wss://[FILTERED]@o"},
            ],
        }
    ]
    assert [line.split(maxsplit=3)[3] for line in run("relay.toml").stdout.splitlines()] == [
        "url",
        "ws://127.0.0.1:9000/ → wss://h/feed",
        "ws://127.0.0.1:9000/o → wss://[FILTERED]@o",
    ]


def test_the_example_is_a_configuration_to_start_from(folder: Path) -> None:
    result = run("--example")
    assert (result.exit_code, result.stdout) == (0, example())
    (folder / "wsmon.toml").write_text(result.stdout)
    assert run().exit_code == 0


def test_where_there_is_no_configuration_it_says_what_to_do(folder: Path) -> None:
    assert not list(folder.iterdir())
    hint = "try `wsmon demo`, or create one with `wsmon check --example > wsmon.toml`"
    problem = f"no configuration found (looked for ./wsmon.toml and {config_dir(os.environ)}/wsmon.toml)"
    result = run()
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"{problem}. {hint}\n")
    assert json.loads(run("--json").stdout)["errors"] == [
        {"file": "", "line": 0, "key": "", "problem": problem, "value": "", "hint": hint}
    ]


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    result = run(str(folder / "missing.toml"))
    assert result.exit_code == 2
    assert result.stderr == f"{folder}/missing.toml: cannot be read: no such file or directory\n"


def test_i6_a_configuration_on_standard_input_is_checked_like_a_file(folder: Path) -> None:
    (folder / "token").write_text("canary-1234567890")
    good = '[[connection]]\nname = "a"\nurl = "wss://h/?token=${file:token}"\n'
    result = CliRunner().invoke(check, ["-"], input=good)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "name  group  enabled  url",
        "a     –      yes      wss://h/?token=[FILTERED]",
    ]
    result = CliRunner().invoke(check, ["-"], input=BAD + '[keys]\n"no.action" = "x"\n')
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[0] == ('standard input:2: wsmon.them: unknown key. did you mean "theme"?')


DESCRIBED = """\
[[connection]]
name = "exchange"
url = "ws://h/"
protocol = "json"
messages = { type = ["$.event", "$[1]"], topic = "$[0]", error = { "$.event" = "error" } }
[[connection]]
name = "house"
url = "ws://h/"
protocol = "raw"
messages = { type = '^(\\w+)', ref = '^GET\\|(\\d+)', replies = '^VAL\\|(\\d+)', items = '[^\\n]+' }
[[connection]]
name = "plain"
url = "ws://h/"
"""


def test_a_message_is_shown_as_the_connections_describe_theirs(folder: Path) -> None:
    (folder / "wsmon.toml").write_text(DESCRIBED)
    result = run("--message", "VAL|7|\x1b\nGET|8|x")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "connection  type  topic  ref  replies  error",
        "exchange    –     –      –    –        –",
        "house       VAL   –      –    7        –",
        "house       GET   –      8    –        –",
    ]
    first, _ = json.loads(run("--message", '{"event":"error","msg":"bad"}', "--json").stdout)
    assert first == {
        "connection": "exchange", "type": "error", "topic": "", "ref": "", "replies": "", "error": "peer_error: bad",
    }  # fmt: skip


def test_without_described_messages_none_is_shown(folder: Path) -> None:
    (folder / "wsmon.toml").write_text(GOOD)
    result = run("--message", "x")
    assert isinstance(result.exception, UsageError)
    assert str(result.exception).startswith("no connection describes its messages")


def test_a_plugin_that_cannot_be_imported_is_a_warning(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = folder / "house-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[wsmon.protocols]\nlines = house_of_tests:A\nother = house_of_tests:B\n")
    monkeypatch.syspath_prepend(str(folder))
    (folder / "wsmon.toml").write_text('[[connection]]\nname = "a"\nurl = "ws://h/"\nprotocol = "lines"\n')
    result = run()
    assert result.exit_code == 0
    why = "ModuleNotFoundError: No module named 'house_of_tests'"
    expected = f"warning: {folder}/wsmon.toml: plugin lines (house 1.0): {why}. update house, or uninstall it"
    assert result.stderr.splitlines() == [expected]
