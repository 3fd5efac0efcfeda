"""A shop on Starlette: each HTTP request and WebSocket is a trace. Start: ``python asgi_shop.py [PORT]``."""

import asyncio
import sys
import time
from contextlib import suppress

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from wsmon.trace import RequestMiddleware, RequestTracer, current_span, record, span

tracer = RequestTracer("shop")


@span("stock.look")
async def stock_of(order: int) -> int:
    """A step of its own: the decorator makes it a span of the request that calls it."""
    start = time.monotonic()
    await asyncio.sleep(0.005)
    record("db.stock.get", start)
    return order % 5


async def order(request: Request) -> JSONResponse:
    """Answer with the stock, and with the trace: ``wsmon search trace:ID`` finds it."""
    number = int(request.path_params["number"])
    context = current_span()
    return JSONResponse({"stock": await stock_of(number), "trace": context.trace_id if context else ""})


async def fail(_request: Request) -> JSONResponse:
    """Fail: the request ends with the error, and with 500."""
    raise LookupError("no such order")


async def feed(socket: WebSocket) -> None:
    """Say the stock of each order that is asked for, until the socket closes."""
    await socket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            asked = await socket.receive_text()
            await socket.send_text(str(await stock_of(int(asked))))


app = Starlette(
    routes=[
        Route("/orders/{number:int}", order),
        Route("/fail", fail),
        WebSocketRoute("/feed", feed),
    ]
)
app.add_middleware(RequestMiddleware, tracer=tracer)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
