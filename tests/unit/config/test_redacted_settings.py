"""The settings of a configuration for other people: what differs from the defaults, and no secret."""

from __future__ import annotations

import json
from pathlib import Path

from wsmon.config.load import load
from wsmon.config.redacted_settings import redacted_settings

CONFIG = """
[wsmon]
theme = "wsmon-light"
retention.age = "2d"
alerts.command = ["notify", "--token=${secret:KEY}"]
alerts.webhook = "https://x:cAnArY-hook@h/"
alerts.rules = { big = "cAnArY-name-x1" }
otlp_headers = { Authorization = "Bearer cAnArY-otlp-x1" }
otlp = "http://h/"
[[connection]]
name = "a"
url = "wss://u:cAnArY-pass@h/p?token=cAnArY-query&depth=5"
headers = { Cookie = "sid=cAnArY-cookie", X-Plain = "plain" }
send = ['{"password": "cAnArY-sent-x1"}', "${secret:NAME}"]
auth = { client_secret = "cAnArY-auth-x1", success = { "$.ok" = true } }
ping = { interval = "5s" }
tls = { verify = false }
"""


def test_they_are_those_that_differ_from_the_defaults_and_have_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "wsmon.toml"
    path.write_text(CONFIG)
    configuration = load(path, {"KEY": "cAnArY-alert-x1", "NAME": "cAnArY-name-x1"}).configuration
    found = redacted_settings(configuration)
    assert "cAnArY" not in json.dumps(found)
    assert str(tmp_path) not in json.dumps(found)
    assert sorted(found) == ["alerts", "connections", "otlp", "retention"]
    assert found["retention"] == {"age_s": 172_800.0}
    (connection,) = json.loads(json.dumps(found["connections"]))
    assert connection["url"] == "wss://[FILTERED]@h/p?token=[FILTERED]&depth=5"
    assert connection["headers"] == [["Cookie", "[FILTERED]"], ["X-Plain", "plain"]]
    assert (connection["ping"], connection["tls"]) == ({"interval_s": 5.0}, {"verify": False})
    assert connection["auth"] == {"client_secret": "[FILTERED]", "success": {"choices": [[["$.ok", [True]]]]}}


def test_defaults_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "wsmon.toml"
    path.write_text('[[connection]]\nname = "a"\nurl = "ws://h/"\n')
    assert redacted_settings(load(path, {}).configuration) == {"connections": [{"name": "a", "url": "ws://h/"}]}


def test_tokens_in_paths_are_masked_also_in_those_that_a_relay_listens_at(tmp_path: Path) -> None:
    token = "cAnArY7Q9zz4kP2mX8vL1nB6tR3wS5yD0f"
    path = tmp_path / "wsmon.toml"
    path.write_text(
        '[[relay]]\nname = "r"\nlisten = "127.0.0.1:9000"\n'
        f'routes = [{{ path = "/ws/{token}", upstream = "wss://h/bot12:cAnArY-bot/{token}" }}]\n'
    )
    configuration = load(path, {}).configuration
    assert json.loads(json.dumps(redacted_settings(configuration)["relays"]))[0]["routes"] == [
        {"path": "/ws/[FILTERED]", "upstream": "wss://h/bot12:[FILTERED]/[FILTERED]"}
    ]
    assert configuration.relays[0].listening("127.0.0.1", 9_000)[0].listen == f"ws://127.0.0.1:9000/ws/{token}"
