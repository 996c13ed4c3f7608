"""How fast the test PKI's EST server and responder answer, and how fast we judge, beside the cryptography in it."""

__all__: list[str] = []
