"""A recording as a local WebSocket server: ``wsmon serve``."""
