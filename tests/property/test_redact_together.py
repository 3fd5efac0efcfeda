"""Messages that are searched together are those that redaction would change or look at one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.redact.redactor import MARKS, Redactor

REDACTORS = (
    Redactor(),
    Redactor(secrets=("/api/canary", "\u00ffcanary\u00e9 of all"), keys=("account_id", "klíč")),
    Redactor(secrets=[f"{n:02} secret values" for n in range(20)], keys=["konto"]),
)
PARTS = (
    *MARKS, *(mark[:-1] for mark in MARKS), *(mark[1:] for mark in MARKS),
    b"account_id", b"/api/canary", "klíč".encode(), b"07 secret values",
    b'{"a":"', b'","', b'":', b"\xff", b"\xff\xff", b"\x00", b"[FILTERED]", b"price", b"n",
)  # fmt: skip
messages = st.lists(st.lists(st.sampled_from(PARTS) | st.binary(max_size=4), max_size=6).map(b"".join), max_size=8)


@given(messages, st.sampled_from(REDACTORS))
def test_messages_that_are_not_suspicious_are_returned_as_given(payloads: list[bytes], redactor: Redactor) -> None:
    suspicious = redactor.suspicious(payloads)
    others = [payload for place, payload in enumerate(payloads) if place not in suspicious]
    assert [redactor.payload(payload) for payload in others] == [(payload, False) for payload in others]


@given(messages, st.sampled_from(REDACTORS))
def test_a_message_is_as_suspicious_among_others_as_alone(payloads: list[bytes], redactor: Redactor) -> None:
    alone = [place for place, payload in enumerate(payloads) if redactor.suspicious([payload])]
    assert list(redactor.suspicious(payloads)) == alone


@given(messages)
def test_with_a_pattern_every_message_is_suspicious(payloads: list[bytes]) -> None:
    assert list(Redactor(patterns=("x",)).suspicious(payloads)) == list(range(len(payloads)))


def test_a_long_message_full_of_marks_hides_none_behind_it() -> None:
    payloads = [b"clean", b"token=" * 50_000, b"clean", b"{" * 40_000, b"pass", b"", b"clean"]
    assert REDACTORS[0].suspicious(payloads) == [1, 4]


def test_no_message_is_suspicious_where_there_is_none() -> None:
    assert REDACTORS[0].suspicious([]) == []
