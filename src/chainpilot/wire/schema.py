"""Payloads by their schema: what the messages of every version of OCPP are made of, how they are read and written.

A member that is null counts as left out, as `wire.pnc` reads DataTransfer. Which messages there are is `ocpp16`'s and
`ocpp201`'s; what a message means is not handled here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any, ClassVar, Final, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.inspect import (
    BoolType,
    DateTimeType,
    EnumType,
    Field,
    FloatType,
    IntType,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from chainpilot.errors import OwnError, PeerError
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.version import OcppVersion

__all__ = [
    "EmptyAnswer",
    "M",
    "Message",
    "SchemaBreach",
    "String20",
    "String25",
    "String50",
    "String255",
    "String512",
    "UnwritableMessageError",
    "read_answer",
    "read_message",
    "write_message",
]

String20 = Annotated[str, Meta(max_length=20)]
String25 = Annotated[str, Meta(max_length=25)]
String50 = Annotated[str, Meta(max_length=50)]
String255 = Annotated[str, Meta(max_length=255)]
String512 = Annotated[str, Meta(max_length=512)]

_MAX_VENDOR_ID: Final = 255
"""Characters of customData's vendorId (OCPP 2.0.1 part 2 CustomDataType)."""


class SchemaBreach(PeerError):
    """A payload is not of its message's schema. `code` answers it; `why` quotes names we know and no value."""

    def __init__(self, code: ErrorCode, why: str) -> None:
        super().__init__(f"{code.value}: {why}")
        self.code = code
        self.why = why


class UnwritableMessageError(OwnError):
    """We were about to write a message that its schema forbids. `message`: its name; `why` quotes no value."""

    def __init__(self, message: str, why: str) -> None:
        super().__init__(f"{message} cannot be written: {why}")
        self.message = message
        self.why = why


class Message(Struct, frozen=True, rename="camel"):
    """A message, or an object inside one. What `HIDDEN` names is in no repr: it is a secret, or may hold one."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={content!r}" for name, content in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in self.HIDDEN]


class EmptyAnswer(Message, frozen=True):
    """The answer to a message that only tells something."""


M = TypeVar("M", bound=Message)
"""The message that a payload is read as."""
S = TypeVar("S", bound=Struct)


def read_message(payload: object, message: type[M], version: OcppVersion) -> M:
    """The payload of a CALL as `message`, strictly by its schema.

    A moment without an offset counts as UTC, and 5.0 as the integer 5. In 2.0.1 any object may hold customData, which
    is checked and dropped.

    Raises:
        SchemaBreach: with a code of the version's own. In 1.6 (OCPP-J 1.6 table 7): FormationViolation for another
            shape or a member nobody knows, ProtocolError for a missing one ("payload is incomplete"),
            OccurenceConstraintViolation for an array of too few or too many. In 2.0.1 (OCPP-J 2.0.1 section 4.3):
            FormatViolation, and OccurrenceConstraintViolation for both of the latter. In either:
            TypeConstraintViolation for a value of another JSON type, PropertyConstraintViolation for one over its limit
            or no word of its enumeration.
    """
    return _read_as(payload, message, version, lenient=False)


def read_answer(payload: object, message: type[M], version: OcppVersion) -> M:
    """The payload of a CALLRESULT as `message`, tolerantly: members nobody knows are skipped, limits do not count.

    Raises:
        SchemaBreach: no object, a required member is missing, a value is of another JSON type or no word of its
            enumeration; the code is only for the log, since nobody answers an answer.
    """
    return _read_as(payload, message, version, lenient=True)


def write_message(message: Message) -> dict[str, object]:
    """The payload that says `message`; what is None, or empty and not required, is left out. Moments are in UTC.

    Raises:
        UnwritableMessageError: a content is over its limit, or a moment has no offset.
    """
    name = type(message).__name__
    try:
        payload = {member: _plain(content) for member, content in _contents(message)}
        read_message(payload, type(message), OcppVersion.V16)  # a breach is one in every version; only its code differs
    except SchemaBreach as breach:
        raise UnwritableMessageError(name, breach.why) from None
    except (ValueError, OverflowError):
        raise UnwritableMessageError(name, "a moment has no offset from UTC, or no place in UTC's calendar") from None
    return payload


@dataclass(frozen=True, slots=True)
class _Codes:
    """How one version names what can be wrong with a payload."""

    shape: ErrorCode
    missing: ErrorCode
    count: ErrorCode


_SINCE_2: Final = _Codes(
    ErrorCode.FORMAT_VIOLATION,
    ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
)
_CODES: Final = {
    OcppVersion.V16: _Codes(
        ErrorCode.FORMATION_VIOLATION, ErrorCode.PROTOCOL_ERROR, ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION
    ),
    OcppVersion.V201: _SINCE_2,
    OcppVersion.V21: _SINCE_2,
}


def _read_as(payload: object, message: type[M], version: OcppVersion, *, lenient: bool) -> M:
    reader = _Reader(_CODES[version], custom_data=version is not OcppVersion.V16, lenient=lenient)
    if not isinstance(payload, dict):
        raise SchemaBreach(reader.codes.shape, "the payload is no JSON object")
    return reader.read_object("", payload, message)


class _Reader:
    """Reads one payload; a path names where in it, `meterValue[0].timestamp`, by names of the schema alone."""

    __slots__ = ("_custom_data", "_lenient", "codes")

    def __init__(self, codes: _Codes, *, custom_data: bool, lenient: bool) -> None:
        self.codes = codes
        self._custom_data = custom_data
        self._lenient = lenient

    def read_object(self, path: str, value: Mapping[str, Any], message: type[S]) -> S:
        """The object as its struct; raises SchemaBreach."""
        given = {name: content for name, content in value.items() if content is not None}
        prefix = f"{path}." if path else ""
        if self._custom_data and "customData" in given:
            self._check_custom_data(f"{prefix}customData", given.pop("customData"))
        fields = _fields_of(message)
        if not self._lenient and not given.keys() <= fields.keys():
            where = f"{path} has a" if path else "a"
            raise SchemaBreach(self.codes.shape, f"{where} member that {message.__name__} does not have")
        contents: dict[str, Any] = {}
        for name, field in fields.items():
            if name in given:
                contents[field.name] = self.value(f"{prefix}{name}", given[name], field.type)
            elif field.required:
                raise SchemaBreach(self.codes.missing, f"{prefix}{name} is missing")
        return message(**contents)

    def value(self, path: str, value: object, kind: Type) -> object:
        """The value as `kind`; raises SchemaBreach."""
        if isinstance(kind, UnionType):
            kind = next(member for member in kind.types if not isinstance(member, NoneType))
        json_type, read = _KINDS[type(kind)]
        # bool is an int to Python and not to JSON.
        if not isinstance(value, json_type) or (isinstance(value, bool) and json_type is not bool):
            raise SchemaBreach(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{path} is of another JSON type")
        return read(self, path, value, kind)

    def read_struct(self, path: str, value: dict[str, Any], kind: StructType) -> Struct:
        return self.read_object(path, value, kind.cls)

    def read_array(self, path: str, value: list[object], kind: VarTupleType) -> tuple[object, ...]:
        few = len(value) < (kind.min_length or 0)
        many = kind.max_length is not None and len(value) > kind.max_length
        if (few or many) and not self._lenient:
            raise SchemaBreach(self.codes.count, f"{path} has too {'few' if few else 'many'} entries")
        return tuple(self.value(f"{path}[{position}]", entry, kind.item_type) for position, entry in enumerate(value))

    def read_text(self, path: str, value: str, kind: StrType) -> str:
        if kind.max_length is not None and len(value) > kind.max_length and not self._lenient:
            raise _over(f"{path} is longer than {kind.max_length} characters")
        return value

    def read_word(self, path: str, value: str, kind: EnumType) -> Enum:
        try:
            return kind.cls(value)
        except ValueError:
            raise _over(f"{path} is no word of its enumeration") from None

    def read_moment(self, path: str, value: str, kind: DateTimeType) -> datetime:
        del kind
        try:
            moment = msgspec.convert(value, datetime)
        except (msgspec.ValidationError, UnicodeError):  # its text quotes the value
            raise _over(f"{path} is no moment") from None
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

    def read_integer(self, path: str, value: float, kind: IntType) -> int:
        """JSON does not tell 5.0 from 5, and JSON Schema after draft 4 neither."""
        if value % 1 != 0:
            raise SchemaBreach(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{path} is no integer")
        if kind.ge is not None and value < kind.ge and not self._lenient:
            raise _over(f"{path} is less than {kind.ge}")
        return int(value)

    def read_plain(self, path: str, value: object, kind: Type) -> object:
        del path, kind
        return value

    def _check_custom_data(self, path: str, value: object) -> None:
        if self._lenient:
            return
        if not isinstance(value, dict):
            raise SchemaBreach(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{path} is of another JSON type")
        vendor = value.get("vendorId")
        if vendor is None:
            raise SchemaBreach(self.codes.missing, f"{path}.vendorId is missing")
        if not isinstance(vendor, str):
            raise SchemaBreach(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{path}.vendorId is of another JSON type")
        if len(vendor) > _MAX_VENDOR_ID:
            raise _over(f"{path}.vendorId is longer than {_MAX_VENDOR_ID} characters")


_KINDS: Final[Mapping[type[Type], tuple[Any, Callable[..., object]]]] = {
    StructType: (dict, _Reader.read_struct),
    VarTupleType: (list, _Reader.read_array),
    StrType: (str, _Reader.read_text),
    EnumType: (str, _Reader.read_word),
    DateTimeType: (str, _Reader.read_moment),
    IntType: ((int, float), _Reader.read_integer),
    FloatType: ((int, float), _Reader.read_plain),
    BoolType: (bool, _Reader.read_plain),
}
"""What a field may be: the JSON type, and how it is read."""


def _over(why: str) -> SchemaBreach:
    return SchemaBreach(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, why)


@cache
def _fields_of(message: type[Struct]) -> Mapping[str, Field]:
    described = type_info(message)
    fields = described.fields if isinstance(described, StructType) else ()
    return {field.encode_name: field for field in fields}


def _contents(message: Struct) -> Iterable[tuple[str, object]]:
    for name, field in _fields_of(type(message)).items():
        content = getattr(message, field.name)
        if content is not None and (field.required or content != ()):
            yield name, content


def _plain(value: object) -> object:
    """The JSON value; raises ValueError, OverflowError for a moment that has no place in UTC."""
    match value:
        case Struct():
            return {name: _plain(content) for name, content in _contents(value)}
        case tuple():
            return [_plain(entry) for entry in value]
        case Enum():
            return value.value
        case datetime():
            return _written(value)
        case _:
            return value


def _written(moment: datetime) -> str:
    """At most milliseconds, as OCPP 2.0.1 has it (part 2, primitive datatype dateTime)."""
    if moment.tzinfo is None:
        raise ValueError
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
