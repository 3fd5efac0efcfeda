"""The value of a key ends where its notation ends it: ⟦ and ⟧ enclose what becomes the mask."""

from __future__ import annotations

import pytest

from tests.support.marked import REDACTOR, assert_masks


@pytest.mark.parametrize(
    "marked",
    [
        "<password>⟦x⟧</password>",
        '<wsse:Password Type="T">⟦x⟧</wsse:Password>',
        '<login user="a" password="⟦x⟧"/>',
        "<login password='⟦x⟧'/>",
        '{"x":"<password>⟦x⟧<\\/password>","n":1}',
        r'{"x":"\u003cpassword\u003e⟦x⟧\u003c/password\u003e"}',
        "&lt;password&gt;⟦x⟧&lt;/password&gt;",
        "<secret><![CDATA[⟦x⟧]]></secret>",
        "<credentials>⟦<user>a</user><x>b</x>⟧</credentials>",
        "<password>⟦x⟧",
        "<password/>",
        "<password></password>",
        "<hasPassword>true</hasPassword>",
        "if token > 3",
    ],
)
def test_the_content_of_an_element_is_masked(marked: str) -> None:
    assert_masks(marked)


@pytest.mark.parametrize(
    "marked",
    [
        r'{"m":"line\ntoken=⟦abc⟧"}',
        r'{"m":"line\ttoken=⟦abc⟧"}',
        r'{"m":"line\rtoken: ⟦abc⟧"}',
        r'{"m":"line\npass=⟦abc⟧"}',
        r'{"m":"line\npin=⟦abc⟧"}',
        r'{"m":"line\nsid=⟦abc⟧"}',
        r'{"m":"x\bpass=⟦abc⟧"}',
        r'{"m":"x\fpass: ⟦abc⟧"}',
        r'{"m":"line\u000atoken=⟦abc⟧"}',
        r'{"m":"line\u0009pass=⟦abc⟧ x"}',
        r'{"m":"line\u001btoken=⟦abc⟧ x"}',
        r'{"m":"\ud83d\ude00token=⟦abc⟧"}',
        r'{"d":"{\"m\":\"l\\ntoken=⟦abc⟧\"}"}',
        r'{"m":"a\"token=⟦abc⟧"}',
        r"b'x\x0atoken=⟦abc⟧'",
        "a%0Atoken=⟦abc⟧",
        "a%250Atoken=⟦abc⟧",
    ],
)
def test_a_key_behind_an_escape_is_one(marked: str) -> None:
    assert_masks(marked)


@pytest.mark.parametrize(
    "marked",
    [
        "p=%7B%22token%22%3A%22⟦abc⟧%22%7D&x=1",
        "p=%257B%2522token%2522%253A%2522⟦abc⟧%2522%257D&x=1",
        "p=%7B%22pin%22%3A⟦1234⟧%7D",
        "p=%7B%22token%22%3A%20%22⟦abc⟧%22%7D",
        "p=%7B%22pass%22%3Anull%7D",
        "&quot;token&quot;:&quot;⟦abc⟧&quot;,&quot;n",
    ],
)
def test_json_in_a_url_or_in_html_is_masked(marked: str) -> None:
    assert_masks(marked)


@pytest.mark.parametrize(
    "marked",
    [
        '{"token":null,"password":"","otp":true,"secret":false}',
        '{"token": null , "sid":""}',
        r'{"d":"{\"token\":null,\"pass\":\"\"}"}',
        '{"expires_in":3600,"passwordLength":8,"token0":"0xA","token1":"0xB"}',
        '{"hasPassword":true,"otpRequired":1,"cookieConsent":"all","authorization_url":"https://x/y"}',
        '{"tokenExpiresIn":3,"otp_expires_in":30,"passwordChangedAt":1700000000}',
        '{"password_expires_in":"⟦3 days⟧"}',
        "token=null&x=1",
        "token=undefined",
        "wss://h/?token=null",
        "wss://h/?token=undefined&x=1",
        '{"x":"password: none"}',
        '{"token":"⟦null⟧"}',
    ],
)
def test_evidence_stays(marked: str) -> None:
    assert_masks(marked)


@pytest.mark.parametrize(
    "marked",
    [
        "https://app/cb?code=⟦SplxlOBeZQQYbYS6⟧&state=xyz",
        "https://app/cb?code=⟦SplxlOBeZQQYbYS6⟧",
        '{"grant_type":"authorization_code","code":"⟦abc⟧"}',
        "grant_type=authorization_code&code=⟦abc⟧&redirect_uri=https%3A%2F%2Fx",
        "/cb?code=⟦abc⟧&state=s",
        '{"code":403,"grant_type":"x"}',
        '{"code":"E1","x":1}',
        "https://x/?code=404",
        '{"error_code":"abc","grant_type":"x"}',
    ],
)
def test_a_code_is_one_beside_parameters_of_oauth(marked: str) -> None:
    assert_masks(marked)


@pytest.mark.parametrize("name", ["password", "pin", "otp", "cvv", "ssn", "passcode", "token"])
def test_a_number_under_a_credential_is_masked(name: str) -> None:
    assert REDACTOR.payload(f'{{"{name}":123456}}'.encode()) == (f'{{"{name}":"[FILTERED]"}}'.encode(), True)
