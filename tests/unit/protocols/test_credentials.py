"""Credentials of a session: what a peer says repeats none, and a grant ends."""

from __future__ import annotations

import pytest

from wsmon.model.units import SECOND_NS
from wsmon.protocols.credentials import MAX_ERROR_CHARS, Credentials, Grant, JsonValue, is_suspicious, lifetime_s

SECRET = "correct-horse"


@pytest.mark.parametrize(
    "message",
    [
        {"token": SECRET},
        {"params": {"client_secret": SECRET}},
        [{"a": [{"password": SECRET}]}],
        {"api_key": [SECRET, 5]},
        {"signature": SECRET},
    ],
)
def test_texts_under_credential_keys_are_masked_in_what_the_peer_says(message: JsonValue) -> None:
    credentials = Credentials()
    credentials.remember(message)
    assert credentials.mask(f"{SECRET} is wrong") == "[FILTERED] is wrong"


def test_every_text_of_an_authentication_but_its_plain_words_is_a_credential() -> None:
    credentials = Credentials()
    credentials.remember({"op": "login", "args": ["my-account", 1700000000]}, is_auth=True)
    assert credentials.mask("login of my-account") == "login of [FILTERED]"


def test_ordinary_and_short_texts_are_not_masked() -> None:
    credentials = Credentials()
    credentials.remember({"channel": "trades", "token": "abc"})
    assert credentials.mask("no trades for abc") == "no trades for abc"


def test_the_latest_credentials_are_kept() -> None:
    credentials = Credentials()
    for number in range(70):
        credentials.remember({"token": f"secret-{number:03}"})
    assert credentials.mask("secret-000 secret-069") == "secret-000 [FILTERED]"


def test_an_error_text_is_cut_after_it_is_masked() -> None:
    credentials = Credentials()
    credentials.remember({"token": SECRET})
    masked = credentials.mask("x" * (MAX_ERROR_CHARS - 5) + SECRET)
    assert len(masked) == MAX_ERROR_CHARS
    assert masked.endswith("[FIL…")


@pytest.mark.parametrize(
    ("value", "life_s"),
    [(900, 900), (0.5, 0.5), (-1, 0), (1e300, 10 * 366 * 86_400), ("900", None), (True, None), (None, None)],
)
def test_a_life_is_a_number_of_at_most_ten_years(value: object, life_s: float | None) -> None:
    assert lifetime_s(value) == life_s


def test_a_grant_is_valid_until_it_expires_or_ends() -> None:
    grant = Grant()
    assert (grant.is_valid(0), grant.refresh_is_due(2**62), grant.overdue(2**62)) == (False, False, ())
    grant.begin(0, 100, "refresh me")
    assert (grant.is_valid(100 * SECOND_NS - 1), grant.is_valid(100 * SECOND_NS)) == (True, False)
    assert "refresh me" not in repr(grant.refresh_token)
    grant.end()
    assert (grant.is_valid(0), grant.refresh_is_due(2**62)) == (False, False)


def test_a_grant_is_renewed_after_80_percent_of_its_life() -> None:
    grant = Grant()
    grant.begin(SECOND_NS, 100)
    assert [grant.refresh_is_due(s * SECOND_NS) for s in (80, 81)] == [False, True]


@pytest.mark.parametrize(("life_s", "warned_at_s"), [(900, 840), (100, 90)])
def test_a_token_that_was_not_renewed_is_warned_of_once(life_s: float, warned_at_s: int) -> None:
    grant = Grant()
    grant.begin(0, life_s)
    assert grant.overdue(warned_at_s * SECOND_NS - 1) == ()
    (warning,) = grant.overdue(warned_at_s * SECOND_NS)
    assert (warning.name, warning.error_type) == ("error.occurred", "token_expires")
    assert grant.overdue(2**62) == ()


def test_only_the_first_thousands_of_values_are_looked_at() -> None:
    credentials = Credentials()
    credentials.remember(
        {"first": SECRET, **{str(number): "x" for number in range(10_000)}, "token": "last-one"}, is_auth=True
    )
    assert credentials.mask(f"{SECRET} or last-one") == "[FILTERED] or last-one"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [(b'{"Api-KEY":1}', True), (b"ACCESS_TOKEN", True), (b"otp", True), (b'{"price":1}', False), (b"", False)],
)
def test_a_message_is_looked_at_where_it_names_a_credential_in_any_case(payload: bytes, expected: bool) -> None:
    assert is_suspicious(payload) is expected
