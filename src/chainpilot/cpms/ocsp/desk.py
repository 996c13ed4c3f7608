"""GetCertificateStatus: a station's question put to the responder, the answer judged and passed on (use case M06).

The station is never shown what nobody may believe: only a response that says something of its certificates, signed by
their issuer or its delegate and in force, is an answer. A signed "revoked" or "unknown" is one too.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from chainpilot.clock import Clock
from chainpilot.cpms.enrolment.turnstile import Turnstile
from chainpilot.cpms.model import Reason, Step, StepTaken
from chainpilot.cpms.ocsp.shelf import Answered, AnswerShelf, Unanswered
from chainpilot.cpms.ocsp.targets import Targets, UrlRefused
from chainpilot.cpms.ports import Issuers, Responders, ResponderSilent
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.pki.identity import StationId
from chainpilot.pki.ocsp import (
    CertId,
    CertIdDigest,
    Indeterminate,
    OcspDefect,
    OcspRequestError,
    ResponseStatus,
    build_request_for,
    judge_response,
    read_response,
)
from chainpilot.wire.pnc.messages import GetCertificateStatusRequest, GetCertificateStatusResponse, OcspRequestData
from chainpilot.wire.pnc.words import GetCertificateStatusStatus

__all__ = ["LOOK_AGAIN_SECONDS", "MAX_RESULT", "QUESTIONS_AN_HOUR", "StatusDesk"]

QUESTIONS_AN_HOUR: Final = 600
"""Of one station; with 50 leaves, each asked about with its chain, it needs 150 at a start."""
LOOK_AGAIN_SECONDS: Final = 600.0
"""Between two looks for CAs that aren't known."""
MAX_RESULT: Final = 5500
"""Characters of an OCSP answer in base64 that stations read (OCPP 2.0.1; 2.1 has 18000)."""
_REASONS: Final = {
    OcspDefect.STALE: Reason.OCSP_STALE,
    OcspDefect.NOT_YET: Reason.OCSP_STALE,
    OcspDefect.WRONG_SIGNER: Reason.OCSP_WRONG_SIGNER,
    OcspDefect.SIGNER_NOT_VALID: Reason.OCSP_WRONG_SIGNER,
    OcspDefect.BAD_SIGNATURE: Reason.OCSP_WRONG_SIGNER,
    OcspDefect.WEAK_ALGORITHM: Reason.OCSP_WRONG_SIGNER,
    OcspDefect.NOT_SUCCESSFUL: Reason.OCSP_REFUSED,
}
"""What isn't named here is OCSP_UNREADABLE."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one request is about."""

    issuer: Certificate
    subjects: tuple[CertificateHashData, ...]
    url: str


class StatusDesk:
    """The `chainpilot.cpms.ports.StatusSource` that asks responders.

    Args:
        issuers: the CAs that may be asked about.
        responders: asks them.
        targets: which of them may be asked.
        clock: judges answers.
        watch: told of every question and what became of it.
        look_again: has the issuers look for more CAs; awaited when one isn't known, and not again for a while.
    """

    def __init__(
        self,
        issuers: Issuers,
        responders: Responders,
        targets: Targets,
        clock: Clock,
        watch: Callable[[StepTaken], None],
        *,
        look_again: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._issuers = issuers
        self._responders = responders
        self._targets = targets
        self._clock = clock
        self._watch = watch
        self._shelf = AnswerShelf(clock)
        self._turnstile = Turnstile()
        self._look_again = look_again
        self._looked_at: float | None = None
        self._looking: asyncio.Task[None] | None = None
        self._told_to_stop: set[StationId] = set()

    async def status(self, station_id: StationId, request: GetCertificateStatusRequest) -> GetCertificateStatusResponse:
        """The responder's answer, or Failed with the reason."""
        if not self._turnstile.admits(station_id, QUESTIONS_AN_HOUR, self._clock.monotonic()):
            return self._turned_away(station_id)
        self._told_to_stop.discard(station_id)
        found = await self.look_up(request.ocsp_request_data)
        text = base64.b64encode(found.der).decode() if isinstance(found, Answered) else ""
        if len(text) > MAX_RESULT:
            why = f"the answer has {len(text)} characters, and stations read {MAX_RESULT}"
            found = Unanswered(Reason.OCSP_ANSWER_TOO_LONG, why)
        if isinstance(found, Answered):
            facts = {
                "answer": ", ".join(type(one).__name__ for one in found.verdicts),
                "until": found.until.isoformat(),
            }
            self._watch(StepTaken(Step.STATUS_ANSWERED, station_id, facts=facts))
            return GetCertificateStatusResponse(GetCertificateStatusStatus.ACCEPTED, text)
        return self._refused(station_id, found)

    async def look_up(self, questions: tuple[OcspRequestData, ...]) -> Answered | Unanswered:
        """What the responder says of these certificates; several must have one issuer and one responder (row 9)."""
        if not all(map(self._is_known, questions)) and self._look_again is not None:
            await self._look_for_more(self._look_again)
        asked = self._asked(questions)
        if isinstance(asked, Unanswered):
            return asked
        names = tuple(CertId.of(one) for one in asked.subjects)
        return await self._shelf.get((asked.url, names), lambda: self._fetch(asked))

    async def close(self) -> None:
        """Break off what is under way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._shelf.close()

    def _refused(self, station_id: StationId, why: Unanswered) -> GetCertificateStatusResponse:
        facts = {"reason": why.reason.value, "detail": why.detail}
        self._watch(StepTaken(Step.STATUS_REFUSED, station_id, facts=facts))
        return GetCertificateStatusResponse(GetCertificateStatusStatus.FAILED, reason=why.reason.value)

    def _turned_away(self, station_id: StationId) -> GetCertificateStatusResponse:
        """Told once until the station has credit again, or it would fill the log as fast as it can ask."""
        reason = Reason.TOO_MANY_REQUESTS
        if station_id in self._told_to_stop:
            return GetCertificateStatusResponse(GetCertificateStatusStatus.FAILED, reason=reason.value)
        self._told_to_stop.add(station_id)
        return self._refused(
            station_id, Unanswered(reason, f"more than {QUESTIONS_AN_HOUR} OCSP questions within an hour")
        )

    def _is_known(self, question: OcspRequestData) -> bool:
        return self._issuers.issuer_of(question.certificate_hash_data) is not None

    async def _look_for_more(self, look_again: Callable[[], Awaitable[None]]) -> None:
        """A PKI may have rolled over to a CA that nobody has met yet; whoever waits meanwhile sees what was found.

        One look serves all, goes on when its asker hangs up, and counts however it ends: stations can't make us knock
        at the PKIs without end.
        """
        now = self._clock.monotonic()
        if self._looked_at is None or now - self._looked_at >= LOOK_AGAIN_SECONDS:
            self._looked_at = now
            self._looking = asyncio.create_task(_run(look_again))
        if self._looking is not None and not self._looking.done():
            await asyncio.shield(self._looking)

    def _asked(self, questions: tuple[OcspRequestData, ...]) -> _Asked | Unanswered:
        subjects = tuple(one.certificate_hash_data.normal() for one in questions)
        issuers = {self._issuers.issuer_of(one) for one in subjects}
        if None in issuers or not issuers:
            why = "no CA that leads to one of our anchors has this name and key"
            return Unanswered(Reason.OCSP_ISSUER_UNKNOWN, why)
        if len(issuers) > 1:
            return Unanswered(Reason.OCSP_SEVERAL_ISSUERS, "it asks about certificates of several issuers at once")
        issuer = next(one for one in issuers if one is not None)
        try:
            known = self._issuers.known()
            urls = {self._targets.url(one.responder_url, issuer, known) for one in questions}
        except UrlRefused as refused:
            return Unanswered(refused.reason, refused.why)
        if len(urls) > 1:
            return Unanswered(Reason.OCSP_SEVERAL_ISSUERS, "it names several responders at once")
        return _Asked(issuer, subjects, urls.pop())

    async def _fetch(self, asked: _Asked) -> Answered | Unanswered:
        """In the digest that the station uses, and where the responder doesn't know that, in SHA-1 (RFC 5019)."""
        try:
            der = await self._responders.ask(asked.url, build_request_for(asked.subjects, asked.issuer))
            if _is_turned_away(der):
                request = build_request_for(asked.subjects, asked.issuer, algorithm=CertIdDigest.SHA1)
                der = await self._responders.ask(asked.url, request)
        except OcspRequestError as error:
            return Unanswered(Reason.OCSP_UNREADABLE, error.why)
        except ResponderSilent as silent:
            return Unanswered(silent.reason, silent.why)
        return self._judged(asked, der)

    def _judged(self, asked: _Asked, der: bytes) -> Answered | Unanswered:
        at = self._clock.now()
        verdicts = []
        for subject in asked.subjects:
            verdict = judge_response(der, subject, asked.issuer, at)
            if isinstance(verdict, Indeterminate):
                reason = _REASONS.get(verdict.why, Reason.OCSP_UNREADABLE)
                return Unanswered(reason, f"{verdict.why.value}: {verdict.detail}")
            verdicts.append(verdict)
        return Answered(der, tuple(verdicts))


def _is_turned_away(der: bytes) -> bool:
    """Whether the responder doesn't answer for a CA of this name; in another digest it may know it."""
    summary = read_response(der)
    return not isinstance(summary, Indeterminate) and summary.status is ResponseStatus.UNAUTHORIZED


async def _run(look_again: Callable[[], Awaitable[None]]) -> None:
    await look_again()
