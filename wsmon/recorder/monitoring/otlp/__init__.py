"""Sends what is recorded to an OpenTelemetry collector, behind the recording and never in its way."""
