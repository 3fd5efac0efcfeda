"""What is read out of a message repeats nothing that was masked in it."""

from __future__ import annotations

from wsmon.engine.reporter import TextCleaner
from wsmon.model.events import Json
from wsmon.model.redact import Redactor
from wsmon.model.redact.masking import MASK

SECRET = "hunter2hunter2"


def of(payload: bytes) -> TextCleaner:
    """Columns of a message that was redacted."""
    redactor = Redactor(secrets=(SECRET,))
    masked, is_masked = redactor.payload(payload)
    columns = TextCleaner(redactor)
    columns.of(payload, masked, is_masked=is_masked)
    return columns


def test_what_stands_in_the_message_is_kept() -> None:
    assert of(b'{"topic":"trades","id":7}').clean("trades") == "trades"


def test_what_only_its_key_tells_a_secret_is_masked_whole() -> None:
    columns = of(b'{"topic":"trades","access_token":"abc123xyz"}')
    assert [columns.clean(text) for text in ("trades", "abc123xyz", "c123")] == ["trades", MASK, MASK]


def test_a_secret_that_is_known_is_masked_wherever_it_comes_from() -> None:
    assert of(b'{"topic":"trades"}').clean(f"of {SECRET} before") == f"of {MASK} before"


def test_a_secret_behind_escapes_is_masked() -> None:
    escaped = "".join(f"\\u{ord(char):04x}" for char in SECRET)
    assert of(f'{{"topic":"{escaped}"}}'.encode()).clean(SECRET) == MASK


def test_what_the_last_message_said_means_nothing_for_the_next() -> None:
    columns = of(b'{"access_token":"abc123xyz"}')
    columns.of_nothing()
    assert columns.clean("abc123xyz") == "abc123xyz"


def test_meta_is_cleaned_however_deep_it_is() -> None:
    columns = of(b'{"password":"abc123xyz","n":1}')
    meta: dict[str, Json] = {"a": {"b": ["abc123xyz", 1, None, True]}, "c": SECRET}
    assert columns.clean_meta(meta) == {"a": {"b": [MASK, 1, None, True]}, "c": MASK}


def test_a_lone_surrogate_ends_nothing() -> None:
    assert of(b"{}").clean("\ud800") == "\ud800"


def test_metadata_of_a_key_that_says_what_it_is_is_masked_whole() -> None:
    meta: dict[str, Json] = {
        "params": {"client_secret": "x", "nested": [{"access_token": "y", "id": 7}], "email": {"to": "ada"}},
        "topic": "trades",
    }
    nested: list[Json] = [{"access_token": MASK, "id": 7}]
    shown: dict[str, Json] = {"client_secret": MASK, "nested": nested, "email": {"to": "ada"}}
    assert TextCleaner(Redactor()).clean_meta(meta) == {"params": shown, "topic": "trades"}
    filtered = TextCleaner(Redactor(filters_metadata=True)).clean_meta(meta)
    assert filtered == {"params": shown | {"email": MASK}, "topic": "trades"}
