"""The charging station: its certificate and key store, and what it does with it.

The store needs no web, socket or database library. Serving it over OCPP is `adapters` and `app`, which are imported by
whoever runs a station; no back office is here.
"""

from chainpilot.station.layout import StoreConfig
from chainpilot.station.service import EvseSecurity

__all__ = ["EvseSecurity", "StoreConfig"]
