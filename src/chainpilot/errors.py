"""The exceptions of chainpilot: one root, three families, and under them what the rooms define.

ChainpilotError
├── PeerError
├── OwnError
└── UndecidedError

A class stands in the room that raises it; this docstring lists them all, and a test compares it with the classes.
An exception holds typed data and composes its sentence last. What a family means for the peer (an OCPP status, an
HTTP code, an exit code) is mapped at each border, not here.
"""

__all__ = ["ChainpilotError", "OwnError", "PeerError", "UndecidedError"]


class ChainpilotError(Exception):
    """Everything that chainpilot raises on purpose."""


class PeerError(ChainpilotError):
    """The peer is wrong: what came from outside is malformed, unacceptable or refused."""


class OwnError(ChainpilotError):
    """We are wrong: configuration, disk, permissions, or a state that should not be."""


class UndecidedError(ChainpilotError):
    """We can't tell: a time-out, an unreachable or broken connection; the peer may or may not have acted."""
