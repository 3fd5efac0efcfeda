"""Where a request of an application leads, and what differs in it then."""

from __future__ import annotations

import pytest
from websockets.uri import parse_uri

from wsmon.config.specs import ConnectionSpec, RouteSpec
from wsmon.model.redact.masking import Sensitive
from wsmon.relay.request_head import RequestHead
from wsmon.relay.routes import find_route, recorded_url, replaced_headers, target


def route(path: str, upstream: str = "wss://example.com") -> RouteSpec:
    return RouteSpec(path, Sensitive(upstream))


@pytest.mark.parametrize(
    ("path", "found"),
    [("/", "/"), ("/feed", "/feed"), ("/feed/", "/feed"), ("/feed/v2/x", "/feed/v2"), ("/feeds", "/"), ("/x", "/")],
)
def test_the_longest_route_wins_and_ends_at_a_slash(path: str, found: str) -> None:
    assert find_route([route("/"), route("/feed"), route("/feed/v2")], path) == route(found)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/feed/a/../b", "/feed"),
        ("/feed/../x", "/"),
        ("/feed/./../x", "/"),
        ("/feed//../x", "/"),
        ("/feed/%2e%2E/x", "/"),
        ("/feed/..%2fx", "/"),
        ("/feed/..\\x", "/"),
        ("/feed/..", "/"),
        ("/feed/..x/...", "/feed"),
        ("/../x", None),
        ("/feed/../../x", None),
    ],
)
def test_a_path_that_leaves_that_of_a_route_is_not_below_it(path: str, found: str | None) -> None:
    assert find_route([route("/"), route("/feed")], path) == (None if found is None else route(found))


def test_without_a_route_there_is_none() -> None:
    assert find_route([route("/feed")], "/feeds") is None


@pytest.mark.parametrize(
    ("path", "upstream", "asked", "sent"),
    [
        ("/", "wss://h", "/", "/"),
        ("/", "wss://h", "/a/b?x=1", "/a/b?x=1"),
        ("/", "wss://h/ws", "/", "/ws"),
        ("/", "wss://h/ws/", "/", "/ws/"),
        ("/", "wss://h/ws", "/a/", "/ws/a/"),
        ("/feed", "wss://h/v1/ws?key=k", "/feed?x=%20", "/v1/ws?key=k&x=%20"),
        ("/feed", "wss://h/v1", "/feed/", "/v1/"),
        ("/feed", "wss://h/v1/", "/feed/a/../b", "/v1/a/../b"),
        ("/feed/", "wss://h", "/feed/a", "/a"),
        ("/", "wss://h?key=k", "/", "/?key=k"),
        ("/feed", "wss://h/v1", "http://127.0.0.1:9000/feed/a?x=http://b/", "/v1/a?x=http://b/"),
        ("/", "wss://h/v1", "ws://127.0.0.1:9000?x=1", "/v1?x=1"),
        ("/", "wss://h/v1", "HTTP://[::1]", "/v1"),
    ],
)
def test_what_follows_the_path_of_a_route_is_appended_to_that_of_the_server(
    path: str, upstream: str, asked: str, sent: str
) -> None:
    request = RequestHead("GET", asked, "HTTP/1.1")
    assert target(request, route(path, upstream), parse_uri(upstream)) == sent


@pytest.mark.parametrize(
    ("upstream", "masked", "recorded"),
    [
        ("wss://h:8443/v1/ws?key=k", "wss://h:8443/v1/ws?key=k", "wss://h:8443/v1/ws/a?key=k&x=1"),
        ("ws://u:p@h", "ws://[FILTERED]@h", "ws://h/a?x=1"),
        ("ws://h?room=pin", "ws://h?room=[FILTERED]", "ws://h/a?room=[FILTERED]&x=1"),
        # Shorter than what is masked wherever it occurs
        ("wss://h/bot-pin/ws", "wss://h/bot-[FILTERED]/ws", "wss://h/bot-[FILTERED]/ws/a?x=1"),
    ],
)
def test_what_is_recorded_of_a_url_has_no_secret_of_the_configuration(
    upstream: str, masked: str, recorded: str
) -> None:
    asked = RequestHead("GET", "/feed/a?x=1", "HTTP/1.1")
    to = RouteSpec("/feed", Sensitive(upstream, masked))
    assert recorded_url(asked, to, parse_uri(upstream)) == recorded


def test_host_and_configured_headers_replace_those_of_the_application() -> None:
    spec = ConnectionSpec(
        "api", Sensitive("wss://h"), headers=(("X-Key", Sensitive("k")),), origin=Sensitive("https://app.test")
    )
    assert replaced_headers(parse_uri("wss://u:p@h:8443/ws"), spec) == [
        ("Host", "h:8443"),
        ("Origin", "https://app.test"),
        ("Authorization", "Basic dTpw"),
        ("X-Key", "k"),
    ]


def test_a_configured_header_wins_over_the_one_that_a_relay_sets() -> None:
    spec = ConnectionSpec(
        "api", Sensitive("ws://h"), headers=(("host", Sensitive("other")), ("AUTHORIZATION", Sensitive("Bearer t")))
    )
    assert replaced_headers(parse_uri("ws://u:p@h/ws"), spec) == [("host", "other"), ("AUTHORIZATION", "Bearer t")]
