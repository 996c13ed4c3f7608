"""What the back office knows of a station before it connects."""

from dataclasses import dataclass, field
from enum import IntEnum

from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.identity import StationId
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.fields import NO_QUIRKS, Quirk

__all__ = ["SecurityProfile", "StationRecord"]


class SecurityProfile(IntEnum):
    """OCPP's security profiles (OCPP 1.6 security whitepaper, section 2); the higher, the safer."""

    UNSECURED = 0
    """Neither TLS nor a password: whoever reaches the listener is the station it says it is."""
    BASIC = 1
    """A password that everybody on the way can read."""
    TLS_BASIC = 2
    MUTUAL_TLS = 3

    @property
    def has_tls(self) -> bool:
        """Whether nobody on the way can read or change what is said."""
        return self >= SecurityProfile.TLS_BASIC

    @property
    def has_password(self) -> bool:
        """Whether the station proves itself by HTTP Basic."""
        return self in {SecurityProfile.BASIC, SecurityProfile.TLS_BASIC}


@dataclass(frozen=True, slots=True)
class StationRecord:
    """One station: who it is, how it proves that, and what it may ask certificates for."""

    station_id: StationId
    password_hash: str = field(repr=False)
    """As written by `chainpilot.cpms.passwords`; empty when the station has no password."""
    minimum_profile: SecurityProfile = SecurityProfile.TLS_BASIC
    """The profile the station has reached; lower listeners refuse it."""
    allowed_names: frozenset[str] = frozenset()
    """Common names (SECCID, EVSEID) that it may ask an ISO 15118 certificate for; no others."""
    organisation: str = ""
    """Its operator, as O of the client certificate (OCPP's CpoName)."""
    group: str = ""
    dialects: tuple[Dialect, ...] = ()
    """Those that the station was heard to speak, the latest last."""
    csr_encoding: TextEncoding | None = None
    """How the station wrote its last readable CSR, or was found to read certificates before it wrote one; certificates
    go to it the same way. None: nothing is known."""
    quirks: frozenset[Quirk] = NO_QUIRKS
    """Words that it was found to know only misspelt."""
    next_password_hashes: tuple[str, ...] = field(default=(), repr=False)
    """Of passwords that the station may have taken: the one it comes in with becomes its password, the others end."""
