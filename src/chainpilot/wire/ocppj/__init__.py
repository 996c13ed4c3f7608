"""OCPP-J 1.6 without its WebSocket: frames, and who waits for which answer."""

__all__: list[str] = []
