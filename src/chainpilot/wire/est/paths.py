"""Where an EST server keeps its operations, and what it wants beside: templates, because the ecosystems differ.

The shapes in use are in est-opcp-ocsp.md section 2. Host and port are not handled here.
"""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

import msgspec

from chainpilot.errors import OwnError

__all__ = [
    "OPCP",
    "OPCP_SHORT",
    "OPNC",
    "PKCS7_MIME",
    "PRESETS",
    "RFC7030",
    "EstPaths",
    "Fields",
    "Operation",
    "PathError",
    "PathTemplates",
    "Route",
    "percent_encoded",
    "routes",
]

Fields = tuple[tuple[str, str], ...]
"""Header fields, names in Title-Case."""

PKCS7_MIME: Final = "application/pkcs7-mime"
"""The type of every answer with certificates (RFC 7030 sections 4.1.3 and 4.2.3)."""
_PKCS7: Final = "application/pkcs7"
"""What OPCP's servers may call it too; its interface description gives both words for the same answer."""

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""RFC 3986 section 2.3."""


class Operation(Enum):
    """The operations spoken here; values are RFC 7030's path words (section 3.2.2)."""

    CACERTS = "cacerts"
    SIMPLEENROLL = "simpleenroll"
    SIMPLEREENROLL = "simplereenroll"
    CSRATTRS = "csrattrs"


class PathError(OwnError):
    """A template has a place for which no word was configured, or a word has no place in any.

    Fields: `template` as written, empty for a word without a place; `places` it has; `given` words; `word` the one.
    """

    def __init__(self, template: str, places: frozenset[str], given: frozenset[str], word: str) -> None:
        words = ", ".join(sorted(places)) or "nothing"
        if template:
            said = f"the path {template} wants {words}, not {', '.join(sorted(given)) or 'nothing'}"
        else:
            said = f"no path has a place for {word}; there is one for {words}"
        super().__init__(said)
        self.template = template
        self.places = places
        self.given = given
        self.word = word


class EstPaths(msgspec.Struct, frozen=True):
    """The paths of one configured PKI, percent-encoded, with their query where they have one.

    An operation that its ecosystem doesn't have is empty.
    """

    cacerts: str
    simpleenroll: str
    simplereenroll: str = ""
    csrattrs: str = ""
    cacerts_fields: Fields = (("Accept", PKCS7_MIME),)
    """Header fields that cacerts is asked with."""
    enroll_accept: str = PKCS7_MIME
    """The Accept of simpleenroll and simplereenroll."""
    bag_types: frozenset[str] = frozenset({PKCS7_MIME})
    """Content types that an answer with certificates may have."""


class PathTemplates(msgspec.Struct, frozen=True):
    """One shape of EST; words in braces are filled in by `fill`. Beside the paths as in `EstPaths`."""

    cacerts: str
    simpleenroll: str
    simplereenroll: str = ""
    csrattrs: str = ""
    cacerts_fields: Fields = (("Accept", PKCS7_MIME),)
    enroll_accept: str = PKCS7_MIME
    bag_types: frozenset[str] = frozenset({PKCS7_MIME})

    @property
    def places(self) -> frozenset[str]:
        """The words that the paths have places for."""
        paths = (self.cacerts, self.simpleenroll, self.simplereenroll, self.csrattrs)
        return frozenset(place for path in paths for place in _PLACEHOLDER.findall(path))

    def fill(self, **words: str) -> EstPaths:
        """The paths with `words` in their places.

        An empty word takes its slash with it, since RFC 7030's label is optional.

        Raises:
            PathError: a place without a word, or a word without a place.
        """
        places = self.places
        idle = sorted(frozenset(words) - places)
        if idle:
            raise PathError("", places, frozenset(words), idle[0])
        return EstPaths(
            cacerts=_fill(self.cacerts, words),
            simpleenroll=_fill(self.simpleenroll, words),
            simplereenroll=_fill(self.simplereenroll, words),
            csrattrs=_fill(self.csrattrs, words),
            cacerts_fields=self.cacerts_fields,
            enroll_accept=self.enroll_accept,
            bag_types=self.bag_types,
        )


RFC7030: Final = PathTemplates(
    cacerts="/.well-known/est/{label}/cacerts",
    simpleenroll="/.well-known/est/{label}/simpleenroll",
    simplereenroll="/.well-known/est/{label}/simplereenroll",
    csrattrs="/.well-known/est/{label}/csrattrs",
)
"""RFC 7030 section 3.2.2; `label` is the additional path segment of a server with several CAs, or empty."""
_OPCP_FIELDS: Final = (
    ("Accept", f"application/pkcs10, {_PKCS7}"),
    ("Content-Transfer-Encoding", "application/pkcs10"),
)
"""Odd, and specified so: OPCP demands the second field of a request that has no body."""
OPCP: Final = PathTemplates(
    cacerts="/{ca}/cacerts/{iso}/{algorithm}/",
    simpleenroll="/.well-known/est/{ca}/simpleenroll/{iso}",
    cacerts_fields=_OPCP_FIELDS,
    enroll_accept=f"{PKCS7_MIME}, {_PKCS7}",
    bag_types=frozenset({PKCS7_MIME, _PKCS7}),
)
"""Hubject's Open Plug & Charge Protocol; it has neither simplereenroll nor csrattrs."""
OPCP_SHORT: Final = PathTemplates(
    cacerts="/{ca}/cacerts/{iso}",
    simpleenroll="/{ca}/simpleenroll/{iso}",
    cacerts_fields=_OPCP_FIELDS,
    enroll_accept=OPCP.enroll_accept,
    bag_types=OPCP.bag_types,
)
"""The same in the shape of Hubject's open test environment."""
OPNC: Final = PathTemplates(
    cacerts="/opnc/v1/pki/est/cacerts?caDomain={ca}&iso15118Version={iso}",
    simpleenroll="/opnc/v1/pki/est/simpleenroll?caDomain={ca}&iso15118Version={iso}",
)
"""A gateway of CharIN's Open Plug and Charge Network Communication."""
PRESETS: Final[dict[str, PathTemplates]] = {
    "rfc7030": RFC7030,
    "opcp": OPCP,
    "opcp-short": OPCP_SHORT,
    "opnc": OPNC,
}
"""The shapes by the names that configurations give them."""


class Route(msgspec.Struct, frozen=True):
    """What a path stands for at a server: an operation, and the label of the CA that does it."""

    operation: Operation
    label: str


def routes(templates: PathTemplates, labels: Iterable[str]) -> dict[str, Route]:
    """The same templates from the server's side: every path it answers."""
    table: dict[str, Route] = {}
    for label in labels:
        paths = templates.fill(label=label)
        table[paths.cacerts] = Route(Operation.CACERTS, label)
        table[paths.simpleenroll] = Route(Operation.SIMPLEENROLL, label)
        table[paths.simplereenroll] = Route(Operation.SIMPLEREENROLL, label)
        table[paths.csrattrs] = Route(Operation.CSRATTRS, label)
    return table


def _fill(template: str, words: dict[str, str]) -> str:
    places = frozenset(_PLACEHOLDER.findall(template))
    missing = sorted(places - frozenset(words))
    if missing:
        raise PathError(template, places, frozenset(words), missing[0])
    path = template
    for place in places:
        word = words[place]
        old, new = (f"{{{place}}}", percent_encoded(word)) if word else (f"/{{{place}}}", "")
        path = path.replace(old, new)
    return path


def percent_encoded(word: str) -> str:
    """The word with every octet that isn't unreserved written as %XX (RFC 3986 section 2.1)."""
    return "".join(chr(octet) if octet in _UNRESERVED else f"%{octet:02X}" for octet in word.encode())
