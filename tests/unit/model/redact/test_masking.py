"""Masks: texts that hide their secrets wherever they are printed, and ranges of bytes that are replaced."""

from __future__ import annotations

from wsmon.model.redact.masking import (
    EMPTY,
    MASK,
    ByteRange,
    Sensitive,
    mask_ranges,
    mask_secrets,
    merge_ranges,
    split_url,
)

TOKEN = Sensitive("Bearer s3cret", f"Bearer {MASK}")


def test_a_sensitive_text_shows_its_secret_to_reveal_only() -> None:
    assert TOKEN.reveal() == "Bearer s3cret"
    assert [str(TOKEN), TOKEN.masked, f"{TOKEN}"] == [f"Bearer {MASK}"] * 3
    assert repr(TOKEN) == f"Sensitive('Bearer {MASK}')"
    assert (TOKEN.is_secret, Sensitive("plain").is_secret) == (True, False)


def test_sensitive_texts_are_equal_by_text_and_mask_and_false_when_empty() -> None:
    same = Sensitive("Bearer s3cret", f"Bearer {MASK}")
    assert (same == TOKEN, hash(TOKEN) == hash(same)) == (True, True)
    assert Sensitive("Bearer s3cret") != TOKEN
    assert Sensitive("Bearer other", f"Bearer {MASK}") != TOKEN
    assert (TOKEN == "Bearer s3cret", bool(TOKEN), bool(EMPTY)) == (False, True, False)


def test_a_masked_url_is_taken_apart_as_if_its_mask_were_any_text() -> None:
    parts = split_url(f"wss://user:{MASK}@host:8443/a?token={MASK}")
    assert (parts.hostname, parts.port, parts.path) == ("host", 8443, "/a")
    assert parts.query == "token=%5BFILTERED%5D"


def test_the_longest_secret_is_masked_first() -> None:
    assert mask_secrets("key=abcdef abc", ["abc", "", "abcdef"]) == f"key={MASK} {MASK}"


def test_overlapping_and_adjacent_ranges_are_one_with_the_mask_of_the_first() -> None:
    ranges = [ByteRange(6, 9, b"2"), ByteRange(0, 4, b"1"), ByteRange(2, 6), ByteRange(12, 14, b"3")]
    assert merge_ranges(ranges) == [ByteRange(0, 9, b"1"), ByteRange(12, 14, b"3")]


def test_of_ranges_that_start_together_the_longer_gives_the_mask_and_of_equal_ones_the_longer_mask() -> None:
    assert merge_ranges([ByteRange(0, 2, b"short"), ByteRange(0, 5, b"x")]) == [ByteRange(0, 5, b"x")]
    assert merge_ranges([ByteRange(0, 2, b"M"), ByteRange(0, 2, b'"M"')]) == [ByteRange(0, 2, b'"M"')]


def test_bytes_outside_the_ranges_stay() -> None:
    text = b"user:pass@host/?token=abc&x=1"
    assert mask_ranges(text, [ByteRange(22, 25), ByteRange(0, 9)]) == b"[FILTERED]@host/?token=[FILTERED]&x=1"
    assert mask_ranges(text, []) == text
