"""The OCPP agent: what a station says and answers to keep its certificates alive, whatever the CSMS speaks.

Here are the flows: they decide, keep what must outlast a power cut in `Memory`, and speak over a `Line`. Sockets, TLS,
files and SQL are the adapters'; which parts run together is `desk`'s, the connection `app`'s.
"""

__all__: list[str] = []
