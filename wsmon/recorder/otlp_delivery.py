"""A collector that takes OTLP/HTTP in JSON: one request, and what its answer means.

OTLP 1.x, "OTLP/HTTP Response": https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import msgspec

from wsmon.config.specs import OtlpSpec
from wsmon.export.otlp_values import Fields, RecordKind, document
from wsmon.model.durations import SECOND_NS
from wsmon.model.http import retry_after_s
from wsmon.ports import Clock
from wsmon.recorder.http import Answer, BadAnswerError, post, reason

REQUEST_S: Final = 10.0
ANSWER_BYTES: Final = 64 * 1024
# of an answer's body, which may say how many records were rejected
_LEVEL: Final = 4
# of compression: three quarters of what is possible, in a third of the time
_PATHS: Final[Mapping[RecordKind, str]] = {"spans": "v1/traces", "logRecords": "v1/logs", "metrics": "v1/metrics"}
_REJECTED: Final = ("rejectedSpans", "rejectedLogRecords", "rejectedDataPoints")
_TOO_LARGE: Final = 413
_BAD_RECORDS: Final = frozenset({400, 422})
# other answers from 400 on are about us or about it, not about these records: they may be taken later
_PASSING: Final = frozenset({408, 425, 429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Taken:
    """The records arrived."""

    rejected: int = 0
    # of them, which the collector threw away


@dataclass(frozen=True, slots=True)
class Later:
    """They may be taken later."""

    why: str
    after_s: float | None = None
    # how long the collector wants us to wait
    is_passing: bool = True
    # False: somebody has to mend something first


@dataclass(frozen=True, slots=True)
class Refused:
    """These records will never be taken."""

    why: str
    is_too_large: bool = False
    # fewer of them might be


Outcome: TypeAlias = Taken | Later | Refused


class Collector:
    """Where telemetry goes."""

    def __init__(self, spec: OtlpSpec, resource: Fields, clock: Clock, request_s: float = REQUEST_S) -> None:
        """``resource`` says who tells."""
        self._url = spec.url.reveal()
        self.name = spec.url.masked
        self._is_compressed = spec.compression
        own = {"Content-Encoding": "gzip"} if spec.compression else {}
        self._headers = {**own, **{name: value.reveal() for name, value in spec.headers}}
        self._resource = resource
        self._clock = clock
        self._request_s = request_s

    def body(self, kind: RecordKind, records: tuple[bytes, ...]) -> bytes:
        """The body of a request with these records; takes its time: for a thread."""
        plain = b"".join(document(kind, iter(records), self._resource))
        return gzip.compress(plain, _LEVEL, mtime=0) if self._is_compressed else plain

    async def send(self, kind: RecordKind, body: bytes) -> Outcome:
        """Send a body; never raises but for cancellation."""
        try:
            async with asyncio.timeout(self._request_s):
                return self._outcome(await post(self._address(kind), body, self._headers, answer_bytes=ANSWER_BYTES))
        except TimeoutError:
            return Later(f"did not answer within {self._request_s:g} s")
        except ssl.SSLCertVerificationError as error:
            return Later(f"shows a bad certificate: {error.verify_message}", is_passing=False)
        except (BadAnswerError, UnicodeError):
            return Later("does not answer in HTTP", is_passing=False)
        except (OSError, asyncio.IncompleteReadError) as error:
            return Later(f"cannot be reached: {reason(error) if isinstance(error, OSError) else 'it hung up'}")

    def _address(self, kind: RecordKind) -> str:
        parts = urlsplit(self._url)
        return parts._replace(path=f"{parts.path.rstrip('/')}/{_PATHS[kind]}").geturl()

    def _outcome(self, answer: Answer) -> Outcome:
        status = answer.status
        if 200 <= status < 300:
            return Taken(_rejected(answer.body))
        if status == _TOO_LARGE:
            return Refused("answered 413: too large", is_too_large=True)
        if status in _BAD_RECORDS:
            return Refused(f"answered {status}: the records are refused")
        if status in _PASSING or status >= 500:
            asked_s = retry_after_s(answer.headers.get("retry-after", ""), self._clock.wall_ns() / SECOND_NS)
            return Later(f"answered {status}", asked_s)
        what = "a redirect, which is not followed" if 300 <= status < 400 else "it does not want telemetry from us"
        return Later(f"answered {status}: {what}", is_passing=False)


def _rejected(body: bytes) -> int:
    """How many records a collector says that it threw away."""
    try:
        told = msgspec.json.decode(body or b"{}", type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0
    partial = told.get("partialSuccess")
    numbers = [partial.get(key) for key in _REJECTED] if isinstance(partial, dict) else []
    return sum(int(number) for number in numbers if isinstance(number, int | str) and str(number).isdecimal())
