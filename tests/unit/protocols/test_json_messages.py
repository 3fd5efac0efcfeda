"""Credentials that only their place tells are masked in what authenticates, and nothing else is."""

from __future__ import annotations

import json

import msgspec
import pytest

from wsmon.protocols.json_messages import (
    JsonMessage,
    decode_message,
    explanation,
    is_failure,
    is_reply,
    kind_of,
    mask_sent,
    ref_of,
    topic_of,
    topics_of,
    type_of,
)


@pytest.mark.parametrize(
    ("sent", "recorded"),
    [
        ('{"op":"auth","args":["key",1700000000,"sig"]}', '{"op":"auth","args":["*",1700000000,"*"]}'),
        ('{"op": "login", "args": [ {"k" : "v", "s":"s\\"x"} ]}', '{"op": "login", "args": [ {"k" : "*", "s":"*"} ]}'),
        ('{"id":1,"method":"login","params":["u","p"]}', '{"id":1,"method":"login","params":["*","*"]}'),
        (
            '{"id":1,"method":"user.authenticate","params":["j"]}',
            '{"id":1,"method":"user.authenticate","params":["*"]}',
        ),
    ],
)
def test_the_arguments_of_an_authentication_are_masked(sent: str, recorded: str) -> None:
    assert mask_sent("text", sent.encode()) == (recorded.replace("*", "[FILTERED]").encode(), True)


@pytest.mark.parametrize(
    "harmless",
    [
        '{"op":"subscribe","args":["orderbook.50.BTCUSDT"]}',
        '{"op":"subscribe","args":["author.updates"]}',
        '{"type":"message","text":"please login","args":["a"]}',
        '{"id":1,"method":"eth_subscribe","params":["newHeads"]}',
        '{"op":"auth","id":7}',
        '{"op":"auth","args":[]}',
        '{"op":"auth","args":{"user":"by name"}}',
        '{"op":"auth","args":[',
        "login",
        "[1, \"login\"]",
    ],
)  # fmt: skip
def test_what_does_not_authenticate_stays(harmless: str) -> None:
    assert mask_sent("text", harmless.encode()) == (harmless.encode(), False)


def test_binary_messages_are_not_looked_at() -> None:
    assert mask_sent("binary", b'{"op":"auth","args":["k"]}') == (b'{"op":"auth","args":["k"]}', False)


def message(**members: object) -> JsonMessage:
    return decode_message(msgspec.json.encode(members))


def explained(**members: object) -> tuple[object, str]:
    """Return code and text of a failure with these members."""
    payload = msgspec.json.encode(members)
    return explanation(decode_message(payload), payload)


@pytest.mark.parametrize(
    ("members", "type_", "topic", "ref"),
    [
        ({"type": "trade", "channel": "btc", "id": 7}, "trade", "btc", b"7"),
        ({"type": 5, "event": "tick", "symbol": "BTC", "req_id": "x"}, "tick", "BTC", b'"x"'),
        ({"op": "subscribe", "arg": {"channel": "books", "instId": "BTC"}}, "subscribe", "books", b""),
        ({"channel": "btc", "id": {}, "ref": None, "request_id": 3}, "btc", "btc", b"3"),
        ({"data": 1}, "", "", b""),
    ],
)
def test_type_topic_and_id_stand_under_the_first_key_that_holds_one(
    members: dict[str, object], type_: str, topic: str, ref: bytes
) -> None:
    each = message(**members)
    assert (type_of(each), topic_of(each), bytes(ref_of(each))) == (type_, topic, ref)


@pytest.mark.parametrize(
    ("word", "kind"),
    [("subscribe", "subscribe"), ("Login.Success", "authed"), ("auth-error", "auth_failed"), ("trade", "")],
)
def test_words_are_read_whatever_their_case_and_joints(word: str, kind: str) -> None:
    assert kind_of(word) == kind


@pytest.mark.parametrize(
    ("members", "topics"),
    [
        ({"channels": ["a", "b", "a", 5]}, ("a", "b")),
        ({"args": [{"channel": "books"}, {"name": "ticker"}]}, ("books", "ticker")),
        ({"params": {"channel": "books"}}, ("books",)),
        ({"symbols": []}, ()),
        ({"data": 1}, None),
    ],
)
def test_topics_are_listed_as_texts_or_objects(members: dict[str, object], topics: tuple[str, ...] | None) -> None:
    assert topics_of(message(**members)) == topics


@pytest.mark.parametrize(
    ("members", "reply", "failure"),
    [
        ({"success": False}, True, True),
        ({"success": True}, True, False),
        ({"code": "0"}, True, False),
        ({"code": 50011}, True, True),
        ({"result": "failed"}, True, True),
        ({"result": {}}, True, False),
        ({"error": {}}, True, False),
        ({"error": {"code": 1}}, True, True),
        ({"price": 1}, False, False),
    ],
)
def test_a_reply_says_how_something_went(members: dict[str, object], reply: bool, failure: bool) -> None:
    each = message(**members)
    assert (is_reply(each), is_failure(each)) == (reply, failure)


def test_a_failure_is_explained_by_its_error_object_or_the_members_beside_it() -> None:
    assert explained(error={"code": 3, "message": "no"}, code=9, msg="other") == (3, "no")
    assert explained(code="60009", msg="login failed") == ("60009", "login failed")
    assert explained(success=False) == (None, "")


@pytest.mark.parametrize(
    "members",
    [
        {"error": {"reason": "no"}},
        {"error": {"msg": "no"}},
        {"error": "no"},
        {"payload": {"msg": "no"}},
        {"payload": {"message": "no"}},
        {"data": {"message": "no"}},
        {"data": {"reason": "no"}},
        {"data": "no"},
        # As Pusher writes it
        {"data": json.dumps({"message": "no"})},
        {"errors": [{"message": "no"}]},
        {"error_description": "no"},
        {"detail": "no"},
    ],
)
def test_p1_the_text_of_a_failure_is_found_wherever_protocols_put_it(members: dict[str, object]) -> None:
    assert explained(type="error", **members)[1] == "no"


@pytest.mark.parametrize(
    "word",
    ["auth_invalid", "auth.invalid", "auth_error", "auth-failed", "auth_failure", "login_failed", "login_error",
     "authentication_failed", "authentication_error", "invalid_token", "token_expired", "invalid_credentials",
     "authInvalid", "AuthFailed", "not_authenticated", "Authentication failed", "user_login_failed"],
)  # fmt: skip
def test_v1_words_akin_to_auth_failed_refuse_a_login(word: str) -> None:
    assert kind_of(word) == "auth_failed"


@pytest.mark.parametrize(
    "word",
    ["auth_ok", "auth.success", "auth_success", "authenticated", "authorized", "login_ok", "login_success",
     "authentication_successful", "authOk", "login_accepted"],
)  # fmt: skip
def test_p1_words_akin_to_auth_ok_grant_a_login(word: str) -> None:
    assert kind_of(word) == "authed"


@pytest.mark.parametrize(
    "word", ["auth_required", "auth_challenge", "author", "unauthorized", "token", "tokens_failed_over", "trade", "",
             "oauth_error_rate", "fail", "success"],
)  # fmt: skip
def test_other_words_are_about_no_login(word: str) -> None:
    assert kind_of(word) == ""
