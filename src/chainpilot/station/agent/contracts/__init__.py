"""Contracts of vehicles: whether one may charge (use case C07), and its certificate handed on (M01, M02)."""

__all__: list[str] = []
