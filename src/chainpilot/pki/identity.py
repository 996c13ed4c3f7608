"""Names of the Plug & Charge world: distinguished names, station ids, EVSEIDs and SECCIDs.

Contract ids (eMAID) and vehicle ids (PCID) come with the flows that use them. Who may bear a name is not decided here.
"""

import re
from dataclasses import dataclass
from typing import Final, NewType

from cryptography import x509
from cryptography.x509.oid import NameOID

from chainpilot.errors import PeerError

__all__ = [
    "DistinguishedName",
    "IdentityError",
    "NameKey",
    "StationId",
    "is_evseid",
    "is_seccid",
    "name_key",
    "normal_evseid",
    "parse_station_id",
]

StationId = NewType("StationId", str)
"""A charging station's identity, as it stands at the end of its OCPP URL; checked by `parse_station_id`."""

NameKey = tuple[frozenset[tuple[str, str | bytes]], ...]
"""A distinguished name for look-ups; whether two names are equal is OpenSSL's to say."""

_STATION_ID: Final = re.compile(r"[A-Za-z0-9*\-_=:+|@.]{1,48}")
"""identifierString of OCPP 2.0.1 part 2, 48 characters as StationIdentity's limit there."""
_EVSEID: Final = re.compile(r"[A-Za-z]{2}\*?[A-Za-z0-9]{3}\*?E[A-Za-z0-9*]{1,30}", re.ASCII)
"""DIN SPEC 91286 / ISO 15118-2 annex H; Hubject's CSR rule is the same pattern (est-opcp-ocsp.md section 2)."""
_SECCID: Final = re.compile(r"[A-Za-z]{2}\*?[A-Za-z0-9]{3}[A-Za-z0-9*\-]{32,59}", re.ASCII)
"""ISO 15118-20: 39 to 64 characters, country and operator first (est-opcp-ocsp.md section 2)."""


class IdentityError(PeerError):
    """A name is not of the form it should have; `why` says what is wrong with it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class DistinguishedName:
    """The four attributes Plug & Charge uses of a distinguished name; None where absent or given more than once.

    An attribute that occurs twice is ambiguous, so it counts as absent: whoever demands it refuses the name.
    """

    country: str | None = None
    organization: str | None = None
    common_name: str | None = None
    domain_component: str | None = None

    @classmethod
    def from_name(cls, name: x509.Name) -> "DistinguishedName":
        """Read the four attributes; raises nothing beyond what `name` itself raises."""
        return cls(
            country=_single(name, NameOID.COUNTRY_NAME),
            organization=_single(name, NameOID.ORGANIZATION_NAME),
            common_name=_single(name, NameOID.COMMON_NAME),
            domain_component=_single(name, NameOID.DOMAIN_COMPONENT),
        )

    def to_name(self) -> x509.Name:
        """The X.509 name C, O, CN, DC, absent attributes left out.

        Raises:
            IdentityError: an attribute is empty or breaks RFC 5280's bounds (a country of two letters, a name of at
                most 64 characters); nothing is dropped silently.
        """
        pairs = (
            (NameOID.COUNTRY_NAME, self.country),
            (NameOID.ORGANIZATION_NAME, self.organization),
            (NameOID.COMMON_NAME, self.common_name),
            (NameOID.DOMAIN_COMPONENT, self.domain_component),
        )
        if self.country is not None and not re.fullmatch(r"[A-Z]{2}", self.country):
            raise IdentityError(f"country {self.country!r} is not two capital letters (ISO 3166-1)")
        if any(value == "" for _, value in pairs):
            raise IdentityError("an attribute of the name is empty")
        try:
            return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs if value is not None])
        except ValueError as error:
            raise IdentityError(f"the name can't be written: {error}") from error

    def __str__(self) -> str:
        """The name for people: `CN=..., O=..., C=..., DC=...`."""
        pairs = (
            ("CN", self.common_name),
            ("O", self.organization),
            ("C", self.country),
            ("DC", self.domain_component),
        )
        return ", ".join(f"{key}={value}" for key, value in pairs if value is not None)


def parse_station_id(text: str) -> StationId:
    """The station id in `text`, unchanged.

    Raises:
        IdentityError: empty, longer than 48, of only dots, or with characters outside OCPP's identifierString.
    """
    if not _STATION_ID.fullmatch(text):
        raise IdentityError("a station id has 1 to 48 characters out of letters, digits and *-_=:+|@.")
    if set(text) == {"."}:
        raise IdentityError("a station id of only dots would name a directory")
    return StationId(text)


def is_evseid(text: str) -> bool:
    """Whether `text` has the form of an EVSEID such as `DE*ICE*E123*1`, separators optional."""
    return _EVSEID.fullmatch(text) is not None


def is_seccid(text: str) -> bool:
    """Whether `text` has the form of a SECCID: 39 to 64 characters, country and operator first."""
    return 39 <= len(text) <= 64 and _SECCID.fullmatch(text) is not None


def normal_evseid(text: str) -> str:
    """The EVSEID in upper case without separators: two spellings of one EVSE become equal."""
    return text.replace("*", "").upper()


def name_key(name: x509.Name) -> NameKey:
    """A key under which names that OpenSSL takes for equal meet: case and white space folded (RFC 5280 section 7.1)."""
    return tuple(
        frozenset((attribute.oid.dotted_string, _folded(attribute.value)) for attribute in rdn) for rdn in name.rdns
    )


def _folded(value: str | bytes) -> str | bytes:
    return " ".join(value.split()).casefold() if isinstance(value, str) else value


def _single(name: x509.Name, oid: x509.ObjectIdentifier) -> str | None:
    values = [attribute.value for attribute in name.get_attributes_for_oid(oid)]
    if len(values) != 1:
        return None
    return values[0] if isinstance(values[0], str) else values[0].decode("utf-8", "replace")
