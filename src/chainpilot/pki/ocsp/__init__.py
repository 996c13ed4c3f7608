"""OCSP (RFC 6960, 5019) without HTTP: requests built, answers judged, both shown for what they say.

Answers are cached ones, so no nonce is sent and none is expected (RFC 5019 section 4). Asking a responder, keeping its
answer, and whether a delegate's own certificate was revoked are not handled here.
"""

from chainpilot.pki.ocsp.certid import CertId, CertIdDigest, issuer_id
from chainpilot.pki.ocsp.judging import MAX_AGE, judge_response
from chainpilot.pki.ocsp.reading import (
    MAX_INCLUDED,
    MAX_RESPONSE_BYTES,
    MAX_RESPONSE_TEXT,
    MAX_SINGLES,
    BasicAnswer,
    CertStatus,
    OcspResponseSummary,
    ResponderId,
    ResponseStatus,
    SingleAnswer,
    decode_response,
    read_response,
)
from chainpilot.pki.ocsp.requests import (
    MAX_REQUEST_BYTES,
    OcspRequestError,
    OcspRequestSummary,
    build_request,
    build_request_for,
    read_request,
)
from chainpilot.pki.ocsp.verdicts import Good, Indeterminate, OcspDefect, OcspVerdict, Revoked, Unknown

__all__ = [
    "MAX_AGE",
    "MAX_INCLUDED",
    "MAX_REQUEST_BYTES",
    "MAX_RESPONSE_BYTES",
    "MAX_RESPONSE_TEXT",
    "MAX_SINGLES",
    "BasicAnswer",
    "CertId",
    "CertIdDigest",
    "CertStatus",
    "Good",
    "Indeterminate",
    "OcspDefect",
    "OcspRequestError",
    "OcspRequestSummary",
    "OcspResponseSummary",
    "OcspVerdict",
    "ResponderId",
    "ResponseStatus",
    "Revoked",
    "SingleAnswer",
    "Unknown",
    "build_request",
    "build_request_for",
    "decode_response",
    "issuer_id",
    "judge_response",
    "read_request",
    "read_response",
]
