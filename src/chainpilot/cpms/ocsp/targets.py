"""Which responders may be asked: the URL comes from a station, so it is believed in nothing but the choice.

The rules (est-opcp-ocsp.md section 3):

1. What the operator set for an issuer is asked, whatever the station says.
2. Else the URL the station names, if its scheme is http or https, it has no login and no fragment, and its host and
   port are those of a responder that a certificate of a CA we know names, or are allowed in the configuration.
3. A station that names none is answered from what the operator set alone.

Which address a name resolves to is judged by whoever connects.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from chainpilot.cpms.model import Reason
from chainpilot.errors import PeerError
from chainpilot.pki.certificate import Certificate

__all__ = ["HostPort", "Targets", "UrlRefused", "host_and_port", "place_of"]

_PORTS: Final = {"http": 80, "https": 443}
_SHOWN: Final = 100
"""Characters of a stranger's URL that a sentence shows."""

HostPort = tuple[str, int]
"""A host in lower case without a dot at its end, and a port."""


class UrlRefused(PeerError):
    """A responder's URL is not asked. Fields: `reason` its code, `why` a sentence."""

    def __init__(self, reason: Reason, why: str) -> None:
        super().__init__(why)
        self.reason = reason
        self.why = why


@dataclass(frozen=True, slots=True)
class Targets:
    """The operator's part of the rules."""

    allowed: frozenset[HostPort] = frozenset()
    """Beyond those that certificates name; port 0 stands for both of HTTP's."""
    by_issuer: Mapping[str, str] = field(default_factory=dict)
    """URLs by the issuer's fingerprint, lower-case hex SHA-256 of its certificate."""

    def url(self, named: str | None, issuer: Certificate, known: Iterable[Certificate]) -> str:
        """The URL to ask about what `issuer` issued.

        Args:
            named: what the station said.
            issuer: of the certificate in question.
            known: the CAs whose certificates' responders may be asked.

        Raises:
            UrlRefused: none of the rules gives one.
        """
        fixed = self.by_issuer.get(issuer.fingerprint)
        if fixed is not None:
            return fixed
        if named is None:
            why = f"the station names no responder for {issuer.subject}, and [ocsp.responders] has none"
            raise UrlRefused(Reason.OCSP_NO_RESPONDER, why)
        place = place_of(named)
        if place in self.allowed or (place[0], 0) in self.allowed or place in _named_by(known):
            return named
        why = f"no CA we know names {place[0]}:{place[1]}; allow it in [ocsp] allow_hosts if it is the responder"
        raise UrlRefused(Reason.OCSP_RESPONDER_NOT_ALLOWED, why)


def place_of(url: str) -> HostPort:
    """Host and port of a responder's URL. Raises UrlRefused: it is none that may be asked."""
    parts = _split(url)
    if parts is None or parts.scheme not in _PORTS or not parts.hostname:
        raise UrlRefused(Reason.OCSP_RESPONDER_NOT_ALLOWED, f"{url[:_SHOWN]!a} is no http or https URL")
    if "@" in parts.netloc or parts.fragment:
        raise UrlRefused(Reason.OCSP_RESPONDER_NOT_ALLOWED, "the responder's URL has a login or a fragment")
    return _host(parts.hostname), _port(parts) or _PORTS[parts.scheme]


def host_and_port(text: str) -> HostPort | None:
    """What an operator writes, `host` or `host:port` (an IPv6 address in brackets); None when it is neither."""
    parts = _split(f"//{text}")
    is_plain = parts is not None and not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    if parts is None or not is_plain or not parts.hostname or text.endswith(":"):
        return None
    return _host(parts.hostname), _port(parts) or 0


def _named_by(known: Iterable[Certificate]) -> frozenset[HostPort]:
    places = set()
    for certificate in known:
        for url in certificate.ocsp_urls:
            try:
                places.add(place_of(url))
            except UrlRefused:
                continue  # what isn't to be asked allows nothing
    return frozenset(places)


def _split(url: str) -> SplitResult | None:
    if not url.isascii() or any(letter.isspace() or not letter.isprintable() for letter in url):
        return None
    try:
        parts = urlsplit(url)
        _port(parts)
    except ValueError:
        return None
    return parts


def _port(parts: SplitResult) -> int | None:
    if parts.port == 0:
        raise ValueError("nobody listens on port 0")
    return parts.port


def _host(name: str) -> str:
    return name.lower().removesuffix(".")
