"""Logs that the CSMS wants (use case N01): the security log as text, and uploads."""

__all__: list[str] = []
