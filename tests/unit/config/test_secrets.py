"""References in texts: where their values come from, and who gets to see them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wsmon.config.load import Loaded
from wsmon.config.secrets import Expanded, ReferenceSources, expand, expand_typed
from wsmon.config.specs import ConnectionSpec
from wsmon.errors import ConfigError, WsmonError
from wsmon.model.redact.masking import Sensitive

Load = Callable[..., Loaded]


Problems = Callable[..., list[str]]


HEAD = '[[connection]]\nname = "a"\nurl = "wss://h/p"\n'


CANARY = "canary-0123456789"


def only(loaded: Loaded) -> ConnectionSpec:
    (connection,) = loaded.configuration.connections
    return connection


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", Expanded("plain", "plain")),
        ("${env:A}/x", Expanded("alpha/x", "alpha/x")),
        ("Bearer ${secret:B}!", Expanded("Bearer bravo-secret!", "Bearer [FILTERED]!", ("bravo-secret",))),
        ("${file:token}", Expanded("from-a-file", "[FILTERED]", ("from-a-file",))),
        ("${env:A}${secret:B}", Expanded("alphabravo-secret", "alpha[FILTERED]", ("bravo-secret",))),
        ("$${env:A}", Expanded("${env:A}", "${env:A}")),
        ("$x ${} ${1}", Expanded("$x ${} ${1}", "$x ${} ${1}")),
        ("${env:EMPTY}", Expanded("", "")),
        ("${env:NESTED}", Expanded("${env:A}", "${env:A}")),
    ],
)
def test_references_are_replaced_once(tmp_path: Path, text: str, expanded: Expanded) -> None:
    (tmp_path / "token").write_text("from-a-file\r\n")
    environ = {"A": "alpha", "B": "bravo-secret", "EMPTY": "", "NESTED": "${env:A}"}
    assert expand(text, ReferenceSources(environ, tmp_path)) == expanded


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${env:NO}", "environment variable is not set (${env:NO}). set NO"),
        ("${secret:NO}", "environment variable is not set (${secret:NO}). set NO"),
        ("${secret:EMPTY}", "environment variable is empty (${secret:EMPTY}). set EMPTY"),
        ("${file:none}", "cannot read the referenced file: no such file or directory (${file:none})"),
        ("${file:.}", "cannot read the referenced file: it is a folder (${file:.})"),
        ("${file:empty}", "the referenced file is empty (${file:empty})"),
        ("${file:binary}", "the referenced file is not UTF-8 text (${file:binary})"),
        ("${vault:x}", "unknown reference source (${vault:x}). use env, secret or file"),
        (
            "${TOKEN}",
            "reference without a source (${TOKEN}). use ${env:TOKEN}, ${secret:TOKEN} for secrets,",
        ),
    ],
)
def test_a_reference_that_yields_nothing_names_the_key(
    problems: Problems, tmp_path: Path, text: str, problem: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff")
    (found,) = problems(f"{HEAD}send = ['x', '{text}']\n", EMPTY="")
    assert found.startswith(f"wsmon.toml:4: connection[0].send[1]: {problem}")


def test_every_missing_reference_of_a_text_is_named(problems: Problems) -> None:
    found = problems(f"{HEAD}send = ['${{env:A}} ${{secret:B}}']\n")
    assert [problem.rpartition("set ")[2] for problem in found] == ["A", "B"]


@pytest.mark.parametrize(
    "key", ["group", "trace_id", "profile", "open_timeout", "max_message", "tls.ca", "tls.server_name"]
)
def test_a_secret_may_not_be_where_everybody_sees_it(problems: Problems, key: str) -> None:
    (found,) = problems(f'{HEAD}{key} = "${{secret:TOKEN}}"\n', TOKEN="hunter2-hunter2")
    written = "(${secret:TOKEN}). use ${env:…} or plain text"
    problem = "secrets are not allowed here, because the value is displayed"
    assert found == f"wsmon.toml:4: connection[0].{key}: {problem} {written}"


def test_plain_references_work_in_every_text(loaded: Load) -> None:
    text = '[[connection]]\nname = "${env:N}"\nurl = "${env:U}"\nopen_timeout = "${env:T}"\n'
    (connection,) = loaded(text, N="orders", U="wss://h", T="3s").configuration.connections
    assert (connection.name, connection.url, connection.open_timeout_s) == ("orders", Sensitive("wss://h"), 3.0)


def test_a_short_secret_is_warned_about_once(loaded: Load) -> None:
    whole = loaded(f"{HEAD}send = ['${{secret:PIN}}', '${{secret:PIN}}', '${{secret:LONG}}']", PIN="1", LONG="12345678")
    assert [(warning.key, warning.problem, warning.value) for warning in whole.warnings] == [
        ("connection[0].send[0]", "secret has fewer than 8 characters", "")
    ]
    assert whole.configuration.secrets == ("1", "12345678")


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


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xef\xbb\xbftoken-123", "the referenced file begins with a byte order mark (${file:t}). save it as UTF-8"),
        (b"token\xe2\x80\x8b-123", "contains an invisible character, U+200B zero width space (${file:t})"),
        (b"token-123\xe2\x81\xa0\n", "contains an invisible character, U+2060 word joiner (${file:t})"),
        (b"token\xe2\x80\x8d-123", "contains an invisible character, U+200D zero width joiner (${file:t})"),
        (b"\xff\xfet\x00o\x00k\x00", "not UTF-8 text (${file:t}). save it as UTF-8 (PowerShell writes"),
        (b"\n", "the referenced file is empty (${file:t})"),
        (b" \t\r\n", "the referenced file is empty (${file:t})"),
        (b"\xef\xbb\xbf\n", "the referenced file is empty (${file:t})"),
    ],
)
def test_a_secret_with_what_cannot_be_seen_is_named(
    problems: Problems, tmp_path: Path, content: bytes, problem: str
) -> None:
    (tmp_path / "t").write_bytes(content)
    (found,) = problems(HEAD + 'headers = { Authorization = "Bearer ${file:t}" }')
    assert problem in found


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("token-123", ""),
        ("token-123\n", "the referenced file ends with a line break (${file:t}). it is not part of the value"),
        (" token-123", "the referenced file begins or ends with a space (${file:t}). it is part of the value"),
        ("emoji 👩\u200d💻", ""),
    ],
)
def test_an_odd_secret_that_works_is_a_note(loaded: Load, tmp_path: Path, content: str, note: str) -> None:
    (tmp_path / "t").write_text(content)
    made = loaded(HEAD + 'send = ["${file:t}"]')
    assert ([str(each).partition("send[0]: ")[2] for each in made.notes], made.warnings) == ([note] if note else [], ())


@pytest.mark.parametrize("value", ["Bearer ${env:EMPTY}", "Basic", "token "])
def test_a_header_without_its_credential_is_named(problems: Problems, value: str) -> None:
    (found,) = problems(HEAD + f'headers = {{ Authorization = "{value}" }}', EMPTY="")
    assert f"no credential after {value.split()[0]}" in found


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('headers = { Authorization = "${env:EMPTY}" }', "header Authorization"),
        ('answer = true\nauth = { token = "${env:EMPTY}" }', "auth.token"),
    ],
)
def test_an_empty_credential_is_warned_about(loaded: Load, text: str, named: str) -> None:
    (warning,) = loaded(HEAD + text, EMPTY="").warnings
    assert f"empty credential ({named})" in str(warning)


def test_an_empty_credential_in_the_url_is_warned_about(loaded: Load) -> None:
    (warning,) = loaded(HEAD.replace("/p", "/p?access_token=${env:EMPTY}&x="), EMPTY="").warnings
    assert "empty credential (access_token= in the URL)" in str(warning)


def test_references_in_a_typed_text_are_those_of_secrets_alone() -> None:
    typed = expand_typed("${secret:A} ${env:A} ${x} $${secret:A} ${file:/etc/passwd} $", {"A": "value-of-a"})
    assert typed.text == "value-of-a ${env:A} ${x} ${secret:A} ${file:/etc/passwd} $"
    assert typed.secrets == ("value-of-a",)
    assert typed.restored(typed.bare) == "${secret:A} ${env:A} ${x} $${secret:A} ${file:/etc/passwd} $"
    assert typed.restored('{"password":"[FILTERED]"}') == '{"password":"[FILTERED]"}'


@pytest.mark.parametrize("text", ["\ue000 ${secret:A}", "${secret:A}" * 300])
def test_where_no_placeholder_is_free_a_history_has_a_mask(text: str) -> None:
    typed = expand_typed(text, {"A": "value-of-a"})
    assert typed.text == text.replace("${secret:A}", "value-of-a")
    assert typed.restored(typed.bare) == text.replace("${secret:A}", "[FILTERED]")


@pytest.mark.parametrize("text", ["${secret:B}", "${secret:}", "${secret:EMPTY}", "${secret:HIDDEN}", "${secret:a b}"])
def test_an_unknown_secret_in_a_typed_text_is_refused(text: str) -> None:
    with pytest.raises(WsmonError, match=r"not sent: \$\{secret:") as caught:
        expand_typed(text, {"EMPTY": "", "HIDDEN": "hidden-\u200bvalue"})
    assert "hidden-" not in str(caught.value)
