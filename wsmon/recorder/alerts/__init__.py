"""Telling somebody: what is told, the ways there are, and what becomes of those that fail."""
