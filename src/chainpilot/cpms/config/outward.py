"""What the configuration says of places outside: OCSP responders."""

import ipaddress
import re
from typing import Final

from chainpilot.cpms.config.document import OcspInput
from chainpilot.cpms.config.settings import ConfigError, OcspConfig
from chainpilot.cpms.ocsp import HostPort, Targets, UrlRefused, host_and_port, place_of

__all__ = ["ocsp_of"]

_FINGERPRINT: Final = re.compile("[0-9a-f]{64}")


def ocsp_of(given: OcspInput) -> OcspConfig:
    """The validated section [ocsp]. Raises ConfigError."""
    responders = {_fingerprint(key): _url(key, url) for key, url in given.responders.items()}
    hosts = frozenset(_host(text) for text in given.allow_hosts)
    allowed = hosts | {place_of(url) for url in responders.values()}
    networks = tuple(_network(text) for text in given.allow_networks)
    return OcspConfig(Targets(allowed, responders), networks, given.timeout)


def _host(text: str) -> HostPort:
    place = host_and_port(text)
    if place is None:
        raise ConfigError("ocsp.allow_hosts", f"{text!a} is neither host nor host:port")
    return place


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        why = f"{text!a} is no network like 10.0.0.0/8: {error}"
        raise ConfigError("ocsp.allow_networks", why) from error


def _fingerprint(text: str) -> str:
    plain = text.lower().replace(":", "")
    if not _FINGERPRINT.fullmatch(plain):
        why = f"{text[:80]!a} is no SHA-256 fingerprint of an issuer's certificate (64 hex digits)"
        raise ConfigError("ocsp.responders", why)
    return plain


def _url(key: str, url: str) -> str:
    try:
        place_of(url)
    except UrlRefused as refused:
        raise ConfigError(f"ocsp.responders.{key}", refused.why) from refused
    return url
