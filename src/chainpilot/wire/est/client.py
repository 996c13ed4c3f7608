"""The client's half of EST: requests to send, and what the answers mean (RFC 7030 sections 4.1 and 4.2).

Logins and redirects are not handled here: the one belongs to the connection, the other is never followed.
"""

from datetime import datetime, timedelta
from enum import Enum
from typing import Final

import msgspec

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.der import DerError, decode_oid, read_all
from chainpilot.pki.pkcs7 import Pkcs7Error, read_certs_only
from chainpilot.wire.est.bodies import BodyError, decode_body, encode_body
from chainpilot.wire.est.complaints import read_complaint
from chainpilot.wire.est.messages import HttpRequest, HttpResponse, header, media_type, retry_moment
from chainpilot.wire.est.paths import PKCS7_MIME, EstPaths

__all__ = [
    "DEFAULT_RETRY_AFTER",
    "MAX_ANSWER",
    "EstRefusal",
    "Issued",
    "Pending",
    "RefusalKind",
    "RetryClass",
    "cacerts_request",
    "csrattrs_request",
    "judge_cacerts",
    "judge_csrattrs",
    "judge_enroll",
    "simpleenroll_request",
    "simplereenroll_request",
]

MAX_ANSWER: Final = 256 * 1024
"""Bytes of an answer read at most: 64 certificates of 2 kB in base64; a real bag holds under ten."""
DEFAULT_RETRY_AFTER: Final = timedelta(minutes=10)
"""The wait after a 202 that names none; RFC 7030 section 4.2.3 demands the field, some servers forget it."""
_BAG_TYPES: Final = frozenset({PKCS7_MIME})
_CSRATTRS: Final = "application/csrattrs"
_SEQUENCE: Final = 0x30


class RetryClass(Enum):
    """When another try is worth it (product.md section 2); values as the CPMS writes them."""

    BY_ITSELF = "by-itself"
    AFTER_A_CHANGE = "after-a-change"
    NEVER = "never"


class RefusalKind(Enum):
    """What sort of answer stands in place of a certificate."""

    LOGIN = "login"
    """401: our credential is refused."""
    FORBIDDEN = "forbidden"
    """403: we are known, but may not have this."""
    REQUEST = "request"
    """Another 4xx: this request, or where we sent it, is wrong."""
    LIMITED = "limited"
    """429: too many requests."""
    SERVER = "server"
    """5xx: the server says that it failed."""
    GATEWAY = "gateway"
    """502 or 504 from a proxy: what stands behind it may have acted on the request."""
    REDIRECT = "redirect"
    """3xx: never followed, since a login would go with it (est-opcp-ocsp.md section 1)."""
    UNREADABLE = "unreadable"
    """A success by its status, but of another content type or not readable."""


class Issued(msgspec.Struct, frozen=True):
    """200: the bag that came; the leaf is the certificate whose key is the CSR's, in whatever place."""

    certificates: tuple[Certificate, ...]


class Pending(msgspec.Struct, frozen=True):
    """202: post the same CSR again, not before `retry_at` (UTC); `why` quotes the server."""

    retry_at: datetime
    why: str


class EstRefusal(msgspec.Struct, frozen=True):
    """An answer that is no certificate; `message` and `trace_id` quote the server, bounded and printable."""

    kind: RefusalKind
    status: int
    retry: RetryClass
    message: str
    trace_id: str | None = None
    retry_at: datetime | None = None

    @property
    def may_have_signed(self) -> bool:
        """Whether a simpleenroll answered so may have made a certificate (RFC 9110 sections 15.5.9 and 15.6).

        A server error or time-out can come after the signature. 503 with Retry-After is the one that says when to
        ask again, hence that nothing was done.
        """
        told_to_wait = self.status == 503 and self.retry_at is not None
        return (self.status == 408 or self.status >= 500) and not told_to_wait


_CLASSES: Final[dict[int, tuple[RefusalKind, RetryClass]]] = {
    400: (RefusalKind.REQUEST, RetryClass.NEVER),
    401: (RefusalKind.LOGIN, RetryClass.AFTER_A_CHANGE),
    403: (RefusalKind.FORBIDDEN, RetryClass.AFTER_A_CHANGE),
    408: (RefusalKind.SERVER, RetryClass.BY_ITSELF),
    413: (RefusalKind.REQUEST, RetryClass.NEVER),
    422: (RefusalKind.REQUEST, RetryClass.NEVER),
    425: (RefusalKind.SERVER, RetryClass.BY_ITSELF),
    429: (RefusalKind.LIMITED, RetryClass.BY_ITSELF),
    501: (RefusalKind.SERVER, RetryClass.AFTER_A_CHANGE),
    502: (RefusalKind.GATEWAY, RetryClass.BY_ITSELF),
    504: (RefusalKind.GATEWAY, RetryClass.BY_ITSELF),
    505: (RefusalKind.SERVER, RetryClass.AFTER_A_CHANGE),
}
"""Statuses with a meaning of their own: NEVER refuses the CSR itself, AFTER_A_CHANGE wants a person."""
_HUNDREDS: Final[dict[int, tuple[RefusalKind, RetryClass]]] = {
    3: (RefusalKind.REDIRECT, RetryClass.AFTER_A_CHANGE),
    4: (RefusalKind.REQUEST, RetryClass.AFTER_A_CHANGE),
    5: (RefusalKind.SERVER, RetryClass.BY_ITSELF),
}


def cacerts_request(paths: EstPaths) -> HttpRequest:
    """Ask for the CA's certificates."""
    return HttpRequest("GET", paths.cacerts, paths.cacerts_fields)


def csrattrs_request(paths: EstPaths) -> HttpRequest:
    """Ask what the CA wants in a CSR (RFC 7030 section 4.5); only where `paths` has it."""
    return HttpRequest("GET", paths.csrattrs, (("Accept", _CSRATTRS),))


def simpleenroll_request(paths: EstPaths, csr_der: bytes) -> HttpRequest:
    """Ask for a certificate; the body is written as the strictest server reads it."""
    return _post(paths.simpleenroll, paths.enroll_accept, csr_der)


def simplereenroll_request(paths: EstPaths, csr_der: bytes) -> HttpRequest:
    """Ask for a certificate that follows the one which the TLS connection shows (RFC 7030 section 4.2.2).

    Only where `paths` has it. The CSR's subject and alternative names are those of that certificate, letter for letter.
    """
    return _post(paths.simplereenroll, paths.enroll_accept, csr_der)


def _post(path: str, accept: str, csr_der: bytes) -> HttpRequest:
    body = encode_body(csr_der)
    headers = (
        ("Accept", accept),
        ("Content-Type", "application/pkcs10"),
        ("Content-Transfer-Encoding", "base64"),
        ("Content-Length", str(len(body))),
    )
    return HttpRequest("POST", path, headers, body)


def judge_cacerts(
    response: HttpResponse, at: datetime, types: frozenset[str] = _BAG_TYPES
) -> tuple[Certificate, ...] | EstRefusal:
    """The certificates of a cacerts answer received at `at` (UTC), in no order; or why there are none.

    `types` are the content types that it may have.
    """
    return _bag(response, types) if response.status == 200 else _refusal(response, at)


def judge_csrattrs(response: HttpResponse, at: datetime) -> tuple[str, ...] | EstRefusal:
    """The object identifiers that the CA asks for, dotted, attributes by their type; empty where it asks for nothing.

    204 and 404 mean that (RFC 7030 section 4.5.2). What an attribute's values are is not read here.
    """
    if response.status in (204, 404):
        return ()
    if response.status != 200:
        return _refusal(response, at)
    kind, _ = media_type(header(response.headers, "Content-Type"))
    if kind != _CSRATTRS:
        return _other_type(response, _CSRATTRS)
    try:
        return _attribute_types(decode_body(response.body, limit=MAX_ANSWER))
    except (BodyError, DerError) as error:
        return _unreadable(response, str(error))


def judge_enroll(
    response: HttpResponse, at: datetime, types: frozenset[str] = _BAG_TYPES
) -> Issued | Pending | EstRefusal:
    """What a simpleenroll or simplereenroll answer received at `at` (UTC) gives. The leaf is not picked here."""
    match response.status:
        case 200:
            bag = _bag(response, types)
            return bag if isinstance(bag, EstRefusal) else Issued(bag)
        case 202:
            moment = retry_moment(response.headers, at)
            return Pending(moment or at + DEFAULT_RETRY_AFTER, read_complaint(response).message)
        case _:
            return _refusal(response, at)


def _bag(response: HttpResponse, types: frozenset[str]) -> tuple[Certificate, ...] | EstRefusal:
    kind, parameters = media_type(header(response.headers, "Content-Type"))
    if kind not in types or parameters.get("smime-type", "certs-only") != "certs-only":
        return _other_type(response, PKCS7_MIME)
    try:
        certificates = read_certs_only(decode_body(response.body, limit=MAX_ANSWER))
    except (BodyError, Pkcs7Error) as error:
        return _unreadable(response, str(error))
    return certificates or _unreadable(response, "the answer holds no certificate")


def _attribute_types(der: bytes) -> tuple[str, ...]:
    """CsrAttrs ::= SEQUENCE OF CHOICE { oid, Attribute { type, values } } (RFC 7030 section 4.5.2). Raises DerError."""
    found: list[str] = []
    for outer in read_all(der):
        if outer.tag != _SEQUENCE:
            raise DerError("CSR attributes are a SEQUENCE")
        for one in outer.children():
            element = next(iter(one.children()), None) if one.tag == _SEQUENCE else one
            if element is None:
                raise DerError("an attribute without a type")
            found.append(decode_oid(element))
    return tuple(dict.fromkeys(found))


def _other_type(response: HttpResponse, wanted: str) -> EstRefusal:
    shown = ascii(header(response.headers, "Content-Type"))[:100]
    return _unreadable(response, f"the answer's content type is {shown}, not {wanted}")


def _unreadable(response: HttpResponse, why: str) -> EstRefusal:
    return EstRefusal(RefusalKind.UNREADABLE, response.status, RetryClass.AFTER_A_CHANGE, why)


def _refusal(response: HttpResponse, at: datetime) -> EstRefusal:
    status = response.status
    kind, retry = _CLASSES.get(status) or _HUNDREDS.get(
        status // 100, (RefusalKind.UNREADABLE, RetryClass.AFTER_A_CHANGE)
    )
    if kind is RefusalKind.REDIRECT:
        target = ascii(header(response.headers, "Location"))[:200]
        return EstRefusal(kind, status, retry, f"it points to {target}, and redirects are not followed")
    complaint = read_complaint(response)
    retry_at = retry_moment(response.headers, at) if retry is RetryClass.BY_ITSELF else None
    return EstRefusal(kind, status, retry, complaint.message, complaint.trace_id, retry_at)
