"""The dashboard and the rules: what they ask for is there, and a real Prometheus understands it."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.external_programs import free_port, program
from tests.support.metrics_samples import FACTS, FEED
from tests.support.peers import Peers, script
from tests.support.processes import Home
from tests.support.prometheus import Prometheus, prometheus
from wsmon.export.prometheus import dashboard, rules
from wsmon.model.metrics import MetricFamily, connection_families, recorder_families

# To the letter
GUIDE = {
    "Connection Success Rate": """sum(rate(websockex_nova_connection_completed_count[5m])) /
        sum(rate(websockex_nova_connection_started_count[5m]))""",
    "Average Connection Time": """avg(websockex_nova_connection_completed_duration_milliseconds_sum /
        websockex_nova_connection_completed_duration_milliseconds_count)""",
    "Message Throughput": "sum(rate(websockex_nova_message_received_count[1m])) by (client_id, type)",
    "Error Rate": "sum(rate(websockex_nova_error_occurred_count[5m])) by (error_type)",
}
KEY_FIGURES = {
    "Connection success rate",
    "Average connection time",
    "Reconnection success rate",
    "Time to reconnect",
    "Message processing time",
    "Message error rate",
    "Message throughput",
    "Error rate",
    "Error recovery",
}
FEED_AND_LOSSES = """
[[step]]
do = "send"
text = '{"type":"trade","seq":$seq}'
rate = 100
count = 60
[[step]]
do = "close"
code = 1001
"""


def panels() -> Iterator[dict[str, Any]]:
    for panel in json.loads(dashboard())["panels"]:
        if panel["type"] != "row":
            yield panel


def expressions() -> list[str]:
    """Every query of the dashboard, with a value for each variable."""
    whole = json.loads(dashboard())
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    asked += [each["expr"] for each in whole["annotations"]["list"]]
    return [text.replace("$client_id", ".*").replace("$__rate_interval", "1m") for text in asked]


def names(family: MetricFamily) -> set[str]:
    """What the samples of a family are called."""
    name = family.written_name
    match family.kind:
        case "counter":
            return {f"{name}_total"}
        case "gauge":
            return {name}
        case "histogram":
            return {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
        case "summary":
            return {f"{name}_sum", f"{name}_count"}


def emitted() -> set[str]:
    families = (*connection_families((FEED,)), *recorder_families(FACTS))
    return {name for family in families for name in names(family)}


def asked_for(text: str) -> set[str]:
    return set(re.findall(r"\b(?:wsmon|process)_\w+", text))


def without_guards(text: str) -> str:
    """A query without blanks, parentheses and what keeps its divisors from being 0."""
    return re.sub(r"[\s()]|> 0", "", text)


def test_it_shows_the_guides_four_queries_and_the_key_figures() -> None:
    assert {panel["title"] for panel in panels()} >= KEY_FIGURES
    ours = [without_guards(text) for text in expressions()]
    for query in GUIDE.values():
        named_as_ours = re.sub(
            r"websockex_nova_(\w+?)(_duration_milliseconds)?_(count|sum)\b",
            lambda found: f"wsmon_{found[1]}_duration_seconds_{found[3]}" if found[2] else f"wsmon_{found[1]}_total",
            re.sub(r"\s+", "", query),
        )
        assert without_guards(named_as_ours) in ours


def test_every_metric_that_is_asked_for_is_emitted() -> None:
    for text in (*expressions(), rules()):
        assert asked_for(text) - emitted() == set(), text


def test_panels_have_titles_descriptions_and_places_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        assert panel["title"]
        assert panel["description"].endswith(".")
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in json.loads(dashboard())["panels"]]
    assert len(set(ids)) == len(ids)


def test_promtool_understands_every_query_and_the_rules(tmp_path: Path) -> None:
    promtool = program("promtool", "prometheus")
    queries = [{"record": f"query:{number}", "expr": text} for number, text in enumerate(expressions())]
    asked = tmp_path / "queries.yml"
    asked.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": queries}]}))  # JSON is YAML
    shipped = tmp_path / "rules.yml"
    shipped.write_text(rules())
    checked = subprocess.run([promtool, "check", "rules", asked, shipped], capture_output=True, timeout=20, check=False)
    assert checked.returncode == 0, checked.stderr
    assert f"SUCCESS: {len(queries)} rules found".encode() in checked.stdout


async def test_a_real_prometheus_answers_the_guides_queries_to_the_letter(home: Home, peers: Peers) -> None:
    server, port = await peers.start(script(FEED_AND_LOSSES)), free_port()
    shipped = home.write(rules(), "wsmon.rules.yml")
    await home.record(
        home.write(
            f'[wsmon]\nprometheus = ":{port}"\n[[connection]]\nname = "feed"\nprotocol = "json"\nurl = "{server.url}"\n'
            'reconnect = { initial = "100ms", max = "200ms" }\n'
            f'[[connection]]\nname = "never"\nurl = "ws://127.0.0.1:{free_port()}"\n'
        )
    )
    async with prometheus(home.folder / "prometheus", port, shipped) as asked:
        await asked.until("count(websockex_nova_connection_completed_count > 2)", 1)
        await asked.until('count(rate(websockex_nova_message_received_count{type="trade"}[1m]) > 0)', 1)
        await asked.until("count(rate(websockex_nova_connection_started_count[5m]) > 0)", 2)
        rate = GUIDE["Connection Success Rate"]  # a dial may be under way at either end of the five minutes
        await asked.until(f"count(({rate}) > 0.5 < 1.5)", 1)
        throughput = await asked.ask("query", query=GUIDE["Message Throughput"])
        assert {"client_id": "feed", "type": "trade"} in [each["metric"] for each in throughput["result"]]
        await asked.ask("query", query=GUIDE["Error Rate"])
        await every_query(asked)
        states = (await asked.ask("rules"))["groups"]
        assert {rule["health"] for group in states for rule in group["rules"]} == {"ok"}


async def every_query(asked: Prometheus) -> None:
    """None of the dashboard's is refused, and none answers NaN: a panel would show that, or a mean be it."""
    answers = await asyncio.gather(*(asked.ask("query", query=text) for text in expressions()))
    values = {
        text: [each["value"][1] for each in answer["result"]]
        for text, answer in zip(expressions(), answers, strict=True)
    }
    assert {text: found for text, found in values.items() if "NaN" in found} == {}
    (mean,) = values[next(text for text in values if text.startswith("avg(wsmon_connection_completed"))]
    assert 0 < float(mean) < 1


async def test_check_prints_both(home: Home) -> None:
    assert await home.run("check", "--dashboard") == (0, dashboard(), "")
    assert await home.run("check", "--rules") == (0, rules(), "")
