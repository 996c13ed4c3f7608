"""Every object of an input, read; the one entrance to this package."""

from collections.abc import Callable
from typing import Final

from cryptography.x509 import load_der_x509_csr

from chainpilot.errors import PeerError
from chainpilot.pki.artifact.armour import Piece, unwrap
from chainpilot.pki.artifact.keys import read_private_key, read_public_key
from chainpilot.pki.artifact.shapes import Kind, kind_of, kind_of_label
from chainpilot.pki.artifact.values import (
    Bag,
    Item,
    OcspAnswer,
    Parameters,
    RevocationList,
    SigningRequest,
    Unreadable,
    Value,
)
from chainpilot.pki.certificate import load_certificate
from chainpilot.pki.crl import load_crl
from chainpilot.pki.csr import CsrDefect, CsrError, inspect_csr
from chainpilot.pki.der import DerError, decode_oid, read_all, read_one, read_signed
from chainpilot.pki.identity import DistinguishedName, read_name
from chainpilot.pki.keys import spki_hash
from chainpilot.pki.ocsp import Indeterminate, read_request, read_response
from chainpilot.pki.pkcs7 import read_certs_only

__all__ = ["read_artifacts"]

_CURVES: Final = {
    "1.2.840.10045.3.1.7": "P-256",
    "1.3.132.0.34": "P-384",
    "1.3.132.0.35": "P-521",
    "1.3.132.0.10": "secp256k1",
}
_CMS_TYPES: Final = {
    "1.2.840.113549.1.7.1": "plain data",
    "1.2.840.113549.1.7.3": "encrypted data for somebody (EnvelopedData)",
    "1.2.840.113549.1.7.6": "encrypted data",
}


def read_artifacts(data: bytes) -> tuple[Item, ...]:
    """Every object in the order it stands, at least one; one that can't be read says why in its place.

    Raises:
        ArtifactError: too long, too many, or nothing we know; it says what the bytes look like.
    """
    return tuple(map(_item, unwrap(data)))


def _item(piece: Piece) -> Item:
    said = kind_of_label(piece.label) if piece.label is not None else Kind.UNKNOWN
    if piece.defect is not None:
        return Item(piece.carrier, piece.label, said, Unreadable(said, piece.defect))
    piece, behind = _without_rest(piece)
    seen = Kind.PRIVATE_KEY if said is Kind.PRIVATE_KEY else kind_of(piece.data)
    kind = seen if seen is not Kind.UNKNOWN else said
    remark = behind
    if piece.label is not None and said is not kind:
        remark = f"its armour says {piece.label}, and inside is {kind.words}"
    return Item(piece.carrier, piece.label, kind, _value(kind, piece), remark)


def _without_rest(piece: Piece) -> tuple[Piece, str | None]:
    """The piece's first value alone, and what is wrong with what follows it in the same armour."""
    if piece.label is None or piece.cipher is not None or not piece.data.startswith(b"\x30"):
        return piece, None
    try:
        first = next(read_all(piece.data)).encoding
    except DerError:
        return piece, None
    left = len(piece.data) - len(first)
    alone = Piece(piece.carrier, piece.label, first)
    if not left or piece.label == "TRUSTED CERTIFICATE":  # openssl x509 -trustout puts its settings behind
        return alone, None
    return alone, f"{left} {'byte follows' if left == 1 else 'bytes follow'} the end of the value in the same block"


def _value(kind: Kind, piece: Piece) -> Value:
    try:
        return _READERS[kind](piece)
    except PeerError as error:
        return Unreadable(kind, str(error))


def _bag(piece: Piece) -> Value:
    content_type = decode_oid(next(read_all(read_one(piece.data).content)))
    if content_type in _CMS_TYPES:
        return Unreadable(Kind.PKCS7, f"it holds {_CMS_TYPES[content_type]}, not certificates")
    return Bag(read_certs_only(piece.data))


def _request(piece: Piece) -> Value:
    try:
        csr = inspect_csr(piece.data)
    except CsrError as error:
        if error.defect is CsrDefect.UNREADABLE:
            return Unreadable(Kind.SIGNING_REQUEST, error.detail)
        return _refused(piece.data, error)
    return SigningRequest(csr.der, csr.subject, csr.subject_name, csr.public_key, csr.spki_hash, csr.extensions)


def _refused(der: bytes, error: CsrError) -> SigningRequest:
    """The request as it reads, since only a whole one is refused for another reason."""
    key = load_der_x509_csr(der).public_key()
    name = read_name(read_signed(der).children()[1])
    subject = DistinguishedName.from_name(name)
    return SigningRequest(der, subject, name, key, spki_hash(key), None, error.defect, error.detail)


def _crl(piece: Piece) -> Value:
    crl = load_crl(piece.data)
    fields = read_one(crl.signed.content).children()
    version = 1 if fields[0].tag == 0x02 else 0
    return RevocationList(crl, read_name(fields[version + 1]))


def _ocsp_request(piece: Piece) -> Value:
    asked = read_request(piece.data)
    return Unreadable(Kind.OCSP_REQUEST, asked.detail) if isinstance(asked, Indeterminate) else asked


def _ocsp_response(piece: Piece) -> Value:
    summary = read_response(piece.data)
    if isinstance(summary, Indeterminate):
        return Unreadable(Kind.OCSP_RESPONSE, summary.detail)
    return OcspAnswer(piece.data, summary)


def _parameters(piece: Piece) -> Value:
    if not piece.data.startswith(b"\x06"):
        return Parameters(f"{(piece.label or '').removesuffix(' PARAMETERS')} parameters, all spelled out")
    name = decode_oid(read_one(piece.data))
    return Parameters(f"the curve {_CURVES.get(name, name)}")


def _pkcs12(piece: Piece) -> Value:
    del piece
    return Unreadable(
        Kind.PKCS12,
        "its content is encrypted; take the certificates out with openssl pkcs12 -in FILE -nokeys -out FILE.pem",
    )


def _unknown(piece: Piece) -> Value:
    if piece.label is not None:
        return Unreadable(Kind.UNKNOWN, f"a block of {piece.label} is not explained here")
    return Unreadable(Kind.UNKNOWN, f"it is ASN.1 of {len(piece.data)} bytes, but of no kind we know")


_READERS: Final[dict[Kind, Callable[[Piece], Value]]] = {
    Kind.CERTIFICATE: lambda piece: load_certificate(piece.data),
    Kind.SIGNING_REQUEST: _request,
    Kind.PKCS7: _bag,
    Kind.CRL: _crl,
    Kind.OCSP_REQUEST: _ocsp_request,
    Kind.OCSP_RESPONSE: _ocsp_response,
    Kind.PRIVATE_KEY: read_private_key,
    Kind.PUBLIC_KEY: read_public_key,
    Kind.PARAMETERS: _parameters,
    Kind.PKCS12: _pkcs12,
    Kind.UNKNOWN: _unknown,
}
