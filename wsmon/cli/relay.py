"""``wsmon relay``: applications connect to wsmon instead of a server, and their connections are recorded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsmon.cli.params import Duration, ListenAddress, header_option
from wsmon.errors import EXIT_OK

if TYPE_CHECKING:
    from wsmon.model.snapshot import Routes


@click.command()
@click.argument("upstream", metavar="URL")
@click.option(
    "--listen",
    type=ListenAddress(),
    default="127.0.0.1:0",
    metavar="HOST:PORT",
    help="Address that applications connect to; port 0 is any free port (default: 127.0.0.1:0).",
)
@header_option
@click.option("--name", metavar="NAME", help="Name of the connections (default: the host of URL).")
@click.option("--store", type=click.Path(path_type=Path), help="Store to record into.")
@click.option("--for", "limit_s", type=Duration(), metavar="DURATION", help="Stop after DURATION.")
@click.option(
    "--fail",
    type=click.Choice(("open", "closed")),
    default="open",
    help="If nothing can be stored: open passes bytes on unrecorded, closed stops reading (default: open).",
)
@click.option("--tls-cert", type=click.Path(path_type=Path), metavar="FILE", help="Certificate for wss:// (PEM).")
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="Its private key (PEM).")
@click.option("--listen-any", is_flag=True, help="Allow --listen with an address that other machines reach.")
@click.option("--quiet", is_flag=True, help="Only print errors.")
def relay(
    upstream: str,
    listen: tuple[str, int],
    headers: tuple[str, ...],
    name: str | None,
    store: Path | None,
    limit_s: float | None,
    fail: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    listen_any: bool,
    quiet: bool,
) -> int:
    """Relay connections of applications to a server and record them.

    URL is that of the server. Prints a local ws:// URL on stdout: give that to the application instead. Bytes pass
    unchanged in both directions; of the request, path, Host and credentials follow URL, and -H sets further headers.
    Records in the foreground until interrupted, as `wsmon record` does; run `wsmon attach` in another terminal to
    watch.
    """
    # Imported now: a shell that completes the options waits for this module.
    from dataclasses import replace

    from wsmon.cli.recording import StderrLog, assignment_of, readiness, run_assignment
    from wsmon.cli.request import Request, split_header
    from wsmon.cli.targets import target_of
    from wsmon.cli.terminal import ask_header_values
    from wsmon.config.load import Loaded, from_relay

    request = ask_header_values(Request((upstream,), headers, store=store))
    keys = {"name": name, "tls_cert": tls_cert and str(tls_cert), "tls_key": tls_key and str(tls_key)}
    host, port = listen
    configuration = from_relay(
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        upstream,
        [split_header(text) for text in request.headers],
        {**os.environ, **request.answers},
        fail=fail,
        listen_any=listen_any,
        **{key: value for key, value in keys.items() if value},
    )
    target = target_of(request, Loaded(configuration), os.environ)
    with readiness(None) as ready, StderrLog(is_quiet=quiet, has_libraries=not quiet) as log:
        assignment = assignment_of(target, limit_s, log)

        def print_urls(routes: Routes) -> None:
            for of_relay in routes.values():
                for route in of_relay:
                    click.echo(route.listen)
            log.print_routes(routes)

        run_assignment(replace(assignment, on_listening=print_urls), log, ready)
    return EXIT_OK
