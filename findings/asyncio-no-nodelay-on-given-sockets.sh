#!/usr/bin/env bash
# asyncio: connections that a server accepts from a socket of `socket.create_server` have no TCP_NODELAY. Those that it accepts
# from a host and a port have.
#
# One would expect it on both: "the socket option socket.TCP_NODELAY is set by default for all TCP connections" (documentation
# of loop.create_server, since Python 3.6), and `socket.create_server` is what the library offers to make the socket. But asyncio
# sets the option only where `sock.proto` is IPPROTO_TCP. The addresses of getaddrinfo say so; `socket.create_server` leaves the
# protocol at 0, "the default one", and accepted sockets take it over. A server that binds first (to report a port in use before
# anything else, to give up privileges, or because systemd hands the socket over) then delays small messages by the time that
# the client delays its acknowledgements, on Linux 40 ms.
#
# Prints the version, the option, and how late the last of small messages comes, 1 ms apart; exits 1 if the option changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > run.py <<'PYTHON'
import asyncio
import platform
import socket
import time

MESSAGES = 300


async def measured(**where: object) -> tuple[bool, float]:
    """Whether an accepted connection has TCP_NODELAY, and the longest way of a message in milliseconds."""
    found = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tcp = writer.get_extra_info("socket")
        found.append(bool(tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        for _ in range(MESSAGES):
            writer.write(b"%-200d" % time.perf_counter_ns())
            await asyncio.sleep(0.001)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, **where)
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        longest_ns = 0
        for number in range(MESSAGES):
            sent_ns = int(await reader.readexactly(200))
            longest_ns = max(longest_ns, time.perf_counter_ns() - sent_ns)
            if number % 10 == 0:
                # Linux delays acknowledgements on connections where both sides speak
                writer.write(b"noted")
        writer.close()
        await reader.read()
    return found[0], longest_ns / 1e6


async def main() -> int:
    print("Python", platform.python_version(), "on", platform.system())
    by_address = await measured(host="127.0.0.1", port=0)
    by_socket = await measured(sock=socket.create_server(("127.0.0.1", 0)))
    for name, (has_option, longest_ms) in (("host and port:       ", by_address), ("socket.create_server:", by_socket)):
        print(f"{name} TCP_NODELAY {'set' if has_option else 'not set'}, the slowest message took {longest_ms:.1f} ms")
    return 0 if (by_address[0], by_socket[0]) == (True, False) else 1


raise SystemExit(asyncio.run(main()))
PYTHON
timeout 60 python3 run.py
