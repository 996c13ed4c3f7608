"""What an agent is set to: the values behind OCPP's configuration keys and variables, with what they may be.

Their names in 1.6 and 2.0.1, and who may change them, is `configuration`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import msgspec

from chainpilot.station.model import Secret
from chainpilot.wire.version import OcppVersion

__all__ = ["MAX_HEARTBEAT", "MAX_NETWORKS", "Network", "Settings"]

MAX_HEARTBEAT: Final = 86_400
"""Seconds between two heartbeats at most: a day. Three that nobody answers end a connection, so a dead one is noticed
within three days even where nothing else looks; CSMSs that count heartbeats' bytes ask for as much and not for more."""
MAX_NETWORKS: Final = 8
"""Network profiles kept."""
_NO_PASSWORD: Final = Secret("")


class Network(msgspec.Struct, frozen=True):
    """A way to the CSMS: OCPP 2.0.1's network profile (use case B09), which serves 1.6 too."""

    url: str
    """`ws://` or `wss://`; the station's id is appended where it isn't the last part already."""
    security_profile: int
    """0 to 3."""
    version: OcppVersion | None = None
    """The one that is offered; None: all that the agent speaks, 2.0.1 first."""
    message_timeout: int = 30
    """Seconds that an answer may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One consistent set of values."""

    # ISO 15118 (use cases C07, M01, A02)
    pnc_enabled: bool = True
    contract_validation_offline: bool = False
    central_contract_validation_allowed: bool = False
    v2g_certificate_installation_enabled: bool = True
    contract_certificate_installation_enabled: bool = True
    secc_id: str = ""
    """CN of the SECC certificate: an EVSEID or SECCID."""
    country: str = ""
    """C in every signing request, two capital letters."""
    organisation: str = ""
    """O in every signing request: the charging station operator's name (CpoName)."""

    # certificates (use cases A02, A03, M05)
    cert_signing_wait_minimum: int = 300
    """Seconds until a request without its certificate is sent again; 0: never."""
    cert_signing_repeat_times: int = 3
    """How often that time is doubled."""
    additional_root_certificate_check: bool = False
    certificate_signed_max_chain_size: int = 10_000
    """Characters of a CertificateSigned's chain."""
    certificate_store_max_length: int = 2000
    """Certificates that fit into the store."""

    # the connection (use cases A01, A05, B09)
    password: Secret = _NO_PASSWORD
    """Of Basic authentication; empty: none is set."""
    networks: Mapping[int, Network] = field(default_factory=lambda: MappingProxyType({}))
    """By slot."""
    priority: tuple[int, ...] = ()
    """Slots in the order in which they are tried."""
    network_profile_connection_attempts: int = 3
    """Tries of one network before the next of the list."""
    active_network: int | None = None
    """The slot of the connection that the CSMS accepted last."""
    heartbeat_interval: int | None = None
    """Seconds, counted as MAX_HEARTBEAT at most; None: as BootNotification's answer says."""
    web_socket_ping_interval: int = 90
    """Seconds; 0: never."""

    @property
    def security_profile(self) -> int:
        """Of the connection that the CSMS accepted last, else of the one that is tried first; 0 without any."""
        slot = self.active_network if self.active_network is not None else next(iter(self.priority), None)
        network = self.networks.get(slot) if slot is not None else None
        return network.security_profile if network is not None else 0
