"""Credentials in a configuration: what is shown of them, and what else they make secret."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wsmon.config.load import Loaded
from wsmon.config.specs import ConnectionSpec
from wsmon.errors import ConfigError
from wsmon.model.redact.masking import Sensitive

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]

CANARY = "canary-0123456789"


def only(loaded: Loaded) -> ConnectionSpec:
    (connection,) = loaded.configuration.connections
    return connection


def test_credentials_of_a_connection_are_sent_but_not_shown(loaded: Load) -> None:
    whole = loaded(
        """
        [[connection]]
        name = "a"
        url = "wss://user:pass%40word@h/p?x=1&token=query%2Btoken"
        headers.Authorization = "Bearer literal-token"
        headers.Cookie = "sid=cookie-value; t=another-one"
        headers.X-Plain = "${secret:S}-1"
        subprotocols = ["v1", "access_token", "protocol-token"]
        proxy = "http://me:proxy-password@proxy:1"
        send = ['{"password": "in-a-message"}']
        auth = { send = "login", expires_in = 60 }
        """,
        S="from-outside",
    )
    spec = only(whole)
    assert spec.url == Sensitive(
        "wss://user:pass%40word@h/p?x=1&token=query%2Btoken", "wss://[FILTERED]@h/p?x=1&token=[FILTERED]"
    )
    assert spec.headers == (
        ("Authorization", Sensitive("Bearer literal-token", "Bearer [FILTERED]")),
        ("Cookie", Sensitive("sid=cookie-value; t=another-one", "[FILTERED]")),
        ("X-Plain", Sensitive("from-outside-1", "[FILTERED]-1")),
    )
    assert spec.subprotocols[2] == Sensitive("protocol-token", "[FILTERED]")
    assert spec.proxy.masked == "http://[FILTERED]@proxy:1"
    assert spec.send == (Sensitive('{"password": "in-a-message"}', '{"password": "[FILTERED]"}'),)
    assert dict(spec.auth) == {"send": Sensitive("login", "[FILTERED]"), "expires_in": 60.0}
    assert set(whole.configuration.secrets) >= {
        "from-outside",
        "pass@word",
        "query+token",
        "query%2Btoken",
        "literal-token",
        "sid=cookie-value; t=another-one",
        "cookie-value",
        "another-one",
        "protocol-token",
        "proxy-password",
    }
    assert not {"login", "v1", "in-a-message"} & set(whole.configuration.secrets)


def test_the_redact_table_adds_and_exempts(loaded: Load) -> None:
    text = """
    [defaults]
    redact = { headers = ["X-Mine"], query = ["k"], allow = ["token"] }
    [[connection]]
    name = "a"
    url = "wss://h/p?k=mine-is-secret&token=not-a-secret"
    headers = { X-Mine = "value-of-mine" }
    """
    spec = only(loaded(text))
    assert spec.url.masked == "wss://h/p?k=[FILTERED]&token=not-a-secret"
    assert spec.headers == (("X-Mine", Sensitive("value-of-mine", "[FILTERED]")),)


def test_short_literals_are_masked_where_they_stand_only(loaded: Load) -> None:
    whole = loaded('[[connection]]\nname = "a"\nurl = "wss://h/p?token=abc"\n')
    assert (only(whole).url.masked, whole.configuration.secrets) == ("wss://h/p?token=[FILTERED]", ())


def test_what_belongs_to_no_connection_is_masked_too(loaded: Load) -> None:
    headers = 'otlp_headers = { Authorization = "Bearer collector-token", X-Scope = "me" }\n'
    text = '[wsmon]\notlp = "http://u:collector-pw@h"\n' + headers + 'alerts.webhook = "https://h/?token=hook-token"\n'
    configuration = loaded(text + '[[connection]]\nname = "a"\nurl = "ws://h"\n').configuration
    assert configuration.otlp.url.masked == "http://[FILTERED]@h"
    assert {name: value.masked for name, value in configuration.otlp.headers} == {
        "Authorization": "Bearer [FILTERED]",
        "X-Scope": "me",
    }
    assert {"collector-pw", "collector-token"} <= set(configuration.secrets)
    assert configuration.alerts.webhook.masked == "https://h/?token=[FILTERED]"


@pytest.mark.parametrize(
    "lines",
    [
        'headers = { Authorization = "Bearer ${secret:S}\\n" }',
        'headers = { Authorization = "Bearer canary-0123456789\\u0001" }',
        'url = "wss://h:x/?token=${secret:S}"',
        'url = "ftp://u:canary-0123456789@h/"',
        'url = "wss://u:canary-0123456789"',
        'url = "wss://[canary-0123456789"',
        'proxy = "ftp://u:${secret:S}@h"',
        'subprotocols = ["access_token", "canary-0123456789 "]',
        'subprotocols = ["${secret:S}", "${secret:S}"]',
        'trace_id = "${secret:S}"',
        'group = "${env:S}\\n"\nsend = ["${secret:S}"]',
        'auth = ["canary-0123456789"]',
        'tls.ca = "/${secret:S}"',
    ],
)
def test_no_message_contains_a_secret(loaded: Load, lines: str) -> None:
    url = "" if lines.startswith("url") else 'url = "wss://h"\n'
    with pytest.raises(ConfigError) as caught:
        loaded(f'[[connection]]\nname = "a"\n{url}{lines}\n', S=CANARY)
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value.problems)


def test_no_representation_contains_a_secret(loaded: Load) -> None:
    text = f'[[connection]]\nname = "a"\nurl = "wss://u:{CANARY}@h"\nsend = ["${{secret:S}}"]\nauth.x = "{CANARY}"\n'
    whole = loaded(text, S=CANARY)
    assert CANARY not in repr(whole)
    assert CANARY not in str(whole)
