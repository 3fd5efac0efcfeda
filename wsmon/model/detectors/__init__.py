"""Detectors: small objects that find one kind of trouble each; they implement ``ports.Detector``."""
