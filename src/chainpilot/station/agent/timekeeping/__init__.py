"""The clock: what is made of it, and whether what depends on it may go on."""

__all__: list[str] = []
