"""Signed firmware updates (use case L01): an order, checked, carried out over restarts, and told of."""

__all__: list[str] = []
