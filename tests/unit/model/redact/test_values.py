"""Configured secrets are masked by their value."""

from __future__ import annotations

from wsmon.model.redact.redactor import Redactor


def test_a_secret_of_eight_characters_is_masked_and_a_shorter_one_is_not() -> None:
    assert Redactor(secrets=["abcdefgh"]).url("ws://h/abcdefgh") == "ws://h/[FILTERED]"
    assert Redactor(secrets=["abcdefg"]).url("ws://h/abcdefg") == "ws://h/abcdefg"
