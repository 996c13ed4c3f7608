"""Profiles: what fits has no finding, each departure has the finding of its rule, and kinds are told apart."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from chainpilot.pki.keys import PrivateKey
from chainpilot.pki.profiles import (
    CONTRACT_LEAVES,
    CPS_LEAVES,
    CSMS_CLIENT_LEAF,
    CSMS_SERVER_LEAF,
    FIRMWARE_SIGNER,
    MAX_ISO2_BYTES,
    OCSP_SIGNER,
    PROVISIONING_LEAVES,
    ROOT_CA,
    SECC_LEAF,
    SECC_LEAVES,
    SUB_CA,
    V2G_ROOT_CA,
    V2G_SUB_CA,
    IsoEdition,
    Profile,
    Severity,
    contract_leaf_profile,
    edition_of,
    examine,
    lint,
    profiles_for,
    secc_leaf_profile,
    trust_domain_of,
)
from chainpilot.pki.trust import TrustDomain
from forge import BEGIN, Forged, forge, v2g_hierarchy

ISO_2, ISO_20 = IsoEdition.ISO_2, IsoEdition.ISO_20
V2G = v2g_hierarchy()
SIGNER_20 = forge("Sub2", key=ec.generate_private_key(ec.SECP521R1()), ca=True, digest=hashes.SHA512())
SIGNER_ED448 = forge("Sub2", key=ed448.Ed448PrivateKey.generate(), ca=True)
WEAK_KEY = rsa.generate_private_key(65537, 1024)

CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
CODE = (ExtendedKeyUsageOID.CODE_SIGNING,)
OCSP = (ExtendedKeyUsageOID.OCSP_SIGNING,)
ANY = (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)
Extension = tuple[x509.ExtensionType, bool]
ALTERNATIVE: Extension = (x509.SubjectAlternativeName([x509.DNSName("example.org")]), False)
RESPONDER: Extension = (
    x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example")
            )
        ]
    ),
    False,
)
NO_CHECK: Extension = (x509.OCSPNoCheck(), False)
OWN_KEY_ID: Extension = (x509.SubjectKeyIdentifier(b"own key"), False)

SECCID = "DEICES".ljust(40, "0")
EMAID = "DE8AACA2B3C4D5L"
PCID = "WVWZZZ1KZAW000123"
SIGNS = {"digital_signature": True}
SIGNS_CERTIFICATES = {**SIGNS, "key_cert_sign": True}
AGREES = {"key_agreement": True}
CONTRACT_USAGE = {**SIGNS, **AGREES, "content_commitment": True, "key_encipherment": True}
CERTIFIES = {"key_cert_sign": True, "crl_sign": True}


def padding(octets: int) -> Extension:
    """An extension nobody knows, which makes a certificate longer."""
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.1"), bytes(octets)), False


def subject(**attributes: str) -> x509.Name:
    """A name of these attributes, named as in NameOID."""
    return x509.Name([x509.NameAttribute(getattr(NameOID, name.upper()), value) for name, value in attributes.items()])


def _leaf(common_name: str, issuer: Forged, **given: Any) -> Callable[..., Forged]:
    def make(**changes: Any) -> Forged:
        arguments = {"common_name": common_name, "issuer": issuer, "extensions": (RESPONDER,), **given, **changes}
        return forge(**arguments)

    return make


def _in_20(common_name: str, **given: Any) -> Callable[..., Forged]:
    """Makes leaves of ISO 15118-20, each with a key of its own."""

    def make(**changes: Any) -> Forged:
        key = changes.pop("key", None) or ec.generate_private_key(ec.SECP521R1())
        digest = changes.pop("digest", hashes.SHA512())
        return _leaf(common_name, SIGNER_20, **given)(key=key, digest=digest, **changes)

    return make


FITTING: dict[Profile, Callable[..., Forged]] = {
    ROOT_CA: partial(forge, "Root", ca=True, domain="WEB"),
    SUB_CA: partial(forge, "Issuing", issuer=V2G.root, ca=True, domain="CSMS"),
    V2G_ROOT_CA: partial(forge, "V2G Root", ca=True, domain="V2G"),
    V2G_SUB_CA: partial(forge, "CPO Sub2", issuer=V2G.sub1, ca=True, path_length=0, extensions=(RESPONDER,)),
    SECC_LEAVES[ISO_2]: _leaf("DE*ICE*E1", V2G.sub2),
    SECC_LEAVES[ISO_20]: _in_20(SECCID),
    CONTRACT_LEAVES[ISO_2]: _leaf(EMAID, V2G.sub2, domain="MO", usage=CONTRACT_USAGE),
    CONTRACT_LEAVES[ISO_20]: _in_20(EMAID, domain="MO"),
    PROVISIONING_LEAVES[ISO_2]: _leaf(PCID, V2G.sub2, domain="OEM"),
    PROVISIONING_LEAVES[ISO_20]: _in_20(PCID, domain="OEM"),
    CPS_LEAVES[ISO_2]: _leaf("Provisioning Service", V2G.sub2, domain="CPS", usage=SIGNS),
    CPS_LEAVES[ISO_20]: _in_20("Provisioning Service", domain="CPS", usage=SIGNS),
    CSMS_CLIENT_LEAF: _leaf("CS-1", V2G.sub2, domain="CSMS", eku=CLIENT),
    CSMS_SERVER_LEAF: _leaf("csms.example.org", V2G.sub2, domain="CSMS", eku=SERVER),
    FIRMWARE_SIGNER: _leaf("Firmware", V2G.sub2, domain="MF", eku=CODE, usage=SIGNS),
    OCSP_SIGNER: _leaf("OCSP", V2G.sub2, eku=OCSP, usage=SIGNS, extensions=(NO_CHECK,)),
}
"""Of each profile, how to make a certificate that breaks none of its rules."""

P384 = ec.generate_private_key(ec.SECP384R1())
NO_OPERATOR = {"organization": None}
NOT_CRITICAL = {"usage_critical": False}
NO_KEY_IDS = {"key_ids": False}
NO_EXTENSIONS: dict[str, Any] = {"extensions": ()}
NOT_SMALL = {"extensions": (RESPONDER, padding(MAX_ISO2_BYTES))}
OPERATOR = {"organization_name": "Operator", "country_name": "DE"}
NAMELESS = {"subject": subject(country_name="DE", domain_component="CPO")}
IS_A_CA: dict[str, Any] = {"ca": True, "usage": SIGNS}

Departure = tuple[str, dict[str, Any]]
_CA: Sequence[Departure] = (
    ("ca", {"usage": {"crl_sign": True}}),
    ("ca-critical", {"ca": False, "usage": CERTIFIES, "extensions": ((x509.BasicConstraints(True, None), False),)}),
    ("key-usage-critical", NOT_CRITICAL),
    ("crl-sign", {"usage": {"key_cert_sign": True}}),
    ("key-ids", NO_KEY_IDS),
)
_V2G_CA: Sequence[Departure] = (
    *(departure for departure in _CA if departure[0] != "ca-critical"),
    ("organization", NO_OPERATOR),
    ("algorithm", {"key": P384}),
)
_ISO_LEAF: Sequence[Departure] = (
    ("key-usage", NOT_CRITICAL),
    ("key-ids", NO_KEY_IDS),
    ("organization", NO_OPERATOR),
)
_ISO_2_LEAF: Sequence[Departure] = (*_ISO_LEAF, ("algorithm", {"key": P384}), ("size", NOT_SMALL))
_ISO_20_LEAF: Sequence[Departure] = (
    *_ISO_LEAF,
    ("leaf", {**IS_A_CA}),
    ("algorithm", {"key": ec.generate_private_key(ec.SECP256R1())}),
    ("algorithm", {"digest": hashes.SHA256()}),
)
_SECC: Sequence[Departure] = (
    ("common-name", {"common_name": "CS-1"}),
    ("domain-component", {"domain": "MO"}),
    ("alternative-names", {"extensions": (RESPONDER, ALTERNATIVE)}),
    ("country", {"subject": subject(common_name=SECCID, organization_name="O", domain_component="CPO")}),
    ("ocsp-url", NO_EXTENSIONS),
)
_CONTRACT: Sequence[Departure] = (
    ("common-name", {"common_name": "CS-1"}),
    ("common-name", {"common_name": "DE-8AA-CA2B3C4D5-L"}),
    ("common-name", {"common_name": EMAID.lower()}),
    ("check-digit", {"common_name": "DE8AACA2B3C4D5N"}),
    ("domain-component", {"domain": "CPO"}),
    ("ocsp-url", NO_EXTENSIONS),
)
_PROVISIONING: Sequence[Departure] = (
    ("common-name", {"common_name": "Vehicle"}),
    ("domain-component", {"domain": "CPO"}),
)
_CPS: Sequence[Departure] = (
    ("common-name", {"subject": subject(**OPERATOR, domain_component="CPS")}),
    ("domain-component", {"domain": "CPO"}),
    ("ocsp-url", NO_EXTENSIONS),
)
DEPARTURES: dict[Profile, Sequence[Departure]] = {
    ROOT_CA: (*_CA, ("self-signed", {"issuer": V2G.root}), ("subject", NAMELESS), ("key-strength", {"key": WEAK_KEY})),
    SUB_CA: (*_CA, ("self-signed", {"issuer": None}), ("subject", NAMELESS), ("key-strength", {"key": WEAK_KEY})),
    V2G_ROOT_CA: (
        *_V2G_CA,
        ("self-signed", {"issuer": V2G.root}),
        ("ca-critical", {"ca": False, "usage": CERTIFIES, "extensions": ((x509.BasicConstraints(True, None), False),)}),
    ),
    V2G_SUB_CA: (
        *_V2G_CA,
        ("self-signed", {"issuer": None}),
        (
            "ca-critical",
            {"ca": False, "usage": CERTIFIES, "extensions": (RESPONDER, (x509.BasicConstraints(True, 0), False))},
        ),
        ("path-length", {"path_length": None}),
        ("key-ids", {"key_ids": False, "extensions": (RESPONDER, OWN_KEY_ID)}),
        ("ocsp-url", NO_EXTENSIONS),
        ("size", NOT_SMALL),
    ),
    SECC_LEAVES[ISO_2]: (*_ISO_2_LEAF, *_SECC, ("leaf", {**IS_A_CA}), ("leaf", {"usage": SIGNS_CERTIFICATES})),
    SECC_LEAVES[ISO_20]: (*_ISO_20_LEAF, *_SECC, ("common-name", {"common_name": "DE*ICE*E1"})),
    CONTRACT_LEAVES[ISO_2]: (
        *_ISO_2_LEAF,
        *_CONTRACT,
        ("leaf", {"ca": True}),
        ("key-usages", {"usage": SIGNS}),
        ("key-usages", {"usage": {**CONTRACT_USAGE, "data_encipherment": True}}),
        ("lifetime", {"end": BEGIN + timedelta(days=732)}),
    ),
    CONTRACT_LEAVES[ISO_20]: (*_ISO_20_LEAF, *_CONTRACT),
    PROVISIONING_LEAVES[ISO_2]: (
        *_ISO_2_LEAF,
        *_PROVISIONING,
        ("leaf", {"ca": True, "usage": {**SIGNS, **AGREES}}),
        ("key-usages", {"usage": SIGNS}),
    ),
    PROVISIONING_LEAVES[ISO_20]: (*_ISO_20_LEAF, *_PROVISIONING),
    CPS_LEAVES[ISO_2]: (
        *_ISO_2_LEAF,
        *_CPS,
        ("leaf", {**IS_A_CA}),
        ("key-usages", {"usage": {**SIGNS, **AGREES}}),
    ),
    CPS_LEAVES[ISO_20]: (*_ISO_20_LEAF, *_CPS),
    CSMS_CLIENT_LEAF: (
        ("leaf", {**IS_A_CA}),
        ("common-name", {"subject": subject(**OPERATOR)}),
        ("organization", NO_OPERATOR),
        ("key-usage", {"usage": AGREES}),
        ("extended-key-usage", {"eku": SERVER}),
        ("alternative-names", {"eku": (*CLIENT, *SERVER), "extensions": (ALTERNATIVE,)}),
        ("alternative-names", {"eku": (), "extensions": (ALTERNATIVE,)}),
        *(
            ("serial-number", {"common_name": name})
            for name in ("cs1.example.org", "https://cs1", "192.0.2.7", "2001:db8::7", "[2001:db8::7]", "cs.example:80")
        ),
        ("key-strength", {"key": WEAK_KEY}),
        ("key-ids", NO_KEY_IDS),
    ),
    CSMS_SERVER_LEAF: (
        ("leaf", {**IS_A_CA}),
        ("key-usage", {"usage": AGREES}),
        ("extended-key-usage", {"eku": CLIENT}),
        ("server-name", {"common_name": "CSMS"}),
        ("key-strength", {"key": WEAK_KEY}),
        ("key-ids", NO_KEY_IDS),
    ),
    FIRMWARE_SIGNER: (
        ("leaf", {**IS_A_CA}),
        ("key-usage", {"usage": AGREES}),
        ("extended-key-usage", {"eku": SERVER}),
        ("key-strength", {"key": WEAK_KEY}),
        ("key-usage-critical", NOT_CRITICAL),
        ("organization", NO_OPERATOR),
        ("key-ids", NO_KEY_IDS),
    ),
    OCSP_SIGNER: (
        ("leaf", {**IS_A_CA}),
        ("extended-key-usage", {"eku": ()}),
        ("extended-key-usage", {"eku": ANY}),
        ("key-usage", {"usage": AGREES}),
        ("own-status", NO_EXTENSIONS),
        ("key-strength", {"key": WEAK_KEY}),
    ),
}
"""Of each profile, what to change so that only that rule is broken."""


def _broken(profile: Profile, changes: dict[str, Any]) -> list[str]:
    findings = examine(FITTING[profile](**changes).certificate, profile)
    assert all(finding.detail for finding in findings)
    return [finding.rule for finding in findings]


@pytest.mark.parametrize("profile", FITTING, ids=lambda profile: profile.name)
def test_what_fits_has_no_finding(profile: Profile) -> None:
    assert _broken(profile, {}) == []


@pytest.mark.parametrize(
    ("profile", "rule", "changes"),
    [
        pytest.param(profile, rule, changes, id=f"{profile.name}: {rule}")
        for profile, departures in DEPARTURES.items()
        for rule, changes in departures
    ],
)
def test_a_departure_has_the_finding_of_its_rule_alone(profile: Profile, rule: str, changes: dict[str, Any]) -> None:
    assert _broken(profile, changes) == [rule]


@pytest.mark.parametrize("profile", [V2G_ROOT_CA, V2G_SUB_CA])
def test_a_ca_without_a_name_lacks_an_operator_as_well(profile: Profile) -> None:
    assert _broken(profile, NAMELESS) == ["subject", "organization"]


def test_every_rule_of_every_profile_has_a_departure() -> None:
    told = {(profile.name, rule) for profile, departures in DEPARTURES.items() for rule, _ in departures}
    told |= {(profile.name, "subject") for profile in (V2G_ROOT_CA, V2G_SUB_CA)}
    assert told == {(profile.name, rule.name) for profile in FITTING for rule in profile.rules}
    assert FITTING.keys() == DEPARTURES.keys()


@pytest.mark.parametrize("profile", FITTING, ids=lambda profile: profile.name)
def test_rules_are_told_apart_by_their_names(profile: Profile) -> None:
    names = [rule.name for rule in profile.rules]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("profile", "changes"),
    [
        (SECC_LEAF, {"common_name": SECCID}),
        (SECC_LEAVES[ISO_20], {"key": ed448.Ed448PrivateKey.generate()}),
        (SECC_LEAVES[ISO_20], {"issuer": SIGNER_ED448}),
        (CONTRACT_LEAVES[ISO_2], {"common_name": "DE8AACA2B3C4D5"}),
        (CONTRACT_LEAVES[ISO_2], {"end": BEGIN + timedelta(days=731)}),
        (PROVISIONING_LEAVES[ISO_2], {"common_name": f"{PCID}4"}),
        (V2G_ROOT_CA, {"key": ed448.Ed448PrivateKey.generate()}),
        (V2G_ROOT_CA, {"extensions": (padding(MAX_ISO2_BYTES),)}),
        (V2G_ROOT_CA, {"key_ids": False, "extensions": (OWN_KEY_ID,)}),
        (CSMS_CLIENT_LEAF, {"eku": ()}),
        (CSMS_CLIENT_LEAF, {"eku": ANY}),
        (CSMS_CLIENT_LEAF, {"eku": (*CLIENT, *SERVER)}),
        (CSMS_CLIENT_LEAF, {"extensions": (ALTERNATIVE,)}),
        (CSMS_CLIENT_LEAF, {"common_name": "SN.0815:3"}),
        (CSMS_SERVER_LEAF, {"common_name": "CSMS", "extensions": (ALTERNATIVE,)}),
        (CSMS_SERVER_LEAF, {"common_name": "192.0.2.7"}),
        (FIRMWARE_SIGNER, {"eku": ()}),
        (OCSP_SIGNER, {"extensions": (RESPONDER,)}),
    ],
)
def test_what_is_allowed_has_no_finding(profile: Profile, changes: dict[str, Any]) -> None:
    assert _broken(profile, changes) == []


def test_an_ed25519_signature_is_none_of_iso_15118_20() -> None:
    issuer = forge("Sub2", key=ed25519.Ed25519PrivateKey.generate(), ca=True)
    assert _broken(SECC_LEAVES[ISO_20], {"issuer": issuer}) == ["algorithm"]


@pytest.mark.parametrize(("size", "rules"), [(799, []), (800, []), (801, ["size"])])
def test_a_leaf_of_iso_15118_2_has_at_most_800_bytes(size: int, rules: list[str]) -> None:
    forged = FITTING[SECC_LEAF](extensions=(RESPONDER, padding(100)))
    octets = 100
    while (missing := size - len(forged.certificate.der)) != 0:  # ECDSA signatures differ by a few bytes
        octets += missing
        forged = FITTING[SECC_LEAF](extensions=(RESPONDER, padding(octets)))
    assert [finding.rule for finding in examine(forged.certificate, SECC_LEAF)] == rules


def test_lint_tells_only_what_must_hold() -> None:
    certificate = FITTING[SECC_LEAF](extensions=(ALTERNATIVE,), key_ids=False, domain="MO").certificate
    must, should = Severity.MUST, Severity.SHOULD
    told = [(finding.rule, finding.severity) for finding in examine(certificate, SECC_LEAF)]
    assert told == [
        ("domain-component", must),
        ("alternative-names", must),
        ("key-ids", should),
        ("ocsp-url", should),
    ]
    assert [finding.rule for finding in lint(certificate, SECC_LEAF)] == ["domain-component", "alternative-names"]


def test_what_only_should_hold_is_told_and_refuses_nothing() -> None:
    advice = {
        profile.name: {rule.name for rule in profile.rules if rule.severity is Severity.SHOULD} for profile in FITTING
    }
    of_cas = {"ca-critical", "key-usage-critical", "crl-sign", "key-ids", "key-strength"}
    of_v2g_cas = {"ca-critical", "key-usage-critical", "crl-sign", "key-ids", "organization", "algorithm"}
    of_leaves = {"organization", "key-usages", "size", "key-ids"}
    assert advice == {
        ROOT_CA.name: of_cas,
        SUB_CA.name: of_cas,
        SECC_LEAF.name: {"country", "key-ids", "ocsp-url", "size"},
        CSMS_CLIENT_LEAF.name: {"serial-number", "key-strength", "key-ids"},
        CSMS_SERVER_LEAF.name: {"server-name", "key-strength", "key-ids"},
        CONTRACT_LEAVES[ISO_2].name: {*of_leaves, "ocsp-url", "domain-component", "check-digit", "lifetime"},
        PROVISIONING_LEAVES[ISO_2].name: {*of_leaves, "domain-component"},
        CPS_LEAVES[ISO_2].name: {*of_leaves, "ocsp-url"},
        FIRMWARE_SIGNER.name: {"key-usage-critical", "organization", "key-ids"},
        OCSP_SIGNER.name: {"key-usage", "own-status", "key-strength"},
        V2G_ROOT_CA.name: of_v2g_cas,
        V2G_SUB_CA.name: {*of_v2g_cas, "path-length", "ocsp-url", "size"},
        SECC_LEAVES[ISO_20].name: {"country", "key-ids", "ocsp-url"},
        CONTRACT_LEAVES[ISO_20].name: {"domain-component", "check-digit", "organization", "key-ids", "ocsp-url"},
        PROVISIONING_LEAVES[ISO_20].name: {"domain-component", "organization", "key-ids"},
        CPS_LEAVES[ISO_20].name: {"organization", "key-ids", "ocsp-url"},
    }


@pytest.mark.parametrize(
    ("key", "edition"),
    [
        (ec.generate_private_key(ec.SECP256R1()), ISO_2),
        (ec.generate_private_key(ec.SECP384R1()), ISO_2),
        (ec.generate_private_key(ec.SECP521R1()), ISO_20),
        (ed448.Ed448PrivateKey.generate(), ISO_20),
        (ed25519.Ed25519PrivateKey.generate(), ISO_2),
        (WEAK_KEY, ISO_2),
    ],
)
def test_the_key_tells_the_edition(key: PrivateKey, edition: IsoEdition) -> None:
    certificate = forge(SECCID, key=key).certificate
    assert edition_of(certificate.public_key) is edition
    assert secc_leaf_profile(certificate) is SECC_LEAVES[edition]
    assert contract_leaf_profile(certificate) is CONTRACT_LEAVES[edition]


@pytest.mark.parametrize("profile", FITTING, ids=lambda profile: profile.name)
def test_a_certificate_that_fits_is_recognised(profile: Profile) -> None:
    assert profiles_for(FITTING[profile]().certificate) == (profile,)


@pytest.mark.parametrize(
    ("forged", "profiles"),
    [
        (forge("DE*ICE*E1", domain="example"), (SECC_LEAVES[ISO_2],)),
        (forge(SECCID, domain="example"), (SECC_LEAVES[ISO_2],)),
        (forge(EMAID, domain="example"), (CONTRACT_LEAVES[ISO_2],)),
        (forge(PCID, domain="example"), (PROVISIONING_LEAVES[ISO_2],)),
        (forge("DEICEE12345678", domain="example"), (SECC_LEAVES[ISO_2], CONTRACT_LEAVES[ISO_2])),
        (forge("WVWZZE1KZAW000123", domain="example"), (SECC_LEAVES[ISO_2], PROVISIONING_LEAVES[ISO_2])),
        (forge("DE*ICE*E1", domain="example", eku=CLIENT), (CSMS_CLIENT_LEAF,)),
        (forge("CS-1", domain="CPO"), (SECC_LEAVES[ISO_2],)),
        (forge("CS-1", domain="cpo"), (SECC_LEAVES[ISO_2],)),
        (forge("CS-1", domain="CPO", eku=CLIENT), (CSMS_CLIENT_LEAF,)),
        (forge("CS-1", domain="CSMS"), (CSMS_CLIENT_LEAF, CSMS_SERVER_LEAF)),
        (forge("CS-1", domain="example", extensions=(ALTERNATIVE,)), (CSMS_SERVER_LEAF, CSMS_CLIENT_LEAF)),
        (forge("csms", domain="example", eku=SERVER), (CSMS_SERVER_LEAF,)),
        (forge("Nobody", subject=subject(organization_name="O")), (CSMS_CLIENT_LEAF, CSMS_SERVER_LEAF)),
        (forge("OCSP", domain="CPO", eku=OCSP), (OCSP_SIGNER,)),
        (forge("Firmware", domain="MF"), (FIRMWARE_SIGNER,)),
        (forge("Firmware", domain="example", eku=CODE), (FIRMWARE_SIGNER,)),
        (forge(EMAID, domain="MO", eku=CLIENT), (CONTRACT_LEAVES[ISO_2],)),
        (forge("Root", ca=True, domain="MF"), (ROOT_CA,)),
        (forge("Root", ca=True, domain="CPO", eku=OCSP), (V2G_ROOT_CA,)),
        (forge("V2G Root", V2G.root, ca=True, domain="V2G"), (V2G_SUB_CA,)),
    ],
)
def test_kinds_are_told_by_purpose_then_component_then_name(forged: Forged, profiles: tuple[Profile, ...]) -> None:
    assert profiles_for(forged.certificate) == profiles


@pytest.mark.parametrize(
    ("forged", "domain"),
    [
        (V2G.root, TrustDomain.V2G),
        (V2G.sub2, TrustDomain.V2G),
        (V2G.leaf, TrustDomain.V2G),
        (forge("Service", domain="CPS"), TrustDomain.V2G),
        (forge("Root", ca=True, domain="MO"), TrustDomain.MO),
        (forge("Root", ca=True, domain="CSMS"), TrustDomain.CSMS),
        (forge("Root", ca=True, domain="OEM"), None),
        (forge(PCID, domain="OEM"), None),
        (forge(EMAID, domain="example"), TrustDomain.MO),
        (forge("CS-1", domain="example"), TrustDomain.CSMS),
        (forge("Firmware", domain="example", eku=CODE), TrustDomain.MF),
        (forge("OCSP", domain="example", eku=OCSP), None),
    ],
)
def test_the_trust_domain_is_that_of_the_component_else_of_the_kind(forged: Forged, domain: TrustDomain | None) -> None:
    assert trust_domain_of(forged.certificate) is domain


def test_a_name_from_outside_is_quoted_in_a_finding() -> None:
    certificate = FITTING[SECC_LEAF](common_name="CS\n1").certificate
    (finding,) = lint(certificate, SECC_LEAF)
    assert "\n" not in finding.detail
