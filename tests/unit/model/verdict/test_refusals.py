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
        (301, "does not say where to"),
        (400, "does not accept the request as an upgrade"),
        (401, "wants credentials"),
        (403, "does not allow this"),
        (404, "nothing at this path"),
        (405, "no WebSocket endpoint"),
        (407, "a proxy wants credentials"),
        (408, "waited too long"),
        (410, "was removed"),
        (418, "does not accept the request"),
        (421, "does not serve the host"),
        (426, "removed the Upgrade header"),
        (429, "limits how often"),
        (451, "legal reasons"),
        (500, "an error of its own"),
        (501, "does not speak WebSocket"),
        (502, "a gateway before the server got no proper answer"),
        (503, "overloaded or under maintenance"),
        (504, "waited for it in vain"),
        (511, "wants a login"),
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
        ("99999999999999", "wsmon waits 1h00m, its longest, of what the server asks (Retry-After: 99999999999999); "),
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
        "redirected to https://else.test/; the body says “no key”; possibly the service has moved"
    )
    assert verdict.next.startswith("use that address as the URL")


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (None, "more than 10 redirects", "sends us in circles"),
        (None, "redirect to ws://a.test/ refused. It would leave TLS", "wsmon never follows there"),
        (None, "redirect to no WebSocket URL: ftp://a.test/", "cannot be used"),
        (302, "302 Found: the server refused the upgrade", "does not say where to"),
        (304, "304 Not Modified: the server refused the upgrade", "a cache answered"),
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
                "the body says “too many failed logins”; the server turns logins away for a while, "
                "after too many that failed"
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
            (
                "the body says “rate limit exceeded”; the server limits how often one may connect or "
                "ask, and the limit was reached"
            ),
            "dial less often: raise reconnect.initial, and open fewer connections at a time",
        ),
        (
            400,
            "signature expired",
            (("Content-Type", "text/plain"),),
            "stated",
            (
                "the body says “signature expired”; what the request is signed with has run out: a "
                "signature holds for a short time"
            ),
            "sign anew for each dial, and check the clock of this machine",
        ),
        (
            503,
            "your plan has expired",
            (("Content-Type", "text/plain"),),
            "inferred",
            (
                "the body says “your plan has expired”; possibly this is about the plan or the payment of the "
                "account, not about the connection; HTTP 503 itself means: the server cannot serve at the "
                "moment: possibly it is restarting, overloaded or under maintenance"
            ),
            (
                "check the account at the service: its plan, the term of that, and its payments; if "
                "that is not it: nothing to do if it is rare; if it lasts, ask the operator of the "
                "server whether it is up"
            ),
        ),
        (
            404,
            "connection limit",
            (("Content-Type", "text/plain"),),
            "inferred",
            (
                "the body says “connection limit”; possibly it is about a limit on connections; HTTP "
                "404 itself means: there is nothing at this path"
            ),
            (
                "open fewer connections, look for other clients with these credentials or from this "
                "address, and compare with the limits of the service; if that is not it: check the "
                "path of the URL, and which host serves it"
            ),
        ),
        (
            500,
            "invalid token",
            (("Content-Type", "text/plain"),),
            "inferred",
            (
                "the body says “invalid token”; possibly the server does not accept a credential "
                "that the request carries; HTTP 500 itself means: the server met an error of its own"
            ),
            (
                "check the credential that the answer names: whether it is the right one, complete, "
                "and still valid; if that is not it: report it to the operator of the server, with "
                "the time"
            ),
        ),
        (
            200,
            '{"error":"token expired"}',
            (("Content-Type", "application/json"),),
            "stated",
            (
                "the body says “token expired”; a credential that the request carries is no longer "
                "valid: its time is over, or it was revoked"
            ),
            "renew what the answer names, and check how long it lives",
        ),
        (
            401,
            "Sec-WebSocket-Protocol must carry the token",
            (("Content-Type", "text/plain"),),
            "stated",
            (
                "the body says “Sec-WebSocket-Protocol must carry the token”; HTTP 401 usually "
                "means: the server wants credentials that it did not get or does not accept"
            ),
            (
                "check the credentials in headers or URL: missing, wrong or expired; what the answer "
                "says comes first (subprotocols sets Sec-WebSocket-Protocol)"
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
                "this is an error page of nginx; a gateway before the server got no proper answer "
                "from it: likely it is down, restarts, or took too long"
            ),
            "nothing to do if it is rare; if it lasts, ask the operator of the server whether it is up",
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
                "the page says “400 The plain HTTP request was sent to HTTPS port”; this is an error "
                "page of nginx; what answered expects TLS, and the request came to it without"
            ),
            (
                "check whether the URL should begin with wss://; where it does, a proxy before the server likely "
                "passes the request on in plain: tell its operator"
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
                "the page says “No server is available to handle this request.”; the words are those "
                "of HAProxy: likely it answered, not the service; it says that no server behind it "
                "is ready"
            ),
            "check whether the server behind it runs, or ask the operator of the service",
        ),
        (
            503,
            "no healthy upstream",
            (("Content-Type", "text/plain"), ("server", "envoy")),
            "stated",
            (
                "the body says “no healthy upstream”; the answer came through Envoy (Server: envoy), "
                "whose words these are; it says that no server behind it is ready"
            ),
            "check whether the server behind it runs, or ask the operator of the service",
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
                "the AWS load balancer (ALB) itself answered (Server: awselb/2.0); likely no server behind it took the "
                "request, it is overloaded itself, or it is set to answer so, as for maintenance"
            ),
            "check whether the server behind it runs, or ask the operator of the service",
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
                "the page says “Just a moment...”; Cloudflare itself answered (Cf-Mitigated: "
                "challenge); it wants a test that only a browser passes, before it lets anything "
                "through"
            ),
            ("ask the operator of the service to let this client pass; dialling again hardly helps before that"),
        ),
        (
            522,
            "error code: 522",
            (("Content-Type", "text/plain"), ("Server", "cloudflare"), ("CF-RAY", "1-FRA")),
            "stated",
            (
                "Cloudflare itself answered (Server: cloudflare); no TCP connection to the server "
                "behind it came about in time"
            ),
            "check whether the server behind it runs, or ask the operator of the service",
        ),
        (
            403,
            "error code: 1020",
            (("Content-Type", "text/plain"), ("Server", "cloudflare"), ("CF-RAY", "1-FRA")),
            "stated",
            (
                "the body says “error code: 1020”; Cloudflare itself answered (Server: cloudflare); "
                "a firewall rule there refused the request, so that the service never saw it"
            ),
            "ask the operator of the service to let this client pass, and name CF-RAY 1-FRA",
        ),
        (
            403,
            "nope",
            (("Content-Type", "text/plain"), ("Server", "cloudflare")),
            "stated",
            (
                "the body says “nope”; the answer came through Cloudflare (Server: cloudflare); HTTP 403 "
                "usually means: the server does not allow this: possibly rights, Origin, address or country, a "
                "firewall in front of it, or host and path of the URL"
            ),
            (
                "check what the credentials are allowed to do, the Origin header, host and path of the URL, "
                "and whether this address may connect; what the answer says comes first"
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
                "the page says “503 Backend fetch failed”; Varnish itself answered (Server: "
                "Varnish); likely no server behind it took the request, it is overloaded itself, or it is set to "
                "answer so, as for maintenance"
            ),
            "check whether the server behind it runs, or ask the operator of the service",
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
                "the page says “CloudFront attempted to establish a connection with the origin, but either the attempt "
                "failed or the origin closed the connection.”; CloudFront itself answered (Server: CloudFront); it "
                "could not connect to the server behind it, or that closed the connection"
            ),
            "check whether the server behind it runs, or ask the operator of the service",
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
                "the AWS load balancer (ALB) itself answered (Server: awselb/2.0); likely a rule there refused the "
                "request, so that the service never saw it"
            ),
            "ask the operator of the service about the rules there",
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
                "the page says “Access Denied”; Akamai itself answered (Server: AkamaiGHost); likely a rule there "
                "refused the request, so that the service never saw it"
            ),
            "ask the operator of the service about the rules there, and name the reference 18.abc",
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
                "the page says “Connection to 10.0.0.7 failed.”; Squid itself answered (X-Squid-Error: "
                "ERR_CONNECT_FAIL 111); it could not connect to the server (connection refused)"
            ),
            "check that the server runs, and that this proxy can reach it",
        ),
        (
            403,
            "<html><head><title>ERROR: The requested URL could not be retrieved</title></head></html>",
            (("Content-Type", "text/html"), ("X-Squid-Error", "ERR_ACCESS_DENIED 0")),
            "stated",
            (
                "Squid itself answered (X-Squid-Error: ERR_ACCESS_DENIED 0); a rule there refused the request, so that "
                "the service never saw it"
            ),
            "ask who runs that proxy about its rules",
        ),
        (
            409,
            '{"error":"device already connected"}',
            (("Content-Type", "application/json"),),
            "stated",
            (
                "the body says “device already connected”; the server takes one connection of this identity, and has "
                "one already"
            ),
            (
                "look for a second client with these credentials, or an old connection that is not closed yet; give "
                "each its own"
            ),
        ),
        (
            429,
            "",
            (("Retry-After", "3600"),),
            "stated",
            (
                "the server limits how often one may connect, or how many connections there may be, and the limit "
                "was reached"
            ),
            (
                "wsmon waits 1h00m, as the server asks (Retry-After: 3600); dial less often: raise "
                "reconnect.initial; open fewer connections, and look for other clients with these credentials"
            ),
        ),
        (
            404,
            '{"message":"no Route matched with those values"}',
            (("Content-Type", "application/json"), ("Server", "kong/3.4.0")),
            "stated",
            (
                "the body says “no Route matched with those values”; Kong itself answered (Server: "
                "kong/3.4.0); it says that it knows no route for this host and path"
            ),
            "check host and path of the URL",
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
                "the page says “The requested URL was not found on this server.”; this is an error "
                "page of Apache; HTTP 404 usually means: there is nothing at this path"
            ),
            "check the path of the URL, and which host serves it; what the answer says comes first",
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
                "the answer came through HTTP.sys of Windows (Server: Microsoft-HTTPAPI/2.0); the server "
                "cannot serve at the moment: possibly it is restarting, overloaded or under maintenance"
            ),
            "nothing to do if it is rare; if it lasts, ask the operator of the server whether it is up",
        ),
        (
            429,
            "Slow down",
            (("Content-Type", "text/plain"), ("Retry-After", "30")),
            "stated",
            (
                "the body says “Slow down”; the server limits how often one may connect or ask, and "
                "the limit was reached"
            ),
            (
                "wsmon waits 30 s, as the server asks (Retry-After: 30); dial less often: raise "
                "reconnect.initial, and open fewer connections at a time"
            ),
        ),
        (
            302,
            "",
            (("Location", "/login?next=/ws"),),
            "stated",
            (
                "the address looks like that of a login page: possibly the service wants a login "
                "before it lets anything through"
            ),
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
                "the page says “Sign in - Corp”; a login page answered instead of the service: possibly the "
                "service wants a login first, or the network here does"
            ),
            (
                "send the credentials as the service documents (headers, URL); if the page is that "
                "of the network, log in with a browser on this machine"
            ),
        ),
        (
            401,
            "",
            (("WWW-Authenticate", 'Bearer realm="api", error="invalid_token", error_description="The token expired"'),),
            "stated",
            (
                'it asks for credentials (WWW-Authenticate: Bearer realm="api", '
                'error="invalid_token", error_description="The token expired"); a credential that '
                "the request carries is no longer valid: its time is over, or it was revoked"
            ),
            "renew what the answer names, and check how long it lives",
        ),
        (
            500,
            'FATAL: too many connections for role "app"',
            (("Content-Type", "text/plain"),),
            "stated",
            (
                'the body says “FATAL: too many connections for role "app"”; HTTP 500 usually means: '
                "the server met an error of its own"
            ),
            "report it to the operator of the server, with the time; what the answer says comes first",
        ),
        (
            503,
            "Authentication service unavailable",
            (("Content-Type", "text/plain"),),
            "stated",
            (
                "the body says “Authentication service unavailable”; HTTP 503 usually means: the server cannot "
                "serve at the moment: possibly it is restarting, overloaded or under maintenance"
            ),
            (
                "nothing to do if it is rare; if it lasts, ask the operator of the server whether it "
                "is up; what the answer says comes first"
            ),
        ),
        (
            400,
            "Missing subprotocol!",
            (("Content-Type", "text/plain"),),
            "stated",
            ("the body says “Missing subprotocol!”; the answer is about the subprotocol, and none was offered"),
            'put the one that the service documents into subprotocols, as in subprotocols = ["mqtt"]',
        ),
        (
            400,
            "This endpoint needs the subprotocol mqtt",
            (("Content-Type", "text/plain"),),
            "stated",
            (
                "the body says “This endpoint needs the subprotocol mqtt”; HTTP 400 usually means: "
                "the server, or a proxy before it, does not accept the request as an upgrade; "
                "possibly it requires a subprotocol: none was offered"
            ),
            (
                "compare URL, Host, Origin and subprotocol with what the service documents; what the "
                "answer says comes first; if the service documents a subprotocol, put it into "
                "subprotocols"
            ),
        ),
        (
            403,
            "Account suspended",
            (("Content-Type", "text/plain"),),
            "stated",
            (
                "the body says “Account suspended”; the operator of the service, or a rule of it, "
                "bars this account or address"
            ),
            ("ask the operator of the service why, and for how long; dialling again hardly helps before that"),
        ),
        (
            402,
            "Payment Required",
            (("Content-Type", "text/plain"),),
            "stated",
            "the service requires a payment, or another plan, for this",
            "check the account at the service: its plan and its payments",
        ),
        (
            502,
            "Bad Gateway",
            (("Content-Type", "text/plain"),),
            "stated",
            "a gateway before the server got no proper answer from it: likely it is down, restarts, or took too long",
            "nothing to do if it is rare; if it lasts, ask the operator of the server whether it is up",
        ),
        (
            404,
            ("<!DOCTYPE html><html><head><title>Error</title></head><body><pre>Cannot GET /ws</pre></body></html>"),
            (("Content-Type", "text/html"),),
            "stated",
            "the page says “Cannot GET /ws”; HTTP 404 usually means: there is nothing at this path",
            "check the path of the URL, and which host serves it; what the answer says comes first",
        ),
        (
            500,
            "<html><head><title>Application error</title></head></html>",
            (("Content-Type", "text/html"),),
            "stated",
            "the page says “Application error”; HTTP 500 usually means: the server met an error of its own",
            "report it to the operator of the server, with the time; what the answer says comes first",
        ),
        (
            401,
            "login from another device",
            (("Content-Type", "text/plain"),),
            "stated",
            (
                "the body says “login from another device”; HTTP 401 usually means: the server wants "
                "credentials that it did not get or does not accept"
            ),
            ("check the credentials in headers or URL: missing, wrong or expired; what the answer says comes first"),
        ),
        (
            429,
            '{"message":"API rate limit exceeded"}',
            (("Content-Type", "application/json"), ("Server", "kong/3.4.0")),
            "stated",
            (
                "the body says “API rate limit exceeded”; Kong itself answered (Server: kong/3.4.0); "
                "the server limits how often one may connect or ask, and the limit was reached"
            ),
            "dial less often: raise reconnect.initial, and open fewer connections at a time",
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
    assert verdict.cause.startswith("the server answered HTTP 401; the body says “token␛ expired”; ")


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("HTTP/1.1 401 Token expired", "a credential that the request carries is no longer valid"),
        ("HTTP/1.1 401 Go away", "the server wants credentials"),
        ("HTTP/1.0 401 Unauthorized", "the server wants credentials"),
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
    assert ("looks like that of a login page" in cause, "the service has moved" in cause) == (is_login, not is_login)


@pytest.mark.parametrize(
    ("text", "offered", "cause"),
    [
        ("Missing subprotocol", [], "the answer is about the subprotocol, and none was offered"),
        ("Unknown subprotocol", ["a", "b"], "the answer is about the subprotocol, and a, b was offered"),
        ("Unknown subprotocol", None, "the answer is about the subprotocol"),
    ],
)
def test_an_answer_about_the_subprotocol_says_what_was_offered(
    text: str, offered: list[str] | None, cause: str
) -> None:
    meta = {"body": text} if offered is None else {"body": text, "offered_subprotocols": offered}
    assert explain_refusal(refused(status=400, meta=meta)).advice.cause == f"the body says “{text}”; {cause}"
