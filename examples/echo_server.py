"""An echo server of websockets, each connection a request in wsmon. Start: ``python echo_server.py [PORT]``."""

import asyncio
import sys
from contextlib import suppress

from websockets.asyncio.server import ServerConnection, serve

from wsmon.trace import RequestTracer, span

tracer = RequestTracer("echo-server")


async def echo(connection: ServerConnection) -> None:
    """Send back what comes."""
    async for message in connection:
        with span("echo", {"size": len(message)}):
            await connection.send(message)


async def main(port: int) -> None:
    """Serve until ^C."""
    async with serve(
        tracer.handler(echo),
        "127.0.0.1",
        port,
        process_request=tracer.process_request,
        process_response=tracer.process_response,
    ) as server:
        print(f"ws://127.0.0.1:{port}/echo", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8765))
