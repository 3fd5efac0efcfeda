"""Verdicts: who ended a connection, what the code means, the likely cause, and what to do next. Pure."""
