"""From an operator's document to the validated configuration; complaints are sentences."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from chainpilot.cpms.config.document import Document, ListenerInput, TrustInput
from chainpilot.cpms.config.material import Material, admit, read_text
from chainpilot.cpms.config.outward import ocsp_of
from chainpilot.cpms.config.pkis import pki_from
from chainpilot.cpms.config.settings import (
    ConfigError,
    CpmsConfig,
    DatabaseConfig,
    ListenerConfig,
    ServerCertificate,
    ServerConfig,
)
from chainpilot.cpms.config.trusting import local_cas, revocation, root_pool, webhook
from chainpilot.cpms.enrolment import Policy
from chainpilot.cpms.model import SecurityProfile
from chainpilot.cpms.trust import TrustPolicy
from chainpilot.pki.trust import LeafUse, TrustAnchors, TrustDomain

__all__ = ["config_from", "load_config"]

_WITHOUT_TLS: Final = {
    SecurityProfile.UNSECURED: "security profile 0 is insecure: without TLS and password anybody can pose as a station",
    SecurityProfile.BASIC: "security profile 1 is insecure: without TLS anybody on the way can read the passwords",
}


def load_config(path: Path, environ: Mapping[str, str]) -> CpmsConfig:
    """Read a TOML file; relative paths in it start at its folder. Raises ConfigError."""
    try:
        document = tomllib.loads(read_text(path, ""))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("", f"{path} is not TOML: {error}") from error
    return config_from(document, path.parent, environ)


def config_from(document: Mapping[str, object], folder: Path, environ: Mapping[str, str]) -> CpmsConfig:
    """Validate a document whose relative paths start at `folder`.

    A PKI's secrets come from the files that it names or from variables in `environ`, which win.
    Raises ConfigError.
    """
    try:
        given = Document.model_validate(document)
    except ValidationError as error:
        raise _first_complaint(error) from error
    return CpmsConfig(
        listeners=_listeners(given, folder),
        database=DatabaseConfig(folder / given.database.file),
        pkis={name: pki_from(name, pki, given.trust, Material(folder, environ)) for name, pki in given.pki.items()},
        issue=_issue(given),
        anchors=_anchors(given.trust, folder),
        server=ServerConfig(**given.server.model_dump()),
        policy=Policy(**given.policy.model_dump()),
        ocsp=ocsp_of(given.ocsp),
        allow_test_pki=given.trust.allow_test_pki,
        cas=local_cas(given, folder),
        trust=TrustPolicy(
            approve_cross_signed=given.trust.approve_cross_signed,
            withdraw_reported=given.trust.withdraw_reported,
        ),
        revocation=revocation(given),
        roots=root_pool(given, Material(folder, environ)),
        webhook=webhook(given, Material(folder, environ)),
    )


def _first_complaint(error: ValidationError) -> ConfigError:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    return ConfigError(key, first["msg"].removeprefix("Value error, "))


def _listeners(given: Document, folder: Path) -> tuple[ListenerConfig, ...]:
    listeners = tuple(_listener(one, given.trust, folder) for one in given.listener)
    names = [listener.name for listener in listeners]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError("listener", f"two listeners are named {twice}")
    return listeners


def _listener(given: ListenerInput, trust: TrustInput, folder: Path) -> ListenerConfig:
    key = f"listener.{given.name}.client_ca"
    profile = SecurityProfile(given.profile)
    _judge_secrecy(given, profile)
    if profile is SecurityProfile.MUTUAL_TLS and given.client_ca is None:
        raise ConfigError(key, "security profile 3 needs it: the CAs that may issue stations' client certificates")
    if profile is not SecurityProfile.MUTUAL_TLS and given.client_ca is not None:
        raise ConfigError(key, "only security profile 3 asks stations for a certificate")
    files = [given.client_ca] if given.client_ca else []
    return ListenerConfig(
        name=given.name,
        profile=profile,
        host=given.host,
        port=given.port,
        certificates=tuple(
            ServerCertificate(folder / certificate, folder / key)
            for certificate, key in zip(given.certificate, given.key, strict=True)
        ),
        static_rsa=given.static_rsa,
        client_anchors=admit(key, files, folder, allow_test_pki=trust.allow_test_pki),
    )


def _judge_secrecy(given: ListenerInput, profile: SecurityProfile) -> None:
    """Nobody gets a listener without TLS by a slip, or believes that one has TLS (A00.201, 206). Raises ConfigError."""
    listener = f"listener.{given.name}"
    if profile.has_tls:
        if given.allow_insecure:
            raise ConfigError(f"{listener}.allow_insecure", "this listener has TLS; only profiles 0 and 1 need it")
        if not given.certificate or len(given.certificate) != len(given.key):
            why = f"{len(given.certificate)} of certificate and {len(given.key)} of key; one or two pairs are needed"
            raise ConfigError(f"{listener}.certificate", why)
        return
    if not given.allow_insecure:
        why = (
            f"{_WITHOUT_TLS[profile]}; set allow_insecure = true on this listener "
            "if it can be reached from a trusted network or a VPN only"
        )
        raise ConfigError(f"{listener}.profile", why)
    named = next((name for name in ("certificate", "key", "static_rsa") if name in given.model_fields_set), None)
    if named is not None:
        raise ConfigError(f"{listener}.{named}", f"security profile {profile.value} has no TLS, which it would be for")


def _issue(given: Document) -> dict[LeafUse, str]:
    chosen = {LeafUse.V2G: given.issue.v2g, LeafUse.CSMS: given.issue.csms}
    for use, name in chosen.items():
        key = f"issue.{use.name.lower()}"
        if use is LeafUse.V2G and name in given.ca:
            raise ConfigError(key, f"[ca.{name}] is for stations' client certificates; SECC leaves come from a V2G PKI")
        if name is not None and name not in given.pki and name not in given.ca:
            raise ConfigError(key, f"there is no [pki.{name}]" + ("" if use is LeafUse.V2G else f" and no [ca.{name}]"))
    return {use: name for use, name in chosen.items() if name is not None}


def _anchors(given: TrustInput, folder: Path) -> dict[TrustDomain, TrustAnchors]:
    files = {
        TrustDomain.V2G: given.v2g,
        TrustDomain.MO: given.mo,
        TrustDomain.CSMS: given.csms,
        TrustDomain.MF: given.mf,
    }
    return {
        domain: admit(f"trust.{domain.name.lower()}", paths, folder, allow_test_pki=given.allow_test_pki)
        for domain, paths in files.items()
    }
