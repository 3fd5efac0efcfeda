"""Names of credentials and of personal metadata."""

from __future__ import annotations

import pytest

from wsmon.model.redact.masking import MASK
from wsmon.model.redact.names import KeyRules, is_credential_header, is_credential_key, is_credential_query, split_words
from wsmon.model.redact.redactor import Redactor

CREDENTIALS = (
    "password", "Password", "PASSWORD", "user_password", "userPassword", "password_hash", "pwd", "passwd",
    "passphrase", "passcode", "pAsSwOrD", "secret", "client_secret", "clientSecret", "secrets", "appSecret",
    "secretKey", "authorization", "Authorization", "proxy-authorization", "cookie", "set-cookie", "cookies",
    "credential", "credentials", "otp", "otp_code", "ssn", "cvv", "jwt", "token", "TOKEN", "access_token",
    "accessToken", "accesstoken", "AccessToken", "refresh_token", "id_token", "idToken", "authToken", "x-auth-token",
    "session_token", "aws_session_token", "bearer_token", "csrf_token", "api_token", "token_2", "api_key", "apiKey",
    "APIKey", "apikey", "X-API-KEY", "x-api-key", "api.key", "private_key", "privateKey", "signing_key", "access_key",
    "accessKey", "secret_access_key", "authSig", "pass", "user_pass", "userPass", "dbpass", "apisecret", "apiSecret",
    "listenKey", "listen_key", "sid", "connect.sid", "session_id", "sessionId", "sessionid", "PHPSESSID", "pin",
    "pinCode", "csrf", "_csrf", "X-CSRF-Nonce", "X-Session-Id", "X-User-Pass", "X-Client-Key", "dbpassword",
    "code_verifier", "device_code", "auth_code", "auth_key", "password_expires_in",
)  # fmt: skip

HARMLESS = (
    "className", "hotPrice", "tokenId", "sort_key", "cryptocurrency", "key", "keys", "keyboard", "monkey", "turkey",
    "primary_key", "partitionKey", "public_key", "publicKey", "idempotency_key", "cacheKey", "hotkey", "token_type",
    "tokenType", "token_count", "totalTokens", "max_tokens", "tokens", "tokenize", "next_page_token", "pageToken",
    "access_key_id", "accessTokenExpiresIn", "access", "refresh", "session", "bearer", "auth", "author", "authority",
    "authenticated", "api", "private", "classname", "lesson", "assns", "passenger", "passage", "compass", "bypass",
    "secretary", "cookiecutter", "photoptics", "laptop", "desktop", "option", "otpion", "adopt", "scvvx", "jwtest",
    "signature", "signal", "sign", "design", "assignment", "hash", "nonce", "login", "username", "email", "id",
    "msg", "account_sid", "boarding_pass", "bypass", "pinned", "ping", "error_code", "code", "side", "token0", "token1",
    "hasPassword", "otpRequired", "passwordLength", "cookieConsent", "authorization_url", "secret_type", "is_jwt",
    "password_policy", "tokenUrl", "isSecret", "credentialed", "secretion",
)  # fmt: skip


@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_credential_is_known_by_its_words(name: str) -> None:
    assert is_credential_key(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_key_stays(name: str) -> None:
    assert not is_credential_key(name)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "X-MBX-APIKEY", "PRIVATE-TOKEN",
        "X-Vault-Token", "CB-ACCESS-SIGN", "OK-ACCESS-KEY", "OK-ACCESS-PASSPHRASE", "X-Auth", "X-Amz-Security-Token",
        "Ocp-Apim-Subscription-Key", "X-Signature", "CF-Access-Client-Secret", "X-Session-Id", "X-User-Pass",
        "X-Client-Key", "X-CSRF-Token", "X-CSRF-Nonce", "X-XSRF-TOKEN",
    ],
)  # fmt: skip
def test_a_credential_header_is_known(name: str) -> None:
    assert is_credential_header(name)


@pytest.mark.parametrize(
    "name",
    [
        "Host", "Sec-WebSocket-Key", "Sec-WebSocket-Accept", "Idempotency-Key", "Surrogate-Key", "User-Agent", "Origin",
        "WWW-Authenticate", "X-Request-Id", "Sec-WebSocket-Extensions",
    ],
)  # fmt: skip
def test_a_harmless_header_stays(name: str) -> None:
    assert not is_credential_header(name)


@pytest.mark.parametrize(
    "name",
    ["token", "key", "apikey", "api_key", "sig", "signature", "hash", "jwt", "X-Amz-Signature", "ticket", "code"],
)
def test_a_query_knows_more_credentials_than_a_message(name: str) -> None:
    assert is_credential_query(name)


@pytest.mark.parametrize("name", ["sort_key", "vsn", "channel", "hashtag", "page_token", "keyboard", "user", ""])
def test_a_harmless_query_parameter_stays(name: str) -> None:
    assert not is_credential_query(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("X-APIKey2", ("x", "api", "key", "2")),
        ("XMLHttpRequest", ("xml", "http", "request")),
        ("user.accessToken", ("user", "access", "token")),
        ("АдресПочты", ("адреспочты",)),
        ("", ()),
    ],
)
def test_names_split_at_separators_and_camel_case(name: str, words: tuple[str, ...]) -> None:
    assert split_words(name) == words


def test_the_users_keys_match_by_words_and_headers_and_query_by_the_whole_name() -> None:
    rules = KeyRules(keys=["account_id"], headers=["X-Tenant"], query=["room"])
    assert [
        rules.is_key("accountId"), rules.is_key("main_account_id_hash"), rules.is_key("account"),
        rules.is_header("x-tenant"), rules.is_header("x-tenant-name"),
        rules.is_query("room"), rules.is_query("bedroom"),
    ] == [True, True, False, True, False, True, False]  # fmt: skip


def test_allow_exempts_the_whole_name_only() -> None:
    rules = KeyRules(allow=["token", "X-Api-Key"])
    assert not rules.is_key("token")
    assert not rules.is_query("Token")
    assert not rules.is_header("x-api-key")
    assert rules.is_key("access_token")


PERSONAL = ["email", "user_email", "userEmail", "E-Mail", "X-User-Phone", "phoneNumber", "username", "userName",
            "user-name", "salt", "password_salt", "crypt", "bcrypt"]  # fmt: skip
IMPERSONAL = ["mail_server", "user", "name", "User-Agent", "hostname", "result", "cryptocurrency", "basalt", "sort_key",
            "microphone", "certificate", "expires", "usernamespace"]  # fmt: skip


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_names_are_hidden_where_metadata_is_filtered(name: str) -> None:
    assert Redactor(filters_metadata=True).hides(name)
    assert Redactor(filters_metadata=True).headers([(name, "x")]) == ((name, MASK),)


@pytest.mark.parametrize("name", IMPERSONAL)
def test_harmless_names_stay(name: str) -> None:
    assert not Redactor(filters_metadata=True).hides(name)
    assert Redactor(filters_metadata=True).headers([(name, "x")]) == ((name, "x"),)


def test_unfiltered_metadata_shows_what_is_personal_and_never_credentials() -> None:
    redactor = Redactor()
    names = ("X-Email", "api_key")
    assert [redactor.hides(name) for name in names] == [False, True]
    assert redactor.headers([(name, "x") for name in names]) == (("X-Email", "x"), ("api_key", MASK))


def test_the_configuration_exempts_a_name() -> None:
    redactor = Redactor(filters_metadata=True, allow=("contact_email",))
    assert [redactor.hides(name) for name in ("contact_email", "email")] == [False, True]


def test_payloads_are_no_metadata() -> None:
    payload = b'{"email":"ada@example.org","phone":"1","username":"ada"}'
    assert Redactor(filters_metadata=True).payload(payload) == (payload, False)


@pytest.mark.parametrize("name", ["password_expires_in", "otpAttempts", "passwordChangedAt", "secretTtl", "cookie_age"])
def test_a_key_that_names_a_count_a_length_or_a_time_keeps_its_number(name: str) -> None:
    assert KeyRules().keeps_numbers(name)


@pytest.mark.parametrize("name", ["password", "pin", "otp", "cvv", "ssn", "passcode", "token", "in", "at", "pin_code"])
def test_a_number_under_the_name_of_a_credential_is_one(name: str) -> None:
    assert not KeyRules().keeps_numbers(name)


def test_a_key_that_the_user_adds_is_a_credential_whatever_it_says_about_one() -> None:
    rules = KeyRules(keys=["password_length"])
    assert (rules.is_key("passwordLength"), rules.keeps_numbers("passwordLength")) == (True, False)
