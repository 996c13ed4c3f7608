"""Drivers that run a sans-I/O protocol of `wire` over a connection; shared by the station and the back office.

Making and securing the connection is the adapters' work and not handled here.
"""

__all__: list[str] = []
