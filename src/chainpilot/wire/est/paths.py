"""Where an EST server keeps its operations: URL paths as templates, because the ecosystems differ.

The shapes in use are in est-opcp-ocsp.md section 2. Host and port are not handled here.
"""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Final

import msgspec

from chainpilot.errors import OwnError

__all__ = ["PRESETS", "RFC7030", "EstPaths", "Operation", "PathError", "PathTemplates", "Route", "routes"]

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
    """A template has a place for which no word was configured, or a word it has no place for."""

    def __init__(self, template: str, places: frozenset[str], given: frozenset[str]) -> None:
        words = ", ".join(sorted(places)) or "nothing"
        super().__init__(f"the path {template} wants {words}, not {', '.join(sorted(given)) or 'nothing'}")
        self.template = template
        self.places = places
        self.given = given


class EstPaths(msgspec.Struct, frozen=True):
    """The paths of one configured PKI, percent-encoded, with their query where they have one."""

    cacerts: str
    simpleenroll: str
    simplereenroll: str
    csrattrs: str


class PathTemplates(msgspec.Struct, frozen=True):
    """One shape of EST paths; words in braces are filled in by `fill`."""

    cacerts: str
    simpleenroll: str
    simplereenroll: str
    csrattrs: str

    def fill(self, **words: str) -> EstPaths:
        """The paths with `words` in their places.

        An empty word takes its slash with it, since RFC 7030's label is optional.

        Raises:
            PathError: a place without a word, or a word without a place.
        """
        return EstPaths(
            cacerts=_fill(self.cacerts, words),
            simpleenroll=_fill(self.simpleenroll, words),
            simplereenroll=_fill(self.simplereenroll, words),
            csrattrs=_fill(self.csrattrs, words),
        )


RFC7030: Final = PathTemplates(
    cacerts="/.well-known/est/{label}/cacerts",
    simpleenroll="/.well-known/est/{label}/simpleenroll",
    simplereenroll="/.well-known/est/{label}/simplereenroll",
    csrattrs="/.well-known/est/{label}/csrattrs",
)
"""RFC 7030 section 3.2.2; `label` is the additional path segment of a server with several CAs, or empty."""
PRESETS: Final[dict[str, PathTemplates]] = {"rfc7030": RFC7030}
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
    if places != frozenset(words):
        raise PathError(template, places, frozenset(words))
    path = template
    for place, word in words.items():
        old, new = (f"{{{place}}}", _percent_encoded(word)) if word else (f"/{{{place}}}", "")
        path = path.replace(old, new)
    return path


def _percent_encoded(word: str) -> str:
    return "".join(chr(octet) if octet in _UNRESERVED else f"%{octet:02X}" for octet in word.encode())
