"""May this contract charge? The station's half of OCPP's use case C07, online and offline.

The store judges the chain, the CSMS is asked wherever it can be, and only while it can't be do the local list and the
cache count. Rows of decisions stand in `contract_rules`; talking to the vehicle (ISO 15118), and starting or stopping
what it was authorized for, are the firmware's.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from chainpilot.clock import Clock
from chainpilot.errors import OwnError, PeerError, UndecidedError
from chainpilot.link.faults import CallRefused
from chainpilot.station.agent.contracts.cache import ContractCache
from chainpilot.station.agent.contracts.deadline import within
from chainpilot.station.agent.contracts.decisions import (
    Contract,
    answered,
    cache_end,
    contract_of,
    decide,
    question_of,
    rootless,
)
from chainpilot.station.agent.contracts.names import masked
from chainpilot.station.agent.contracts.rules import ContractDecision, Ground
from chainpilot.station.agent.ports import Memory, NotUnderstood, Voice
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.service import EvseSecurity
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc.messages import AuthorizeRequest, AuthorizeResponse
from chainpilot.wire.pnc.words import AuthorizeCertificateStatus

__all__ = ["DEADLINE_SECONDS", "RESERVE_SECONDS", "Contracts", "LocalList"]

DEADLINE_SECONDS: Final = 30.0
"""Half of what a vehicle waits while AuthorizationRes says Ongoing (ISO 15118-2, V2G_EVCC_Ongoing_Timeout)."""
RESERVE_SECONDS: Final = 0.5
"""Of the deadline, kept for what is decided here when the CSMS hasn't answered; a quarter of it where it is short."""

_GOOD: Final = AuthorizeCertificateStatus.ACCEPTED
_FAULTS: Final = frozenset({Ground.CSMS_FAULT, Ground.NOT_ASKED, Ground.CLOCK_UNTRUSTED, Ground.TOO_LATE})
_NO_RESPONDER: Final = (
    "a certificate names no OCSP responder and none is configured (default_ocsp_url), which only OCPP 1.6's text allows"
)

_log = logging.getLogger(__name__)


class LocalList(Protocol):
    """The local authorization list; the firmware's own. Synchronous: it is asked by `to_thread`."""

    def status(self, emaid: str) -> AuthorizationStatus | None:
        """What the list says of an eMAID; None where it doesn't have it. Raises nothing.

        `emaid` is in its normal form: capitals, no separators, no check digit. The list's own entries may be spelt
        otherwise; `chainpilot.pki.identity.normal_emaid` makes them comparable.
        """
        ...


class Contracts:
    """Decides about contracts; any number of vehicles at once."""

    def __init__(
        self,
        security: EvseSecurity,
        memory: Memory,
        settings: Callable[[], Settings],
        voice: Callable[[], Voice | None],
        clock: Clock,
        *,
        is_time_trusted: Callable[[], bool],
        local_list: LocalList | None = None,
        offline_unknown_emaid: bool = False,
    ) -> None:
        """See the class.

        Args:
            security: the store whose MO and V2G anchors count.
            memory: where the CSMS's answers are kept.
            settings: those in force now.
            voice: the way to the CSMS; None while there is none.
            clock: the store's own.
            is_time_trusted: whether the clock shows the time; where it doesn't, nothing is authorized.
            local_list: asked first while the CSMS can't be.
            offline_unknown_emaid: whether a contract whose chain holds may charge while the CSMS can't be asked, though
                neither list nor cache know it (OCPP's OfflineTxForUnknownIdEnabled).
        """
        self._security = security
        self._settings = settings
        self._voice = voice
        self._clock = clock
        self._local_list = local_list
        self._is_time_trusted = is_time_trusted
        self._admits_unknown = offline_unknown_emaid
        self._cache = ContractCache(memory)

    async def authorize(
        self, chain_pem: str, emaid: str | None = None, *, deadline_seconds: float = DEADLINE_SECONDS
    ) -> ContractDecision:
        """Whether the contract may charge; always an answer, and in time.

        Args:
            chain_pem: the contract certificate and its sub-CAs, leaf first, as the vehicle sent them.
            emaid: the one that the vehicle named beside it, which must be the leaf's.
            deadline_seconds: for all of it. The CSMS has until shortly before; then what is known here decides.
        """
        end = self._clock.monotonic() + deadline_seconds
        last = end - min(RESERVE_SECONDS, deadline_seconds / 4)
        decision = await within(self._clock, end, self._decided(chain_pem, emaid, last))
        if decision is None:
            decision = decide(Ground.TOO_LATE, detail=f"more than {deadline_seconds:g} s")
        _tell(decision)
        return decision

    async def _decided(self, chain_pem: str, emaid: str | None, last: float) -> ContractDecision:
        settings = self._settings()
        if not settings.pnc_enabled:
            return decide(Ground.PNC_DISABLED)
        if not self._is_time_trusted():
            return decide(Ground.CLOCK_UNTRUSTED)
        standing = await asyncio.to_thread(self._security.contract_standing, chain_pem)
        contract = contract_of(standing, emaid)
        return contract if isinstance(contract, ContractDecision) else await self._judged(contract, settings, last)

    async def _judged(self, contract: Contract, settings: Settings, last: float) -> ContractDecision:
        voice = self._voice()
        if voice is None:
            return await self._offline(contract, settings, "there is no connection")
        question = question_of(contract, may_csms_judge=settings.central_contract_validation_allowed)
        if isinstance(question, ContractDecision):
            return question
        answer = await self._asked(voice, question, contract, last)
        return answer if isinstance(answer, ContractDecision) else await self._offline(contract, settings, answer)

    async def _asked(
        self, voice: Voice, question: AuthorizeRequest, contract: Contract, last: float
    ) -> ContractDecision | str:
        """What the CSMS's answer means; where none came, why, as a sentence."""
        left = max(0.0, last - self._clock.monotonic())
        try:
            answer = await within(self._clock, last, voice.ask(question, answer_timeout=left))
        except UndecidedError:
            return "the CSMS didn't answer, or the connection ended"
        except PeerError as error:
            decision = decide(Ground.CSMS_FAULT, contract.emaid, _fault(error, question))
        except OwnError as error:
            return decide(Ground.NOT_ASKED, contract.emaid, type(error).__name__)
        else:
            if answer is None:
                return "the CSMS didn't answer in time"
            if isinstance(answer, AuthorizeResponse):
                return await self._noted(contract, answer, last)
            decision = decide(Ground.CSMS_FAULT, contract.emaid, "it answered another message")
        await within(self._clock, last, self._cache.forget(contract))
        return decision

    async def _noted(self, contract: Contract, answer: AuthorizeResponse, last: float) -> ContractDecision:
        """The answer's meaning, kept for times without the CSMS if it is a yes; anything else ends an earlier yes.

        A memory that takes its time holds nobody up: what was begun is done all the same.
        """
        decision, at = answered(contract, answer), self._clock.now()
        until = cache_end(contract, answer, at) if decision.accepted else None
        if until is None:
            await within(self._clock, last, self._cache.forget(contract))
            return decision
        is_kept = await within(self._clock, last, self._cache.keep(contract, at, until))
        return replace(decision, cache_until=until) if is_kept else decision

    async def _offline(self, contract: Contract, settings: Settings, why: str) -> ContractDecision:
        if not settings.contract_validation_offline:
            return decide(Ground.OFFLINE_NOT_ALLOWED, contract.emaid, why)
        if not contract.standing.holds:
            return rootless(contract)
        if self._local_list is not None:
            listed = await asyncio.to_thread(self._local_list.status, contract.normal)
            if listed is not None:
                ground = Ground.LISTED if listed is AuthorizationStatus.ACCEPTED else Ground.LIST_REFUSED
                return decide(ground, contract.emaid, f"{listed.value}; {why}", chain=_GOOD, token=listed)
        until = await self._cache.until(contract, self._clock.now())
        if until is not None:
            token = AuthorizationStatus.ACCEPTED
            return decide(Ground.CACHED, contract.emaid, why, chain=_GOOD, token=token, cache_until=until)
        ground = Ground.UNKNOWN_ADMITTED if self._admits_unknown else Ground.UNKNOWN_OFFLINE
        return decide(ground, contract.emaid, why, chain=_GOOD, token=AuthorizationStatus.UNKNOWN)


def _fault(error: PeerError, question: AuthorizeRequest) -> str:
    """What was wrong with the answer; a CALLERROR's description may say anything, and isn't told."""
    if any(one.responder_url is None for one in question.certificate_hash_data) and isinstance(error, NotUnderstood):
        return _NO_RESPONDER
    return f"CALLERROR {error.code.value}" if isinstance(error, CallRefused) else str(error)


def _tell(decision: ContractDecision) -> None:
    level = logging.WARNING if decision.ground in _FAULTS else logging.INFO
    word = "may charge" if decision.accepted else "may not charge"
    _log.log(level, "contract %s %s: %s, %s", masked(decision.emaid), word, decision.ground.value, decision.reason)
