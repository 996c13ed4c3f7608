"""The parts of the configuration about trust beyond the anchors' files: lists, root pools, webhooks, own CAs."""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

from chainpilot.cpms.config.document import CaInput, Document
from chainpilot.cpms.config.material import Material, admit
from chainpilot.cpms.config.settings import (
    ConfigError,
    KeyOnToken,
    LocalCaConfig,
    RevocationConfig,
    RootPoolConfig,
    ServerCertificate,
    WebhookConfig,
)
from chainpilot.pkcs11.reference import SCHEME, KeyUriError, read_uri
from chainpilot.pkcs11.settings import TokenSettings
from chainpilot.pki.trust import TrustAnchors, TrustDomain
from chainpilot.wire.est.oauth import MAX_TOKEN, is_bearer_token

__all__ = ["local_cas", "revocation", "root_pool", "webhook"]

_LEAST_SECRET: Final = 16
"""Characters; whoever guesses the secret may propose roots and report anchors revoked."""


def revocation(given: Document) -> RevocationConfig:
    """[revocation]."""
    section = given.revocation
    return RevocationConfig(section.policy, tuple(section.urls), tuple(section.allow_networks))


def root_pool(given: Document, material: Material) -> RootPoolConfig | None:
    """[roots]; None: no pool is asked. Raises ConfigError."""
    section = given.roots
    if section is None:
        return None
    token = material.secret("roots.token_file", section.token_file, "CHAINPILOT_ROOTS_TOKEN", most=MAX_TOKEN)
    if token and not is_bearer_token(token):
        why = "the token holds characters that no Bearer token has (RFC 6750 section 2.1)"
        raise ConfigError("roots.token_file", why)
    return RootPoolConfig(
        url=section.url,
        token=token,
        types=tuple(TrustDomain(one) for one in dict.fromkeys(section.types)),
        tls_anchors=_tls_anchors(section.tls_ca, material.folder, allow_test_pki=given.trust.allow_test_pki),
        hours=section.hours,
        timeout=section.timeout,
    )


def webhook(given: Document, material: Material) -> WebhookConfig | None:
    """[webhook]; None: nothing listens. Raises ConfigError."""
    section = given.webhook
    if section is None:
        return None
    secret = material.secret("webhook.secret_file", section.secret_file, "CHAINPILOT_WEBHOOK_SECRET")
    if len(secret) < _LEAST_SECRET:
        raise ConfigError("webhook.secret_file", f"a secret of at least {_LEAST_SECRET} characters is needed")
    if (section.certificate is None) != (section.key is None):
        raise ConfigError("webhook.certificate", "certificate and key go together")
    if section.certificate is None and not _is_loopback(section.host):
        raise ConfigError("webhook.certificate", "without TLS it listens on 127.0.0.1 or ::1 only, behind a proxy")
    pair = None
    if section.certificate is not None and section.key is not None:
        pair = ServerCertificate(material.folder / section.certificate, material.folder / section.key)
    return WebhookConfig(section.host, section.port, section.path, secret, pair)


def local_cas(given: Document, folder: Path) -> dict[str, LocalCaConfig]:
    """[ca.NAME]. Raises ConfigError."""
    twice = next((name for name in given.ca if name in given.pki), None)
    if twice is not None:
        raise ConfigError(f"ca.{twice}", f"there is a [pki.{twice}] too; [issue] must tell them apart")
    return {
        name: LocalCaConfig(
            name=name,
            certificate=folder / one.certificate,
            key=_ca_key(name, one, folder),
            days=one.days,
            crl_file=folder / one.crl_file if one.crl_file is not None else None,
            crl_days=one.crl_days,
            crl_url=one.crl_url,
        )
        for name, one in given.ca.items()
    }


def _ca_key(name: str, given: CaInput, folder: Path) -> Path | KeyOnToken:
    """A file, or a place on a token where a PKCS#11 URI (RFC 7512) stands. Raises ConfigError."""
    key, module = f"ca.{name}.key", given.pkcs11_module
    pin = folder / given.pin_file if given.pin_file is not None else None
    if not given.key.lower().startswith(SCHEME):
        if module is not None or pin is not None:
            raise ConfigError(key, f"pkcs11_module and pin_file go with a key that begins with {SCHEME}")
        return folder / given.key
    if "?" in given.key or "pin-value" in given.key.lower():
        raise ConfigError(key, "only token, id and object are read in a URI: use pkcs11_module and pin_file for more")
    if module is None:
        raise ConfigError(f"ca.{name}.pkcs11_module", "a key in a token needs the path of the vendor's library here")
    try:
        reference = read_uri(given.key)
    except KeyUriError as error:
        raise ConfigError(key, f"it {error.why}") from error
    if not reference.token:
        raise ConfigError(key, "the URI names no token")
    return KeyOnToken(TokenSettings(folder / module, reference.token, pin), reference)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls_anchors(file: Path | None, folder: Path, *, allow_test_pki: bool) -> TrustAnchors | None:
    """The CAs that the pool's server certificate must lead to; None: the system's. Raises ConfigError."""
    if file is None:
        return None
    anchors = admit("roots.tls_ca", [file], folder, allow_test_pki=allow_test_pki)
    if not len(anchors):
        raise ConfigError("roots.tls_ca", f"{file} holds no certificate")
    return anchors
