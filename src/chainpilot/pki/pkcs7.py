"""Certs-only PKCS#7 bags, as EST carries certificates (RFC 7030 section 4.1.3, RFC 5652).

The order inside is a SET's and means nothing. Our own reader, since `cryptography`'s warns on unsorted bags and may
start to raise; signatures and CRLs in a bag are passed over.
"""

from collections.abc import Iterable
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from chainpilot.errors import PeerError
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate
from chainpilot.pki.chain import MAX_CERTIFICATES
from chainpilot.pki.der import DerError, Element, decode_oid, read_all

__all__ = ["MAX_BAG_BYTES", "Pkcs7Error", "read_certs_only", "write_certs_only"]

MAX_BAG_BYTES: Final = 256 * 1024
"""DER bytes read at most: MAX_CERTIFICATES of several thousand bytes each."""
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_SEQUENCE: Final = 0x30
_CERTIFICATES: Final = 0xA0


class Pkcs7Error(PeerError):
    """Bytes are not a certs-only bag we can read; `why` says what is wrong."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not a readable PKCS#7 bag: {why}")
        self.why = why


def read_certs_only(data: bytes) -> tuple[Certificate, ...]:
    """The certificates of a SignedData in DER or BER, in an order that means nothing, each once.

    Raises:
        Pkcs7Error: too long, not SignedData, no certificate, too many, or one that can't be read.
    """
    if len(data) > MAX_BAG_BYTES:
        raise Pkcs7Error(f"{len(data)} bytes; at most {MAX_BAG_BYTES} are read")
    try:
        elements = _certificate_elements(data)
        if not 0 < len(elements) <= MAX_CERTIFICATES:
            raise Pkcs7Error(f"{len(elements)} certificates; 1 to {MAX_CERTIFICATES} are read")
        return tuple(dict.fromkeys(load_certificate(element.encoding) for element in elements))
    except DerError as error:
        raise Pkcs7Error(error.why) from error
    except CertificateError as error:
        raise Pkcs7Error(str(error)) from error


def write_certs_only(certificates: Iterable[Certificate]) -> bytes:
    """A DER SignedData with these certificates and no signature; DER sorts them by their bytes."""
    parsed = [x509.load_der_x509_certificate(certificate.der) for certificate in certificates]
    return pkcs7.serialize_certificates(parsed, Encoding.DER)


def _certificate_elements(data: bytes) -> tuple[Element, ...]:
    """ContentInfo { signedData, [0] SignedData { version, digests, content, [0] certificates ... } }."""
    outer = next(read_all(data), None)
    if outer is None or outer.tag != _SEQUENCE:
        raise Pkcs7Error("it is no ASN.1 sequence")
    content_info = outer.children()
    if len(content_info) != 2 or decode_oid(content_info[0]) != _SIGNED_DATA:
        raise Pkcs7Error("it is not SignedData")
    fields = (field for signed_data in content_info[1].children() for field in signed_data.children())
    bag = next((field for field in fields if field.tag == _CERTIFICATES), None)
    return tuple(element for element in bag.children() if element.tag == _SEQUENCE) if bag is not None else ()
