"""Exports and imports of events: a module for each format, and the table of formats."""
