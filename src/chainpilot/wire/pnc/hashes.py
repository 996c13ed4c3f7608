"""How hash data travels: one certificate, an OCSP question, lists of what is installed.

Digits are kept as they came (use case M04 echoes them unchanged) once they are known to be digits.
"""

import re
from dataclasses import dataclass
from typing import Final

from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, normal_hex
from chainpilot.wire.pnc.fields import (
    MAX_ENTRIES,
    NO_QUIRKS,
    Choice,
    FieldFault,
    InexpressibleError,
    Quirk,
    Text,
    entries_of,
    object_of,
    present,
)
from chainpilot.wire.pnc.messages import CertificateHashDataChain, OcspRequestData
from chainpilot.wire.pnc.words import CertificateUse

__all__ = [
    "MAX_ASKED",
    "MAX_CHILDREN",
    "MAX_HASH",
    "MAX_SERIAL",
    "MAX_URL",
    "FlatHashes",
    "HashChains",
    "HashObject",
    "OneOcspQuestion",
    "SeveralOcspQuestions",
    "is_flat",
]

MAX_HASH: Final = 128
"""Characters of issuerNameHash and issuerKeyHash (OCPP 2.0.1 CertificateHashDataType); SHA-512 in hex fills them."""
MAX_SERIAL: Final = 40
"""Hex digits of a serial number, leading zeros left out (row 10; RFC 5280 section 4.1.2.2 allows 20 octets)."""
MAX_CHILDREN: Final = 4
"""Sub-CAs listed with a leaf (OCPP 2.0.1 CertificateHashDataChainType)."""
MAX_ASKED: Final = 4
"""Certificates of one Authorize, or of one GetCertificateStatus of dialect H."""
MAX_URL: Final = 2000
"""Characters of responderURL read at most (OCPP 2.1; 512 before)."""

_USES_WITH_CHILDREN: Final = (CertificateUse.V2G_CERTIFICATE_CHAIN, None)
_ALGORITHM: Final = Choice(HashAlgorithm)
_DIGITS: Final = Text(MAX_HASH + 2)
_URL: Final = Text(MAX_URL)
_HEX: Final = re.compile(r"(?:0[xX])?([0-9a-fA-F]+)")
_PLAIN_DIGEST: Final = re.compile(rf"[0-9a-fA-F]{{1,{MAX_HASH}}}").fullmatch
_PLAIN_SERIAL: Final = re.compile(rf"[0-9a-fA-F]{{1,{MAX_SERIAL}}}").fullmatch
_ALGORITHMS: Final = {algorithm.value: algorithm for algorithm in HashAlgorithm}


@dataclass(frozen=True, slots=True)
class HashObject:
    """One certificate."""

    def read(self, value: object, path: str) -> CertificateHashData:
        """The hash data, letter by letter as it came but for white space around it."""
        given = object_of(value, path)
        plain = _read_plain(given)
        if plain is not None:
            return plain
        algorithm = _ALGORITHM.read(present(given, "hashAlgorithm", path), f"{path}.hashAlgorithm")
        return CertificateHashData(
            hash_algorithm=algorithm,
            issuer_name_hash=_hex(present(given, "issuerNameHash", path), f"{path}.issuerNameHash"),
            issuer_key_hash=_hex(present(given, "issuerKeyHash", path), f"{path}.issuerKeyHash"),
            serial_number=_serial(present(given, "serialNumber", path), f"{path}.serialNumber"),
        )

    def write(self, value: CertificateHashData, quirks: frozenset[Quirk] = NO_QUIRKS) -> dict[str, object]:
        """The four members as they are."""
        del quirks
        return {
            "hashAlgorithm": value.hash_algorithm.value,
            "issuerNameHash": value.issuer_name_hash,
            "issuerKeyHash": value.issuer_key_hash,
            "serialNumber": value.serial_number,
        }


@dataclass(frozen=True, slots=True)
class SeveralOcspQuestions:
    """What Authorize tells of a contract's chain: leaf first."""

    needs_url: bool
    """Row 12: H may leave the responder out."""

    def read(self, value: object, path: str) -> tuple[OcspRequestData, ...]:
        """The entries; the responder is left to whoever knows the certificate where it is missing."""
        return tuple(_read_question(entry, where) for entry, where in entries_of(value, path, MAX_ASKED))

    def write(self, value: tuple[OcspRequestData, ...], quirks: frozenset[Quirk] = NO_QUIRKS) -> list[object]:
        """The entries; raises InexpressibleError for a missing responder where the dialect demands one."""
        del quirks
        return [_write_question(one, needs_url=self.needs_url) for one in value]


@dataclass(frozen=True, slots=True)
class OneOcspQuestion:
    """What GetCertificateStatus asks: an object; an array is read too (row 9)."""

    needs_url: bool

    def read(self, value: object, path: str) -> tuple[OcspRequestData, ...]:
        """The entries, at least one."""
        if not isinstance(value, list):
            return (_read_question(value, path),)
        if not value:
            raise FieldFault(path, "empty")
        return SeveralOcspQuestions(self.needs_url).read(value, path)

    def write(self, value: tuple[OcspRequestData, ...], quirks: frozenset[Quirk] = NO_QUIRKS) -> object:
        """The one entry; raises InexpressibleError for none or several."""
        del quirks
        if len(value) != 1:
            raise InexpressibleError(f"one certificate is asked about in a call, not {len(value)}")
        return _write_question(value[0], needs_url=self.needs_url)


@dataclass(frozen=True, slots=True)
class FlatHashes:
    """Installed certificates: flat hash data or chain objects are read, flat hash data is written, leaf first (row 7).

    A flat list does not say where one chain ends; every entry is read as a chain of its own, and the message's row puts
    them together where the request tells how.
    """

    uses: Choice[CertificateUse]

    def read(self, value: object, path: str) -> tuple[CertificateHashDataChain, ...]:
        """One chain per entry; a single object counts as a list of one."""
        return _read_chains(value, path, self.uses)

    def write(self, value: tuple[CertificateHashDataChain, ...], quirks: frozenset[Quirk] = NO_QUIRKS) -> list[object]:
        """Every certificate, a leaf's sub-CAs behind it; behind a root they would be taken for roots."""
        del quirks
        entries: list[object] = []
        for chain in value:
            entries.append(HashObject().write(chain.certificate_hash_data))
            if chain.certificate_type in _USES_WITH_CHILDREN:
                entries.extend(HashObject().write(child) for child in chain.child_certificate_hash_data)
        return entries


@dataclass(frozen=True, slots=True)
class HashChains:
    """Installed certificates as OCPP 2.0.1 lists them: chain objects; flat hash data is read too."""

    uses: Choice[CertificateUse]

    def read(self, value: object, path: str) -> tuple[CertificateHashDataChain, ...]:
        """One chain per entry; a single object counts as a list of one."""
        return _read_chains(value, path, self.uses)

    def write(self, value: tuple[CertificateHashDataChain, ...], quirks: frozenset[Quirk] = NO_QUIRKS) -> list[object]:
        """Chain objects, at most MAX_CHILDREN children each; raises InexpressibleError for one without a type."""
        return [self._write_chain(chain, quirks) for chain in value]

    def _write_chain(self, chain: CertificateHashDataChain, quirks: frozenset[Quirk]) -> dict[str, object]:
        if chain.certificate_type is None:
            raise InexpressibleError("this dialect tells the type of every certificate")
        written: dict[str, object] = {
            "certificateType": self.uses.write(chain.certificate_type, quirks),
            "certificateHashData": HashObject().write(chain.certificate_hash_data),
        }
        children = [HashObject().write(child) for child in chain.child_certificate_hash_data[:MAX_CHILDREN]]
        return {**written, "childCertificateHashData": children} if children else written


_HASHES: Final = HashObject()


def is_flat(chains: tuple[CertificateHashDataChain, ...]) -> bool:
    """Whether chains came as bare hash data."""
    return all(chain.certificate_type is None and not chain.child_certificate_hash_data for chain in chains)


def _read_chains(value: object, path: str, uses: Choice[CertificateUse]) -> tuple[CertificateHashDataChain, ...]:
    return tuple(_read_chain(entry, where, uses) for entry, where in entries_of(value, path, MAX_ENTRIES))


def _read_chain(entry: object, path: str, uses: Choice[CertificateUse]) -> CertificateHashDataChain:
    given = object_of(entry, path)
    if "certificateHashData" not in given:
        return CertificateHashDataChain(None, HashObject().read(given, path))
    use, children = given.get("certificateType"), given.get("childCertificateHashData")
    listed = entries_of([] if children is None else children, f"{path}.childCertificateHashData", MAX_CHILDREN)
    return CertificateHashDataChain(
        None if use is None else uses.read(use, f"{path}.certificateType"),
        HashObject().read(given["certificateHashData"], f"{path}.certificateHashData"),
        tuple(HashObject().read(child, where) for child, where in listed),
    )


def _read_plain(given: dict[str, object]) -> CertificateHashData | None:
    """Hash data that is as it should be, as nearly all is; None leaves it to whoever reads every variant or objects."""
    word, name, key = given.get("hashAlgorithm"), given.get("issuerNameHash"), given.get("issuerKeyHash")
    serial = given.get("serialNumber")
    if not (isinstance(word, str) and isinstance(name, str) and isinstance(key, str) and isinstance(serial, str)):
        return None
    algorithm = _ALGORITHMS.get(word)
    is_plain = _PLAIN_DIGEST(name) and _PLAIN_DIGEST(key) and _PLAIN_SERIAL(serial)
    return CertificateHashData(algorithm, name, key, serial) if algorithm is not None and is_plain else None


def _read_question(value: object, path: str) -> OcspRequestData:
    given = object_of(value, path)
    url = given.get("responderURL")
    hashes = _read_plain(given) or _HASHES.read(given, path)
    return OcspRequestData(hashes, None if url is None else _URL.read(url, f"{path}.responderURL"))


def _write_question(question: OcspRequestData, *, needs_url: bool) -> dict[str, object]:
    written = HashObject().write(question.certificate_hash_data)
    if question.responder_url is not None:
        return {**written, "responderURL": question.responder_url}
    if needs_url:
        raise InexpressibleError("this dialect demands the responder's URL")
    return written


def _hex(value: object, path: str) -> str:
    """Digits, with `0x` before them or without."""
    text = _DIGITS.read(value, path).strip()
    found = _HEX.fullmatch(text)
    if found is None:
        raise FieldFault(path, "not hexadecimal")
    if len(found[1]) > MAX_HASH:
        raise FieldFault(path, f"{len(found[1])} digits; at most {MAX_HASH} are read")
    return text


def _serial(value: object, path: str) -> str:
    text = _hex(value, path)
    digits = len(normal_hex(text))
    if digits > MAX_SERIAL:
        raise FieldFault(path, f"{digits} digits; at most {MAX_SERIAL} are read")
    return text
