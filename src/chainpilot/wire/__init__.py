"""Sans-I/O protocols: bytes to typed messages and back; sockets, clocks and HTTP libraries are not handled here."""

__all__: list[str] = []
