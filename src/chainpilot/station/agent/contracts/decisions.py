"""What is decided about a contract at each stage: from its chain, for its question, from the CSMS's answer (C07).

Pure: the store has judged, the CSMS has answered, and the rows stand in `contract_rules`. In which order the stages
come, and what is done offline, is `contracts`'.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chainpilot.pki.chain import Chain
from chainpilot.pki.identity import normal_emaid
from chainpilot.pki.verify import Reason
from chainpilot.station.agent.contracts.names import emaid_of, is_emaid, masked, veiled
from chainpilot.station.agent.contracts.rules import RULES, ContractDecision, Ground, chain_word
from chainpilot.station.contract_standing import ContractStanding
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc.hashes import MAX_ASKED
from chainpilot.wire.pnc.messages import AuthorizeRequest, AuthorizeResponse, IdToken, OcspRequestData
from chainpilot.wire.pnc.words import AuthorizeCertificateStatus

__all__ = ["CACHE_TIME", "MAX_CERTIFICATE", "Contract", "answered", "cache_end", "contract_of", "decide", "question_of"]

MAX_CERTIFICATE: Final = 5500
"""Characters of Authorize's certificate (OCPP 2.0.1 AuthorizeRequest)."""
CACHE_TIME: Final = timedelta(hours=24)
"""How long a yes without cacheExpiryDateTime counts: a day's outage is bridged, a contract that was cancelled isn't for
long."""
_OTHER_LEAVES: Final = frozenset({"V2G", "CPO", "CPS", "OEM"})
"""Domain components of ISO 15118's certificates that aren't a mobility operator's; an EVSEID may look like an eMAID."""

_GOOD: Final = AuthorizeCertificateStatus.ACCEPTED
_BAD_CHAIN: Final = AuthorizeCertificateStatus.CERT_CHAIN_ERROR


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract that isn't refused yet: its chain holds, or no root is known for it."""

    emaid: str
    """As the leaf spells it."""
    fingerprint: str
    """Of the leaf."""
    standing: ContractStanding
    chain: Chain

    @property
    def normal(self) -> str:
        """The eMAID in its normal form."""
        return normal_emaid(self.emaid)


def decide(
    ground: Ground,
    emaid: str | None = None,
    detail: str = "",
    *,
    chain: AuthorizeCertificateStatus | None = None,
    token: AuthorizationStatus | None = None,
    cache_until: datetime | None = None,
) -> ContractDecision:
    """The decision of that row; `detail` is put behind its sentence, the eMAID masked in it."""
    sentence = RULES[ground].sentence
    reason = f"{sentence}: {veiled(detail, emaid)}" if detail else sentence
    return ContractDecision(ground, reason, emaid, chain, token, cache_until)


def contract_of(standing: ContractStanding, named: str | None) -> Contract | ContractDecision:
    """The contract that the vehicle showed, or why it is refused without asking anybody.

    Args:
        standing: what the store says of its chain.
        named: the eMAID that the vehicle named beside it, if it did.
    """
    leaf = standing.chain.leaf if standing.chain is not None else None
    emaid = emaid_of(leaf) if leaf is not None else None
    cause = standing.outcome.cause
    is_rootless = cause is Reason.ISSUER_NOT_FOUND
    if standing.chain is None or leaf is None or not (standing.holds or is_rootless):
        why = standing.outcome.reason or standing.outcome.result.value
        common = leaf.subject.common_name if leaf is not None else None
        return decide(Ground.CHAIN_REFUSED, emaid, veiled(why, common), chain=chain_word(cause))
    if emaid is None:
        return decide(Ground.NOT_A_CONTRACT, None, "its common name isn't one eMAID", chain=_BAD_CHAIN)
    if (component := (leaf.subject.domain_component or "").upper()) in _OTHER_LEAVES:
        return decide(Ground.NOT_A_CONTRACT, emaid, f"its domain component is {component}", chain=_BAD_CHAIN)
    if named is not None and normal_emaid(named.strip()) != normal_emaid(emaid):
        said = masked(named) if is_emaid(named) else "another"
        why = f"{said}, not {masked(emaid)}"
        return decide(Ground.EMAID_CONTRADICTED, emaid, why, token=AuthorizationStatus.INVALID)
    return Contract(emaid, leaf.fingerprint, standing, standing.chain)


def question_of(contract: Contract, *, may_csms_judge: bool) -> AuthorizeRequest | ContractDecision:
    """What the CSMS is to be asked: hash data of a chain that holds, else the chain itself where it is to judge.

    The hash data is that of the whole chain or nothing: of a certificate that is left out nobody would learn that it
    was revoked. A responder that isn't known is left out; only the text of 1.6 can say that.
    """
    standing, token = contract.standing, IdToken(contract.emaid)
    if standing.holds:
        why = standing.objection or _too_many(len(standing.questions))
        if why is not None:
            return decide(Ground.NOT_ASKABLE, contract.emaid, why, chain=_BAD_CHAIN)
        hashes = tuple(OcspRequestData(one.subject, one.responder_url) for one in standing.questions)
        return AuthorizeRequest(token, certificate_hash_data=hashes)
    if not may_csms_judge:
        return rootless(contract)
    text = contract.chain.to_pem()
    if len(text) > MAX_CERTIFICATE:
        why = f"{len(text)} characters, {MAX_CERTIFICATE} are allowed"
        return decide(Ground.CHAIN_TOO_LONG, contract.emaid, why, chain=_BAD_CHAIN)
    return AuthorizeRequest(token, certificate=text)


def rootless(contract: Contract) -> ContractDecision:
    """The refusal of a contract whose root nobody here knows."""
    return decide(Ground.NO_ROOT, contract.emaid, contract.standing.outcome.reason or "", chain=_BAD_CHAIN)


def _too_many(count: int) -> str | None:
    return None if 0 < count <= MAX_ASKED else f"it has {count} certificates, and Authorize takes {MAX_ASKED}"


def answered(contract: Contract, answer: AuthorizeResponse) -> ContractDecision:
    """What the CSMS's answer means. Both words must be good, in every dialect.

    A chain was asked about each time, by its hash data or whole, so that a missing certificateStatus is no yes: in H it
    belongs to the answer, and 2.0.1 may leave it out only where no chain was shown.
    """
    token, chain = answer.id_token_info.status, answer.certificate_status
    if token is not AuthorizationStatus.ACCEPTED or chain not in {None, _GOOD}:
        ground = Ground.CSMS_REFUSED
    elif chain is None:
        ground = Ground.CHAIN_UNANSWERED
    else:
        ground = Ground.CSMS_ACCEPTED
    said = f"certificateStatus {chain.value if chain else 'missing'}, idTokenInfo.status {token.value}"
    return decide(ground, contract.emaid, said, chain=chain, token=token)


def cache_end(contract: Contract, answer: AuthorizeResponse, at: datetime) -> datetime | None:
    """Until when a yes given at that moment counts; None: it isn't to be kept.

    As the CSMS says, else for CACHE_TIME; never longer than the first certificate of the way. What nobody here could
    judge can't be used offline.
    """
    ends = contract.standing.ends
    if not contract.standing.holds or ends is None:
        return None
    told = answer.id_token_info.cache_expiry
    end = min(told if told is not None else at + CACHE_TIME, ends)
    return end if end > at else None
