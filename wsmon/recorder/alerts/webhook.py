"""An alert by HTTP POST: time-boxed, tried again while that may help."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from wsmon.model.durations import SECOND_NS
from wsmon.model.http import retry_after_s
from wsmon.model.redact.masking import Sensitive
from wsmon.ports import Clock
from wsmon.recorder.alerts.way import AlertFailedError
from wsmon.recorder.http import Answer, BadAnswerError, post, reason

TRY_S = 5.0
PAUSES_S = (0.5, 2.0)
# between three tries: an alert is of use now, not in an hour
RETRY_AFTER_LIMIT_S = 30.0
_PASSING = frozenset({408, 425, 429})
# and 5xx: may be well a moment later

Sleep = Callable[[float], Awaitable[None]]


class WebhookWay:
    """Posts each alert until a server takes it."""

    def __init__(self, url: Sensitive, clock: Clock, *, try_s: float = TRY_S, sleep: Sleep = asyncio.sleep) -> None:
        self._url = url
        self._clock = clock
        self._try_s = try_s
        self._sleep = sleep

    async def deliver(self, alert: bytes) -> None:
        """Post it; any 2xx is success."""
        for pause_s in PAUSES_S:
            why, asked_s = await self._try(alert)
            if not why:
                return
            await self._sleep(pause_s if asked_s is None else min(asked_s, RETRY_AFTER_LIMIT_S))
        why, _ = await self._try(alert)
        if why:
            raise AlertFailedError(f"{self._url.masked} {why}, {len(PAUSES_S) + 1} times")

    async def _try(self, alert: bytes) -> tuple[str, float | None]:
        """Why it did not work (empty = it did), and how long the server wants us to wait; raises where all is vain."""
        try:
            async with asyncio.timeout(self._try_s):
                return self._verdict(await post(self._url.reveal(), alert))
        except TimeoutError:
            return f"did not answer within {self._try_s:g} s", None
        except ssl.SSLCertVerificationError as error:
            raise AlertFailedError(f"{self._url.masked} shows a bad certificate: {error.verify_message}") from None
        except (BadAnswerError, UnicodeError):
            raise AlertFailedError(f"{self._url.masked} does not answer in HTTP") from None
        except OSError as error:
            return f"cannot be reached: {reason(error)}", None

    def _verdict(self, answer: Answer) -> tuple[str, float | None]:
        if 200 <= answer.status < 300:
            return "", None
        if answer.status >= 500 or answer.status in _PASSING:
            asked_s = retry_after_s(answer.headers.get("retry-after", ""), self._clock.wall_ns() / SECOND_NS)
            return f"answered {answer.status}", asked_s
        told = "a redirect, which is not followed" if 300 <= answer.status < 400 else "the alert is refused"
        raise AlertFailedError(f"{self._url.masked} answered {answer.status}: {told}")
