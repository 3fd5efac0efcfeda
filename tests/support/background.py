"""Tasks that run beside a test, each with a name and an owner that ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def background(coroutine: Coroutine[Any, Any, T], name: str) -> AsyncIterator[asyncio.Task[T]]:
    """Run a coroutine as a task beside the block; at the end of the block the task is cancelled and waited for.

    A failure of the task is raised where the block awaits it, and nowhere else.
    """
    task = asyncio.create_task(coroutine, name=name)  # noqa: TID251 -- owned and awaited here
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
