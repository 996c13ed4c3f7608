"""What a station's certificate may give its holder, asked for or issued: nothing beyond its use."""

from collections.abc import Mapping
from typing import Final

from chainpilot.pki.extensions import EkuOid, Extensions, KeyUsageBit
from chainpilot.pki.trust import LeafUse

__all__ = ["excess"]

_PURPOSES: Final[Mapping[LeafUse, frozenset[str]]] = {
    LeafUse.V2G: frozenset({EkuOid.CLIENT_AUTH.value, EkuOid.SERVER_AUTH.value}),
    LeafUse.CSMS: frozenset({EkuOid.CLIENT_AUTH.value}),
}
"""Extended key usages: an SECC is the vehicle's server; a client must not pose as the CSMS."""
_SIGNING: Final = frozenset({KeyUsageBit.KEY_CERT_SIGN, KeyUsageBit.CRL_SIGN})


def excess(given: Extensions, use: LeafUse) -> str | None:
    """What goes beyond the use, as the rest of a sentence that begins with who asks for it or has it."""
    if given.has_alternative_names:
        return "alternative names; a station has none"
    if given.is_ca or _SIGNING & (given.key_usage or frozenset()):
        return "the rights of a CA"
    foreign = sorted((given.extended_key_usage or frozenset()) - _PURPOSES[use])
    return f"purposes that are not its use's: {', '.join(foreign)}" if foreign else None
