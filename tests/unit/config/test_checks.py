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
        ("ur = 1", "ur: is no key of this table. did you mean url?"),
        ("ping_interval = 1", "ping_interval: is no key of this table. did you mean ping.interval?"),
        ("theme = 'x'", "theme: is no key of this table. it belongs into [wsmon]"),
        (
            "ping.intervall = 1",
            "ping.intervall: is no key of this table. did you mean interval?",
        ),
        ("ping = '20s'", f"ping: is a text where a table is expected (20s). its keys are {', '.join(PING_KEYS)}"),
        ("ping.interval = -1", "ping.interval: is less than 0s (-1)"),
        ("ping.timeout = 0", "ping.timeout: is less than 1ms (0)"),
        ("open_timeout = inf", "open_timeout: is no finite number (inf)"),
        ("open_timeout = nan", "open_timeout: is no finite number (nan)"),
        ("open_timeout = 1979-05-27", "open_timeout: is a date or time where a duration is expected."),
        ("open_timeout = '2h'", "open_timeout: is more than 1h (2h)"),
        ("open_timeout = '20'", "open_timeout: is a duration without a unit (20)."),
        ("enabled = 'true'", "enabled: is a text where true or false is expected (true). write true without quotes"),
        ("enabled = 1", "enabled: is a number where true or false is expected (1)"),
        ("max_message = 1.5", "max_message: is less than 125B (1.5)"),
        ("max_message = 4096.5", "max_message: is no whole number of bytes (4096.5)."),
        (f"max_message = 0x{'f' * 5_000}", "max_message: is more than 1GiB (a huge number)"),
        ("reconnect.jitter = 1.5", "reconnect.jitter: is more than 1 (1.5)"),
        ("reconnect.factor = 0.5", "reconnect.factor: is less than 1 (0.5)"),
        ("reconnect.max_attempts = 1.0", "reconnect.max_attempts: is a number where a whole number is expected (1.0)"),
        ("reconnect.max = '0.5s'", "reconnect.max: the longest delay is less than the first one (500ms < 1s)."),
        ("reconnect.initial = '40s'", "reconnect.initial: the longest delay is less than the first one (30s < 40s)."),
        ("protocol = 'raws'", "protocol: is not one of auto, raw, json,"),
        ("redirects = []", "redirects: is a list where one of none, same-origin, any is expected"),
        ("group = {}", "group: is a table where a text is expected"),
        ('group = "a\\u001b[2J"', "group: has characters that cannot be printed (a\\x1b[2J)"),
        (f"trace_id = '{'x' * 129}'", "trace_id: has 129 characters (xxx"),
        ("headers = []", "headers: is a list where a table is expected"),
        ("headers = { A = 1 }", "headers.A: is a number where a text is expected (1)"),
        ("headers = { A = '1', a = '2' }", "headers.a: is there twice. as A already"),
        ("headers = { 'A B' = '1' }", 'headers."A B": is no legal name of a header. letters, digits and hyphens'),
        ('headers = { A = "a\\r\\nB: c" }', "headers.A: contains a line break. a header has one line"),
        ('headers = { A = "a\\u0000" }', "headers.A: contains a control character"),
        ("headers = { A = ' a' }", "headers.A: begins or ends with a space."),
        ("headers = { Connection = 'x' }", "headers.Connection: is a header of the handshake itself. wsmon sets it"),
        ("headers = { upgrade = 'x' }", "headers.upgrade: is a header of the handshake itself. wsmon sets it"),
        (
            "headers = { Sec-WebSocket-Protocol = 'x' }",
            "headers.Sec-WebSocket-Protocol: is a header of the handshake itself. use the key subprotocols",
        ),
        ("headers = { Sec-WebSocket-Zz = 'x' }", "headers.Sec-WebSocket-Zz: is a header of the handshake itself."),
        ("subprotocols = 'a'", "subprotocols: is a text where a list is expected. put it into brackets"),
        ("subprotocols = ['a', 'a b']", "subprotocols[1]: is no legal subprotocol."),
        ("subprotocols = ['a', 'b', 'a']", "subprotocols[2]: is there twice"),
        ("subprotocols = ['']", "subprotocols[0]: is empty"),
        ("origin = 'example.com'", "origin: has no scheme (example.com)."),
        ("origin = 'https://a'\nheaders = { Origin = 'b' }", "origin: is set, and a header Origin as well."),
        ("proxy = 'ftp://h'", "proxy: has a scheme that is not http, https, socks4, socks4a, socks5 or socks5h"),
        (
            "proxy = 'socks://h'",
            "proxy: has a scheme that is not http, https, socks4, socks4a, socks5 or socks5h",
        ),
        ("proxy = 'http://h/path'", "proxy: is the URL of a proxy with a path, a query or a fragment (http://h/path)."),
        ("proxy = 'http://user@h'", "proxy: has a user without a password."),
        ("tls.ca = 'missing.pem'", "tls.ca: does not exist"),
        ("tls.ca = '.'", "tls.ca: is no regular file"),
        ('tls.ca = "a\\u0000"', "tls.ca: contains a NUL character (a\\x00)"),
        ("tls.cert = 'wsmon.toml'", "tls.cert: is a certificate without its key."),
        ("tls.key = 'wsmon.toml'", "tls.key: is a key without its certificate. set tls.cert too"),
        ("tls.server_name = 'a b'", "tls.server_name: has a host that is none (a b)."),
        ("send = [1]", "send[0]: is a number where a text is expected (1)"),
        ("sequence.path = 'seq'", "sequence.path: does not start with $ (seq)."),
        ("redact.patterns = ['[']", "redact.patterns[0]: is no regular expression, unterminated character set"),
        ("redact.patterns = ['x*']", "redact.patterns[0]: matches the empty text"),
        ("redact.headers = ['a b']", "redact.headers[0]: is no legal name of a header (a b)."),
        ("auth = { send = true }", "auth.send: is true or false where a text or a number is expected (true)"),
        ("auth = { x = inf }", "auth.x: is no finite number (inf)"),
        ("kpi = { connection_time = 5 }", "kpi.connection_time: is no key figure. they are connection_success_rate, "),
        ("kpi = { connection_time_ms = '5s' }", "kpi.connection_time_ms: is a text where a number is expected (5s)"),
        (
            "kpi = { connection_success_rate = 99.9 }",
            "kpi: has a threshold that means nothing (connection_success_rate = 99.9). shares lie between 0 and 1",
        ),
        (
            "kpi = { processing_time_ms = 0 }",
            "kpi: has a threshold that means nothing (processing_time_ms = 0).",
        ),
    ],
)
def test_a_wrong_key_of_a_connection_is_named_with_its_line(problems: Problems, line: str, problem: str) -> None:
    (found,) = problems(ONE + line + "\n")
    assert found.startswith(f"wsmon.toml:4: connection[0].{problem}")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "is empty"),
        ("host/path", "has no scheme (host/path). start it with ws or wss://"),
        ("http://h/p", "has a scheme that is not ws or wss (http://h/p). use ws://"),
        ("https://h/p", "has a scheme that is not ws or wss (https://h/p). use wss://"),
        ("ftp://h/p", "has a scheme that is not ws or wss (ftp://h/p). use ws or wss"),
        ("wss://", "has no host (wss://). such as wss://host:port"),
        ("wss:///path", "has no host (wss:///path). such as wss://host:port"),
        ("wss://h:99999/", "has a port that is no number from 1 to 65535"),
        ("wss://h:x/", "has a port that is no number from 1 to 65535"),
        ("wss://h:0/", "has the port 0, to which nobody can connect"),
        ("wss://h:/", "has a colon without a port behind it"),
        ("wss://h/p#top", "has a fragment, which is never sent (wss://h/p#top)."),
        ("wss://h/a b", "contains a space or a control character. write %20 for a space"),
        ("wss://[::1/", "is no URL. such as wss://host/path"),
        ("wss://[::g]/", "is no URL."),
        ("wss://a..b/", "has a host that is none (wss://a..b/)."),
        ("wss://user@h/", "has a user without a password."),
        (
            "ftp://user:hunter2@h/?token=abc",
            "has a scheme that is not ws or wss (ftp://[FILTERED]@h/?token=[FILTERED]).",
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
        ("", "is empty"),
        ("a b", "has characters that a name may not have (a b)."),
        ("ä", "has characters that a name may not have (ä)."),
        ("x" * 65, f"has 65 characters ({'x' * 65}). at most 64"),
    ],
)
def test_a_wrong_name_is_explained(problems: Problems, name: str, problem: str) -> None:
    (found,) = problems(f'[[connection]]\nname = "{name}"\nurl = "ws://h"\n')
    assert found.startswith(f"wsmon.toml:2: connection[0].name: {problem}")
