"""Names of the Plug & Charge world: distinguished names, and ids of stations, EVSEs, SECCs, contracts and vehicles.

Who may bear a name is not decided here.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NewType

from cryptography import x509
from cryptography.x509.oid import NameOID

from chainpilot.errors import PeerError
from chainpilot.pki.der import DerError, Element, decode_oid

__all__ = [
    "DistinguishedName",
    "Emaid",
    "IdentityError",
    "Name",
    "Pcid",
    "StationId",
    "attributes",
    "is_evseid",
    "is_seccid",
    "name_key",
    "normal_emaid",
    "normal_evseid",
    "parse_emaid",
    "parse_pcid",
    "parse_station_id",
    "read_name",
    "with_check_digit",
]

StationId = NewType("StationId", str)
"""A charging station's identity, as it stands at the end of its OCPP URL; checked by `parse_station_id`."""

Emaid = NewType("Emaid", str)
"""A contract's id in its normal form, made by `parse_emaid`: 14 capital letters and digits, without a check digit.

Two spellings of one contract are one value.
"""

Pcid = NewType("Pcid", str)
"""A vehicle's id in its OEM provisioning certificate, made by `parse_pcid`: 17 or 18 capital letters and digits."""

Name = tuple[frozenset[tuple[str, str]], ...]
"""A whole distinguished name as read; whether two names are equal is OpenSSL's to say."""

_MAX_NAME: Final = 64
"""Characters; ub-common-name and ub-organization-name of RFC 5280 appendix A.1."""
_TEXT_CODECS: Final = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
"""Tags of the string types a name may hold (RFC 5280 section 4.1.2.4): UTF8, Numeric, Printable, Teletex, IA5, Visible,
Universal, BMP."""

_STATION_ID: Final = re.compile(r"[A-Za-z0-9*\-_=:+|@.]{1,48}")
"""identifierString of OCPP 2.0.1 part 2, 48 characters as StationIdentity's limit there."""
_EVSEID: Final = re.compile(r"[A-Za-z]{2}\*?[A-Za-z0-9]{3}\*?E[A-Za-z0-9*]{1,30}", re.ASCII)
"""DIN SPEC 91286 / ISO 15118-2 annex H; Hubject's CSR rule is the same pattern (est-opcp-ocsp.md section 2)."""
_SECCID: Final = re.compile(r"[A-Za-z]{2}\*?[A-Za-z0-9]{3}[A-Za-z0-9*\-]{32,59}", re.ASCII)
"""ISO 15118-20: 39 to 64 characters, country and operator first (est-opcp-ocsp.md section 2)."""
_EMAID: Final = re.compile(r"([A-Za-z]{2})[-*]?([A-Za-z0-9]{3})[-*]?([A-Za-z0-9]{9})(?:[-*]?([A-Za-z0-9]))?")
"""ISO 15118-2 annex H: country, provider, instance, at most a check digit; DIN SPEC 91286 separates by `*` too."""
_DIN_CONTRACT: Final = re.compile(r"[A-Za-z]{2}[-*]?[A-Za-z0-9]{3}[-*]?[A-Za-z0-9]{6}[-*]?[0-9Xx]")
"""The contract id of DIN SPEC 91286: an instance of six characters and a check digit of another algorithm."""
_PCID: Final = re.compile(r"[A-Za-z0-9]{3}-?[A-Za-z0-9]{14}(?:-?[A-Za-z0-9])?")
"""The manufacturer's WMI, its own number, at most a check digit (contract-exi.md section 3: 17 to 18 characters)."""
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


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

    @staticmethod
    def from_name(name: Name) -> "DistinguishedName":
        """Pick the four attributes out of a name."""
        return _picked(name)

    def objection(self) -> str | None:
        """What breaks RFC 5280's bounds, as a sentence: a country of two letters, names of 1 to 64 characters."""
        if self.country is not None and not re.fullmatch(r"[A-Z]{2}", self.country):
            return f"the country {self.country[:_MAX_NAME]!r} is not two capital letters (ISO 3166-1)"
        for words, value in (("common name", self.common_name), ("organization", self.organization)):
            if value is not None and not 0 < len(value) <= _MAX_NAME:
                return f"the {words} has {len(value)} characters; 1 to {_MAX_NAME} are allowed"
        return None

    def to_name(self) -> x509.Name:
        """The X.509 name C, O, CN, DC, absent attributes left out.

        Raises:
            IdentityError: an attribute breaks RFC 5280's bounds, or has more than 64 bytes of UTF-8, which is the
                library's bound; nothing is dropped silently.
        """
        if (objection := self.objection()) is not None:
            raise IdentityError(objection)
        pairs = (
            (NameOID.COUNTRY_NAME, self.country),
            (NameOID.ORGANIZATION_NAME, self.organization),
            (NameOID.COMMON_NAME, self.common_name),
            (NameOID.DOMAIN_COMPONENT, self.domain_component),
        )
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


def parse_emaid(text: str) -> Emaid:
    """The contract id that `text` spells: in either case, with or without separators and check digit.

    Raises:
        IdentityError: it has another form, or a check digit other than the one expected, which is told.
    """
    found = _EMAID.fullmatch(text)
    if found is None:
        raise IdentityError(_emaid_objection(text))
    emaid, given = _parts_of(found)
    expected = _check_digit(emaid)
    if given not in {"", expected}:
        raise IdentityError(f"the check digit of {emaid} is {expected}, not {given}")
    return emaid


def with_check_digit(emaid: Emaid) -> str:
    """The contract id with its check digit: 15 characters, the longest an ISO 15118-2 message takes."""
    return emaid + _check_digit(emaid)


def normal_emaid(text: str) -> str:
    """What two spellings of one contract have in common, for comparing ids that others made up.

    It is the `Emaid` where there is one. A wrong check digit stays, for it may be part of the number: some issue ids
    of 15 characters without computing the last. What has another form is answered unchanged.
    """
    found = _EMAID.fullmatch(text)
    if found is None:
        return text
    emaid, given = _parts_of(found)
    return emaid if given == _check_digit(emaid) else emaid + given


def parse_pcid(text: str) -> Pcid:
    """The vehicle's id that `text` spells, in upper case without separators; a check digit stays and isn't verified.

    Raises:
        IdentityError: it has another form.
    """
    if not _PCID.fullmatch(text):
        raise IdentityError("a PCID has 17 letters and digits, the WMI first, and at most a check digit behind them")
    return Pcid(text.replace("-", "").upper())


def read_name(element: Element) -> Name:
    """The attributes of a DER Name: relative names in order, each a set of (dotted identifier, text).

    Text that its own type can't hold is read with replacement characters, so it never equals a proper name.

    Raises:
        DerError: the bytes are no Name.
    """
    return _name(element.content)


@functools.lru_cache(maxsize=1024)
def _name(content: bytes) -> Name:
    """Issuers' names stand in every certificate of a chain; reading one costs more than finding it here again."""
    relatives = Element(0x30, content, content).children()
    return tuple([_relative(relative.content) for relative in relatives])


@functools.lru_cache(maxsize=1024)
def _relative(content: bytes) -> frozenset[tuple[str, str]]:
    """Of a PKI's leaves only the common names differ: country, organization and domain component are read once."""
    return frozenset(map(_attribute, Element(0x31, content, content).children()))


def attributes(name: Name) -> tuple[tuple[str, str], ...]:
    """All attributes of a name, sorted: what it says, whatever order a CA writes it in."""
    return tuple(sorted(pair for relative in name for pair in relative))


@functools.lru_cache(maxsize=1024)
def name_key(name: Name) -> Name:
    """A key under which names that OpenSSL takes for equal meet: case and white space folded (RFC 5280 section 7.1)."""
    return tuple([_folded(relative) for relative in name])


@functools.lru_cache(maxsize=1024)
def _folded(relative: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset((oid, " ".join(text.split()).casefold()) for oid, text in relative)


def _emaid_objection(text: str) -> str:
    if _DIN_CONTRACT.fullmatch(text):
        return "a contract id of DIN SPEC 91286 has two translations (00 or C0 before its number); which is not told"
    return (
        "an eMAID has a country of 2 letters, a provider of 3 characters, an instance of 9, and at most a check digit"
    )


def _parts_of(found: re.Match[str]) -> tuple[Emaid, str]:
    country, provider, instance, given = found.groups(default="")
    return Emaid(f"{country}{provider}{instance}".upper()), given.upper()


def _check_digit(emaid: Emaid) -> str:
    """The 15th character, by the two checks of ISO 15118-2 annex H over GF(2) and GF(3).

    A character's number is 18 q1 + 9 q2 + 3 r1 + r2. The whole id fits when the sum of its pairs q, each times P1 to
    the power of its place, is 0 modulo 2, and likewise with the pairs r and P2 modulo 3. Solved for the last pair, each
    step towards it multiplies by the inverse of P1 or P2, which both are ((1, 1), (1, 0)).
    """
    numbers = [_DIGITS.index(character) for character in emaid]
    q1, q2 = _last_pair(((number // 18, number // 9 % 2) for number in numbers), 2)
    r1, r2 = _last_pair(((number // 3 % 3, number % 3) for number in numbers), 3)
    return _DIGITS[18 * q1 + 9 * q2 + 3 * r1 + r2]


def _last_pair(pairs: Iterable[tuple[int, int]], modulus: int) -> tuple[int, int]:
    first = second = 0
    for one, other in pairs:
        first, second = first + one + second + other, first + one
    return -first % modulus, -second % modulus


def _attribute(pair: Element) -> tuple[str, str]:
    parts = pair.children()
    if len(parts) != 2:
        raise DerError("an attribute of a name is not (identifier, value)")
    codec = _TEXT_CODECS.get(parts[1].tag)
    text = parts[1].content.decode(codec, "replace") if codec else parts[1].encoding.hex()
    return decode_oid(parts[0]), text


_PICKED: Final = tuple(
    oid.dotted_string
    for oid in (NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME, NameOID.DOMAIN_COMPONENT)
)
"""The attributes of a DistinguishedName, in the order of its fields."""


@functools.lru_cache(maxsize=1024)
def _picked(name: Name) -> DistinguishedName:
    found: dict[str, list[str]] = {oid: [] for oid in _PICKED}
    for relative in name:
        for oid, text in relative:
            if oid in found:
                found[oid].append(text)
    return DistinguishedName(*(values[0] if len(values) == 1 else None for values in found.values()))
