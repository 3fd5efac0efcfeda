"""The redactor masks the credentials of messages, headers, URLs and subprotocols, and nothing else."""

from __future__ import annotations

import base64
import json

import pytest

from tests.support.json_corpus import HOLDS_SECRET, CorpusPayload, corpus
from tests.support.marked import split_marked
from wsmon.errors import UsageError
from wsmon.model.redact.redactor import MARKS, Redactor

SECRET = "hunter2/secret+x"

REDACTOR = Redactor()
WITH_SECRET = Redactor(secrets=(SECRET, "4815162342"))


def masked(message: str, redactor: Redactor = REDACTOR) -> str:
    redacted, changed = redactor.payload(message.encode())
    assert changed == (redacted != message.encode())
    assert redactor.payload(redacted) == (redacted, False)
    return redacted.decode()


CREDENTIAL_NAMES = (
    "password", "passwd", "pwd", "passphrase", "passcode", "pass", "user_pass", "secret", "apisecret", "client_secret",
    "authorization", "cookie", "credentials", "otp", "totp", "ssn", "cvv", "jwt", "csrf", "xsrf_token", "token",
    "access_token", "api_key", "apikey", "private-key", "secret.key", "access key", "signing_key", "listenkey",
    "listen_key", "auth_key", "session_key", "encryptionkey", "client_key", "sid", "connect.sid", "session_id",
    "sessionid", "phpsessid", "jsessionid", "pin", "pin_code", "pincode", "code_verifier", "device_code", "devicecode",
    "auth_code", "verification_code", "authsig", "x-csrf-token", "x-session-id",
)  # fmt: skip


# each pair: the message with the credential between ⟦ and ⟧; what is between becomes the mask
JSON_MESSAGES = [
    '{"token":"⟦abc⟧"}',
    '{"token" : "⟦abc⟧" , "n":1}',
    '{"token":"⟦a⟧","token":"⟦b⟧"}',
    '{"a":[{"b":{"client_secret":"⟦x⟧","nested":{"access_token":"⟦y⟧"}}},7]}',
    r'{"secret":"⟦a\"b\\⟧","c":"\\"}',
    r'{"\u0074oken":"⟦abc⟧"}',
    r'{"\u0074\u006F\u006b\u0065n":"⟦\u0061bc⟧","é":1}',
    r'{"api\u005fkey":"⟦x⟧"}',
    r'{"token":"⟦\u0022\u005c⟧","n":"\u0022"}',
    r'{"data": "{\"token\": \"⟦abc⟧\"}"}',
    r'{"data":"{\"password\":\"⟦a\\\"b\\\\⟧\",\"n\":1}","z":"\\"}',
    r'{"a":"{\"b\":\"{\\\"secret\\\":\\\"⟦x⟧\\\",\\\"n\\\":1}\"}"}',
    r'{"a":"{\n  \"apiKey\": \"⟦x⟧\",\n  \"n\": 1\n}"}',
    r'{"a":"{\u0022token\u0022:\u0022⟦abc⟧\u0022,\u0022n\u0022:5}"}',
    r'{"a":"{\\u0022token\\u0022:\\u0022⟦abc⟧\\u0022}"}',
    '{"cookie":"⟦a=b; c=d⟧","x":1}',
    '{"Access Token":"⟦abc⟧"}',
    '{"password for bob":"⟦abc⟧"}',
    '{"user[password]":"⟦abc⟧"}',
    '{"grant_type":"client_signature","client_id":"me","timestamp":1,"signature":"⟦0a1b⟧","nonce":"n"}',
    '{"op":"login","args":[{"apiKey":"⟦k⟧","passphrase":"⟦p⟧","timestamp":"1","sign":"⟦s⟧"}]}',
    '["1","1","room:lobby","phx_join",{"token":"⟦abc⟧"}]',
    '42["auth",{"token":"⟦abc⟧"}]',
    '{"a":1}\n{"token":"⟦x⟧"}\n',
    "{'token': '⟦abc⟧', 'n': 1}",
    '{"token" => "⟦abc⟧"}',
    '{"auth":"Basic ⟦dXNlcjpzM2NyM3QtYjY0⟧"}',
    '{"x":"⟦eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl⟧"}',
    '{"log":"sent Bearer ⟦Abc123.x~y⟧ to it"}',
    '{"log":"login with password=⟦hunter2⟧, then wait"}',
    r'{"log":"GET /\r\nAuthorization: Bearer ⟦abc⟧\r\nHost: x"}',
    r'{"log":"{\"h\":\"Cookie: ⟦a=b; c=d⟧\"}","n":1}',
    r'{"log":"Authorization: Digest ⟦username=\"u\", response=\"abc\"⟧","n":1}',
    r'{"log":"token: \"⟦abc⟧\" is bad","n":1}',
    '{"log":"token: ⟦{oops⟧","n":{"m":1}}',
    '{"url":"wss://⟦user:pa55⟧@host/x?a=1&token=⟦abc⟧&b=2#c"}',
    r'{"url":"https:\/\/⟦u:p⟧@host\/x?api_key=⟦abc⟧","n":1}',
    r'{"url":"wss://host/?a=1\u0026token=⟦abc⟧\u0026b=2"}',
    '{"url":"https://host/cb?next=https%3A%2F%2Fx%3Ftoken%3D⟦abc⟧%26b=1"}',
    '{"url":"https://host/x?sig=⟦abc⟧&hash=⟦def⟧&key=⟦ghi⟧"}',
]
OTHER_MESSAGES = [
    "a=b&token=⟦x⟧&c=d",
    "token=⟦x⟧",
    "user[password]=⟦abc⟧&z=1",
    "user%5Bpassword%5D=⟦abc⟧&z=1",
    "payload=%7B%22token%22%3A%22⟦abc⟧%22%7D&x=1",
    "see https://x.y/?access_token=⟦abc⟧ for more",
    "GET / HTTP/1.1\r\nAuthorization: Bearer ⟦abc⟧\r\nX: y",
    "authorization: Basic ⟦dTpw⟧",
    'Cookie: ⟦a="b"; c=d⟧\nX: y',
    "X-Api-Key: ⟦abc⟧",
    "CONNECT\nlogin:me\npasscode:⟦abc⟧\n\n\0",
    "password: '⟦it is⟧' and more",
    'level=info token="⟦abc def⟧" n=1',
    "{token: ⟦{a: 1}⟧, b: 2}",
    "base64url.bearer.phx.⟦SFMyNTY.g2gD⟧",
    '{"token":"⟦abc⟧',
    r'{"token":"⟦abc\⟧',
    r'{"a":"{\"token\":\"⟦ab⟧',
    '{"password": "⟦abc, ⟧"n": 1}',
]


@pytest.mark.parametrize("marked", JSON_MESSAGES + OTHER_MESSAGES)
def test_the_credential_is_masked_and_nothing_else(marked: str) -> None:
    message, expected = split_marked(marked)
    assert masked(message) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('{"token":12}', '{"token":"[FILTERED]"}'),
        ('{"token": -1.5e3 , "n":1}', '{"token": "[FILTERED]" , "n":1}'),
        ('{"token":[null],"otp":[]}', '{"token":"[FILTERED]","otp":"[FILTERED]"}'),
        ('{"secret":[1,{"a":"]"}],"n":[2]}', '{"secret":"[FILTERED]","n":[2]}'),
        ('{"credentials":{"user":"a","x":{"y":"}\\""}},"n":1}', '{"credentials":"[FILTERED]","n":1}'),
        (r'{"d":"{\"pwd\":12,\"n\":1}"}', r'{"d":"{\"pwd\":\"[FILTERED]\",\"n\":1}"}'),
        (r'{"d":"{\"pwd\":[\"a]\"],\"n\":1}"}', r'{"d":"{\"pwd\":\"[FILTERED]\",\"n\":1}"}'),
        (r'{"d":"{\"pwd\":{\"a\":","n":1}', r'{"d":"{\"pwd\":\"[FILTERED]\"","n":1}'),
        ('{"secret":{"a":[1', '{"secret":"[FILTERED]"'),
        ('{"secret":12', '{"secret":"[FILTERED]"'),
    ],
)
def test_a_value_that_is_no_string_becomes_one(message: str, expected: str) -> None:
    assert masked(message) == expected


@pytest.mark.parametrize(
    "message",
    [
        "", " ", "{}", '{"token":', '{"token"', '"token"', '["token","abc"]', '{"type":"token","value":"x"}',
        '{"label":"Password:","hint":"Your password: ","n":1}', '{"text":"token="}', "token=&b=1", "forgot password?",
        '{"className":"a","hotPrice":1,"tokenId":2,"sort_key":"k","cryptocurrency":"btc"}',
        '{"signature":"5h6x","hash":"0x1","sign":"a"}', "secret://path", "Secret::Name", "token == null",
        '{"msg":"Bearer authentication failed, basic information missing"}', "wss://host:8080/path?channel=a&vsn=2",
        '{"email":"a@b.c","url":"https://host/@user?sort_key=1"}', r'{"a":"\u00e9\u0041"}',
        '{"token_type":"bearer","expires_in":3600}',
    ],
)  # fmt: skip
def test_a_message_without_credentials_is_returned_as_it_is(message: str) -> None:
    payload = message.encode()
    assert REDACTOR.payload(payload) == (payload, False)


FORMS = {
    "plain": SECRET,
    "json": json.dumps({"a": SECRET + "é"}),
    "slashes": json.dumps({"a": SECRET}).replace("/", "\\/"),
    "url": "a=hunter2%2Fsecret%2Bx&b=1",
    "url, small hex": "a=hunter2%2fsecret%2bx&b=1",
    "escaped": r'{"a":"hunter2/secret\u002bx"}',
}


@pytest.mark.parametrize("message", FORMS.values(), ids=FORMS)
def test_a_secret_is_masked_in_every_encoding(message: str) -> None:
    redacted = masked(message, WITH_SECRET)
    assert "[FILTERED]" in redacted
    assert "secret" not in redacted


@pytest.mark.parametrize("before", ["", "u:", "u", "abc", "abcd"])
@pytest.mark.parametrize("after", ["", "x", "yz"])
def test_a_secret_is_masked_at_every_base64_alignment(before: str, after: str) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode((before + SECRET + after).encode()).decode()
        redacted = masked(f'{{"a":"{encoded}"}}', WITH_SECRET)
        assert "[FILTERED]" in redacted
        assert encoded[6:14] not in redacted


def test_a_secret_number_keeps_the_document_valid() -> None:
    message = '{"n":4815162342,"m":99481516234299,"s":"a 4815162342, b"}'
    assert masked(message, WITH_SECRET) == '{"n":"[FILTERED]","m":"[FILTERED]","s":"a [FILTERED], b"}'


def test_a_short_secret_is_masked_in_headers_but_not_in_messages() -> None:
    redactor = Redactor(secrets=("abc",))
    assert redactor.payload(b"abc") == (b"abc", False)
    assert redactor.headers([("X-Room", "abc")]) == (("X-Room", "[FILTERED]"),)


def test_a_secret_with_quotes_and_backslashes_is_masked_where_it_is_escaped() -> None:
    secret = 'pa"ss\\wörd'
    redactor = Redactor(secrets=(secret,))
    for ensure_ascii in (True, False):
        once = json.dumps({"a": secret, "n": 1}, ensure_ascii=ensure_ascii)
        twice = json.dumps({"d": once}, ensure_ascii=ensure_ascii)
        assert json.loads(masked(once, redactor)) == {"a": "[FILTERED]", "n": 1}
        assert json.loads(json.loads(masked(twice, redactor))["d"]) == {"a": "[FILTERED]", "n": 1}


def test_further_secrets_are_masked_beside_those_that_a_redactor_has() -> None:
    first = Redactor(secrets=["from-outside-1"])
    more = first.knowing(["of-a-session-2", "short"]).knowing(["of-a-redirect-3"])
    message = b'from-outside-1 of-a-session-2 of-a-redirect-3 short {"password":"x"}'
    assert more.payload(message) == (
        b'[FILTERED] [FILTERED] [FILTERED] short {"password":"[FILTERED]"}',
        True,
    )
    assert first.payload(message)[0] == (b'[FILTERED] of-a-session-2 of-a-redirect-3 short {"password":"[FILTERED]"}')
    assert more.headers([("X", "of-a-session-2 of-a-redirect-3")]) == (("X", "[FILTERED] [FILTERED]"),)
    assert more.suspicious([b"a", b"b of-a-redirect-3", b"of%2Da"]) == [1]
    assert more.url("wss://h/of-a-session-2/x?y=of-a-redirect-3") == "wss://h/[FILTERED]/x?y=[FILTERED]"
    assert more.payload(b'{"m":"\\u006ff-a-session-2"}') == (b'{"m":"[FILTERED]"}', True)
    assert first.knowing(["short"]) is first


def test_the_users_keys_patterns_and_exemptions_count() -> None:
    redactor = Redactor(keys=("account_id", "пароль"), patterns=(r"\b\d{4}-\d{4}\b",), allow=("token",))
    assert masked('{"accountId":"a","token":"b","access_token":"c","m":"x 1234-5678 y"}', redactor) == (
        '{"accountId":"[FILTERED]","token":"b","access_token":"[FILTERED]","m":"x [FILTERED] y"}'
    )
    assert masked('{"Пароль":"abc"}', redactor) == '{"Пароль":"[FILTERED]"}'
    escaped = json.dumps({"Пароль": "abc"})
    assert masked(escaped, redactor) == escaped.replace("abc", "[FILTERED]")


def test_a_pattern_that_is_no_regular_expression_is_named() -> None:
    with pytest.raises(UsageError, match=r"redact pattern '\(a' is not a valid regular expression: missing \)"):
        Redactor(patterns=("(a",))


def test_a_pattern_that_matches_nothing_or_everything_does_no_harm() -> None:
    assert masked("abc", Redactor(patterns=("x*",))) == "abc"
    assert masked("abc def", Redactor(patterns=(r"\w+",))) == "[FILTERED] [FILTERED]"


def test_headers_keep_the_scheme_and_lose_the_credential() -> None:
    assert REDACTOR.headers(
        [
            ("Host", "example.com"),
            ("Authorization", "Bearer abc"),
            ("Proxy-Authorization", "Basic dTpw"),
            ("authorization", "abc"),
            ("Set-Cookie", "sid=abc; Path=/"),
            ("X-Api-Key", "abc"),
            ("Location", "wss://u:p@host/?token=abc"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZQ=="),
            ("Sec-WebSocket-Protocol", "phoenix, base64url.bearer.phx.abc"),
        ]
    ) == (
        ("Host", "example.com"),
        ("Authorization", "Bearer [FILTERED]"),
        ("Proxy-Authorization", "Basic [FILTERED]"),
        ("authorization", "[FILTERED]"),
        ("Set-Cookie", "[FILTERED]"),
        ("X-Api-Key", "[FILTERED]"),
        ("Location", "wss://[FILTERED]@host/?token=[FILTERED]"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZQ=="),
        ("Sec-WebSocket-Protocol", "phoenix, base64url.bearer.phx.[FILTERED]"),
    )


@pytest.mark.parametrize(
    ("subprotocol", "expected"),
    [
        ("phoenix", "phoenix"),
        ("graphql-transport-ws", "graphql-transport-ws"),
        ("v12.stomp", "v12.stomp"),
        ("base64url.bearer.phx.SFMyNTY", "base64url.bearer.phx.[FILTERED]"),
        ("base64url.bearer.authorization.k8s.io.abc", "base64url.bearer.authorization.k8s.io.[FILTERED]"),
        ("access_token.abc", "access_token.[FILTERED]"),
        ("openai-insecure-api-key.sk-abc", "openai-insecure-api-key.[FILTERED]"),
        ("header-eyJob3N0IjoiYSJ9", "header-[FILTERED]"),
        ("eyJhbGciOi.eyJzdWIi.c2ln", "[FILTERED]"),
    ],
)
def test_a_bearer_subprotocol_is_masked(subprotocol: str, expected: str) -> None:
    assert REDACTOR.subprotocol(subprotocol) == expected
    assert REDACTOR.subprotocol(expected) == expected


def test_the_subprotocol_behind_a_credential_name_is_the_credential() -> None:
    assert REDACTOR.subprotocols(["access_token", "abc", "chat"]) == ("access_token", "[FILTERED]", "chat")


def test_a_credential_that_a_server_chooses_as_subprotocol_is_masked_as_in_the_request() -> None:
    request = [("Host", "a"), ("Sec-WebSocket-Protocol", "chat, bearer , abc"), ("sec-websocket-protocol", "v2")]
    answers = [("Sec-WebSocket-Protocol", answer) for answer in ("abc", "v2", "bearer, abc", "other", "access_token.x")]
    assert [value for _, value in REDACTOR.headers(answers, request)] == [
        "[FILTERED]",
        "v2",
        "bearer, [FILTERED]",
        "other",
        "access_token.[FILTERED]",
    ]
    assert [REDACTOR.subprotocol(name, request) for name in ("abc", "v2", "chat")] == ["[FILTERED]", "v2", "chat"]


def test_text_takes_any_string() -> None:
    assert REDACTOR.text("refused \ud800: token=abc") == "refused \ud800: token=[FILTERED]"


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.id) for entry in corpus()])
def test_the_corpus_changes_only_where_it_holds_a_credential(entry: CorpusPayload) -> None:
    redacted, changed = REDACTOR.payload(entry.payload)
    holds_secret = entry.id in HOLDS_SECRET
    assert (redacted != entry.payload, changed, b"s3cr3t" in redacted) == (holds_secret, holds_secret, False)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("Bearer", "Bearer"),
        ('Bearer realm="api", error="invalid_token"', 'Bearer realm="api", error="invalid_token"'),
        ('Basic realm="a", Bearer realm="b"', 'Basic realm="a", Bearer realm="b"'),
        ("Bearer abcdef0123456789", "Bearer [FILTERED]"),
        ('Bearer realm="api", token=abcdef0123456789', 'Bearer realm="api", token=[FILTERED]'),
    ],
)
@pytest.mark.parametrize("name", ["WWW-Authenticate", "proxy-authenticate"])
def test_a_challenge_keeps_what_it_asks_for(name: str, value: str, kept: str) -> None:
    assert Redactor().headers([(name, value)]) == ((name, kept),)


def test_every_word_of_a_credential_has_one_of_the_marks_that_are_searched_for_first() -> None:
    names = [*CREDENTIAL_NAMES, *(name.upper() for name in CREDENTIAL_NAMES)]
    missed = [name for name in names if masked(f'{{"{name}":"abc"}}') != f'{{"{name}":"[FILTERED]"}}']
    assert missed == []
    # With more, the search takes twice as long
    assert len(MARKS) <= 64


@pytest.mark.parametrize("name", ["token_0", "étoken", "line😀token", "linetoken", "x.token", "-token"])
def test_a_bare_key_begins_behind_the_last_sign_that_is_no_letter(name: str) -> None:
    is_credential = name not in ("étoken", "linetoken")
    assert masked(f"a {name}=abc") == f"a {name}=" + ("[FILTERED]" if is_credential else "abc")


def test_a_key_of_another_script_is_found_behind_escapes() -> None:
    message = rb'{"\u5bc6\u7801":"x"}'
    assert Redactor(keys=["密码"]).payload(message) == (rb'{"\u5bc6\u7801":"[FILTERED]"}', True)
    assert Redactor().payload(message) == (message, False)


def test_more_escapes_than_the_budget_reads_are_masked() -> None:
    redactor = Redactor()
    masked, is_changed = redactor.payload(b'{"token":"a","x":"' + rb"\u0041" * 60_000 + b'"}')
    assert (masked[:24], masked[-16:], is_changed) == (b'{"token":"[FILTERED]","x', rb"\u0041[FILTERED]", True)
    assert redactor.is_over_budget
