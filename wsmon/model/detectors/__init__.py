"""Detectors: small objects that find one kind of trouble each; they implement ``ports.Detector``.

Each looks at lifecycle events as they are committed, and at what each batch brought; what it finds has a beginning and
an end. One sample alone is no alarm, except where it is a fact (gave up, refused), and what ends an incident lies well
below what began it, so that nothing flaps.
"""

from __future__ import annotations

from typing import TypeAlias

from wsmon.model.detectors.base import IncidentDetector
from wsmon.model.detectors.peer import CertificateDetector, PeerDetector
from wsmon.model.detectors.reconnects import AuthDetector, RetriesDetector, StormDetector
from wsmon.model.detectors.recorder import BackpressureDetector, ClockDetector, ShedDetector
from wsmon.model.detectors.sequence import SequenceDetector
from wsmon.model.detectors.silence import StallDetector, SubscriptionDetector
from wsmon.model.detectors.traffic import ErrorsDetector, SlowDetector, TypesDetector

# All detectors there are, in the order in which they tell what they found.

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
