"""PyPI's `ocpp` as a station that answers every call of the CSMS, in 1.6, its DataTransfer and 2.0.1."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import ocpp.v16
import ocpp.v201
from ocpp.charge_point import camel_to_snake_case, snake_to_camel_case
from ocpp.routing import on
from websockets.typing import Subprotocol

from backoffice import STATION, BackOffice
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.chain import chain_from_stack
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import VerifiedChain, verify
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.version import OcppVersion
from forge import NOON

__all__ = ["ROOMS", "VENDORS", "Answers", "Belongings", "answers", "belongings", "booted", "carried"]

V16, V201 = OcppVersion.V16, OcppVersion.V201
ROOMS: Final[Mapping[OcppVersion, Any]] = {V16: ocpp.v16, V201: ocpp.v201}
VENDORS: Final = {Dialect.H: "iso15118", Dialect.O: "org.openchargealliance.iso15118pnc"}
_BOOTS: Final[Mapping[OcppVersion, dict[str, Any]]] = {
    V16: {"charge_point_vendor": "Peer", "charge_point_model": "One"},
    V201: {"charging_station": {"vendorName": "Peer", "model": "One"}, "reason": "PowerUp"},
}
Fields = dict[str, Any]
"""Of a message, named as the peer names them."""
ACCEPTED: Final[Fields] = {"status": "Accepted"}


@dataclass
class Belongings:
    """What the peer holds and remembers, and its answers, which are the same in every version where not said."""

    anchors: TrustAnchors
    heard: list[tuple[str, Fields]] = field(default_factory=list)
    roots: list[tuple[str, Fields]] = field(default_factory=list)
    leaves: list[Certificate] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)

    def install(self, certificate_type: str, certificate: str) -> Fields:
        """InstallCertificate."""
        (root,) = load_certificates(certificate)
        name = hash_data(root, root)
        entry = {
            "hash_algorithm": name.hash_algorithm.value,
            "issuer_name_hash": name.issuer_name_hash.upper(),
            "issuer_key_hash": name.issuer_key_hash.upper(),
            "serial_number": name.serial_number.upper(),
        }
        self.roots.append((certificate_type, entry))
        return ACCEPTED

    def delete(self, certificate_hash_data: Fields) -> Fields:
        """DeleteCertificate of what is named to the letter."""
        left = [one for one in self.roots if one[1] != certificate_hash_data]
        status = "NotFound" if len(left) == len(self.roots) else "Accepted"
        self.roots = left
        return {"status": status}

    def flat_list(self, certificate_type: str) -> Fields:
        """GetInstalledCertificateIds in 1.6."""
        found = [entry for use, entry in self.roots if use == certificate_type]
        return {**ACCEPTED, "certificate_hash_data": found} if found else {"status": "NotFound"}

    def chain_list(self, certificate_type: list[str] | None = None) -> Fields:
        """GetInstalledCertificateIds in 2.0.1."""
        found = [
            {"certificate_type": use, "certificate_hash_data": entry}
            for use, entry in self.roots
            if certificate_type is None or use in certificate_type
        ]
        return {**ACCEPTED, "certificate_hash_data_chain": found} if found else {"status": "NotFound"}

    def sign(self, certificate_chain: str, certificate_type: str | None = None) -> Fields:
        """CertificateSigned."""
        assert certificate_type in {None, "ChargingStationCertificate"}
        found = verify(chain_from_stack(load_certificates(certificate_chain)), self.anchors, NOON)
        if not isinstance(found, VerifiedChain):
            return {"status": "Rejected"}
        self.leaves.append(found.leaf)
        return ACCEPTED

    def list_of_h(self, type_of_certificate: str) -> Fields:
        """As H has it."""
        return self.flat_list(type_of_certificate)

    def sign_of_h(self, cert: str, type_of_certificate: str) -> Fields:
        """As H has it."""
        return self.sign(cert, type_of_certificate)

    def change(self, key: str, value: str) -> Fields:
        """ChangeConfiguration."""
        self.settings[key] = value
        return ACCEPTED

    def tell(self, key: list[str] | None = None) -> Fields:
        """GetConfiguration."""
        wanted = key or list(self.settings)
        told = [{"key": one, "readonly": False, "value": self.settings[one]} for one in wanted if one in self.settings]
        return {"configuration_key": told, "unknown_key": [one for one in wanted if one not in self.settings]}

    def set(self, set_variable_data: list[Fields]) -> Fields:
        """SetVariables."""
        for one in set_variable_data:
            self.settings[_variable(one)] = one["attribute_value"]
        return {"set_variable_result": [{"attribute_status": "Accepted", **_names(one)} for one in set_variable_data]}

    def get(self, get_variable_data: list[Fields]) -> Fields:
        """GetVariables."""
        values = [(one, self.settings.get(_variable(one))) for one in get_variable_data]
        told = [
            {"attribute_status": "UnknownVariable", **_names(one)}
            if value is None
            else {"attribute_status": "Accepted", "attribute_value": value, **_names(one)}
            for one, value in values
        ]
        return {"get_variable_result": told}


def _variable(one: Fields) -> str:
    return f"{one['component']['name']}.{one['variable']['name']}"


def _names(one: Fields) -> Fields:
    return {"component": one["component"], "variable": one["variable"]}


def _obeys(**fields: Any) -> Fields:
    del fields
    return ACCEPTED


def _uploads(**fields: Any) -> Fields:
    del fields
    return {**ACCEPTED, "filename": "security.log"}


Answers = Mapping[str, Callable[..., Fields]]
"""By action."""


def answers(version: OcppVersion, own: Belongings) -> Answers:
    """Every call of the CSMS in that version's own messages."""
    alike: Answers = {
        "InstallCertificate": own.install,
        "DeleteCertificate": own.delete,
        "CertificateSigned": own.sign,
        "Reset": _obeys,
        "GetLog": _uploads,
    }
    if version is V16:
        return {
            **alike,
            "ExtendedTriggerMessage": _obeys,
            "GetInstalledCertificateIds": own.flat_list,
            "ChangeConfiguration": own.change,
            "GetConfiguration": own.tell,
            "SignedUpdateFirmware": _obeys,
        }
    return {
        **alike,
        "TriggerMessage": _obeys,
        "GetInstalledCertificateIds": own.chain_list,
        "SetVariables": own.set,
        "GetVariables": own.get,
        "SetNetworkProfile": _obeys,
        "UpdateFirmware": _obeys,
    }


def carried(dialect: Dialect, own: Belongings) -> Answers:
    """DataTransfer alone, of one vendor, with the JSON of its text inside."""
    inner: dict[str, Callable[..., Fields]] = {
        "InstallCertificate": own.install,
        "DeleteCertificate": own.delete,
    }
    if dialect is Dialect.H:
        inner |= {
            "ExtendedTriggerMessage": _obeys,
            "GetInstalledCertificateIds": own.list_of_h,
            "CertificateSigned": own.sign_of_h,
        }
    else:
        inner |= {
            "TriggerMessage": _obeys,
            "GetInstalledCertificateIds": own.chain_list,
            "CertificateSigned": own.sign,
        }

    def transfer(vendor_id: str, message_id: str, data: str) -> Fields:
        if vendor_id != VENDORS[dialect]:
            return {"status": "UnknownVendorId"}
        answer = inner[message_id](**camel_to_snake_case(json.loads(data)))
        return {**ACCEPTED, "data": json.dumps(snake_to_camel_case(answer))}

    return {"DataTransfer": transfer}


def _handler(room: Any, own: Belongings, action: str, answer: Callable[..., Fields]) -> Any:
    def handle(self: Any, **fields: Any) -> Any:
        del self
        own.heard.append((action, fields))
        return getattr(room.call_result, action)(**answer(**fields))

    handle.__name__ = f"on_{action}"  # the peer finds its handlers by their names
    return on(action)(handle)


@asynccontextmanager
async def booted(office: BackOffice, version: OcppVersion, own: Belongings, replies: Answers) -> AsyncIterator[Any]:
    """The peer with a handler for each of these actions, connected and accepted."""
    room = ROOMS[version]
    handlers = [_handler(room, own, action, answer) for action, answer in replies.items()]
    kind: Any = type("PeerStation", (room.ChargePoint,), {handler.__name__: handler for handler in handlers})
    async with office.dial(subprotocols=[Subprotocol(version.value)]) as connection:
        station = kind(STATION, connection)
        running = asyncio.create_task(station.start())
        boot = await station.call(room.call.BootNotification(**_BOOTS[version]), suppress=False)
        assert boot.status == "Accepted"
        try:
            yield station
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def belongings(office: BackOffice) -> Belongings:
    """Of a station that trusts the CSMS root."""
    return Belongings(TrustAnchors.admit([office.csms.root.certificate]))
