"""What the body of an HTTP response says: members of JSON, title and paragraphs of pages, plain words."""

from __future__ import annotations

import pytest

from tests.support.builders import refused
from wsmon.model.verdict.response_text import QUOTE_LIMIT, ResponseText, quote, repeats_status, response_text


def read(body: object, status: int = 401, content_type: str = "") -> ResponseText:
    """What a body says under a status."""
    headers = [["content-type", content_type]] if content_type else []
    return response_text(refused(status=status, meta={"body": body, "response_headers": headers}))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error":"token expired"}', "token expired"),
        ('\ufeff {"error":{"code":"TOKEN_EXPIRED","message":"Your token has expired."}}', "Your token has expired."),
        ('{"error":{"code":"TOKEN_EXPIRED"}}', "TOKEN_EXPIRED"),
        ('{"error":"invalid_request","error_description":"signature expired"}', "invalid_request: signature expired"),
        ('{"statusCode":401,"message":"No token","error":"Unauthorized"}', "No token"),
        ('{"errors":[{"title":"Unauthorized","detail":"Invalid signature"}]}', "Invalid signature"),
        ('{"type":"about:blank","title":"No credit","status":401,"detail":"It is 30"}', "It is 30: No credit"),
        ('{"data":{"message":"plan ended"},"success":false}', "plan ended"),
        ('{"fault":{"faultstring":"Invalid ApiKey","detail":{"errorcode":"oauth.x"}}}', "Invalid ApiKey: oauth.x"),
        ('{"Message":"Forbidden"}', "Forbidden"),
        ('"too many"', "too many"),
        ('["no", "never"]', "no: never"),
        ('{"error":"Unauthorized"}', ""),
        ('{"error":true,"status":"denied"}', '{"error":true,"status":"denied"}'),
        ('{"error":"token expired","trace":"aaaa', "token expired"),
        ('{"trace":"aaaa', '{"trace":"aaaa'),
        ("[" * 5000, "[" * 499 + "…"),
    ],
)  # fmt: skip
def test_json_says_what_its_error_members_say(body: str, words: str) -> None:
    text = read(body)
    assert (text.kind, text.words) == ("json", words)


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("<html><head><title>401 Unauthorized</title></head><body><h1>Unauthorized</h1></body></html>", ()),
        ("<!DOCTYPE html><title>Wait &amp; see</title><p>Your IP</p>", ("Wait & see", "Your IP")),
        ("<html><style>a</style><script>b</script><body>Too many<br>logins</body>", ("Too many", "logins")),
        ("<center><h1>401 Unauthorized</h1></center><hr><center>nginx/1.22.1</center>", ()),
        ("<h1>No <b>token</b></h1>", ("No token",)),
        ("<html><title>cut", ("cut",)),
        ("<!-- a --><html><body><!-- hidden <p>x</p> -->seen</body>", ("seen",)),
    ],
)
def test_a_page_says_its_title_and_then_its_paragraphs(body: str, parts: tuple[str, ...]) -> None:
    text = read(body)
    assert (text.kind, text.parts, text.has_password_field) == ("page", parts, False)


def test_a_form_for_a_password_is_noticed() -> None:
    assert read('<html><form><input name=p type="password"></form></html>').has_password_field


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("too many\n  failed logins", "too many failed logins"),
        ("Unauthorized", ""),
        ("401: unauthorized!", ""),
        ("Error 401 (Unauthorized)", ""),
        ("Unauthorized client", "Unauthorized client"),
        ("<Error><Code>Denied</Code><Message>Request has expired</Message></Error>", "Request has expired"),
        ("<reply>full</reply>", "full"),
        ("\x1b[31mred", "␛[31mred"),
        ("\x00\x01\x02", ""),
        ("��ab", ""),
        ("", ""),
        (None, ""),
        ("x" * 3000, "x" * 499 + "…"),
    ],
)
def test_other_text_says_its_words_and_bytes_say_nothing(body: object, words: str) -> None:
    assert read(body).words == words


@pytest.mark.parametrize(
    ("text", "status", "repeats"),
    [
        ("503 Service Temporarily Unavailable", 503, True),
        ("ServiceUnavailable", 503, True),
        ("404 page not found", 404, True),
        ("504 Gateway Time-out", 504, True),
        ("An error occurred", 599, True),
        ("Forbidden", 401, False),
        ("404", 403, False),
        ("Service of Jane unavailable", 503, False),
    ],
)
def test_a_text_may_only_repeat_the_status(text: str, status: int, *, repeats: bool) -> None:
    assert repeats_status(text, status) is repeats


def test_a_quote_is_cut() -> None:
    assert quote("ab") == "“ab”"
    assert len(quote("x" * 500)) == QUOTE_LIMIT + 2


def test_what_is_quoted_names_its_place() -> None:
    assert read("<h1>No</h1>").quoted("No") == "response page: “No”"
    assert read("No").quoted("No") == "response body: “No”"
    assert read("").quoted("") == ""
