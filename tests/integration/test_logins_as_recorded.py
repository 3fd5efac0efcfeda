"""Logins and renewals of a recorder against WebSocket servers: told by what the server answers, whatever its words."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve

from tests.support.processes import DEADLINE_S, Home, Recorder, stored
from wsmon.model.events import Event

# Of a grant in these tests; it is renewed at four fifths of that
LIFE = "1s"
LOGIN = '{"type":"auth","token":"AAAA1"}'
RENEWAL = '{"type":"auth","token":"BBBB2"}'


class LoginServer:
    """Answers each text by the path of the URL: the first with one, further ones with another; keeps what it heard."""

    def __init__(self, answers: Mapping[str, tuple[str, str]]) -> None:
        self.heard: dict[str, list[str]] = {name: [] for name in answers}
        self._answers = answers
        self._has_heard = asyncio.Condition()

    async def __call__(self, connection: ServerConnection) -> None:
        """Serve one client to its end."""
        assert connection.request is not None
        name = connection.request.path.removeprefix("/")
        first, further = self._answers[name]
        async for text in connection:
            answer = further if self.heard[name] else first
            async with self._has_heard:
                self.heard[name].append(str(text))
                self._has_heard.notify_all()
            if answer:
                await connection.send(answer)

    async def until_heard(self, count: int) -> None:
        """Wait until each client has sent so many texts."""
        async with asyncio.timeout(DEADLINE_S), self._has_heard:
            await self._has_heard.wait_for(lambda: all(len(heard) >= count for heard in self.heard.values()))


@asynccontextmanager
async def recording(
    home: Home, answers: Mapping[str, tuple[str, str]], settings: Mapping[str, str], defaults: str = ""
) -> AsyncIterator[tuple[LoginServer, Recorder]]:
    """A server, and a recorder that has a connection to each of its paths, with the settings of that name."""
    server = LoginServer(answers)
    async with serve(server, "127.0.0.1", 0) as listening:
        (socket,) = listening.sockets
        url = f"ws://127.0.0.1:{socket.getsockname()[1]}"
        connections = (
            f'[[connection]]\nname = "{name}"\nurl = "{url}/{name}"\nauth = {{ {auth} }}\n'
            for name, auth in settings.items()
        )
        shared = f'[defaults]\nanswer = true\nprotocol = "json"\n{defaults}'
        yield server, await home.record(home.write(f"{shared}{''.join(connections)}"))


async def ended(recorder: Recorder) -> dict[str, Counter[str]]:
    """Stop the recorder; return how often each event about authentication came, by connection."""
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    found: dict[str, Counter[str]] = {}
    for event in stored(recorder.store):
        if event.source.connection:
            about = found.setdefault(event.source.connection, Counter())
            if _is_about_logins(event):
                about[event.name] += 1
    return found


def _is_about_logins(event: Event) -> bool:
    return event.category == "auth" or event.name == "incident.opened"


async def test_p1_a_token_that_expires_is_renewed_and_no_renewal_is_a_failed_login(home: Home) -> None:
    granted, granted_for = '{"type":"auth_success","token":"T"}', '{"type":"auth_success","token":"T","expires_in":1}'
    unknown = '{"ok":"granted"}'
    renews = f"send = '{LOGIN}', success = \"auth_success\", refresh = '{RENEWAL}'"
    settings = {
        "life-in-both": f'{renews}, expires_in = "{LIFE}"',
        "life-in-the-answer": renews,
        "life-in-the-configuration": f'{renews}, expires_in = "{LIFE}"',
        "words-of-its-own": (
            f'send = \'{{"login":"x"}}\', success = "granted", refresh = \'{{"login":"y"}}\', expires_in = "{LIFE}"'
        ),
    }
    answers = dict(zip(settings, (granted_for, granted_for, granted, unknown), strict=True))
    async with recording(home, {name: (text, text) for name, text in answers.items()}, settings) as (server, recorder):
        # The login, and two renewals, of which the first is answered before the second is due
        await server.until_heard(3)
        await recorder.until_stored(2 * len(settings), "auth.refresh.started")
        found = await ended(recorder)
    assert {
        name: counts - Counter({"auth.refresh.started": 9, "auth.refresh.completed": 9})
        for name, counts in found.items()
    } == {name: Counter({"auth.started": 1, "auth.completed": 1}) for name in settings}
    for name, counts in found.items():
        assert counts["auth.refresh.completed"] >= 1, name
        assert counts["auth.refresh.started"] - counts["auth.refresh.completed"] in (0, 1), name
    renewals = {name: set(heard[1:]) for name, heard in server.heard.items()}
    assert renewals == {name: {RENEWAL} for name in settings} | {"words-of-its-own": {'{"login":"y"}'}}


async def test_p1_a_login_is_completed_by_the_configured_answer_and_topics_follow(home: Home) -> None:
    logins = {
        "ha": ('{"type":"auth","access_token":"abcdefgh1"}', "auth_ok", '{"type":"auth_ok","ha_version":"2026.1"}'),
        "alpaca": (
            '{"action":"auth","key":"k1234567","secret":"s1234567"}',
            "authenticated",
            '[{"T":"success","msg":"authenticated"}]',
        ),
        "okx": (
            '{"op":"login","args":[{"apiKey":"k1234567"}]}',
            '"event":"login"',
            '{"event":"login","code":"0","msg":""}',
        ),
        "bybit": (
            '{"op":"auth","args":["k1234567",1,"sig"]}',
            '"success":true',
            '{"success":true,"ret_msg":"","op":"auth","conn_id":"x"}',
        ),
        "welcome": ('{"type":"auth"}', "welcome", '{"type":"welcome"}'),
        "own": ('{"hello":"me"}', "granted", '{"type":"granted"}'),
    }
    settings = {name: f"send = '{text}', success = '{success}'" for name, (text, success, _) in logins.items()}
    answers = {name: (answer, "") for name, (_, _, answer) in logins.items()}
    async with recording(home, answers, settings, 'subscribe = ["chan"]\n') as (server, recorder):
        await server.until_heard(2)
        await recorder.until_stored(len(logins), "auth.completed")
        found = await ended(recorder)
    assert found == {name: Counter({"auth.started": 1, "auth.completed": 1}) for name in logins}
    assert [json.loads(heard[0]) for heard in server.heard.values()] == [
        json.loads(text) for text, *_ in logins.values()
    ]
    assert all("chan" in heard[1] for heard in server.heard.values())
