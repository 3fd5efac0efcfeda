"""What all ways to tell somebody have in common: they take an alert's JSON, and say why they could not deliver it."""

from __future__ import annotations

from typing import Protocol

from wsmon.errors import WsmonError


class AlertFailedError(WsmonError):
    """An alert did not get through; holds no secret."""


class Way(Protocol):
    """One way to tell somebody."""

    async def deliver(self, alert: bytes) -> None:
        """Deliver an alert's JSON, in bounded time; ``AlertFailedError`` where that fails."""
        ...
