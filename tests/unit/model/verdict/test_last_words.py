"""Which last message of a peer explains an end, and which is one of a feed."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import loss, message
from wsmon.model.events import Event
from wsmon.model.verdict.last_words import (
    KEPT_BYTES,
    LastMessages,
    PeerMessage,
    peer_message,
    read_last_words,
    refusal,
    unanswered_ping,
)


def said(*texts: str, before_s: float = 0.1, sent_s: float | None = None) -> tuple[LastMessages, Event]:
    """The last messages of a session, the newest last, and its end."""
    end = loss(100, code=1000, reason="")
    received = [
        peer_message(message(text, 100 - before_s - (len(texts) - 1 - number) / 5)) for number, text in enumerate(texts)
    ]
    sent_ns = None if sent_s is None else end.mono_ns - round(sent_s * 1e9)
    return LastMessages(received[-1], received[-2] if len(received) > 1 else None, sent_ns), end


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"auth_invalid","message":"Invalid access token or password"}',
        '{"type":"disconnect","reason":"unauthorized","reconnect":false}',
        '{"type":"connection_error","payload":{"message":"Bad token"}}',
        '{"error":"Handshake was canceled."}\x1e',
        '{"type":7,"error":"Connection closed with an error."}\x1e',
        '{"type":7}\x1e',
        '{}\x1e{"type":7,"allowReconnect":true}\x1e',
        '{"event":"pusher:error","data":{"code":4001,"message":"no such app"}}',
        '{"op":"auth","success":false,"ret_msg":"params error"}',
        '{"code":20051,"msg":"stopping, please reconnect"}',
        '{"data":{"error":{"message":"no"}}}',
        '{"janus":"timeout","session_id":1}',
        '{"e":"serverShutdown","E":1770123456789}',
        '[{"T":"error","code":406,"msg":"connection limit exceeded"}]',
        '[{"ev":"status","status":"max_connections","message":"Maximum number of websocket connections exceeded."}]',
        '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}',
        'c[4321,"kicked by app"]',
        "44",
        '44{"message":"invalid token"}',
        "41",
        '42["error","boom"]',
        '[3,{"message":"no realm"},"wamp.error.no_such_realm"]',
        '[6,{},"wamp.close.system_shutdown"]',
        "ERROR\nmessage:Bad CONNECT\n\nAccess refused for user 'guest'\n\0\n",
        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>",
        "<stream:error><conflict/></stream:error>",
        "-ERR 'Authorization Violation'\r\n",
        '{"type":"disconnect","reason":"refresh_requested","debug_info":{"host":"a"}}',
        '{"type":"goodbye"}',
        '{"op":7,"d":null}',
        '{"op":9,"d":false,"s":null,"t":null}',
        '{"error":true}',
        '{"error":{"code":401,"message":"no"},"id":null}',
        '{"event":"login","status":"rejected"}',
        '{"event":"info","code":20051,"msg":"Stopping. Please try to reconnect"}',
        '{"status":"error","message":"no such key"}',
        '["error","boom"]',
        '42["disconnect","kicked by admin"]',
        "ERROR :Closing Link: 1.2.3.4 (Ping timeout)",
        "Error: room is gone",
        "ERROR unknown command",
        "goodbye",
        "Unauthorized",
        '{"type":"error","error":"rate_limited","retry_after":5}',
        '{"type":"error","code":"auth/invalid-token","message":"Token invalid"}',
        '{"event":"close","data":{"reason":"idle timeout"}}',
        '{"error":"sensor failure"}',
        '{"type":"banned","reason":"cheating"}',
        '{"action":"close","payload":{}}',
        '{"action":"close"}',
        '{"cmd":"disconnect"}',
        '{"op":"close"}',
        '{"op":"error","msg":"Invalid token"}',
        '{"op":"login","success":false,"msg":"wrong key","code":60009}',
        '{"event":"error","code":"60012","msg":"Invalid request","connId":"a"}',
        '{"event":"error","message":"Already subscribed","code":30015}',
        '{"event":"auth","status":"FAILED","code":10100,"msg":"apikey: invalid"}',
        '{"code":4001,"reason":"token expired"}',
        '{"type":"error","payload":"no"}',
        '{"type":"error","id":"","payload":{"message":"bad"}}',
        '{"type":"hello","ok":false,"error":"invalid_auth"}',
        '{"ok":false,"error":"too_many_websockets"}',
        '{"type":"disconnect","reason":"warning","debug_info":{"host":"x"}}',
        '{"type":"disconnect","reason":"link_disabled"}',
        '{"errorMessage":"Event(s) not found","event":"error"}',
        '{"type":"server_shutdown"}',
        '{"type":"ServerShutdown"}',
        '{"type":"session_replaced"}',
        '{"type":"auth_expired"}',
        '{"type":"logout"}',
        '["disconnect"]',
        '42["error",{"message":"unauthorized"}]',
        '42["kicked",{"reason":"spam"}]',
        '42["error"]',
        "ERROR: rate limit",
        "Error: sensor 3 offline",
        "-ERR unknown",
        "Invalid input",
        "bye",
        "Goodbye!",
        "Disconnected",
        "disconnect: idle timeout",
        "Unauthorized: token expired",
        "Closing connection",
        "ERROR :Closing Link: (Excess Flood)",
        ":tmi.twitch.tv RECONNECT",
        "<stream:error><policy-violation xmlns='x'/></stream:error>",
        'c[1000,""]',
        'c[3000,"Go away!"]',
        '[6,{"message":"x"},"wamp.close.goodbye_and_out"]',
        '[3,{},"wamp.error.authorization_failed"]',
        '{"type":7,"error":"Server timeout"}',
        '{"op":9,"d":true}',
        '{"op":7,"d":null,"s":null,"t":null}',
        '44{"message":"Session ID unknown"}',
        '{"event":"pusher:error","data":{"code":4200,"message":"Please reconnect immediately"}}',
        '{"event":"pusher:error","data":"{\\"code\\":4200}"}',
        "Invalid key",
        ":tmi.twitch.tv NOTICE * :Login authentication failed",
    ],
)
def test_a_refusal_or_a_farewell(text: str) -> None:
    assert refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"e":"kline","k":{"o":"1","close":"2","x":false}}',
        '{"type":"trade","error":null,"errors":[],"code":0}',
        '{"type":"order","status":"rejected","id":7}',
        '{"type":"order","order_type":"limit"}',
        '{"success":true,"result":{"ok":true}}',
        '{"code":200,"message":"subscribed"}',
        '["trade",{"price":1}]',
        "[0,[1,2],3]",
        "42[1]",
        "2",
        "hello",
        "{broken error",
        "MESSAGE\ndestination:/queue/a\n\nbody\0",
        '[null,null,"room:1","phx_error",{}]',
        "too many connections from this address",
        "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
        '{"type":"system","message":"Server restarting in 60 seconds"}',
        '{"type":"chat","user":"bob","message":"error: token expired"}',
        '{"type":"chat","text":"disconnect"}',
        '{"type":"message","text":"goodbye"}',
        '{"event":"close","data":{"symbol":"AAPL","price":3}}',
        '{"type":"status","status":"error","device":"pump 3"}',
        '{"status":"error","sensor":"t1"}',
        '{"status":"error"}',
        '{"status":"error","data":{"temp":30}}',
        '{"type":"alarm","level":"error","message":"overheating"}',
        '{"level":"error","msg":"disk full","ts":1}',
        '{"error":"connection lost","device":"a"}',
        '{"error":{"x":0.1,"y":0.2}}',
        '{"error":{"rmse":0.1},"epoch":3}',
        '{"type":"timeout","player":"white"}',
        '{"type":"timeout"}',
        '{"type":"kick","target":"bob","reason":"spam"}',
        '{"type":"closed","message":"Market closed"}',
        '{"type":"closing","price":5}',
        '{"type":"maintenance","message":"Scheduled maintenance tomorrow"}',
        '{"type":"maintenance","time":"2026-12-01T00:00:00Z"}',
        '{"action":"close","data":{"position":5}}',
        '{"action":"kick","data":{"user":"bob"}}',
        '{"method":"shutdown"}',
        '{"command":"shutdown","payload":"device 3"}',
        '{"op":"error","args":["x"]}',
        '{"e":"error","m":"x"}',
        '{"msg":"bye"}',
        '{"reason":"token expired"}',
        '{"code":200,"reason":"logged out"}',
        '{"message":"Internal server error","connectionId":"abc","requestId":"xyz"}',
        '{"message": "Forbidden", "connectionId":"abc=", "requestId":"def"}',
        '{"errors":[{"message":"x"}]}',
        '{"type":"ka"}',
        '{"type":"error","id":"1","payload":[{"message":"bad"}]}',
        '{"id":5,"type":"result","success":false,"error":{"code":"not_found","message":"no"}}',
        '{"status":"UNSUBSCRIBED","reason":"x"}',
        '{"errorMessage":"Currency pair not supported","event":"subscriptionStatus","pair":"X","status":"error"}',
        '{"event":"systemStatus","status":"maintenance","version":"1.9.0"}',
        '{"method":"public/disconnect"}',
        '{"type":"replaced"}',
        '{"type":"logout","uid":5}',
        '{"event":"logout","data":{"user":"bob"}}',
        '{"event":"logout","data":{"username":"bob"}}',
        '{"type":"disconnected","name":"bob"}',
        '{"type":"error","name":"bob"}',
        '{"type":"close","time":5,"v":"1"}',
        '{"type":"closed","text":"Order 5 closed"}',
        '{"type":"close","data":3.5}',
        '["close",42]',
        '["close","42.1"]',
        '["closed","trade"]',
        '42["disconnect","bob"]',
        '0["x"]',
        "ERROR - sensor 5",
        "ERROR -3",
        "Invalid moves played so far",
        "Disconnected: bob",
        "Kicked",
        "Forbidden Planet",
        ":irc.example NOTICE * :*** Looking up your hostname...",
        ":irc.example NOTICE AUTH :*** Looking up",
        "<error>3</error>",
        "<feed><error>x</error></feed>",
        '<failure xmlns="urn"><not-authorized/></failure>',
        "<failure><disk/></failure>",
        "<iq type='error'><error type='cancel'><item-not-found/></error></iq>",
        '[3,{"a":1},"x"]',
        '{"type":"7"}',
        '{"op":7}',
        "40",
        '{"code":1,"message":"Session ID unknown"}',
        '{"janus":"error","transaction":"a","error":{"code":403,"reason":"no"}}',
        '{"event":"phx_error","topic":"room:1","payload":{},"ref":null}',
        "an error " * 100,
        '{"type":"player_kicked","player":"bob"}',
        '{"type":"kicked","player":"bob"}',
        '{"type":"disconnect","user":"bob"}',
        '{"event":"user.disconnected"}',
        '{"event":"position_closed"}',
        '{"event":"password_reset_failed"}',
        '{"type":"kline_close"}',
        '{"type":"close","symbol":"BTCUSD","price":1}',
        '{"close_price":1}',
        '{"error":0.002,"value":3}',
        '{"error":0.002}',
        '{"error":"0.002"}',
        '{"error":3}',
        '{"errors":3}',
        '{"error":"none"}',
        '{"event":"error","id":7,"msg":"unknown symbol"}',
        '{"type":"error","symbol":"XYZ","message":"unknown symbol"}',
        '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params"}}',
        '{"op":"subscribe","success":false,"ret_msg":"bad topic"}',
        '{"code":1001,"message":"order 5 filled"}',
        '{"code":500,"message":"units in stock"}',
        '[8,48,1,{},"wamp.error.no_such_procedure"]',
        '[{"type":"error"}]',
        '[{"T":"t","S":"AAPL","p":1}]',
        '{"e":"close","s":"BTCUSD","c":"1"}',
        '{"e":"trade","E":1770123456789,"error":"x"}',
        '[{"T":"error","S":"AAPL","msg":"connection limit exceeded"}]',
        '[{"type":"error","msg":"token expired"},{"type":"trade"}]',
        '["close",[1,2,3]]',
        '42["disconnect",{"user":"bob"}]',
        '42["player_kicked","bob"]',
        '{"op":7,"d":{"requestType":"GetVersion"}}',
        "Too many users online today",
        "rate limit remaining: 99",
        "login failed for user bob (other session)",
        "token expired",
        "no errors",
        "Error: 0",
        "ERROR 0",
        "Error: none",
        "Error rate: 0.02",
        "error bars are shown",
        "invalid votes: 3",
        "Bye bye, see you tomorrow",
        "upstream connect error or disconnect/reset before headers",
        "<message><body>error</body></message>",
        "",
    ],
)
def test_any_other_message(text: str) -> None:
    assert refusal(text) == ""


def test_the_words_are_the_texts_without_keys_those_for_people_first() -> None:
    assert refusal('{"type":"auth_invalid","code":4,"message":"no such user"}') == "no such user\nauth_invalid"


def test_a_refusal_is_quoted_with_its_time() -> None:
    words = read_last_words(*said("Invalid key", before_s=0.3))
    assert words is not None
    assert (words.quote, words.is_refusal) == ("last message from the peer: “Invalid key”, 0.3 s before", True)


def test_what_came_long_before_says_nothing_about_the_end() -> None:
    assert read_last_words(*said("Invalid key", before_s=1.6)) is None


def test_an_error_with_a_known_cause_comes_before_a_farewell() -> None:
    words = read_last_words(*said('{"type":"error","msg":"session replaced"}', "goodbye"))
    assert words is not None
    assert words.text == '{"type":"error","msg":"session replaced"}'


def test_an_error_that_is_not_understood_explains_only_an_end_at_once() -> None:
    text = '{"event":"error","msg":"unknown symbol"}'
    late, soon = read_last_words(*said(text, before_s=1.2)), read_last_words(*said(text, before_s=0.3))
    assert late is not None
    assert soon is not None
    assert (late.is_refusal, late.text, soon.is_refusal) == (False, text, True)


def test_an_error_that_is_understood_may_come_a_second_before() -> None:
    words = read_last_words(*said('{"type":"error","message":"token expired"}', before_s=1.2))
    assert words is not None
    assert words.is_refusal


def test_a_single_text_is_quoted_and_one_of_a_feed_is_not() -> None:
    single, feed = read_last_words(*said("adios")), read_last_words(*said("tick 0001 a", "tick 0001 b"))
    assert (single is not None and not single.is_refusal, feed) == (True, None)
    assert read_last_words(*said("welcome", "adios")) is not None


def test_a_long_text_is_cut_in_the_sentence_and_kept_beside_it() -> None:
    words = read_last_words(*said(f'{{"error":"{"x" * 300}"}}'))
    assert words is not None
    assert (len(words.text), len(words.quote) < 220, words.quote.endswith("…”, 0.1 s before")) == (312, True, True)


def test_control_characters_of_the_peer_are_made_visible() -> None:
    words = read_last_words(*said("error\n[/b]\u202e"))
    assert words is not None
    assert words.text.isprintable()


@pytest.mark.parametrize(("sent_s", "is_open"), [(None, True), (30.0, True), (1.0, False)])
def test_a_ping_in_plain_words_waits_for_an_answer(sent_s: float | None, is_open: bool) -> None:
    assert (unanswered_ping(*said("PING", before_s=5.0, sent_s=sent_s)) is not None) is is_open


def test_only_a_part_of_a_payload_is_held_and_nothing_of_a_binary_one() -> None:
    long = peer_message(message("é" * KEPT_BYTES))
    assert (len(long.text.encode()) <= KEPT_BYTES, long.is_cut) == (True, True)
    assert peer_message(message(b"\x20\x02\x00\x05")).text == ""
    assert peer_message(message(b'{"error":"no"}')).text == '{"error":"no"}'
    unkept = msgspec.structs.replace(message("x"), payload=None)
    assert peer_message(unkept) == PeerMessage(unkept.mono_ns, b"")


def test_w7_an_error_after_which_the_peer_goes_on_sending_is_a_fact_and_explains_nothing() -> None:
    words = read_last_words(*said('{"error":"Too many requests"}', '{"t":1}'))
    assert words is not None
    assert (words.is_refusal, words.quote) == (
        False,
        'peer error 0.3 s before: “{"error":"Too many requests"}”; it continued sending afterwards',
    )


ANNOUNCED = [
    ('{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade."}', 30, True),
    ('{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade."}', 70, False),
    ('{"type":"disconnect","reason":"warning","debug_info":{"host":"x"}}', 10, True),
    ('{"type":"info","message":"server going down for maintenance in 5 minutes"}', 300, True),
    ('{"type":"info","message":"server going down for maintenance in 5 minutes"}', 400, False),
    ("Server will restart in 30 seconds", 31, True),
    ('{"e":"serverShutdown","E":1770123456789}', 50, True),
    ('{"type":"info","user":"bob","message":"server restarting"}', 10, False),
    ('{"type":"news","message":"position will be closed in 5 minutes"}', 10, False),
    ('{"type":"info","message":"maintenance completed"}', 10, False),
    ('{"type":"command","action":"restart"}', 10, False),
]


@pytest.mark.parametrize(("text", "before_s", "is_announced"), ANNOUNCED)
def test_a3_an_end_that_the_peer_announced(text: str, before_s: float, *, is_announced: bool) -> None:
    words = read_last_words(*said(text, before_s=before_s))
    assert (words is not None) is is_announced
    if words is not None:
        assert (words.quote, words.is_refusal) == (f"announced {before_s:.1f} s before: “{text}”", True)


@pytest.mark.parametrize(
    ("text", "cause", "is_certain"),
    [
        ('c[3000,"Go away!"]', "with this SockJS message the server closed deliberately, with code 3000", True),
        ("41", "with this Socket.IO message the server closed deliberately, without a reason", False),
        (
            '{"type":"disconnect","reason":"remote","reconnect":false}',
            "with this ActionCable message the server closed deliberately and asked the client not to reconnect",
            True,
        ),
        (
            '{"type":"disconnect","reason":"remote","reconnect":true}',
            "with this ActionCable message the server closed deliberately and asked the client to reconnect",
            True,
        ),
        ('[6,{},"wamp.close.normal"]', "with this WAMP GOODBYE the router closed deliberately", True),
        ('{"type":7}\x1e', "with this SignalR message the server closed deliberately and reported no error", True),
        (
            '{}\x1e{"type":7,"error":"boom"}\x1e',
            "with this SignalR message the server closed deliberately and reported an error",
            True,
        ),
    ],
)
def test_a4_the_close_of_a_protocol_says_that_the_peer_closed_on_purpose(
    text: str, cause: str, *, is_certain: bool
) -> None:
    words = read_last_words(*said(text))
    assert words is not None
    assert words.closing is not None
    assert (words.closing.advice.cause, words.closing.is_certain) == (cause, is_certain)


@pytest.mark.parametrize("farewell", ["bye for now", "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>", "goodbye"])
def test_w7_an_error_before_a_farewell_stays_the_last_word(farewell: str) -> None:
    words = read_last_words(*said('{"error":"wrong password"}', farewell))
    assert words is not None
    assert (words.text, words.is_refusal, words.is_last) == ('{"error":"wrong password"}', True, True)
