"""WebSocket sessions: dial, tap, keep alive, try again."""
