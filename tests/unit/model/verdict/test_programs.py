"""Programs that are known by their ``Server`` header, and how they end connections."""

from __future__ import annotations

import pytest

from tests.support.builders import dialled, loss, usable
from tests.support.verdicts import VerdictHarness
from wsmon.model.verdict.programs import EndKind, habit


@pytest.mark.parametrize(
    ("server", "end", "said"),
    [
        (
            "hypercorn-h11",
            1011,
            "Hypercorn (Server header) ends connections like this at every stop or deploy",
        ),
        ("Python/3.11 websockets/17.4", 1001, "websockets (Server header) ends connections like this at every stop"),
        ("nginx/1.22.1", "fin", "nginx (Server header) ends connections like this at its idle limit"),
        ("nginx/1.22.1", 1001, ""),
        ("cloudflare", "fin", ""),
        ("Apache/2.4.71 (Unix) OpenSSL/3.0", "fin", "Apache (Server header) ends"),
        ("Apache-Coyote/1.1", "fin", ""),
        ("cloudflare-nginx", "fin", ""),
        ("MyGateway/2 (behind nginx)", "fin", ""),
        ("TornadoServer/6.6.1", "fin", "Tornado (Server header) ends"),
        ("tornado-warnings/1", "fin", ""),
        ("", "fin", ""),
    ],
)
def test_the_habit_of_a_program(server: str, end: EndKind, said: str) -> None:
    assert (habit(server, end).startswith(said), bool(habit(server, end))) == (True, bool(said))


def test_a_reason_of_the_peer_leaves_no_room_for_habits() -> None:
    header = {"response_headers": [["Server", "uvicorn"]]}
    harness = VerdictHarness()
    harness.judge(dialled(0, "deribit"), usable(1, "deribit", meta=header))
    assert "Uvicorn (Server" not in harness.verdict(loss(9, code=1012, reason="Service Restart")).cause
    harness.judge(dialled(10, "deribit"), usable(11, "deribit", meta=header))
    assert harness.verdict(loss(19, code=None, by="network", reason="", error_type="eof")).cause.endswith(
        "; Uvicorn (Server header) ends connections like this when the application fails or returns"
    )
