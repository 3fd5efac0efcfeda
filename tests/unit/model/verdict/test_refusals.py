"""What upgrades that an HTTP response refused mean."""

from __future__ import annotations

import pytest

from tests.support.builders import refused
from tests.support.verdicts import alone
from wsmon.model.verdict.refusals import explain_refusal


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, "not a WebSocket endpoint"),
        (301, "the server redirects without a target"),
        (400, "does not accept the request as an upgrade"),
        (401, "the server requires credentials"),
        (403, "does not allow this"),
        (404, "nothing found at this path"),
        (405, "this path does not accept GET, which an upgrade requires: likely not a WebSocket endpoint"),
        (407, "a proxy requires credentials"),
        (408, "waited too long"),
        (410, "was removed"),
        (418, "does not accept the request"),
        (421, "this server does not serve the requested host"),
        (426, "removed the Upgrade header"),
        (429, "the server's limit on connection rate"),
        (451, "legal reasons"),
        (500, "internal server error"),
        (501, "the server does not support WebSocket at this address"),
        (
            502,
            (
                "a gateway in front of the server got no valid response from it: likely it is down, restarting or "
                "too slow"
            ),
        ),
        (503, "overloaded or under maintenance"),
        (504, "gateway timeout: the server did not respond"),
        (511, "this network requires a login"),
        (599, "failed"),
    ],
)
def test_a_refused_upgrade(status: int, words: str) -> None:
    verdict = alone(refused(status=status))
    assert (verdict.by, verdict.code.split()[:2]) == ("refusal", ["HTTP", str(status)])
    assert verdict.cause.startswith(f"the server answered HTTP {status}; ")
    assert words in verdict.cause


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (" 120 ", "wsmon waits 2m, as the server asks (Retry-After: 120); "),
        ("Sat, 10 Jan 2026 14:03:24 GMT", "wsmon waits 60 s, as the server asks (Retry-After: Sat, 10 Jan 2026 14:0"),
        (
            "99999999999999",
            "wsmon waits 1h, its maximum, out of what the server asks (Retry-After: 99999999999999); ",
        ),
        ("soon", ""),
        ("0", ""),
        ("Wed, 21 Oct 2015 07:28:00 GMT", ""),
    ],
)
def test_what_a_server_asks_us_to_wait_is_told_as_far_as_we_do(status: int, asked: str, told: str) -> None:
    meta = {"attempt": 1, "open": False, "response_headers": [["retry-after", asked]]}
    step = alone(refused(status=status, meta=meta)).next
    assert (step.startswith(told), "Retry-After" in step) == (True, bool(told))


@pytest.mark.parametrize(
    "meta",
    [
        {"response_headers": [["Content-Type", "text/html; charset=utf-8"]]},
        {"body": "\n<!DOCTYPE html><title>Welcome to the hotel</title>"},
    ],
)
def test_a_web_page_instead_of_an_upgrade_is_a_captive_portal(meta: dict[str, object]) -> None:
    assert "the login page of a network" in alone(refused(status=200, meta=meta)).cause


def test_a_redirect_that_is_not_allowed_is_a_refusal() -> None:
    verdict = alone(refused(status=None, error_type="redirect_refused", error="redirected to https://else.test/"))
    assert verdict.cause.startswith(
        "redirected to https://else.test/; response body: “no key”; possibly the service has moved"
    )
    assert verdict.next.startswith("use that address as the URL")


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (None, "more than 10 redirects", "redirect loop: often to a login page and back"),
        (None, "redirect to ws://a.test/ refused. It would leave TLS", "redirect from wss:// to ws:// refused"),
        (None, "redirect to no WebSocket URL: ftp://a.test/", "is not usable"),
        (302, "302 Found: the server refused the upgrade", "the server redirects without a target"),
        (
            304,
            "304 Not Modified: the server refused the upgrade",
            "likely a cache responded instead of the server: an upgrade is never “not modified”",
        ),
    ],
)
def test_a_redirect_that_leads_nowhere(status: int | None, error: str, words: str) -> None:
    kind = "redirect_refused" if status is None else "http_status"
    verdict = alone(refused(status=status, error_type=kind, error=error))
    assert words in verdict.cause
    assert "allow it" not in verdict.next


@pytest.mark.parametrize(
    ("status", "body", "headers", "certainty", "cause", "step"),
    [
        (
            401,
            "too many failed logins",
            (("Content-Type", "text/plain"),),
            "stated",
            (
                "response body: “too many failed logins”; the server is temporarily rejecting logins after too many "
                "failures"
            ),
            (
                "wait before the next attempt, as long as the service documents, since more attempts "
                "may extend it; then check the credentials in headers or URL"
            ),
        ),
        (
            403,
            "rate limit exceeded",
            (("Content-Type", "text/plain"),),
            "stated",
            ("response body: “rate limit exceeded”; the server's limit on connections or requests was reached"),
            "connect less often: raise reconnect.initial, and open fewer connections at a time",
        ),
        (
            400,
            "signature expired",
            (("Content-Type", "text/plain"),),
            "stated",
            (
                "response body: “signature expired”; the request signature has expired: "
                "signatures are only valid briefly"
            ),
            "sign each connection attempt separately, and check the clock of this machine",
        ),
        (
            503,
            "your plan has expired",
            (("Content-Type", "text/plain"),),
            "inferred",
            (
                "response body: “your plan has expired”; possibly the cause is the account's plan or payment, not the "
                "connection; HTTP 503 itself means: the server is temporarily unavailable: possibly restarting, "
                "overloaded or under maintenance"
            ),
            (
                "check your account: its plan, expiry and payments; if that is not it: no action needed if this is "
                "rare; if it lasts, ask the server operator whether it is up"
            ),
        ),
        (
            404,
            "connection limit",
            (("Content-Type", "text/plain"),),
            "inferred",
            (
                "response body: “connection limit”; possibly it refers to a connection limit; HTTP "
                "404 itself means: nothing found at this path"
            ),
            (
                "open fewer connections, look for other clients with these credentials or from this "
                "address, and compare with the service's limits; if that is not it: check the "
                "path of the URL, and the host that serves it"
            ),
        ),
        (
            500,
            "invalid token",
            (("Content-Type", "text/plain"),),
            "inferred",
            (
                "response body: “invalid token”; possibly the server does not accept a credential in the request; "
                "HTTP 500 itself means: internal server error"
            ),
            (
                "check the credential named in the response: whether it is correct, complete and still valid; if "
                "that is not it: report it to the server operator, with the time"
            ),
        ),
        (
            200,
            '{"error":"token expired"}',
            (("Content-Type", "application/json"),),
            "stated",
            ("response body: “token expired”; a credential in the request has expired or been revoked"),
            "renew the credential named in the response and check when it expires",
        ),
        (
            401,
            "Sec-WebSocket-Protocol must carry the token",
            (("Content-Type", "text/plain"),),
            "stated",
            (
                "response body: “Sec-WebSocket-Protocol must carry the token”; HTTP 401 usually "
                "means: the server requires credentials that are missing or not accepted"
            ),
            (
                "check the credentials in the headers or URL: missing, wrong or expired; read the response "
                "text first (subprotocols sets Sec-WebSocket-Protocol)"
            ),
        ),
        (
            502,
            (
                "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad "
                "Gateway</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>"
            ),
            (("Content-Type", "text/html"),),
            "stated",
            (
                "this is an error page of nginx; a gateway in front of the server got no valid response from it: "
                "likely it is down, restarting or too slow"
            ),
            "no action needed if this is rare; if it lasts, ask the server operator whether it is up",
        ),
        (
            403,
            (
                "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 "
                "Forbidden</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>"
            ),
            (("Content-Type", "text/html"),),
            "stated",
            (
                "this is an error page of nginx; the server does not allow this: possibly rights, Origin, "
                "address or country, a firewall in front of it, or host and path of the URL"
            ),
            (
                "check what the credentials are allowed to do, the Origin header, host and path of the URL, and "
                "whether this address may connect"
            ),
        ),
        (
            400,
            (
                "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS "
                "port</title></head>\r\n<body>\r\n<center><h1>400 The plain HTTP request was sent to "
                "HTTPS port</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>"
            ),
            (("Content-Type", "text/html"),),
            "stated",
            (
                "response page: “400 The plain HTTP request was sent to HTTPS port”; this is an error "
                "page of nginx; the server expects TLS, but received a plain request"
            ),
            (
                "check whether the URL should begin with wss://; if it does, a proxy in front of the server likely "
                "forwards the request without TLS; report it to its operator"
            ),
        ),
        (
            503,
            (
                "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this "
                "request.\n</body></html>"
            ),
            (("Content-Type", "text/html"),),
            "inferred",
            (
                "response page: “No server is available to handle this request.”; the text is that of HAProxy: "
                "likely it responded, not the service; it reports that no backend is ready"
            ),
            "check whether its backend is running, or ask the service operator",
        ),
        (
            503,
            "no healthy upstream",
            (("Content-Type", "text/plain"), ("server", "envoy")),
            "stated",
            (
                "response body: “no healthy upstream”; the response came through Envoy (Server: envoy), "
                "which wrote this text; it reports that no backend is ready"
            ),
            "check whether its backend is running, or ask the service operator",
        ),
        (
            503,
            (
                "<html><head><title>503 Service Temporarily "
                "Unavailable</title></head><body><center><h1>503 Service Temporarily "
                "Unavailable</h1></center></body></html>"
            ),
            (("Content-Type", "text/html"), ("Server", "awselb/2.0")),
            "stated",
            (
                "the AWS load balancer (ALB) itself responded (Server: awselb/2.0); likely no backend accepted the "
                "request, it is overloaded itself, or it is configured to respond this way, as for maintenance"
            ),
            "check whether its backend is running, or ask the service operator",
        ),
        (
            403,
            (
                "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Enable "
                "JavaScript and cookies to continue</body></html>"
            ),
            (("Content-Type", "text/html"), ("Server", "cloudflare"), ("cf-mitigated", "challenge")),
            "stated",
            (
                "response page: “Just a moment...”; Cloudflare itself responded (Cf-Mitigated: challenge); it requires "
                "a browser challenge before it allows access"
            ),
            ("ask the service operator to allow this client; reconnecting is unlikely to help before that"),
        ),
        (
            522,
            "error code: 522",
            (("Content-Type", "text/plain"), ("Server", "cloudflare"), ("CF-RAY", "1-FRA")),
            "stated",
            (
                "Cloudflare itself responded (Server: cloudflare); it could not establish a TCP connection to its "
                "backend in time"
            ),
            "check whether its backend is running, or ask the service operator",
        ),
        (
            403,
            "error code: 1020",
            (("Content-Type", "text/plain"), ("Server", "cloudflare"), ("CF-RAY", "1-FRA")),
            "stated",
            (
                "response body: “error code: 1020”; Cloudflare itself responded (Server: cloudflare); "
                "its firewall rejected the request, so it never reached the service"
            ),
            "ask the service operator to allow this client, and name CF-RAY 1-FRA",
        ),
        (
            403,
            "nope",
            (("Content-Type", "text/plain"), ("Server", "cloudflare")),
            "stated",
            (
                "response body: “nope”; the response came through Cloudflare (Server: cloudflare); HTTP 403 "
                "usually means: the server does not allow this: possibly rights, Origin, address or country, a "
                "firewall in front of it, or host and path of the URL"
            ),
            (
                "check what the credentials are allowed to do, the Origin header, host and path of the URL, "
                "and whether this address may connect; read the response text first"
            ),
        ),
        (
            503,
            (
                '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n<html><head><title>503 '
                "Backend fetch failed</title></head><body><h1>Error 503 Backend fetch "
                "failed</h1><p>Backend fetch failed</p><h3>Guru Meditation:</h3><p>XID: "
                "12</p><hr><p>Varnish cache server</p></body></html>"
            ),
            (("Content-Type", "text/html"), ("Server", "Varnish")),
            "stated",
            (
                "response page: “503 Backend fetch failed”; Varnish itself responded (Server: Varnish); likely no "
                "backend accepted the request, it is overloaded itself, or it is configured to respond this way, as "
                "for maintenance"
            ),
            "check whether its backend is running, or ask the service operator",
        ),
        (
            504,
            (
                "<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY><H1>504 Gateway "
                "Timeout ERROR</H1><P>CloudFront attempted to establish a connection with the origin, but either the "
                "attempt failed or the origin closed the connection.</P>Generated by cloudfront (CloudFront)</BODY>"
                "</HTML>"
            ),
            (("Content-Type", "text/html"), ("Server", "CloudFront")),
            "stated",
            (
                "response page: “CloudFront attempted to establish a connection with the origin, but either the "
                "attempt failed or the origin closed the connection.”; CloudFront itself responded (Server: "
                "CloudFront); it could not connect to its backend, or the backend closed the connection"
            ),
            "check whether its backend is running, or ask the service operator",
        ),
        (
            403,
            (
                "<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1></center></body>"
                "</html>"
            ),
            (("Content-Type", "text/html"), ("Server", "awselb/2.0")),
            "stated",
            (
                "the AWS load balancer (ALB) itself responded (Server: awselb/2.0); likely one of its rules rejected "
                "the request, so it never reached the service"
            ),
            "ask the service operator about its rules",
        ),
        (
            403,
            (
                "<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD><BODY><H1>Access Denied</H1>You don't have permission "
                'to access "/ws" on this server.<P>Reference&#32;&#35;18.abc</BODY></HTML>'
            ),
            (("Content-Type", "text/html"), ("Server", "AkamaiGHost")),
            "stated",
            (
                "response page: “Access Denied”; Akamai itself responded (Server: AkamaiGHost); likely one of its "
                "rules rejected the request, so it never reached the service"
            ),
            "ask the service operator about its rules, and name the reference 18.abc",
        ),
        (
            503,
            (
                "<html><head><title>ERROR: The requested URL could not be retrieved</title></head><body><p>The "
                "following error was encountered while trying to retrieve the URL: "
                "http://10.0.0.7/</p><blockquote><p>Connection to 10.0.0.7 failed.</p></blockquote><p>The system "
                "returned: <i>(111) Connection refused</i></p></body></html>"
            ),
            (("Content-Type", "text/html"), ("X-Squid-Error", "ERR_CONNECT_FAIL 111")),
            "stated",
            (
                "response page: “Connection to 10.0.0.7 failed.”; Squid itself responded (X-Squid-Error: "
                "ERR_CONNECT_FAIL 111); it could not connect to the server (connection refused)"
            ),
            "check that the server is running, and that this proxy can reach it",
        ),
        (
            403,
            "<html><head><title>ERROR: The requested URL could not be retrieved</title></head></html>",
            (("Content-Type", "text/html"), ("X-Squid-Error", "ERR_ACCESS_DENIED 0")),
            "stated",
            (
                "Squid itself responded (X-Squid-Error: ERR_ACCESS_DENIED 0); one of its rules rejected the request, "
                "so it never reached the service"
            ),
            "ask the operator of that proxy about its rules",
        ),
        (
            409,
            '{"error":"device already connected"}',
            (("Content-Type", "application/json"),),
            "stated",
            (
                "response body: “device already connected”; the server allows one connection per identity, and "
                "already has one"
            ),
            (
                "look for a second client with these credentials, or an old connection that is still open; give "
                "each its own"
            ),
        ),
        (
            429,
            "",
            (("Retry-After", "3600"),),
            "stated",
            ("the server's limit on connection rate or connection count was reached"),
            (
                "wsmon waits 1h, as the server asks (Retry-After: 3600); connect less often: raise "
                "reconnect.initial; open fewer connections, and look for other clients with these credentials"
            ),
        ),
        (
            404,
            '{"message":"no Route matched with those values"}',
            (("Content-Type", "application/json"), ("Server", "kong/3.4.0")),
            "stated",
            (
                "response body: “no Route matched with those values”; Kong itself responded (Server: "
                "kong/3.4.0); it reports that it has no route for this host and path"
            ),
            "check the host and path of the URL",
        ),
        (
            404,
            (
                '<!DOCTYPE html PUBLIC "-//IETF//DTD HTML 2.0//EN"><html><head><title>404 Not '
                "Found</title></head><body><h1>Not Found</h1><p>The requested URL was not found on "
                "this server.</p><hr><address>Apache/2.4.57 (Debian) Server at x Port "
                "80</address></body></html>"
            ),
            (("Content-Type", "text/html"),),
            "stated",
            (
                "response page: “The requested URL was not found on this server.”; this is an error "
                "page of Apache; HTTP 404 usually means: nothing found at this path"
            ),
            "check the path of the URL, and the host that serves it; read the response text first",
        ),
        (
            503,
            (
                "<HTML><HEAD><TITLE>Service Unavailable</TITLE></HEAD><BODY><h2>Service "
                "Unavailable</h2><hr><p>HTTP Error 503. The service is unavailable.</p></BODY></HTML>"
            ),
            (("Content-Type", "text/html"), ("Server", "Microsoft-HTTPAPI/2.0")),
            "stated",
            (
                "the response came through HTTP.sys of Windows (Server: Microsoft-HTTPAPI/2.0); the server is "
                "temporarily unavailable: possibly restarting, overloaded or under maintenance"
            ),
            "no action needed if this is rare; if it lasts, ask the server operator whether it is up",
        ),
        (
            429,
            "Slow down",
            (("Content-Type", "text/plain"), ("Retry-After", "30")),
            "stated",
            ("response body: “Slow down”; the server's limit on connections or requests was reached"),
            (
                "wsmon waits 30 s, as the server asks (Retry-After: 30); connect less often: raise "
                "reconnect.initial, and open fewer connections at a time"
            ),
        ),
        (
            302,
            "",
            (("Location", "/login?next=/ws"),),
            "stated",
            ("the address looks like a login page: possibly the service requires a login first"),
            "send the credentials as the service documents (headers, URL), and check the path of the URL",
        ),
        (
            200,
            (
                "<html><head><title>Sign in - Corp</title></head><body><form><input "
                'type="password"></form></body></html>'
            ),
            (("Content-Type", "text/html"),),
            "stated",
            (
                "response page: “Sign in - Corp”; a login page was returned instead of a WebSocket: possibly the "
                "service or this network requires a login first"
            ),
            (
                "send the credentials as the service documents (headers, URL); if the page belongs to the network, "
                "log in with a browser on this machine"
            ),
        ),
        (
            401,
            "",
            (("WWW-Authenticate", 'Bearer realm="api", error="invalid_token", error_description="The token expired"'),),
            "stated",
            (
                'it asks for credentials (WWW-Authenticate: Bearer realm="api", '
                'error="invalid_token", error_description="The token expired"); '
                "a credential in the request has expired or been revoked"
            ),
            "renew the credential named in the response and check when it expires",
        ),
        (
            500,
            'FATAL: too many connections for role "app"',
            (("Content-Type", "text/plain"),),
            "stated",
            (
                'response body: “FATAL: too many connections for role "app"”; HTTP 500 usually means: '
                "internal server error"
            ),
            "report it to the server operator, with the time; read the response text first",
        ),
        (
            503,
            "Authentication service unavailable",
            (("Content-Type", "text/plain"),),
            "stated",
            (
                "response body: “Authentication service unavailable”; HTTP 503 usually means: the server is "
                "temporarily unavailable: possibly restarting, overloaded or under maintenance"
            ),
            (
                "no action needed if this is rare; if it lasts, ask the server operator whether it "
                "is up; read the response text first"
            ),
        ),
        (
            400,
            "Missing subprotocol!",
            (("Content-Type", "text/plain"),),
            "stated",
            ("response body: “Missing subprotocol!”; the response refers to the subprotocol, and none was offered"),
            'set subprotocols to the one that the service documents, as in subprotocols = ["mqtt"]',
        ),
        (
            400,
            "This endpoint needs the subprotocol mqtt",
            (("Content-Type", "text/plain"),),
            "stated",
            (
                "response body: “This endpoint needs the subprotocol mqtt”; HTTP 400 usually means: "
                "the server, or a proxy in front of it, does not accept the request as an upgrade; "
                "possibly it requires a subprotocol: none was offered"
            ),
            (
                "compare the URL, Host, Origin and subprotocol with the service documentation; read the response "
                "text first; if the service documents a subprotocol, put it into subprotocols"
            ),
        ),
        (
            403,
            "Account suspended",
            (("Content-Type", "text/plain"),),
            "stated",
            (
                "response body: “Account suspended”; the service operator, or an automatic rule, blocks this account "
                "or address"
            ),
            ("ask the service operator why, and for how long; reconnecting is unlikely to help before that"),
        ),
        (
            402,
            "Payment Required",
            (("Content-Type", "text/plain"),),
            "stated",
            "the service requires payment or a different plan",
            "check the plan and payments of your account",
        ),
        (
            502,
            "Bad Gateway",
            (("Content-Type", "text/plain"),),
            "stated",
            "a gateway in front of the server got no valid response from it: likely it is down, restarting or too slow",
            "no action needed if this is rare; if it lasts, ask the server operator whether it is up",
        ),
        (
            404,
            ("<!DOCTYPE html><html><head><title>Error</title></head><body><pre>Cannot GET /ws</pre></body></html>"),
            (("Content-Type", "text/html"),),
            "stated",
            "response page: “Cannot GET /ws”; HTTP 404 usually means: nothing found at this path",
            "check the path of the URL, and the host that serves it; read the response text first",
        ),
        (
            500,
            "<html><head><title>Application error</title></head></html>",
            (("Content-Type", "text/html"),),
            "stated",
            "response page: “Application error”; HTTP 500 usually means: internal server error",
            "report it to the server operator, with the time; read the response text first",
        ),
        (
            401,
            "login from another device",
            (("Content-Type", "text/plain"),),
            "stated",
            (
                "response body: “login from another device”; HTTP 401 usually means: the server requires credentials "
                "that are missing or not accepted"
            ),
            ("check the credentials in the headers or URL: missing, wrong or expired; read the response text first"),
        ),
        (
            429,
            '{"message":"API rate limit exceeded"}',
            (("Content-Type", "application/json"), ("Server", "kong/3.4.0")),
            "stated",
            (
                "response body: “API rate limit exceeded”; Kong itself responded (Server: kong/3.4.0); "
                "the server's limit on connections or requests was reached"
            ),
            "connect less often: raise reconnect.initial, and open fewer connections at a time",
        ),
    ],
)
def test_what_a_response_says_comes_before_the_usual_meaning_of_its_status(
    status: int, body: str, headers: tuple[tuple[str, str], ...], certainty: str, cause: str, step: str
) -> None:
    answer = {"body": body, "response_headers": [list(pair) for pair in headers], "offered_subprotocols": []}
    found = explain_refusal(refused(status=status, meta={"attempt": 1, "open": False, **answer}))
    assert (found.advice.cause, found.advice.next, found.certainty) == (cause, step, certainty)


def test_the_text_of_a_response_is_the_evidence_of_the_verdict() -> None:
    meta = {"attempt": 1, "open": False, "body": '{"error":"token\\u001b expired"}', "response_headers": []}
    verdict = alone(refused(status=401, meta=meta))
    assert (verdict.evidence_text, verdict.certainty) == ("token␛ expired", "inferred")
    assert verdict.cause.startswith("the server answered HTTP 401; response body: “token␛ expired”; ")


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("HTTP/1.1 401 Token expired", "a credential in the request has expired or been revoked"),
        ("HTTP/1.1 401 Go away", "the server requires credentials that are missing or not accepted"),
        ("HTTP/1.0 401 Unauthorized", "the server requires credentials that are missing or not accepted"),
    ],
)
def test_a_reason_phrase_of_its_own_is_read_where_the_body_says_nothing(line: str, cause: str) -> None:
    assert explain_refusal(refused(status=401, meta={"status_line": line})).advice.cause.startswith(cause)


@pytest.mark.parametrize(
    ("status", "location", "is_login"),
    [
        (302, "/login?next=/ws", True),
        (303, "https://sso.example/realms/a/sign-in", True),
        (307, "/oauth2/start", True),
        (302, "/catalogue/blogin", False),
        (302, "/ws2?back=/login", False),
        (302, "http://[", False),
    ],
)
def test_a_redirect_to_a_login_is_named_as_that(status: int, location: str, *, is_login: bool) -> None:
    meta = {"response_headers": [["Location", location]]}
    cause = explain_refusal(refused(status=status, meta=meta)).advice.cause
    assert (
        "the address looks like a login page: possibly the service requires a login first" in cause,
        "the service has moved" in cause,
    ) == (is_login, not is_login)


@pytest.mark.parametrize(
    ("text", "offered", "cause"),
    [
        ("Missing subprotocol", [], "the response refers to the subprotocol, and none was offered"),
        ("Unknown subprotocol", ["a", "b"], "the response refers to the subprotocol, and a, b was offered"),
        ("Unknown subprotocol", None, "the response refers to the subprotocol"),
    ],
)
def test_an_answer_about_the_subprotocol_says_what_was_offered(
    text: str, offered: list[str] | None, cause: str
) -> None:
    meta = {"body": text} if offered is None else {"body": text, "offered_subprotocols": offered}
    assert explain_refusal(refused(status=400, meta=meta)).advice.cause == f"response body: “{text}”; {cause}"
