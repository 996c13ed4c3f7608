"""Pure X.509: bytes and values in, values out; no input or output, no clock, no logging.

Files, sockets and the decision what to do with a verdict are not handled here.
"""

__all__: list[str] = []
