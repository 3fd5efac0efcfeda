"""What Deribit's methods mean: the cases D1-D15 and DB-01 to DB-16 of the specification."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wsmon.model.events import Direction, Meta
from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import SECOND_NS
from wsmon.protocols import deribit
from wsmon.protocols.base import UNREAD, ClientOptions, Decoded, Happening
from wsmon.protocols.calls import MAX_TOPICS
from wsmon.protocols.deribit import DeribitState, decode

CANARY = "CANARY-7f3a"
MS = 1_000_000
TEST_REQUEST = b'{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}'
HEARTBEAT = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}'
TOKENS = {
    "access_token": CANARY + "-access", "refresh_token": CANARY + "-refresh", "expires_in": 900,
    "scope": "connection mainaccount", "token_type": "bearer", "enabled_features": [], "sid": CANARY + "-sid",
}  # fmt: skip


def message(**members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}).encode()


class Session:
    """A state whose clock moves as told."""

    def __init__(self) -> None:
        self.state = DeribitState()

    def read(self, direction: Direction, payload: bytes, at_s: float = 0.0) -> Decoded:
        self.state.at(round(at_s * SECOND_NS))
        return decode(direction, "text", payload, self.state)

    def ask(self, id_: Any, method: str, params: Any = None, at_s: float = 0.0) -> tuple[Happening, ...]:
        return self.read("out", message(id=id_, method=method, params=params or {}), at_s).happenings

    def reply(self, id_: Any, result: Any, at_s: float = 0.0, **members: Any) -> tuple[Happening, ...]:
        return self.read("in", message(id=id_, result=result, **members), at_s).happenings

    def refuse(self, id_: Any, code: int, text: str, at_s: float = 0.0) -> tuple[Happening, ...]:
        return self.read("in", message(id=id_, error={"code": code, "message": text}), at_s).happenings

    def authenticate(self, at_s: float = 0.0, **changes: Any) -> tuple[Happening, ...]:
        self.ask("auth", "public/auth", {"grant_type": "client_credentials", "client_secret": CANARY}, at_s)
        return self.reply("auth", {**TOKENS, **changes}, at_s)

    def overdue(self, at_s: float) -> tuple[Happening, ...]:
        return self.state.overdue(round(at_s * SECOND_NS))


def outline(happenings: tuple[Happening, ...]) -> list[tuple[str, ...]]:
    """Name, phase, topic and error type of each."""
    return [(happening.name, happening.phase, happening.topic, happening.error_type) for happening in happenings]


# authentication


def test_authentication_is_started_and_completed() -> None:
    session = Session()
    started = session.ask(9929, "public/auth", {"grant_type": "client_credentials", "client_secret": CANARY})
    assert started == (
        Happening(
            "auth.started", "auth", "start", "9929", "public/auth", ref="9929", meta={"method": "client_credentials"}
        ),
    )
    about: Meta = {"method": "client_credentials", "scope": "connection", "expires_in_s": 900}
    assert session.reply(9929, TOKENS) == (
        Happening("auth.completed", "auth", "end", "9929", "public/auth", ref="9929", status="ok", meta=about),
    )
    assert session.state.is_authenticated


@pytest.mark.parametrize("grant", ["other", ["refresh_token"], {}, 1, None])
def test_a_grant_of_another_type_is_an_authentication_too(grant: Any) -> None:
    (started,) = Session().ask(1, "public/auth", {"grant_type": grant})
    assert (started.name, started.meta) == ("auth.started", {"method": "other"})


def test_a_refresh_grant_is_a_refresh() -> None:
    session = Session()
    started = session.ask(1, "public/auth", {"grant_type": "refresh_token", "refresh_token": CANARY})
    assert outline(started) == [("auth.refresh.started", "start", "", "")]
    assert outline(session.reply(1, TOKENS)) == [("auth.refresh.completed", "end", "", "")]


@pytest.mark.parametrize(
    ("grant", "meta"),
    [
        ("client_signature", {"code": 13004}),
        ("refresh_token", {"code": 13004, "refresh": True}),
        (CANARY, {"code": 13004}),
    ],
)
def test_a_refused_authentication_failed(grant: str, meta: Meta) -> None:
    session = Session()
    session.ask(1, "public/auth", {"grant_type": grant})
    operation = session.refuse(1, 13004, "invalid_credentials")
    assert outline(operation) == [("auth.failed", "end", "", "invalid_credentials")]
    assert (operation[0].meta, operation[0].error) == (meta, "invalid_credentials")
    assert not session.state.is_authenticated


def test_an_answer_to_nothing_authenticates_nobody() -> None:
    session = Session()
    assert outline(session.reply(1, TOKENS)) == [("message.process.completed", "end", "", "unmatched")]
    assert not session.state.is_authenticated


@pytest.mark.parametrize("result", ["ok", 5, None, {}, {"access_token": 5}, {"access_token": "a", "refresh_token": 1}])
def test_an_authentication_with_an_odd_result_failed(result: Any) -> None:
    session = Session()
    session.ask(1, "public/auth", {"grant_type": "client_credentials"})
    assert outline(session.reply(1, result)) == [("auth.failed", "end", "", "unexpected_result")]


@pytest.mark.parametrize("expires_in", [None, "900", True, [900]])
def test_a_token_without_a_life_is_completed_all_the_same(expires_in: Any) -> None:
    session = Session()
    assert outline(session.authenticate(expires_in=expires_in)) == [("auth.completed", "end", "", "")]


def test_a_token_that_nobody_renews_is_told_a_minute_before_its_end() -> None:
    session = Session()
    session.authenticate()
    assert session.overdue(839) == ()
    error = "the token expires in 60 s and was not renewed"
    assert session.overdue(840) == (Happening("error.occurred", "auth", error_type="token_expires", error=error),)
    assert session.overdue(841) == ()
    session.state.at(901 * SECOND_NS)
    assert not session.state.is_authenticated


def test_a_renewed_token_is_not_warned_of() -> None:
    session = Session()
    session.authenticate()
    session.authenticate(at_s=700)
    assert session.overdue(900) == ()


def test_a_session_scope_is_told() -> None:
    happenings = Session().authenticate(scope="session:bot trade:read")
    assert happenings[0].meta == {"method": "client_credentials", "scope": "session", "expires_in_s": 900}


# heartbeats


def test_a_heartbeat_is_received() -> None:
    assert Session().read("in", HEARTBEAT) == Decoded(
        "heartbeat", happenings=(Happening("heartbeat.received", "heartbeat", type="heartbeat"),)
    )


def test_a_test_request_is_answered_by_public_test() -> None:
    session = Session()
    decoded = session.read("in", TEST_REQUEST)
    key = "test_request 1"
    start = Happening("heartbeat.received", "heartbeat", "start", key, "test_request")
    assert decoded == Decoded("test_request", happenings=(start,))
    happenings = session.ask(3, "public/test")
    assert happenings == (
        Happening("heartbeat.responded", "heartbeat", "end", key, "test_request", status="ok"),
        Happening("message.process.started", "request", "start", "3", "public/test", ref="3"),
    )
    assert session.state.questions == 0


def test_public_test_without_an_id_answers_too() -> None:
    session = Session()
    session.read("in", TEST_REQUEST)
    decoded = session.read("out", b'{"jsonrpc":"2.0","method":"public/test","params":{}}')
    assert outline(decoded.happenings) == [("heartbeat.responded", "end", "", "")]


def test_public_test_that_nobody_asked_for_is_a_request() -> None:
    assert outline(Session().ask(1, "public/test")) == [("message.process.started", "start", "", "")]


def test_a_test_request_without_an_answer_is_a_timeout() -> None:
    session = Session()
    session.read("in", TEST_REQUEST)
    assert session.overdue(9.9) == ()
    assert session.overdue(10) == (
        Happening(
            "heartbeat.timeout", "heartbeat", "end", "test_request 1", "test_request", status="error",
            error_type="timeout", error="no answer within 10 s",
        ),
    )  # fmt: skip
    assert session.overdue(11) == ()


def test_agreed_heartbeats_are_told_and_their_absence_once() -> None:
    session = Session()
    session.ask(1, "public/set_heartbeat", {"interval": 10})
    assert session.reply(1, "ok")[0].meta == {"heartbeat_s": 10}
    session.read("in", HEARTBEAT, 10)
    assert session.overdue(29) == ()
    error = "nothing received for 20 s; 2 heartbeats missed"
    missed = Happening("heartbeat.timeout", "heartbeat", error_type="heartbeat_missed", error=error, meta={"missed": 2})
    assert session.overdue(30) == (missed,)
    assert session.overdue(60) == ()
    session.read("in", HEARTBEAT, 61)
    assert outline(session.overdue(81)) == [("heartbeat.timeout", "", "", "heartbeat_missed")]


def test_without_heartbeats_silence_means_nothing() -> None:
    session = Session()
    session.ask(1, "public/set_heartbeat", {"interval": 10})
    session.reply(1, "ok")
    session.ask(2, "public/disable_heartbeat")
    assert session.reply(2, "ok")[0].meta == {"heartbeat_s": 0}
    assert session.overdue(1000) == ()


@pytest.mark.parametrize("interval", [0, -1, "10", True, None, 10**30, [10]])
def test_an_odd_interval_arms_nothing(interval: Any) -> None:
    session = Session()
    session.ask(1, "public/set_heartbeat", {"interval": interval})
    session.reply(1, "ok")
    assert session.overdue(29) == ()


# subscriptions


def test_channels_that_the_result_lists_are_confirmed_and_the_others_failed() -> None:
    session = Session()
    assert session.ask(1, "public/subscribe", {"channels": ["a", "b", "a"]}) == (
        Happening("subscription.subscribe.started", "subscribe", "start", "1 a", "public/subscribe", "a", "1"),
        Happening("subscription.subscribe.started", "subscribe", "start", "1 b", "public/subscribe", "b", "1"),
    )
    assert session.reply(1, ["a"]) == (
        Happening("subscription.subscribe.completed", "subscribe", "end", "1 a", "public/subscribe", "a", "1", "ok"),
        Happening(
            "subscription.subscribe.completed", "subscribe", "end", "1 b", "public/subscribe", "b", "1", "error",
            error_type="not_confirmed", error="requested, but missing from the reply",
        ),
    )  # fmt: skip


def test_a_refused_subscribe_fails_every_channel() -> None:
    session = Session()
    session.ask(1, "private/subscribe", {"channels": ["a.raw", "b"]})
    name = "raw_subscriptions_not_available_for_unauthorized"
    assert outline(session.refuse(1, 13778, name)) == [
        ("subscription.subscribe.completed", "end", "a.raw", name),
        ("subscription.subscribe.completed", "end", "b", name),
    ]


def test_channels_that_are_not_answered_time_out() -> None:
    session = Session()
    session.ask(1, "public/subscribe", {"channels": ["a", "b"]})
    assert outline(session.overdue(30)) == [
        ("subscription.subscribe.completed", "end", "a", "timeout"),
        ("subscription.subscribe.completed", "end", "b", "timeout"),
    ]


@pytest.mark.parametrize("channels", [None, [], 5, {}, [1, None]])
def test_a_subscribe_without_channels_begins_and_ends_once(channels: Any) -> None:
    session = Session()
    assert outline(session.ask(1, "public/subscribe", {"channels": channels})) == [
        ("subscription.subscribe.started", "start", "", "")
    ]
    assert outline(session.reply(1, [])) == [("subscription.subscribe.completed", "end", "", "")]


def test_unsubscribing_pairs_like_subscribing() -> None:
    session = Session()
    assert outline(session.ask(1, "private/unsubscribe", {"channels": ["a"]})) == [
        ("subscription.unsubscribe.started", "start", "a", "")
    ]
    assert outline(session.reply(1, ["a"])) == [("subscription.unsubscribe.completed", "end", "a", "")]
    assert outline(session.ask(2, "public/unsubscribe_all")) == [("subscription.unsubscribe.started", "start", "*", "")]
    assert outline(session.reply(2, "ok")) == [("subscription.unsubscribe.completed", "end", "*", "")]


def test_more_channels_than_the_limit_are_told() -> None:
    happenings = Session().ask(1, "public/subscribe", {"channels": [f"c{n}" for n in range(MAX_TOPICS + 1)]})
    assert (len(happenings), happenings[0].error_type) == (MAX_TOPICS + 1, "too_many_topics")


def test_data_of_a_channel_has_its_topic() -> None:
    payload = message(method="subscription", params={"channel": "trades.BTC", "data": [{"price": 1}]})
    assert Session().read("in", payload) == Decoded("subscription", "trades.BTC")


# requests


def test_five_requests_at_once_each_get_their_own_answer() -> None:
    session = Session()
    for id_ in (1, 2, 3, 4, "test-id-123"):
        session.ask(id_, "public/get_time")
    for id_ in ("test-id-123", 3, 1, 4, 2):
        assert [(happening.ref, happening.status) for happening in session.reply(id_, 0)] == [(str(id_), "ok")]


@pytest.mark.parametrize(
    ("us_diff", "meta"),
    [
        (2000, {"total_us": 50_000, "server_us": 2_000, "network_us": 48_000}),
        (60_000, {"total_us": 50_000, "server_us": 60_000}),
        (-1, None),
        ("2000", None),
        (10**400, None),
        (None, None),
    ],
)
def test_the_round_trip_is_divided(us_diff: Any, meta: Meta | None) -> None:
    session = Session()
    session.ask(1, "public/hello", at_s=1.0)
    assert session.reply(1, {}, 1.05, usIn=1, usOut=2, usDiff=us_diff, testnet=True)[0].meta == meta


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (10028, "too_many_requests"),
        (10066, "too_many_concurrent_requests"),
        (11050, "bad_request"),
        (11051, "system_maintenance"),
        (13021, "forbidden"),
        (13888, "timed_out"),
        (-32600, "request_entity_too_large"),
        (-32601, "method_not_found"),
        (-32602, "invalid_params"),
        (-32700, "parse_error"),
        (-32000, "missing_params"),
        (10009, "rpc_10009"),
    ],
)
def test_errors_are_named_by_their_code(code: int, name: str) -> None:
    session = Session()
    session.ask(1, "private/buy")
    assert outline(session.refuse(1, code, "x")) == [
        ("message.process.completed", "end", "", name),
        ("error.occurred", "", "", name),
    ]


def test_a_logout_waits_for_nothing_and_announces_the_end() -> None:
    session = Session()
    session.authenticate()
    assert session.ask(5, "private/logout") == (
        Happening(
            "message.process.completed", "request", type="private/logout", meta={"expected_disconnect": "logout"}
        ),
    )
    assert (session.state.expected_end, session.state.is_authenticated) == ("logout", False)
    assert session.overdue(100) == ()


def test_cancel_on_disconnect_is_a_fact_of_the_session_once_confirmed() -> None:
    session = Session()
    session.ask(1, "private/enable_cancel_on_disconnect", {"scope": "connection"})
    before = session.state.cancels_on_disconnect
    assert session.reply(1, "ok")[0].meta == {"cancel_on_disconnect": True}
    confirmed = session.state.cancels_on_disconnect
    session.ask(2, "private/disable_cancel_on_disconnect")
    session.reply(2, "ok")
    assert (before, confirmed, session.state.cancels_on_disconnect) == (False, True, False)


def test_binary_passes_through_and_broken_json_is_said() -> None:
    state = DeribitState()
    assert decode("in", "binary", b"\x01\x02", state) == UNREAD
    assert decode("in", "text", b'{"method":', state).error_type == "json"


# answering


@pytest.mark.parametrize("payload", [TEST_REQUEST, message(method="heartbeat", params={"type": "test_request"})])
def test_a_test_request_is_answered_with_public_test(payload: bytes) -> None:
    session = Session()
    frames = deribit.answer(session.read("in", payload), ClientOptions(answers=True), session.state)
    sent = [json.loads(frame) for frame in frames]
    assert [{**frame, "id": 0} for frame in sent] == [
        {"jsonrpc": "2.0", "id": 0, "method": "public/test", "params": {}}
    ]
    assert isinstance(sent[0]["id"], int)
    assert session.read("out", str(frames[0]).encode()).happenings[0].name == "heartbeat.responded"


def test_nothing_else_is_answered() -> None:
    session = Session()
    session.ask(1, "public/get_time")
    for payload in (HEARTBEAT, message(id=1, result=5), message(method="subscription", params={})):
        assert deribit.answer(session.read("in", payload), ClientOptions(answers=True), session.state) == ()


def test_ids_of_our_own_are_never_in_flight() -> None:
    session = Session()
    session.ask(1_000_000_001, "public/test")
    (frame,) = deribit.subscribe_messages(["a"], session.state)
    assert json.loads(frame)["id"] == 1_000_000_002


def test_authentication_is_by_client_credentials() -> None:
    state = DeribitState()
    (frame,) = deribit.auth_messages({"client_id": "me", "client_secret": CANARY, "refresh": 0.8}, state)
    params = {"grant_type": "client_credentials", "client_id": "me", "client_secret": CANARY}
    assert {**json.loads(frame), "id": 0} == {"jsonrpc": "2.0", "id": 0, "method": "public/auth", "params": params}
    assert deribit.auth_messages({"client_id": "me"}, state) == ()


def test_subscribing_is_private_where_a_token_is_in_force() -> None:
    session = Session()
    channels = ["ticker.BTC.raw", "trades.BTC"]
    (frame,) = deribit.subscribe_messages(channels, session.state)
    assert (json.loads(frame)["method"], json.loads(frame)["params"]) == ("public/subscribe", {"channels": channels})
    session.authenticate()
    (frame,) = deribit.subscribe_messages(channels, session.state)
    assert json.loads(frame)["method"] == "private/subscribe"
    assert deribit.subscribe_messages([], session.state) == ()


def test_many_channels_are_divided_into_frames_that_deribit_takes() -> None:
    channels = [f"book.OPTION-{n:0>80}.raw" for n in range(1200)]
    frames = deribit.subscribe_messages(channels, DeribitState())
    assert max(map(len, frames)) < 32_000
    assert [name for frame in frames for name in json.loads(frame)["params"]["channels"]] == channels


def test_a_refresh_is_sent_once_at_80_percent_of_the_tokens_life() -> None:
    session = Session()
    assert deribit.refresh_messages(10**15, session.state) == ()
    session.authenticate()
    assert deribit.refresh_messages(719 * SECOND_NS, session.state) == ()
    (frame,) = deribit.refresh_messages(720 * SECOND_NS, session.state)
    params = {"grant_type": "refresh_token", "refresh_token": TOKENS["refresh_token"]}
    assert json.loads(frame)["params"] == params
    session.read("out", frame.encode(), 720)
    assert deribit.refresh_messages(721 * SECOND_NS, session.state) == ()


def test_no_credential_is_repeated() -> None:
    session = Session()
    error = {"code": 13004, "message": f"bad {CANARY}-x", "data": {"client_secret": CANARY + "-x"}}
    happenings: list[object] = []
    for id_, params in enumerate(
        (
            {"grant_type": "client_credentials", "client_id": CANARY, "client_secret": CANARY + "-x"},
            {"grant_type": "client_signature", "signature": CANARY + "-x", "nonce": CANARY, "data": CANARY},
            {"grant_type": "refresh_token", "refresh_token": CANARY + "-x"},
            {"grant_type": CANARY, "state": CANARY + "-x"},
        )
    ):
        happenings += session.ask(id_, "public/auth", params)
        happenings += session.read("in", message(id=id_, error=error)).happenings
    happenings += session.authenticate()
    happenings += session.ask(20, "private/get_positions", {"access_token": TOKENS["access_token"], "currency": "BTC"})
    happenings += session.refuse(20, 13009, f"unauthorized: {TOKENS['access_token']} {TOKENS['refresh_token']}")
    happenings += session.overdue(2000)
    assert len(happenings) > 12
    assert CANARY not in repr(happenings) + repr(vars(session.state))


OPTIONS = ClientOptions(
    (Sensitive("trades.BTC"),), {"client_id": Sensitive("me"), "client_secret": Sensitive("hush", "***")}, answers=True
)


def methods(messages: tuple[str | bytes, ...]) -> list[str]:
    """The methods of JSON-RPC requests."""
    return [json.loads(message)["method"] for message in messages]


def test_wsmon_authenticates_before_it_subscribes() -> None:
    state = DeribitState()
    (auth,) = deribit.opening(OPTIONS, state)
    assert methods((auth,)) == ["public/auth"]
    decode("out", "text", str(auth).encode(), state)
    grant = {"access_token": "a", "refresh_token": "r", "expires_in": 100, "token_type": "bearer"}
    reply = json.dumps({"jsonrpc": "2.0", "id": json.loads(auth)["id"], "result": grant}).encode()
    assert methods(deribit.answer(decode("in", "text", reply, state), OPTIONS, state)) == ["private/subscribe"]
    assert methods(deribit.due(81 * 10**9, OPTIONS, state)) == ["public/auth"]


def test_wsmon_subscribes_to_public_channels_where_it_may_not_authenticate() -> None:
    state = DeribitState()
    assert methods(deribit.opening(ClientOptions(OPTIONS.topics), state)) == ["public/subscribe"]
    (auth,) = deribit.opening(OPTIONS, state)
    decode("out", "text", str(auth).encode(), state)
    refusal = {"jsonrpc": "2.0", "id": json.loads(auth)["id"], "error": {"code": 13004, "message": "no"}}
    decoded = decode("in", "text", json.dumps(refusal).encode(), state)
    assert methods(deribit.answer(decoded, OPTIONS, state)) == ["public/subscribe"]


def test_wsmon_answers_a_test_request() -> None:
    state = DeribitState()
    asked = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'
    assert methods(deribit.answer(decode("in", "text", asked, state), OPTIONS, state)) == ["public/test"]
