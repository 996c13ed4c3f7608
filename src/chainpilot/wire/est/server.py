"""The server's half of EST: requests read strictly, answers written as the strictest client reads them.

Who is logged in, which CA signs and whether a name is registered are not handled here.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.csr import Csr, CsrError, inspect_csr
from chainpilot.pki.pkcs7 import write_certs_only
from chainpilot.wire.est.bodies import BodyError, decode_body, encode_body
from chainpilot.wire.est.messages import Headers, HttpResponse, media_type
from chainpilot.wire.est.paths import Operation, Route

__all__ = [
    "MAX_REQUEST",
    "CacertsOperation",
    "EnrollOperation",
    "read_request",
    "write_cacerts",
    "write_issued",
    "write_pending",
    "write_refusal",
    "write_unauthorized",
]

MAX_REQUEST: Final = 64 * 1024
"""Bytes of a request body read at most (est-opcp-ocsp.md section 1); a P-256 CSR takes about 700."""
_METHODS: Final = {Operation.CACERTS: "GET", Operation.SIMPLEENROLL: "POST"}
_PKCS10: Final = "application/pkcs10"


class CacertsOperation(msgspec.Struct, frozen=True):
    """Somebody asks for the certificates of the CA under `label`."""

    label: str


class EnrollOperation(msgspec.Struct, frozen=True):
    """Somebody who holds the key of `csr` asks the CA under `label` for a certificate."""

    label: str
    csr: Csr


def read_request(
    method: str, path: str, content_type: str | None, body: bytes, routes: Mapping[str, Route]
) -> EnrollOperation | CacertsOperation | HttpResponse:
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
    if route.operation is Operation.CACERTS:
        return CacertsOperation(route.label)
    if media_type(content_type)[0] != _PKCS10:
        return write_refusal(415, f"the body of simpleenroll is {_PKCS10}")
    return _read_enroll(route.label, body)


def write_cacerts(certificates: Sequence[Certificate]) -> HttpResponse:
    """The CA's certificates; the content type bare, since an old client compares it exactly."""
    return _success("application/pkcs7-mime", certificates)


def write_issued(certificate: Certificate) -> HttpResponse:
    """The issued certificate, alone in its bag (RFC 7030 section 4.2.3)."""
    return _success("application/pkcs7-mime; smime-type=certs-only", (certificate,))


def write_pending(retry_after: int, why: str) -> HttpResponse:
    """Not decided: the same CSR shall come again in `retry_after` seconds."""
    return write_refusal(202, why, (("Retry-After", str(retry_after)),))


def write_refusal(status: int, why: str, more: Headers = ()) -> HttpResponse:
    """An answer in words."""
    body = f"{why}\n".encode()
    headers = (("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), *more)
    return HttpResponse(status, headers, body)


def write_unauthorized(realm: str) -> HttpResponse:
    """The login is missing or wrong; which of the two isn't told (RFC 7617 section 2)."""
    return write_refusal(401, "log in with HTTP Basic", (("WWW-Authenticate", f'Basic realm="{realm}"'),))


def _read_enroll(label: str, body: bytes) -> EnrollOperation | HttpResponse:
    try:
        return EnrollOperation(label, inspect_csr(decode_body(body, limit=MAX_REQUEST)))
    except (BodyError, CsrError) as error:
        return write_refusal(400, str(error))


def _success(content_type: str, certificates: Sequence[Certificate]) -> HttpResponse:
    body = encode_body(write_certs_only(certificates))
    headers = (
        ("Content-Type", content_type),
        ("Content-Transfer-Encoding", "base64"),
        ("Content-Length", str(len(body))),
    )
    return HttpResponse(200, headers, body)
