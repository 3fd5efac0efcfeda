"""Where a redirect leads, and where it must not; what an upgrade offers."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.support.engines import against, read_head, spec
from wsmon.config.specs import ProtocolName, RedirectPolicy
from wsmon.engine.dial import next_hop, offered_subprotocols
from wsmon.engine.http_head import ResponseHead
from wsmon.engine.retry import RedirectRefusedError
from wsmon.engine.upgrade import UpgradeRefusedError
from wsmon.model.redact.masking import Sensitive

HERE = "wss://host.test/old?x=1"


def refusal(status: int, location: str | None) -> UpgradeRefusedError:
    headers = () if location is None else (("location", location),)
    return UpgradeRefusedError(ResponseHead("HTTP/1.1", status, "", headers))


@pytest.mark.parametrize(
    ("location", "policy", "target"),
    [
        ("/new", "same-origin", "wss://host.test/new"),
        ("new?y=2", "same-origin", "wss://host.test/new?y=2"),
        ("wss://host.test:443/new", "same-origin", "wss://host.test:443/new"),
        ("https://HOST.test/new", "same-origin", "wss://HOST.test/new"),
        ("//host.test/new", "same-origin", "wss://host.test/new"),
        ("/new#part", "same-origin", "wss://host.test/new"),
        ("https://other.test:8443/", "any", "wss://other.test:8443/"),
    ],
)
def test_a_redirect_leads_on(location: str, policy: RedirectPolicy, target: str) -> None:
    assert next_hop(HERE, refusal(307, location), policy) == target


@pytest.mark.parametrize(("status", "location"), [(403, "/new"), (304, "/new"), (302, None)])
def test_other_refusals_lead_nowhere(status: int, location: str | None) -> None:
    assert next_hop(HERE, refusal(status, location), "any") is None


@pytest.mark.parametrize(
    ("location", "policy"),
    [
        ("/new", "none"),
        ("wss://other.test/", "same-origin"),
        ("wss://host.test:8443/", "same-origin"),
        ("ws://host.test/", "any"),
        ("http://host.test/", "any"),
        ("ftp://host.test/", "any"),
        ("wss://host.test:99999/", "any"),
        ("wss://[::1/", "any"),
        ("javascript:alert(1)", "any"),
    ],
)
def test_a_redirect_that_is_refused(location: str, policy: RedirectPolicy) -> None:
    with pytest.raises(RedirectRefusedError):
        next_hop(HERE, refusal(302, location), policy)


@pytest.mark.parametrize(
    ("protocol", "offered"),
    [
        ("graphql-ws", ("graphql-transport-ws", "graphql-ws")),
        ("mqtt", ("mqtt",)),
        ("stomp", ("v12.stomp", "v11.stomp", "v10.stomp")),
        ("phoenix", ()),
        ("json", ()),
        ("auto", ()),
    ],
)
def test_h6_a_protocol_offers_its_own_subprotocols(protocol: ProtocolName, offered: tuple[str, ...]) -> None:
    made = offered_subprotocols(spec(80, protocol=protocol))
    assert tuple(each.reveal() for each in made) == offered


def test_h6_configured_subprotocols_are_offered_alone() -> None:
    configured = (Sensitive("graphql-ws"),)
    assert offered_subprotocols(spec(80, protocol="graphql-ws", subprotocols=configured)) == configured


@pytest.mark.parametrize(("configured", "sent"), [(("mqtt", "x.y"), "mqtt, x.y"), ((), None)])
async def test_subprotocols_are_offered_in_the_upgrade(configured: tuple[str, ...], sent: str | None) -> None:
    heads: list[str] = []

    async def refuse(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        heads.append(await read_head(reader))

    async with against(refuse, subprotocols=tuple(map(Sensitive, configured))) as engine:
        await engine.ended()
    found = re.search(r"(?im)^sec-websocket-protocol: (.*?)\r$", heads[0])
    assert (found and found[1]) == sent
