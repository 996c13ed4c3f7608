"""The parts of the configuration about trust beyond the anchors' files: lists, root pools, webhooks, own CAs."""

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from chainpilot.cpms.config.document import Document
from chainpilot.cpms.config.files import read_secret, tls_anchors
from chainpilot.cpms.config.settings import (
    ConfigError,
    LocalCaConfig,
    RevocationConfig,
    RootPoolConfig,
    ServerCertificate,
    WebhookConfig,
)
from chainpilot.pki.trust import TrustDomain

__all__ = ["local_cas", "revocation", "root_pool", "webhook"]

_LEAST_SECRET: Final = 16
"""Characters; whoever guesses the secret may propose roots and report anchors revoked."""


def revocation(given: Document) -> RevocationConfig:
    """[revocation]."""
    section = given.revocation
    return RevocationConfig(section.policy, tuple(section.urls), tuple(section.allow))


def root_pool(given: Document, folder: Path, environ: Mapping[str, str]) -> RootPoolConfig | None:
    """[roots]; None: no pool is asked. Raises ConfigError."""
    section = given.roots
    if section is None:
        return None
    return RootPoolConfig(
        url=section.url,
        token=read_secret("roots.token_file", section.token_file, folder, environ, "CHAINPILOT_ROOTS_TOKEN"),
        types=tuple(TrustDomain(one) for one in dict.fromkeys(section.types)),
        tls_anchors=tls_anchors("roots.tls_ca", section.tls_ca, folder, allow_test_pki=given.trust.allow_test_pki),
        hours=section.hours,
        timeout=section.timeout,
    )


def webhook(given: Document, folder: Path, environ: Mapping[str, str]) -> WebhookConfig | None:
    """[webhook]; None: nothing listens. Raises ConfigError."""
    section = given.webhook
    if section is None:
        return None
    secret = read_secret("webhook.secret_file", section.secret_file, folder, environ, "CHAINPILOT_WEBHOOK_SECRET")
    if len(secret) < _LEAST_SECRET:
        raise ConfigError("webhook.secret_file", f"a secret of at least {_LEAST_SECRET} characters is needed")
    if (section.certificate is None) != (section.key is None):
        raise ConfigError("webhook.certificate", "certificate and key go together")
    if section.certificate is None and not _is_loopback(section.host):
        raise ConfigError("webhook.certificate", "without TLS it listens on 127.0.0.1 or ::1 only, behind a proxy")
    pair = None
    if section.certificate is not None and section.key is not None:
        pair = ServerCertificate(folder / section.certificate, folder / section.key)
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
            key=folder / one.key,
            days=one.days,
            crl_file=folder / one.crl_file if one.crl_file is not None else None,
            crl_days=one.crl_days,
            crl_url=one.crl_url,
        )
        for name, one in given.ca.items()
    }


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
