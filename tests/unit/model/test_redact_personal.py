"""Personal metadata: which names are masked beside credentials, and which stay."""

from __future__ import annotations

import pytest

from wsmon.model.redact import Redactor
from wsmon.model.redact.masking import MASK

PERSONAL = ["email", "user_email", "userEmail", "E-Mail", "X-User-Phone", "phoneNumber", "username", "userName",
            "user-name", "salt", "password_salt", "crypt", "bcrypt"]  # fmt: skip
HARMLESS = ["mail_server", "user", "name", "User-Agent", "hostname", "result", "cryptocurrency", "basalt", "sort_key",
            "microphone", "certificate", "expires", "usernamespace"]  # fmt: skip


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_names_are_hidden_where_metadata_is_filtered(name: str) -> None:
    assert Redactor(filters_metadata=True).hides(name)
    assert Redactor(filters_metadata=True).headers([(name, "x")]) == ((name, MASK),)


@pytest.mark.parametrize("name", HARMLESS)
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
