"""Transport only: what the ports promise, kept over SQL, HTTP and WebSocket."""

__all__: list[str] = []
