"""The document in which the agent's memory keeps what a CSMS changed, and what the agent learnt about its networks.

When it is written is `configuration`'s. It holds the password, so nothing of it is quoted anywhere.
"""

import dataclasses
import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from chainpilot.station.agent.ports import MemoryFault
from chainpilot.station.agent.settings.forms import is_authorization_key
from chainpilot.station.agent.settings.keys import FIELDS
from chainpilot.station.agent.settings.networks import LAST_SLOT
from chainpilot.station.agent.settings.refusals import SettingRefused
from chainpilot.station.agent.settings.standing import Standing
from chainpilot.station.agent.settings.values import MAX_NETWORKS, Network, Settings
from chainpilot.station.model import Secret

__all__ = ["DOCUMENT", "read_record", "write_record"]

DOCUMENT: Final = "settings"
"""Its name in Memory."""
_VERSION: Final = 1

_log = logging.getLogger(__name__)


class _Networks(msgspec.Struct, frozen=True):
    slots: dict[int, Network]
    priority: tuple[int, ...]
    trial: int | None = None

    def sound(self) -> bool:
        """Whether each slot and security profile is one."""
        return len(self.slots) <= MAX_NETWORKS and all(
            0 <= slot <= LAST_SLOT and 0 <= network.security_profile <= 3 for slot, network in self.slots.items()
        )


class _Versioned(msgspec.Struct, frozen=True):
    """What every version's record has."""

    version: int = _VERSION


class _Record(msgspec.Struct, frozen=True):
    version: int = _VERSION
    values: dict[str, str] = {}
    previous_passwords: tuple[str, ...] = ()
    spelled: tuple[str, ...] = ()
    """Those passwords that are hex digits of what is sent."""
    networks: _Networks | None = None
    """None: they are the operator's."""
    active_network: int | None = None
    floor: int = 0

    def __repr__(self) -> str:
        """Without the passwords in it."""
        return "_Record(...)"

    def sound(self) -> bool:
        """Whether it is of this version, and each number one that can be."""
        return self.version == _VERSION and 0 <= self.floor <= 3 and (self.networks is None or self.networks.sound())


def write_record(standing: Standing) -> bytes:
    """The document that makes this state again, where the operator's settings are the same."""
    settings = standing.settings
    networks = None
    if standing.own_networks:
        networks = _Networks(dict(settings.networks), settings.priority, standing.trial)
    record = _Record(
        values=dict(standing.changed),
        previous_passwords=tuple(password.value for password in standing.previous_passwords),
        spelled=tuple(password.value for password in standing.spelled),
        networks=networks,
        active_network=settings.active_network,
        floor=standing.floor,
    )
    return msgspec.json.encode(record)


def read_record(document: bytes, initial: Settings) -> Standing | None:
    """The state that the document and the operator's settings make; None, and logged, where it can't be read.

    Raises:
        MemoryFault: a newer program wrote it: what it says must not be lost, nor taken for nothing.
    """
    record = _decoded(document)
    if record is None:
        return None
    settings = dataclasses.replace(initial, **_values(record.values))
    trial = None
    if record.networks is not None:
        slots = MappingProxyType(dict(record.networks.slots))
        settings = dataclasses.replace(settings, networks=slots, priority=record.networks.priority)
        trial = record.networks.trial
    active = record.active_network if record.active_network in settings.networks else None
    return Standing(
        settings=dataclasses.replace(settings, active_network=active),
        changed=MappingProxyType(record.values),
        own_networks=record.networks is not None,
        previous_passwords=tuple(map(Secret, record.previous_passwords)),
        spelled=tuple(map(Secret, filter(is_authorization_key, record.spelled))),
        floor=record.floor,
        trial=trial,
    )


def _decoded(document: bytes) -> _Record | None:
    try:
        _demand_known(msgspec.json.decode(document, type=_Versioned).version)
        record = msgspec.json.decode(document, type=_Record)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        _log.error("what the CSMS changed is lost: the record in memory can't be read (%s)", type(error).__name__)
        return None
    if not record.sound():
        _log.error("what the CSMS changed is lost: the record in memory is damaged")
        return None
    return record


def _demand_known(version: int) -> None:
    if version > _VERSION:
        why = f"the settings were written by a newer program (version {version}, known is {_VERSION}); install it again"
        raise MemoryFault(why)


def _values(texts: Mapping[str, str]) -> dict[str, Any]:
    """The values of the texts; one that no longer can be is the operator's again."""
    values: dict[str, Any] = {}
    for name, text in texts.items():
        form = FIELDS.get(name)
        if form is None:
            _log.warning("the record in memory holds a setting that this version doesn't have; it is passed over")
            continue
        try:
            values[name] = form.read(text)
        except SettingRefused as refused:
            _log.warning("%s in memory is passed over: %s", name, refused.why)
    return values
