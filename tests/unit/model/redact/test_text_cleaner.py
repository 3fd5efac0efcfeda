"""Texts and metadata without credentials, also where only the message around a text tells that it is one."""

from __future__ import annotations

from tests.support.builders import event
from wsmon.model.events import Json, Verdict
from wsmon.model.redact.masking import MASK
from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.text_cleaner import TextCleaner

SECRET = "hunter2hunter2"


def of(payload: bytes) -> TextCleaner:
    """A cleaner of a message that was redacted."""
    redactor = Redactor(secrets=(SECRET,))
    masked, is_masked = redactor.payload(payload)
    cleaner = TextCleaner(redactor)
    cleaner.of(payload, masked, is_masked=is_masked)
    return cleaner


def test_what_stands_in_the_message_is_kept() -> None:
    assert of(b'{"topic":"trades","id":7}').clean("trades") == "trades"


def test_what_only_its_key_tells_a_secret_is_masked_whole() -> None:
    cleaner = of(b'{"topic":"trades","access_token":"abc123xyz"}')
    assert [cleaner.clean(text) for text in ("trades", "abc123xyz", "c123")] == ["trades", MASK, MASK]


def test_a_secret_that_is_known_is_masked_wherever_it_comes_from() -> None:
    assert of(b'{"topic":"trades"}').clean(f"of {SECRET} before") == f"of {MASK} before"


def test_a_secret_behind_escapes_is_masked() -> None:
    escaped = "".join(f"\\u{ord(char):04x}" for char in SECRET)
    assert of(f'{{"topic":"{escaped}"}}'.encode()).clean(SECRET) == MASK


def test_what_the_last_message_said_means_nothing_for_the_next() -> None:
    cleaner = of(b'{"access_token":"abc123xyz"}')
    cleaner.of_nothing()
    assert cleaner.clean("abc123xyz") == "abc123xyz"


def test_meta_is_cleaned_however_deep_it_is() -> None:
    cleaner = of(b'{"password":"abc123xyz","n":1}')
    meta: dict[str, Json] = {"a": {"b": ["abc123xyz", 1, None, True]}, "c": SECRET}
    assert cleaner.clean_meta(meta) == {"a": {"b": [MASK, 1, None, True]}, "c": MASK}


def test_metadata_with_a_path_has_no_tokens_of_it() -> None:
    token = "9aa3d95b3bc440fa88ea12eaa4456161"
    meta = {
        "url.path": f"/v3/{token}",
        "http.target": f"/{token}?a=b",
        "url.full": f"wss://h/{token}",
        "id": f"/{token}",
    }
    assert TextCleaner(Redactor()).clean_meta(meta) == {
        "url.path": f"/v3/{MASK}",
        "http.target": f"/{MASK}?a=b",
        "url.full": f"wss://h/{MASK}",
        "id": f"/{token}",
    }


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


def test_texts_of_a_message_are_searched_for_in_it_so_far_and_then_masked() -> None:
    cleaner = of(b'{"token":"abc123xyz","topic":"trades"}' + b" " * 1024 * 1024)
    cleaned = [cleaner.clean("trades") for _ in range(100)]
    assert cleaned == ["trades"] * 15 + [MASK] * 85


def test_texts_of_a_message_without_credentials_are_kept_however_many_they_are() -> None:
    cleaner = of(b'{"topic":"trades"}' + b" " * 1024 * 1024)
    assert {cleaner.clean("trades") for _ in range(100)} == {"trades"}


def test_an_event_of_another_program_has_no_credentials_left() -> None:
    token = "9aa3d95b3bc440fa88ea12eaa4456161"
    made = event(
        "connection.disconnected",
        payload=b'{"password":"abc123xyz","n":1}',
        reason="no abc123xyz",
        error=f"cannot open wss://h/{token}",
        verdict=Verdict("peer", "4001", "said Bearer abc123xyz", "look", (7,), "token=abc123xyz"),
        meta={"url": f"wss://u:p@h/{token}?token=abc", "request_headers": [["Cookie", "a=b"], ["Host", "h"]], "n": 1},
    )
    cleaned = TextCleaner(Redactor()).clean_event(made)
    assert cleaned == event(
        "connection.disconnected",
        payload=b'{"password":"[FILTERED]","n":1}',
        redacted=True,
        reason="no abc123xyz",
        error=f"cannot open wss://h/{MASK}",
        verdict=Verdict("peer", "4001", f"said Bearer {MASK}", "look", (7,), f"token={MASK}"),
        meta={
            "url": f"wss://{MASK}@h/{MASK}?token={MASK}",
            "request_headers": [["Cookie", MASK], ["Host", "h"]],
            "n": 1,
        },
    )
    assert TextCleaner(Redactor()).clean_event(cleaned) == cleaned
