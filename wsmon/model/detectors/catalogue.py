"""All detectors there are, in the order in which they tell what they found."""

from __future__ import annotations

from typing import TypeAlias

from wsmon.model.detectors.certificate import CertificateDetector
from wsmon.model.detectors.clock import ClockDetector
from wsmon.model.detectors.detector import IncidentDetector
from wsmon.model.detectors.errors import ErrorsDetector
from wsmon.model.detectors.peer import PeerDetector
from wsmon.model.detectors.reconnects import StormDetector
from wsmon.model.detectors.recorder import BackpressureDetector, ShedDetector
from wsmon.model.detectors.refusals import AuthDetector, RetriesDetector
from wsmon.model.detectors.sequence import SequenceDetector
from wsmon.model.detectors.silence import StallDetector
from wsmon.model.detectors.slow import SlowDetector
from wsmon.model.detectors.subscription import SubscriptionDetector
from wsmon.model.detectors.traffic import TypesDetector

AnyDetector: TypeAlias = IncidentDetector | SequenceDetector | ClockDetector


def all_detectors() -> tuple[AnyDetector, ...]:
    """New ones, that have seen nothing."""
    return (
        ClockDetector(),
        StallDetector(),
        StormDetector(),
        RetriesDetector(),
        AuthDetector(),
        SubscriptionDetector(),
        SequenceDetector(),
        ErrorsDetector(),
        SlowDetector(),
        PeerDetector(),
        CertificateDetector(),
        TypesDetector(),
        BackpressureDetector(),
        ShedDetector(),
    )
