"""What a certificate's subject may be objected to: whether it names what certificates of its kind name."""

import ipaddress
import re
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.identity import IdentityError, is_evseid, is_seccid, parse_emaid, parse_pcid
from chainpilot.pki.profiles.linter import Objection

__all__ = [
    "check_digit_is_right",
    "has_common_name",
    "has_country",
    "has_domain",
    "has_organization",
    "has_subject",
    "is_contract_name",
    "is_vehicle_name",
    "names_contract",
    "names_no_host",
    "names_secc",
    "names_seccid",
    "names_server",
    "names_vehicle",
]

_NO_COMMON_NAME: Final = "it has no common name, or more than one"
_CONTRACT: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{12,13}")
"""14 or 15 characters, in capitals, without separators (contract-exi.md section 3)."""
_HOST: Final = re.compile(r"(?:[A-Za-z0-9*](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}\.?(?::[0-9]{1,5})?")
"""A host name of at least two labels, the last of letters alone, with a port or not (RFC 1123 section 2.1)."""


def has_subject(certificate: Certificate) -> str | None:
    """A CA names itself (RFC 5280 section 4.1.2.6)."""
    subject = certificate.subject
    return None if subject.common_name or subject.organization else "it names no subject"


def has_common_name(certificate: Certificate) -> str | None:
    """It is for somebody (OCPP 1.6 security whitepaper A00.FR.511)."""
    return None if certificate.subject.common_name else _NO_COMMON_NAME


def has_organization(certificate: Certificate) -> str | None:
    """It names the operator (ISO 15118-2 annex F; OCPP 1.6 security whitepaper A00.FR.510)."""
    return None if certificate.subject.organization else "it names no organization, or more than one"


def has_country(certificate: Certificate) -> str | None:
    """It names the operator's country (ISO 15118-2 annex F; est-opcp-ocsp.md section 2)."""
    return None if certificate.subject.country else "it names no country, or more than one"


def has_domain(wanted: str) -> Objection:
    """The domain component tells the role of its holder (ISO 15118-2 annex F)."""

    def objection(certificate: Certificate) -> str | None:
        found = certificate.subject.domain_component
        return None if found == wanted else f"its domain component is {found or 'absent'}, not {wanted}"

    return objection


def names_secc(certificate: Certificate) -> str | None:
    """An EVSEID or a SECCID (ISO 15118-2 annex F; est-opcp-ocsp.md section 2)."""
    common = certificate.subject.common_name
    if common is None:
        return _NO_COMMON_NAME
    fits = is_evseid(common) or is_seccid(common)
    return None if fits else f"its common name {common!r} is neither an EVSEID nor a SECCID"


def names_seccid(certificate: Certificate) -> str | None:
    """A SECCID (ISO 15118-20; est-opcp-ocsp.md section 2)."""
    common = certificate.subject.common_name
    if common is None:
        return _NO_COMMON_NAME
    return None if is_seccid(common) else f"its common name {common!r} is no SECCID"


def is_contract_name(common: str) -> bool:
    """Whether a contract leaf may be for this name: an eMAID as ISO 15118-2 sends it, whatever its check digit."""
    return _CONTRACT.fullmatch(common) is not None


def names_contract(certificate: Certificate) -> str | None:
    """An eMAID of 14 or 15 characters, in capitals, without separators (contract-exi.md section 3)."""
    common = certificate.subject.common_name
    if common is None:
        return _NO_COMMON_NAME
    return (
        None if is_contract_name(common) else f"its common name {common!r} is no eMAID of 14 or 15 capital characters"
    )


def check_digit_is_right(certificate: Certificate) -> str | None:
    """The eMAID's check digit, where there is one, fits (ISO 15118-2 annex H).

    Only a warning: issuers use ids of 15 characters whose last was never computed, those of test PKIs first of all.
    """
    common = certificate.subject.common_name
    if common is None or not is_contract_name(common):
        return None
    try:
        parse_emaid(common)
    except IdentityError as error:
        return error.why
    return None


def is_vehicle_name(common: str) -> bool:
    """Whether an OEM provisioning leaf may be for this name: a PCID."""
    try:
        return parse_pcid(common) == common.upper()
    except IdentityError:
        return False


def names_vehicle(certificate: Certificate) -> str | None:
    """A PCID of 17 or 18 characters (contract-exi.md section 3)."""
    common = certificate.subject.common_name
    if common is None:
        return _NO_COMMON_NAME
    return None if is_vehicle_name(common) else f"its common name {common!r} is no PCID of 17 or 18 characters"


def names_no_host(certificate: Certificate) -> str | None:
    """A station's serial number isn't like a URL or an address, as servers' names are (A00.FR.511)."""
    common = certificate.subject.common_name
    if common is None or not _is_host(common):
        return None
    return f"its common name {common!r} looks like a server's, not like a station's serial number"


def names_server(certificate: Certificate) -> str | None:
    """Clients find the server's name in it: an alternative name, else the common name (A00.FR.512; RFC 9525)."""
    common = certificate.subject.common_name
    named = certificate.extensions.has_alternative_names or (common is not None and _is_host(common))
    return None if named else "it names no server: no alternative name, and no host as common name"


def _is_host(text: str) -> bool:
    if "://" in text or _HOST.fullmatch(text):
        return True
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True
