"""A client of the echo server: its work and the server's are one trace. Start: ``python echo_client.py [PORT]``."""

import asyncio
import sys
import time

from websockets.asyncio.client import connect

from wsmon.trace import RequestTracer, inject, record

tracer = RequestTracer("echo-client")


async def main(port: int) -> None:
    """Say three things, and print the trace that they belong to."""
    with tracer.span("conversation") as conversation:
        headers: dict[str, str] = {}
        inject(headers)
        async with connect(f"ws://127.0.0.1:{port}/echo", additional_headers=headers) as connection:
            for text in ("one", "two", "three"):
                start = time.monotonic()
                await connection.send(text)
                await connection.recv()
                record("round trip", start)
    print(conversation.trace_id, flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8765))
