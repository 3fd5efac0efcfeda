"""Traces that an application reports to a recorder, as exports have them: kinds, parents, attributes, masked."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.support.processes import Home
from wsmon.trace import Sink, Telemetry
from wsmon.trace.requests import RequestTracer
from wsmon.trace.spans import record, span

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def test_a_trace_is_exported_with_its_kinds_and_attributes_and_without_credentials(home: Home) -> None:
    store = home.folder / "store.db"
    sink = Sink(store, own=True)
    tracer = RequestTracer("shop", sink=sink)
    with tracer.request(
        "POST /orders",
        transport="http",
        method="POST",
        path="/orders?token=kr4ken",
        traceparent=f"00-{TRACE}-{CALLER}-01",
    ) as request:
        request.set(cart=7, password="kr4ken")
        with span("price", {"items": 3, "api_key": "kr4ken"}):
            record("db.orders.insert", time.monotonic())
        with Telemetry(sink).span("checkout", {"client_id": "shop", "step": "pay", "secret": "kr4ken"}):
            pass
        request.status = 201
    assert sink.flush(10)
    sink.close()

    _, exported, _ = await home.run("export", "--store", store, "--format", "otlp")
    _, lines, _ = await home.run("export", "--store", store, "--format", "jsonl")
    assert "kr4ken" not in exported + lines
    (resource,) = json.loads(exported)["resourceSpans"]
    found = {each["name"]: each for each in resource["scopeSpans"][0]["spans"]}
    root = found["POST /orders"]
    assert {name: each["kind"] for name, each in found.items()} == {
        "POST /orders": 2,
        "price": 1,
        "db.orders.insert": 3,
        "checkout": 1,
    }
    assert {each["traceId"] for each in found.values()} == {TRACE}
    assert root["parentSpanId"] == CALLER
    assert found["db.orders.insert"]["parentSpanId"] == found["price"]["spanId"]
    assert found["price"]["parentSpanId"] == found["checkout"]["parentSpanId"] == root["spanId"]
    assert told(root)["cart"] == {"intValue": "7"}
    assert told(root)["url.path"] == {"stringValue": "/orders"}
    assert told(root)["http.response.status_code"] == {"intValue": "201"}
    assert told(found["price"])["items"] == {"intValue": "3"}
    assert told(found["checkout"])["step"] == {"stringValue": "pay"}
    ends = {each["type"]: each for each in map(json.loads, lines.splitlines()) if each["name"].endswith(".end")}
    assert ends["POST /orders"]["meta"]["attributes"]["cart"] == 7
    assert ends["price"]["meta"]["attributes"]["items"] == 3
    assert ends["checkout"]["meta"]["step"] == "pay"


def told(exported: Any) -> dict[str, Any]:
    """The attributes of a span."""
    return {each["key"]: each["value"] for each in exported["attributes"]}
