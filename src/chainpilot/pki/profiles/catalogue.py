"""The profiles: what certificates of each kind must and should look like, line by line."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from chainpilot.pki.extensions import EkuOid, KeyUsageBit
from chainpilot.pki.profiles import edition as editions
from chainpilot.pki.profiles import naming, objections
from chainpilot.pki.profiles.edition import IsoEdition
from chainpilot.pki.profiles.linter import Objection, Profile, Rule, Severity
from chainpilot.pki.trust import TrustDomain

__all__ = [
    "CODE_SIGNING_OID",
    "CONTRACT_LEAVES",
    "CPS_LEAVES",
    "CSMS_CLIENT_LEAF",
    "CSMS_SERVER_LEAF",
    "FIRMWARE_SIGNER",
    "OCSP_SIGNER",
    "PROVISIONING_LEAVES",
    "ROOT_CA",
    "SECC_LEAF",
    "SECC_LEAVES",
    "SUB_CA",
    "V2G_ROOT_CA",
    "V2G_SUB_CA",
]

CODE_SIGNING_OID: Final = "1.3.6.1.5.5.7.3.3"
"""RFC 5280 section 4.2.1.12."""
_TWO_YEARS: Final = timedelta(days=731)
"""What a contract leaf lives at most (contract-exi.md section 3), a leap day included."""
_CONTRACT_USAGES: Final = (
    KeyUsageBit.DIGITAL_SIGNATURE,
    KeyUsageBit.NON_REPUDIATION,
    KeyUsageBit.KEY_ENCIPHERMENT,
    KeyUsageBit.KEY_AGREEMENT,
)
_PROVISIONING_USAGES: Final = (KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_AGREEMENT)
_CPS_USAGES: Final = (KeyUsageBit.DIGITAL_SIGNATURE,)
_WORDS: Final = {IsoEdition.ISO_2: "ISO 15118-2", IsoEdition.ISO_20: "ISO 15118-20"}


def _should(rule: str, objection: Objection) -> Rule:
    return Rule(rule, objection, Severity.SHOULD)


_CA: Final = Rule("ca", objections.is_ca)
_SUBJECT: Final = Rule("subject", naming.has_subject)
_LEAF: Final = Rule("leaf", objections.is_leaf)
_SIGNS: Final = Rule("key-usage", objections.signs_critically)
_IS_STRONG: Final = _should("key-strength", objections.has_strong_key)
_HAS_KEY_IDS: Final = _should("key-ids", objections.has_key_ids)
_NAMES_OCSP: Final = _should("ocsp-url", objections.names_ocsp)
_NAMES_OPERATOR: Final = _should("organization", naming.has_organization)
_IS_CRITICAL: Final = _should("key-usage-critical", objections.has_critical_key_usage)
_IS_SMALL: Final = _should("size", editions.is_small)
_LIVES_SHORTLY: Final = _should("lifetime", objections.lives_at_most(_TWO_YEARS))

_ROOT: Final = (_CA, Rule("self-signed", objections.is_root), _SUBJECT)
_SUB: Final = (_CA, Rule("self-signed", objections.is_not_root), _SUBJECT)
_CA_ADVICE: Final = (
    _should("ca-critical", objections.has_critical_constraints),
    _IS_CRITICAL,
    _should("crl-sign", objections.signs_crls),
    _HAS_KEY_IDS,
)
_V2G_CA_ADVICE: Final = (*_CA_ADVICE, _NAMES_OPERATOR, _should("algorithm", editions.fits_edition))

ROOT_CA: Final = Profile("root CA", (*_ROOT, *_CA_ADVICE, _IS_STRONG))
SUB_CA: Final = Profile("sub-CA", (*_SUB, *_CA_ADVICE, _IS_STRONG))
V2G_ROOT_CA: Final = Profile("root CA (ISO 15118)", (*_ROOT, *_V2G_CA_ADVICE))
V2G_SUB_CA: Final = Profile(
    "sub-CA (ISO 15118)",
    (*_SUB, *_V2G_CA_ADVICE, _should("path-length", objections.has_path_length), _NAMES_OCSP, _IS_SMALL),
)


def _secc(edition: IsoEdition) -> Profile:
    """ISO 15118-2 takes an EVSEID or a SECCID as common name, ISO 15118-20 a SECCID alone; all else is the same."""
    named = naming.names_secc if edition is IsoEdition.ISO_2 else naming.names_seccid
    rules = (
        _LEAF,
        Rule("common-name", named),
        Rule("organization", naming.has_organization),
        Rule("domain-component", naming.has_domain("CPO")),
        _SIGNS,
        Rule("alternative-names", objections.has_no_alternative_names),
        Rule("algorithm", editions.keeps_to(edition)),
        _should("country", naming.has_country),
        *_in_iso_2(edition, _IS_SMALL),
        _HAS_KEY_IDS,
        _NAMES_OCSP,
    )
    return Profile(f"SECC leaf ({_WORDS[edition]})", rules, TrustDomain.V2G)


def _contract(edition: IsoEdition) -> Profile:
    rules = (
        _LEAF,
        Rule("common-name", naming.names_contract),
        _SIGNS,
        Rule("algorithm", editions.keeps_to(edition)),
        _should("domain-component", naming.has_domain("MO")),
        _should("check-digit", naming.check_digit_is_right),
        _NAMES_OPERATOR,
        *_in_iso_2(edition, _usages(_CONTRACT_USAGES), _LIVES_SHORTLY, _IS_SMALL),
        _HAS_KEY_IDS,
        _NAMES_OCSP,
    )
    return Profile(f"contract leaf ({_WORDS[edition]})", rules, TrustDomain.MO)


def _provisioning(edition: IsoEdition) -> Profile:
    rules = (
        _LEAF,
        Rule("common-name", naming.names_vehicle),
        _SIGNS,
        Rule("algorithm", editions.keeps_to(edition)),
        _should("domain-component", naming.has_domain("OEM")),
        _NAMES_OPERATOR,
        *_in_iso_2(edition, _usages(_PROVISIONING_USAGES), _IS_SMALL),
        _HAS_KEY_IDS,
    )
    return Profile(f"OEM provisioning leaf ({_WORDS[edition]})", rules)


def _cps(edition: IsoEdition) -> Profile:
    """Its domain component must hold: it is all that tells who may sign contract data from any other V2G leaf."""
    rules = (
        _LEAF,
        Rule("common-name", naming.has_common_name),
        Rule("domain-component", naming.has_domain("CPS")),
        _SIGNS,
        Rule("algorithm", editions.keeps_to(edition)),
        _NAMES_OPERATOR,
        *_in_iso_2(edition, _usages(_CPS_USAGES), _IS_SMALL),
        _HAS_KEY_IDS,
        _NAMES_OCSP,
    )
    return Profile(f"certificate provisioning service's leaf ({_WORDS[edition]})", rules, TrustDomain.V2G)


def _in_iso_2(edition: IsoEdition, *rules: Rule) -> tuple[Rule, ...]:
    """Rules we know of ISO 15118-2 only; whether ISO 15118-20 has them too is open, so nobody is told."""
    return rules if edition is IsoEdition.ISO_2 else ()


def _usages(wanted: Iterable[KeyUsageBit]) -> Rule:
    return _should("key-usages", objections.usages_are(wanted))


SECC_LEAVES: Final = {edition: _secc(edition) for edition in IsoEdition}
CONTRACT_LEAVES: Final = {edition: _contract(edition) for edition in IsoEdition}
PROVISIONING_LEAVES: Final = {edition: _provisioning(edition) for edition in IsoEdition}
CPS_LEAVES: Final = {edition: _cps(edition) for edition in IsoEdition}
SECC_LEAF: Final = SECC_LEAVES[IsoEdition.ISO_2]

CSMS_CLIENT_LEAF: Final = Profile(
    "station's client certificate (OCPP security profile 3)",
    (
        _LEAF,
        Rule("common-name", naming.has_common_name),
        Rule("organization", naming.has_organization),
        _SIGNS,
        Rule("extended-key-usage", objections.may_be_used_for(EkuOid.CLIENT_AUTH.value, "client_auth")),
        Rule("alternative-names", objections.poses_as_no_server),
        _should("serial-number", naming.names_no_host),
        _IS_STRONG,
        _HAS_KEY_IDS,
    ),
    TrustDomain.CSMS,
)
CSMS_SERVER_LEAF: Final = Profile(
    "CSMS's server certificate",
    (
        _LEAF,
        _SIGNS,
        Rule("extended-key-usage", objections.may_be_used_for(EkuOid.SERVER_AUTH.value, "server_auth")),
        _should("server-name", naming.names_server),
        _IS_STRONG,
        _HAS_KEY_IDS,
    ),
    TrustDomain.CSMS,
)
FIRMWARE_SIGNER: Final = Profile(
    "manufacturer's firmware signing certificate",
    (
        _LEAF,
        Rule("key-usage", objections.signs),
        Rule("extended-key-usage", objections.may_be_used_for(CODE_SIGNING_OID, "code_signing")),
        Rule("key-strength", objections.has_strong_key),
        _IS_CRITICAL,
        _NAMES_OPERATOR,
        _HAS_KEY_IDS,
    ),
    TrustDomain.MF,
)
OCSP_SIGNER: Final = Profile(
    "OCSP responder's certificate",
    (
        _LEAF,
        Rule("extended-key-usage", objections.signs_ocsp),
        _should("key-usage", objections.signs),
        _should("own-status", objections.is_exempt_from_ocsp),
        _IS_STRONG,
    ),
)
