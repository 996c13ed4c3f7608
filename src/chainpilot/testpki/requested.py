"""What a signing request asks for beside its subject and key, as raw bytes. NEVER for production.

`cryptography` reads all extensions at once and refuses some that real certificates have (x509.md duty 7).
"""

from collections.abc import Iterable
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.csr import Csr
from chainpilot.pki.der import Element, decode_oid, read_one, read_signed

__all__ = ["alternative_names", "requested_names"]

_ALTERNATIVE_NAMES: Final = "2.5.29.17"
_EXTENSION_REQUEST: Final = "1.2.840.113549.1.9.14"
_CERTIFICATE_EXTENSIONS: Final = 0xA3
_ATTRIBUTES: Final = 0xA0


def alternative_names(certificate: Certificate) -> bytes | None:
    """The DER of a certificate's subject alternative name; None when it has none. Raises DerError."""
    wrapped = [field for field in read_signed(certificate.der).children() if field.tag == _CERTIFICATE_EXTENSIONS]
    return _names_in(read_one(field.content) for field in wrapped)


def requested_names(csr: Csr) -> bytes | None:
    """The DER of the subject alternative name that a request asks for; None when it asks for none. Raises DerError."""
    fields = [field for field in read_signed(csr.der).children() if field.tag == _ATTRIBUTES]
    pairs = [attribute.children() for field in fields for attribute in field.children()]
    asked = [pair[1] for pair in pairs if len(pair) == 2 and decode_oid(pair[0]) == _EXTENSION_REQUEST]
    return _names_in(extensions for values in asked for extensions in values.children())


def _names_in(lists: Iterable[Element]) -> bytes | None:
    parts = (extension.children() for extensions in lists for extension in extensions.children())
    return next((part[-1].content for part in parts if part and decode_oid(part[0]) == _ALTERNATIVE_NAMES), None)
