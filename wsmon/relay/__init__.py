"""WebSocket relay between applications and their servers: bytes pass unchanged, and are recorded."""
