"""A credential that another member of its object names is masked: ⟦ and ⟧ enclose what becomes the mask."""

from __future__ import annotations

import pytest

from tests.support.marked import REDACTOR, assert_masks


@pytest.mark.parametrize(
    "marked",
    [
        '{"name":"password","value":"⟦x⟧"}',
        '{"value":"⟦x⟧","name":"password"}',
        '[{"name":"user","value":"u"},{"name":"api_key","value":"⟦a\\"b⟧"}]',
        '{ "name" : "password" , "type" : "text" , "value" : "⟦x⟧" }',
        r'{"d":"{\"name\":\"password\",\"value\":\"⟦x⟧\"}"}',
        '{"key":"Authorization","value":"⟦Bearer x⟧"}',
        '{"name":"token","value":null}',
        '{"name":"token","value":""}',
        '{"name":"password","label":"Password"}',
        '{"name":"hasPassword","value":"yes"}',
        '[{"name":"password"},{"value":"x"}]',
        '{"type":"token","value":"x"}',
    ],
)
def test_the_value_beside_the_name_of_a_credential_is_masked(marked: str) -> None:
    assert_masks(marked)


@pytest.mark.parametrize(
    "marked",
    [
        '{"action":"auth","params":"⟦KEY⟧"}',
        '{"params":"⟦KEY⟧","action":"auth"}',
        '{"op":"auth","args":["⟦k⟧",1700000000,"⟦s⟧"]}',
        '{"method":"public/auth","params":["⟦k⟧"]}',
        '{"action":"auth","key":"⟦K⟧","secret":"⟦S⟧"}',
        r'{"d":"{\"action\":\"auth\",\"params\":\"⟦KEY⟧\"}"}',
        '{"action":"auth","params":{"room":"r"}}',
        '{"action":"author","params":"x"}',
        '{"ev":"status","status":"auth_success","message":"authenticated"}',
        '{"action":"subscribe","params":"T.AAPL"}',
    ],
)
def test_p5_the_arguments_of_a_login_are_masked(marked: str) -> None:
    assert_masks(marked)


def test_a_number_beside_the_name_of_a_credential_becomes_a_text() -> None:
    assert REDACTOR.payload(b'{"name":"pin","value":1234}') == (b'{"name":"pin","value":"[FILTERED]"}', True)
