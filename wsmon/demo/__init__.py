"""Scripted servers on loopback: the demonstration, and the peers of the tests."""
