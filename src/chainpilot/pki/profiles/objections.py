"""What a certificate's extensions, key and size may be objected to (RFC 5280; ISO 15118-2 annex F).

Each answers a sentence about the certificate ("it ..."), or None when there is nothing to object to.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.extensions import EkuOid, KeyUsageBit
from chainpilot.pki.keys import key_weakness
from chainpilot.pki.profiles.linter import Objection

__all__ = [
    "has_critical_constraints",
    "has_critical_key_usage",
    "has_key_ids",
    "has_no_alternative_names",
    "has_path_length",
    "has_strong_key",
    "is_ca",
    "is_exempt_from_ocsp",
    "is_leaf",
    "is_not_root",
    "is_root",
    "lives_at_most",
    "may_be_used_for",
    "names_ocsp",
    "poses_as_no_server",
    "signs",
    "signs_critically",
    "signs_crls",
    "signs_ocsp",
    "usages_are",
]

_BASIC_CONSTRAINTS: Final = "2.5.29.19"
_OCSP_NO_CHECK: Final = "1.3.6.1.5.5.7.48.1.5"


def is_ca(certificate: Certificate) -> str | None:
    """A CA says that it is one and may sign certificates (RFC 5280 sections 4.2.1.3 and 4.2.1.9)."""
    if not certificate.is_ca:
        return "it is not a CA (basicConstraints)"
    if certificate.extensions.key_usage is None:
        return "it has no key usage; a CA's names keyCertSign"
    return None if KeyUsageBit.KEY_CERT_SIGN in _usage(certificate) else "its key usage lacks keyCertSign"


def is_leaf(certificate: Certificate) -> str | None:
    """A leaf neither says that it is a CA nor may sign certificates (ISO 15118-2 annex F; x509.md duty 5)."""
    if certificate.is_ca:
        return "it is a CA (basicConstraints)"
    return "its key usage has keyCertSign" if KeyUsageBit.KEY_CERT_SIGN in _usage(certificate) else None


def is_root(certificate: Certificate) -> str | None:
    """A root is signed by its own key (RFC 5280 section 3.2)."""
    return None if certificate.is_self_signed else "it is not signed by its own key"


def is_not_root(certificate: Certificate) -> str | None:
    """A sub-CA is signed by another's key (RFC 5280 section 3.2)."""
    return "it is signed by its own key" if certificate.is_self_signed else None


def signs(certificate: Certificate) -> str | None:
    """The key may sign data (RFC 5280 section 4.2.1.3: digitalSignature)."""
    if certificate.extensions.key_usage is None:
        return "it has no key usage"
    return None if KeyUsageBit.DIGITAL_SIGNATURE in _usage(certificate) else "its key usage lacks digitalSignature"


def has_critical_key_usage(certificate: Certificate) -> str | None:
    """Key usage is critical (ISO 15118-2 annex F; RFC 5280 section 4.2.1.3: conforming CAs should)."""
    if certificate.extensions.key_usage is None:
        return "it has no key usage"
    return None if certificate.extensions.key_usage_is_critical else "its key usage is not critical"


def signs_critically(certificate: Certificate) -> str | None:
    """Key usage critical with digitalSignature (ISO 15118-2 annex F)."""
    return signs(certificate) or has_critical_key_usage(certificate)


def signs_crls(certificate: Certificate) -> str | None:
    """A CA may sign revocation lists (ISO 15118-2 annex F: cRLSign)."""
    return None if KeyUsageBit.CRL_SIGN in _usage(certificate) else "its key usage lacks cRLSign"


def usages_are(wanted: Iterable[KeyUsageBit]) -> Objection:
    """Key usage names exactly these (ISO 15118-2 annex F; contract-exi.md section 3)."""
    bits = frozenset(wanted)

    def objection(certificate: Certificate) -> str | None:
        lacking, beyond = bits - _usage(certificate), _usage(certificate) - bits
        words = [f"lacks {_words(lacking)}"] if lacking else []
        words += [f"has {_words(beyond)} beside what it needs"] if beyond else []
        return f"its key usage {' and '.join(words)}" if words else None

    return objection


def may_be_used_for(oid: str, words: str) -> Objection:
    """An extended key usage, where there is one, allows the use (RFC 5280 section 4.2.1.12)."""

    def objection(certificate: Certificate) -> str | None:
        allowed = certificate.extensions.extended_key_usage
        fits = allowed is None or bool({oid, EkuOid.ANY.value} & allowed)
        return None if fits else f"its extended key usage lacks {words} ({oid})"

    return objection


def signs_ocsp(certificate: Certificate) -> str | None:
    """A responder other than the issuer is told by its extended key usage (RFC 6960 section 4.2.2.2)."""
    allowed = certificate.extensions.extended_key_usage or frozenset()
    return None if EkuOid.OCSP_SIGNING.value in allowed else "its extended key usage lacks OCSPSigning"


def is_exempt_from_ocsp(certificate: Certificate) -> str | None:
    """A responder's certificate says whether to ask for its own status; else askers go round (RFC 6960 4.2.2.2.1)."""
    exempt = _OCSP_NO_CHECK in certificate.extensions.present or certificate.ocsp_urls
    return None if exempt else "it has neither ocsp-nocheck nor a responder for its own status"


def has_no_alternative_names(certificate: Certificate) -> str | None:
    """V2G leaves are named by the subject alone (ISO 15118-2 annex F)."""
    return "it has subject alternative names" if certificate.extensions.has_alternative_names else None


def poses_as_no_server(certificate: Certificate) -> str | None:
    """Alternative names in a client certificate would let its holder pose as the server of that name (RFC 9525)."""
    allowed = certificate.extensions.extended_key_usage
    may_serve = allowed is None or bool({EkuOid.SERVER_AUTH.value, EkuOid.ANY.value} & allowed)
    if certificate.extensions.has_alternative_names and may_serve:
        return "it has alternative names and may be used by a server: its holder could pose as one"
    return None


def has_critical_constraints(certificate: Certificate) -> str | None:
    """A CA's basic constraints are critical (ISO 15118-2 annex F; RFC 5280 section 4.2.1.9)."""
    critical = _BASIC_CONSTRAINTS in certificate.extensions.critical
    return None if critical else "its basic constraints are not critical"


def has_path_length(certificate: Certificate) -> str | None:
    """A sub-CA says how many may follow it (ISO 15118-2 annex F: 1 for Sub1, 0 for Sub2)."""
    return None if certificate.extensions.path_length is not None else "it sets no path length"


def has_key_ids(certificate: Certificate) -> str | None:
    """Its own key's id, and but for a root its issuer's (RFC 5280 sections 4.2.1.1 and 4.2.1.2)."""
    extensions = certificate.extensions
    if extensions.subject_key_id is None:
        return "it has no subject key identifier"
    lacking = extensions.authority_key_id is None and not certificate.is_self_signed
    return "it has no authority key identifier" if lacking else None


def names_ocsp(certificate: Certificate) -> str | None:
    """It names the responder for its status (ISO 15118-2 annex F; RFC 5280 section 4.2.2.1)."""
    return None if certificate.ocsp_urls else "it names no OCSP responder"


def has_strong_key(certificate: Certificate) -> str | None:
    """The key is strong enough (OCPP 1.6 security whitepaper A00.FR.501, A00.FR.502)."""
    weakness = key_weakness(certificate.public_key)
    return None if weakness is None else f"it has {weakness}"


def lives_at_most(lifetime: timedelta) -> Objection:
    """It ends soon enough after its begin (ISO 15118-2 annex F; contract-exi.md section 3)."""

    def objection(certificate: Certificate) -> str | None:
        found = certificate.not_after - certificate.not_before
        return None if found <= lifetime else f"it is valid for {found.days} days; at most {lifetime.days} are usual"

    return objection


def _usage(certificate: Certificate) -> frozenset[KeyUsageBit]:
    return certificate.extensions.key_usage or frozenset()


def _words(bits: Iterable[KeyUsageBit]) -> str:
    """The names as RFC 5280 writes them, such as keyCertSign."""
    return ", ".join(_word(bit) for bit in sorted(bits, key=lambda bit: bit.value))


def _word(bit: KeyUsageBit) -> str:
    first, *others = bit.name.lower().split("_")
    return first + "".join(other.capitalize() for other in others).replace("Crl", "CRL")
