"""The versions of OCPP whose own messages are known here."""

from enum import Enum

__all__ = ["OcppVersion"]


class OcppVersion(Enum):
    """One version; its value is the WebSocket subprotocol that stands for it (OCPP-J 1.6 section 3.1.2)."""

    __hash__ = object.__hash__  # an Enum's own hashes the name, in Python, for every look-up in the tables

    V16 = "ocpp1.6"
    V201 = "ocpp2.0.1"
    V21 = "ocpp2.1"
