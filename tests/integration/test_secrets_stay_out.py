"""Secrets of a configuration are nowhere: in no file of the recording, no output, no process list."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import pty
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet
import pytest

from tests.support.bundles import bundled
from tests.support.peers import Peers, script
from tests.support.processes import Home
from wsmon.cli.request import Request
from wsmon.cli.spawn import ensure_recorder
from wsmon.cli.targets import resolve
from wsmon.config.load import load
from wsmon.config.redacted_settings import redacted_settings
from wsmon.export.formats import FORMATS
from wsmon.model.bundle import ManifestSettings

SECRETS = {
    name: f"cAnArY+{name}/x7Q9zz"
    for name in ("password", "query", "header", "cookie", "env", "file", "proxy", "path", "basic")
}
# Characters of a token only, as HTTP wants it
SUBPROTOCOL = "token.cAnArY-subprotocol-x7Q9zz"
# Credentials that only their form tells: those of a path that is configured, and of one that a server redirects to
BOT = "AAE-cAnArY-bot-x7Q9zz"
IN_PATH, REDIRECTED = "cAnArY7Q9zz4kP2mX8vL1nB6tR3wS5yD0f", "cAnArY1mT5wQ8zK3xV7bN2rJ9sH4pL6gD0c"
# A credential that only its key tells
OF_A_PEER = "cAnArY-peer-x7Q9zz"
TOKENS = (SUBPROTOCOL, BOT, IN_PATH, REDIRECTED, OF_A_PEER)

COMMANDS = (
    ("search",),
    ("search", "--json"),
    ("stats",),
    ("stats", "--json"),
    *(("export", "--format", name) for name in FORMATS if name not in ("sqlite", "parquet")),
    ("export", "--format", "report", "--output", "report.md"),
    ("export", "--format", "parquet", "--output", "events.parquet"),
    ("export", "--format", "sqlite", "--output", "copy.db"),
    ("export", "--format", "sqlite", "--output", "part.db", "conn:talker"),
)


BASIC = base64.b64encode(f"me:{SECRETS['basic']}".encode()).decode()


def forms(secret: str) -> Iterator[bytes]:
    """What betrays a secret: itself, its ends, and what base64 makes of it at each alignment."""
    yield from (secret.encode(), quote(secret, safe="").encode(), secret[3:].encode())
    for skipped in range(3):
        octets = secret.encode()[skipped:]
        yield base64.b64encode(octets[: len(octets) // 3 * 3])


CANARIES = {form for secret in (*SECRETS.values(), *TOKENS) for form in forms(secret)}


def found_in(octets: bytes) -> set[bytes]:
    """The canaries in some bytes."""
    return {canary for canary in CANARIES if canary in octets}


def found_below(folder: Path, *inputs: Path) -> dict[str, set[bytes]]:
    """The files that hold a canary, those excepted that hold it by intention."""
    files = [path for path in folder.rglob("*") if path.is_file() and path not in inputs]
    assert len(files) > len(inputs)
    return {path.name: found for path in files if (found := found_in(uncompressed(path)))}


def uncompressed(path: Path) -> bytes:
    """The bytes of a file; of Parquet, which is compressed, all its values."""
    if path.suffix != ".parquet":
        return path.read_bytes()
    rows = pyarrow.parquet.read_table(path).to_pylist()
    assert rows
    return "".join(value if isinstance(value, str) else repr(value) for row in rows for value in row.values()).encode()


def arguments_of(pid: int) -> bytes:
    """What everybody on the machine can read of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def environment_of(pid: int) -> bytes:
    """What every child of a process is given, such as an alert's command."""
    return Path(f"/proc/{pid}/environ").read_bytes()


def everything() -> str:
    """All secrets in one text, in several forms."""
    encoded = [
        base64.b64encode(f"{'x' * number}{secret}".encode()).decode()
        for number in range(3)
        for secret in SECRETS.values()
    ]
    quoted = (quote(secret, safe="") for secret in SECRETS.values())
    return " ".join([*SECRETS.values(), *encoded, *quoted, BOT, IN_PATH, f"/{IN_PATH}/x"])


async def configured(home: Home, peers: Peers) -> tuple[Path, Path]:
    """A configuration full of secrets, whose peers say them all; and the file that it refers to."""
    body = json.dumps({"got": everything(), "api_key": OF_A_PEER})
    chatty = script(
        f"""
[[handshake]]
subprotocols = ["{SUBPROTOCOL}"]
headers = {{ Set-Cookie = "sid={OF_A_PEER}", X-Echo = "{SECRETS["header"]}" }}
[[step]]
do = "echo"
[[step]]
do = "send"
count = 2
text = ['{body}', '{everything()}']
[[step]]
do = "receive"
count = 3
[[step]]
do = "close"
code = 4001
reason = "no {SECRETS["env"]} token={OF_A_PEER}"
"""
    )
    refusing = script(
        f"""
[[handshake]]
do = "refuse"
status = 400
headers = {{ Set-Cookie = "sid={OF_A_PEER}", X-Echo = "{SECRETS["header"]}" }}
body = '{body} Cannot GET /{IN_PATH}'
"""
    )
    redirecting = script(
        f"""
[[handshake]]
do = "refuse"
status = 302
headers = {{ Location = "ws://elsewhere.invalid/ws/{REDIRECTED}?token={quote(OF_A_PEER)}" }}
"""
    )
    talker, refuser, redirector = [await peers.start(each) for each in (chatty, refusing, redirecting)]
    secret_file = home.folder / "secret.txt"
    secret_file.write_text(SECRETS["file"])
    where = talker.url.partition("//")[2]
    query = quote(SECRETS["query"], safe="")
    path = f"bot12:{BOT}/${{secret:IN_PATH}}/{IN_PATH}"
    config = home.write(
        f"""
[[connection]]
name = "talker"
url = "ws://someone:{quote(SECRETS["password"], safe="")}@{where}/{path}?token={query}"
headers = {{ X-Auth-Token = "{SECRETS["header"]}", Cookie = "sid={SECRETS["cookie"]}", X-Env = "${{secret:CANARY}}" }}
subprotocols = ["{SUBPROTOCOL}"]
send = ["${{secret:CANARY}} ${{file:secret.txt}}", '{{"password": "{SECRETS["password"]}"}}', "{SECRETS["header"]}"]
reconnect = {{ initial = "1h", max = "1h" }}
[[connection]]
name = "refused"
url = "{refuser.url}/{IN_PATH}?api_key={query}"
headers = {{ Authorization = "Bearer {SECRETS["header"]}" }}
[[connection]]
name = "redirected"
url = "{redirector.url}"
headers = {{ Authorization = "Basic {BASIC}" }}
[[connection]]
name = "proxied"
url = "ws://nowhere.invalid/?access_token={query}"
proxy = "http://someone:{quote(SECRETS["proxy"], safe="")}@127.0.0.1:1"
"""
    )
    return config, secret_file


async def test_no_secret_of_a_configuration_leaves_it(
    home: Home, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", SECRETS["env"])
    monkeypatch.setenv("IN_PATH", SECRETS["path"])
    config, secret_file = await configured(home, peers)
    recorder = await home.record(config)
    ended = await recorder.until_stored(4, "connection.disconnected")
    assert {event.source.connection: event.close_code or event.error_type for event in ended} == {
        "talker": 4001,
        "refused": "http_status",
        "redirected": "redirect_refused",
        "proxied": "proxy",
    }
    received = await recorder.until_stored(5)
    assert all(b"[FILTERED]" in (event.payload or b"") for event in received)
    assert found_below(home.folder, config, secret_file) == {}
    for command in COMMANDS:
        code, out, err = await home.run(*command, "--store", recorder.store)
        assert (code, found_in((out + err).encode())) == (0, set()), command
    lost = next(event for event in ended if event.source.connection == "talker")
    settings = redacted_settings(
        load(config, {**home.environ, "CANARY": SECRETS["env"], "IN_PATH": SECRETS["path"]}).configuration
    )
    bundle = home.folder / "b.wsmon"
    bundled(
        recorder.store,
        bundle,
        lost.id,
        made_ns=lost.ts_ns + 1,
        before_s=600,
        settings=ManifestSettings(source="file", values=settings),
    )
    assert b"[FILTERED]" in bundle.read_bytes()
    for of_config in (["check"], ["check", "--json"], ["record", "--for", "300ms"]):
        _, out, err = await home.run(*of_config, config)
        assert found_in((out + err).encode()) == set(), of_config
    await home.run("stop", "--all")
    await recorder.ended()
    assert found_below(home.folder, config, secret_file) == {}


async def test_no_secret_of_a_command_line_is_in_the_process_list_or_a_file(home: Home, peers: Peers) -> None:
    server = await peers.start("echo")
    where = server.url.partition("//")[2]
    user, query = (quote(SECRETS[name], safe="") for name in ("password", "query"))
    url = f"ws://someone:{user}@{where}/{IN_PATH}?token={query}"
    request = Request((url,), headers=(f"X-Token: {SECRETS['header']}",), subscribe=("trades",))
    target = resolve(request, home.environ)
    await asyncio.to_thread(ensure_recorder, request, target, home.environ)
    await server.until(lambda: server.sessions == 1)
    _, out, _ = await home.run("ps", "--json")
    (found,) = json.loads(out)
    arguments = arguments_of(found["pid"])
    assert b"[FILTERED]" in arguments
    assert found_in(arguments + environment_of(found["pid"]) + out.encode()) == set()
    assert server.handshakes[0].header("x-token") == SECRETS["header"]
    assert found_below(home.folder) == {}


def typed(home: Home, url: str, *, answer: str) -> bytes:
    """Everything on the terminal of a recording that asks for a header, and is answered."""
    arguments = ["record", url, "-H", "Authorization: Bearer ?", "--store", str(home.folder / "s.db"), "--for", "300ms"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "wsmon", *arguments], home.environ)  # noqa: S606
    shown = b""
    with suppress(OSError):  # a terminal whose last process has ended
        while octets := os.read(terminal, 4_096):
            shown += octets
            if shown.endswith(b"Authorization: "):
                assert found_in(arguments_of(pid)) == set()
                os.write(terminal, f"{answer}\n".encode())
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return shown


async def test_a_header_value_that_is_asked_for_is_shown_and_stored_nowhere(home: Home, peers: Peers) -> None:
    server = await peers.start("echo")
    shown = await asyncio.to_thread(typed, home, server.url, answer=SECRETS["header"])
    assert server.handshakes[0].header("authorization") == f"Bearer {SECRETS['header']}"
    assert found_in(shown) == set()
    assert found_below(home.folder) == {}
    code, out, _ = await home.run("search", "--json", "--store", home.folder / "s.db", "connection.connecting")
    assert (code, found_in(out.encode())) == (0, set())


async def test_a_header_value_is_not_asked_for_where_there_is_no_terminal(home: Home) -> None:
    code, _, err = await home.run("record", "ws://127.0.0.1:1/", "-H", "X-Key: ?", "--store", home.folder / "s.db")
    assert code == 2
    assert "cannot prompt for the value of header X-Key: not a terminal" in err
    assert "to read it from the environment, use -H 'X-Key: ${secret:VARIABLE}'" in err
    assert not (home.folder / "s.db").exists()
