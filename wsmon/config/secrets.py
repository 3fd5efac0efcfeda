"""Secrets of a configuration: references (``${secret:NAME}``) replaced, credentials that are written out masked.

References are ``${env:NAME}``, ``${secret:NAME}`` and ``${file:PATH}``; the last two yield secrets. ``$${`` stands for
a literal ``${``. A masked value is shown without its credentials, and sent with them.
"""

from __future__ import annotations

import json
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

from wsmon.config.kinds import FaultError, shown
from wsmon.config.schema import CONNECTION, WSMON, ConfigKey, Credentials
from wsmon.config.specs import AuthValue, Configuration, ConnectionSpec, MessageCondition, RedactSpec, RelaySpec
from wsmon.errors import WsmonError
from wsmon.model.redact.masking import MASK, Sensitive
from wsmon.model.redact.names import PLAIN_KEYS
from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.request_secrets import cookies, header_secrets, hidden_parts, url_secrets

# A longer file is no secret but a wrong path
MAX_SECRET_BYTES = 64 * 1024

_BOM = "\ufeff"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# Characters without a width: spaces, directions of writing, the soft hyphen, a mark in the middle. A joiner belongs to
# a script or an emoji where it follows one, and was copied along where it follows ASCII
_INVISIBLE = re.compile(
    "[\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff]|(?:^|(?<=[\x00-\x7f]))[\u200c\u200d]"
)
_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Expanded:
    """A text with its references replaced."""

    text: str
    masked: str
    """``text`` with MASK in the place of each secret."""
    secrets: tuple[str, ...] = ()
    faults: tuple[FaultError, ...] = ()
    """One for each reference that could not be replaced."""
    notes: tuple[FaultError, ...] = field(default=(), compare=False)
    """What is worth a look in the values of references, which are used nevertheless."""


@dataclass(frozen=True, slots=True)
class ReferenceSources:
    """The environment and the folder that references are looked up in."""

    environ: Mapping[str, str]
    folder: Path
    """Folder of relative paths."""


def expand(text: str, sources: ReferenceSources) -> Expanded:
    """Return ``text`` with every reference replaced, and the faults of all that could not be."""
    if "${" not in text:
        return Expanded(text, text)
    plain: list[str] = []
    masked: list[str] = []
    secrets: list[str] = []
    faults: list[FaultError] = []
    notes: list[FaultError] = []
    end = 0
    for match in _REFERENCE.finditer(text):
        before = text[end : match.start()]
        end = match.end()
        try:
            value, is_secret = _resolved(match, sources, notes)
        except FaultError as fault:
            faults.append(fault)
            continue
        plain += (before, value)
        masked += (before, MASK if is_secret else value)
        if is_secret:
            secrets.append(value)
    rest = text[end:]
    return Expanded("".join(plain) + rest, "".join(masked) + rest, tuple(secrets), tuple(faults), tuple(notes))


# In a text that is typed, only secrets are looked up: it may hold templates
_TYPED_REFERENCE = re.compile(r"\$?\$\{secret:([^}]*)\}")
# Stand for references while a text is masked; characters for private use mean nothing to anybody else
_PLACES = tuple(map(chr, range(0xE000, 0xE100)))


class TypedText(NamedTuple):
    """A text that a user typed, to be sent."""

    text: str
    """With the values of its references."""
    secrets: tuple[str, ...] = ()
    """Those values."""
    bare: str = ""
    """With a placeholder for each reference."""
    references: tuple[str, ...] = ()

    def restored(self, bare: str) -> str:
        """Return ``bare``, masked, with its references as they were typed."""
        for place, reference in zip(_PLACES, self.references, strict=False):
            bare = bare.replace(place, reference)
        return bare


def expand_typed(text: str, environ: Mapping[str, str]) -> TypedText:
    """Return a text with the values of ``${secret:NAME}``; raises ``WsmonError`` for one that has none.

    ``$${secret:NAME}`` stands for the reference itself, and all else is sent as it was typed.
    """
    sources = ReferenceSources(environ, Path())
    secrets: list[str] = []
    references: list[str] = []
    if any(place in text for place in _PLACES) or len(_TYPED_REFERENCE.findall(text)) > len(_PLACES):
        places: tuple[str, ...] = (MASK,)
    else:
        places = _PLACES

    def value_of(match: re.Match[str]) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        reference = _REFERENCE.fullmatch(match[0])
        try:
            if reference is None:
                raise FaultError("add the name of an environment variable", "", shown(match[0]))
            value = _resolved(reference, sources, [])[0]
        except FaultError as fault:
            what = f"not sent: {shown(match[0])}: {fault.what}"
            raise WsmonError(what, "the recorder looks in the environment that it was started in") from None
        secrets.append(value)
        return value

    def place_of(match: re.Match[str]) -> str:
        references.append(match[0])
        return places[(len(references) - 1) % len(places)]

    expanded = _TYPED_REFERENCE.sub(value_of, text)
    bare = _TYPED_REFERENCE.sub(place_of, text)
    return TypedText(expanded, tuple(dict.fromkeys(secrets)), bare, tuple(references) if places is _PLACES else ())


def _resolved(match: re.Match[str], sources: ReferenceSources, notes: list[FaultError]) -> tuple[str, bool]:
    """The value of one reference, and whether it is secret; what is odd about it goes into ``notes``."""
    kind, name = match[1], match[2]
    written = shown(match[0])
    if kind is None:
        return "${", False
    if name is None:
        hint = f"use ${{env:{kind}}}, ${{secret:{kind}}} for secrets, or $${{ for a literal ${{"
        raise FaultError("reference without a source", hint, written)
    match kind:
        case "env":
            return _variable(name, sources, written), False
        case "secret":
            value = _variable(name, sources, written)
            if not value:
                raise FaultError("environment variable is empty", f"set {name}", written)
            _check_secret(value, "the environment variable", written, notes)
            return value, True
        case "file":
            return _content(name, sources, written, notes), True
        case _:
            raise FaultError("unknown reference source", "use env, secret or file", written)


def _variable(name: str, sources: ReferenceSources, written: str) -> str:
    value = sources.environ.get(name)
    if value is None:
        raise FaultError("environment variable is not set", f"set {name}" if name else "add its name", written)
    return value


def _content(name: str, sources: ReferenceSources, written: str, notes: list[FaultError]) -> str:
    """The text of a file without the line breaks at its end."""
    try:
        path = sources.folder / Path(name).expanduser()
        read = read_regular(path, MAX_SECRET_BYTES)
    except (OSError, ValueError, RuntimeError) as error:
        raise FaultError(f"cannot read the referenced file: {reason(error)}", "", written) from error
    try:
        text = read.decode()
    except UnicodeDecodeError:
        hint = "save it as UTF-8 (PowerShell writes UTF-16 with >)" if read[:2] in _UTF16_MARKS else ""
        raise FaultError("the referenced file is not UTF-8 text", hint, written) from None
    value = text.rstrip("\r\n")
    if not value.strip(f"{_BOM} \t\r\n"):
        raise FaultError("the referenced file is empty", "", written)
    _check_secret(value, "the referenced file", written, notes)
    if value != text:
        notes.append(FaultError("the referenced file ends with a line break", "it is not part of the value", written))
    return value


def _check_secret(value: str, what: str, written: str, notes: list[FaultError]) -> None:
    """Raise ``FaultError`` for characters that cannot be seen; note blanks at the ends of a secret."""
    if value.startswith(_BOM):
        raise FaultError(f"{what} begins with a byte order mark", "save it as UTF-8 without BOM", written)
    if hidden := _INVISIBLE.search(value):
        name = unicodedata.name(hidden[0], "a control character").lower()
        problem = f"{what} contains an invisible character, U+{ord(hidden[0]):04X} {name}"
        raise FaultError(problem, "it was probably copied by accident; remove it or retype the secret", written)
    if value != value.strip():
        notes.append(FaultError(f"{what} begins or ends with a space", "it is part of the value", written))


def read_regular(path: Path, limit: int) -> bytes:
    """Return the bytes of a regular file of at most ``limit`` bytes; raises ``OSError`` or ``ValueError``.

    Pipes and devices are refused before they are opened: they may never end, and cannot be read a second time.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ValueError("it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file")
    with path.open("rb") as file:
        read = file.read(limit + 1)
    if len(read) > limit:
        raise ValueError(f"it is larger than {limit // 1024} KiB")
    return read


def reason(error: Exception) -> str:
    """Return why a file cannot be read, for users: without the path, which may come from a secret."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno).lower()
    return str(error)


# A shorter one is masked in its own value only: searched for elsewhere, it would hit what is not secret
MIN_LITERAL_CHARS = 8

# Entries of ``auth`` that are not secret
_PLAIN_AUTH = frozenset({"success", "failure", "scope", "version", "expires_in", "realm"})

Spec = TypeVar("Spec", ConnectionSpec, Configuration)


def masked(configuration: Configuration) -> Configuration:
    """Return the configuration with every credential in it masked, those written out in it added to its secrets.

    What is a credential in the value of a key is said by ``ConfigKey.credentials``; each connection is masked by its
    own ``redact`` table.
    """
    masks = _Masks()
    connections = tuple(masks.applied(spec, CONNECTION, spec.redact) for spec in configuration.connections)
    relays = tuple(masks.relay(spec) for spec in configuration.relays)
    whole = masks.applied(configuration, WSMON, RedactSpec())
    return replace(
        whole, connections=connections, relays=relays, secrets=tuple(dict.fromkeys((*whole.secrets, *masks.literals)))
    )


class _Masks:
    """Masks the specs of one configuration, and collects what was secret in them."""

    def __init__(self) -> None:
        # An ordered set
        self.literals: dict[str, None] = {}
        self._redactors: dict[RedactSpec, Redactor] = {}
        self._functions: Mapping[Credentials, Callable[[Any, Redactor], object]] = {
            "text": _text,
            "texts": lambda texts, redactor: tuple(_text(text, redactor) for text in texts),
            "url": self._url,
            "headers": self._headers,
            "subprotocols": self._subprotocols,
            "auth": self._auth,
            "whole": lambda text, _redactor: self._collected(text, MASK) if text else text,
        }

    def applied(self, spec: Spec, keys: Iterable[ConfigKey], redact: RedactSpec) -> Spec:
        """Return ``spec`` with the credentials in the values of ``keys`` masked."""
        redactor = self._redactor(redact)
        changes: dict[str, Any] = {}
        groups: dict[str, dict[str, Any]] = {}
        for key in keys:
            if key.credentials:
                group, dot, name = key.target.partition(".")
                value = getattr(getattr(spec, group), name) if dot else getattr(spec, group)
                (groups.setdefault(group, {}) if dot else changes)[name or group] = self._functions[key.credentials](
                    value, redactor
                )
        inner = {group: replace(getattr(spec, group), **values) for group, values in groups.items()}
        return replace(spec, **changes, **inner)

    def relay(self, spec: RelaySpec) -> RelaySpec:
        """Return the spec of a relay with the credentials in it masked."""
        connection = self.applied(spec.connection, CONNECTION, spec.connection.redact)
        redactor = self._redactor(connection.redact)
        routes = tuple(replace(route, upstream=self._url(route.upstream, redactor)) for route in spec.routes)
        for route in spec.routes:
            # Shown where the relay listens, since applications need it, but in no bundle
            self._collect_all(url_secrets(route.path, redactor.url(route.path)))
        return replace(spec, connection=connection, routes=routes)

    def _redactor(self, redact: RedactSpec) -> Redactor:
        if redact not in self._redactors:
            self._redactors[redact] = Redactor(
                keys=redact.keys,
                patterns=redact.patterns,
                headers=redact.headers,
                query=redact.query,
                allow=redact.allow,
            )
        return self._redactors[redact]

    def _url(self, url: Sensitive, redactor: Redactor) -> Sensitive:
        if not url:
            return url
        masked = redactor.url(url.masked)
        self._collect_all(url_secrets(url.reveal(), masked))
        return Sensitive(url.reveal(), masked)

    def _headers(
        self, headers: tuple[tuple[str, Sensitive], ...], redactor: Redactor
    ) -> tuple[tuple[str, Sensitive], ...]:
        masked = redactor.headers([(name, value.masked) for name, value in headers])
        for (name, value), (_, text) in zip(headers, masked, strict=True):
            self._collect_all(header_secrets(name, value.reveal(), text))
            if name.lower() == "cookie" and text == MASK:
                self._collect_all(cookie for _, cookie in cookies(value.reveal()))
        return tuple(
            (name, Sensitive(value.reveal(), text)) for (name, value), (_, text) in zip(headers, masked, strict=True)
        )

    def _subprotocols(self, subprotocols: tuple[Sensitive, ...], redactor: Redactor) -> tuple[Sensitive, ...]:
        masked = redactor.subprotocols([subprotocol.masked for subprotocol in subprotocols])
        return tuple(self._collected(one, text) for one, text in zip(subprotocols, masked, strict=True))

    def _auth(self, auth: Mapping[str, AuthValue], _redactor: Redactor) -> Mapping[str, AuthValue]:
        """Mask all texts in ``auth``; the values of ``_PLAIN_AUTH`` are no secrets elsewhere."""
        for name, value in auth.items():
            if isinstance(value, Sensitive) and name not in _PLAIN_AUTH:
                for text in _json_texts(value.reveal()):
                    self._collect(text)
        return MappingProxyType(
            {
                name: Sensitive(value.reveal(), MASK) if isinstance(value, Sensitive) else value
                for name, value in auth.items()
            }
        )

    def _collected(self, value: Sensitive, masked: str) -> Sensitive:
        """``value`` shown as ``masked``; what the masks hide counts as secret wherever it occurs."""
        for part in hidden_parts(value.reveal(), masked):
            self._collect(part)
            # A peer may repeat the decoded form
            self._collect(unquote(part))
        return Sensitive(value.reveal(), masked)

    def _collect_all(self, literals: Iterable[str]) -> None:
        for literal in literals:
            self._collect(literal)

    def _collect(self, literal: str) -> None:
        if len(literal) >= MIN_LITERAL_CHARS:
            self.literals[literal] = None


def _text(text: Sensitive | MessageCondition, redactor: Redactor) -> Sensitive | MessageCondition:
    if isinstance(text, MessageCondition):
        return text
    return Sensitive(text.reveal(), redactor.text(text.masked)) if text else text


def _json_texts(text: str) -> Iterator[str]:
    """The texts in a JSON message, except those that say what it is; of any other message, the whole of it."""
    try:
        todo: list[object] = [json.loads(text)]
    except (ValueError, RecursionError):
        yield text
        return
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            todo += value
        elif isinstance(value, dict):
            todo += [item for key, item in value.items() if key not in PLAIN_KEYS]
