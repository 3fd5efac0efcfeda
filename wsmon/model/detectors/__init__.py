"""Detectors: small objects that find one kind of trouble each; they implement ``ports.Detector``.

Each looks at lifecycle events as they are committed, and at what each batch brought; what it finds has a beginning and
an end. One sample alone is no alarm, except where it is a fact (gave up, refused), and what ends an incident lies well
below what began it, so that nothing flaps.
"""
