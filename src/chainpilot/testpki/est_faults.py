"""What the faults of the EST server do to its answers. NEVER for production."""

import base64
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from chainpilot.pki.certificate import Certificate
from chainpilot.testpki.derwriter import integer, sequence, tlv
from chainpilot.testpki.faults import Fault, Faults
from chainpilot.wire.est.bodies import decode_body, encode_body
from chainpilot.wire.est.messages import Headers, HttpResponse, header
from chainpilot.wire.est.paths import Operation
from chainpilot.wire.est.server import write_refusal, write_unauthorized

__all__ = ["FOREIGN_ORIGIN", "refusal_by_fault", "shuffled", "spoilt"]

FOREIGN_ORIGIN: Final = "https://attacker.test"
"""Where a redirect leads; the top-level domain test resolves to nothing (RFC 6761 section 6.2)."""
_MAX_BODY: Final = 256 * 1024
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
_DATA: Final = bytes.fromhex("06092a864886f70d010701")
_SAID: Final = b'{"errorMessages":["the name is not registered with the registration authority"],"traceId":"test-4711"}'
_PAGE: Final = b"<!DOCTYPE html><title>Maintenance</title>\n"


def refusal_by_fault(faults: Faults, operation: Operation | None, path: str, realm: str) -> HttpResponse | None:
    """The answer that is given instead of any other; None when no such fault is on."""
    answers: dict[Fault, Callable[[], HttpResponse]] = {
        Fault.UNAUTHORIZED: lambda: write_unauthorized(realm),
        Fault.FORBIDDEN: lambda: _with(write_refusal(403, ""), _SAID, "application/json"),
        Fault.BUSY: lambda: write_refusal(503, "too much to do", (("Retry-After", "1"),)),
        Fault.SERVER_ERROR: lambda: write_refusal(500, "something broke"),
        Fault.REDIRECT: lambda: write_refusal(307, "look there", (("Location", f"{FOREIGN_ORIGIN}{path}"),)),
    }
    return next((answer() for fault, answer in answers.items() if faults.strikes(fault, operation)), None)


def spoilt(faults: Faults, operation: Operation | None, answer: HttpResponse) -> HttpResponse:
    """The answer with what is done to bodies of success."""
    if answer.status != 200:
        return answer
    der = decode_body(answer.body, limit=_MAX_BODY)
    changes: dict[Fault, Callable[[], HttpResponse]] = {
        Fault.GARBAGE: lambda: _with(answer, encode_body(b"\x30\x03\x02\x01\x2a")),
        Fault.OTHER_TYPE: lambda: _with(answer, _PAGE, "text/html"),
        Fault.PEM_BODY: lambda: _with(answer, b"-----BEGIN PKCS7-----\n" + encode_body(der) + b"-----END PKCS7-----\n"),
        Fault.RAW_BODY: lambda: _with(answer, der),
        Fault.UNWRAPPED_BODY: lambda: _with(answer, base64.b64encode(der) + b"\x00"),
    }
    return next((change() for fault, change in changes.items() if faults.strikes(fault, operation)), answer)


def shuffled(answer: HttpResponse, certificates: Sequence[Certificate]) -> HttpResponse:
    """The answer with these certificates in a bag that nobody has sorted, the first of them twice."""
    encodings = sorted((certificate.der for certificate in certificates), reverse=True)
    bag = tlv(0xA0, *encodings, certificates[0].der)
    signed_data = sequence(integer(1), tlv(0x31), sequence(_DATA), bag, tlv(0x31))
    return _with(answer, encode_body(sequence(_SIGNED_DATA, tlv(0xA0, signed_data))))


def _with(answer: HttpResponse, body: bytes, content_type: str | None = None) -> HttpResponse:
    kind = content_type or header(answer.headers, "Content-Type") or ""
    replaced = {"Content-Length": str(len(body)), "Content-Type": kind}
    headers: Headers = tuple((name, replaced.get(name, value)) for name, value in answer.headers)
    return msgspec.structs.replace(answer, headers=headers, body=body)
