"""Credentials that only their place tells are masked in what authenticates, and nothing else is."""

from __future__ import annotations

import pytest

from wsmon.protocols.json_messages import mask_sent


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
