"""The back office: stations connect here, and their certificates are fetched from the PKI and delivered to them."""

__all__: list[str] = []
