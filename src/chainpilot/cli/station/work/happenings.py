"""What happens to a running agent, in words for people and as facts for programs."""

from typing import Any, Final

from chainpilot.cli.station.work.naming import domain_words
from chainpilot.link.watch import FrameSeen
from chainpilot.pki.trust import LeafUse
from chainpilot.station.schema import to_json
from chainpilot.station.watch import (
    Booted,
    CertificateReceived,
    Connected,
    ConnectFailed,
    CsrMade,
    Disconnected,
    InventoryAsked,
    SignCertificateAnswered,
    SignCertificateSent,
    StationEvent,
    StoreUpdated,
)

__all__ = ["facts_of", "words_of"]

_NAMES: Final = {LeafUse.V2G: "SECC certificate", LeafUse.CSMS: "client certificate", None: "certificate"}


def words_of(event: StationEvent) -> str | None:
    """A line for people; None for what only programs want to know."""
    match event:
        case Connected(profile, url):
            return f"Connected to {url}, security profile {profile}"
        case ConnectFailed(_, _, why):
            return f"Not connected: {why}"
        case Disconnected(why):
            return f"Disconnected: {why}"
        case Booted(accepted, status):
            return f"The CSMS {'accepts' if accepted else 'does not accept'} the station ({status})"
        case CsrMade(use, name):
            return f"Made a key and a request for a {_NAMES[use]} of {name}"
        case SignCertificateSent(use, name):
            return f"Asked the CSMS for a {_NAMES[use]} of {name}"
        case SignCertificateAnswered(use, _, accepted, why):
            return f"The CSMS takes the request for a {_NAMES[use]}" if accepted else f"No {_NAMES[use]} yet: {why}"
        case CertificateReceived(use, result, why):
            return f"Refused a {_NAMES[use]}: {result.value}, {why}" if why else f"Took a {_NAMES[use]}"
        case InventoryAsked(chains):
            return f"Told the CSMS what is installed: {chains} entr{'y' if chains == 1 else 'ies'}"
        case StoreUpdated(update):
            return f"{update.operation.value} in the store: {domain_words(update)}"
        case _:
            return None


def facts_of(event: StationEvent) -> dict[str, Any] | None:
    """The same for programs; None for single frames."""
    match event:
        case FrameSeen():
            return None
        case Connected(profile, url):
            return {"event": "connected", "security_profile": profile, "url": url}
        case ConnectFailed(profile, url, why):
            return {"event": "connect_failed", "security_profile": profile, "url": url, "why": why}
        case Disconnected(why):
            return {"event": "disconnected", "why": why}
        case Booted(accepted, status):
            return {"event": "booted", "accepted": accepted, "status": status}
        case CsrMade(use, name):
            return {"event": "csr_made", "use": use.value, "common_name": name}
        case SignCertificateSent(use, name):
            return {"event": "sign_certificate_sent", "use": use.value, "common_name": name}
        case SignCertificateAnswered(use, name, accepted, why):
            answered = {"use": use.value, "common_name": name, "accepted": accepted, "why": why}
            return {"event": "sign_certificate_answered", **answered}
        case CertificateReceived(use, result, why):
            named = use.value if use is not None else None
            return {"event": "certificate_received", "use": named, "result": result.value, "why": why}
        case InventoryAsked(chains):
            return {"event": "inventory_asked", "chains": chains}
        case StoreUpdated(update):
            told = to_json(update)
            return {"event": "certificate_store_update", **(told if isinstance(told, dict) else {})}
