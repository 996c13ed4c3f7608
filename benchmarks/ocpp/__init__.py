"""The benchmark of the gateway: `python -m benchmarks.ocpp`, or `make bench-ocpp`.

Stations ask by DataTransfer (GetCertificateStatus of dialect H), one call after the other, over plain WebSockets and
over mutual TLS: first our CPMS, then a server made of PyPI's `ocpp` as its documentation shows, under the same client.
"""

__all__: list[str] = []
