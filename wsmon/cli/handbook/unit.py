"""The systemd unit of a recorder: starts with the machine, may do what a recorder needs and nothing else.

The system's manager runs it as an ordinary user, whose viewers may attach. The viewer finds the socket through the
lock beside the store, so it may lie in a folder of the unit's own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

NAME = "wsmon"
# of the runtime folder; the socket's own folder below it has the same name

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
# a recorder's memory is flat; this is for what nobody thought of
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
    """What a unit is about."""

    config: Path
    # real paths
    store: Path
    user: str
    python: str = sys.executable
    name: str = NAME


def unit(service: Service) -> str:
    """The unit, as text."""
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
    """A word as systemd reads it back."""
    escaped = _plain(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if set(escaped) & set(" \t\"'\\;") else escaped


def _plain(text: str) -> str:
    """Without what systemd expands, and on one line."""
    return text.replace("%", "%%").replace("\n", " ")
