"""wsmon watches WebSocket connections: is it up, is it alive, why did it drop, what was sent."""

__version__ = "0.1.0"
