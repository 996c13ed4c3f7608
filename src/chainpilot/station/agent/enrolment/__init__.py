"""The agent's half of A02 and A03: requests made and sent, sent again, and renewals begun as a last resort."""

__all__: list[str] = []
