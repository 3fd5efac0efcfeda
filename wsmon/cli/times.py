"""Times on the command line: the option type, and how times are printed."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any

import click

from wsmon.clock import SystemClock
from wsmon.errors import UsageError
from wsmon.model.units import SECOND_NS
from wsmon.query.times import parse_time


def shown_time(ts_ns: int, zone: tzinfo | None = None) -> str:
    """Date and time to the millisecond, ``2026-01-10 14:02:24.118``; ``zone`` as above."""
    at = datetime.fromtimestamp(ts_ns // SECOND_NS, zone)
    return f"{at:%Y-%m-%d %H:%M:%S}.{ts_ns // 1_000_000 % 1_000:03}"


class Time(click.ParamType[int]):
    """An option that takes a time; its value is nanoseconds since 1970, ``--utc`` decides about days and hours."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The time that the text means now."""
        if isinstance(value, int):
            return value
        is_utc = ctx is not None and bool(ctx.params.get("utc"))
        try:
            return parse_time(str(value), SystemClock().wall_ns(), UTC if is_utc else None)
        except UsageError as error:
            self.fail(str(error), param, ctx)
