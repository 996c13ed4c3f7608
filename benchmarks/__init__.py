"""What the figures of the README and of docs/reference come from; nothing here is installed."""

__all__: list[str] = []
