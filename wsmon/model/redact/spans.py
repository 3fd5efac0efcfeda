"""Byte ranges that are to be masked, and the one place that masks them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from wsmon.model.redact.masking import MASK

MASK_BYTES = MASK.encode()


class Span(NamedTuple):
    """``text[start:end]`` is to be replaced by ``mask``."""

    start: int
    end: int
    mask: bytes = MASK_BYTES


def merge(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that overlap or touch joined.

    The one that begins first gives its mask; of two, the longer; of two on the same bytes, the longer mask, because
    that is the one with quotes.
    """
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, -len(span.mask))):
        if merged and span.start <= merged[-1].end:
            last = merged[-1]
            merged[-1] = Span(last.start, max(last.end, span.end), last.mask)
        else:
            merged.append(span)
    return merged


def mask_spans(text: bytes, spans: Iterable[Span]) -> bytes:
    """``text`` with every span replaced by its mask; all other bytes as they were."""
    pieces: list[bytes] = []
    done = 0
    for start, end, mask in merge(spans):
        pieces += text[done:start], mask
        done = end
    pieces.append(text[done:])
    return b"".join(pieces)
