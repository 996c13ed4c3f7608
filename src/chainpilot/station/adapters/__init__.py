"""Transports between the store and the world: OCPP over WebSockets. Decisions are made elsewhere."""

__all__: list[str] = []
