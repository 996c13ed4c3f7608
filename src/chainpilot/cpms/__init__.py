"""The back office: stations connect here; it fetches their certificates from the PKI and delivers them."""

__all__: list[str] = []
