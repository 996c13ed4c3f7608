"""What happens to a running agent, in words for people and as facts for programs."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any, Final

from chainpilot.cli.station.work.naming import domain_words
from chainpilot.cli.words import iso, moment
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
_ONE: Final = {LeafUse.V2G: "an SECC certificate", LeafUse.CSMS: "a client certificate", None: "a certificate"}


def words_of(event: StationEvent) -> str | None:
    """A line for people; None for what only programs want to know."""
    words = _WORDS.get(type(event))
    return words(event) if words is not None else None


def facts_of(event: StationEvent) -> dict[str, Any] | None:
    """The same for programs: the event's name and its fields; None for single frames."""
    if isinstance(event, FrameSeen):
        return None
    if isinstance(event, StoreUpdated):
        told = to_json(event.update)
        return {"event": "certificate_store_update", **(told if isinstance(told, dict) else {})}
    named = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    return {"event": named, **{one.name: _plain(getattr(event, one.name)) for one in fields(event)}}


def _plain(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case datetime():
            return iso(value)
        case _:
            return value


def _answered(event: SignCertificateAnswered) -> str:
    if event.accepted:
        return f"The CSMS takes the request for {_ONE[event.use]}"
    return f"No {_NAMES[event.use]} yet: {event.why}; {_again(event.asks_again)}"


def _received(event: CertificateReceived) -> str:
    name = _ONE[event.use]
    if not event.why:
        return f"Took {name}"
    return f"Refused {name}: {event.result.value}, {event.why}; {_again(event.asks_again)}"


def _again(at: datetime | None) -> str:
    return f"asks again at {moment(at)}" if at is not None else "no time is set to ask again"


_WORDS: Final[Mapping[type, Callable[[Any], str]]] = {
    Connected: lambda one: f"Connected to {one.url}, security profile {one.profile}",
    ConnectFailed: lambda one: f"Not connected: {one.why}",
    Disconnected: lambda one: f"Disconnected: {one.why}",
    Booted: lambda one: f"The CSMS {'accepts' if one.accepted else 'does not accept'} the station ({one.status})",
    CsrMade: lambda one: f"Made a key and a request for {_ONE[one.use]} of {one.common_name}",
    SignCertificateSent: lambda one: f"Asked the CSMS for {_ONE[one.use]} of {one.common_name}",
    SignCertificateAnswered: _answered,
    CertificateReceived: _received,
    InventoryAsked: lambda one: f"Told the CSMS what is installed: {one.chains} chain{'' if one.chains == 1 else 's'}",
    StoreUpdated: lambda one: f"{one.update.operation.value} in the store: {domain_words(one.update)}",
}
"""What each happening is to people; single frames are nothing to them."""
