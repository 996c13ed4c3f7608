"""chainpilot keeps the certificates of Plug & Charge in order, from the station's key store to the PKI and back."""

__all__ = ["__version__"]

__version__ = "0.1.0"
