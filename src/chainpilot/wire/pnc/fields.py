"""How single values travel: each kind reads every variant known of peers and writes one.

Limits are those of pnc-messages.md section 3. Names and presence of a field are the row's, not the kind's; hash data
has its kinds in `hashes`.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, Generic, Protocol, TypeVar

from chainpilot.errors import OwnError, PeerError
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc.messages import CertificateChain, IdToken, IdTokenInfo

__all__ = [
    "MAX_CHAIN_TEXT",
    "MAX_ENTRIES",
    "MAX_EXI_REQUEST",
    "MAX_EXI_RESPONSE",
    "MAX_OCSP_RESULT",
    "MAX_SINGLE_TEXT",
    "NO_QUIRKS",
    "Breach",
    "ChainObject",
    "ChainText",
    "Choice",
    "FieldFault",
    "IdTokenObject",
    "InexpressibleError",
    "Kind",
    "Moment",
    "Quirk",
    "SeveralChoices",
    "StatusInfo",
    "Text",
    "TextList",
    "TokenInfoObject",
    "WholeNumber",
]

MAX_CHAIN_TEXT: Final = 10_000
"""Characters of a certificate chain read at most (row 6; OCPP 2.0.1 CertificateSigned). The text of H says 800, which
no certificate fits."""
MAX_SINGLE_TEXT: Final = 5_500
"""Characters of one certificate or signing request read at most (row 6; OCPP 2.0.1 SignCertificate)."""
MAX_EXI_REQUEST: Final = 11_000
"""Characters of a vehicle's request read at most (OCPP 2.1; 2.0.1 has 5600, H 5500)."""
MAX_EXI_RESPONSE: Final = 17_000
"""Characters of the answer for a vehicle read at most (row 15; OCPP 2.1)."""
MAX_OCSP_RESULT: Final = 18_000
"""Characters of an OCSP answer read at most (OCPP 2.1; else 5500)."""
MAX_ENTRIES: Final = 500
"""Entries of one answer: more than fit into a frame."""
_MAX_REASON_CODE: Final = 20
"""Characters of reasonCode (OCPP 2.0.1 StatusInfoType)."""
_MAX_ADDITIONAL_INFO: Final = 512
"""Characters of additionalInfo (OCPP 2.0.1 StatusInfoType)."""
_UNSPECIFIED: Final = "Unspecified"
"""The reasonCode of a reason that is a sentence and no code."""

E = TypeVar("E", bound=Enum)


class Quirk(Enum):
    """What a station was found to understand only in its own way; kept with its record."""

    MISSPELT_TRIGGER = "SignV2GCertifcate"
    """Row 1: the text of H spells the trigger so."""
    MISSPELT_V2G_ROOT = "V2GRootCertficate"
    """Row 2: OCPP 2.0's schema spells the certificate use so."""


NO_QUIRKS: Final[frozenset[Quirk]] = frozenset()


class Breach(Enum):
    """What is wrong with a field, as OCPP-J's error codes part it."""

    MISSING = "missing"
    TYPE = "of another JSON type"
    PROPERTY = "over its limit or no word of its enumeration"


class FieldFault(PeerError):
    """A field from the peer cannot be read; `path` names it, and the value is never quoted."""

    def __init__(self, path: str, why: str, breach: Breach = Breach.PROPERTY) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why
        self.breach = breach


class InexpressibleError(OwnError):
    """We were about to write a message that this dialect has no way to say."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Kind(Protocol):
    """How one field's value is read and written."""

    def read(self, value: object, path: str) -> object:
        """The canonical value of a JSON value; raises FieldFault."""
        ...

    def write(self, value: Any, quirks: frozenset[Quirk] = NO_QUIRKS) -> object:
        """The JSON value of a canonical one; raises InexpressibleError."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string that is not empty; its limit is enforced when reading and advisory when sending."""

    limit: int
    may_be_empty: bool = False

    def read(self, value: object, path: str) -> str:
        """The text as it is."""
        if not isinstance(value, str):
            raise FieldFault(path, "not a string", Breach.TYPE)
        if not self.may_be_empty and not value.strip():
            raise FieldFault(path, "empty")
        if len(value) > self.limit:
            raise FieldFault(path, f"{len(value)} characters; at most {self.limit} are read")
        return value

    def write(self, value: str, quirks: frozenset[Quirk] = NO_QUIRKS) -> str:
        """The text as it is."""
        del quirks
        return value


@dataclass(frozen=True, slots=True)
class TextList:
    """Strings; a single one counts as a list of one."""

    of: Text
    limit: int

    def read(self, value: object, path: str) -> tuple[str, ...]:
        """The texts, in the order they came."""
        return tuple(self.of.read(one, where) for one, where in entries_of(value, path, self.limit))

    def write(self, value: tuple[str, ...], quirks: frozenset[Quirk] = NO_QUIRKS) -> list[str]:
        """The texts."""
        del quirks
        return list(value)


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """An integer that isn't negative."""

    def read(self, value: object, path: str) -> int:
        """The number."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise FieldFault(path, "not an integer", Breach.TYPE)
        if value < 0:
            raise FieldFault(path, "negative")
        return value

    def write(self, value: int, quirks: frozenset[Quirk] = NO_QUIRKS) -> int:
        """The number."""
        del quirks
        return value


@dataclass(frozen=True, slots=True)
class ChainText:
    """Certificates as text: one string, or an array of strings, read as one text (row 4).

    OCPP's schemas set no least length, so one text that is empty breaks none where it `may_be_empty`: whoever wants a
    certificate finds none in it, which is Rejected and no CALLERROR (use cases M05, A02).
    """

    limit: int
    may_be_empty: bool = False

    def read(self, value: object, path: str) -> str:
        """The text, array elements under each other."""
        if not isinstance(value, list):
            return Text(self.limit, self.may_be_empty).read(value, path)
        parts = [Text(self.limit).read(part, where) for part, where in entries_of(value, path, MAX_ENTRIES)]
        return Text(self.limit).read("\n".join(parts), path)

    def write(self, value: str, quirks: frozenset[Quirk] = NO_QUIRKS) -> str:
        """The text as it is."""
        del quirks
        return value


@dataclass(frozen=True, slots=True)
class Choice(Generic[E]):
    """A word of an enumeration."""

    words: type[E]
    only: frozenset[E] | None = None
    """The members that the dialect has; None: all."""
    also_read: Mapping[str, E] = field(default_factory=dict)
    """Other spellings of a member."""
    written_as: Mapping[E, str] = field(default_factory=dict)
    """Members that the dialect has another word for, which may say less; it is read where `also_read` has it."""
    misspelt: Mapping[E, Quirk] = field(default_factory=dict)
    """Members that some stations know only by the quirk's spelling."""
    otherwise: E | None = None
    """What any other word counts as; None: it is a fault."""

    def read(self, value: object, path: str) -> E:
        """The member; the word itself is lost where `otherwise` stands in."""
        if not isinstance(value, str):
            raise FieldFault(path, "not a string", Breach.TYPE)
        member = self.also_read.get(value) or self._member(value) or self.otherwise
        if member is None:
            raise FieldFault(path, f"no word of {self.words.__name__}")
        return member

    def write(self, value: E, quirks: frozenset[Quirk] = NO_QUIRKS) -> object:
        """The dialect's word."""
        if self.only is not None and value not in self.only:
            raise InexpressibleError(f"this dialect has no word for {value.value}")
        if quirks:
            quirk = self.misspelt.get(value)
            if quirk is not None and quirk in quirks:
                return quirk.value
        written = self.written_as.get(value)
        return value.value if written is None else written

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every word that is read, the written ones first."""
        members = [one for one in self.words if self.only is None or one in self.only]
        written = [str(self.write(one)) for one in members]
        return tuple(dict.fromkeys([*written, *(one.value for one in members), *self.also_read]))

    def _member(self, value: str) -> E | None:
        member = _words_of(self.words).get(value)
        return member if self.only is None or member in self.only else None


@dataclass(frozen=True, slots=True)
class SeveralChoices(Generic[E]):
    """A tuple of words: a string or an array is read; written is an array, or the one word that a dialect takes."""

    of: Choice[E]
    one_a_call: bool = False
    """Row 7: the dialect asks for exactly one."""

    def read(self, value: object, path: str) -> tuple[E, ...]:
        """The members, each once, in the order they came."""
        if not isinstance(value, list):
            return (self.of.read(value, path),)
        return tuple(dict.fromkeys(self.of.read(one, where) for one, where in entries_of(value, path, MAX_ENTRIES)))

    def write(self, value: tuple[E, ...], quirks: frozenset[Quirk] = NO_QUIRKS) -> object:
        """The words; raises InexpressibleError for none or several where the dialect takes one."""
        if not self.one_a_call:
            return [self.of.write(one, quirks) for one in value]
        if len(value) != 1:
            raise InexpressibleError(f"this dialect asks for one certificate type a call, not for {len(value)}")
        return self.of.write(value[0], quirks)


@dataclass(frozen=True, slots=True)
class StatusInfo:
    """OCPP 2.0.1 statusInfo as one text, `reasonCode: additionalInfo`."""

    def read(self, value: object, path: str) -> str | None:
        """The text; None for anything else, since nothing depends on it."""
        del path
        if not isinstance(value, dict):
            return None
        code, more = value.get("reasonCode"), value.get("additionalInfo")
        if code == _UNSPECIFIED and isinstance(more, str):
            code = None
        parts = [part for part in (code, more) if isinstance(part, str)]
        return ": ".join(part[:_MAX_ADDITIONAL_INFO] for part in parts) or None

    def write(self, value: str, quirks: frozenset[Quirk] = NO_QUIRKS) -> object:
        """A short text as the code, `code: text` as both, any other as the text behind `Unspecified`."""
        del quirks
        code, _, more = value.partition(": ")
        if not code or len(code) > _MAX_REASON_CODE:
            code, more = _UNSPECIFIED, value
        info = {"reasonCode": code}
        return {**info, "additionalInfo": more[:_MAX_ADDITIONAL_INFO]} if more else info


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of RFC 3339; one without a zone is taken for UTC, as OCPP demands it."""

    def read(self, value: object, path: str) -> datetime:
        """Timezone-aware UTC."""
        text = Text(64).read(value, path)
        try:
            found = datetime.fromisoformat(text)
            return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise FieldFault(path, "no date and time") from None

    def write(self, value: datetime, quirks: frozenset[Quirk] = NO_QUIRKS) -> str:
        """UTC in whole seconds, rounded down: an answer must not count longer than was meant."""
        del quirks
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class IdTokenObject:
    """OCPP 2.0.1 IdTokenType: the token and its type."""

    def read(self, value: object, path: str) -> IdToken:
        """The token; its type is a free string since OCPP 2.1, and left out by some that know only eMAIDs."""
        given = object_of(value, path)
        token = Text(255).read(present(given, "idToken", path), f"{path}.idToken")
        kind = given.get("type")
        return IdToken(token) if kind is None else IdToken(token, Text(20).read(kind, f"{path}.type"))

    def write(self, value: IdToken, quirks: frozenset[Quirk] = NO_QUIRKS) -> object:
        """Both members."""
        del quirks
        return {"idToken": value.id_token, "type": value.type}


@dataclass(frozen=True, slots=True)
class TokenInfoObject:
    """OCPP 2.0.1 IdTokenInfoType, as far as a contract needs it."""

    def read(self, value: object, path: str) -> IdTokenInfo:
        """Status, and the end of its time."""
        given = object_of(value, path)
        status = Choice(AuthorizationStatus).read(present(given, "status", path), f"{path}.status")
        expiry = given.get("cacheExpiryDateTime")
        if expiry is None:
            return IdTokenInfo(status)
        return IdTokenInfo(status, Moment().read(expiry, f"{path}.cacheExpiryDateTime"))

    def write(self, value: IdTokenInfo, quirks: frozenset[Quirk] = NO_QUIRKS) -> object:
        """Status, and the end of its time where there is one."""
        del quirks
        info = {"status": value.status.value}
        return (
            info if value.cache_expiry is None else {**info, "cacheExpiryDateTime": Moment().write(value.cache_expiry)}
        )


@dataclass(frozen=True, slots=True)
class ChainObject:
    """OCPP 2.0 CertificateChainType; only ever written (row 14)."""

    def read(self, value: object, path: str) -> None:
        """Nothing: what it says stands in the EXI beside it."""
        del value, path

    def write(self, value: CertificateChain, quirks: frozenset[Quirk] = NO_QUIRKS) -> object:
        """The leaf, and its sub-CAs where there are any."""
        del quirks
        chain: dict[str, object] = {"certificate": value.certificate}
        return {**chain, "childCertificate": list(value.child_certificates)} if value.child_certificates else chain


@functools.cache
def _words_of(words: type[E]) -> Mapping[str, E]:
    return {member.value: member for member in words}


def object_of(value: object, path: str) -> dict[str, object]:
    """The JSON object that a value is. Raises FieldFault."""
    if not isinstance(value, dict):
        raise FieldFault(path, "not an object", Breach.TYPE)
    return value


def present(given: Mapping[str, object], name: str, path: str) -> object:
    """A member that has to be there. Raises FieldFault."""
    value = given.get(name)
    if value is None:
        raise FieldFault(f"{path}.{name}", "missing", Breach.MISSING)
    return value


def entries_of(value: object, path: str, limit: int) -> list[tuple[object, str]]:
    """The entries of a list with the path of each; a single value counts as a list of one. Raises FieldFault."""
    entries = value if isinstance(value, list) else [value]
    if len(entries) > limit:
        raise FieldFault(path, f"{len(entries)} entries; at most {limit} are read")
    return [(entry, f"{path}[{position}]") for position, entry in enumerate(entries)]
