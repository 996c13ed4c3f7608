"""The settings: their values, OCPP's names for them, what a CSMS may change, and what is kept over restarts."""

__all__: list[str] = []
