"""Credentials are masked by their shape, whatever stands beside them: ⟦ and ⟧ enclose what becomes the mask."""

from __future__ import annotations

import pytest

from tests.support.marked import assert_masks


@pytest.mark.parametrize(
    "marked",
    [
        "PASS oauth:⟦SECRETa5x⟧\r\n",
        "PASS ⟦hunter2⟧\r\nNICK bob\r\n",
        "NICK bob\r\nPASS ⟦hunter2⟧\r\n",
        '{"m":"PASS ⟦hunter2⟧\\r\\n","n":1}',
        "PASS :⟦hunter2⟧",
        "PRIVMSG NickServ :IDENTIFY ⟦pw⟧",
        "OPER root ⟦pw⟧",
        "a token is oauth:⟦abcdefgh⟧, it says",
        "PASSED 3 tests",
        "the PASS is invalid",
    ],
)
def test_p5_the_password_of_a_command_is_masked(marked: str) -> None:
    assert_masks(marked)


@pytest.mark.parametrize(
    "marked",
    [
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>⟦AHVzZXIAU0VDUkVUYTZ4⟧</auth>",
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>⟦YmlvYmFy⟧</response>",
        "<auth mechanism='EXTERNAL'></auth>",
        "AUTHENTICATE ⟦AGJvYgBzZWNyZXRwdw==⟧",
        "AUTHENTICATE PLAIN",
        "AUTHENTICATE +",
        '{"mechanism":"PLAIN","initial":"⟦AGJvYgBzZWNyZXRwdw==⟧"}',
        "AUTH PLAIN ⟦AGJvYgBzZWNyZXRwdw==⟧",
        '{"mechanism":"PLAIN","room":"lobbylobby"}',
    ],
)
def test_p5_sasl_is_masked(marked: str) -> None:
    assert_masks(marked)


@pytest.mark.parametrize(
    "marked",
    [
        '[5,"⟦SECRETa4x⟧",{}]',
        '[5, "⟦a\\"b⟧", {"x": 1}]',
        '[5,"text","more"]',
        '[4,"ticket",{}]',
        '[50,"text",{}]',
        '{"a":[5,"text",{}]}',
    ],
)
def test_p5_the_ticket_of_wamp_is_masked(marked: str) -> None:
    assert_masks(marked)


@pytest.mark.parametrize(
    "marked",
    [
        "-----BEGIN PRIVATE KEY-----⟦\nMIIE\nabc\n⟧-----END PRIVATE KEY-----\n",
        '{"k":"-----BEGIN RSA PRIVATE KEY-----⟦\\nMIIE\\n⟧-----END RSA PRIVATE KEY-----\\n","n":1}',
        '{"k":"-----BEGIN EC PRIVATE KEY-----⟦\\nMI⟧","n":1}',
        "-----BEGIN OPENSSH PRIVATE KEY-----⟦\nb3Blbn\n⟧",
        "-----BEGIN CERTIFICATE-----\nMI\n-----END CERTIFICATE-----",
    ],
)
def test_a_private_key_is_masked(marked: str) -> None:
    assert_masks(marked)
