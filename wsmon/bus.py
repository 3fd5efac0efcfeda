"""Bounded hand-off from the event loop to the writer thread."""
