"""``wsmon unit``: print a systemd unit that records a configuration from the start of the machine on.

The unit may do what a recorder needs and nothing else. The system's manager runs it as an ordinary user, who may
attach: the viewer finds the socket through the lock beside the store, so the socket lies in a folder of the unit's own.
"""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from wsmon.cli.params import Request

# The name of the service, and of its runtime folder.
NAME = "wsmon"


@click.command("unit")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--store", type=click.Path(path_type=Path), help="Where to record to.")
@click.option("--user", metavar="NAME", help="Who records, and may attach; you by default.")
@click.option("--name", default=NAME, metavar="NAME", help="What the service is called.")
def unit(config: Path | None, store: Path | None, user: str | None, name: str) -> None:
    """Print a hardened systemd unit that records CONFIG, also after a reboot.

    Its first lines say how to install it. Secrets come from files (${file:PATH}) or from an Environment= of a drop-in.
    """
    # Imported now: a shell that completes the options waits for this module.
    from wsmon.cli.targets import resolve

    request = Request((str(config),) if config is not None else (), store=store)
    target = resolve(request, os.environ)
    path = target.loaded.configuration.path
    # A request without URLs is read from a file.
    assert path is not None
    click.echo(unit_text(Service(path, target.store, user or getpass.getuser(), name=name)), nl=False)


_UNIT = """\
# Made by `wsmon unit`. To install:
#   wsmon unit {arguments} | sudo tee /etc/systemd/system/{name}.service
#   sudo systemctl daemon-reload && sudo systemctl enable --now {name}
# To watch, as {user}: wsmon attach {store}
[Unit]
Description=wsmon records the WebSocket connections of {config}
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=exec
User={user}
WorkingDirectory=/
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=5s
# usage or configuration: it would fail the same way again
RestartPreventExitStatus=2
# a recorder ends within 2 s, everything committed
TimeoutStopSec=15s
RuntimeDirectory={name}
RuntimeDirectoryMode=0700
Environment=XDG_RUNTIME_DIR=/run/{name}
UMask=0077
# a recorder's memory is flat; this is for the unforeseen
MemoryHigh=1G
TasksMax=64
LimitNOFILE=16384

# files: everything read-only but the store's folder
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={folder}
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateMounts=yes
ProtectProc=invisible
# rights: none at all
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
PrivateUsers=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
# kernel
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictRealtime=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @keyring @mount
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Service:
    """The recorder that a unit starts; both paths are real paths."""

    config: Path
    store: Path
    user: str
    python: str = sys.executable
    name: str = NAME


def unit_text(service: Service) -> str:
    """Return the text of the unit."""
    words = (service.python, "-m", "wsmon", "record", str(service.config), "--store", str(service.store), "--quiet")
    return _UNIT.format(
        arguments=_word(str(service.config)),
        command=" ".join(map(_word, words)),
        config=_plain(str(service.config)),
        folder=_word(str(service.store.parent)),
        name=service.name,
        store=_word(str(service.store)),
        user=service.user,
    )


def _word(text: str) -> str:
    """Return a word as systemd reads it back."""
    escaped = _plain(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if set(escaped) & set(" \t\"'\\;") else escaped


def _plain(text: str) -> str:
    """Return a text on one line, without anything that systemd expands."""
    return text.replace("%", "%%").replace("\n", " ")
