"""The event store: everything that knows SQL."""
