"""What a PKI's refusals mean to the operator, and what to do about each."""

from collections.abc import Mapping
from typing import Final

from chainpilot.cpms.checkup.findings import Finding, Grade, Step
from chainpilot.cpms.config import PkiConfig
from chainpilot.cpms.ports import CaRefused, CaUndecided, Reason

__all__ = ["no_answer", "refused"]

_DO: Final[Mapping[Reason, str]] = {
    Reason.PKI_NAME_NOT_REGISTERED: (
        "register the name with the PKI's registration authority, for this account, then try again; "
        "if it is registered, the account may be another's: ask the PKI"
    ),
    Reason.PKI_RATE_LIMITED: "wait, then try again; if it stays so, ask the PKI for a higher limit",
    Reason.PKI_UNAVAILABLE: "try again later; if it stays so, tell the PKI, with the time and the trace id",
    Reason.PKI_ANSWER_UNREADABLE: "check url, preset and label: what answers is no EST server, or has other paths",
}
_GRADES: Final[Mapping[Reason, Grade]] = {
    Reason.PKI_LOGIN_REFUSED: Grade.REFUSED,
    Reason.PKI_NAME_NOT_REGISTERED: Grade.REFUSED,
    Reason.PKI_UNAVAILABLE: Grade.UNREACHED,
}


def refused(step: Step, refusal: CaRefused, status: int | None, pki: PkiConfig) -> Finding:
    """A refusal by the PKI or its token service; `status` is that of the PKI's answer, None where it wasn't asked."""
    trace = f" (trace {refusal.trace})" if refusal.trace else ""
    facts = {"reason": refusal.reason.value, "status": status, "trace": refusal.trace}
    grade = Grade.REFUSED if status == 403 else _GRADES.get(refusal.reason, Grade.FAILED)
    return Finding(step, grade, refusal.detail + trace, _what_to_do(refusal.reason, status, pki), facts)


def no_answer(step: Step, doubt: CaUndecided) -> Finding:
    """No answer came."""
    if "client certificate" in doubt.detail:
        do = "check client_certificate and client_key, and with the PKI whether it knows this certificate"
        return Finding(step, Grade.REFUSED, doubt.detail, do, {"sent": doubt.sent})
    do = "try again; if it stays so, tell the PKI, with the time"
    if doubt.sent and step is Step.ENROLMENT:
        do = "the request may have arrived: look for the certificate at the PKI before you try again"
    return Finding(step, Grade.UNREACHED, doubt.detail, do, {"sent": doubt.sent})


def _what_to_do(reason: Reason, status: int | None, pki: PkiConfig) -> str:
    if reason in _DO:
        return _DO[reason]
    if reason is Reason.PKI_LOGIN_REFUSED:
        return _login(status, pki)
    match status:
        case 403:
            return "the login is known, but may not do this: ask the PKI to allow it, and check ca and label"
        case 404 | 405 | 410:
            return "check url, preset and label: there is no such operation at this address"
        case 301 | 302 | 303 | 307 | 308:
            return "if that is the PKI's own address, write it in url; a redirect is never followed"
        case _:
            return "ask the PKI what it misses, with its words"


def _login(status: int | None, pki: PkiConfig) -> str:
    if pki.oauth is not None and status is None:
        return "check url, client_id, client_secret_file, audience and body in the oauth table; renew the secret"
    if pki.oauth is not None:
        return "the token service and the PKI disagree: check audience and scope, and that the account may use this PKI"
    if pki.token:
        return "renew the token, in token_file or in the environment"
    if pki.username:
        return "check username and password_file, or the variable in the environment; renew the password if need be"
    return "configure a login: username and password_file, token_file, oauth, or client_certificate and client_key"
