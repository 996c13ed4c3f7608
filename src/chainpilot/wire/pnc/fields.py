"""Kinds of field: how one value is read tolerantly and written strictly; the rows of `dialects` are made of them.

Row numbers are those of pnc-messages.md section 3. Names and presence of a field are the row's, not the kind's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Generic, Protocol, TypeVar

from chainpilot.errors import OwnError, PeerError
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, normal_hex
from chainpilot.wire.pnc.messages import CertificateHashDataChain, CertificateUse

__all__ = [
    "MAX_CHAIN_TEXT",
    "MAX_CHILDREN",
    "MAX_ENTRIES",
    "MAX_HASH",
    "MAX_SERIAL",
    "MAX_SINGLE_TEXT",
    "ChainText",
    "Choice",
    "FieldFault",
    "HashList",
    "InexpressibleError",
    "Kind",
    "OneChoice",
    "StatusInfo",
    "Text",
    "is_flat",
]

MAX_CHAIN_TEXT: Final = 10_000
"""Characters of a certificate chain read at most (row 6; OCPP 2.0.1 CertificateSigned). The text of H says 800, which
no certificate fits."""
MAX_SINGLE_TEXT: Final = 5_500
"""Characters of one certificate or signing request read at most (row 6; OCPP 2.0.1 SignCertificate)."""
MAX_HASH: Final = 128
"""Characters of issuerNameHash and issuerKeyHash (OCPP 2.0.1 CertificateHashDataType); SHA-512 in hex fills them."""
MAX_SERIAL: Final = 40
"""Hex digits of a serial number once normalised (row 10; RFC 5280 section 4.1.2.2 allows 20 octets)."""
MAX_CHILDREN: Final = 4
"""Sub-CAs listed with a leaf (OCPP 2.0.1 CertificateHashDataChainType)."""
MAX_ENTRIES: Final = 500
"""Entries of one answer: more than fit into a frame."""

E = TypeVar("E", bound=Enum)

_USES_WITH_CHILDREN: Final = (CertificateUse.V2G_CERTIFICATE_CHAIN, None)
_HEX: Final = re.compile(r"(?:0[xX])?([0-9a-fA-F]+)")


class FieldFault(PeerError):
    """A field from the peer cannot be read; `path` names it, and the value is never quoted."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


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

    def write(self, value: Any) -> object:
        """The JSON value of a canonical one."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string that is not empty; its limit is enforced when reading and advisory when sending."""

    limit: int

    def read(self, value: object, path: str) -> str:
        """The text as it is."""
        if not isinstance(value, str):
            raise FieldFault(path, "not a string")
        if not value.strip():
            raise FieldFault(path, "empty")
        if len(value) > self.limit:
            raise FieldFault(path, f"{len(value)} characters; at most {self.limit} are read")
        return value

    def write(self, value: str) -> str:
        """The text as it is."""
        return value


@dataclass(frozen=True, slots=True)
class ChainText:
    """Certificates as text: one string, or an array of strings, read as one text (row 4)."""

    limit: int

    def read(self, value: object, path: str) -> str:
        """The text, array elements under each other."""
        if not isinstance(value, list):
            return Text(self.limit).read(value, path)
        parts = [Text(self.limit).read(part, f"{path}[{position}]") for position, part in enumerate(value)]
        return Text(self.limit).read("\n".join(parts), path)

    def write(self, value: str) -> str:
        """The text as it is."""
        return value


@dataclass(frozen=True, slots=True)
class Choice(Generic[E]):
    """A word of an enumeration."""

    words: type[E]
    also_read: Mapping[str, E] = field(default_factory=dict)
    """Other spellings of a member."""
    otherwise: E | None = None
    """What any other word counts as; None: it is a fault."""

    def read(self, value: object, path: str) -> E:
        """The member; the word itself is lost where `otherwise` stands in."""
        if not isinstance(value, str):
            raise FieldFault(path, "not a string")
        member = self.also_read.get(value) or _member(self.words, value) or self.otherwise
        if member is None:
            raise FieldFault(path, f"no word of {self.words.__name__}")
        return member

    def write(self, value: E) -> object:
        """The standard's word."""
        return value.value


@dataclass(frozen=True, slots=True)
class OneChoice(Generic[E]):
    """A tuple of words of which the dialect carries one: a string or an array is read, a string written (row 7)."""

    of: Choice[E]

    def read(self, value: object, path: str) -> tuple[E, ...]:
        """The members, each once, in the order they came."""
        if not isinstance(value, list):
            return (self.of.read(value, path),)
        if len(value) > MAX_ENTRIES:
            raise FieldFault(path, f"{len(value)} entries; at most {MAX_ENTRIES} are read")
        return tuple(dict.fromkeys(self.of.read(word, f"{path}[{n}]") for n, word in enumerate(value)))

    def write(self, value: tuple[E, ...]) -> object:
        """The one word; raises InexpressibleError for none or several."""
        if len(value) != 1:
            raise InexpressibleError(f"this dialect asks for one certificate type a call, not for {len(value)}")
        return self.of.write(value[0])


@dataclass(frozen=True, slots=True)
class StatusInfo:
    """OCPP 2.0.1 statusInfo as one sentence, `reasonCode: additionalInfo`; read where sent, never written."""

    def read(self, value: object, path: str) -> str | None:
        """The sentence; None for anything else, since nothing depends on it."""
        del path
        if not isinstance(value, dict):
            return None
        parts = [part for part in (value.get("reasonCode"), value.get("additionalInfo")) if isinstance(part, str)]
        return ": ".join(part[:512] for part in parts) or None

    def write(self, value: object) -> object:
        """Not carried."""
        raise InexpressibleError(f"statusInfo is not written in this dialect: {type(value).__name__}")


@dataclass(frozen=True, slots=True)
class HashList:
    """Installed certificates: flat hash data or chain objects are read, flat hash data is written, leaf first (row 7).

    A flat list does not say where one chain ends; every entry is read as a chain of its own, and the message's row puts
    them together where the request tells how.
    """

    uses: Choice[CertificateUse]

    def read(self, value: object, path: str) -> tuple[CertificateHashDataChain, ...]:
        """One chain per entry; a single object counts as a list of one."""
        entries = value if isinstance(value, list) else [value]
        if len(entries) > MAX_ENTRIES:
            raise FieldFault(path, f"{len(entries)} entries; at most {MAX_ENTRIES} are read")
        return tuple(self._read_entry(entry, f"{path}[{position}]") for position, entry in enumerate(entries))

    def write(self, value: tuple[CertificateHashDataChain, ...]) -> list[object]:
        """Every certificate, a leaf's sub-CAs behind it; behind a root they would be taken for roots."""
        entries: list[object] = []
        for chain in value:
            entries.append(_write_hash_data(chain.certificate_hash_data))
            if chain.certificate_type in _USES_WITH_CHILDREN:
                entries.extend(_write_hash_data(child) for child in chain.child_certificate_hash_data)
        return entries

    def _read_entry(self, entry: object, path: str) -> CertificateHashDataChain:
        if not isinstance(entry, dict):
            raise FieldFault(path, "not an object")
        if "certificateHashData" not in entry:
            return CertificateHashDataChain(None, _read_hash_data(entry, path))
        use = entry.get("certificateType")
        member = None if use is None else self.uses.read(use, f"{path}.certificateType")
        children = entry.get("childCertificateHashData")
        listed = [] if children is None else children if isinstance(children, list) else [children]
        if len(listed) > MAX_CHILDREN:
            raise FieldFault(f"{path}.childCertificateHashData", f"{len(listed)} entries; at most {MAX_CHILDREN}")
        return CertificateHashDataChain(
            member,
            _read_hash_data(entry["certificateHashData"], f"{path}.certificateHashData"),
            tuple(_read_hash_data(child, f"{path}.childCertificateHashData[{n}]") for n, child in enumerate(listed)),
        )


def is_flat(chains: tuple[CertificateHashDataChain, ...]) -> bool:
    """Whether chains as read by `HashList` came as bare hash data."""
    return all(chain.certificate_type is None and not chain.child_certificate_hash_data for chain in chains)


def _member(words: type[E], value: str) -> E | None:
    return next((member for member in words if member.value == value), None)


def _read_hash_data(value: object, path: str) -> CertificateHashData:
    if not isinstance(value, dict):
        raise FieldFault(path, "not an object")
    algorithm = Choice(HashAlgorithm).read(value.get("hashAlgorithm"), f"{path}.hashAlgorithm")
    serial = normal_hex(_hex(value.get("serialNumber"), f"{path}.serialNumber", MAX_HASH))
    if len(serial) > MAX_SERIAL:
        raise FieldFault(f"{path}.serialNumber", f"{len(serial)} digits; at most {MAX_SERIAL} are read")
    return CertificateHashData(
        hash_algorithm=algorithm,
        issuer_name_hash=_hex(value.get("issuerNameHash"), f"{path}.issuerNameHash", MAX_HASH),
        issuer_key_hash=_hex(value.get("issuerKeyHash"), f"{path}.issuerKeyHash", MAX_HASH),
        serial_number=serial,
    )


def _hex(value: object, path: str, limit: int) -> str:
    """Hex digits in lower case without `0x`; a digest keeps its leading zeros."""
    text = Text(limit + 2).read(value, path).strip()
    found = _HEX.fullmatch(text)
    if found is None:
        raise FieldFault(path, "not hexadecimal")
    if len(found[1]) > limit:
        raise FieldFault(path, f"{len(found[1])} digits; at most {limit} are read")
    return found[1].lower()


def _write_hash_data(entry: CertificateHashData) -> dict[str, object]:
    normal = entry.normal()
    return {
        "hashAlgorithm": normal.hash_algorithm.value,
        "issuerNameHash": normal.issuer_name_hash,
        "issuerKeyHash": normal.issuer_key_hash,
        "serialNumber": normal.serial_number,
    }
