"""Mistakes in a connection, each with its line, its key and a hint."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wsmon.config.load import Loaded
from wsmon.config.schema import CONNECTION

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]

ONE = '[[connection]]\nname = "a"\nurl = "wss://h/p"\n'


PING_KEYS = [key.path.removeprefix("ping.") for key in CONNECTION if key.path.startswith("ping.")]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("ur = 1", 'ur: unknown key. did you mean "url"?'),
        ("ping_interval = 1", 'ping_interval: unknown key. did you mean "ping.interval"?'),
        ("theme = 'x'", "theme: unknown key. it belongs in [wsmon]"),
        (
            "ping.intervall = 1",
            'ping.intervall: unknown key. did you mean "interval"?',
        ),
        ("ping = '20s'", f"ping: expected a table, got a string (20s). valid keys: {', '.join(PING_KEYS)}"),
        ("ping.interval = -1", "ping.interval: must be at least 0s (-1)"),
        ("ping.timeout = 0", "ping.timeout: must be at least 1ms (0)"),
        ("open_timeout = inf", "open_timeout: must be a finite number (inf)"),
        ("open_timeout = nan", "open_timeout: must be a finite number (nan)"),
        ("open_timeout = 1979-05-27", "open_timeout: expected a duration, got a date or time."),
        ("open_timeout = '2h'", "open_timeout: must be at most 1h (2h)"),
        ("open_timeout = '20'", "open_timeout: invalid duration: missing unit (20)."),
        ("enabled = 'true'", "enabled: expected true or false, got a string (true). remove the quotes: true"),
        ("enabled = 1", "enabled: expected true or false, got a number (1)"),
        ("max_message = 1.5", "max_message: must be at least 125B (1.5)"),
        ("max_message = 4096.5", "max_message: not a whole number of bytes (4096.5)."),
        (f"max_message = 0x{'f' * 5_000}", "max_message: must be at most 1GiB (a huge number)"),
        ("reconnect.jitter = 1.5", "reconnect.jitter: must be at most 1 (1.5)"),
        ("reconnect.factor = 0.5", "reconnect.factor: must be at least 1 (0.5)"),
        ("reconnect.max_attempts = 1.0", "reconnect.max_attempts: expected a whole number, got a number (1.0)"),
        ("reconnect.max = '0.5s'", "reconnect.max: reconnect.max is less than reconnect.initial (500ms < 1s)."),
        (
            "reconnect.initial = '40s'",
            "reconnect.initial: reconnect.max is less than reconnect.initial (30s < 40s).",
        ),
        ("protocol = 'raws'", "protocol: invalid value: expected one of auto, raw, json,"),
        ("redirects = []", "redirects: expected one of none, same-origin, any, got a list"),
        ("group = {}", "group: expected a string, got a table"),
        ('group = "a\\u001b[2J"', "group: contains non-printable characters (a\\x1b[2J)"),
        (f"trace_id = '{'x' * 129}'", "trace_id: too long: 129 characters (xxx"),
        ("headers = []", "headers: expected a table, got a list"),
        ("headers = { A = 1 }", "headers.A: expected a string, got a number (1)"),
        ("headers = { A = '1', a = '2' }", "headers.a: duplicate. same as A"),
        (
            "headers = { 'A B' = '1' }",
            'headers."A B": invalid header name. only letters, digits and hyphens are allowed',
        ),
        ('headers = { A = "a\\r\\nB: c" }', "headers.A: contains a line break. headers must be a single line"),
        ('headers = { A = "a\\u0000" }', "headers.A: contains a control character"),
        ("headers = { A = ' a' }", "headers.A: leading or trailing space."),
        (
            "headers = { Connection = 'x' }",
            "headers.Connection: header belongs to the handshake. wsmon sets this header",
        ),
        (
            "headers = { upgrade = 'x' }",
            "headers.upgrade: header belongs to the handshake. wsmon sets this header",
        ),
        (
            "headers = { Sec-WebSocket-Protocol = 'x' }",
            "headers.Sec-WebSocket-Protocol: header belongs to the handshake. use subprotocols instead",
        ),
        (
            "headers = { Sec-WebSocket-Zz = 'x' }",
            "headers.Sec-WebSocket-Zz: header belongs to the handshake.",
        ),
        ("subprotocols = 'a'", "subprotocols: expected a list, got a string. put it in brackets"),
        ("subprotocols = ['a', 'a b']", "subprotocols[1]: invalid subprotocol."),
        ("subprotocols = ['a', 'b', 'a']", "subprotocols[2]: duplicate"),
        ("subprotocols = ['']", "subprotocols[0]: must not be empty"),
        ("origin = 'example.com'", "origin: missing scheme (example.com)."),
        ("origin = 'https://a'\nheaders = { Origin = 'b' }", "origin: conflicts with the Origin header."),
        ("proxy = 'ftp://h'", "proxy: scheme must be http, https, socks4, socks4a, socks5 or socks5h"),
        (
            "proxy = 'socks://h'",
            "proxy: scheme must be http, https, socks4, socks4a, socks5 or socks5h",
        ),
        ("proxy = 'http://h/path'", "proxy: proxy URL must not have a path, query or fragment (http://h/path)."),
        ("proxy = 'http://user@h'", "proxy: user name without a password."),
        ("tls.ca = 'missing.pem'", "tls.ca: no such file"),
        ("tls.ca = '.'", "tls.ca: not a regular file"),
        ('tls.ca = "a\\u0000"', "tls.ca: contains a NUL character (a\\x00)"),
        ("tls.cert = 'wsmon.toml'", "tls.cert: certificate without a key."),
        ("tls.key = 'wsmon.toml'", "tls.key: key without a certificate. also set tls.cert"),
        ("tls.server_name = 'a b'", "tls.server_name: invalid host (a b)."),
        ("send = [1]", "send[0]: expected a string, got a number (1)"),
        ("sequence.path = 'seq'", "sequence.path: path must start with $ (seq)."),
        ("redact.patterns = ['[']", "redact.patterns[0]: invalid regular expression: unterminated character set"),
        ("redact.patterns = ['x*']", "redact.patterns[0]: pattern matches the empty string"),
        ("redact.headers = ['a b']", "redact.headers[0]: invalid header name (a b)."),
        ("auth = { send = true }", "auth.send: expected a string or a number, got a boolean (true)"),
        ("auth = { x = inf }", "auth.x: must be a finite number (inf)"),
        ("kpi = { connection_time = 5 }", "kpi.connection_time: unknown KPI. use one of connection_success_rate, "),
        ("kpi = { connection_time_ms = '5s' }", "kpi.connection_time_ms: expected a number, got a string (5s)"),
        (
            "kpi = { connection_success_rate = 99.9 }",
            "kpi: invalid KPI target (connection_success_rate = 99.9). use shares between 0 and 1",
        ),
        (
            "kpi = { processing_time_ms = 0 }",
            "kpi: invalid KPI target (processing_time_ms = 0).",
        ),
    ],
)
def test_a_wrong_key_of_a_connection_is_named_with_its_line(problems: Problems, line: str, problem: str) -> None:
    (found,) = problems(ONE + line + "\n")
    assert found.startswith(f"wsmon.toml:4: connection[0].{problem}")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "must not be empty"),
        ("host/path", "missing scheme (host/path). start it with ws or wss://"),
        ("http://h/p", "scheme must be ws or wss (http://h/p). use ws://"),
        ("https://h/p", "scheme must be ws or wss (https://h/p). use wss://"),
        ("ftp://h/p", "scheme must be ws or wss (ftp://h/p). use ws or wss"),
        ("wss://", "missing host (wss://). e.g. wss://host:port"),
        ("wss:///path", "missing host (wss:///path). e.g. wss://host:port"),
        ("wss://h:99999/", "port must be a number from 1 to 65535"),
        ("wss://h:x/", "port must be a number from 1 to 65535"),
        ("wss://h:0/", "port 0 is not a valid destination"),
        ("wss://h:/", "missing port after the colon"),
        ("wss://h/p#top", "URL has a fragment, which is never sent (wss://h/p#top)."),
        ("wss://h/a b", "contains a space or a control character. use %20 for a space"),
        ("wss://[::1/", "invalid URL. e.g. wss://host/path"),
        ("wss://[::g]/", "invalid URL."),
        ("wss://a..b/", "invalid host (wss://a..b/)."),
        ("wss://user@h/", "user name without a password."),
        (
            "ftp://user:hunter2@h/?token=abc",
            "scheme must be ws or wss (ftp://[FILTERED]@h/?token=[FILTERED]).",
        ),
    ],
)
def test_a_wrong_url_is_explained(problems: Problems, url: str, problem: str) -> None:
    (found,) = problems(f'[[connection]]\nname = "a"\nurl = "{url}"\n')
    assert found.startswith(f"wsmon.toml:3: connection[0].url: {problem}")


@pytest.mark.parametrize(
    "url", ["ws://h", "WSS://h:443/", "wss://u:p@h/?a=b", "ws://[::1]:1/", "wss://bücher.example/ü"]
)
def test_good_urls_are_taken_as_they_are(loaded: Load, url: str) -> None:
    (connection,) = loaded(f'[[connection]]\nname = "a"\nurl = "{url}"\n').configuration.connections
    assert connection.url.reveal() == url


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "must not be empty"),
        ("a b", "invalid name (a b)."),
        ("ä", "invalid name (ä)."),
        ("x" * 65, f"too long: 65 characters ({'x' * 65}). use at most 64"),
    ],
)
def test_a_wrong_name_is_explained(problems: Problems, name: str, problem: str) -> None:
    (found,) = problems(f'[[connection]]\nname = "{name}"\nurl = "ws://h"\n')
    assert found.startswith(f"wsmon.toml:2: connection[0].name: {problem}")
