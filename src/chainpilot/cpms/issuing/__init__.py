"""The operator's own issuing CA."""

__all__: list[str] = []
