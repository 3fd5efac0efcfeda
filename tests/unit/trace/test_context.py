"""The context of a trace: which span an event belongs to."""

from __future__ import annotations

import re

from wsmon.trace.context import CURRENT_SPAN, SpanContext, child_context


def test_without_a_span_a_new_trace_begins() -> None:
    context, parent_id = child_context()
    assert re.fullmatch("[0-9a-f]{32} [0-9a-f]{16}", " ".join(context))
    assert parent_id == ""


def test_a_child_is_in_the_trace_of_the_current_span_and_a_named_trace_is_not() -> None:
    token = CURRENT_SPAN.set(SpanContext("order-7", "a" * 16))
    try:
        context, parent_id = child_context()
        assert (context.trace_id, parent_id) == ("order-7", "a" * 16)
        other, parent_id = child_context("order-8")
        assert (other.trace_id, parent_id) == ("order-8", "")
    finally:
        CURRENT_SPAN.reset(token)
