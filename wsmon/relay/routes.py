"""Routes: which server a request of an application is for, and what is asked of it.

Pure. A route is a path of the relay and the URL of a server; the longest path that begins the requested one wins, and
what follows it is appended to the path of the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from websockets.headers import build_authorization_basic, build_host
from websockets.uri import WebSocketURI

from wsmon.config.specs import ConnectionSpec, RouteSpec
from wsmon.relay.request_head import RequestHead

# Also as servers see them that decode a path first, or take a backslash for a slash
_SEPARATOR: Final = re.compile(r"[/\\]|%2f|%5c", re.IGNORECASE)
_PARENT: Final = re.compile(r"(?:\.|%2e){2}", re.IGNORECASE)
# Path and query of a URL that may have masks
_SHOWN: Final = re.compile(r"[a-z]+://[^/?]*([^?]*)\??(.*)", re.DOTALL | re.IGNORECASE)
# Several slashes may be one, and lead no deeper
_HERE: Final = re.compile(r"(?:\.|%2e)?", re.IGNORECASE)


def find_route(routes: Iterable[RouteSpec], path: str) -> RouteSpec | None:
    """Return the route with the longest path that is the requested one or a folder that it stays in; None without."""
    found = [route for route in routes if _leads(route.path, path)]
    return max(found, key=lambda route: len(route.path), default=None)


def _leads(prefix: str, path: str) -> bool:
    folder = prefix.rstrip("/")
    return path == prefix or (path.startswith(folder + "/") and not _leaves(path.removeprefix(folder)))


def _leaves(further: str) -> bool:
    """Whether a path has more segments ".." than folders before them: what is asked is not below its beginning."""
    depth = 0
    for segment in _SEPARATOR.split(further)[1:]:
        if _PARENT.fullmatch(segment) is not None:
            depth -= 1
        elif _HERE.fullmatch(segment) is None:
            depth += 1
        if depth < 0:
            return True
    return False


def target(request: RequestHead, route: RouteSpec, upstream: WebSocketURI) -> str:
    """Return path and query that are asked of the server: its own, continued by those of the application."""
    path, _, query = request.path_and_query.partition("?")
    further = path.removeprefix(route.path).lstrip("/")
    base = upstream.path
    # A slash at the end of what the application asks for stays, unless it is the whole path
    if further or (path != route.path and path.endswith("/") and path != "/"):
        base = f"{base.rstrip('/')}/{further}"
    queries = "&".join(each for each in (upstream.query, query) if each)
    return f"{base or '/'}?{queries}" if queries else base or "/"


def recorded_url(request: RequestHead, route: RouteSpec, upstream: WebSocketURI) -> str:
    """Return the URL that is asked for, with secrets of the configuration masked, however short they are."""
    shown = _SHOWN.match(route.upstream.masked)
    path, query = shown.groups() if shown else ("", "")
    asked = target(request, route, replace(upstream, path=path, query=query))
    return f"{'wss' if upstream.secure else 'ws'}://{host_of(upstream)}{asked}"


def host_of(upstream: WebSocketURI) -> str:
    """Return host and port of a server, as in its URL."""
    return build_host(upstream.host, upstream.port, upstream.secure)


def replaced_headers(upstream: WebSocketURI, spec: ConnectionSpec) -> Sequence[tuple[str, str]]:
    """Return the headers that replace those of the application: ``Host``, and what is configured."""
    headers = [("Host", host_of(upstream))]
    if spec.origin:
        headers.append(("Origin", spec.origin.reveal()))
    configured = [(name, value.reveal()) for name, value in spec.headers]
    if upstream.user_info is not None and "authorization" not in {name.lower() for name, _ in configured}:
        headers.append(("Authorization", build_authorization_basic(*upstream.user_info)))
    names = {name.lower() for name, _ in configured}
    return [*((name, value) for name, value in headers if name.lower() not in names), *configured]
