"""The server's half of EST: requests read strictly, answers written as the strictest client reads them.

Who is logged in, which CA signs and whether a name is registered are not handled here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.csr import Csr, CsrError, inspect_csr
from chainpilot.pki.keys import KeySpec
from chainpilot.pki.pkcs7 import write_certs_only
from chainpilot.wire.est.bodies import BodyError, decode_body, encode_body
from chainpilot.wire.est.messages import Headers, HttpResponse, media_type
from chainpilot.wire.est.paths import Operation, Route

__all__ = [
    "MAX_REQUEST",
    "CacertsOperation",
    "CsrAttrsOperation",
    "EnrollOperation",
    "EstRequest",
    "ReenrollOperation",
    "read_request",
    "write_cacerts",
    "write_csrattrs",
    "write_issued",
    "write_pending",
    "write_refusal",
    "write_unauthorized",
]

MAX_REQUEST: Final = 64 * 1024
"""Bytes of a request body read at most (est-opcp-ocsp.md section 1); a P-256 CSR takes about 700."""
_METHODS: Final = {
    Operation.CACERTS: "GET",
    Operation.CSRATTRS: "GET",
    Operation.SIMPLEENROLL: "POST",
    Operation.SIMPLEREENROLL: "POST",
}
_PKCS10: Final = "application/pkcs10"
_MAX_SHORT: Final = 127
"""Bytes that a DER length of one octet counts (X.690 section 8.1.3.4)."""
_CURVE_KEY: Final = "06072a8648ce3d0201"
"""id-ecPublicKey (RFC 5480 section 2.1.1)."""
_RSA_KEY: Final = "06092a864886f70d010101"
_RSA_SHA256: Final = "06092a864886f70d01010b"
_ATTRIBUTES: Final = {
    KeySpec.P256: bytes.fromhex(f"3015{_CURVE_KEY}310a06082a8648ce3d030107" + "06082a8648ce3d040302"),
    KeySpec.P384: bytes.fromhex(f"3012{_CURVE_KEY}310706052b81040022" + "06082a8648ce3d040303"),
    KeySpec.P521: bytes.fromhex(f"3012{_CURVE_KEY}310706052b81040023" + "06082a8648ce3d040304"),
    KeySpec.ED25519: bytes.fromhex("06032b6570"),
    KeySpec.ED448: bytes.fromhex("06032b6571"),
    KeySpec.RSA2048: bytes.fromhex(f"3011{_RSA_KEY}310402020800{_RSA_SHA256}"),
    KeySpec.RSA3072: bytes.fromhex(f"3011{_RSA_KEY}310402020c00{_RSA_SHA256}"),
    KeySpec.RSA4096: bytes.fromhex(f"3011{_RSA_KEY}310402021000{_RSA_SHA256}"),
}
"""How CSR attributes ask for a kind of key and its signature (RFC 9908 section 3.2): an Attribute with the curve or the
RSA size and the signature's identifier; for Ed25519 and Ed448 one identifier means both (RFC 8410 section 3)."""


class CacertsOperation(msgspec.Struct, frozen=True):
    """Somebody asks for the certificates of the CA under `label`."""

    label: str


class EnrollOperation(msgspec.Struct, frozen=True):
    """Somebody who holds the key of `csr` asks the CA under `label` for a certificate."""

    label: str
    csr: Csr


class ReenrollOperation(msgspec.Struct, frozen=True):
    """Somebody who holds the key of `csr` asks the CA under `label` to renew or rekey a certificate it issued.

    That the certificate is at hand and names the same is the server's to check (RFC 7030 section 4.2.2).
    """

    label: str
    csr: Csr


class CsrAttrsOperation(msgspec.Struct, frozen=True):
    """Somebody asks what a request to the CA under `label` should hold."""

    label: str


_WITHOUT_BODY: Final[dict[Operation, type[CacertsOperation] | type[CsrAttrsOperation]]] = {
    Operation.CACERTS: CacertsOperation,
    Operation.CSRATTRS: CsrAttrsOperation,
}
EstRequest = EnrollOperation | ReenrollOperation | CacertsOperation | CsrAttrsOperation


def read_request(
    method: str, path: str, content_type: str | None, body: bytes, routes: Mapping[str, Route]
) -> EstRequest | HttpResponse:
    """What a request asks for, or the refusal to send.

    Args:
        method: as sent, in capitals.
        path: the path with its query, percent-encoded as sent.
        content_type: the field's value; None when absent.
        body: whole, or its first bytes beyond `MAX_REQUEST`, so that its excess shows.
        routes: from `chainpilot.wire.est.paths.routes`.
    """
    route = routes.get(path)
    if route is None:
        return write_refusal(404, "no EST operation under this path, or an unknown label")
    expected = _METHODS[route.operation]
    if method != expected:
        why = f"{route.operation.value} is asked for by {expected}"
        return write_refusal(405, why, (("Allow", expected),))
    if len(body) > MAX_REQUEST:
        return write_refusal(413, f"a body has at most {MAX_REQUEST} bytes")
    if (operation := _WITHOUT_BODY.get(route.operation)) is not None:
        return operation(route.label)
    if media_type(content_type)[0] != _PKCS10:
        return write_refusal(415, f"the body of {route.operation.value} is {_PKCS10}")
    return _read_enroll(route, body)


def write_cacerts(certificates: Sequence[Certificate]) -> HttpResponse:
    """The CA's certificates; the content type bare, since an old client compares it exactly."""
    return _success("application/pkcs7-mime", certificates)


def write_issued(certificate: Certificate) -> HttpResponse:
    """The issued certificate, alone in its bag (RFC 7030 section 4.2.3)."""
    return _success("application/pkcs7-mime; smime-type=certs-only", (certificate,))


def write_csrattrs(keys: Iterable[KeySpec]) -> HttpResponse:
    """What a request should hold: one of these kinds of keys, signed as it signs (RFC 7030 section 4.5.2, RFC 9908)."""
    inside = b"".join(_ATTRIBUTES[spec] for spec in keys)
    if len(inside) > _MAX_SHORT:
        raise ValueError("more kinds of keys than a length of one octet counts")
    return _success_of("application/csrattrs", bytes((0x30, len(inside))) + inside)


def write_pending(retry_after: int, why: str) -> HttpResponse:
    """Not decided: the same CSR shall come again in `retry_after` seconds."""
    return write_refusal(202, why, (("Retry-After", str(retry_after)),))


def write_refusal(status: int, why: str, more: Headers = ()) -> HttpResponse:
    """An answer in words."""
    body = f"{why}\n".encode()
    headers = (("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), *more)
    return HttpResponse(status, headers, body)


def write_unauthorized(realm: str, why: str = "") -> HttpResponse:
    """The login is missing or wrong; which of the two isn't told (RFC 7617 section 2, RFC 6750 section 3).

    Args:
        realm: whose login is asked for.
        why: what is wrong with a client certificate, whose holder has proved to have its key and may know.
    """
    challenges = tuple(("WWW-Authenticate", f'{scheme} realm="{realm}"') for scheme in ("Basic", "Bearer"))
    asked = "log in with HTTP Basic, a bearer token or a client certificate"
    return write_refusal(401, f"{why}; {asked}" if why else asked, challenges)


def _read_enroll(route: Route, body: bytes) -> EnrollOperation | ReenrollOperation | HttpResponse:
    try:
        csr = inspect_csr(decode_body(body, limit=MAX_REQUEST))
    except (BodyError, CsrError) as error:
        return write_refusal(400, str(error))
    if route.operation is Operation.SIMPLEREENROLL:
        return ReenrollOperation(route.label, csr)
    return EnrollOperation(route.label, csr)


def _success(content_type: str, certificates: Sequence[Certificate]) -> HttpResponse:
    return _success_of(content_type, write_certs_only(certificates))


def _success_of(content_type: str, der: bytes) -> HttpResponse:
    body = encode_body(der)
    headers = (
        ("Content-Type", content_type),
        ("Content-Transfer-Encoding", "base64"),
        ("Content-Length", str(len(body))),
    )
    return HttpResponse(200, headers, body)
