"""Security events (use case A04): their types, the queue that waits for the CSMS, and the reports."""

__all__: list[str] = []
