"""The steps of a check, one after the other, until one fails that the next would need."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from chainpilot.clock import Clock
from chainpilot.cpms.adapters.est_http import EstExchange, EstHttp
from chainpilot.cpms.adapters.est_transport import EstSetupError, client_context
from chainpilot.cpms.checkup.answers import no_answer, refused
from chainpilot.cpms.checkup.findings import Finding, Grade, Step
from chainpilot.cpms.checkup.network import Server, connect, look_up, shake_hands
from chainpilot.cpms.checkup.request import Judge, TestRequest, ask_in_earnest
from chainpilot.cpms.checkup.trust import judge_cas
from chainpilot.cpms.config import CpmsConfig, PkiConfig
from chainpilot.cpms.ports import CaRefused, CaUndecided
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate
from chainpilot.pki.trust import LeafUse, TrustAnchors

__all__ = ["check_pki"]

_CLOCK_NOTICE: Final = timedelta(seconds=60)
"""Beyond it a fresh certificate may look as if it weren't valid yet."""
_ENDS_SOON: Final = timedelta(days=30)
"""So long before its end our own client certificate is warned of: its renewal may go through people."""
_ATTRIBUTES: Final = {
    "1.2.840.10045.2.1": "EC keys",
    "1.2.840.10045.3.1.7": "P-256",
    "1.3.132.0.34": "P-384",
    "1.3.132.0.35": "P-521",
    "1.3.101.113": "Ed448",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.2.840.113549.1.9.7": "challengePassword",
    "1.2.840.113549.1.9.14": "extensionRequest",
}


class _Watcher:
    """The last answer of the PKI."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: EstExchange | None = None

    def __call__(self, exchange: EstExchange) -> None:
        self.last = exchange

    @property
    def status(self) -> int | None:
        return self.last.status if self.last is not None else None


async def check_pki(
    config: CpmsConfig, pki: PkiConfig, clock: Clock, request: TestRequest | None = None
) -> AsyncIterator[Finding]:
    """Try the PKI, a finding for each step; after one that fails come none that would need it.

    Args:
        config: says what the PKI is for, and which anchors count.
        pki: one of its PKIs.
        clock: whose time is compared with the PKI's.
        request: asked for in earnest at the end; it may cost money.
    """
    watcher = _Watcher()
    try:
        authority = EstHttp(pki, clock=clock, watch=watcher)
        context = client_context(pki.name, pki.tls_anchors, pki.client)
    except EstSetupError as error:
        yield Finding(Step.CONFIGURATION, Grade.FAILED, error.why, f"correct it in [pki.{pki.name}]")
        return
    uses = tuple(use for use, name in config.issue.items() if name == pki.name)
    async with authority:
        yield _configuration(pki, uses, clock.now())
        parts = urlsplit(pki.url)
        server = Server(parts.hostname or "", parts.port or 443, context, pki.timeout, clock)
        for step in (look_up, connect, shake_hands):
            finding = await step(server)
            yield finding
            if finding.grade.is_end:
                return
        async for finding in _Talk(config, pki, authority, watcher, clock).steps(uses, request):
            yield finding


@dataclass(frozen=True, slots=True)
class _Talk:
    """What is asked of a PKI that is reached."""

    config: CpmsConfig
    pki: PkiConfig
    authority: EstHttp
    watcher: _Watcher
    clock: Clock

    async def steps(self, uses: Sequence[LeafUse], request: TestRequest | None) -> AsyncIterator[Finding]:
        """From the login on."""
        step = Step.LOGIN
        try:
            yield _login(self.pki, has_login=await self.authority.login())
            step = Step.CACERTS
            cacerts = await self.authority.cacerts()
            yield _cacerts(cacerts)
            for use in uses:
                yield judge_cas(cacerts, self._anchors(use), use, self.clock.now())
            yield _clock(self.watcher.last, self.clock.now())
            if self.pki.paths.csrattrs:
                yield await self._csrattrs()
            if request is not None:
                step = Step.ENROLMENT
                yield await ask_in_earnest(
                    self.authority, self.pki, request, Judge(cacerts, self._anchors(request.use), self.clock)
                )
        except CaRefused as refusal:
            yield refused(step, refusal, self.watcher.status, self.pki)
        except CaUndecided as doubt:
            yield no_answer(step, doubt)

    async def _csrattrs(self) -> Finding:
        """Nothing rests on it: the station makes its CSR by its standard, so a refusal is told and no more."""
        try:
            asked = await self.authority.csrattrs()
        except CaRefused as refusal:
            facts = refused(Step.CSRATTRS, refusal, self.watcher.status, self.pki).facts
            return Finding(Step.CSRATTRS, Grade.OK, f"not offered ({self.watcher.status})", facts=facts)
        except CaUndecided as doubt:
            return Finding(Step.CSRATTRS, Grade.OK, f"no answer: {doubt.detail}")
        words = ", ".join(_ATTRIBUTES.get(oid, oid) for oid in asked or ())
        seen = f"the PKI wants {words}" if words else "the PKI wants nothing special"
        return Finding(Step.CSRATTRS, Grade.OK, seen, facts={"attributes": list(asked or ())})

    def _anchors(self, use: LeafUse) -> TrustAnchors:
        return self.config.anchors.get(use.domain, TrustAnchors())


def _configuration(pki: PkiConfig, uses: Sequence[LeafUse], at: datetime) -> Finding:
    logins = {"OAuth2": pki.oauth is not None, "a token": pki.token, "a password": pki.username}
    login = next((name for name, is_set in logins.items() if is_set), "")
    said = f"logs in with {login}" if login else "no login"
    grade, do, facts = Grade.OK, "", {"uses": [use.value for use in uses], "login": login or None}
    if not uses:
        grade, do = Grade.WARNING, f'nothing is signed by it: name it in [issue], such as v2g = "{pki.name}"'
    if pki.client is not None:
        shown = _own_certificate(pki.client.file.read_bytes())
        if shown is not None:
            said += f", shows a client certificate for {shown.subject.common_name} until {shown.not_after:%Y-%m-%d}"
            facts["client_certificate_until"] = shown.not_after.isoformat()
            if not shown.not_before <= at < shown.not_after - _ENDS_SOON:
                grade, do = (
                    Grade.WARNING,
                    f"renew the client certificate, perhaps by: chainpilot cpms renew-login {pki.name}",
                )
    signs = " and ".join({LeafUse.V2G: "SECC", LeafUse.CSMS: "client"}[use] for use in uses)
    purpose = f"signs {signs} certificates" if uses else "signs nothing"
    return Finding(Step.CONFIGURATION, grade, f"{purpose}, {said}", do, facts)


def _own_certificate(text: bytes) -> Certificate | None:
    """The first in the file; TLS has read it already, so it can be read, if not as strictly as we do."""
    try:
        first = x509.load_pem_x509_certificate(text)
        return load_certificate(first.public_bytes(Encoding.DER))
    except (ValueError, CertificateError):
        return None


def _login(pki: PkiConfig, *, has_login: bool) -> Finding:
    if pki.oauth is not None:
        return Finding(Step.LOGIN, Grade.OK, "the token service gave a token")
    return Finding(Step.LOGIN, Grade.OK, "is sent with each request" if has_login else "none is sent")


def _cacerts(cacerts: Sequence[Certificate]) -> Finding:
    names = ", ".join(sorted(_name(one) for one in cacerts))
    facts = {
        "certificates": [
            {
                "subject": str(one.subject),
                "not_after": one.not_after.isoformat(),
                "fingerprint": one.fingerprint,
                "is_self_signed": one.is_self_signed,
            }
            for one in cacerts
        ]
    }
    return Finding(Step.CACERTS, Grade.OK, f"{len(cacerts)}: {names}", facts=facts)


def _name(certificate: Certificate) -> str:
    return certificate.subject.common_name or str(certificate.subject)


def _clock(last: EstExchange | None, at: datetime) -> Finding:
    if last is None or last.date is None:
        return Finding(Step.CLOCK, Grade.OK, "the server doesn't tell its time")
    gap = at - last.date
    seconds = round(gap.total_seconds())
    facts = {"seconds_ahead": seconds}
    if abs(gap) <= _CLOCK_NOTICE:
        return Finding(Step.CLOCK, Grade.OK, "agrees with the server's", facts=facts)
    seen = f"this machine is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} the server"
    do = "let this machine take its time from the network (NTP); if it does, the PKI's clock is wrong: tell it"
    return Finding(Step.CLOCK, Grade.WARNING, seen, do, facts)
