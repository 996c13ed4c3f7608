"""Messages to OCPP payloads and back, by the tables of the dialects: strict out, tolerant in, never surprised.

Reading never raises: what cannot be read comes back as a value that says what to answer, or what to think of the answer
(the error layers of pnc-messages.md section 2). Frames and CALLERROR are `wire.ocppj`'s; whether a station may ask what
it asks is not handled here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from chainpilot.wire.jsontext import JsonError, decode_json, encode_json
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.pnc.dialects import CarrierStatus, Dialect, DialectRow, Field, MessageRow, Side, anything
from chainpilot.wire.pnc.fields import NO_QUIRKS, Breach, FieldFault, InexpressibleError, Quirk
from chainpilot.wire.pnc.messages import PncRequest, PncResponse
from chainpilot.wire.pnc.tables import DIALECTS, NATIVE
from chainpilot.wire.version import OcppVersion

__all__ = [
    "DATA_TRANSFER",
    "MAX_MESSAGE_ID",
    "MAX_VENDOR_ID",
    "CarrierRefusal",
    "DecodeRefusal",
    "DecodedRequest",
    "OcppCall",
    "carrier_answer",
    "decode_request",
    "decode_response",
    "encode_request",
    "encode_response",
    "is_pnc",
    "misspelling",
]

DATA_TRANSFER: Final = "DataTransfer"
"""The action that carries dialects H and O."""
MAX_VENDOR_ID: Final = 255
"""Characters of vendorId (OCPP 1.6 section 6.17)."""
MAX_MESSAGE_ID: Final = 50
"""Characters of messageId (OCPP 1.6 section 6.17)."""
_ACCEPTED: Final = CarrierStatus.ACCEPTED.value
_MAX_SAID: Final = 200
"""Characters kept of what a peer says freely."""


@dataclass(frozen=True, slots=True)
class OcppCall:
    """An OCPP call to make."""

    action: str
    payload: dict[str, object]


class DecodedRequest(msgspec.Struct, frozen=True):
    """A request that was understood, and the dialect it came in, which its answer must use."""

    dialect: Dialect
    request: PncRequest


@dataclass(frozen=True, slots=True)
class DecodeRefusal:
    """A request that was not understood."""

    answer: dict[str, object]
    """The CALLRESULT's payload to send."""
    why: str
    """For the log; quotes nothing of the payload."""
    fault: ErrorCode | None = None
    """Set if the payload breaks the schema of OCPP's own message, DataTransfer included: then CALLERROR with this code
    is due instead."""


@dataclass(frozen=True, slots=True)
class CarrierRefusal:
    """An answer that holds no message: the carrier refused, or the message cannot be read."""

    status: str
    """The DataTransfer status as it came, cut; empty if there was none, and for OCPP's own messages."""
    why: str
    """For people and logs; quotes nothing of the payload but the status."""
    said: str | None = None
    """What stood in `data`, cut, if the peer refused with a text; may hold anything, so keep it out of logs."""


def carrier_answer(status: CarrierStatus) -> dict[str, object]:
    """The answer to a DataTransfer whose contents are not spoken about: unknown, switched off or unreadable."""
    return {"status": status.value}


def is_pnc(action: str, version: OcppVersion) -> bool:
    """Whether calls of that action are `decode_request`'s: DataTransfer, and the version's own messages among ours."""
    return action == DATA_TRANSFER or _message_of_action(NATIVE[version], action) is not None


def encode_request(request: PncRequest, dialect: Dialect, quirks: frozenset[Quirk] = NO_QUIRKS) -> OcppCall:
    """The call that asks `request` in `dialect`, in the spellings that the station's quirks demand.

    Raises:
        InexpressibleError: the dialect has no way to say it (H and S: GetInstalledCertificateIds for other than one
            type; S: anything of V2G; all but H: hash data without a responder).
        UnwritableJsonError: a text is not Unicode.
    """
    row = DIALECTS[dialect]
    message = _message_for(row, request)
    written = _write(message.request, request, quirks)
    if row.vendor_id is None:
        return OcppCall(message.action, written)
    data = encode_json(written)
    return OcppCall(DATA_TRANSFER, {"vendorId": row.vendor_id, "messageId": message.action, "data": data})


def encode_response(response: PncResponse, dialect: Dialect) -> dict[str, object]:
    """The CALLRESULT's payload that answers with `response` in `dialect`.

    A carrier's status is Accepted whatever the message says: it was understood (pnc-messages.md section 2).

    Raises:
        InexpressibleError: the dialect would say something else (H: a good token with a chain that is not).
        UnwritableJsonError: a text is not Unicode.
    """
    row = DIALECTS[dialect]
    written = _write(_message_for(row, response).response, response, NO_QUIRKS)
    if row.vendor_id is None:
        return written
    return {"status": _ACCEPTED, "data": encode_json(written)}


def misspelling(request: PncRequest, dialect: Dialect) -> Quirk | None:
    """The word in `request` that some stations of `dialect` know only misspelt; None where there is none.

    Only H's text and the schema it refers to have such words (pnc-messages.md section 3 rows 1 and 2).
    """
    message = _BY_KIND.get((dialect, type(request)))
    if message is None or dialect is not Dialect.H:
        return None
    written = _write(message.request, request, NO_QUIRKS)
    return next((quirk for quirk in Quirk if _write(message.request, request, frozenset({quirk})) != written), None)


def decode_request(
    action: str, payload: object, version: OcppVersion = OcppVersion.V16
) -> DecodedRequest | DecodeRefusal:
    """Understand a call of the peer.

    Args:
        action: the CALL's action, one for which `is_pnc` holds.
        payload: the CALL's payload.
        version: of the connection; it decides which messages are OCPP's own.
    """
    if not isinstance(payload, dict):
        shape = ErrorCode.FORMATION_VIOLATION if version is OcppVersion.V16 else ErrorCode.FORMAT_VIOLATION
        return _broken(shape, "the payload is not an object")
    if action != DATA_TRANSFER:
        return _decode_native(action, payload, NATIVE[version])
    return _schema_breach(payload) or _decode_carried(payload, version)


def decode_response(request: PncRequest, dialect: Dialect, payload: object) -> PncResponse | CarrierRefusal:
    """Understand the answer to `request`, which was asked in `dialect`.

    A refusal inside an accepted carrier is a message like any other; only an unreadable one is a `CarrierRefusal`.

    Raises:
        InexpressibleError: the dialect has no such message, so nothing was asked.
    """
    row = DIALECTS[dialect]
    message = _message_for(row, request)
    if not isinstance(payload, dict):
        return CarrierRefusal("", "the answer is not an object")
    status = ""
    if row.vendor_id is not None:
        given = payload.get("status")
        if not isinstance(given, str):
            return CarrierRefusal("", "the answer has no status")
        if given != _ACCEPTED:
            return CarrierRefusal(_plain(given), f"{message.action} was answered {_plain(given)}", _said(payload))
        status = given
    try:
        values = _read(message.response, payload if row.vendor_id is None else _inner(payload))
    except (FieldFault, JsonError) as error:
        return CarrierRefusal(status, f"{message.action} was answered unreadably: {error}")
    response: PncResponse = message.response.of(**message.complete(request, values))
    return response


def _decode_carried(payload: Mapping[str, Any], version: OcppVersion) -> DecodedRequest | DecodeRefusal:
    row = _row_of_vendor(payload["vendorId"], version)
    if row is None:
        return _refused(CarrierStatus.UNKNOWN_VENDOR_ID, "no dialect of ours has this vendorId")
    message = _message_of_action(row, payload.get("messageId"))
    if message is None:
        return _refused(CarrierStatus.UNKNOWN_MESSAGE_ID, f"dialect {row.dialect.value} has no such messageId")
    try:
        values = _read(message.request, _inner(payload))
    except (FieldFault, JsonError) as error:
        return _refused(CarrierStatus.REJECTED, f"{message.action}: {error}")
    return DecodedRequest(row.dialect, message.request.of(**values))


_ALIKE: Final[Mapping[Breach, ErrorCode]] = {
    Breach.TYPE: ErrorCode.TYPE_CONSTRAINT_VIOLATION,
    Breach.PROPERTY: ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
}
"""What answers a fault in OCPP's own messages, whatever the version."""


def _code(breach: Breach, version: OcppVersion) -> ErrorCode:
    """1.6 has a missing member as ProtocolError (OCPP-J 1.6 table 7), its successors as a word of their own."""
    is_first = version is OcppVersion.V16
    return _ALIKE.get(breach, ErrorCode.PROTOCOL_ERROR if is_first else ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION)


def _decode_native(action: str, payload: Mapping[str, object], row: DialectRow) -> DecodedRequest | DecodeRefusal:
    message = _message_of_action(row, action)
    if message is None:
        return _broken(ErrorCode.NOT_IMPLEMENTED, f"OCPP {row.version.value} has no such message of ours")
    try:
        values = _read(message.request, payload)
    except FieldFault as fault:
        return _broken(_code(fault.breach, row.version), f"{message.action}: {fault}")
    return DecodedRequest(row.dialect, message.request.of(**values))


_BY_VENDOR: Final = {
    (row.vendor_id.lower(), row.version): row for row in DIALECTS.values() if row.vendor_id is not None
}
_BY_KIND: Final = {
    (row.dialect, kind): message
    for row in DIALECTS.values()
    for message in row.messages
    for kind in (message.request.of, message.response.of)
}
_BY_NAME: Final = {
    (row.dialect, name if row.vendor_id is None else name.lower()): message
    for row in DIALECTS.values()
    for message in row.messages
    for name in (message.action, *message.also_read)
}


def _message_for(row: DialectRow, value: PncRequest | PncResponse) -> MessageRow:
    message = _BY_KIND.get((row.dialect, type(value)))
    if message is None:
        raise InexpressibleError(f"dialect {row.dialect.value} has no {type(value).__name__}")
    return message


def _row_of_vendor(vendor_id: str, version: OcppVersion) -> DialectRow | None:
    """OCPP 1.6 section 6.17 types vendorId and messageId CiString: case does not count."""
    return _BY_VENDOR.get((vendor_id.lower(), version))


def _message_of_action(row: DialectRow, action: str | None) -> MessageRow | None:
    """Inside DataTransfer case does not count; OCPP's own actions are as written."""
    if not action:
        return None
    return _BY_NAME.get((row.dialect, action if row.vendor_id is None else action.lower()))


def _schema_breach(payload: Mapping[str, object]) -> DecodeRefusal | None:
    """What breaks the 1.6 schema of DataTransfer; members it does not know and `data` as an object are let pass."""
    vendor, message = payload.get("vendorId"), payload.get("messageId")
    if isinstance(vendor, str) and isinstance(message, str):
        is_long = len(vendor) > MAX_VENDOR_ID or len(message) > MAX_MESSAGE_ID
        if not is_long:
            return None  # as nearly always
    for name, limit in (("vendorId", MAX_VENDOR_ID), ("messageId", MAX_MESSAGE_ID)):
        value = payload.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            return _broken(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{name} is not a string")
        if len(value) > limit:
            return _broken(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"{name} is longer than {limit} characters")
    if payload.get("vendorId") is None:
        return _broken(ErrorCode.PROTOCOL_ERROR, "vendorId is missing")
    return None


def _broken(fault: ErrorCode, why: str) -> DecodeRefusal:
    return DecodeRefusal(carrier_answer(CarrierStatus.REJECTED), why, fault)


def _refused(status: CarrierStatus, why: str) -> DecodeRefusal:
    return DecodeRefusal(carrier_answer(status), why)


def _inner(payload: Mapping[str, object]) -> dict[str, object]:
    """The inner JSON object; raises FieldFault, JsonError."""
    data = payload.get("data")
    if isinstance(data, str):
        data = decode_json(data)
    if data is None:
        raise FieldFault("data", "missing", Breach.MISSING)
    if not isinstance(data, dict):
        raise FieldFault("data", "not a JSON object", Breach.TYPE)
    return data


def _write(side: Side, value: PncRequest | PncResponse, quirks: frozenset[Quirk]) -> dict[str, object]:
    """Fields that are None are left out."""
    if side.check is not anything:
        side.check(value)
    written: dict[str, object] = {}
    for field in side.fields:
        content = getattr(value, field.attribute)
        if field.written and content is not None and not (field.omit_empty and content == ()):
            written[field.names[0]] = field.kind.write(content, quirks)
    return written


def _read(side: Side, data: Mapping[str, object]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in side.fields:
        content, name = _content(field, data)
        if content is not None:
            values[field.attribute] = field.kind.read(content, name)
        elif field.required:
            raise FieldFault(name, "missing", Breach.MISSING)
    return values if side.raw_word is None else _with_raw_word(side.raw_word, side, data, values)


def _content(field: Field, data: Mapping[str, object]) -> tuple[object, str]:
    """The field's value and the name it came by; None by the first name if it didn't come. Raises FieldFault."""
    first, *others = field.names
    content, found = data.get(first), first
    for name in others:
        other = data.get(name)
        if content is None and other is not None:
            content, found = other, name
        elif other is not None and other != content:
            named = [one for one in field.names if data.get(one) is not None]
            raise FieldFault(first, f"contradicted by {', '.join(named[1:])}")
    return content, found


def _with_raw_word(
    word: tuple[str, str], side: Side, data: Mapping[str, object], values: dict[str, Any]
) -> dict[str, Any]:
    name, attribute = word
    raw, kind = data.get(name), next(field.kind for field in side.fields if field.attribute == name)
    is_ours = raw in (values[name].value, kind.write(values[name]))
    if isinstance(raw, str) and not is_ours and values.get(attribute) is None:
        return {**values, attribute: _plain(raw)}
    return values


def _plain(text: str) -> str:
    """What a peer said, fit for a line of text."""
    return "".join(character if character.isprintable() else "?" for character in text[:_MAX_SAID])


def _said(payload: Mapping[str, object]) -> str | None:
    data = payload.get("data")
    return _plain(data) if isinstance(data, str) and data else None
