"""The messages as rows, what differs between dialects left open: names, words, and whether a reason travels.

Row numbers are those of pnc-messages.md section 3.
"""

from typing import Any, Final

from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.dialects import Check, Field, MessageRow, Side, anything
from chainpilot.wire.pnc.fields import (
    MAX_CHAIN_TEXT,
    MAX_EXI_REQUEST,
    MAX_EXI_RESPONSE,
    MAX_OCSP_RESULT,
    MAX_SINGLE_TEXT,
    ChainText,
    Choice,
    IdTokenObject,
    InexpressibleError,
    SeveralChoices,
    Text,
    TokenInfoObject,
)
from chainpilot.wire.pnc.hashes import (
    FlatHashes,
    HashChains,
    HashObject,
    OneOcspQuestion,
    SeveralOcspQuestions,
    is_flat,
)
from chainpilot.wire.pnc.messages import (
    AuthorizeRequest,
    AuthorizeResponse,
    CertificateHashDataChain,
    CertificateSignedRequest,
    CertificateSignedResponse,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    Get15118EVCertificateRequest,
    Get15118EVCertificateResponse,
    GetCertificateStatusRequest,
    GetCertificateStatusResponse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    InstallCertificateRequest,
    InstallCertificateResponse,
    PncRequest,
    SignCertificateRequest,
    SignCertificateResponse,
    TriggerMessageRequest,
    TriggerMessageResponse,
)
from chainpilot.wire.pnc.words import (
    AuthorizeCertificateStatus,
    CertificateUse,
    DeleteCertificateStatus,
    GenericStatus,
    GetCertificateStatusStatus,
    GetInstalledCertificateStatus,
    InstallCertificateStatus,
    Iso15118EvCertificateStatus,
    MessageTrigger,
    TriggerMessageStatus,
)

__all__ = [
    "ANSWERED_OR_NOT",
    "authorize",
    "certificate_status",
    "contract",
    "delete",
    "install",
    "list_installed",
    "sign",
    "signed",
    "trigger",
]

# 2.1's word for a leaf of ISO 15118-20; which edition it is of tells its key
_LEAF_USE: Final = Choice(LeafUse, also_read={"V2G20Certificate": LeafUse.V2G})
_CSR: Final = Field("csr", ("csr",), Text(MAX_SINGLE_TEXT), required=True)
_HASH_DATA: Final = Field("certificate_hash_data", ("certificateHashData",), HashObject(), required=True)


def _verdict(answer: type, words: Choice[Any], reason: Field, *more: Field) -> Side:
    """An answer that is a status and, where the dialect has it, a statusInfo; anything unknown is a refusal (row 8)."""
    fields = (Field("status", ("status",), words, required=True), *more, reason)
    return Side(answer, fields, raw_word=("status", "reason"))


_ACCEPTED_OR_NOT: Final = Choice(GenericStatus, otherwise=GenericStatus.REJECTED)
_INSTALLED_OR_NOT: Final = Choice(InstallCertificateStatus, otherwise=InstallCertificateStatus.REJECTED)
_DELETED_OR_NOT: Final = Choice(DeleteCertificateStatus, otherwise=DeleteCertificateStatus.FAILED)
_TRIGGERED_OR_NOT: Final = Choice(TriggerMessageStatus, otherwise=TriggerMessageStatus.REJECTED)
_FETCHED_OR_NOT: Final = Choice(Iso15118EvCertificateStatus, otherwise=Iso15118EvCertificateStatus.FAILED)
ANSWERED_OR_NOT: Final = Choice(GetCertificateStatusStatus, otherwise=GetCertificateStatusStatus.FAILED)


def _check_client(value: Any) -> None:
    if value.certificate_type is LeafUse.V2G:
        raise InexpressibleError("this dialect speaks of the station's client certificate alone")


def sign(type_names: tuple[str, ...], reason: Field, *more: Field) -> MessageRow:
    """SignCertificate; no `type_names`: the dialect knows the station's client certificate alone."""
    use = (Field("certificate_type", type_names, _LEAF_USE),) if type_names else ()
    return MessageRow(
        "SignCertificate",
        Side(SignCertificateRequest, (_CSR, *use, *more), check=anything if use else _check_client),
        _verdict(SignCertificateResponse, _ACCEPTED_OR_NOT, reason),
    )


def signed(names: tuple[str, ...], type_names: tuple[str, ...], reason: Field, *more: Field) -> MessageRow:
    """CertificateSigned; `names` are the chain's (row 4), `type_names` as `sign`'s."""
    chain = Field("certificate_chain", names, ChainText(MAX_CHAIN_TEXT, may_be_empty=True), required=True)
    use = (Field("certificate_type", type_names, _LEAF_USE),) if type_names else ()
    return MessageRow(
        "CertificateSigned",
        Side(CertificateSignedRequest, (chain, *use, *more), check=anything if use else _check_client),
        _verdict(CertificateSignedResponse, _ACCEPTED_OR_NOT, reason),
    )


def install(uses: Choice[CertificateUse], reason: Field) -> MessageRow:
    """InstallCertificate of what the dialect has a use for."""
    fields = (
        Field("certificate_type", ("certificateType", "typeOfCertificate"), uses, required=True),
        Field("certificate", ("certificate",), ChainText(MAX_CHAIN_TEXT, may_be_empty=True), required=True),
    )
    return MessageRow(
        "InstallCertificate",
        Side(InstallCertificateRequest, fields),
        _verdict(InstallCertificateResponse, _INSTALLED_OR_NOT, reason),
    )


def delete(reason: Field) -> MessageRow:
    """DeleteCertificate."""
    return MessageRow(
        "DeleteCertificate",
        Side(DeleteCertificateRequest, (_HASH_DATA,)),
        _verdict(DeleteCertificateResponse, _DELETED_OR_NOT, reason),
    )


def trigger(action: str, also_read: str, words: Choice[MessageTrigger], reason: Field) -> MessageRow:
    """Both ids are read inside DataTransfer (row 3); OCPP's own messages have one, with `also_read` empty."""
    return MessageRow(
        action,
        Side(TriggerMessageRequest, (Field("requested_message", ("requestedMessage",), words, required=True),)),
        _verdict(TriggerMessageResponse, _TRIGGERED_OR_NOT, reason),
        also_read=(also_read,) if also_read else (),
    )


def _complete_installed(request: PncRequest, values: dict[str, Any]) -> dict[str, Any]:
    """Row 7: the text has no status, and a flat list says neither the type nor where a chain ends.

    Roots are of the type asked for; entries of V2GCertificateChain may be leaf or child, so they stay without one.
    """
    chains: tuple[CertificateHashDataChain, ...] = values.get("chains") or ()
    asked = request.certificate_types if isinstance(request, GetInstalledCertificateIdsRequest) else ()
    if len(asked) == 1 and asked[0] is not CertificateUse.V2G_CERTIFICATE_CHAIN and is_flat(chains):
        chains = tuple(CertificateHashDataChain(asked[0], chain.certificate_hash_data) for chain in chains)
    found = GetInstalledCertificateStatus.ACCEPTED if chains else GetInstalledCertificateStatus.NOT_FOUND
    return {"status": values.get("status") or found, "chains": chains}


def list_installed(
    names: tuple[str, str], listed: tuple[str, str], uses: Choice[CertificateUse], *, is_flat_list: bool
) -> MessageRow:
    """H and S ask for one type a call and list bare hash data; the others ask for several and list chain objects."""
    asked = Field(
        "certificate_types", names, SeveralChoices(uses, one_a_call=is_flat_list), omit_empty=not is_flat_list
    )
    chains = Field("chains", listed, FlatHashes(uses) if is_flat_list else HashChains(uses), omit_empty=True)
    status = Field("status", ("status",), Choice(GetInstalledCertificateStatus))
    return MessageRow(
        "GetInstalledCertificateIds",
        Side(GetInstalledCertificateIdsRequest, (asked,)),
        Side(GetInstalledCertificateIdsResponse, (status, chains)),
        _complete_installed,
    )


def authorize(
    hash_names: tuple[str, str],
    words: Choice[AuthorizeCertificateStatus],
    *,
    needs_url: bool,
    check: Check = anything,
) -> MessageRow:
    """Authorize of a contract; `check` keeps a dialect of few words from saying more than was meant (row 11)."""
    request = (
        Field("id_token", ("idToken",), IdTokenObject(), required=True),
        Field("certificate", ("certificate",), ChainText(MAX_CHAIN_TEXT)),
        Field("certificate_hash_data", hash_names, SeveralOcspQuestions(needs_url), omit_empty=True),
    )
    response = (
        Field("certificate_status", ("certificateStatus",), words),
        Field("id_token_info", ("idTokenInfo",), TokenInfoObject(), required=True),
    )
    return MessageRow("Authorize", Side(AuthorizeRequest, request), Side(AuthorizeResponse, response, check=check))


def contract(version_names: tuple[str, str], more: tuple[Field, ...], reason: Field, *beside: Field) -> MessageRow:
    """Get15118EVCertificate, with `more` in its request and what is sent `beside` the EXI in its answer."""
    request = (
        Field("schema_version", version_names, Text(50), required=True),
        *more,
        Field("exi_request", ("exiRequest",), Text(MAX_EXI_REQUEST), required=True),
    )
    exi = Field("exi_response", ("exiResponse",), Text(MAX_EXI_RESPONSE, may_be_empty=True))
    return MessageRow(
        "Get15118EVCertificate",
        Side(Get15118EVCertificateRequest, request),
        _verdict(Get15118EVCertificateResponse, _FETCHED_OR_NOT, reason, exi, *beside),
        _complete_contract,
    )


def _complete_contract(request: PncRequest, values: dict[str, Any]) -> dict[str, Any]:
    """Nothing for the vehicle is never Accepted."""
    del request
    if values["status"] is Iso15118EvCertificateStatus.ACCEPTED and not values.get("exi_response"):
        return {**values, "status": Iso15118EvCertificateStatus.FAILED, "reason": "Accepted without an exiResponse"}
    return values


def _complete_answered(request: PncRequest, values: dict[str, Any]) -> dict[str, Any]:
    """A missing answer never means that all is well."""
    del request
    if values["status"] is GetCertificateStatusStatus.ACCEPTED and values.get("ocsp_result") is None:
        return {**values, "status": GetCertificateStatusStatus.FAILED, "reason": "Accepted without an ocspResult"}
    return values


def certificate_status(words: Choice[GetCertificateStatusStatus], reason: Field, *, needs_url: bool) -> MessageRow:
    """GetCertificateStatus; `needs_url`: a question without its responder can't be asked (row 12)."""
    question = Field("ocsp_request_data", ("ocspRequestData",), OneOcspQuestion(needs_url), required=True)
    result = Field("ocsp_result", ("ocspResult",), Text(MAX_OCSP_RESULT))
    return MessageRow(
        "GetCertificateStatus",
        Side(GetCertificateStatusRequest, (question,)),
        _verdict(GetCertificateStatusResponse, words, reason, result),
        _complete_answered,
    )
